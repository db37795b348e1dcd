import type { GraphFacts, LayerRow } from "../../src/protocol/api";
import type { ComparedLayer, Side } from "../../src/protocol/compare";
import { Canvas } from "../charts/canvas";
import { clippedName } from "../charts/text";
import { faded, marks, readableOn, theme, tinted } from "../charts/colours";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { shortNames } from "../names";
import { boxesIn, GAP, INNER, LANE, OUTER, wanted, widthWith, type BoxWidths } from "./boxes";
import { changeOf, type Change } from "./changes";
import { lanesOf, type Lanes, type Point, type Way } from "./lanes";
import { sizeBeside } from "./names";

/** What is drawn in boxes of layers that one model alone has, or that have other sizes. */
const SIGNS: Record<Change, string> = { added: "+", removed: "−", resized: "↕" };

/** Of lines; inside a box on both sides of its words, between a name and its bytes, and what a sign takes. */
const CORNER = 4, PAD = 8, BETWEEN = 8, SIGN = 12;

/** One model's layers as boxes beside the rows of the table, coloured by bytes on the scale of both models. */
export class SideGraph {
  readonly element: HTMLElement;
  private readonly canvas: Canvas;
  private readonly lanes: Lanes;
  private readonly names: string[];
  private readonly wanted: BoxWidths;
  private readonly window = el("div", { class: "cmp-window" });
  private row = 20;
  private top = 0;
  private selected = -1;
  private lit = -1;

  constructor(private readonly side: Side, graph: GraphFacts, private readonly layers: readonly ComparedLayer[], private readonly most: number, choose: (row: number) => void, private readonly hover: (row: number) => void) {
    this.lanes = lanesOf(graph, new Map(layers.flatMap((layer, i) => { const own = this.own(layer); return own ? [[own.name, i] as const] : []; })));
    this.names = shortNames(layers.map((layer) => (this.own(layer) ?? layer).label));
    this.wanted = this.wish();
    this.element = el("div", { class: `cmp-graph ${side}`, role: "img", "aria-label": side === "original" ? t("Layers of the original, top to bottom, as in the table") : t("Layers of the compressed model, top to bottom, as in the table") });
    this.element.append(this.window);
    this.canvas = new Canvas(this.window, (context, width, height) => this.draw(context, width, height));
    const rowAt = ({ clientY }: MouseEvent): number => Math.min(layers.length - 1, Math.floor((clientY - this.element.getBoundingClientRect().top) / this.row));
    this.element.addEventListener("click", (event) => choose(rowAt(event)));
    this.element.addEventListener("pointermove", (event) => {
      const layer = layers.at(rowAt(event)), own = layer && this.own(layer);
      this.element.title = layer === undefined ? "" : own ? [own.label, format.bytes(own.bytes), ...(own.name === layer.id ? [] : [own.name])].join("\n") : [layer.label, t("not in this model")].join("\n");
      this.hover(rowAt(event));
    });
    this.element.addEventListener("pointerleave", () => this.hover(-1));
  }

  zoom(row: number): void { this.row = row; this.canvas.redraw(); }
  /** What of it can be seen begins so many pixels below its top: no canvas is as high as thousands of layers are. */
  scrolled(top: number): void { if (top !== this.top) { this.top = top; this.canvas.redraw(); } }
  select(row: number): void { this.selected = row; this.canvas.redraw(); }
  light(row: number): void { if (row !== this.lit) { this.lit = row; this.canvas.redraw(); } }

  private own({ before, after }: ComparedLayer): LayerRow | undefined { return this.side === "original" ? before : after; }
  private bytes(row: number): number | undefined { return this.own(this.layers[row])?.bytes; }

  private draw(context: CanvasRenderingContext2D, width: number, height: number): void {
    context.translate(0, -this.top);
    const first = this.top / this.row - 1, last = (this.top + height) / this.row + 1, isSeen = (from: number, to = from): boolean => to >= first && from <= last;
    // drawn for the left side; the right one is its mirror image
    const mirror = (x: number): number => (this.side === "original" ? x : width - x);
    const { highContrast, foreground, secondary } = theme();
    context.font = `11px ${theme().font}`;
    context.lineWidth = 1;
    context.strokeStyle = highContrast ? foreground : faded(0.5);
    for (const way of this.lanes.ways) if (isSeen(way.from.y, way.to.y)) this.way(context, way, width, mirror);
    context.fillStyle = theme().background;
    for (const { row, y, aside } of this.lanes.points) if (row < 0 && isSeen(y)) {
      context.beginPath();
      context.arc(mirror(aside ? this.lane(1, width) : this.main(width)), y * this.row, 2.5, 0, 2 * Math.PI);
      context.fill();
      context.strokeStyle = secondary;
      context.stroke();
    }
    for (const point of this.lanes.points) if (point.row >= 0 && isSeen(point.y)) this.box(context, point, width, mirror);
  }

  /** How wide it would be if nothing in it had to be shortened. */
  get wished(): number { return Math.ceil(widthWith(this.wanted, this.lanes.lanes)); }

  private wish(): BoxWidths {
    const context = document.createElement("canvas").getContext("2d"), wish: BoxWidths = { line: 0, aside: 0 };
    if (context) context.font = `11px ${theme().font}`;
    const widthOf = (text: string): number => Math.ceil(context?.measureText(text).width ?? 0);
    for (const { row, aside } of this.lanes.points) {
      const bytes = row < 0 ? undefined : this.bytes(row), kind = aside ? "aside" : "line";
      if (bytes !== undefined) wish[kind] = Math.max(wish[kind], 2 * PAD + (changeOf(this.layers[row]) ? SIGN : 0) + widthOf(this.names[row]) + (aside ? 0 : BETWEEN + widthOf(format.bytes(bytes))) + 1);
    }
    return wanted(wish);
  }

  private boxes(width: number): BoxWidths { return boxesIn(width, this.wanted, this.lanes.lanes); }
  private main(width: number): number { return width - INNER - this.boxes(width).line / 2; }
  /** Lanes come closer to each other where there are many. */
  private lane(lane: number, width: number): number {
    const { line, aside } = this.boxes(width), first = width - INNER - line - GAP - aside / 2, room = Math.max(0, first - OUTER), step = Math.min(LANE, room / Math.max(1, this.lanes.lanes - 1));
    return lane === 0 ? this.main(width) : first - (lane - 1) * step;
  }

  private way(context: CanvasRenderingContext2D, { from, to, lane }: Way, width: number, mirror: (x: number) => number): void {
    const leave = (from.row < 0 ? from.y : from.y + 0.5) * this.row, arrive = (to.row < 0 ? to.y : to.y - 0.5) * this.row;
    const start = from.aside ? this.lane(1, width) : this.main(width), end = to.aside ? this.lane(1, width) : this.main(width), x = lane === 0 ? start : this.lane(lane, width);
    context.beginPath();
    context.moveTo(mirror(start), from.y * this.row);
    context.lineTo(mirror(start), leave);
    if (x !== start) context.arcTo(mirror(x), leave, mirror(x), arrive, CORNER);
    if (x !== end) context.arcTo(mirror(x), arrive, mirror(end), arrive, CORNER);
    else context.lineTo(mirror(x), arrive);
    context.lineTo(mirror(end), arrive);
    context.lineTo(mirror(end), to.y * this.row);
    context.stroke();
  }

  private box(context: CanvasRenderingContext2D, { row, aside }: Point, width: number, mirror: (x: number) => number): void {
    const bytes = this.bytes(row);
    if (bytes === undefined) return;
    const { highContrast, amount, background, foreground, focus, line } = theme(), wide = this.boxes(width)[aside ? "aside" : "line"], middle = aside ? this.lane(1, width) : this.main(width), left = mirror(middle) - wide / 2, top = row * this.row + 2, height = this.row - 4;
    const fill = highContrast ? background : tinted(amount, 0.65 * Math.sqrt(bytes / (this.most || 1)), faded(0.07)), chosen = row === this.selected;
    context.beginPath();
    context.roundRect(left, top, wide, height, 3);
    context.fillStyle = background;
    context.fill();
    context.fillStyle = fill;
    context.fill();
    context.strokeStyle = highContrast ? line : row === this.lit ? foreground : faded(0.22);
    context.lineWidth = 1;
    context.stroke();
    if (highContrast) { // the fill tells nothing here, so a bar does
      context.fillStyle = amount;
      context.fillRect(left + 1, top + height - 3, Math.max(1, (wide - 2) * Math.sqrt(bytes / (this.most || 1))), 2);
    }
    if (chosen) {
      context.beginPath();
      context.roundRect(left - 1.5, top - 1.5, wide + 3, height + 3, 4);
      context.strokeStyle = focus;
      context.lineWidth = 2;
      context.stroke();
    }
    context.fillStyle = readableOn(fill);
    context.textBaseline = "middle";
    context.textAlign = "left";
    const change = changeOf(this.layers[row]), mark = change ? SIGNS[change] : "", widthOf = (text: string): number => context.measureText(text).width, free = wide - 2 * PAD - (mark ? SIGN : 0), size = aside ? "" : sizeBeside(this.names[row], format.bytes(bytes), free, widthOf), room = free - (size ? widthOf(size) + BETWEEN : 0);
    if (change) { // a sign, for those who do not tell colours apart
      context.fillStyle = marks()[change];
      context.fillRect(left, top + 1, 3, height - 2);
      context.fillStyle = readableOn(fill);
      context.fillText(mark, left + PAD, top + height / 2 + 0.5);
    }
    context.fillText(clippedName(context, this.names[row], room), left + PAD + (mark ? SIGN : 0), top + height / 2 + 0.5);
    context.textAlign = "right";
    context.fillText(size, left + wide - PAD, top + height / 2 + 0.5);
    context.textBaseline = "alphabetic";
  }
}
