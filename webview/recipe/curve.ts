import { area, curveMonotoneX, line, scaleLinear, scaleLog, type ScaleContinuousNumeric } from "d3";
import type { PresetId } from "../../src/protocol/api";
import { flipsAt, type PlanPoint, type PresetPlan } from "../../src/protocol/plan";
import type { MeasuredPoint, PointTrait } from "../../src/protocol/recipe-page";
import { sizeRatio } from "../../src/protocol/sizes";
import { el, svg } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { boxesOf, labelPlace, leadTo, type Box } from "./curve-label";
import { presetNames } from "./goals";
import type { Plans } from "./plans";

const LEFT = 36, RIGHT = 8, TOP = 8, HEIGHT = 216, PLOT = HEIGHT - TOP - 10;
/** About what a letter of a preset's name takes. */
const LETTER = 6.5;
/** Pixels within which the thumb sticks to a preset or a measured point. */
const STICKS = 7;
/** A preset so many pixels from the curve is off it. */
const OFF = 4;
/** A line of so many pixels shows that it is dashed. */
const DASHES = 12;
/** Pixels between labels of the axis. */
const APART = 52;
const FLOORS = [0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.5, 0];

export interface CurveActions {
  /** A plan is looked at while the thumb moves. */
  look(point: PlanPoint): void;
  /** The thumb is back where the recipe is. */
  leave(): void;
  /** The thumb was let go at this plan; @param preset that it was led to, where there was one */
  settle(point: PlanPoint, preset?: PresetId): void;
  preset(id: PresetId): void;
}

/** What a result was that the recipe shown is not, in words. */
const traitNames = (): Record<PointTrait, string> => ({
  floats: t("computed with floats"), integers: t("computed with integers"), trained: t("fine-tuned"), untrained: t("not fine-tuned"), training: t("fine-tuned otherwise"), channels: t("other channels"), layers: t("other settings of layers"), images: t("other images"), settings: t("other settings"), model: t("the model as it was before"), unknown: t("of a recipe that is not known"),
});

/** A written file, or one that was tried out: a circle, a square where it is of a recipe that cannot be compared with the one shown. */
function measuredMark({ bytes, agreement, interval: [low, high], samples, beforeTuning, pruned, traits }: MeasuredPoint, x: number, y: (share: number) => number): SVGElement[] {
  const at = y(agreement), isOther = traits.length > 0, title = svg("title"), kind = `curve-measured${beforeTuning ? " before" : ""}${isOther ? " other" : ""}`;
  const mark = isOther ? svg("rect", { class: kind, x: x - 3, y: at - 3, width: 6, height: 6 }) : svg("circle", { class: kind, cx: x, cy: at, r: 3.5 });
  title.textContent = [t("{0}, agreement {1} on {2} images", format.bytes(bytes), format.estimate(agreement), format.whole(samples)), ...beforeTuning ? [t("before fine-tuning")] : [], ...pruned ? [t("{0} less to compute", format.percent(pruned))] : [], ...traits.map((trait) => traitNames()[trait])].join("; ");
  mark.append(title);
  return [svg("line", { class: "curve-interval", x1: x, x2: x, y1: y(low), y2: y(high) }), mark];
}

/** What every size costs: the curve of plans, measured files beside it, and under it, as its x axis, the slider that chooses a size. */
export class Curve {
  readonly element = el("div", { class: "curve" });
  private readonly chart = svg("svg", { class: "curve-chart", "aria-hidden": "true" });
  private readonly slider = el("div", { class: "curve-slider", role: "slider", tabindex: 0, "aria-label": t("Target size") });
  private readonly thumb = el("span", { class: "curve-thumb" });
  private readonly filled = el("span", { class: "curve-filled" });
  private readonly axis = el("div", { class: "curve-axis", "aria-hidden": "true" });
  private readonly caption = el("small", { class: "curve-caption" });
  private readonly legend = el("div", { class: "curve-legend" });
  /** Of the recipe, and those that the slider leads through. */
  private own: Plans | undefined;
  private plans: Plans | undefined;
  private limit: number | undefined;
  private measured: readonly MeasuredPoint[] = [];
  private point: PlanPoint = { choices: [], bytes: 0, shared: 0, bits: 0, loss: 0 };
  private rank = 0;
  /** Whether presets stand off the line. */
  private showsOwn = false;
  /** Whether some of the line is dashed, and can be seen. */
  private showsOpen = false;
  private dragging = false;
  private moved = false;
  /** The preset that the thumb was led to: where plans lie far apart, several have one place. */
  private aimed: PresetPlan | undefined;

  constructor(private readonly actions: CurveActions) {
    this.slider.append(el("span", { class: "curve-track" }), this.filled, this.thumb);
    this.element.append(this.caption, this.chart, this.slider, this.axis, this.legend);
    this.slider.addEventListener("keydown", (event) => this.key(event));
    this.slider.addEventListener("keyup", () => this.letGo());
    this.slider.addEventListener("blur", () => this.letGo());
    this.slider.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || this.isOff) return;
      this.dragging = true;
      this.slider.setPointerCapture(event.pointerId);
      this.slider.focus();
      this.drag(event);
    });
    this.slider.addEventListener("pointermove", (event) => { if (this.dragging) this.drag(event); });
    this.slider.addEventListener("pointerup", () => { this.dragging = false; this.letGo(); });
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  /** Whether the thumb is in somebody's hand. */
  get isMoving(): boolean { return this.dragging || this.moved; }

  /** @param limit bytes that the candidate was planned for */
  show(plans: Plans, point: PlanPoint, { measured, limit }: { measured: readonly MeasuredPoint[]; limit?: number }): void {
    this.own = plans;
    this.plans = plans.slides;
    this.measured = measured;
    this.limit = limit;
    this.set(point, plans.rankOf(point.bytes));
  }

  private get isOff(): boolean { return this.slider.getAttribute("aria-disabled") === "true"; }

  /** Nothing can be chosen while the recipe is not one. */
  set disabled(is: boolean) { this.slider.setAttribute("aria-disabled", String(is)); }

  private set(point: PlanPoint, rank: number): void {
    this.point = point;
    this.rank = rank;
    this.draw();
  }

  private go(rank: number, { stuck = false, aimed }: { stuck?: boolean; aimed?: PresetPlan } = {}): void {
    const { plans } = this;
    if (!plans) return;
    const next = Math.max(0, Math.min(plans.count - 1, rank));
    if (next === this.rank && !stuck && aimed?.id === this.aimed?.id) return;
    this.moved = true;
    this.aimed = aimed;
    this.limit = undefined;
    this.set(plans.at(next), next);
    this.actions.look(this.point);
  }

  private key(event: KeyboardEvent): void {
    const { plans } = this;
    if (!plans || this.isOff) return;
    const far = event.shiftKey ? 10 : 1, by = (keys: number) => () => plans.rankFrom({ bytes: this.point.bytes, limit: this.limit }, keys), to: Record<string, () => number> = {
      ArrowLeft: by(-far), ArrowDown: by(-far), ArrowRight: by(far), ArrowUp: by(far), Home: () => 0, End: () => plans.count - 1,
    }, aimed = event.key === "PageUp" ? this.nextPreset(1) : event.key === "PageDown" ? this.nextPreset(-1) : undefined;
    if (event.key === "Escape" && this.moved) { this.moved = this.dragging = false; this.aimed = undefined; this.actions.leave(); event.preventDefault(); }
    if (event.key.startsWith("Page")) event.preventDefault();
    if (aimed) this.go(plans.rankOf(aimed.bytes), { aimed });
    if (!(event.key in to)) return;
    event.preventDefault();
    this.go(to[event.key](), { stuck: this.rank !== plans.rankOf(this.point.bytes) || this.point.bytes !== plans.at(this.rank).bytes });
  }

  /** The next preset up or down. */
  private nextPreset(by: 1 | -1): PresetPlan | undefined {
    const { plans, aimed, point } = this, from = (aimed ?? point).bytes, all = [...plans?.presets ?? []].sort((a, b) => by * (a.bytes - b.bytes));
    return all.find(({ bytes }) => by * (bytes - from) > 0);
  }

  private drag(event: PointerEvent): void {
    const { plans } = this;
    if (!plans) return;
    const scale = this.x(), at = event.clientX - this.slider.getBoundingClientRect().left;
    const marks: { bytes: number; preset?: PresetPlan }[] = [...plans.presets.map((preset) => ({ bytes: preset.bytes, preset })), ...this.measured.filter(({ traits }) => !traits.length)].filter(({ bytes }) => plans.holds(bytes) && Math.abs(scale(bytes) - at) < STICKS);
    const near = event.altKey ? undefined : marks.sort((a, b) => Math.abs(scale(a.bytes) - at) - Math.abs(scale(b.bytes) - at))[0];
    this.go(plans.rankOf(near?.bytes ?? scale.invert(at)), { aimed: near?.preset });
  }

  private letGo(): void {
    if (!this.moved || this.dragging) return;
    const { aimed } = this;
    this.moved = false;
    this.aimed = undefined;
    this.actions.settle(this.point, aimed?.id);
  }

  private x(): ScaleContinuousNumeric<number, number> {
    const [least, most] = this.plans?.ends ?? [1, 10];
    return scaleLog().domain([least, Math.max(most, least * 1.01)]).range([LEFT, Math.max(LEFT + 1, this.element.clientWidth - RIGHT)]).clamp(true);
  }

  /** From just below what presets and the candidate give up to everything. */
  private y(plans: Plans): ScaleContinuousNumeric<number, number> {
    const values = [...plans.presets.map(({ loss }) => plans.quality(loss)), plans.quality(this.point.loss)];
    if (plans.facts.prediction.of === "agreement") {
      const least = Math.min(...values, ...this.measured.filter(({ bytes }) => plans.holds(bytes)).map(({ interval: [low] }) => low)) - 0.01;
      return scaleLinear().domain([FLOORS.find((floor) => floor <= least) ?? 0, 1]).range([TOP + PLOT, TOP]);
    }
    const first = plans.quality(plans.at(0).loss), last = plans.quality(plans.at(plans.count - 1).loss);
    return scaleLinear().domain([Math.max(0, Math.floor(first / 5) * 5), Math.ceil(Math.min(last, 60) / 5) * 5]).range([TOP + PLOT, TOP]);
  }

  private draw(): void {
    const { plans, chart, point } = this, width = this.element.clientWidth;
    if (!plans || !width) return;
    const x = this.x(), y = this.y(plans), { bytes, loss } = plans.facts.front, { prediction } = plans.facts, at = x(point.bytes), top = y(plans.quality(point.loss)), bottom = TOP + PLOT;
    const name = prediction.of === "agreement" ? t("Agreement with the original, %") : prediction.of === "outputs" ? t("Signal to noise of the outputs, dB") : t("Signal to noise of the weights, dB; nothing is run without images");
    if (this.caption.textContent !== name) this.caption.textContent = name;
    chart.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    chart.setAttribute("width", String(width));
    chart.setAttribute("height", String(HEIGHT));
    const ranks = Array.from({ length: plans.count }, (_, k) => k), below = (q: number) => Math.min(bottom, y(q));
    const clip = svg("clipPath", { id: "plot" });
    clip.append(svg("rect", { x: LEFT, y: TOP - 6, width: width - LEFT - RIGHT + 6, height: PLOT + 6 }));
    const grid = y.ticks(5).flatMap((tick) => {
      const label = svg("text", { x: LEFT - 8, y: y(tick) + 4, "text-anchor": "end" });
      label.textContent = prediction.of === "agreement" ? format.whole(100 * tick) : format.whole(tick);
      return [svg("line", { class: "curve-grid", x1: LEFT, x2: width - RIGHT, y1: y(tick), y2: y(tick) }), label];
    });
    const plot = svg("g", { "clip-path": "url(#plot)" }), middle = (k: number) => below(plans.quality(loss[k])), edge = (slope: number) => (k: number) => below(1 - flipsAt(prediction, loss[k], slope));
    const isShare = prediction.of === "agreement", [good, bad] = isShare ? prediction.slopes.map(edge) : [middle, middle];
    if (isShare) plot.append(svg("path", { class: "curve-band", d: area<number>().x((k) => x(bytes[k])).y0(bad).y1(good).curve(curveMonotoneX)(ranks) ?? "" }), ...[good, bad].map((end) => svg("path", { class: "curve-band-edge", d: line<number>().x((k) => x(bytes[k])).y(end).curve(curveMonotoneX)(ranks) ?? "" })));
    const first = ranks.findIndex((k) => !plans.triesFewer(plans.at(k))), open = first < 0 ? ranks.length : first, way = line<number>().x((k) => x(bytes[k])).y((k) => y(plans.quality(loss[k]))).curve(curveMonotoneX);
    const end = Math.min(open, ranks.length - 1), seen = ranks.findIndex((k) => y(plans.quality(loss[k])) < bottom);
    this.showsOpen = seen >= 0 && seen < end && Math.hypot(x(bytes[end]) - x(bytes[seen]), middle(end) - middle(seen)) > DASHES;
    plot.append(svg("path", { class: "curve-line open", d: way(ranks.slice(0, open + 1)) ?? "" }), svg("path", { class: "curve-line", d: way(ranks.slice(open)) ?? "" }));
    const measured = isShare ? this.measured.filter(({ bytes }) => plans.holds(bytes)) : [];
    for (const point of measured) plot.append(...measuredMark(point, x(point.bytes), (share) => below(share)));
    const around = (x: number, top: number, bottom = top): Box => ({ left: x - 7, right: x + 7, top: top - 7, bottom: bottom + 7 });
    const marked = [...boxesOf(ranks.map((k) => ({ x: x(bytes[k]), top: middle(k), bottom: middle(k) }))), ...measured.map(({ bytes, interval: [low, high] }) => around(x(bytes), below(high), below(low))), around(at, TOP, HEIGHT)];
    const band = boxesOf(ranks.map((k) => ({ x: x(bytes[k]), top: Math.min(good(k), middle(k)), bottom: Math.max(bad(k), middle(k)) })));
    const points = [...measured.map(({ bytes, agreement }) => around(x(bytes), below(agreement))), around(at, Math.max(TOP, Math.min(bottom, top)))];
    plot.append(svg("line", { class: "curve-candidate-line", x1: at, x2: at, y1: TOP, y2: HEIGHT }));
    chart.replaceChildren(clip, ...grid, plot, ...this.presetMarks(plans, { x, y, at, marked, points, band }), svg("circle", { class: "curve-candidate", cx: at, cy: Math.max(TOP, Math.min(bottom, top)), r: 5 }));
    this.place(x, at);
    this.tell(plans);
  }

  /** A diamond for each preset; the name of the one at the thumb, or of the knee, stands beside it where nothing else does. @param marked where the curve and measured files are @param points what a line to a name must not lead through @param band where only the band is, which a name may lie on if there is no other place */
  private presetMarks(plans: Plans, { x, y, at, marked, points, band }: { x(v: number): number; y(v: number): number; at: number; marked: readonly Box[]; points: readonly Box[]; band: readonly Box[] }): SVGElement[] {
    const names = presetNames(), marks = plans.presets.map(({ id, bytes, loss, range }) => ({ id, range, left: x(bytes), top: Math.max(TOP, Math.min(TOP + PLOT, y(plans.quality(loss)))), bytes, away: plans.quality(loss) - plans.quality(plans.at(plans.rankOf(bytes)).loss) }));
    const named = [...marks].sort((a, b) => Math.abs(a.left - at) - Math.abs(b.left - at)).find(({ left }) => Math.abs(left - at) < STICKS) ?? marks.find(({ id }) => id === "balanced");
    this.showsOwn = marks.some(({ away }) => Math.abs(y(away) - y(0)) >= OFF);
    const isShare = plans.facts.prediction.of === "agreement", shapes = marks.map(({ id, left, top, bytes, range, away }) => {
      const shape = svg("path", { class: "curve-preset", d: `M${left} ${top - 6}l6 6l-6 6l-6 -6z` }), title = svg("title");
      const off = Math.abs(y(away) - y(0)) < OFF ? "" : t("Predicted of its own plan, {0} off the curve, whose plans follow from one another by steps of single layers.", isShare ? t("{0} points", format.points(away)) : t("{0} dB", format.tenths(away)));
      title.textContent = [range ? t("{0}, about {1}", names[id], format.bytes(bytes)) : `${names[id]}, ${format.bytes(bytes)}`, off].filter(Boolean).join("\n");
      shape.append(title);
      shape.addEventListener("click", () => this.actions.preset(id));
      return shape;
    });
    const text = named && shapes[marks.indexOf(named)].textContent?.split("\n")[0];
    if (!named || !text) return shapes;
    const others = marks.filter((mark) => mark !== named).map(({ left, top }): Box => ({ left: left - 7, right: left + 7, top: top - 7, bottom: top + 7 }));
    const room = { left: LEFT, right: this.element.clientWidth - RIGHT, top: TOP, bottom: TOP + PLOT }, mark = { x: named.left, y: named.top }, taken = [...marked, ...others], isElsewhere = ({ left, right, top, bottom }: Box): boolean => !(left < mark.x && right > mark.x && top < mark.y && bottom > mark.y);
    const crossed = [...points, ...others].filter(isElsewhere), upright: Box = { left: at - 1, right: at + 1, top: TOP, bottom: HEIGHT }, placed = (on: readonly Box[], marks: readonly Box[]) => labelPlace(mark, LETTER * text.length, room, on, marks);
    const place = placed([...taken, ...band], [...crossed, upright]) ?? placed([...taken, ...band], crossed) ?? placed(taken, crossed);
    if (!place) return shapes; // its hover says it
    const label = svg("text", { class: "curve-name", x: place.left, y: place.y + 4 });
    label.textContent = text;
    return [svg("path", { class: "curve-lead", d: leadTo(place, mark, 6) }), ...shapes, label];
  }

  private place(x: ScaleContinuousNumeric<number, number>, at: number): void {
    this.thumb.style.left = `${at}px`;
    this.filled.style.width = `${Math.max(0, at - LEFT)}px`;
    const [least, most] = this.plans?.ends ?? [1, 10], ticks: { value: number; left: number }[] = [];
    for (let power = 10 ** Math.floor(Math.log10(least)); power <= most; power *= 10) for (const step of [1, 1.5, 2, 3, 5, 7]) {
      const value = step * power, left = x(value);
      if (value >= least && value <= most && left - (ticks[ticks.length - 1]?.left ?? -100) > APART) ticks.push({ value, left });
    }
    const isNarrow = ticks.length < 2; // no two round sizes lie between the ends
    const labels = isNarrow ? [least, most].map((value) => ({ left: x(value), text: format.bytes(value) })) : ticks.map(({ value, left }) => ({ left, text: format.plainBytes(value) }));
    this.axis.classList.toggle("ends", isNarrow);
    this.axis.replaceChildren(...labels.map(({ left, text }) => Object.assign(el("span", {}, text), { style: `left:${left}px` })));
  }

  private tell(plans: Plans): void {
    const { slider, point } = this, { input, prediction } = plans.facts, [least, most] = plans.ends, isOpen = (point === this.own?.facts.candidate ? this.own : plans).triesFewer(point);
    slider.setAttribute("aria-valuemin", String(least));
    slider.setAttribute("aria-valuemax", String(most));
    slider.setAttribute("aria-valuenow", String(point.bytes));
    const { times, isLarger } = sizeRatio(input.bytes, point.bytes), size = `${format.bytes(point.bytes)}, ${isLarger ? t("{0} times larger", format.times(times)) : t("{0} times smaller", format.times(times))}`;
    slider.setAttribute("aria-valuetext", isOpen ? `${size}, ${t("fewer channels will be tried")}` : prediction.of === "agreement" ? `${size}, ${t("agreement {0} percent predicted", format.tenths(100 * plans.quality(point.loss)))}` : size);
    const measured = prediction.of === "agreement" ? this.measured : [], kinds: [string, string][] = [
      ["predicted", t("predicted")], ...(this.showsOpen ? [["open", t("predicted with all channels")] as [string, string]] : []), ...(measured.some(({ beforeTuning, traits }) => !beforeTuning && !traits.length) ? [["measured", t("measured, 95 % interval")] as [string, string]] : []),
      ...(measured.some(({ beforeTuning, traits }) => beforeTuning && !traits.length) ? [["before", t("measured before fine-tuning")] as [string, string]] : []), ...(measured.some(({ traits }) => traits.length) ? [["other", t("of other recipes")] as [string, string]] : []), ["candidate", t("candidate")], ...(plans.presets.length ? [["preset", !this.showsOwn ? t("presets") : this.own?.facts.presetsLeaveGraph ? t("presets, which leave the graph as it is") : t("presets, each of a plan of its own")] as [string, string]] : []),
    ], key = kinds.flat().join(" ");
    if (this.legend.dataset.kinds === key) return;
    this.legend.dataset.kinds = key;
    this.legend.replaceChildren(...kinds.map(([kind, name]) => el("span", { title: kind === "preset" && this.showsOwn && this.own?.facts.presetsLeaveGraph ? t("A size also folds batch normalizations and shortens names, so that as many bytes hold more of the weights.") : "" }, el("i", { class: `key-${kind}` }), name)));
  }
}
