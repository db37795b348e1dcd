import type { GraphFacts, LayerRow } from "../../src/protocol/api";
import type { ComparedLayer, Side } from "../../src/protocol/compare";
import { Canvas } from "../charts/canvas";
import { clippedName } from "../charts/text";
import { faded, marks, readableOn, theme, tinted } from "../charts/colours";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { changeOf, type Change } from "./changes";
import { lanesOf, type Lanes, type Point, type Way } from "./lanes";
import { shortNames, sizeBeside } from "./names";

/** What is drawn in boxes of layers that one model alone has, or that have other sizes. */
const SIGNS: Record<Change, string> = { added: "+", removed: "−", resized: "↕" };

/** Places along the width, from the outer edge to the table. */
const BOX = 124, INNER = 12, ASIDE = 72, LANE = 7, OUTER = 12, CORNER = 4;
/** Between the line and what stands aside; what a box of the line leaves for that and for lanes; boxes are this wide at least. */
const GAP = 8, BESIDE = 112, LEAST = { line: 84, aside: 32 };

/** One model's layers as boxes beside the rows of the table, coloured by bytes on the scale of both models. */
export class SideGraph {
  readonly element: HTMLElement;
  private readonly canvas: Canvas;
  private readonly lanes: Lanes;
  private readonly names: string[];
  private readonly window = el("div", { class: "cmp-window" });
  private row = 20;
  private top = 0;
  private selected = -1;
  private lit = -1;

  constructor(private readonly side: Side, graph: GraphFacts, private readonly layers: readonly ComparedLayer[], private readonly most: number, choose: (row: number) => void, private readonly hover: (row: number) => void) {
    this.lanes = lanesOf(graph, new Map(layers.flatMap((layer, i) => { const own = this.own(layer); return own ? [[own.name, i] as const] : []; })));
    this.names = shortNames(layers.map((layer) => (this.own(layer) ?? layer).label));
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

  /** Of the line's boxes, and of those aside: both get narrower where there is little room. */
  private boxes(width: number): { line: number; aside: number } {
    const line = Math.max(LEAST.line, Math.min(BOX, width - BESIDE));
    return { line, aside: Math.max(LEAST.aside, Math.min(ASIDE, width - INNER - line - GAP - OUTER)) };
  }
  private main(width: number): number { return width - INNER - this.boxes(width).line / 2; }
  /** Lanes come closer to each other where there are many. */
  private lane(lane: number, width: number): number {
    const { line, aside } = this.boxes(width), first = width - INNER - line - GAP - aside / 2, room = first - OUTER, step = Math.min(LANE, room / Math.max(1, this.lanes.lanes - 1));
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
    const change = changeOf(this.layers[row]), mark = change ? SIGNS[change] : "", widthOf = (text: string): number => context.measureText(text).width, free = wide - 16 - (mark ? 12 : 0), size = aside ? "" : sizeBeside(this.names[row], format.bytes(bytes), free, widthOf), room = free - (size ? widthOf(size) + 8 : 0);
    if (change) { // a sign, for those who do not tell colours apart
      context.fillStyle = marks()[change];
      context.fillRect(left, top + 1, 3, height - 2);
      context.fillStyle = readableOn(fill);
      context.fillText(mark, left + 8, top + height / 2 + 0.5);
    }
    context.fillText(clippedName(context, this.names[row], room), left + (mark ? 20 : 8), top + height / 2 + 0.5);
    context.textAlign = "right";
    context.fillText(size, left + wide - 8, top + height / 2 + 0.5);
    context.textBaseline = "alphabetic";
  }
}
