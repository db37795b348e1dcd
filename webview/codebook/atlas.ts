import type { CodebookWords, LayerRow } from "../../src/protocol/api";
import { heatmaps } from "../charts/heatmaps";
import { button } from "../controls";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { scaleBar } from "../layers/kernels";

/** One scale for all: so many times the root mean square of what a layer's codewords stand for. */
const MOST = 3;
/** So many of a layer's codewords are shown, those that are used most; and so many more each time somebody asks for more. */
const SHOWN = 512, MORE = 2048;
/** Side of a picture in pixels, about, the width of a strip, which is no higher than one of its weights, and the room between two. */
const ROOM = 15, STRIP = 24, GAP = 4;

interface AtlasRow { element: HTMLElement; words: HTMLElement }

/** The codewords of all layers, in the order of the network and on one scale. */
export class Atlas {
  readonly element = el("section", { class: "atlas", "aria-label": t("Codebooks of all layers") });
  isOpen = false;
  private rows = new Map<string, AtlasRow>();
  private known = new Map<string, CodebookWords>();
  /** How many codewords are shown of layers of which more than at first are. */
  private readonly more = new Map<string, number>();
  private selected: string | undefined;
  private turn = 0;

  constructor(private readonly fetch: (layer: string) => Promise<CodebookWords | undefined>, private readonly open: (layer: string) => void) {
    new ResizeObserver(() => { for (const words of this.known.values()) this.draw(words); }).observe(this.element);
  }

  /** From the first layer on; the selected one is marked. */
  show(all: readonly LayerRow[], selected: string | undefined): void {
    const layers = all.filter(({ codewords }) => codewords !== undefined);
    this.isOpen = true;
    this.rows = new Map(layers.map((row) => [row.name, this.rowOf(row)]));
    this.element.replaceChildren(
      el("header", {}, el("span", {}, t("{0} layers of {1} have codebooks; their most used codewords come first. One scale: units are the root mean square of what each layer’s codewords stand for.", format.whole(layers.length), format.whole(all.length))), scaleBar(MOST, "")),
      ...[...this.rows.values()].map(({ element }) => element));
    this.element.scrollTop = 0;
    this.mark(selected);
    void this.fill(layers);
  }

  hide(): void {
    this.isOpen = false;
    this.turn++;
  }

  /** The file has changed. */
  forget(): void {
    this.known = new Map();
    this.turn++;
  }

  /** Another layer is selected: it comes into sight. */
  select(layer: string | undefined): void {
    const isOther = layer !== this.selected;
    this.mark(layer);
    if (this.isOpen && isOther && layer !== undefined) this.rows.get(layer)?.element.scrollIntoView({ block: "nearest" });
  }

  private mark(layer: string | undefined): void {
    if (this.selected !== undefined) this.rows.get(this.selected)?.element.removeAttribute("aria-current");
    this.selected = layer;
    if (layer !== undefined) this.rows.get(layer)?.element.setAttribute("aria-current", "true");
  }

  /** A click anywhere opens the layer; with the keyboard its name does. */
  private rowOf(row: LayerRow): AtlasRow {
    const { name, label, shape, codewords = 0, blockSize = 1, bitsPerWeight } = row, words = el("div", { class: "atlas-words" }, el("small", {}, t("being read…")));
    const open = el("button", { class: "atlas-open", title: name }, el("b", {}, label), el("small", {}, t("{0} codewords of {1}", format.whole(codewords), format.block(shape.slice(2), blockSize))), el("small", {}, t("{0} bits per weight", format.bits(bitsPerWeight))));
    const element = el("div", { class: "atlas-row" }, open, words);
    element.addEventListener("click", ({ target }) => { if (!(target instanceof Element && target.closest(".atlas-more"))) this.open(name); });
    return { element, words };
  }

  /** Layer after layer, for as long as nobody asks for something else. */
  private async fill(layers: readonly LayerRow[]): Promise<void> {
    const turn = ++this.turn;
    delete this.element.dataset.filled;
    for (const { name, label } of layers) {
      const words = this.known.get(name) ?? await this.fetch(name).catch(() => undefined);
      if (turn !== this.turn) return;
      if (words) {
        this.known.set(name, words);
        this.draw(words);
      } else this.rows.get(name)?.words.replaceChildren(el("small", {}, t("{0} has codewords that this view has no place for.", label)));
    }
    this.element.dataset.filled = "";
  }

  private draw(words: CodebookWords): void {
    const { layer, block: [height, width], values, uses } = words;
    const box = this.rows.get(layer)?.words, room = box?.clientWidth ?? 0;
    if (!box || !room) return;
    const size = height * width, order = Array.from(uses.keys()).sort((a, b) => uses[b] - uses[a] || a - b), count = this.more.get(layer) ?? SHOWN, shown = order.slice(0, count), picked = new Float32Array(shown.length * size), dead = uses.filter((n) => n === 0).length;
    shown.forEach((w, i) => picked.set(values.subarray(w * size, (w + 1) * size), i * size));
    const cell = Math.max(1, Math.round(height === 1 ? STRIP / width : ROOM / Math.max(height, width))), columns = Math.max(1, Math.floor((room + GAP) / (width * cell + GAP)));
    const hidden = order.length - shown.length, more = button({ label: hidden > MORE ? t("Show {0} More", format.whole(MORE)) : t("Show All"), small: true, onClick: () => {
      this.more.set(layer, count + MORE);
      this.draw(words);
      box.querySelector<HTMLElement>(".atlas-more .button")?.focus(); // the next step, where there is one
    } });
    const notes = [...(hidden ? [t("{0} more are used less", format.whole(hidden))] : []), ...(dead ? [t("{0} stand for nothing", format.whole(dead))] : [])];
    box.replaceChildren(heatmaps(picked, height, width, MOST, { cell, columns, gap: GAP, label: t("{0} codewords by use", format.whole(shown.length)) }), ...(hidden || dead ? [el("div", { class: "atlas-more" }, el("small", {}, notes.join(", ")), ...(hidden ? [more] : []))] : []));
  }
}
