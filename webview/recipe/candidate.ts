import type { PlanFacts, PlanPoint } from "../../src/protocol/plan";
import type { WrittenSize } from "../../src/protocol/recipe-page";
import { sizeRatio } from "../../src/protocol/sizes";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { gzipOf, partsOf, type Plans } from "./plans";

/** What a diagnosis has measured of the recipe as it stands. */
export interface MeasuredIntegers { agreement?: number; loss: number; samples: number }

/** The candidate in the header: from what to what, how much smaller, what it is predicted to cost, or what was measured of it. */
export function candidateHeader(plans: Plans, point: PlanPoint, measured?: MeasuredIntegers): HTMLElement {
  const { input, prediction, candidate, candidateRange } = plans.facts, range = point === candidate ? candidateRange : undefined, quality = plans.quality(point.loss), spread = plans.spread(point.loss), lost = plans.accuracyLost(point.loss), ratio = sizeRatio(input.bytes, point.bytes);
  const figure = (id: string, name: string | Node, ...value: (string | Node)[]) => el("div", { class: `figure figure-${id}` }, el("b", {}, ...value), el("small", {}, name));
  const predicted = measured && point === candidate ? measuredFigure(measured, figure)
    : prediction.of === "agreement" ? figure("predicted", withMore(t("agreement, predicted"), lost === undefined ? "" : t("; top-1 −{0}", format.tenths(100 * lost))), el("span", {}, format.percent(quality)), el("small", {}, ` ± ${format.tenths(100 * spread)}`))
    : figure("predicted", prediction.of === "outputs" ? t("of the outputs, predicted") : t("of the weights, predicted"), format.decibels(quality));
  const size = figure("size", range ? withMore(t("file, now → about"), t("; {0} to {1}", format.bytes(range[0]), format.bytes(range[1]))) : t("file, now → candidate"), format.change(input.bytes, point.bytes));
  if (lost !== undefined && !(measured && point === candidate)) predicted.title = t("Predicted to lose {0} points of top-1 accuracy.", format.tenths(100 * lost));
  if (range) size.title = t("A compression measures what this preset’s plan does as a whole, and plans again where that is more or less than its layers by themselves. Between these sizes it ends; afterwards its size stands here.");
  return el("div", { class: "figures candidate" },
    size, figure("ratio", ratio.isLarger ? t("larger") : t("smaller"), `${format.times(ratio.times)}×`), predicted, figure("bits", t("bits per conv. weight"), format.hundredths(point.bits)));
}

function measuredFigure({ agreement, loss, samples }: MeasuredIntegers, figure: (id: string, name: string | Node, ...value: (string | Node)[]) => HTMLElement): HTMLElement {
  const element = figure("predicted", withMore(agreement === undefined ? t("of the outputs, measured") : t("agreement, measured"), samples ? t(" on {0} images", format.whole(samples)) : ""), agreement === undefined ? format.decibels(-10 * Math.log10(Math.max(loss, 1e-10))) : el("span", {}, format.percent(agreement)));
  element.title = t("Measured by the diagnosis on calibration images, which the weights may have been fitted to, with activations rounded as in the file.");
  return element;
}

/** A figure's name, and what gives way to other figures where there is little room. */
const withMore = (name: string, more: string): HTMLElement => el("span", {}, el("span", {}, name), el("span", { class: "figure-more" }, more));

/** Where the bytes go: kinds that add up to the file. */
export function bytesOf(facts: PlanFacts, point: PlanPoint, written: readonly WrittenSize[]): HTMLElement[] {
  const parts = partsOf(facts, point);
  const kinds = ([["indices", t("indices"), parts.indices], ["codebooks", t("codebooks"), parts.codebooks], ["integers", t("integer weights"), parts.integers], ["plain", t("weights left alone"), parts.plain], ["rest", t("scales, graph, rest"), parts.rest]] as const).filter(([, , bytes]) => bytes > 0);
  const gzip = gzipOf(point.bytes, written), sizes = [t("on disk {0}", format.bytes(point.bytes)), gzip && (gzip.exact ? t("as gzip {0}", format.bytes(gzip.bytes)) : t("as gzip about {0}", format.bytes(gzip.bytes))), t("in memory {0}", format.bytes(facts.input.loadedWeightBytes)), t("activations {0} at once", facts.input.peakActivationBytes === undefined ? "–" : format.bytes(facts.input.peakActivationBytes))].filter((size) => size !== undefined);
  const hover = [sizes.join(" · "), ...(facts.input.peakActivationBytes === undefined ? [t("What activations take is known once the file is written: some of its layers may stay in floats, or sizes are open.")] : [])].join("\n");
  return [
    el("div", { class: "recipe-row" }, el("h2", {}, t("Where the bytes go")), el("small", { class: "bytes-sizes", title: hover }, ...sizes.flatMap((size, i) => (i + 1 < sizes.length ? [el("span", {}, `${size} ·`), " "] : [el("span", {}, size)])))),
    el("div", { class: "bytes-bar", "aria-hidden": "true" }, ...kinds.map(([kind, , bytes]) => Object.assign(el("span", { class: `bytes-${kind}` }), { style: `flex-grow:${bytes}` }))),
    el("dl", { class: "bytes-kinds" }, ...kinds.map(([kind, name, bytes]) => el("div", {}, el("dt", {}, el("i", { class: `bytes-${kind}` }), el("span", { title: name }, name)), el("dd", {}, format.bytes(bytes))))),
  ];
}
