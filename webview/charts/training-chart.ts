import { line, scaleLinear, tickStep, type ScaleLinear } from "d3";
import type { TrainingCourse } from "../../src/protocol/page";
import { el, svg } from "../dom";
import * as format from "../format";
import { t } from "../l10n";

const LEFT = 36, RIGHT = 8, TOP = 8, PLOT = 64, HEIGHT = TOP + PLOT + 18;

interface Plot { element: HTMLElement; chart: SVGSVGElement; title: HTMLElement; figures: HTMLElement }

/** How a training goes: samples that are held out, beside what they were before it; and the loss on what is trained on. */
export class TrainingChart {
  readonly element = el("div", { class: "training-charts" });
  private readonly held = plot("training-held");
  private readonly loss = plot("training-loss");
  private course: TrainingCourse | undefined;
  private steps = 1;

  constructor() {
    this.element.append(this.held.element, this.loss.element);
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  show(course: TrainingCourse, steps: number): void {
    this.course = course;
    this.steps = steps;
    this.draw();
  }

  private draw(): void {
    const { course, held, loss } = this;
    if (!course) return;
    const { first, best, losses } = course, last = losses[losses.length - 1]?.[1];
    held.title.textContent = heldTitle(course);
    held.figures.textContent = [`${heldText(valueOf(first))} → ${heldText(valueOf(best))}`, ...(best.step === undefined ? [] : [best.step === 0 ? t("least loss before training, {0}", format.loss(best.loss)) : t("least loss at step {0}, {1}", format.whole(best.step), format.loss(best.loss))])].join(" · ");
    loss.title.textContent = t("Training loss, mean of 50 steps");
    loss.figures.textContent = last === undefined ? "–" : format.loss(last);
    this.drawHeld(course);
    this.drawLoss(course);
  }

  private drawHeld({ held, first, best, samples }: TrainingCourse): void {
    const { chart } = this.held, points = held.map((look): [number, number] => [look.step, 100 * valueOf(look)]), before = 100 * valueOf(first), { x, y } = first.agreement === undefined ? this.axes(chart, [before, ...points.map(([, value]) => value)]) : this.axes(chart, [before, ...points.map(([, value]) => value)], { most: 100, finest: 100 / (samples ?? 100) });
    const level = svg("line", { class: "training-before", x1: LEFT, x2: x(this.steps), y1: y(before), y2: y(before) }), name = svg("text", { class: "training-name", x: x(this.steps), y: y(before) + (y(before) > TOP + PLOT / 2 ? -4 : 12), "text-anchor": "end" });
    name.textContent = t("before");
    chart.append(level, name, path("training-line", points, x, y), ...points.map(([step, value]) => svg("circle", { class: "training-look", cx: x(step), cy: y(value), r: 2 })));
    if (best.step !== undefined) chart.append(svg("circle", { class: "training-best", cx: x(best.step), cy: y(100 * valueOf(best)), r: 4.5 }));
  }

  private drawLoss({ losses }: TrainingCourse): void {
    const { chart } = this.loss, { x, y } = this.axes(chart, losses.map(([, loss]) => loss));
    chart.append(path("training-line", losses, x, y));
    const [step, loss] = losses[losses.length - 1] ?? [];
    if (step !== undefined && loss !== undefined) chart.append(svg("circle", { class: "training-look", cx: x(step), cy: y(loss), r: 2.5 }));
  }

  /** Empties a chart and draws its axes: steps across, values up, as far as the values go. @param limits `finest`: less is no difference that the samples can show */
  private axes(chart: SVGSVGElement, values: readonly number[], { most = Infinity, finest = 1e-9 } = {}): { x: ScaleLinear<number, number>; y: ScaleLinear<number, number> } {
    const width = Math.max(LEFT + RIGHT + 1, chart.parentElement?.clientWidth ?? 0), least = Math.min(...values), top = Math.max(...values), room = Math.max((top - least) * 0.1, Math.abs(top) * 0.002, finest);
    const step = tickStep(Math.max(0, least - room), Math.min(most, top + room), 2), y = scaleLinear([Math.max(0, Math.floor((least - room) / step) * step), Math.min(most, Math.ceil((top + room) / step) * step)], [TOP + PLOT, TOP]), x = scaleLinear([0, this.steps], [LEFT, width - RIGHT]);
    chart.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    chart.setAttribute("width", String(width));
    chart.setAttribute("height", String(HEIGHT));
    chart.replaceChildren(...y.ticks(2).flatMap((tick) => [svg("line", { class: "curve-grid", x1: LEFT, x2: width - RIGHT, y1: y(tick), y2: y(tick) }), text(format.tick(tick, step), LEFT - 6, y(tick) + 4, "end")]),
      text("0", LEFT, HEIGHT - 2, "start"), text(t("step {0}", format.whole(this.steps)), width - RIGHT, HEIGHT - 2, "end"));
    return { x, y };
  }
}

/** The looks at held-out samples with the loss at that time, for those who would rather read. */
export function trainingTable({ held, losses, first, best }: TrainingCourse): HTMLElement {
  const cell = (value: string) => el("td", { class: "number" }, value), row = (step: number, value: string, loss: string) => el("tr", step === best.step ? { "aria-current": "true" } : {}, cell(format.whole(step)), cell(value), cell(loss));
  const lossAt = (step: number): string => { const known = losses.find(([at]) => at >= step); return known ? format.loss(known[1]) : "–"; };
  return el("table", {}, el("thead", {}, el("tr", {}, ...[t("Step"), first.agreement === undefined ? t("Error, %") : t("Agreement, %"), t("Loss")].map((name) => el("th", {}, name)))),
    el("tbody", {}, row(0, heldText(valueOf(first)), "–"), ...held.map((look) => row(look.step, heldText(valueOf(look)), lossAt(look.step)))));
}

/** What the held-out samples are, and how many: others than those of the report. */
function heldTitle({ first, samples }: TrainingCourse): string {
  if (samples === undefined) return first.agreement === undefined ? t("Error on samples kept from training, %") : t("Agreement on images kept from training, %");
  return first.agreement === undefined ? t("Error on {0} samples kept from training, %", format.whole(samples)) : t("Agreement on {0} images kept from training, %", format.whole(samples));
}

/** What is told of samples that are held out: the share that agrees, or the error. */
const valueOf = ({ agreement, loss }: { agreement?: number; loss: number }): number => agreement ?? loss;
const heldText = (share: number): string => format.tenths(100 * share);

function plot(name: string): Plot {
  const chart = svg("svg", { "aria-hidden": "true" }), title = el("small"), figures = el("b");
  return { element: el("figure", { class: name }, el("figcaption", {}, title, figures), chart), chart, title, figures };
}

function text(content: string, x: number, y: number, anchor: "start" | "end"): SVGTextElement {
  const element = svg("text", { x, y, "text-anchor": anchor });
  element.textContent = content;
  return element;
}

const path = (name: string, points: readonly [number, number][], x: ScaleLinear<number, number>, y: ScaleLinear<number, number>): SVGPathElement =>
  svg("path", { class: name, d: line<[number, number]>().x(([step]) => x(step)).y(([, value]) => y(value))([...points]) ?? "" });
