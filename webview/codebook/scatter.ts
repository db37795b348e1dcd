import { Canvas } from "../charts/canvas";
import { packed, placeColours, theme, tinted } from "../charts/colours";
import { iconButton } from "../controls";
import { el, whenIdle } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import type { Shelf } from "./shelf";

/** Pixels to a unit of the plane, and where its middle lies in a stage of this size. */
interface View { zoom: number; x: number; y: number; width: number; height: number }
export interface Spot { word?: number; block?: number }

const MARGIN = 28, NEAR = 10, MOST_ZOOM = 40, DOT_SHARE = 0.72;

/** Codewords as discs and the blocks that they stand for as dots in the plane of most variance, in the codewords' colours. */
export class Scatter {
  readonly element = el("section", { class: "book-pane book-scatter", "aria-label": t("Kernel clusters") });
  readonly stage = el("div", { class: "book-stage", role: "img", tabindex: 0 });
  private readonly title = el("h3");
  private readonly note = el("small");
  private readonly caption = el("p", { class: "book-caption" });
  private readonly twin = el("ul", { class: "book-twin", "aria-label": t("Clusters") });
  private readonly canvas: Canvas;
  private readonly later = whenIdle();
  private shelf: Shelf | undefined;
  private selected = -1;
  private lit: Spot = {};
  private view: View | undefined;
  private touched = false;
  private cloud: { key: string; theme: object; shelf: Shelf; image: OffscreenCanvas } | undefined;
  /** By codeword. */
  private colours: { of: object; shelf: Shelf; list: string[] } | undefined;

  constructor(private readonly choose: (word: number) => void, private readonly hover: (spot: Spot, at?: { x: number; y: number }) => void) {
    const tools = el("div", { class: "book-tools" },
      iconButton({ label: t("Zoom In"), icon: "add", key: "+", onClick: () => this.zoom(1.4) }), iconButton({ label: t("Zoom Out"), icon: "remove", key: "−", onClick: () => this.zoom(1 / 1.4) }), iconButton({ label: t("Fit"), icon: "screen-full", key: "0", onClick: () => this.fit() }));
    this.element.append(el("header", { class: "book-title" }, this.title, this.note), el("div", { class: "book-stage-box" }, this.stage, tools), this.caption, this.twin);
    this.canvas = new Canvas(this.stage, (context, width, height) => this.draw(context, width, height));
    this.listen();
  }

  show(shelf: Shelf, noun: { many: string; clusters: string }): void {
    const { facts: { places, codewords, index, uses } } = shelf, [first, second] = places.shares, dots = places.which.length;
    this.shelf = shelf;
    if (!this.touched) this.view = undefined;
    this.title.textContent = noun.clusters;
    this.note.textContent = t("PCA {0} % + {1} % of variance", Math.round(100 * first), Math.round(100 * second));
    this.caption.textContent = !dots ? t("{0} codewords as discs sized by use", format.whole(codewords))
      : dots < index.length ? t("{0} of {1} {2} as dots, {3} codewords as discs sized by use", format.whole(dots), format.whole(index.length), noun.many, format.whole(codewords))
        : t("{0} {1} as dots, {2} codewords as discs sized by use", format.whole(dots), noun.many, format.whole(codewords));
    this.stage.setAttribute("aria-label", `${this.caption.textContent}. ${this.note.textContent}`);
    this.later(() => this.twin.replaceChildren(...shelf.order("use").slice(0, 512).map((w) => el("li", {}, t("Codeword {0}: {1} {2}, at {3} across and {4} up", w, format.whole(uses[w]), noun.many, format.weight(places.words[2 * w]), format.weight(places.words[2 * w + 1]))))));
    this.canvas.redraw();
  }

  select(word: number): void { this.selected = word; this.canvas.redraw(); }
  light(spot: Spot): void { this.lit = spot; this.canvas.redraw(); }

  /** Colours of the codewords in the present theme. */
  get wordColours(): string[] {
    const { shelf } = this;
    if (!shelf) return [];
    if (this.colours?.of !== theme() || this.colours.shelf !== shelf) this.colours = { of: theme(), shelf, list: placeColours(shelf.facts.places.words) };
    return this.colours.list;
  }

  private zoom(factor: number, atX = this.canvas.width / 2, atY = this.canvas.height / 2): void {
    const { view } = this;
    if (!view || !this.shelf) return;
    const { zoom: least } = this.fitted(), zoom = Math.max(least / 2, Math.min(least * MOST_ZOOM, view.zoom * factor)), by = zoom / view.zoom;
    this.move({ ...view, zoom, x: atX - (atX - view.x) * by, y: atY - (atY - view.y) * by });
  }

  private fit(): void {
    this.view = undefined;
    this.touched = false;
    this.canvas.redraw();
  }

  private move(view: View): void {
    this.view = view;
    this.touched = true;
    this.canvas.redraw();
  }

  /** Nearly all of it; a few strays may lie outside. */
  private fitted(): View {
    const { blocks, words } = this.shelf!.facts.places, { width, height } = this.canvas, ends = (axis: 0 | 1): [number, number] => {
      const range = (values: Float32Array, cut: number): [number, number] => {
        const sorted = Float32Array.from({ length: values.length / 2 }, (_, i) => values[2 * i + axis]).sort(), skip = Math.floor(cut * sorted.length);
        return sorted.length ? [sorted[skip], sorted[sorted.length - 1 - skip]] : [Infinity, -Infinity];
      };
      const [a, b] = range(blocks, 0.0005), [c, d] = range(words, 0);
      return [Math.min(a, c), Math.max(b, d)];
    };
    const [left, right] = ends(0), [low, high] = ends(1), zoom = Math.min((width - 2 * MARGIN) / (right - left || 1), (height - 2 * MARGIN) / (high - low || 1));
    return { zoom, x: width / 2 - zoom * (left + right) / 2, y: height / 2 + zoom * (low + high) / 2, width, height };
  }

  /** What nobody has moved is fitted into every size; what somebody has keeps its middle. */
  private look(width: number, height: number): View {
    const { view } = this;
    if (!view || (!this.touched && (view.width !== width || view.height !== height))) return this.view = this.fitted();
    return this.view = { ...view, x: view.x + (width - view.width) / 2, y: view.y + (height - view.height) / 2, width, height };
  }

  private draw(context: CanvasRenderingContext2D, width: number, height: number): void {
    const { shelf, selected, lit } = this;
    if (!shelf) return;
    const view = this.look(width, height), { facts: { places, index, uses } } = shelf, { foreground, background, focus, highContrast } = theme(), colours = this.wordColours, at = (list: Float32Array, i: number) => [view.x + view.zoom * list[2 * i], view.y - view.zoom * list[2 * i + 1]] as const;
    const disc = (x: number, y: number, radius: number, fill: string, stroke: string, line: number): void => {
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.fillStyle = fill;
      context.fill();
      context.strokeStyle = stroke;
      context.lineWidth = line;
      context.stroke();
    };
    context.drawImage(this.dots(shelf, view, width, height, colours), 0, 0, width, height);
    context.fillStyle = foreground;
    places.which.forEach((b, i) => {
      if (index[b] !== selected) return;
      const [x, y] = at(places.blocks, i);
      context.fillRect(x - 1, y - 1, 2, 2);
    });
    for (let w = uses.length - 1; w >= 0; w--) {
      const [x, y] = at(places.words, w);
      if (!uses[w]) { context.globalAlpha = 0.6; disc(x, y, 3, background, foreground, 1); context.globalAlpha = 1; } else if (w !== selected && w !== lit.word) disc(x, y, this.radius(w), colours[w], highContrast ? foreground : background, 1);
    }
    for (const w of [lit.word, selected]) {
      if (w === undefined || w < 0 || w >= uses.length) continue;
      const [x, y] = at(places.words, w);
      disc(x, y, this.radius(w) + 1.5, colours[w], foreground, 2);
    }
    const shown = lit.block === undefined ? -1 : places.which.indexOf(lit.block);
    if (shown < 0) return;
    const [x, y] = at(places.blocks, shown);
    disc(x, y, 3, foreground, focus, 2);
  }

  private radius(word: number): number {
    const { facts: { uses }, mostUsed } = this.shelf!;
    return 2.5 + 4 * Math.sqrt(uses[word] / (mostUsed || 1));
  }

  /** All dots, set pixel by pixel once for each view: fast for any number of them. */
  private dots(shelf: Shelf, view: View, width: number, height: number, colours: readonly string[]): OffscreenCanvas {
    const ratio = window.devicePixelRatio || 1, w = Math.max(1, Math.round(width * ratio)), h = Math.max(1, Math.round(height * ratio)), key = [view.zoom, view.x, view.y, w, h].join();
    if (this.cloud?.key === key && this.cloud.theme === theme() && this.cloud.shelf === shelf) return this.cloud.image;
    const image = new OffscreenCanvas(w, h), context = image.getContext("2d"), data = new ImageData(w, h), pixels = new Uint32Array(data.data.buffer), { places, index } = shelf.facts;
    const palette = colours.map((colour) => packed(tinted(colour, DOT_SHARE))), side = Math.max(2, Math.round(1.5 * ratio));
    places.which.forEach((b, i) => {
      const left = Math.round((view.x + view.zoom * places.blocks[2 * i]) * ratio - side / 2), top = Math.round((view.y - view.zoom * places.blocks[2 * i + 1]) * ratio - side / 2);
      if (left < 0 || top < 0 || left + side > w || top + side > h) return;
      for (let y = top; y < top + side; y++) pixels.fill(palette[index[b]], y * w + left, y * w + left + side);
    });
    context?.putImageData(data, 0, 0);
    this.cloud = { key, theme: theme(), shelf, image };
    return image;
  }

  /** The disc there, or the dot. */
  private at(px: number, py: number): Spot {
    const { shelf, view } = this;
    if (!shelf || !view) return {};
    const { places, index, uses } = shelf.facts, x = (px - view.x) / view.zoom, y = (view.y - py) / view.zoom;
    const nearest = (list: Float32Array, reach: (i: number) => number): number => {
      let found = -1, least = Infinity;
      for (let i = 0; i < list.length / 2; i++) {
        const d = (list[2 * i] - x) ** 2 + (list[2 * i + 1] - y) ** 2;
        if (d < least && d <= (reach(i) / view.zoom) ** 2) { least = d; found = i; }
      }
      return found;
    };
    const word = nearest(places.words, (w) => (uses[w] ? this.radius(w) + 2 : 4));
    if (word >= 0) return { word };
    const dot = nearest(places.blocks, () => NEAR);
    return dot >= 0 ? { word: index[places.which[dot]], block: places.which[dot] } : {};
  }

  private listen(): void {
    const { stage } = this;
    let from: { x: number; y: number; view: View; moved: boolean } | undefined;
    stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !this.view) return;
      from = { x: event.offsetX, y: event.offsetY, view: this.view, moved: false };
      stage.setPointerCapture(event.pointerId);
    });
    stage.addEventListener("pointermove", ({ offsetX: x, offsetY: y }) => {
      if (!from) { this.hover(this.at(x, y), { x, y }); return; }
      from.moved ||= Math.hypot(x - from.x, y - from.y) > 3;
      if (from.moved) this.move({ ...from.view, x: from.view.x + x - from.x, y: from.view.y + y - from.y });
    });
    stage.addEventListener("pointerup", ({ offsetX, offsetY }) => {
      const { word } = from && !from.moved ? this.at(offsetX, offsetY) : {};
      if (word !== undefined) this.choose(word);
      from = undefined;
    });
    stage.addEventListener("pointercancel", () => { from = undefined; });
    stage.addEventListener("pointerleave", () => this.hover({}));
    stage.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // where panes are stacked the wheel scrolls
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 200), event.offsetX, event.offsetY);
    }, { passive: false });
    stage.addEventListener("keydown", (event) => {
      if (event.key === "+" || event.key === "=") this.zoom(1.4);
      else if (event.key === "-" || event.key === "−") this.zoom(1 / 1.4);
      else if (event.key === "0") this.fit();
      else return;
      event.preventDefault();
    });
  }
}
