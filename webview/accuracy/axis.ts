import { range, scaleLinear, tickStep, type ScaleLinear } from "d3";
import { Canvas } from "../charts/canvas";
import { faded, theme } from "../charts/colours";
import { el } from "../dom";
import * as format from "../format";
import type { Estimate } from "../../src/protocol/estimates";

export interface AxisMarks { before?: Estimate; after: Estimate }

/** Heights: of what was and what is, of one alone, of the axis under them, of its numbers. */
const WAS = 6.5, IS = 17.5, ALONE = 12.5, LINE = 26, NUMBERS = 42;
/** Half of an end of an interval, half of a mark, what both ends of the axis leave, and between two numbers. */
const CAP = 3.5, DOT = 4.5, EDGE = 6, GAP = 8;

/** Above one axis what was (a ring) and what is (a dot), each with the line of its interval, on lines of their own so that none hides another. */
export class Axis {
  readonly element = el("div", { class: "acc-axis", role: "img" });
  private readonly canvas: Canvas;
  private marks: AxisMarks | undefined;
  private unit = 1;
  private limits: [number, number] = [0, 1];

  constructor() { this.canvas = new Canvas(this.element, (context, width) => this.draw(context, width)); }

  /** @param unit what the numbers at the axis are counted in: 0.01 for percent */
  show(marks: AxisMarks, limits: [number, number], unit: number, label: string): void {
    this.marks = marks;
    this.limits = limits;
    this.unit = unit;
    this.element.setAttribute("aria-label", label);
    this.canvas.redraw();
  }

  private draw(context: CanvasRenderingContext2D, width: number): void {
    const { marks } = this;
    if (!marks) return;
    const { secondary, background, focus, foreground, font, highContrast } = theme();
    context.font = `11px ${font}`;
    const { x, labels } = this.scale(context, marks, width);
    context.fillStyle = highContrast ? foreground : faded(0.3);
    context.fillRect(EDGE, LINE, width - 2 * EDGE, 1);
    context.textAlign = "center";
    for (const { tick, text, at } of labels) {
      context.fillStyle = highContrast ? foreground : faded(0.3);
      context.fillRect(Math.round(x(tick)), LINE - 3, 1, 6);
      context.fillStyle = secondary;
      context.fillText(text, at, NUMBERS);
    }
    const after = highContrast ? foreground : focus;
    if (marks.before) this.mark(context, x, marks.before, WAS, { line: secondary, edge: foreground, fill: background });
    this.mark(context, x, marks.after, marks.before ? IS : ALONE, { line: after, edge: after, fill: after });
  }

  /** A value with both ends of its interval. */
  private mark(context: CanvasRenderingContext2D, x: ScaleLinear<number, number>, { value, low, high }: Estimate, y: number, { line, edge, fill }: { line: string; edge: string; fill: string }): void {
    const left = x(low), right = Math.max(left + 1, x(high));
    context.lineWidth = 1.5;
    context.strokeStyle = line;
    context.beginPath();
    for (const [fromX, fromY, toX, toY] of [[left, y, right, y], [left, y - CAP, left, y + CAP], [right, y - CAP, right, y + CAP]] as const) {
      context.moveTo(fromX, fromY);
      context.lineTo(toX, toY);
    }
    context.stroke();
    context.beginPath();
    context.arc(x(value), y, DOT, 0, 2 * Math.PI);
    context.fillStyle = fill;
    context.fill();
    context.strokeStyle = edge;
    context.stroke();
  }

  /** As many labelled steps as have room beside each other. */
  private scale(context: CanvasRenderingContext2D, marks: AxisMarks, width: number): { x: ScaleLinear<number, number>; labels: { tick: number; text: string; at: number }[] } {
    for (let few = Math.max(3, Math.min(6, Math.floor(width / 56))); ; few--) {
      const { low, high, step } = domainOf(marks, this.limits, few), x = scaleLinear([low, high], [EDGE, width - EDGE]);
      const labels = range(low, high + step / 2, step).map((tick) => {
        const text = format.tick(tick / this.unit, step / this.unit), half = context.measureText(text).width / 2;
        return { tick, text, half, at: Math.max(half, Math.min(width - half, x(tick))) };
      });
      if (few <= 2 || labels.every(({ at, half }, i) => i === 0 || at - half >= labels[i - 1].at + labels[i - 1].half + GAP)) return { x, labels };
    }
  }
}

/** Whole steps around all that is marked, within what is possible. */
export function domainOf({ before, after }: AxisMarks, [least, most]: [number, number], few: number): { low: number; high: number; step: number } {
  const low = Math.min(after.low, before?.low ?? Infinity), high = Math.max(after.high, before?.high ?? -Infinity), room = Math.max((high - low) / 2, (after.value || 1) * 0.002);
  const step = tickStep(Math.max(least, low - room), Math.min(most, high + room), few - 1);
  return { low: Math.max(least, Math.floor((low - room) / step) * step), high: Math.min(most, Math.ceil((high + room) / step) * step), step };
}
