import { area, curveMonotoneY, line, scaleLinear, type ScaleLinear } from "d3";
import type { Trace } from "../../src/protocol/accuracy";
import { Canvas } from "../charts/canvas";
import { faded, theme, tinted } from "../charts/colours";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { sampleName } from "./sample-name";

const EDGE = 10, DOT = 3, TALLEST_ROW = 40;
/** How much of the band's colour its ends have. */
const BAND_EDGE = 0.8;
/** Beyond this nothing can be seen to be lost. */
const MOST_DB = 80, LEAST_DB = -20;

/** Signal to noise of every layer's output: the band of many samples, and the line of one that leaves it. */
export class TraceChart {
  readonly element = el("section", { class: "acc-trace", "aria-label": t("Where it went wrong") });
  private readonly key = el("div", { class: "acc-trace-key" });
  private readonly message = el("p", { class: "acc-note", role: "status", hidden: true });
  private readonly rows = el("div", { class: "acc-rows", role: "listbox", tabindex: 0, "aria-label": t("Layers") });
  private readonly plot = el("div", { class: "acc-plot", "aria-hidden": "true" });
  private readonly body = el("div", { class: "acc-trace-body" }, el("div", { class: "acc-trace-inner" }, this.rows, this.plot));
  private readonly foot = el("div", { class: "acc-trace-foot", "aria-hidden": "true" });
  private readonly canvas: Canvas;
  private readonly axis: Canvas;
  private trace: Trace | undefined;
  private selected: string | undefined;

  constructor(private readonly choose: (layer: string) => void, open: (layer: string) => void) {
    this.element.append(el("header", { class: "acc-head" }, el("h3", {}, t("Where it went wrong")), el("small", {}, t("SQNR of each layer’s output, dB"))), this.key, this.body, this.foot, this.message);
    this.canvas = new Canvas(this.plot, (context, width, height) => this.draw(context, width, height));
    this.axis = new Canvas(this.foot, (context, width) => this.drawAxis(context, width));
    const layerAt = (target: EventTarget | null): string | undefined => (target instanceof Element ? target.closest<HTMLElement>(".acc-row")?.dataset.layer : undefined);
    this.rows.addEventListener("click", ({ target }) => { const layer = layerAt(target); if (layer !== undefined) choose(layer); });
    this.rows.addEventListener("dblclick", ({ target }) => { const layer = layerAt(target); if (layer !== undefined) open(layer); });
    this.rows.addEventListener("keydown", (event) => {
      const layers = this.trace?.layers ?? [], at = layers.findIndex(({ id }) => id === this.selected);
      if (event.key === "Enter" && this.selected !== undefined) open(this.selected);
      const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: layers.length - 1 }[event.key];
      if (to !== undefined && layers[to]) this.choose(layers[to].id);
      if (to !== undefined) event.preventDefault();
    });
  }

  /** The layer at which the sample leaves the band. */
  get fault(): string | undefined {
    const { sample, layers = [] } = this.trace ?? {};
    return sample?.outside === undefined ? undefined : layers[sample.outside]?.id;
  }

  say(text: string): void {
    this.message.textContent = text;
    this.message.hidden = text === "";
  }

  show(trace: Trace | undefined): void {
    const same = trace && this.trace && trace.layers.length === this.trace.layers.length && trace.layers.every(({ id }, i) => id === this.trace?.layers[i].id);
    this.trace = trace;
    this.body.style.setProperty("--tallest", `${TALLEST_ROW * (trace?.layers.length ?? 0)}px`); // the axis follows the last layer
    if (!same) this.rows.replaceChildren(...(trace?.layers ?? []).map(({ id, label }) => el("div", { class: "acc-row", role: "option", "data-layer": id, "aria-selected": "false" }, el("span", { class: "acc-row-name" }, label), el("span", { class: "acc-row-note" }))));
    this.fill();
  }

  select(layer: string | undefined): void {
    this.selected = layer;
    for (const row of this.rows.children) if (row instanceof HTMLElement) row.setAttribute("aria-selected", String(row.dataset.layer === layer));
  }

  private fill(): void {
    const { trace } = this;
    this.body.hidden = this.foot.hidden = this.key.hidden = trace === undefined;
    if (!trace) return;
    const { sample, samples, wanted } = trace;
    const band = samples < wanted ? t("{0} of {1} images, median and 10–90 %", samples, wanted) : t("{0} images, median and 10–90 %", samples);
    this.key.replaceChildren(el("span", { class: "acc-key band" }, band), ...(sample ? [el("span", { class: "acc-key one", title: sampleName(sample.name) }, sampleName(sample.name))] : []));
    [...this.rows.children].forEach((row, i) => {
      const outside = sample?.outside === i && samples > 0;
      row.toggleAttribute("data-outside", outside);
      const own = sample && decibels(sample.sqnrDb[i]), others = samples ? t("others {0} ({1} to {2})", decibels(trace.median[i]), decibels(trace.low[i]), decibels(trace.high[i])) : "", note = row.querySelector(".acc-row-note");
      row.toggleAttribute("data-left", outside && this.scale(1000)(clamped(sample.sqnrDb[i])) > 500); // not over the dot
      const isUnknown = samples > 0 && Number.isNaN(trace.median[i]);
      if (note) note.textContent = outside ? t("{0}, first outside", own ?? "") : isUnknown ? "–" : "";
      const told = isUnknown ? [t("The two models have other channels here, so they cannot be compared.")] : [own, others];
      row.setAttribute("title", [trace.layers[i].label, ...told].filter(Boolean).join("\n"));
      row.setAttribute("aria-label", [trace.layers[i].label, ...told, outside ? t("first outside the band") : ""].filter(Boolean).join(", "));
    });
    if (sample && samples > 0 && sample.outside === undefined) this.say(t("{0} stays with the others at every layer.", sampleName(sample.name)));
    else this.say("");
    this.select(this.selected);
    this.canvas.redraw();
    this.axis.redraw();
  }

  private scale(width: number): ScaleLinear<number, number> {
    const { trace } = this, values = trace ? [...trace.low, ...trace.high, ...trace.sample?.sqnrDb ?? []].filter(Number.isFinite).map(clamped) : [];
    return scaleLinear([Math.min(0, ...values), values.length ? Math.max(5, ...values) * 1.05 : 40], [EDGE, width - EDGE]).nice(6);
  }

  private draw(context: CanvasRenderingContext2D, width: number, height: number): void {
    const { trace } = this;
    if (!trace) return;
    const x = this.scale(width), [, most] = x.domain(), { amount, foreground, highContrast } = theme(), wrong = getComputedStyle(this.element).getPropertyValue("--vscode-errorForeground") || foreground;
    const y = [...this.rows.children].map((row) => (row instanceof HTMLElement ? row.offsetTop + row.offsetHeight / 2 : 0)), place = (db: number): number => x(Math.min(most, clamped(db)));
    for (const tick of x.ticks(8)) {
      context.fillStyle = faded(tick === 0 ? 0.45 : highContrast ? 0.3 : 0.1);
      context.fillRect(Math.round(x(tick)), 0, 1, height);
    }
    const index = y.map((_, i) => i), isKnown = (of: Float32Array) => (i: number): boolean => !Number.isNaN(of[i]);
    if (trace.samples) {
      if (!highContrast) {
        context.beginPath();
        area<number>().defined(isKnown(trace.median)).y((i) => y[i]).x0((i) => place(trace.low[i])).x1((i) => place(trace.high[i])).curve(curveMonotoneY).context(context)(index);
        context.fillStyle = tinted(amount, 0.24);
        context.fill();
      }
      context.strokeStyle = tinted(amount, BAND_EDGE);
      context.lineWidth = 1;
      for (const end of [trace.low, trace.high]) { // what is filled hardly stands out from the ground, its ends do
        context.beginPath();
        line<number>().defined(isKnown(trace.median)).y((i) => y[i]).x((i) => place(end[i])).curve(curveMonotoneY).context(context)(index);
        context.stroke();
      }
      context.beginPath();
      line<number>().defined(isKnown(trace.median)).y((i) => y[i]).x((i) => place(trace.median[i])).curve(curveMonotoneY).context(context)(index);
      context.strokeStyle = amount;
      context.lineWidth = 2;
      context.stroke();
    }
    const { sample } = trace;
    if (!sample) return;
    context.beginPath();
    line<number>().defined(isKnown(sample.sqnrDb)).y((i) => y[i]).x((i) => place(sample.sqnrDb[i])).curve(curveMonotoneY).context(context)(index);
    context.strokeStyle = context.fillStyle = wrong;
    context.lineWidth = 1.5;
    context.setLineDash(highContrast ? [5, 3] : []);
    context.stroke();
    context.setLineDash([]);
    for (const i of index.filter(isKnown(sample.sqnrDb))) {
      context.beginPath();
      context.arc(place(sample.sqnrDb[i]), y[i], trace.samples && i === sample.outside ? DOT + 2 : DOT, 0, 2 * Math.PI);
      context.fill();
    }
  }

  private drawAxis(context: CanvasRenderingContext2D, width: number): void {
    const x = this.scale(width), { secondary, font } = theme();
    context.font = `11px ${font}`;
    context.fillStyle = secondary;
    context.textAlign = "center";
    for (const tick of x.ticks(Math.max(3, Math.min(8, Math.floor(width / 48))))) context.fillText(format.weight(tick), x(tick), 14);
  }
}

const clamped = (db: number): number => Math.max(LEAST_DB, Math.min(MOST_DB, db));
const decibels = (db: number): string => (db === Infinity ? t("nothing lost") : Number.isFinite(db) ? format.decibels(db) : "–");
