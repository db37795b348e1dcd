import { line, scaleLinear, tickStep, type ScaleLinear } from "d3";
import type { LookAtHeld, TrainingCourse } from "../../src/protocol/page";
import type { HeldOut } from "../../src/protocol/report";
import { el, svg } from "../dom";
import * as format from "../format";
import { t } from "../l10n";

const LEFT = 52, RIGHT = 8, TOP = 8, PLOT = 104, HEIGHT = TOP + PLOT + 18;
/** The axis of steps is no shorter at first: so few are all on it from the beginning. Lines of the grid, about; the digits of percents; about what a letter takes across, and a line of text down. */
const LEAST_STEPS = 40, LINES = 4, TENTH = 0.1, LETTER = 6, TEXT = 10;
/** The axis of losses spans at least this share of them: what is less is no change to look at. */
const LEAST_SPAN = 0.04;
/** Steps that the loss on what is trained on is about the mean of, once there are so many. */
const SMOOTHED = 50;
/** The axis of losses holds so many times what was before, and the training's where it is so near to what decides: a training that runs away, or one on labels too, would flatten the rest. */
const MOST_LOSS = 3, NEAR = [0.4, 1.6] as const;

interface Plot { element: HTMLElement; chart: SVGSVGElement; title: HTMLElement; figures: HTMLElement }
interface Scales { x: ScaleLinear<number, number>; y: ScaleLinear<number, number> }
type Point = [x: number, y: number];

/** How a training goes: the loss on samples that choose the step, beside that on what is trained on; and how many predictions are the original's. */
export class TrainingChart {
  readonly element = el("div", { class: "training-charts" });
  private readonly decides = plot("training-decides");
  private readonly held = plot("training-held");
  private readonly keyOn = el("span", { class: "training-key on" });
  private readonly keys = el("p", { class: "training-keys" }, el("span", { class: "training-key" }, t("choosing the step")), this.keyOn);
  private course: TrainingCourse | undefined;
  private steps = 1;

  constructor() {
    this.decides.element.append(this.keys);
    this.element.append(this.decides.element, this.held.element);
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  /** @param done steps; the axis ends at a round number behind them, so that what has been takes most of it */
  show(course: TrainingCourse, { done, of }: { done: number; of: number }): void {
    this.course = course;
    this.steps = Math.max(1, Math.min(of, format.roundUp(Math.max(LEAST_STEPS, done))));
    this.keyOn.textContent = done >= SMOOTHED ? t("trained on, mean of {0} steps", SMOOTHED) : t("trained on, mean of all steps so far");
    this.draw();
  }

  private draw(): void {
    const { course } = this;
    if (!course) return;
    this.drawLoss(course);
    this.held.element.hidden = course.first.agreement === undefined;
    if (course.first.agreement !== undefined) this.drawAgreement(course);
  }

  /** What is brought down: the step with the least on samples that choose it is kept. */
  private drawLoss(course: TrainingCourse): void {
    const { first, best, losses } = course, { chart } = this.decides, unit = unitOf(course), looks = looksOf(course).map(({ step, loss }): Point => [step, loss / unit]).filter(([, loss]) => Number.isFinite(loss));
    const known = looks.map(([, loss]) => loss), most = MOST_LOSS * first.loss / unit, near = losses.map(([step, loss]): Point => [step, loss / unit]), isNear = near.length > 1 && near.some(([, loss]) => loss > NEAR[0] * Math.min(...known) && loss < NEAR[1] * Math.max(...known));
    caption(this.decides, lossTitle(course), lossChange(course), t("The step with the least is kept, so these samples are no proof of a gain: that is measured on other images at the end."));
    const { x, y } = this.axes(chart, [...known.filter((loss) => loss <= most), ...isNear ? near.map(([, loss]) => loss).filter((loss) => loss < NEAR[1] * Math.max(...known)) : []], unit === 1 ? {} : { coarsest: TENTH });
    const plotted = svg("g", { "clip-path": "url(#training-plot)" }), clip = svg("clipPath", { id: "training-plot" });
    clip.append(svg("rect", { x: LEFT - 6, y: TOP - 6, width: Math.max(0, x(this.steps) - LEFT + 12), height: PLOT + 12 }));
    if (isNear) plotted.append(path("training-on", near, { x, y }));
    this.keys.hidden = !isNear;
    plotted.append(...this.levelBefore(first.loss / unit, isNear ? [looks, near] : [looks], { x, y }), path("training-line", looks, { x, y }), ...dots(looks, { x, y }));
    chart.append(clip, plotted);
    if (best.step === undefined) return;
    const at = x(best.step), top = y(best.loss / unit);
    chart.append(svg("line", { class: "training-least", x1: at, x2: at, y1: top, y2: TOP + PLOT + 4 }), svg("circle", { class: "training-best", cx: at, cy: top, r: 4.5 }), ...this.chosen(best.step, at, x(this.steps)));
  }

  /** Predictions that are the original's, on the samples that choose the step. */
  private drawAgreement(course: TrainingCourse): void {
    const { first, best, samples = 100 } = course, { chart } = this.held, points = looksOf(course).map(({ step, agreement = 0 }): Point => [step, 100 * agreement]), before = 100 * (first.agreement ?? 0);
    caption(this.held, samplesTitle(course, t("Agreement on images that choose the step"), (count) => t("Agreement on {0} images that choose the step", count)), format.shares(first.agreement ?? 0, best.agreement ?? 0));
    const scales = this.axes(chart, points.map(([, value]) => value), { most: 100, finest: 100 / samples, coarsest: TENTH, span: 0 });
    chart.append(...this.levelBefore(before, [points], scales), path("training-line", points, scales), ...dots(points, scales));
    if (best.step === undefined) return;
    const at = scales.x(best.step);
    chart.append(svg("line", { class: "training-least", x1: at, x2: at, y1: TOP, y2: TOP + PLOT + 4 }));
  }

  /** A line as high as it was before, with its name at the end and on the side where other lines leave it the most room. */
  private levelBefore(value: number, lines: readonly (readonly Point[])[], { x, y }: Scales): SVGElement[] {
    const end = x(this.steps), at = y(value), words = t("before"), width = LETTER * words.length, drawn = lines.map((points) => points.map(([step, level]): Point => [x(step), y(level)]));
    const places = [end - width, LEFT + 8].flatMap((left) => [at + 12, at - 4].map((bottom) => ({ left, bottom, room: Math.min(...drawn.map((points) => distance(points, left, left + width, bottom - TEXT, bottom))) }))).filter(({ bottom }) => bottom - TEXT >= TOP && bottom <= TOP + PLOT);
    const { left, bottom } = places.reduce((best, place) => (place.room > best.room ? place : best), { left: end - width, bottom: at + 12, room: 0 }), name = text(words, left + width, bottom, "end");
    name.classList.add("training-name");
    return [svg("line", { class: "training-before", x1: LEFT, x2: end, y1: at, y2: at }), name];
  }

  /** Says which step is chosen so far, between the ends of the axis, if it has room there. */
  private chosen(step: number, at: number, end: number): SVGElement[] {
    const words = step === 0 ? t("chosen so far: before training") : t("chosen so far: step {0}", format.whole(step)), half = LETTER * words.length / 2, first = LEFT + 20 + half, last = end - LETTER * this.lastStep.length - 12 - half;
    if (last < first) return [];
    const told = text(words, Math.max(first, Math.min(last, at)), HEIGHT - 2, "middle");
    told.classList.add("training-told");
    return [told];
  }

  private get lastStep(): string { return t("step {0}", format.whole(this.steps)); }

  /**
   * Empties a chart and draws its axes: steps across, values up, as far as the values go.
   * @param limits `finest`: less is no difference that the samples can show; `coarsest`: numbers of the axis have at least its digits; `span`: the share of the values that the axis spans at least
   */
  private axes(chart: SVGSVGElement, values: readonly number[], { most = Infinity, finest = 1e-9, coarsest = Infinity, span = LEAST_SPAN } = {}): Scales {
    const width = Math.max(LEFT + RIGHT + 1, chart.parentElement?.clientWidth ?? 0), least = Math.min(...values), top = Math.max(...values), room = Math.max((top - least) * 0.1, Math.abs(top) * span / 2, finest);
    const step = tickStep(Math.max(0, least - room), Math.min(most, top + room), LINES), y = scaleLinear([Math.max(0, Math.floor((least - room) / step) * step), Math.min(most, Math.ceil((top + room) / step) * step)], [TOP + PLOT, TOP]), x = scaleLinear([0, this.steps], [LEFT, width - RIGHT]);
    chart.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    chart.setAttribute("width", String(width));
    chart.setAttribute("height", String(HEIGHT));
    chart.replaceChildren(...y.ticks(LINES).flatMap((tick) => [svg("line", { class: "curve-grid", x1: LEFT, x2: width - RIGHT, y1: y(tick), y2: y(tick) }), text(format.tick(tick, Math.min(step, coarsest)), LEFT - 6, y(tick) + 4, "end")]),
      text("0", LEFT, HEIGHT - 2, "start"), text(this.lastStep, width - RIGHT, HEIGHT - 2, "end"));
    return { x, y };
  }
}

/** The looks at samples that choose the step with the loss on what is trained on at that time, for those who would rather read. */
export function trainingTable(course: TrainingCourse): HTMLElement {
  const { losses, first, best } = course, cell = (value: string) => el("td", { class: "number" }, value), isClassifier = first.agreement !== undefined, unit = unitOf(course);
  const lossText = (loss: number): string => (unit === 1 ? format.loss(loss) : format.tenths(loss / unit)), trainedAt = (step: number): string => { const known = losses.find(([at]) => at >= step); return step > 0 && known ? lossText(known[1]) : "–"; };
  const row = ({ step, loss, agreement = 0 }: LookAtHeld) => el("tr", step === best.step ? { "aria-current": "true" } : {}, ...[format.whole(step), lossText(loss), ...isClassifier ? [format.tenths(100 * agreement)] : [], trainedAt(step)].map(cell));
  const heads = [t("Step"), isClassifier ? t("Loss, choosing the step") : t("Error, choosing the step, %"), ...isClassifier ? [t("Agreement, %")] : [], isClassifier ? t("Loss, trained on") : t("Error, trained on, %")];
  return el("table", {}, el("thead", {}, el("tr", {}, ...heads.map((name) => el("th", {}, name)))), el("tbody", {}, ...looksOf(course).map(row)));
}

/** All looks, from what was before the first step. */
const looksOf = ({ first, held }: TrainingCourse): LookAtHeld[] => [{ ...first, step: 0 }, ...held];

/** What losses are told in: of a model that is no classifier they are errors, in percent. */
const unitOf = ({ first }: { first: HeldOut }): number => (first.agreement === undefined ? 0.01 : 1);

const lossTitle = (course: TrainingCourse): string => (unitOf(course) === 1
  ? samplesTitle(course, t("Loss on images that choose the step"), (count) => t("Loss on {0} images that choose the step", count))
  : samplesTitle(course, t("Error on samples that choose the step"), (count) => t("Error on {0} samples that choose the step", count)));
const lossChange = ({ first, best }: TrainingCourse): string => (first.agreement === undefined ? format.shares(first.loss, best.loss) : `${format.loss(first.loss)} → ${format.loss(best.loss)}`);

/** What the samples are that choose the step, and how many: others than those of the report. */
const samplesTitle = ({ samples }: TrainingCourse, some: string, counted: (count: string) => string): string => (samples === undefined ? some : counted(format.whole(samples)));

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

/** How far a line stays above or below a box. */
function distance(points: readonly Point[], left: number, right: number, top: number, bottom: number): number {
  const heights = points.flatMap(([x, y], i) => {
    const [before, level] = points[i - 1] ?? [x, y], at = (across: number) => level + (y - level) * (across - before) / (x - before);
    return [...x >= left && x <= right ? [y] : [], ...[left, right].filter((edge) => before < edge && edge < x).map(at)];
  });
  return Math.max(0, top - Math.max(...heights, -Infinity), Math.min(...heights, Infinity) - bottom);
}

const dots = (points: readonly Point[], { x, y }: Scales): SVGElement[] => points.map(([step, value]) => svg("circle", { class: "training-look", cx: x(step), cy: y(value), r: 2 }));

const path = (name: string, points: readonly Point[], { x, y }: Scales): SVGPathElement =>
  svg("path", { class: name, d: line<Point>().x(([step]) => x(step)).y(([, value]) => y(value))([...points]) ?? "" });
