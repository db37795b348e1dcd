import { line, scaleLinear, tickStep, type ScaleLinear } from "d3";
import type { TrainingCourse } from "../../src/protocol/page";
import { el, svg } from "../dom";
import * as format from "../format";
import { t } from "../l10n";

const LEFT = 44, RIGHT = 8, TOP = 8, PLOT = 104, HEIGHT = TOP + PLOT + 18;
/** The axis of steps is no shorter at first. Lines of the grid, about; the digits of percents; about what a letter takes. */
const LEAST_STEPS = 20, LINES = 4, TENTH = 0.1, LETTER = 6;

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

  /** @param done steps; the axis ends at a round number behind them, so that what has been takes most of it */
  show(course: TrainingCourse, { done, of }: { done: number; of: number }): void {
    this.course = course;
    this.steps = Math.max(1, Math.min(of, format.roundUp(Math.max(LEAST_STEPS, done))));
    this.draw();
  }

  private draw(): void {
    const { course } = this;
    if (!course) return;
    this.drawHeld(course);
    this.drawLoss(course);
  }

  private drawHeld(course: TrainingCourse): void {
    const { held, first, best, samples } = course, { chart } = this.held, points = held.map((look): [number, number] => [look.step, 100 * valueOf(look)]), before = 100 * valueOf(first);
    caption(this.held, heldTitle(course), format.shares(valueOf(first), valueOf(best)), t("Loss on them: {0} → {1}. The step with the least is kept, so they are no proof of a gain: that is measured on other images at the end.", format.loss(first.loss), format.loss(best.loss)));
    const { x, y } = this.axes(chart, [before, ...points.map(([, value]) => value)], first.agreement === undefined ? { coarsest: TENTH } : { most: 100, finest: 100 / (samples ?? 100), coarsest: TENTH });
    const end = x(this.steps), name = text(t("before"), end, y(before) + (y(before) > TOP + PLOT / 2 ? -4 : 12), "end");
    name.classList.add("training-name");
    chart.append(svg("line", { class: "training-before", x1: LEFT, x2: end, y1: y(before), y2: y(before) }), path("training-line", points, x, y), name, ...points.map(([step, value]) => svg("circle", { class: "training-look", cx: x(step), cy: y(value), r: 2 })));
    if (best.step === undefined) return;
    const at = x(best.step), top = y(100 * valueOf(best));
    chart.append(svg("line", { class: "training-least", x1: at, x2: at, y1: top, y2: TOP + PLOT + 4 }), svg("circle", { class: "training-best", cx: at, cy: top, r: 4.5 }), ...this.least(best.step, at, end));
  }

  /** Says where the loss is least, between the ends of the axis, if it has room there. */
  private least(step: number, at: number, end: number): SVGElement[] {
    const words = step === 0 ? t("least loss before training") : t("least loss at step {0}", format.whole(step)), half = LETTER * words.length / 2, first = LEFT + 20 + half, last = end - LETTER * this.lastStep.length - 12 - half;
    if (last < first) return [];
    const told = text(words, Math.max(first, Math.min(last, at)), HEIGHT - 2, "middle");
    told.classList.add("training-told");
    return [told];
  }

  private get lastStep(): string { return t("step {0}", format.whole(this.steps)); }

  private drawLoss({ losses }: TrainingCourse): void {
    const { chart } = this.loss, { x, y, step: fine } = this.axes(chart, losses.map(([, loss]) => loss)), [step, loss] = losses[losses.length - 1] ?? [];
    caption(this.loss, t("Training loss, mean of 50 steps"), loss === undefined ? "–" : format.tick(loss, fine / 10));
    chart.append(path("training-line", losses, x, y));
    if (step !== undefined && loss !== undefined) chart.append(svg("circle", { class: "training-look", cx: x(step), cy: y(loss), r: 2.5 }));
  }

  /**
   * Empties a chart and draws its axes: steps across, values up, as far as the values go.
   * @param limits `finest`: less is no difference that the samples can show; `coarsest`: numbers of the axis have at least its digits
   */
  private axes(chart: SVGSVGElement, values: readonly number[], { most = Infinity, finest = 1e-9, coarsest = Infinity } = {}): { x: ScaleLinear<number, number>; y: ScaleLinear<number, number>; step: number } {
    const width = Math.max(LEFT + RIGHT + 1, chart.parentElement?.clientWidth ?? 0), least = Math.min(...values), top = Math.max(...values), room = Math.max((top - least) * 0.1, Math.abs(top) * 0.002, finest);
    const step = tickStep(Math.max(0, least - room), Math.min(most, top + room), LINES), y = scaleLinear([Math.max(0, Math.floor((least - room) / step) * step), Math.min(most, Math.ceil((top + room) / step) * step)], [TOP + PLOT, TOP]), x = scaleLinear([0, this.steps], [LEFT, width - RIGHT]);
    chart.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    chart.setAttribute("width", String(width));
    chart.setAttribute("height", String(HEIGHT));
    chart.replaceChildren(...y.ticks(LINES).flatMap((tick) => [svg("line", { class: "curve-grid", x1: LEFT, x2: width - RIGHT, y1: y(tick), y2: y(tick) }), text(format.tick(tick, Math.min(step, coarsest)), LEFT - 6, y(tick) + 4, "end")]),
      text("0", LEFT, HEIGHT - 2, "start"), text(this.lastStep, width - RIGHT, HEIGHT - 2, "end"));
    return { x, y, step };
  }
}

/** The looks at held-out samples with the loss at that time, for those who would rather read. */
export function trainingTable({ held, losses, first, best }: TrainingCourse): HTMLElement {
  const cell = (value: string) => el("td", { class: "number" }, value), row = (step: number, value: string, loss: string) => el("tr", step === best.step ? { "aria-current": "true" } : {}, cell(format.whole(step)), cell(value), cell(loss));
  const lossAt = (step: number): string => { const known = losses.find(([at]) => at >= step); return known ? format.loss(known[1]) : "–"; };
  return el("table", {}, el("thead", {}, el("tr", {}, ...[t("Step"), first.agreement === undefined ? t("Error, %") : t("Agreement, %"), t("Loss")].map((name) => el("th", {}, name)))),
    el("tbody", {}, row(0, heldText(valueOf(first)), ""), ...held.map((look) => row(look.step, heldText(valueOf(look)), lossAt(look.step)))));
}

/** What the held-out samples are, and how many: others than those of the report. */
function heldTitle({ first, samples }: TrainingCourse): string {
  if (samples === undefined) return first.agreement === undefined ? t("Error on samples that choose the step") : t("Agreement on images that choose the step");
  return first.agreement === undefined ? t("Error on {0} samples that choose the step", format.whole(samples)) : t("Agreement on {0} images that choose the step", format.whole(samples));
}

/** What is told of samples that are held out: the share that agrees, or the error. */
const valueOf = ({ agreement, loss }: { agreement?: number; loss: number }): number => agreement ?? loss;
const heldText = (share: number): string => format.tenths(100 * share);

/** What a chart is of and where it stands now, on one line: the figures stay whole. */
function caption({ title, figures }: Plot, name: string, now: string, more?: string): void {
  title.textContent = title.title = name;
  figures.textContent = now;
  figures.title = more ?? "";
}

function plot(name: string): Plot {
  const chart = svg("svg", { "aria-hidden": "true" }), title = el("small"), figures = el("b");
  return { element: el("figure", { class: name }, el("figcaption", {}, title, figures), chart), chart, title, figures };
}

function text(content: string, x: number, y: number, anchor: "start" | "middle" | "end"): SVGTextElement {
  const element = svg("text", { x, y, "text-anchor": anchor });
  element.textContent = content;
  return element;
}

const path = (name: string, points: readonly [number, number][], x: ScaleLinear<number, number>, y: ScaleLinear<number, number>): SVGPathElement =>
  svg("path", { class: name, d: line<[number, number]>().x(([step]) => x(step)).y(([, value]) => y(value))([...points]) ?? "" });
