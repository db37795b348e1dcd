import type { Measuring } from "../charts/text";

/** What a graph is drawn with. */
export type Pen = Pick<CanvasRenderingContext2D, "fillStyle" | "strokeStyle" | "lineWidth" | "globalAlpha" | "font" | "textAlign" | "save" | "restore" | "translate" | "rotate" | "setLineDash" | "beginPath" | "moveTo" | "lineTo" | "arcTo" | "roundRect" | "fill" | "stroke" | "clip" | "fillRect" | "fillText"> & Measuring;

type Fill = string | CanvasGradient | CanvasPattern;
interface Look { fillStyle: Fill; strokeStyle: Fill; lineWidth: number; globalAlpha: number; font: string; textAlign: CanvasTextAlign; dash: number[]; clip: string; matrix: string }

const START: Look = { fillStyle: "#000", strokeStyle: "#000", lineWidth: 1, globalAlpha: 1, font: "10px sans-serif", textAlign: "left", dash: [], clip: "", matrix: "" };
const escaped = (text: Fill): string => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const n = (value: number): string => String(Math.round(value * 100) / 100);

/** Draws as a canvas does, into an SVG. */
export class SvgDrawing implements Pen {
  private readonly parts: string[] = [];
  private path: string[] = [];
  private at: [x: number, y: number] = [0, 0];
  private look: Look = { ...START };
  private readonly looks: Look[] = [];
  private clips = 0;

  /** @param measure a canvas's context, which knows how wide text is */
  constructor(private readonly measure: Measuring & { font: string }) {}

  get fillStyle(): Fill { return this.look.fillStyle; }
  set fillStyle(value: Fill) { this.look.fillStyle = value; }
  get strokeStyle(): Fill { return this.look.strokeStyle; }
  set strokeStyle(value: Fill) { this.look.strokeStyle = value; }
  get lineWidth(): number { return this.look.lineWidth; }
  set lineWidth(value: number) { this.look.lineWidth = value; }
  get globalAlpha(): number { return this.look.globalAlpha; }
  set globalAlpha(value: number) { this.look.globalAlpha = value; }
  get font(): string { return this.look.font; }
  set font(value: string) { this.look.font = this.measure.font = value; }
  get textAlign(): CanvasTextAlign { return this.look.textAlign; }
  set textAlign(value: CanvasTextAlign) { this.look.textAlign = value; }

  save(): void { this.looks.push({ ...this.look }); }
  restore(): void { this.look = this.looks.pop() ?? this.look; this.measure.font = this.look.font; }
  translate(x: number, y: number): void { this.look.matrix += `translate(${n(x)} ${n(y)})`; }
  rotate(angle: number): void { this.look.matrix += `rotate(${n(angle * 180 / Math.PI)})`; }
  setLineDash(dash: number[]): void { this.look.dash = dash; }

  beginPath(): void { this.path = []; }
  moveTo(x: number, y: number): void { this.path.push(`M${n(x)} ${n(y)}`); this.at = [x, y]; }
  lineTo(x: number, y: number): void { this.path.push(`L${n(x)} ${n(y)}`); this.at = [x, y]; }
  /** Of right angles: the arc of a circle is that of a curve through its corner, as near as anyone sees. */
  arcTo(x1: number, y1: number, x2: number, y2: number, radius: number): void {
    const [x0, y0] = this.at, before = Math.hypot(x0 - x1, y0 - y1), after = Math.hypot(x2 - x1, y2 - y1);
    if (!before || !after || !radius) { this.lineTo(x1, y1); return; }
    const [ax, ay, bx, by] = [x1 + (x0 - x1) * radius / before, y1 + (y0 - y1) * radius / before, x1 + (x2 - x1) * radius / after, y1 + (y2 - y1) * radius / after];
    this.path.push(`L${n(ax)} ${n(ay)}Q${n(x1)} ${n(y1)} ${n(bx)} ${n(by)}`);
    this.at = [bx, by];
  }
  roundRect(x: number, y: number, width: number, height: number, radius: number): void {
    const r = Math.min(radius, width / 2, height / 2), arc = (dx: number, dy: number): string => `a${n(r)} ${n(r)} 0 0 1 ${n(dx)} ${n(dy)}`;
    this.path.push(`M${n(x + r)} ${n(y)}h${n(width - 2 * r)}${arc(r, r)}v${n(height - 2 * r)}${arc(-r, r)}h${n(2 * r - width)}${arc(-r, -r)}v${n(2 * r - height)}${arc(r, -r)}z`);
  }
  fill(): void { this.add(`<path d="${this.path.join("")}" fill="${escaped(this.look.fillStyle)}"`, "/>"); }
  stroke(): void {
    const { strokeStyle, lineWidth, dash } = this.look;
    this.add(`<path d="${this.path.join("")}" fill="none" stroke="${escaped(strokeStyle)}" stroke-width="${n(lineWidth)}"${dash.length ? ` stroke-dasharray="${dash.join(" ")}"` : ""}`, "/>");
  }
  clip(): void {
    const id = `c${this.clips++}`;
    this.parts.push(`<clipPath id="${id}"><path d="${this.path.join("")}"/></clipPath>`);
    this.look.clip = id;
  }
  fillRect(x: number, y: number, width: number, height: number): void { this.add(`<rect x="${n(x)}" y="${n(y)}" width="${n(width)}" height="${n(height)}" fill="${escaped(this.look.fillStyle)}"`, "/>"); }
  measureText(text: string): { width: number } { return this.measure.measureText(text); }
  fillText(text: string, x: number, y: number): void {
    const { font, textAlign, fillStyle } = this.look, [, weight, size, family] = /^(?:(bold|\d{3}) )?([\d.]+)px (.*)$/.exec(font) ?? [];
    this.add(`<text x="${n(x)}" y="${n(y)}" font-size="${size}" font-family="${escaped(family ?? "sans-serif")}"${weight ? ` font-weight="${weight}"` : ""}${textAlign === "center" ? ' text-anchor="middle"' : ""} fill="${escaped(fillStyle)}"`, `>${escaped(text)}</text>`);
  }

  /** The whole picture, `left` and `top` of it in the corner, on a ground. */
  svg({ left, top, width, height }: { left: number; top: number; width: number; height: number }, ground: string): string {
    const box = [left, top, width, height].map(n);
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${box[2]}" height="${box[3]}" viewBox="${box.join(" ")}">\n<rect x="${box[0]}" y="${box[1]}" width="${box[2]}" height="${box[3]}" fill="${escaped(ground)}"/>\n${this.parts.join("\n")}\n</svg>\n`;
  }

  private add(begin: string, end: string): void {
    const { globalAlpha, clip, matrix } = this.look;
    this.parts.push(`${begin}${globalAlpha < 1 ? ` opacity="${n(globalAlpha)}"` : ""}${clip ? ` clip-path="url(#${clip})"` : ""}${matrix ? ` transform="${matrix}"` : ""}${end}`);
  }
}
