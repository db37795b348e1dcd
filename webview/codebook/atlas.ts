import type { CodebookWords, LayerRow } from "../../src/protocol/api";
import { heatmaps } from "../charts/heatmaps";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { scaleBar } from "../layers/kernels";

/** One scale for all: so many times the root mean square of what a layer's codewords stand for. */
const MOST = 3;
/** So many of a layer's codewords are shown, those that are used most. */
const SHOWN = 512;
/** Side of a picture in pixels, about, the width of a strip, which is no higher than one of its weights, and the room between two. */
const ROOM = 15, STRIP = 24, GAP = 4;

/** The codewords of all layers, in the order of the network and on one scale. */
export class Atlas {
  readonly element = el("section", { class: "atlas", "aria-label": t("Codebooks of all layers") });
  isOpen = false;
  private rows = new Map<string, { button: HTMLButtonElement; words: HTMLElement }>();
  private known = new Map<string, CodebookWords>();
  private selected: string | undefined;
  private turn = 0;
  /** Nobody has scrolled: what is selected stays in sight while rows above it grow. */
  private isResting = true;

  constructor(private readonly fetch: (layer: string) => Promise<CodebookWords | undefined>, private readonly open: (layer: string) => void) {
    for (const kind of ["wheel", "pointerdown", "keydown"]) this.element.addEventListener(kind, () => { this.isResting = false; }, { passive: true });
    new ResizeObserver(() => { for (const words of this.known.values()) this.draw(words); }).observe(this.element);
  }

  show(all: readonly LayerRow[], selected: string | undefined): void {
    const layers = all.filter(({ codewords }) => codewords !== undefined);
    this.isOpen = this.isResting = true;
    this.rows = new Map(layers.map((row) => [row.name, this.rowOf(row)]));
    this.element.replaceChildren(
      el("header", {}, el("span", {}, t("{0} layers of {1} have codebooks; their most used codewords come first. One scale: units are the root mean square of what each layer’s codewords stand for.", format.whole(layers.length), format.whole(all.length))), scaleBar(MOST, "")),
      ...[...this.rows.values()].map(({ button }) => button));
    this.select(selected);
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

  select(layer: string | undefined): void {
    if (this.selected !== undefined) this.rows.get(this.selected)?.button.removeAttribute("aria-current");
    this.selected = layer;
    const row = layer === undefined ? undefined : this.rows.get(layer);
    row?.button.setAttribute("aria-current", "true");
    if (this.isOpen) row?.button.scrollIntoView({ block: "nearest" });
  }

  private rowOf(row: LayerRow): { button: HTMLButtonElement; words: HTMLElement } {
    const { name, label, shape, codewords = 0, blockSize = 1, bitsPerWeight } = row, words = el("span", { class: "atlas-words" });
    const button = el("button", { class: "atlas-row", title: name }, el("span", {}, el("b", {}, label), el("small", {}, t("{0} words of {1}", format.whole(codewords), format.block(shape.slice(2), blockSize))), el("small", {}, t("{0} bits per weight", format.bits(bitsPerWeight)))), words);
    button.addEventListener("click", () => this.open(name));
    return { button, words };
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
        if (this.isResting) this.select(this.selected);
      } else this.rows.get(name)?.words.replaceChildren(el("small", {}, t("{0} has codewords that this view has no place for.", label)));
    }
    this.element.dataset.filled = "";
  }

  private draw({ layer, block: [height, width], values, uses }: CodebookWords): void {
    const box = this.rows.get(layer)?.words, room = box?.clientWidth ?? 0;
    if (!box || !room) return;
    const size = height * width, order = Array.from(uses.keys()).sort((a, b) => uses[b] - uses[a] || a - b), shown = order.slice(0, SHOWN), picked = new Float32Array(shown.length * size), dead = uses.filter((n) => n === 0).length;
    shown.forEach((w, i) => picked.set(values.subarray(w * size, (w + 1) * size), i * size));
    const cell = Math.max(1, Math.round(height === 1 ? STRIP / width : ROOM / Math.max(height, width))), columns = Math.max(1, Math.floor((room + GAP) / (width * cell + GAP)));
    const left = [...(order.length > shown.length ? [t("{0} more are used less", format.whole(order.length - shown.length))] : []), ...(dead ? [t("{0} stand for nothing", format.whole(dead))] : [])];
    box.replaceChildren(heatmaps(picked, height, width, MOST, { cell, columns, gap: GAP, label: t("{0} codewords by use", format.whole(shown.length)) }), ...(left.length ? [el("small", {}, left.join(", "))] : []));
  }
}
