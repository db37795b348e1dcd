import type { BlockChoice, BlockPage, BlockRequest, ChosenBlocks, CodebookEstimate, CodebookFacts, CodebookWanted, CodebookWords, LayerRow, UmapPlaces, UmapProgress, WaveletMaps } from "../../src/protocol/api";
import { button, iconButton, select, tag } from "../controls";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { storedAs } from "../layers/stored";
import { Atlas } from "./atlas";
import { Beside } from "./beside";
import { Filters } from "./filters";
import { HoverCard } from "./hover-card";
import { IndexMap } from "./index-map";
import { Members, missingText } from "./members";
import { nounOf, type Noun } from "./nouns";
import { Planes } from "./planes";
import { Scatter, type Spot } from "./scatter";
import { Selection, wantedOf, type Wanted } from "./selection";
import { nearlyAll, Shelf, type SortBy } from "./shelf";
import { Trial } from "./trial";
import { Uses } from "./uses";
import { missingOriginal, waveletFigures, WaveletPane } from "./wavelet-pane";
import { WordCard } from "./word-card";
import { WordList } from "./words";

export interface CodebookHost {
  codebook(layer: string): Promise<CodebookFacts | undefined>;
  preview(layer: string, wanted: CodebookWanted | undefined, estimate: (found: CodebookEstimate) => void, signal: AbortSignal): Promise<CodebookFacts | undefined>;
  blocks(codebook: number, request: BlockRequest): Promise<BlockPage | undefined>;
  choose(codebook: number, choice: BlockChoice): Promise<ChosenBlocks | undefined>;
  umap(codebook: number, progress: (p: UmapProgress) => void, signal: AbortSignal): Promise<UmapPlaces | undefined>;
  copy(text: string): Promise<void>;
  wavelets(layer: string): Promise<WaveletMaps | undefined>;
  /** Asks which model this one was made of. */
  chooseOriginal(): Promise<void>;
  words(layer: string): Promise<CodebookWords | undefined>;
  /** All layers, in the order of the network. */
  layers(): readonly LayerRow[];
  select(layer: string): void;
  /** To the layer before or behind. */
  step(by: 1 | -1): void;
}

/** What a page keeps of the view: which kernels are chosen, and whether dragging chooses them. */
export interface CodebookState { chosen?: Wanted; lasso?: boolean }

/** The codebook of one layer, its own or a tried one: codewords, clusters and index map with one codeword selected in all. Of a wavelet layer its filters and scales. */
export class CodebookView {
  readonly element = el("div", { class: "codebook", tabindex: -1 });
  private readonly head = el("header", { class: "book-head" });
  private readonly title = el("h2");
  private readonly method = tag("");
  private readonly figures = el("div", { class: "figures" });
  private readonly noted = el("span");
  private readonly note = el("p", { class: "book-note", hidden: true }, this.noted, button({ label: t("Choose Original…"), small: true, onClick: () => void this.chooseOriginal() }));
  private readonly message = el("p", { class: "book-message", role: "alert", hidden: true });
  private readonly panes = el("div", { class: "book-panes" });
  private readonly trial = new Trial((wanted) => void this.tryOut(wanted));
  private readonly beside = new Beside((wanted, signal) => this.row ? this.host.preview(this.row.name, wanted, () => undefined, signal) : Promise.resolve(undefined), (open) => { this.panes.hidden = this.sorting.hidden = open; });
  private readonly sorting = el("label", { class: "book-sort" }, el("span", {}, t("Sort codewords")));
  private readonly words = new WordList((word) => this.select(word), (word) => this.light(word === undefined ? {} : { word }), (words) => this.selection.words(words));
  private readonly planes: Planes;
  private readonly scatter: Scatter;
  private readonly selection: Selection;
  private readonly map = new IndexMap((word) => this.select(word), (spot, at) => this.hover(this.map.stage, spot, at), () => this.scatter.wordColours);
  private readonly word = new WordCard();
  private readonly wavelets = new WaveletPane();
  private readonly atlas: Atlas;
  private readonly all = button({ label: t("All Codebooks"), icon: "layers", small: true, title: t("The codewords of all layers on one page"), onClick: () => this.showAtlas(true) });
  private readonly back = button({ label: t("Back to the Layer"), icon: "arrow-left", small: true, title: t("The codebook of the selected layer (Escape)"), onClick: () => this.showAtlas(false) });
  private readonly members: Members;
  private readonly uses = new Uses();
  private readonly filters: Filters;
  private umap: UmapPlaces | undefined;
  private readonly card: HoverCard;
  private sort: SortBy = "use";
  private row: LayerRow | undefined;
  private shown: { shelf: Shelf; m: number; noun: Noun } | undefined;
  private selected = -1;
  private running: AbortController | undefined;

  /** @param saved what `changed` was told last, on an earlier page */
  constructor(private readonly host: CodebookHost, saved: CodebookState, changed: (change: CodebookState) => void) {
    const copy = (text: string): void => { void host.copy(text); };
    this.planes = new Planes((codebook, progress, signal) => host.umap(codebook, progress, signal), (umap) => { this.umap = umap; this.scatter.see(umap); });
    this.scatter = new Scatter({
      choose: (word) => this.select(word), hover: (spot, at) => this.hover(this.scatter.stage, spot, at), clear: () => this.selection.clear(), tool: (lasso) => changed({ lasso }),
      outlined: (outline, how, plane) => this.selection.draw(outline, how, plane, this.umap),
    }, this.planes, saved.lasso === true);
    this.selection = new Selection((codebook, choice) => host.choose(codebook, choice), () => this.showChosen(), (chosen) => changed({ chosen }), wantedOf(saved.chosen));
    this.members = new Members((spot) => this.light(spot), copy);
    this.filters = new Filters(copy);
    this.card = new HoverCard((codebook, request) => host.blocks(codebook, request));
    this.atlas = new Atlas((layer) => host.words(layer), (layer) => { this.showAtlas(false); host.select(layer); });
    this.panes.append(this.words.element, this.scatter.element, this.map.element, this.word.element, this.members.element, this.uses.element, this.filters.element);
    const sort = select<SortBy>({ label: t("Sort codewords"), values: [{ value: "use", text: t("By use") }, { value: "norm", text: t("By norm") }, { value: "similarity", text: t("By similarity") }], value: this.sort, onChange: (sort) => {
      this.sort = sort;
      if (this.shown) this.words.show(this.shown.shelf, sort, this.shown.m);
    } });
    this.head.append(
      iconButton({ label: t("Previous Layer"), icon: "chevron-left", key: "[", onClick: () => host.step(-1) }), this.title, iconButton({ label: t("Next Layer"), icon: "chevron-right", key: "]", onClick: () => host.step(1) }),
      this.method, this.figures, this.sorting, el("h2", { class: "atlas-title" }, t("All codebooks")), this.all, this.back);
    this.sorting.append(sort);
    this.all.classList.add("book-all");
    this.back.classList.add("book-back");
    this.element.append(this.head, this.trial.element, this.message, this.note, this.beside.element, this.panes, this.wavelets.element, this.atlas.element);
    this.element.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => requestAnimationFrame(() => this.fitHead())).observe(this.figures);
  }

  /** All layers' codewords in place of one layer's codebook, or back. */
  private showAtlas(open: boolean): void {
    const had = this.element.querySelector(":focus") !== null;
    this.element.toggleAttribute("data-atlas", open);
    if (open) this.atlas.show(this.host.layers(), this.row?.name);
    else this.atlas.hide();
    if (had) (open ? this.back : this.all).focus(); // what was pressed is no longer there
  }

  /** Shows a layer; what stands stays, dimmed, until it is there. */
  async show(row: LayerRow): Promise<void> {
    this.atlas.select(row.name);
    this.all.hidden = this.host.layers().filter(({ codewords }) => codewords !== undefined).length < 2;
    if (this.row === row) return;
    this.row = row;
    this.showHead(this.shown?.shelf.facts);
    if (row.wavelet) await this.load(() => this.host.wavelets(row.name), (maps) => this.showWavelets(maps, row));
    else await this.load((signal) => (row.codewords === undefined ? this.host.preview(row.name, undefined, (found) => this.estimate(found, signal), signal) : this.host.codebook(row.name)), (facts) => this.fill(facts, row));
  }

  /** What was made of what is known then: all is asked anew. */
  private async chooseOriginal(): Promise<void> {
    const { row } = this;
    await this.host.chooseOriginal();
    if (!row || this.row !== row) return;
    this.row = undefined;
    await this.show(row);
  }

  /** The file has changed. */
  forget(): void {
    this.row = undefined;
    this.atlas.forget();
  }

  private tryOut(wanted: CodebookWanted): Promise<void> {
    const { row } = this;
    return row ? this.load((signal) => this.host.preview(row.name, wanted, (found) => this.estimate(found, signal), signal), (facts) => this.fill(facts, row)) : Promise.resolve();
  }

  /** Figures of a large codebook before its picture: the clusters follow. */
  private estimate(found: CodebookEstimate, signal: AbortSignal): void {
    const { shown, row } = this;
    if (signal.aborted || !shown || !row) return;
    this.showFigures(estimatesOf(found, row, shown.shelf.facts.original?.bytes));
    this.trial.busy(true, t("estimated from a sample, computing…"));
  }

  /** The newest request wins. */
  private async load<Facts>(ask: (signal: AbortSignal) => Promise<Facts | undefined>, show: (facts: Facts) => void): Promise<void> {
    this.running?.abort();
    const running = this.running = new AbortController(), { row } = this;
    this.element.dataset.stale = "";
    this.trial.busy(true);
    this.card.hide();
    try {
      const facts = await ask(running.signal);
      if (running !== this.running || !row) return;
      if (facts) show(facts);
      else this.say(row.skipped ?? (row.codewords === undefined ? noCodebook(row) : t("{0} has codewords of several output channels, or too many of them for this view.", row.label)));
    } catch (error) {
      if (running === this.running) this.say(error instanceof Error ? error.message : String(error));
    } finally {
      if (running === this.running) {
        delete this.element.dataset.stale;
        this.trial.busy(false);
      }
    }
  }

  private say(text: string): void {
    this.shown = undefined;
    this.showHead(undefined);
    this.message.textContent = text;
    this.message.hidden = false;
    this.hideCodebook();
    this.wavelets.element.hidden = true;
    this.element.dataset.layer = this.row?.name;
  }

  private hideCodebook(): void {
    this.selection.show(undefined);
    this.beside.show(undefined);
    this.note.hidden = this.panes.hidden = this.trial.element.hidden = this.sorting.hidden = true;
  }

  private showWavelets(maps: WaveletMaps, row: LayerRow): void {
    this.shown = undefined;
    this.hideCodebook();
    this.message.hidden = true;
    this.showHead(undefined);
    this.method.textContent = t("Wavelet transforms");
    this.method.hidden = false;
    this.showFigures(waveletFigures(row, maps));
    if (row.wavelet && maps) this.wavelets.show(row.wavelet, maps);
    this.wavelets.element.hidden = false;
    this.noteMissing(maps.missing && missingOriginal(maps.missing), maps.missing);
    this.element.dataset.layer = row.name;
  }

  private fill(facts: CodebookFacts, row: LayerRow): void {
    const shelf = new Shelf(facts), m = format.roundUp(nearlyAll(facts.values, facts.uses)), same = facts.choice === undefined && this.shown?.shelf.facts.layer === facts.layer;
    this.shown = { shelf, m, noun: nounOf(shelf) };
    this.message.hidden = this.wavelets.element.hidden = true;
    this.sorting.hidden = false;
    this.noteMissing(missingText(shelf), facts.missing);
    this.trial.show(facts);
    if (facts.choice === undefined) this.sorting.before(this.beside.picker);
    else this.trial.element.append(this.beside.picker);
    this.beside.show({ name: `${blockOf(facts, row)} · ${facts.method}`, facts }, missingText(shelf));
    this.showHead(facts);
    if (!same || this.selected >= facts.codewords) this.selected = shelf.order("use")[0];
    this.words.show(shelf, this.sort, m);
    this.umap = this.planes.show(shelf, this.shown.noun);
    this.scatter.show(shelf, this.shown.noun, this.umap);
    this.map.show(shelf);
    this.selection.show(shelf);
    this.select(this.selected);
    this.element.dataset.layer = row.name;
    this.element.dataset.codebook = String(facts.id);
  }

  /** Why there is no original, and the step to it. */
  private noteMissing(text: string | undefined, missing: CodebookFacts["missing"]): void {
    this.note.hidden = missing === undefined;
    this.noted.textContent = text ?? "";
  }

  private showHead(facts: CodebookFacts | undefined): void {
    const { row } = this;
    if (!row) return;
    this.title.textContent = row.label;
    this.title.title = row.name;
    this.method.textContent = facts?.method ?? "";
    this.method.hidden = !facts;
    this.showFigures(facts ? figuresOf(facts, row) : []);
  }

  private showFigures(figures: [string, string, string][]): void {
    this.figures.replaceChildren(...figures.map(([value, name, title]) => el("div", { class: "figure", title }, el("b", {}, value), el("small", {}, name))));
    this.fitHead();
  }

  /** Where figures have no room beside all else, first a button is its icon alone, then they have a line of their own. */
  private fitHead(): void {
    for (const tight of ["", "icon", "lines"]) {
      this.head.dataset.tight = tight;
      if (this.figures.scrollWidth <= this.figures.clientWidth) return;
    }
  }

  private select(word: number): void {
    const { shown } = this;
    if (!shown) return;
    this.selected = word;
    this.element.dataset.word = String(word);
    this.words.select(word);
    this.scatter.select(word);
    this.map.select(word);
    this.word.show(shown.shelf, word, shown.m, shown.noun);
    this.uses.show(shown.shelf, word);
    if (!this.selection.present) this.showMembers(); // what is chosen stands there until it is counted anew
  }

  /** The panes show what is chosen, or again the selected codeword alone. */
  private showChosen(): void {
    const { chosen } = this.selection, { shown } = this;
    this.scatter.mark(chosen);
    this.map.mark(chosen);
    this.words.mark(chosen && !chosen.wanted.outlines ? chosen.wanted.words?.list ?? [] : []);
    this.filters.element.hidden = !chosen;
    this.uses.element.hidden = chosen !== undefined;
    if (chosen) this.element.dataset.chosen = String(chosen.facts.count);
    else delete this.element.dataset.chosen;
    if (!shown) return;
    if (chosen) this.filters.show(chosen, shown.noun);
    this.showMembers();
  }

  private showMembers(): void {
    const { shown, selection: { chosen }, selected, host } = this;
    if (!shown) return;
    const { m, noun } = shown, { facts } = shown.shelf;
    if (!chosen) this.members.show(shown.shelf, m, noun, { title: t("{0} {1} of codeword {2}", format.whole(facts.uses[selected]), noun.many, selected), listed: facts.uses[selected], fetch: (first, count) => host.blocks(facts.id, { word: selected, first, count }) });
    else {
      const { shelf, facts: { id, count, listed }, wanted: { outlines, words } } = chosen, many = format.whole(count);
      this.members.show(shelf, m, noun, { title: outlines ? t("{0} {1} in the lasso", many, noun.many) : t("{0} {1} of {2} codewords", many, noun.many, format.whole(words?.list.length ?? 0)), listed, fetch: (first, some) => host.blocks(shelf.facts.id, { chosen: id, first, count: some }) });
    }
  }

  private light(spot: Spot): void {
    this.words.light(spot.word);
    this.scatter.light(spot);
    this.map.light(spot);
    this.uses.light(spot.block === undefined || !this.shown ? undefined : this.shown.shelf.place(spot.block).output);
  }

  private hover(stage: HTMLElement, spot: Spot, at?: { x: number; y: number }): void {
    this.light(spot);
    if (spot.word === undefined || !at || !this.shown) this.card.hide();
    else this.card.show(stage, spot, at, this.shown.shelf, this.shown.m, this.shown.noun);
  }

  /** First what is being drawn ends, then the hover, then what is chosen. */
  private escape(): void {
    if (this.scatter.cancelStroke()) return;
    const { isOpen } = this.card;
    this.hover(this.element, {});
    if (!isOpen) this.selection.clear();
  }

  /** Brackets go from layer to layer, arrows from word to word where they have nothing else to do. */
  key(event: KeyboardEvent): void {
    const { target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey && event.key !== "Escape" || (target instanceof Element && target.closest("input, .field, .select"))) return;
    if (event.key === "Escape" && this.atlas.isOpen) this.showAtlas(false);
    else if (event.key === "[" || event.key === "]") this.host.step(event.key === "[" ? -1 : 1);
    else if (event.key === "Escape") this.escape();
    else if (event.defaultPrevented || !(target === this.element || target === this.scatter.stage || target === document.body) || !this.words.walk(event)) return;
    event.preventDefault();
  }
}

/** Why a layer has none. */
const noCodebook = (row: LayerRow): string => (row.method !== undefined || row.grids ? t("{0} is stored as {1}, so it has no codebook. Its weights stand beside the graph; other methods can be tried out on the model that this one was made of.", row.label, storedAs(row)) : t("{0} cannot be held as a codebook.", row.label));

const blockOf = ({ block: [height, width] }: Pick<CodebookFacts, "block">, { shape }: LayerRow): string => format.block(shape.slice(2), height * width);

/** [value, name, hover] */
function figuresOf(facts: CodebookFacts, row: LayerRow): [string, string, string][] {
  const { choice, original, uses, codewords, codebookBits, indexBits, bytes, bitsPerWeight } = facts, dead = uses.reduce((sum, n) => sum + (n ? 0 : 1), 0), predicted = choice !== undefined;
  const sizes: [string, string, string] = original
    ? [format.change(original.bytes, bytes), predicted ? t("predicted, {0} times smaller", format.times(original.bytes / bytes)) : t("{0} times smaller", format.times(original.bytes / bytes)), t("The weights of {0}", row.name)]
    : [format.bytes(bytes), t("in the file"), t("The weights of {0}", row.name)];
  return [
    [format.bits(bitsPerWeight), predicted ? t("bits per weight, predicted") : t("bits per weight"), ""],
    [`${format.whole(codewords)} × ${blockOf(facts, row)}`, codebookBits === undefined ? t("codewords") : t("codewords, {0}-bit values", codebookBits), ""],
    ...(row.sharedWith && !predicted ? [[t("shared"), row.sharedWith.length === 1 ? t("with 1 layer") : t("with {0} layers", row.sharedWith.length), row.sharedWith.join("\n")] as [string, string, string]] : []),
    [indexBits === 1 ? t("1 bit") : t("{0} bits", indexBits), t("per index"), ""],
    [format.whole(dead), t("dead codewords"), t("Codewords that stand for nothing")],
    ...(original ? [[original.sqnrDb === undefined ? "–" : format.decibels(original.sqnrDb), predicted ? t("SQNR, predicted") : t("SQNR"), t("Signal to quantization noise of the weights as inference sees them: with the scale that the normalization behind them holds")] as [string, string, string]] : []),
    sizes,
  ];
}

function estimatesOf({ codewords, block, indexBits, bytes, bitsPerWeight, sqnrDb }: CodebookEstimate, row: LayerRow, before: number | undefined): [string, string, string][] {
  return [
    [format.bits(bitsPerWeight), t("bits per weight, predicted"), ""],
    [`${format.whole(codewords)} × ${blockOf({ block }, row)}`, t("codewords"), ""],
    [t("{0} bits", indexBits), t("per index"), ""],
    [`≈ ${format.decibels(sqnrDb)}`, t("SQNR, estimated"), t("Estimated from a sample of the kernels; the exact figure follows")],
    [before === undefined ? format.bytes(bytes) : format.change(before, bytes), t("predicted"), t("The weights of {0}", row.name)],
  ];
}
