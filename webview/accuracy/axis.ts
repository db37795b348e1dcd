import { range, scaleLinear, tickStep, type ScaleLinear } from "d3";
import { Canvas } from "../charts/canvas";
import { faded, theme, tinted } from "../charts/colours";
import { el } from "../dom";
import * as format from "../format";
import type { Estimate } from "../../src/protocol/estimates";

export interface AxisMarks { before?: Estimate; after: Estimate }

const LINE = 10, BAND = 6, DOT = 4.5, EDGE = 6, GAP = 8;

/** One axis with what was (a ring) and what is (a dot), each in its interval. */
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
      context.fillRect(Math.round(x(tick)), LINE - 3, 1, 7);
      context.fillStyle = secondary;
      context.fillText(text, at, 30);
    }
    if (marks.before) this.band(context, x(marks.before.low), x(marks.before.high), faded(0.22));
    this.band(context, x(marks.after.low), x(marks.after.high), tinted(focus, 0.4));
    context.lineWidth = 1.5;
    if (marks.before) {
      context.beginPath();
      context.arc(x(marks.before.value), LINE + 0.5, DOT, 0, 2 * Math.PI);
      context.fillStyle = background;
      context.fill();
      context.strokeStyle = foreground;
      context.stroke();
    }
    context.beginPath();
    context.arc(x(marks.after.value), LINE + 0.5, DOT, 0, 2 * Math.PI);
    context.fillStyle = highContrast ? foreground : focus;
    context.fill();
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

  /** Where colours alone do not tell, a band is an outline. */
  private band(context: CanvasRenderingContext2D, from: number, to: number, colour: string): void {
    const { highContrast, foreground } = theme(), [left, right] = [Math.max(EDGE, from), Math.max(from + 1, to)];
    if (highContrast) {
      context.strokeStyle = foreground;
      context.lineWidth = 1;
      context.strokeRect(Math.round(left) + 0.5, LINE - BAND / 2 + 0.5, Math.round(right - left), BAND);
      return;
    }
    context.globalAlpha = 0.8;
    context.fillStyle = colour;
    context.fillRect(left, LINE - BAND / 2 + 0.5, right - left, BAND);
    context.globalAlpha = 1;
  }
}

/** Whole steps around all that is marked, within what is possible. */
export function domainOf({ before, after }: AxisMarks, [least, most]: [number, number], few: number): { low: number; high: number; step: number } {
  const low = Math.min(after.low, before?.low ?? Infinity), high = Math.max(after.high, before?.high ?? -Infinity), room = Math.max((high - low) / 2, (after.value || 1) * 0.002);
  const step = tickStep(Math.max(least, low - room), Math.min(most, high + room), few - 1);
  return { low: Math.max(least, Math.floor((low - room) / step) * step), high: Math.min(most, Math.ceil((high + room) / step) * step), step };
}
