import type { UmapPlaces } from "../../src/protocol/api";
import { MOST_CORNERS, type Outline } from "../../src/protocol/outline";
import { Canvas } from "../charts/canvas";
import { packed, placeColours, theme, tinted } from "../charts/colours";
import { iconButton } from "../controls";
import { el, whenIdle } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { drawOutlines, lassoIcon, Stroke, type How, type Plane } from "./lasso";
import type { Noun } from "./nouns";
import { has, sampleOf, type Chosen } from "./selection";
import type { Shelf } from "./shelf";

/** Pixels to a unit of the plane, and where its middle lies in a stage of this size. */
interface View { zoom: number; x: number; y: number; width: number; height: number }
export interface Spot { word?: number; block?: number }

const MARGIN = 28, NEAR = 10, MOST_ZOOM = 40, DOT_SHARE = 0.72, MANY_DISCS = 80, LEAST_RADIUS = 2;

/** What the clusters tell the other panes. */
export interface ScatterEvents {
  choose(word: number): void;
  hover(spot: Spot, at?: { x: number; y: number }): void;
  /** Something was drawn around points. */
  outlined(outline: Outline, how: How, plane: Plane): void;
  clear(): void;
  /** Dragging draws, or moves what is seen. */
  tool(lasso: boolean): void;
}

/** Codewords as discs and the blocks that they stand for as dots, in the plane of most variance or a UMAP, in the codewords' colours. */
export class Scatter {
  readonly element = el("section", { class: "book-pane book-scatter", "aria-label": t("Kernel clusters") });
  readonly stage = el("div", { class: "book-stage", role: "img", tabindex: 0 });
  private readonly title = el("h3");
  private readonly note = el("small");
  private readonly caption = el("p", { class: "book-caption", role: "status" });
  private readonly twin = el("ul", { class: "book-twin", "aria-label": t("Clusters") });
  private readonly canvas: Canvas;
  private readonly later = whenIdle();
  private readonly lasso: HTMLElement;
  private readonly clear: HTMLElement;
  private shelf: Shelf | undefined;
  private noun: Noun | undefined;
  private umap: UmapPlaces | undefined;
  private chosen: Chosen | undefined;
  private stroke: Stroke | undefined;
  private selected = -1;
  private lit: Spot = {};
  private view: View | undefined;
  private touched = false;
  private cloud: { key: string; theme: object; shelf: Shelf; umap: UmapPlaces | undefined; image: OffscreenCanvas } | undefined;
  /** By codeword. */
  private colours: { of: object; shelf: Shelf; list: string[] } | undefined;

  /** @param planes the switch of planes, and what is told while one is made */
  constructor(private readonly events: ScatterEvents, planes: { element: HTMLElement; progress: HTMLElement }, draws: boolean) {
    this.lasso = iconButton({ label: t("Lasso: drag around kernels; Shift adds, Alt takes away"), icon: "blank", onClick: () => this.setTool(this.lasso.getAttribute("aria-pressed") !== "true") });
    this.lasso.replaceChildren(lassoIcon());
    this.clear = iconButton({ label: t("Clear Selection"), icon: "close", key: t("Esc"), onClick: () => events.clear() });
    this.clear.hidden = true;
    const tools = el("div", { class: "book-tools" },
      iconButton({ label: t("Zoom In"), icon: "add", key: "+", onClick: () => this.zoom(1.4) }), iconButton({ label: t("Zoom Out"), icon: "remove", key: "−", onClick: () => this.zoom(1 / 1.4) }), iconButton({ label: t("Fit"), icon: "screen-full", key: "0", onClick: () => this.fit() }), this.lasso, this.clear);
    this.element.append(el("header", { class: "book-title" }, this.title, this.note), el("div", { class: "book-stage-box" }, this.stage, el("div", { class: "book-stage-foot" }, tools, planes.element), planes.progress), this.caption, this.twin);
    this.canvas = new Canvas(this.stage, (context, width, height) => this.draw(context, width, height));
    this.setTool(draws, false);
    this.listen();
  }

  private setTool(lasso: boolean, tell = true): void {
    this.lasso.setAttribute("aria-pressed", String(lasso));
    this.stage.toggleAttribute("data-lasso", lasso);
    if (tell) this.events.tool(lasso);
  }

  show(shelf: Shelf, noun: Noun, umap: UmapPlaces | undefined): void {
    const { facts: { places, uses } } = shelf;
    this.shelf = shelf;
    this.noun = noun;
    this.title.textContent = noun.clusters;
    this.see(umap);
    this.later(() => this.twin.replaceChildren(...shelf.order("use").slice(0, 512).map((w) => el("li", {}, t("Codeword {0}: {1} {2}, at {3} across and {4} up", w, format.whole(uses[w]), noun.many, format.weight(places.words[2 * w]), format.weight(places.words[2 * w + 1]))))));
  }

  /** Shows the blocks in their UMAP, or in their principal plane. */
  see(umap: UmapPlaces | undefined): void {
    const { shelf, noun } = this;
    if (!shelf || !noun) return;
    if (this.umap !== umap) this.touched = false;
    this.umap = umap;
    this.stroke = undefined;
    if (!this.touched) this.view = undefined;
    const { facts: { index, places: { shares: [first, second] } } } = shelf;
    this.note.textContent = !umap ? t("PCA {0} % + {1} % of variance", Math.round(100 * first), Math.round(100 * second)) : umap.which.length ? t("UMAP of {0} of {1} {2}", format.whole(umap.which.length), format.whole(index.length), noun.many) : t("UMAP of {0} codewords", format.whole(shelf.facts.codewords));
    this.note.title = umap ? t("Distances are those between shapes: of kernels divided by their channel’s scale") : "";
    this.tell();
    this.canvas.redraw();
  }

  /** Marks what is chosen in any pane. */
  mark(chosen: Chosen | undefined): void {
    this.chosen = chosen;
    this.clear.hidden = !chosen;
    this.tell();
    this.canvas.redraw();
  }

  private get places(): { words: Float32Array; blocks: Float32Array; which: Uint32Array } { return this.umap ?? this.shelf!.facts.places; }
  private get plane(): Plane { return this.umap ? "umap" : "principal"; }

  /** What is seen, or what of it is chosen. */
  private tell(): void {
    const { shelf, noun, chosen } = this;
    if (!shelf || !noun) return;
    const { facts: { codewords, index } } = shelf, dots = this.places.which.length, seen = !dots ? t("{0} codewords as discs sized by use", format.whole(codewords))
      : dots < index.length ? t("{0} of {1} {2} as dots, {3} codewords as discs sized by use", format.whole(dots), format.whole(index.length), noun.many, format.whole(codewords))
        : t("{0} {1} as dots, {2} codewords as discs sized by use", format.whole(dots), noun.many, format.whole(codewords));
    this.caption.textContent = chosen ? chosenText(chosen, noun) : seen;
    this.caption.title = chosen?.facts.original ? t("They have {0} of the layer’s Σw², and lose {1} of it, which is {2} of all that the layer loses", format.percent(chosen.facts.original.energy), format.percent(chosen.facts.original.lost), format.percent(chosen.facts.original.ofLoss)) : "";
    this.stage.setAttribute("aria-label", `${seen}. ${this.note.textContent}`);
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
    const { blocks, words } = this.places, { width, height } = this.canvas, ends = (axis: 0 | 1): [number, number] => {
      const range = (values: Float32Array, cut: number): [number, number] => {
        const sorted = Float32Array.from({ length: values.length / 2 }, (_, i) => values[2 * i + axis]).filter(Number.isFinite).sort(), skip = Math.floor(cut * sorted.length);
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
    const { shelf, selected, lit, chosen, stroke } = this;
    if (!shelf) return;
    const view = this.look(width, height), { places } = this, { facts: { index, uses } } = shelf, { foreground, background, focus, highContrast } = theme(), colours = this.wordColours, at = (list: Float32Array, i: number) => [view.x + view.zoom * list[2 * i], view.y - view.zoom * list[2 * i + 1]] as const;
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
    const { wanted } = chosen ?? {};
    if (wanted?.outlines && wanted.plane === this.plane) drawOutlines(context, wanted.outlines, width, height, (x, y) => [view.x + view.zoom * x, view.y - view.zoom * y]);
    if (stroke) drawOutlines(context, [stroke.outline((x, y) => [x, y], MOST_CORNERS)], width, height, (x, y) => [x, y]);
    context.fillStyle = foreground;
    places.which.forEach((b, i) => {
      if (chosen ? !has(chosen, b) : index[b] !== selected) return;
      const [x, y] = at(places.blocks, i);
      context.fillRect(x - 1, y - 1, 2, 2);
    });
    for (let w = uses.length - 1; w >= 0; w--) {
      const [x, y] = at(places.words, w);
      if (!uses[w]) { context.globalAlpha = 0.6; disc(x, y, 3, background, foreground, 1); context.globalAlpha = 1; } else if (w !== selected && w !== lit.word) disc(x, y, this.radius(w), colours[w], highContrast ? foreground : background, 1);
    }
    for (const w of [...wanted?.outlines ? [] : wanted?.words?.list ?? [], lit.word, selected]) {
      if (w === undefined || w < 0 || w >= uses.length) continue;
      const [x, y] = at(places.words, w);
      disc(x, y, this.radius(w) + 1.5, colours[w], foreground, 2);
    }
    const shown = lit.block === undefined ? -1 : places.which.indexOf(lit.block);
    if (shown < 0) return;
    const [x, y] = at(places.blocks, shown);
    disc(x, y, 3, foreground, focus, 2);
  }

  /** Of a codeword's disc: where there are many, each is smaller, so that dots stay in sight between them. */
  private radius(word: number): number {
    const { facts: { uses }, mostUsed } = this.shelf!;
    return Math.max(LEAST_RADIUS, (2.5 + 4 * Math.sqrt(uses[word] / (mostUsed || 1))) * Math.min(1, Math.sqrt(MANY_DISCS / uses.length)));
  }

  /** All dots, set pixel by pixel once for each view: fast for any number of them. */
  private dots(shelf: Shelf, view: View, width: number, height: number, colours: readonly string[]): OffscreenCanvas {
    const ratio = window.devicePixelRatio || 1, w = Math.max(1, Math.round(width * ratio)), h = Math.max(1, Math.round(height * ratio)), key = [view.zoom, view.x, view.y, w, h].join();
    if (this.cloud?.key === key && this.cloud.theme === theme() && this.cloud.shelf === shelf && this.cloud.umap === this.umap) return this.cloud.image;
    const image = new OffscreenCanvas(w, h), context = image.getContext("2d"), data = new ImageData(w, h), pixels = new Uint32Array(data.data.buffer), { places } = this, { index } = shelf.facts;
    const palette = colours.map((colour) => packed(tinted(colour, DOT_SHARE))), side = Math.max(2, Math.round(1.5 * ratio));
    places.which.forEach((b, i) => {
      const left = Math.round((view.x + view.zoom * places.blocks[2 * i]) * ratio - side / 2), top = Math.round((view.y - view.zoom * places.blocks[2 * i + 1]) * ratio - side / 2);
      if (left < 0 || top < 0 || left + side > w || top + side > h) return;
      for (let y = top; y < top + side; y++) pixels.fill(palette[index[b]], y * w + left, y * w + left + side);
    });
    context?.putImageData(data, 0, 0);
    this.cloud = { key, theme: theme(), shelf, umap: this.umap, image };
    return image;
  }

  /** The disc there, or the dot. */
  private at(px: number, py: number): Spot {
    const { shelf, view } = this;
    if (!shelf || !view) return {};
    const { places } = this, { index, uses } = shelf.facts, x = (px - view.x) / view.zoom, y = (view.y - py) / view.zoom;
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

  /** Ends what is being drawn. */
  cancelStroke(): boolean {
    const had = this.stroke !== undefined;
    this.stroke = undefined;
    this.canvas.redraw();
    return had;
  }

  private listen(): void {
    const { stage } = this;
    let from: { x: number; y: number; view: View; moved: boolean; draws: boolean } | undefined;
    stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !this.view) return;
      const { offsetX: x, offsetY: y } = event, draws = event.shiftKey || event.altKey || stage.hasAttribute("data-lasso");
      from = { x, y, view: this.view, moved: false, draws };
      if (draws) this.stroke = new Stroke(x, y, event.altKey ? "take" : event.shiftKey ? "add" : "new");
      stage.setPointerCapture(event.pointerId);
      this.events.hover({});
    });
    stage.addEventListener("pointermove", ({ offsetX: x, offsetY: y }) => {
      if (!from) { this.events.hover(this.at(x, y), { x, y }); return; }
      from.moved ||= Math.hypot(x - from.x, y - from.y) > 3;
      if (from.draws) {
        this.stroke?.to(x, y);
        this.canvas.redraw();
      } else if (from.moved) this.move({ ...from.view, x: from.view.x + x - from.x, y: from.view.y + y - from.y });
    });
    stage.addEventListener("pointerup", ({ offsetX, offsetY }) => {
      const { stroke, view } = this, { word } = from && !from.moved ? this.at(offsetX, offsetY) : {};
      from = undefined;
      this.cancelStroke();
      if (word !== undefined) this.events.choose(word);
      if (stroke?.isOutline && view) this.events.outlined(stroke.outline((x, y) => [(x - view.x) / view.zoom, (view.y - y) / view.zoom], MOST_CORNERS), stroke.how, this.plane);
    });
    stage.addEventListener("pointercancel", () => { from = undefined; this.cancelStroke(); });
    stage.addEventListener("pointerleave", () => this.events.hover({}));
    stage.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // where panes are stacked the wheel scrolls
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 200), event.offsetX, event.offsetY);
    }, { passive: false });
    stage.addEventListener("keydown", (event) => {
      if (event.key === "+" || event.key === "=") this.zoom(1.4);
      else if (event.key === "-" || event.key === "−") this.zoom(1 / 1.4);
      else if (event.key === "0") this.fit();
      else if (event.key === "l" && !event.ctrlKey && !event.metaKey && !event.altKey) this.setTool(!stage.hasAttribute("data-lasso"));
      else return;
      event.preventDefault();
    });
  }
}

/** How much is chosen, and of what: a UMAP's sample says so. */
function chosenText(chosen: Chosen, noun: Noun): string {
  const { facts: { count, original }, wanted: { blocks }, shelf: { facts: { index } } } = chosen, of = blocks?.of ?? index.length;
  const numbers = [format.whole(count), format.whole(of), noun.many, format.percent(of ? count / of : 0)], found = blocks ? t("{0} of {1} {2} in the UMAP ({3})", ...numbers) : t("{0} of {1} {2} ({3})", ...numbers);
  return original && sampleOf(chosen) === undefined ? t("{0}, {1} of the energy", found, format.percent(original.energy)) : found;
}
