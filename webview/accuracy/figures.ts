import type { Measured, OutputFigures } from "../../src/protocol/accuracy";
import type { BeforeAfter, Estimate } from "../../src/protocol/estimates";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { Axis, type AxisMarks } from "./axis";

/** A figure as it stands in the head: four of them at the most. */
interface Figure { id: string; title: string; value: string; margin?: string; note: string; change?: string; hover?: string; remark?: string; axis?: { marks: AxisMarks; limits: [number, number]; unit: number } }

/** The few figures that say what compression cost, large, with interval and number of images. */
export class Figures {
  readonly element = el("div", { class: "acc-figures" });
  private readonly cells = new Map<string, { cell: HTMLElement; head: HTMLElement; remark: HTMLElement; axis: Axis }>();

  show(measured: Measured): void {
    const figures = figuresOf(measured);
    for (const [id, { cell }] of this.cells) if (!figures.some((figure) => figure.id === id)) { cell.remove(); this.cells.delete(id); }
    for (const figure of figures) this.fill(figure);
  }

  private fill({ id, title, value, margin, note, change, hover, remark, axis }: Figure): void {
    let known = this.cells.get(id);
    if (!known) {
      known = { cell: el("section", { class: "acc-figure", "data-figure": id, "aria-label": title }), head: el("div", { class: "acc-figure-head" }), remark: el("small", { class: "acc-remark" }), axis: new Axis() };
      known.cell.append(el("small", { class: "acc-figure-title", title }, title), known.head, known.remark, known.axis.element);
      this.cells.set(id, known);
      this.element.append(known.cell);
    }
    known.head.replaceChildren(el("b", { class: "acc-value" }, value), el("span", { class: "acc-margin" }, margin ?? ""), el("span", { class: "acc-was" }, note), el("span", { class: "acc-change" }, ...(change === undefined ? [] : [el("span", {}, change), el("span", { class: "acc-unit" }, ` ${t("points")}`)])));
    known.head.title = hover ?? "";
    known.remark.textContent = remark ?? "";
    known.remark.hidden = remark === undefined;
    known.axis.element.hidden = axis === undefined;
    if (axis) known.axis.show(axis.marks, axis.limits, axis.unit, [title, value, margin, note, change].filter(Boolean).join(", "));
  }
}

const half = ({ low, high }: Estimate): number => (high - low) / 2;
const rangeOf = ({ value, low, high }: Estimate): string => format.range(value, low, high);
const between = ({ low, high }: Estimate): string => t("95 % interval {0} to {1}", format.estimate(low), format.estimate(high));

export function figuresOf({ classifier, outputs, samples }: Measured): Figure[] {
  if (!classifier) return outputs?.length ? errorFigures(worstOf(outputs), samples) : [];
  const { top1, top5, agreement, agreed, kl } = classifier, [divergence, margin] = format.withMargin(kl.value, half(kl));
  return [
    ...(top1 ? [shareFigure("top1", t("Top-1"), top1, samples)] : []), ...(top5 ? [shareFigure("top5", t("Top-5"), top5, samples)] : []),
    { id: "agreement", title: t("Agreement with the original"), value: format.estimate(agreement.value), margin: rangeOf(agreement), note: t("{0} of {1}", format.whole(agreed), format.whole(samples)), hover: between(agreement), axis: { marks: { after: agreement }, limits: [0, 1], unit: PERCENT } },
    { id: "kl", title: t("KL divergence, nats"), value: divergence, margin, note: t("0 = same outputs"), axis: { marks: { after: kl }, limits: [0, Infinity], unit: 1 } },
  ];
}

const PERCENT = 0.01;

function shareFigure(id: string, title: string, { before, after, change }: BeforeAfter, samples: number): Figure {
  return {
    id, title, value: format.estimate(after.value), margin: rangeOf(after), note: t("was {0}", format.estimate(before.value)), change: format.points(change.value),
    hover: [t("on {0} images", format.whole(samples)), between(after), t("change between {0} and {1} points: both models saw the same images", format.points(change.low), format.points(change.high))].join("\n"),
    axis: { marks: { before, after }, limits: [0, 1], unit: PERCENT },
  };
}

/** The output that changed most. */
export const worstOf = (outputs: readonly OutputFigures[]): OutputFigures => outputs.reduce((worst, output) => (output.relativeError > worst.relativeError ? output : worst));

function errorFigures({ name, relativeError, interval, sqnrDb, meanError, largestError, size }: OutputFigures, samples: number): Figure[] {
  const tells = !format.isMeaningless(relativeError), estimate = tells && interval ? { value: relativeError, low: interval[0], high: interval[1] } : undefined, typical = t("of values around {0}", format.weight(size));
  return [
    { id: "error", title: t("Relative error of {0}", name), value: format.relative(relativeError), margin: estimate && format.margin(half(estimate)), note: t("on {0} samples", format.whole(samples)), hover: estimate && between(estimate), remark: tells ? undefined : t("The original's outputs are nearly zero on these images: look at the differences."), axis: estimate && { marks: { after: estimate }, limits: [0, Infinity], unit: PERCENT } },
    { id: "sqnr", title: t("Signal to noise"), value: sqnrDb === undefined ? "–" : format.decibels(sqnrDb), note: sqnrDb === undefined ? t("nothing is lost") : "" },
    { id: "mean", title: t("Mean difference"), value: format.weight(meanError), note: typical },
    { id: "largest", title: t("Largest difference"), value: format.weight(largestError), note: typical },
  ];
}
