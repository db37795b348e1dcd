import type { AccuracyState, Origins, Trace } from "../../src/protocol/accuracy";
import type { ComparedLayer, CompareHostApi, ComparePageApi, Comparison, ComparedWeights, FileSizes, Side } from "../../src/protocol/compare";
import { floatLines } from "../../src/protocol/floats";
import { sizeRatio } from "../../src/protocol/sizes";
import { reportedFigures } from "../accuracy/reported";
import { button, iconButton } from "../controls";
import { el, keepInSight } from "../dom";
import * as format from "../format";
import { foldingFigures, type Figure } from "../header";
import { connectTo, savedState, saveState, start } from "../host";
import { t } from "../l10n";
import { walkPanes } from "../panes";
import { stateOf } from "../state";
import { BelowPanes } from "./below-panes";
import { CompareTable, type Progress } from "./compare-table";
import { convBits, gainOf, isOther, keptFigure, rolesOf, sizeFigures } from "./figures";
import { FindBar } from "./find-bar";
import { countByLayer } from "./flip-order";
import { FlipsPane } from "./flips-pane";
import { LatencyView } from "./latency";
import { KernelsPane, MOST_COMPARED } from "./kernels-pane";
import { Measuring } from "./measuring";
import { SideGraph } from "./side-graph";
import { isUnknown, shownOf, whyNot, type Unknown } from "./unknown";

/** Heights of a row, by which graphs and table are zoomed together. */
const ROWS = [16, 18, 20, 24, 28, 34], FIRST_ROW = 20;
/** Of the line above the table. */
const HEAD = 32;

interface CompareState { layer?: string; row: number; scroll: number; below?: Below }
type Below = "weights" | "flips";
interface Views { comparison: Comparison; table: CompareTable; graphs: SideGraph[]; pane: KernelsPane; flips: FlipsPane; below: BelowPanes; scroll: HTMLElement; finder: FindBar }

/** The page of a comparison: two graphs with the rows of one table between them, and the kernels of the selected layer below. */
export class ComparePage {
  private readonly root = document.getElementById("page") ?? document.body;
  private readonly host: CompareHostApi;
  private state: CompareState;
  private views: Views | undefined;
  private readonly header = el("header", { class: "header cmp-header" });
  private sizes: Partial<Record<Side, FileSizes | "unknown">> = {};
  private accuracy: AccuracyState | undefined;
  private readonly weights = new Map<string, ComparedWeights | Unknown>();
  /** How many of the layers that both have are compared, while they are. */
  private comparing: Progress | undefined;
  private readonly progress = el("span", { class: "unseen", role: "status" });
  /** Layers whose weights are known to be others. */
  private readonly different = new Set<string>();
  /** Layers whose weights are known to be the same. */
  private readonly same = new Set<string>();
  private readonly measuring = new Measuring({ measure: () => this.measure(), cancel: () => void this.host.cancelMeasure(), chooseData: () => void this.host.chooseData(), showLog: () => void this.host.showLog() });
  private readonly latency = new LatencyView({ measure: () => this.measureLatency(), cancel: () => void this.host.cancelLatency(), showLog: () => void this.host.showLog() });
  private asked = 0;
  private tracing: AbortController | undefined;

  constructor() {
    const saved = savedState();
    this.state = { row: FIRST_ROW, scroll: 0, ...(typeof saved === "object" ? saved as Partial<CompareState> : {}) };
    this.save({});
    this.root.dataset.page = "compare";
    this.host = connectTo<CompareHostApi, ComparePageApi>({
      changed: () => this.load(),
      select: async (layer, side) => this.select(this.rowNamed(layer, side) ?? layer, false),
      find: async () => this.views?.finder.open(),
      latencyChanged: async (state) => { if (this.latency.show(state)) this.showHeader(); },
      accuracyChanged: async (state) => this.showAccuracy(state),
    });
    document.addEventListener("keydown", (event) => {
      if (this.views) walkPanes(event, [this.header, this.views.scroll, this.views.below.element]);
      this.key(event);
    });
    void this.load();
  }

  private async load(): Promise<void> {
    const turn = ++this.asked;
    try {
      const comparison = await this.host.compare();
      if (turn !== this.asked) return;
      this.weights.clear();
      this.different.clear();
      this.same.clear();
      this.sizes = {};
      this.show(comparison);
      this.accuracy = undefined;
      void this.host.latency().then((state) => { this.latency.show(state); this.showHeader(); }, () => undefined);
      void this.host.accuracy().then((state) => this.showAccuracy(state), () => undefined);
      const pairs = [...comparison.layers.entries()].filter(([, { before, after }]) => before && after);
      this.tellProgress(0, pairs.length);
      for (const side of ["original", "compressed"] as const) {
        this.sizes[side] = await this.host.sizes(side).catch(() => "unknown" as const);
        if (turn !== this.asked) return;
      }
      this.showHeader();
      await this.fillWeights(turn, pairs);
    } catch (error) {
      if (turn !== this.asked || this.views) return;
      const message = error instanceof Error ? error.message : String(error);
      this.root.replaceChildren(stateOf("error", t("These two cannot be compared"), message, button({ label: t("Try Again"), primary: true, onClick: () => void this.load() }), button({ label: t("Show Log"), onClick: () => void this.host.showLog() })));
      document.body.dataset.ready = "error";
    }
  }

  private show(comparison: Comparison): void {
    const { layers, graphs } = comparison, choose = (row: number) => { if (layers[row]) this.select(layers[row].id); }, open = (row: number) => { if (layers[row]) this.openLayer(layers[row].id); };
    const hover = (row: number): void => { for (const part of [table, ...sides]) part.light(row); };
    const most = Math.max(1, ...layers.flatMap(({ before, after }) => [before?.bytes ?? 0, after?.bytes ?? 0]));
    const table = new CompareTable(layers, { isTrained: (comparison.tuning?.bestStep ?? 0) > 0 }, choose, open, hover), sides = [new SideGraph("original", graphs.original, layers, most, choose, hover), new SideGraph("compressed", graphs.compressed, layers, most, choose, hover)];
    const pane = new KernelsPane((row) => this.openLayer(row), (layer, first) => this.moreKernels(layer, first)), rowOfName = new Map(layers.map(({ before, label }) => [before?.name, label]));
    const flips = new FlipsPane(this.host, (layer) => rowOfName.get(layer) ?? layer, (layer) => this.select(layer), () => this.tracing?.abort()), below = new BelowPanes(pane, flips, this.state.below ?? "weights", (shown) => this.save({ below: shown }));
    const caption = () => el("span", { class: "cmp-caption" }, t("bytes, same scale in both"));
    const scroll = el("div", { class: "cmp-scroll" }, el("div", { class: "cmp-head" }, caption(), table.head, caption()), el("div", { class: "cmp-body" }, sides[0].element, el("div", {}, table.body, table.foot), sides[1].element));
    const see = (): void => { for (const side of sides) side.scrolled(scroll.scrollTop); };
    scroll.addEventListener("scroll", () => { this.save({ scroll: scroll.scrollTop }); see(); });
    new ResizeObserver(() => {
      scroll.style.setProperty("--seen", `${Math.max(0, scroll.clientHeight - HEAD)}px`);
      see();
    }).observe(scroll);
    scroll.toggleAttribute("data-resized", layers.some(({ resized }) => resized));
    for (const [name, wide] of [["--wish", Math.max(...sides.map(({ wished }) => wished))], ["--names", table.widestNames.whole], ["--short", table.widestNames.short]] as const) scroll.style.setProperty(name, `${wide}px`);
    scroll.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? 1 : -1);
    }, { passive: false });
    const finder = new FindBar({ find: (text) => table.find(text), selected: () => table.chosen, select: choose, leave: () => table.body.focus() });
    this.views = { comparison, table, graphs: sides, pane, flips, below, scroll, finder };
    this.showHeader();
    if (!layers.length) {
      this.root.replaceChildren(this.header, this.measuring.element, this.measuring.fitted, this.latency.element, stateOf("layers", t("No layers to compare"), t("Neither model has layers with weights.")));
    } else this.root.replaceChildren(this.header, this.progress, this.measuring.element, this.measuring.fitted, this.latency.element, ...(layers.some(({ before, after }) => before && after) ? [] : [el("div", { class: "cmp-nothing", role: "note" }, t("No layer of one stands for a layer of the other: these are two different networks."))]), el("div", { class: "cmp-rest" }, finder.element, scroll), below.element);
    this.zoom(0);
    const { layer: last, scroll: top } = this.state, chosen = layers.find(({ id }) => id === (comparison.selected ?? last)) ?? largestOf(layers);
    if (chosen) this.select(chosen.id, false);
    if (top && chosen?.id === last) scroll.scrollTop = top; // as it was left; otherwise the chosen layer is in sight, and stays there while the header above gets its figures
    keepInSight(scroll, () => table.body.querySelector(".cmp-row[aria-selected='true']"));
    document.body.dataset.ready = "true";
  }

  /** The row of a layer by its name in one of the models. */
  private rowNamed(layer: string, side: Side): string | undefined {
    return this.views?.comparison.layers.find(({ before, after }) => (side === "original" ? before : after)?.name === layer)?.id;
  }

  private select(layer: string, tell = true): void {
    const { views } = this, row = views?.comparison.layers.findIndex(({ id }) => id === layer) ?? -1;
    if (!views || row < 0) return;
    this.save({ layer });
    for (const part of [views.table, ...views.graphs]) part.select(row);
    views.flips.select(layer);
    if (tell) void this.host.selected(layer);
    void this.showWeights(layer, row);
  }

  /** In the model that has it. */
  private openLayer(id: string): void {
    const { before, after } = this.views?.comparison.layers.find((layer) => layer.id === id) ?? {}, own = after ?? before;
    if (own) void this.host.openModel(after ? "compressed" : "original", own.name);
  }

  private async showWeights(layer: string, row: number): Promise<void> {
    const { views } = this, facts = views?.comparison.layers[row];
    if (!views || !facts) return;
    const known = this.weights.get(layer);
    views.pane.show(facts, known && shownOf(known));
    if (known !== undefined) return;
    const found = await this.compareWeights(facts, MOST_COMPARED);
    if (this.views !== views) return;
    this.keep(layer, row, found);
    if (this.state.layer === layer) views.pane.show(facts, shownOf(found));
  }

  private async moreKernels(layer: ComparedLayer, first: number): Promise<ComparedWeights | undefined> {
    const found = await this.compareWeights(layer, MOST_COMPARED, first);
    return isUnknown(found) ? undefined : found;
  }

  private async compareWeights({ id, before, after }: ComparedLayer, count: number, first = 0): Promise<ComparedWeights | Unknown> {
    if (!before || !after) return "alone";
    return this.host.weights(id, count, first).catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
  }

  /** A few layers' kernels are kept; their figures stand in the table. */
  private keep(layer: string, row: number, weights: ComparedWeights | Unknown): void {
    this.tellNoise(layer, row, weights);
    this.weights.set(layer, weights);
    const [oldest] = this.weights.keys();
    if (this.weights.size > 16) this.weights.delete(oldest);
  }

  private tellNoise(layer: string, row: number, found: ComparedWeights | Unknown): void {
    if (isUnknown(found)) {
      if (found !== "alone") this.views?.table.noWeights(row, whyNot(found));
      return;
    }
    (found.sqnrDb === undefined ? this.same : this.different).add(layer);
    this.views?.table.weights(row, found.sqnrDb);
  }

  /** Signal to noise of every layer's weights, one after the other, for as long as nobody asks for something else. */
  private async fillWeights(turn: number, pairs: readonly [row: number, layer: ComparedLayer][]): Promise<void> {
    for (const [i, [row, layer]] of pairs.entries()) {
      if (turn !== this.asked) return;
      if (!this.weights.has(layer.id)) {
        const found = await this.compareWeights(layer, 0);
        if (turn !== this.asked) return;
        this.tellNoise(layer.id, row, found);
      }
      this.tellProgress(i + 1, pairs.length);
    }
    this.tellProgress();
    this.root.dataset.filled = "";
  }

  /** Above the columns, in the header and, each quarter, aloud; which layers differ is known at the end. */
  private tellProgress(done = 0, all = 0): void {
    const before = this.comparing, comparing = this.comparing = all ? { done, all } : undefined, text = comparing && comparingText(comparing), quarter = (at = before): number => (at ? Math.floor(4 * at.done / at.all) : -1);
    this.views?.table.comparing(comparing, text);
    if (!before !== !comparing) this.showHeader();
    else if (text) for (const caption of this.header.querySelectorAll("small")) if (before && caption.textContent === comparingText(before)) caption.textContent = text;
    if (!comparing) this.progress.textContent = t("The weights of all layers are compared.");
    else if (quarter() !== quarter(comparing)) this.progress.textContent = text ?? "";
  }

  private showAccuracy(state: AccuracyState): void {
    const before = this.accuracy;
    this.accuracy = state;
    this.showHeader();
    this.measuring.show(state);
    this.views?.scroll.toggleAttribute("data-outputs", state.measured !== undefined || state.running); // nobody needs an empty column
    if (state.running && !state.measured) this.views?.table.tracing();
    const done = state.measured !== undefined && !state.running;
    if (done && (before?.running || !before?.measured || !this.tracing)) void this.fillOutputs();
  }

  private measure(): void {
    this.host.measure().catch((error: unknown) => { if (this.accuracy) this.showAccuracy({ ...this.accuracy, error: error instanceof Error ? error.message : String(error) }); });
  }

  private measureLatency(): void {
    this.host.measureLatency().catch((error: unknown) => this.latency.show({ error: error instanceof Error ? error.message : String(error) }));
  }

  /** Signal to noise of the layers' outputs, once both models have run anyway; then where the flips begin. */
  private async fillOutputs(): Promise<void> {
    const { views, accuracy } = this, measured = accuracy?.measured;
    this.tracing?.abort();
    const tracing = this.tracing = new AbortController(), isShown = (): boolean => views !== undefined && this.views === views && this.tracing === tracing;
    const fill = (trace: Pick<Trace, "layers" | "median" | "samples" | "wanted">): void => {
      if (!views || !isShown()) return;
      views.table.tracing({ done: trace.samples, all: trace.wanted });
      if (!trace.samples) return;
      trace.layers.forEach(({ id }, i) => views.table.outputs(views.comparison.layers.findIndex((layer) => layer.id === id), trace.median[i]));
    };
    const why = await this.host.trace(undefined, fill, tracing.signal).then((trace) => { fill(trace); return t("What this layer puts out cannot be followed in both models."); }, (error: unknown) => (error instanceof Error ? error.message : String(error)));
    if (isShown()) views?.table.traced(why);
    if (!views || !isShown() || !measured) return;
    views.below.tell(measured.classifier ? measured.flips.length : 0);
    if (!measured.classifier || !measured.flips.length) { views.scroll.removeAttribute("data-flips"); return; }
    let known: Origins | undefined;
    const show = (origins: Origins): void => {
      if (!isShown()) return;
      known = origins;
      views.flips.show(measured, origins);
    };
    views.flips.show(measured, undefined);
    try {
      const origins = await this.host.origins(show, tracing.signal);
      if (!isShown()) return;
      show(origins);
      views.scroll.toggleAttribute("data-flips", true);
      const rows = new Map(views.comparison.layers.map(({ id }, row) => [id, row]));
      views.table.flips(new Map([...countByLayer(origins)].map(([layer, count]) => [rows.get(layer) ?? -1, count])), measured.flips.length);
      this.root.dataset.flips = "";
    } catch (error) {
      if (isShown()) views.flips.show(measured, known, tracing.signal.aborted ? t("Cancelled. Which layer a flip begins at is not known.") : error instanceof Error ? error.message : String(error));
    }
  }

  private showHeader(): void {
    if (!this.views) return;
    const { original, compressed, layers, tuning, integers } = this.views.comparison, { sizes, comparing } = this, name = (facts: typeof original, note: string) => el("button", { class: "cmp-name", title: facts.path }, el("b", {}, facts.name), el("small", {}, `${format.bytes(facts.bytes)} · ${note}`));
    const roles = rolesOf(layers), left = name(original, roles[0]), right = name(compressed, roles[1]);
    left.addEventListener("click", () => void this.host.openModel("original"));
    right.addEventListener("click", () => void this.host.openModel("compressed"));
    const kept = layers.filter(({ id, before, after, skipped }) => before && after && (skipped !== undefined || this.same.has(id) && !isOther(before, after)));
    const count = (is: (layer: Comparison["layers"][number]) => unknown): number => layers.filter((layer) => is(layer)).length;
    const ratio = sizeRatio(original.bytes, compressed.bytes), changed = count(({ id, before, after, resized }) => before && after && (resized || isOther(before, after) || this.different.has(id))), figures: Figure[] = [
      ratio.times < 1.05 ? [format.change(original.bytes, compressed.bytes), t("about as large on disk")] : [`${format.times(ratio.times)}×`, ratio.isLarger ? t("larger on disk") : t("smaller on disk"), format.change(original.bytes, compressed.bytes)],
      ...(integers ? [[`${integers.convolutions - integers.floatConvolutions} / ${integers.convolutions}`, t("convolutions in integers"), floatLines(integers.floats).join("\n") || t("Everything else runs on integers, too.")] as Figure] : []),
      ...this.structureFigures(),
      comparing ? ["…", comparingText(comparing), t("Which layers are changed is known once their weights are compared.")] : [t("{0} / {1}", changed, kept.length), t("changed / left as before"), kept.flatMap(({ label, skipped }) => (skipped === undefined ? [] : [`${label}: ${skipped}`])).join("\n")],
      ...convBits(layers),
      ...sizeFigures(sizes),
    ];
    this.header.replaceChildren(el("h1", { class: "unseen" }, start.name), left, el("div", { class: "cmp-figures" }, ...foldingFigures(figures), ...(tuning ? gainOf(tuning) : []), ...this.accuracyFigures(), ...this.latency.figures(this.accuracy?.subject.trusted ?? start.trusted)), right);
  }

  /** What one model alone has. */
  private structureFigures(): Figure[] {
    const { layers, nodes } = this.views!.comparison, lines = (what: string, names: readonly string[]): string[] => (names.length ? [`${what}: ${names.slice(0, 30).join(", ")}${names.length > 30 ? " …" : ""}`] : []);
    const added = layers.filter(({ before }) => !before).map(({ label }) => label), removed = layers.filter(({ after }) => !after).map(({ label }) => label), of = (some: typeof nodes.added) => some.map(({ op, name }) => `${op} ${name}`);
    const folded = layers.filter((layer) => layer.folded).length, hover = [...lines(t("Layers added"), added), ...lines(t("Layers removed"), removed), ...lines(t("Other nodes added"), of(nodes.added)), ...lines(t("Other nodes removed"), of(nodes.removed)), ...(folded ? [t("In {0} layers normalizations, scales or activations are folded.", folded)] : [])].join("\n");
    if (added.length || removed.length) return [[`+${added.length} / −${removed.length}`, t("layers added / removed"), hover]];
    return nodes.added.length || nodes.removed.length ? [[`+${nodes.added.length} / −${nodes.removed.length}`, t("nodes added / removed"), hover]] : [];
  }

  /** What was measured, or the next step to it. */
  private accuracyFigures(): HTMLElement[] {
    const { accuracy, host } = this, figure = (value: string, text: string, hover = "") => keptFigure("cmp-measured", value, text, hover);
    if (!accuracy) return [];
    const { measured, reported, running, subject, error } = accuracy, images = measured ? t("{0} images", format.whole(measured.samples)) : "";
    if (running && !measured) return [figure("…", t("measuring"))];
    if (measured?.classifier) {
      const { agreement, top1 } = measured.classifier;
      return [figure(`${format.estimate(agreement.value)} ${format.range(agreement.value, agreement.low, agreement.high)}`, t("agreement, {0}", images)), ...(top1 ? [figure(format.shares(top1.before.value, top1.after.value), t("top-1"), t("{0} points", format.points(top1.change.value)))] : [])];
    }
    if (measured?.outputs?.length) {
      const worst = measured.outputs.reduce((a, b) => (b.relativeError > a.relativeError ? b : a));
      return [figure(format.relative(worst.relativeError), t("relative error, {0}", images), worst.name)];
    }
    const found = reported ? reportedFigures(reported) : [], all = found.map(([value, text]) => `${text}: ${value}`), known = found.slice(0, 2).map(([value, text, hover]) => figure(value, text, [hover, ...all].join("\n")));
    if (!subject.trusted || error !== undefined) return known; // the line below has the ways on
    if (known.length) return [...known, el("div", { class: "cmp-step" }, subject.data === undefined ? iconButton({ label: t("Choose Data Folder…"), icon: "folder", onClick: () => void host.chooseData() }) : iconButton({ label: t("Measure on All Images of {0}", subject.data), icon: "play", onClick: () => this.measure() }))];
    return [el("div", { class: "cmp-step" }, subject.data === undefined ? button({ label: t("Choose Data Folder…"), icon: "folder", small: true, onClick: () => void host.chooseData() }) : button({ label: t("Measure Accuracy"), icon: "play", small: true, onClick: () => this.measure() }))];
  }

  private zoom(by: number): void {
    const { views } = this, at = ROWS.indexOf(this.state.row), row = ROWS[Math.max(0, Math.min(ROWS.length - 1, (at < 0 ? ROWS.indexOf(FIRST_ROW) : at) + by))];
    this.save({ row });
    if (!views) return;
    const middle = (views.scroll.scrollTop + views.scroll.clientHeight / 2) / (views.scroll.scrollHeight || 1);
    views.scroll.style.setProperty("--row", `${row}px`);
    for (const graph of views.graphs) graph.zoom(row);
    if (by) views.scroll.scrollTop = middle * views.scroll.scrollHeight - views.scroll.clientHeight / 2;
  }

  private key(event: KeyboardEvent): void {
    if (event.key === "/" || (event.key === "f" && (event.ctrlKey || event.metaKey))) {
      this.views?.finder.open();
      event.preventDefault();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const by = { "+": 1, "=": 1, "-": -1 }[event.key];
    if (by !== undefined) this.zoom(by);
    else if (event.key === "0") this.zoom(ROWS.indexOf(FIRST_ROW) - ROWS.indexOf(this.state.row));
    else if (event.target === document.body && /^(Arrow(Up|Down)|Page|Home|End)/.test(event.key)) this.views?.table.body.focus();
    else return;
    event.preventDefault();
  }

  /** The panel comes back with the window by what is saved here. */
  private save(change: Partial<CompareState>): void {
    this.state = { ...this.state, ...change };
    saveState({ ...this.state, ...start.compare });
  }
}

/** Of the layers that both models have the largest one, where there are any. */
function largestOf(layers: readonly ComparedLayer[]): ComparedLayer | undefined {
  const paired = layers.filter(({ before, after }) => before && after), bytesOf = ({ before, after }: ComparedLayer): number => (before ?? after)?.bytes ?? 0;
  return (paired.length ? paired : [...layers]).sort((a, b) => bytesOf(b) - bytesOf(a))[0];
}

const comparingText = ({ done, all }: Progress): string => t("comparing weights, {0} of {1}", format.whole(done), format.whole(all));
