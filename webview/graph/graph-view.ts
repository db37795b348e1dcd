import type { GraphFacts, GraphNodeFacts } from "../../src/protocol/api";
import { Canvas } from "../charts/canvas";
import { amountScale, theme } from "../charts/colours";
import { iconButton } from "../controls";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { layout, type Layout, type LayoutInput } from "./layout";

declare const LAYOUT_WORKER: string;

const WIDTH = 254, HEIGHT = 40, PILL_WIDTH = 146, PILL_HEIGHT = 20, FUSED_HEIGHT = 18;

export interface GraphState { zoom: number; x: number; y: number }

/** The layer graph on a canvas, with a tree of buttons as its twin for the keyboard and screen readers. */
export class GraphView {
  readonly element = el("div", { class: "graph" });
  private readonly stage = el("div", { class: "graph-stage" });
  private readonly twin = el("div", { class: "twin", role: "listbox", tabindex: 0, "aria-label": t("Layer graph") });
  private readonly canvas: Canvas;
  private picture: Layout | undefined;
  private view: GraphState | undefined;
  private selected: number | undefined;
  private drawnWidth = 0;
  private hits = new Set<number>();
  private readonly neighbours: { up: number[][]; down: number[][] };

  constructor(private readonly graph: GraphFacts, private readonly total: number, private readonly onSelect: (node: GraphNodeFacts) => void, private readonly onState: (state: GraphState) => void, initial?: GraphState) {
    this.view = initial;
    this.neighbours = { up: graph.nodes.map(() => []), down: graph.nodes.map(() => []) };
    for (const { from, to } of graph.edges) { this.neighbours.down[from].push(to); this.neighbours.up[to].push(from); }
    this.element.append(this.stage, this.twin, this.legend(), this.buttons());
    this.canvas = new Canvas(this.stage, (context, width, height) => this.draw(context, width, height));
    for (const node of graph.nodes) this.twin.append(el("div", { role: "option", id: `node-${node.id}`, "aria-selected": "false" }, `${node.name}, ${node.caption || node.op}${node.bytes ? `, ${format.bytes(node.bytes)}` : ""}`));
    this.listen();
    this.arrange();
  }

  /** Selects the node of a layer; scrolls to it only if it is out of sight. */
  select(layer: string | undefined): void {
    this.mark(this.graph.nodes.find((node) => node.layer === layer && layer !== undefined)?.id);
  }

  /** Marks what matches a search and shows the first. */
  search(text: string): number {
    const wanted = text.trim().toLowerCase();
    this.hits = new Set(wanted ? this.graph.nodes.filter(({ name, op, caption, shape }) => [name, op, caption, shape?.join("×") ?? ""].some((s) => s.toLowerCase().includes(wanted))).map(({ id }) => id) : []);
    const [first] = this.hits;
    if (first !== undefined) this.show(first);
    this.canvas.redraw();
    return this.hits.size;
  }

  private arrange(): void {
    const input: LayoutInput = {
      widths: this.graph.nodes.map((node) => sizeOf(node)[0]), heights: this.graph.nodes.map((node) => sizeOf(node)[1]),
      from: this.graph.edges.map(({ from }) => from), to: this.graph.edges.map(({ to }) => to),
    };
    const done = (picture: Layout) => {
      this.picture = picture;
      this.element.dataset.ready = "true";
      this.canvas.redraw();
    };
    try {
      const url = URL.createObjectURL(new Blob([LAYOUT_WORKER], { type: "text/javascript" })), worker = new Worker(url);
      worker.onmessage = (event: MessageEvent<Layout>) => { done(event.data); worker.terminate(); URL.revokeObjectURL(url); };
      worker.onerror = () => { worker.terminate(); done(layout(input)); };
      worker.postMessage(input);
    } catch {
      done(layout(input)); // a page that may start no worker still gets its picture
    }
  }

  private draw(context: CanvasRenderingContext2D, width: number, height: number): void {
    const { picture } = this;
    if (!picture) return;
    this.view ??= this.fitted(width, height);
    // the middle stays the middle when the editor becomes wider or narrower
    if (this.drawnWidth && this.drawnWidth !== width) this.view = { ...this.view, x: this.view.x + (width - this.drawnWidth) / 2 };
    this.drawnWidth = width;
    const { zoom, x, y } = this.view, colours = theme(), shade = amountScale(Math.max(...this.graph.nodes.map(({ bytes }) => bytes), 1));
    const top = -y / zoom, bottom = (height - y) / zoom;
    context.translate(x, y);
    context.scale(zoom, zoom);
    context.lineWidth = 1.2;
    context.strokeStyle = colours.secondary;
    context.fillStyle = colours.secondary;
    context.font = `11px ${colours.font}`;
    this.graph.edges.forEach(({ shape, to }, e) => {
      const points = picture.edges[e];
      if (points[1] > bottom || points[points.length - 1] < top) return;
      drawEdge(context, points);
      if (zoom > 0.45 && shape && this.neighbours.up[to].length === 1) context.fillText(format.caption(shape), points[points.length - 2] + 8, points[points.length - 1] - 10);
    });
    for (const node of this.graph.nodes) {
      const [w, h] = sizeOf(node), left = picture.x[node.id] - w / 2, high = picture.y[node.id] - h / 2;
      if (high > bottom || high + h < top) continue;
      this.drawNode(context, node, left, high, w, shade, zoom);
    }
  }

  private drawNode(context: CanvasRenderingContext2D, node: GraphNodeFacts, left: number, top: number, w: number, shade: (bytes: number) => string, zoom: number): void {
    const colours = theme(), plain = isPill(node), box = plain ? PILL_HEIGHT : HEIGHT, chosen = node.id === this.selected, hit = this.hits.has(node.id);
    context.beginPath();
    context.roundRect(left, top, w, box, plain ? 10 : 4);
    context.fillStyle = node.bytes && !colours.highContrast ? shade(node.bytes * 0.35) : colours.node;
    context.fill();
    context.strokeStyle = chosen || hit ? colours.focus : colours.line;
    context.lineWidth = chosen ? 2.5 : hit ? 2 : 1;
    if (hit && !chosen) context.setLineDash([4, 3]);
    context.stroke();
    context.setLineDash([]);
    if (node.bytes) {
      context.fillStyle = shade(node.bytes);
      context.fillRect(left, top + 2, 4, box - 4);
    }
    if (zoom < 0.25) return;
    context.fillStyle = colours.foreground;
    context.font = `13px ${colours.font}`;
    if (plain) {
      const label = node.op === "input" || node.op === "output" ? node.name : node.op, shape = (node.op === "input" || node.op === "output") && node.shape ? format.caption(node.shape) : "";
      context.fillText(clipped(context, label, w - 24 - (shape ? context.measureText(shape).width + 8 : 0)), left + 12, top + 14.5);
      if (shape) context.fillText(shape, left + w - 12 - context.measureText(shape).width, top + 14.5);
    } else {
      const size = format.bytes(node.bytes), share = format.percent(this.total ? node.bytes / this.total : 0);
      context.fillText(clipped(context, shortName(node), w - 36 - context.measureText(size).width), left + 14, top + 16);
      context.fillText(size, left + w - 10 - context.measureText(size).width, top + 16);
      context.font = `11px ${colours.font}`;
      context.fillStyle = colours.secondary;
      context.fillText(clipped(context, node.caption, w - 70), left + 14, top + 32);
      context.fillText(share, left + w - 10 - context.measureText(share).width, top + 32);
    }
    if (node.fused.length) {
      context.beginPath();
      context.roundRect(left, top + box, w, FUSED_HEIGHT, 3);
      context.strokeStyle = colours.line;
      context.lineWidth = 1;
      context.stroke();
      context.font = `11px ${colours.font}`;
      context.fillStyle = colours.secondary;
      context.fillText(clipped(context, node.fused.join(" · "), w - 20), left + 14, top + box + 13);
    }
  }

  private fitted(width: number, height: number): GraphState {
    const picture = this.picture!, zoom = Math.min(1, Math.max(0.05, Math.min((width - 32) / picture.width, Math.max((height - 32) / picture.height, 0.72))));
    return { zoom, x: (width - picture.width * zoom) / 2, y: 16 };
  }

  private whole(): void {
    const { width, height } = this.canvas, picture = this.picture;
    if (!picture) return;
    const zoom = Math.min(1.5, (width - 32) / picture.width, (height - 32) / picture.height);
    this.move({ zoom, x: (width - picture.width * zoom) / 2, y: (height - picture.height * zoom) / 2 });
  }

  private zoomBy(factor: number, atX = this.canvas.width / 2, atY = this.canvas.height / 2): void {
    if (!this.view) return;
    const zoom = Math.min(3, Math.max(0.02, this.view.zoom * factor)), by = zoom / this.view.zoom;
    this.move({ zoom, x: atX - (atX - this.view.x) * by, y: atY - (atY - this.view.y) * by });
  }

  private move(view: GraphState): void {
    this.view = view;
    this.onState(view);
    this.canvas.redraw();
  }

  private mark(id: number | undefined): void {
    if (id === this.selected) return;
    if (this.selected !== undefined) this.twin.children[this.selected]?.setAttribute("aria-selected", "false");
    this.selected = id;
    if (id !== undefined) {
      this.twin.children[id]?.setAttribute("aria-selected", "true");
      this.twin.setAttribute("aria-activedescendant", `node-${id}`);
      this.show(id);
    }
    this.canvas.redraw();
  }

  /** Brings a node into sight, if it is out of it. */
  private show(id: number): void {
    const { picture, view } = this;
    if (!picture || !view) return;
    const x = picture.x[id] * view.zoom + view.x, y = picture.y[id] * view.zoom + view.y, margin = 40;
    if (x > margin && y > margin && x < this.canvas.width - margin && y < this.canvas.height - margin) return;
    this.move({ zoom: view.zoom, x: view.x + this.canvas.width / 2 - x, y: view.y + this.canvas.height / 2 - y });
  }

  private choose(id: number | undefined): void {
    if (id === undefined) return;
    this.mark(id);
    this.onSelect(this.graph.nodes[id]);
  }

  private nodeAt(px: number, py: number): number | undefined {
    const { picture, view } = this;
    if (!picture || !view) return undefined;
    const x = (px - view.x) / view.zoom, y = (py - view.y) / view.zoom;
    return this.graph.nodes.find((node) => { const [w, h] = sizeOf(node); return Math.abs(x - picture.x[node.id]) <= w / 2 && Math.abs(y - picture.y[node.id]) <= h / 2; })?.id;
  }

  private listen(): void {
    let from: { x: number; y: number; view: GraphState; moved: boolean } | undefined;
    this.stage.addEventListener("pointerdown", (event) => { if (event.button === 0 && this.view) { from = { x: event.offsetX, y: event.offsetY, view: this.view, moved: false }; this.stage.setPointerCapture(event.pointerId); } });
    this.stage.addEventListener("pointermove", (event) => {
      if (!from) { this.stage.style.cursor = this.nodeAt(event.offsetX, event.offsetY) === undefined ? "" : "pointer"; return; }
      const dx = event.offsetX - from.x, dy = event.offsetY - from.y;
      from.moved ||= Math.hypot(dx, dy) > 3;
      if (from.moved) this.move({ zoom: from.view.zoom, x: from.view.x + dx, y: from.view.y + dy });
    });
    this.stage.addEventListener("pointerup", (event) => {
      if (from && !from.moved) { this.choose(this.nodeAt(event.offsetX, event.offsetY)); this.twin.focus({ preventScroll: true }); }
      from = undefined;
    });
    this.stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (event.ctrlKey || event.metaKey) this.zoomBy(Math.exp(-event.deltaY / 200), event.offsetX, event.offsetY);
      else if (this.view) this.move({ zoom: this.view.zoom, x: this.view.x - (event.shiftKey ? event.deltaY : event.deltaX), y: this.view.y - (event.shiftKey ? 0 : event.deltaY) });
    }, { passive: false });
    this.twin.addEventListener("keydown", (event) => {
      const at = this.selected ?? -1, { up, down } = this.neighbours;
      const steps: Record<string, () => void> = {
        ArrowDown: () => this.choose(at < 0 ? 0 : down[at][event.altKey ? 1 : 0] ?? down[at][0]), ArrowUp: () => this.choose(up[at]?.[event.altKey ? 1 : 0] ?? up[at]?.[0]),
        Home: () => this.choose(0), End: () => this.choose(this.graph.nodes.length - 1),
        "+": () => this.zoomBy(1.25), "-": () => this.zoomBy(0.8), "0": () => this.whole(), ".": () => { if (this.selected !== undefined) this.show(this.selected); },
      };
      const step = event.ctrlKey || event.metaKey ? undefined : steps[event.key];
      if (!step) return;
      step();
      event.preventDefault();
    });
  }

  private buttons(): HTMLElement {
    return el("div", { class: "graph-buttons" },
      iconButton({ label: t("Zoom In"), icon: "add", onClick: () => this.zoomBy(1.25) }), iconButton({ label: t("Zoom Out"), icon: "remove", onClick: () => this.zoomBy(0.8) }),
      iconButton({ label: t("Show All"), icon: "screen-full", onClick: () => this.whole() }));
  }

  private legend(): HTMLElement {
    const bar = el("div", { class: "legend-bar" });
    return el("div", { class: "legend" }, t("Share of bytes, per layer"), bar, el("span", { class: "legend-ends" }, el("span", {}, "0"), el("span", {}, format.percent(this.total ? Math.max(0, ...this.graph.nodes.map(({ bytes }) => bytes)) / this.total : 0))));
  }
}

const isPill = ({ layer }: GraphNodeFacts): boolean => layer === undefined;
const shortName = ({ layer, name }: GraphNodeFacts): string => (layer ?? name).replace(/\.weight$/, "");

function sizeOf(node: GraphNodeFacts): [number, number] {
  return [isPill(node) ? PILL_WIDTH : WIDTH, (isPill(node) ? PILL_HEIGHT : HEIGHT) + (node.fused.length ? FUSED_HEIGHT : 0)];
}

function clipped(context: CanvasRenderingContext2D, text: string, room: number): string {
  if (context.measureText(text).width <= room) return text;
  let keep = text.length;
  while (keep > 1 && context.measureText(`${text.slice(0, keep)}…`).width > room) keep--;
  return `${text.slice(0, keep)}…`;
}

function drawEdge(context: CanvasRenderingContext2D, points: Float64Array): void {
  context.beginPath();
  context.moveTo(points[0], points[1]);
  for (let i = 2; i < points.length; i += 2) {
    const [x0, y0, x1, y1] = [points[i - 2], points[i - 1], points[i], points[i + 1]], middle = (y0 + y1) / 2;
    if (x0 === x1) context.lineTo(x1, y1);
    else context.bezierCurveTo(x0, middle, x1, middle, x1, y1);
  }
  context.stroke();
  const x = points[points.length - 2], y = points[points.length - 1];
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x - 4, y - 6);
  context.lineTo(x + 4, y - 6);
  context.fill();
}
