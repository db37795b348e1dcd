import type { Outline } from "../../src/protocol/outline";
import { theme } from "../charts/colours";
import { svg } from "../dom";

/** The planes in which clusters are seen. */
export type Plane = "principal" | "umap";
/** What an outline does to those that are there already. */
export type How = "new" | "add" | "take";

/** Pixels between two corners of what is drawn, and a size below which nobody meant to draw anything. */
const STEP = 3, LEAST = 6;
const TINT = 0.16;

/** An outline while it is drawn, in pixels of the stage. */
export class Stroke {
  private readonly corners: number[];
  private size = 0;
  constructor(private readonly x: number, private readonly y: number, readonly how: How) { this.corners = [x, y]; }

  /** Whether it is more than a click that slipped. */
  get isOutline(): boolean { return this.size > LEAST && this.corners.length >= 6; }

  to(x: number, y: number): void {
    const { corners } = this, last = corners.length - 2;
    this.size = Math.max(this.size, Math.hypot(x - this.x, y - this.y));
    if (Math.hypot(x - corners[last], y - corners[last + 1]) >= STEP) corners.push(x, y);
  }

  /** In the plane's own coordinates, with no more corners than asked for. */
  outline(place: (x: number, y: number) => [number, number], most: number): Outline {
    const { corners, how } = this, count = corners.length / 2, kept = Math.min(count, most);
    return { points: Array.from({ length: kept }, (_, i) => { const at = Math.floor(i * count / kept) * 2; return place(corners[at], corners[at + 1]); }).flat(), ...(how === "take" && { takes: true }) };
  }
}

/** Draws outlines in the accent: what they choose is tinted, but not in high contrast, where their lines alone tell. */
export function drawOutlines(context: CanvasRenderingContext2D, outlines: readonly Outline[], width: number, height: number, at: (x: number, y: number) => [number, number]): void {
  const { focus, highContrast } = theme(), paths = outlines.map(({ points }) => {
    const path = new Path2D();
    for (let i = 0; i < points.length; i += 2) path.lineTo(...at(points[i], points[i + 1]));
    path.closePath();
    return path;
  });
  if (!highContrast) tint(context, outlines, paths, width, height);
  context.save();
  context.strokeStyle = focus;
  context.lineWidth = highContrast ? 2 : 1.5;
  context.setLineDash([5, 3]);
  for (const path of paths) context.stroke(path);
  context.restore();
}

/** One colour over all that is added, without what is taken away. */
function tint(context: CanvasRenderingContext2D, outlines: readonly Outline[], paths: readonly Path2D[], width: number, height: number): void {
  const ratio = window.devicePixelRatio || 1, layer = new OffscreenCanvas(Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))), own = layer.getContext("2d");
  if (!own) return;
  own.scale(ratio, ratio);
  own.fillStyle = theme().focus;
  outlines.forEach(({ takes }, i) => {
    own.globalCompositeOperation = takes ? "destination-out" : "source-over";
    own.fill(paths[i]);
  });
  context.save();
  context.globalAlpha = TINT;
  context.drawImage(layer, 0, 0, width, height);
  context.restore();
}

/** A lasso: the codicons have none. */
export function lassoIcon(): SVGElement {
  const drawing = svg("svg", { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true", class: "lasso-icon" });
  drawing.append(svg("path", { d: "M5.2 10.6C3.3 9.9 2 8.5 2 6.9 2 4.5 4.7 2.5 8 2.5s6 2 6 4.4-2.7 4.4-6 4.4c-.5 0-1-.05-1.5-.13", fill: "none", stroke: "currentColor", "stroke-width": 1.1, "stroke-dasharray": "2.6 1.5" }), svg("circle", { cx: 5.2, cy: 11, r: 1.5, fill: "none", stroke: "currentColor", "stroke-width": 1.1 }), svg("path", { d: "M5.6 12.4c.3.9-.1 1.7-1.1 2.1", fill: "none", stroke: "currentColor", "stroke-width": 1.1 }));
  return drawing;
}
