import "./page.css";
import type { BodyFacts, GraphAndLayers, GraphFacts, KernelPage, LayerDetails, LayerRow, ModelFacts } from "../src/protocol/api";
import { unpack } from "../src/protocol/packed";
import { KernelscopeError } from "../src/protocol/errors";
import type { GraphCommand, HostApi, NodePlace } from "../src/protocol/page";
import { AccuracyPage } from "./accuracy/accuracy-page";
import { AccuracyView, type AccuracyChoice } from "./accuracy/accuracy-view";
import type { MeasureId } from "./charts/measures";
import { CodebookView, type CodebookState } from "./codebook/codebook-view";
import { Colouring } from "./colouring";
import { ComparePage } from "./compare/compare-page";
import { button, field, tabs } from "./controls";
import { el, icon } from "./dom";
import * as format from "./format";
import { groupText, nodeText } from "./graph/copied";
import { READABLE_SCALE } from "./graph/export";
import type { GraphState } from "./graph/graph-view";
import { Graphs } from "./graph/graphs";
import { Strip } from "./graph/strip";
import { headerOf } from "./header";
import { Visits } from "./history";
import { connectHost, savedState, saveState, start } from "./host";
import { JobFoot } from "./job-foot";
import { t } from "./l10n";
import { detailsOf, groupDetails, hasKernels, operatorDetails, type DetailActions, type Links } from "./layers/details";
import { MOST_KERNELS } from "./layers/kernels";
import { linksOf } from "./layers/links";
import { LayerTable } from "./layers/table";
import { walkPanes } from "./panes";
import { RecipePage } from "./recipe/recipe-page";
import { sash } from "./sash";
import { howMuchIsThere, stateOf } from "./state";

type Tab = "graph" | "layers" | "codebooks" | "accuracy";
/** A layer that all views share, and where in the graph: a node, or a group, which is no layer. */
interface Selection { layer?: string; key?: string; /** Of a graph inside a node. */ body?: string }
interface PageState { tab: Tab; selection?: Selection; graph?: GraphState; search: string; measure?: MeasureId; accuracy?: AccuracyChoice; codebook?: CodebookState; side?: { width?: number; height?: number } }

/** @see Page.showDetails */
const SAVE_AFTER_MS = 150, SOON_MS = 100;

const newVisits = (): Visits<Selection> => new Visits<Selection>((a, b) => a.layer === b.layer && a.key === b.key && a.body === b.body);

/** The page of a model editor: what it is, which view, and one selection that all views share. */
class Page {
  private readonly root = document.getElementById("page") ?? document.body;
  private readonly host: HostApi;
  private state: PageState;
  private trusted = start.trusted;
  private rows: LayerRow[] = [];
  /** Selected layer as the host knows it. */
  private told: string | undefined;
  private graph: GraphFacts = { nodes: [], edges: [] };
  /** What a link leads to, before there is anything to select. */
  private wanted: NodePlace | undefined;
  private total = 0;
  private readonly colouring: Colouring;
  private views: { graphs: Graphs; table: LayerTable; strip: Strip; codebook: CodebookView; accuracy: AccuracyView } | undefined;
  private visits = newVisits();
  private readonly body = el("div", { class: "body" });
  private readonly side = el("aside", { class: "side", "aria-label": t("Details") });
  private readonly foot = new JobFoot((action) => void this.host.act(action));
  private readonly search = field({ label: t("Name, operator, shape…"), icon: "search", hint: "/", onInput: (text) => this.find(text), onKey: (event) => this.searchKey(event) });
  /** At the end of the search field: which of how many. */
  private readonly count = Object.assign(el("div", { class: "count", role: "status" }), { slot: "end" });
  private readonly header = el("header", { class: "header" });
  private readonly unfound = el("div", { class: "unfound", role: "status" });
  /** How many layers of the table a search has found. */
  private inTable = 0;
  private readonly barEnd = el("span", { class: "bar-end" });
  private facts: ModelFacts | undefined;
  private saving: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    const saved = savedState();
    this.state = { tab: "graph", search: "", ...(typeof saved === "object" ? saved as Partial<PageState> : {}) };
    this.host = connectHost({
      changed: async () => { await this.load(); },
      trusted: async () => { this.trusted = true; this.showHeader(); if (this.views) this.show(); },
      find: async () => { this.focusSearch(); },
      reveal: async (place) => { this.wanted = place; await this.reveal(); },
      run: (command) => this.run(command),
      showCodebook: async () => { document.getElementById("tab-codebooks")?.click(); },
      select: async (layer) => {
        if (!this.rows.some(({ name }) => name === layer)) return;
        this.told = layer; // who says so knows
        this.selectLayer(layer);
      },
      job: async (state) => { this.foot.show(state); },
      accuracyChanged: async (state) => {
        this.views?.accuracy.show(state);
        if (state.subject.original !== undefined) this.colouring.originalFound();
      },
    });
    this.colouring = new Colouring(this.host, this.state.measure, (measure) => this.colour(measure));
    this.search.append(this.count);
    document.addEventListener("keydown", (event) => {
      const typing = event.target instanceof HTMLElement && /INPUT|TEXT-FIELD/.test(event.target.tagName), graphs = this.views?.graphs;
      if (event.key === "/" && !typing) { this.focusSearch(); event.preventDefault(); }
      if (event.key === "F3" && !typing && graphs) { void graphs.next(event.shiftKey ? -1 : 1); event.preventDefault(); }
      if (event.target === document.body && this.state.tab === "codebooks") this.views?.codebook.key(event);
      walkPanes(event, [this.header, ...this.root.querySelectorAll<HTMLElement>("nav.bar, .strip"), this.body, this.side, this.foot.element]);
      if (event.target === document.body && this.state.tab === "accuracy") this.views?.accuracy.key(event);
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void this.host.act("compress");
    });
    window.addEventListener("pagehide", () => saveState(this.state));
    void this.load();
  }

  /** Facts first, then the views; what is drawn does not move later. */
  private async load(): Promise<void> {
    try {
      this.facts = await this.host.open();
      this.showHeader();
      ({ graph: this.graph, rows: this.rows } = await unpack<GraphAndLayers>(await this.host.graph()));
      this.colouring.reset(this.rows);
      this.total = this.rows.reduce((sum, { bytes }) => sum + bytes, 0);
      this.show();
    } catch (error) {
      this.fail(error);
    }
  }

  private showHeader(): void {
    if (!this.facts) return;
    this.header.replaceChildren(...headerOf(this.facts));
    this.placeCompress();
    if (!this.root.contains(this.header)) this.root.replaceChildren(this.header);
  }

  /** Compare and the one primary button stand in the header; where that gives its room to a codebook, at the end of the bar. */
  private placeCompress(): void {
    const { trusted, views, state: { tab } } = this, compress = button({ label: t("Compress…"), icon: "archive", primary: true, disabled: !trusted || !start.isOnDisk, title: !start.isOnDisk ? t("Compressing needs a file on a disk.") : trusted ? "" : t("Compressing runs the model, so it needs a trusted folder."), onClick: () => void this.host.act("compress") });
    for (const place of [this.header, this.barEnd]) for (const known of place.querySelectorAll(":scope > .button")) known.remove();
    const compare = button({ label: t("Compare…"), icon: "diff", title: t("Compare with the original"), onClick: () => void this.host.act("compare") });
    this.barEnd.replaceChildren(...(views && tab === "accuracy" ? [views.accuracy.controls] : []));
    (views && tab === "codebooks" ? this.barEnd : this.header).append(compare, compress);
  }

  private show(): void {
    const { state, colouring: { measure } } = this;
    this.views?.graphs.close();
    this.visits = newVisits();
    const strip = new Strip(this.rows, measure, (layer) => this.selectLayer(layer));
    const graphs = new Graphs(this.graph, this.rows, this.total, measure, {
      choose: (key) => this.selectKey(key), openLayer: (layer) => this.openLayer(layer), back: () => this.goTo(this.visits.back()), forward: () => this.goTo(this.visits.forward()),
      changed: (graph) => this.save({ graph }), sight: (layers) => strip.see(layers), noted: () => this.showNote(), entered: (body, node, isBack) => void this.select({ ...(body && { body }), ...(node && { key: String(node.id), layer: node.layer }) }, isBack),
      load: async (body) => unpack<BodyFacts>(await this.host.body(body)),
    }, state.graph);
    const codebook = new CodebookView({
      codebook: (layer) => this.host.codebook(layer), preview: (layer, wanted, estimate, signal) => this.host.preview(layer, wanted, estimate, signal), blocks: (id, request) => this.host.blocks(id, request), choose: (id, choice) => this.host.choose(id, choice),
      umap: (id, progress, signal) => this.host.umap(id, progress, signal), copy: (text) => this.host.copy(text), wavelets: (layer) => this.host.wavelets(layer), chooseOriginal: () => this.host.chooseOriginal(), words: (layer) => this.host.words(layer), layers: () => this.rows, select: (layer) => this.selectLayer(layer), step: (by) => this.stepLayer(by),
    }, state.codebook ?? {}, (change) => this.save({ codebook: { ...this.state.codebook, ...change } }));
    const accuracy = new AccuracyView({
      host: this.host, select: (layer) => this.selectLayer(layer), open: (layer) => { this.selectLayer(layer); document.getElementById("tab-graph")?.click(); }, changed: (change) => this.save({ accuracy: { ...this.state.accuracy, ...change } }),
      showLog: () => void this.host.act("show-log"), manageTrust: () => void this.host.act("manage-trust"),
    }, state.accuracy);
    this.views = { graphs, table: new LayerTable(this.rows, (layer) => this.selectLayer(layer)), strip, codebook, accuracy };
    const bar = tabs<Tab>({ label: t("Views"), tabs: [{ id: "graph", text: t("Graph") }, { id: "layers", text: t("Layers") }, { id: "codebooks", text: t("Codebooks") }, { id: "accuracy", text: t("Accuracy") }], selected: state.tab, onSelect: (tab) => { this.save({ tab }); bar.select(tab); void this.showTab(); } });
    const banner = !start.isOnDisk ? el("div", { class: "banner" }, icon("info"), t("Virtual workspace: you can look at this model. Compressing needs a file on a disk: save a copy there, and open that."))
      : this.trusted ? undefined : el("div", { class: "banner trust" }, icon("shield"), t("Restricted Mode: you can look at this model. Compressing and measuring run it, so they need a trusted folder."), button({ label: t("Manage Trust"), small: true, onClick: () => void this.host.act("manage-trust") }));
    const edge = sash(this.side, { least: 280, ...state.side, onChange: (side) => this.save({ side }) });
    this.root.replaceChildren(this.header, el("nav", { class: "bar" }, bar.element, el("span", { class: "spacer" }), ...this.colouring.controls(), this.search, this.barEnd), ...(banner ? [banner] : []), el("div", { class: "panes" }, strip.element, this.body, edge, this.side), this.foot.element);
    void this.showTab();
    const layer = state.selection?.layer, known = this.rows.some(({ name }) => name === layer) ? layer : undefined;
    strip.element.hidden = this.rows.length === 0;
    if (known === undefined && state.selection?.body !== undefined) void this.select(state.selection);
    else if (known === undefined && state.selection?.key !== undefined && graphs.group(state.selection.key)) this.selectKey(state.selection.key);
    else if (this.rows.every(({ body }) => body !== undefined) && this.graph.nodes.length) this.selectKey("0");
    else this.selectLayer(known ?? this.rows.reduce<LayerRow | undefined>((most, row) => (row.body === undefined && (!most || row.bytes > most.bytes) ? row : most), undefined)?.name);
    if (state.search) this.search.value = state.search;
    this.colouring.ask();
    void this.reveal();
    document.body.dataset.ready = "true";
  }

  private colour(chosen: MeasureId | undefined): void {
    const { measure } = this.colouring;
    this.save({ measure: chosen });
    this.views?.graphs.colour(measure);
    this.views?.strip.colour(measure);
    this.showNote();
  }

  private async showTab(): Promise<void> {
    const { views, state } = this;
    if (!views) return;
    this.root.dataset.tab = state.tab;
    this.placeCompress();
    this.body.id = `panel-${state.tab}`;
    if (state.tab === "graph") {
      this.body.replaceChildren(views.graphs.element, this.unfound);
      views.graphs.view.redraw();
    }
    if (state.tab === "layers") this.body.replaceChildren(...(this.rows.length ? [views.table.element, this.unfound] : [this.noLayers(t("No layers in this model"))]));
    this.find(state.search);
    if (state.tab === "codebooks") await this.showCodebook();
    if (state.tab === "accuracy") {
      this.body.replaceChildren(views.accuracy.element);
      await views.accuracy.load();
    }
  }

  private async showCodebook(): Promise<void> {
    const row = this.codebookRow(), { codebook } = this.views ?? {};
    if (!row || !codebook) {
      this.body.replaceChildren(this.noLayers(t("No codebooks in this model")));
      return;
    }
    if (!this.body.contains(codebook.element)) this.body.replaceChildren(codebook.element);
    await codebook.show(row);
  }

  private noLayers(title: string): HTMLElement {
    return stateOf("layers", title, t("No convolution or linear layer here has a weight in the file, so there is nothing to compress; what the model computes stands in its graph."), button({ label: t("Show Graph"), primary: true, onClick: () => document.getElementById("tab-graph")?.click() }));
  }

  /** The selected layer; where none is, the first that is a codebook, or the largest that can become one. */
  private codebookRow(): LayerRow | undefined {
    const { rows, state: { selection } } = this;
    return rows.find(({ name }) => name === selection?.layer) ?? rows.find(({ codewords }) => codewords !== undefined) ?? [...rows].sort((a, b) => Number(a.skipped !== undefined) - Number(b.skipped !== undefined) || b.bytes - a.bytes)[0];
  }

  private stepLayer(by: 1 | -1): void {
    const { rows } = this, at = rows.findIndex((row) => row === this.codebookRow());
    this.selectLayer(rows[(at + by + rows.length) % rows.length]?.name);
  }

  private selectLayer(layer: string | undefined): void {
    const row = layer === undefined ? undefined : this.rows.find(({ name }) => name === layer);
    if (row) void this.select({ layer, body: row.body });
  }

  private selectKey(key: string): void {
    const { graphs } = this.views ?? {};
    void this.select({ key, layer: graphs?.node(key)?.layer, body: graphs?.body || undefined });
  }

  private goTo(selection: Selection | undefined): void { if (selection) void this.select(selection); }

  private openLayer(layer: string): void {
    this.selectLayer(layer);
    document.getElementById("tab-codebooks")?.click();
    this.views?.codebook.element.focus();
  }

  private async select(wanted: Selection, isBack = false): Promise<void> {
    const { graphs } = this.views ?? {}, body = wanted.body ?? "";
    if (graphs && body !== graphs.body) {
      this.save({ selection: wanted });
      try {
        await graphs.enter(body);
      } catch {
        return; // the log has it, and the page stays where it is
      }
      if (this.state.selection !== wanted || this.views?.graphs !== graphs) return;
    }
    const selection = { ...wanted, key: wanted.key ?? (wanted.layer === undefined ? graphs?.graph.nodes.length ? "0" : undefined : graphs?.view.keyOf(wanted.layer)) };
    if (selection.layer !== this.told) void this.host.selected(this.told = selection.layer);
    this.save({ selection });
    if (isBack) this.visits.returnTo(selection);
    else this.visits.visit(selection);
    graphs?.view.allow(this.visits.canGoBack, this.visits.canGoForward);
    graphs?.view.select(selection.key);
    this.showCount();
    this.views?.table.select(selection.layer);
    this.views?.strip.select(selection.layer);
    this.views?.accuracy.selectLayer(selection.layer);
    if (this.state.tab === "codebooks") void this.showCodebook();
    void this.showDetails(selection);
  }

  private async showDetails(selection: Selection): Promise<void> {
    const actions: DetailActions = { codebook: () => document.getElementById("tab-codebooks")?.click(), ...(this.trusted && start.isOnDisk && { compress: (name: string) => void this.host.act("compress-layer", name) }), copy: (name) => void this.host.act("copy-name", name), link: () => void this.run("copy-link"), enter: (body) => void this.select({ body }).then(() => this.views?.graphs.view.focus()), go: (key) => this.selectKey(key), kernels: (layer, first, count) => this.host.kernels(layer, first, count) };
    const { layer, key } = selection, node = this.views?.graphs.node(key), group = this.views?.graphs.group(key);
    if (layer === undefined) {
      if (node) this.side.replaceChildren(operatorDetails(node, this.total, this.linksOf([node.id]), actions));
      if (group) this.side.replaceChildren(groupDetails(group, this.rows, this.total, this.linksOf(group.nodes), actions, (name) => this.views?.graphs.view.keyOf(name)));
      this.side.removeAttribute("data-layer");
      return;
    }
    const row = this.rows.find(({ name }) => name === layer), show = (details: LayerDetails, kernels?: KernelPage): void => {
      if (this.state.selection === selection) this.side.replaceChildren(detailsOf(details, kernels, this.total, this.linksOf(node ? [node.id] : []), actions));
    };
    // what is known already does not wait for the weights, which may be many; where they are few, nothing blinks
    const early = row && setTimeout(() => show({ row, attributes: (node?.attributes ?? []).map(([name, value]) => ({ name, value })), from: [], to: [] }), this.side.childElementCount ? SOON_MS : 0);
    try {
      const [details, kernels] = await Promise.all([this.host.layer(layer), row && hasKernels(row) ? this.host.kernels(layer, 0, MOST_KERNELS) : undefined]);
      clearTimeout(early);
      if (this.state.selection !== selection) return;
      show(details, kernels);
      this.side.dataset.layer = layer;
    } catch (error) {
      clearTimeout(early);
      if (this.state.selection === selection) this.side.replaceChildren(el("p", { class: "note", role: "alert" }, error instanceof Error ? error.message : String(error)));
    }
  }

  private linksOf(ids: readonly number[]): Links { return linksOf(this.views?.graphs.graph ?? this.graph, ids); }

  /** Found things are shown by the graph and the table. */
  private focusSearch(): void {
    if (this.state.tab === "codebooks" || this.state.tab === "accuracy") document.getElementById("tab-graph")?.click();
    this.search.focus();
  }

  private find(text: string): void {
    this.save({ search: text });
    this.views?.graphs.search(text);
    this.inTable = this.views?.table.search(text) ?? 0;
    this.showNote();
  }

  /** What a search has not found, else what is said of a path, else what colours are missing, with the way on. */
  private showNote(): void {
    const { state: { tab, search }, views } = this, inGraph = tab === "graph", lost = search.trim();
    const note = lost && (tab === "layers" ? this.inTable : views?.graphs.found) === 0 ? { text: tab === "layers" ? t("No layer matches “{0}”.", lost) : t("Nothing matches “{0}”.", lost), button: t("Clear"), run: () => this.clearSearch() } : inGraph ? views?.graphs.note
      ?? this.colouring.note() : undefined;
    this.showCount();
    this.unfound.toggleAttribute("data-lost", note !== undefined);
    this.unfound.replaceChildren(...(note ? [el("span", { title: note.text }, note.text), button({ label: note.button, small: true, onClick: () => note.run() })] : []));
  }

  private showCount(): void {
    const { state: { tab, search }, views } = this, found = (tab === "layers" ? this.inTable : views?.graphs.found) ?? 0, place = tab === "layers" ? 0 : views?.graphs.foundPlace ?? 0;
    const text = !search.trim() || !found ? "" : place ? t("{0} of {1}", format.whole(place), format.whole(found)) : t("{0} found", format.whole(found));
    if (this.count.textContent !== text) this.count.textContent = text; // what is the same is not read out again
  }

  /** Selects what a link leads to. */
  private async reveal(): Promise<void> {
    const { wanted, views } = this;
    if (!wanted || !views) return;
    this.wanted = undefined;
    if (this.state.tab !== "graph") document.getElementById("tab-graph")?.click();
    await views.graphs.enter(wanted.body ?? "").catch(() => undefined);
    const key = views.graphs.body === (wanted.body ?? "") ? views.graphs.find(wanted) : undefined;
    if (key !== undefined) this.selectKey(key);
    else throw new Error(t("This model has no node that makes {0}. The link may be of another version of it.", wanted.node));
  }

  /** A command of VS Code's menus, on what is selected. */
  private async run(command: GraphCommand): Promise<void> {
    const { views, state: { selection: { key, layer } = {} } } = this, name = start.name.replace(/\.onnx$/i, "");
    if (!views) return;
    // what is searched for limits the table only where it can be seen
    const { graphs } = views, tableText = () => views.table.tsv(this.state.tab === "layers" ? undefined : this.rows), node = graphs.node(key), group = graphs.group(key);
    if (command === "table-tsv") await this.host.save(`${name}.tsv`, new TextEncoder().encode(tableText()));
    else if (command === "copy-table") await this.host.copy(tableText());
    else if (command === "copy-link") { const place = key === undefined ? undefined : graphs.placeOf(key); if (place) await this.host.copyLink(place); }
    else if (command === "copy-text") {
      if (node) await this.host.copy(nodeText(node, this.rows.find((row) => row.name === layer), this.linksOf([node.id])));
      else if (group) await this.host.copy(groupText(group, this.linksOf(group.nodes)));
    } else {
      if (this.state.tab !== "graph") document.getElementById("tab-graph")?.click();
      if (command === "path") { if (key !== undefined) graphs.pickOtherEnd(key); return; }
      const whole = command.startsWith("graph"), size = command.endsWith("svg") ? undefined : graphs.view.pictureSize(whole);
      const type = !size ? "svg" : whole && size.scale < READABLE_SCALE ? await this.host.askOfSmall(size) : "png";
      if (type) await this.host.save(`${name}${whole ? "" : "-part"}.${type}`, await graphs.view.picture(type, whole), type === "png" ? size : undefined);
    }
  }

  private clearSearch(): void {
    this.search.value = "";
    this.find("");
  }

  private searchKey(event: KeyboardEvent): void {
    if (event.key === "Enter" || event.key === "F3") void this.views?.graphs.next(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") { this.clearSearch(); this.views?.graphs.view.focus(); }
    else return;
    event.preventDefault();
  }

  private fail(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error), end = message.search(/[.:](\s|$)/);
    const title = end > 0 && end < 90 ? message.slice(0, end) : t("{0} cannot be shown", start.name), rest = end > 0 && end < 90 ? message.slice(end + 1).trim() : message;
    const page = stateOf("error", title, rest, button({ label: t("Try Again"), primary: true, onClick: () => void this.load() }), button({ label: t("Show Log"), onClick: () => void this.host.act("show-log") }));
    if (error instanceof KernelscopeError && error.code === "truncated") page.querySelector("p")?.after(...howMuchIsThere(error));
    this.root.replaceChildren(page);
    document.body.dataset.ready = "error";
  }

  /** What is changed all the time while somebody drags is told to VS Code once it rests. */
  private save(change: Partial<PageState>): void {
    this.state = { ...this.state, ...change };
    clearTimeout(this.saving);
    this.saving = setTimeout(() => saveState(this.state), SAVE_AFTER_MS);
  }
}

if (start.kind === "compare") new ComparePage();
else if (start.kind === "recipe") new RecipePage();
else if (start.kind === "accuracy") new AccuracyPage();
else new Page();
