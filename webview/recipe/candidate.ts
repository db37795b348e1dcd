import type { PresetId } from "../../src/protocol/api";
import type { PlanPoint } from "../../src/protocol/plan";
import type { MeasuredPoint, WrittenSize } from "../../src/protocol/recipe-page";
import { sizeRatio } from "../../src/protocol/sizes";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { promiseOf } from "./goals";
import { gzipOf, partsOf, type Plans } from "./plans";

/** What a diagnosis has measured of the recipe as it stands. */
export interface MeasuredIntegers { agreement?: number; loss: number; samples: number }

/** What is known of a recipe beside its plan: what a diagnosis or a written file has shown, bytes that its size allows, and whether it is trained. */
export interface KnownOfRecipe { integers?: MeasuredIntegers; result?: MeasuredPoint; limit?: number; preset?: PresetId; isTuned: boolean; /** Something speaks against the images. */ isDoubted?: boolean }

const figure = (id: string, name: string | Node, ...value: (string | Node)[]): HTMLElement => el("div", { class: `figure figure-${id}` }, el("b", {}, ...value), el("small", {}, name));

/** The candidate in the header: from what to what, how much smaller, what it is predicted to cost, or what was measured of it. */
export function candidateHeader(plans: Plans, point: PlanPoint, known: KnownOfRecipe): HTMLElement {
  const { input, candidate } = plans.facts, isOwn = point === candidate, result = isOwn ? known.result : undefined, bytes = result?.bytes ?? (isOwn && plans.triesFewer(point) ? Math.min(point.bytes, known.limit ?? Infinity) : point.bytes), ratio = sizeRatio(input.bytes, bytes);
  return el("div", { class: "figures candidate" },
    sizeFigure(plans, point, bytes, result), figure("ratio", ratio.isLarger ? t("larger") : t("smaller"), `${format.times(ratio.times)}×`), qualityFigure(plans, point, known), figure("bits", el("span", {}, el("span", { class: "figure-long" }, plans.facts.layers.some(({ convolution }) => convolution) ? t("bits per conv. weight") : t("bits per weight")), el("span", { class: "figure-short" }, t("bits"))), result?.bits === undefined && bytes < point.bytes ? "–" : format.hundredths(result?.bits ?? point.bits)));
}

function sizeFigure({ facts: { input, candidate, candidateRange } }: Plans, point: PlanPoint, bytes: number, written: MeasuredPoint | undefined): HTMLElement {
  const range = point === candidate && !written ? candidateRange : undefined;
  const name = written?.ended ? withMore(t("file, now → written"), t("; training ended early")) : written ? t("file, now → written") : bytes < point.bytes ? t("file, now → at most") : range ? withMore(t("file, now → planned"), t("; ends between {0} and {1}", format.bytes(range[0]), format.bytes(range[1]))) : t("file, now → candidate");
  const element = figure("size", name, format.change(input.bytes, bytes));
  if (written?.ended) element.title = endedText(written.ended);
  if (range) element.title = t("A compression measures what this preset’s plan does as a whole, and plans again where that is more or less than its layers by themselves. Between {0} and {1} it ends; afterwards its size stands here.", format.bytes(range[0]), format.bytes(range[1]));
  return element;
}

/** What a header with little room leaves out: what is predicted, or only of top-1 accuracy where that much has room, and where a file ends. */
export function toldBeside(plans: Plans, point: PlanPoint, known: KnownOfRecipe): HTMLElement[] {
  const { candidate, candidateRange } = plans.facts, isOwn = point === candidate, isWritten = isOwn && known.result !== undefined, element = qualityFigure(plans, point, known), [value, name] = Array.from(element.children, ({ textContent }) => textContent);
  const lost = isWritten || isOwn && known.integers || plans.triesFewer(point) ? undefined : plans.accuracyLost(point.loss), told = (kind: string, text: string): HTMLElement => el("span", { class: `told-${kind}` }, `${text} `);
  return [
    told("quality", `${value} ${name}.`), ...lost === undefined ? [] : [told("lost", lostText(lost))],
    ...isOwn && !isWritten && candidateRange ? [told("range", t("The file ends between {0} and {1}.", ...candidateRange.map(format.bytes)))] : [],
    ...isOwn && known.result?.ended ? [told("range", endedText(known.result.ended))] : [],
  ];
}

/** A file whose training was ended is not what its recipe comes to by itself. */
const endedText = ({ step, of }: NonNullable<MeasuredPoint["ended"]>): string => t("The file’s training was ended at step {0} of {1}; trained to the end, this recipe comes to another file.", format.whole(step), format.whole(of));

const lostText = (lost: number): string => t("Predicted to lose {0} points of top-1 accuracy.", format.tenths(100 * lost));

/** What was measured of just this recipe, or else what is predicted, unless it is known to be of another plan. */
function qualityFigure(plans: Plans, point: PlanPoint, known: KnownOfRecipe): HTMLElement {
  const figure = measuredOrPredicted(plans, point, known);
  if (!known.isDoubted || point === plans.facts.candidate && known.result) return figure;
  figure.dataset.doubted = "";
  figure.title = [t("It rests on images that something speaks against: see below."), figure.title].filter(Boolean).join("\n");
  return figure;
}

function measuredOrPredicted(plans: Plans, point: PlanPoint, { integers, result, preset, isTuned, isDoubted }: KnownOfRecipe): HTMLElement {
  const { prediction: { of }, candidate } = plans.facts, isOwn = point === candidate, quality = plans.quality(point.loss);
  if (isOwn && result) {
    const element = figure("predicted", withMore(t("agreement, measured"), t(" on {0} images", format.whole(result.samples))), ...withRange(result.agreement, result.interval));
    element.title = [t("Measured on the file that was written of this recipe."), ...result.ended ? [endedText(result.ended)] : []].join(" ");
    return element;
  }
  if (isOwn && integers) return measuredFigure(integers);
  if (plans.triesFewer(point)) return leastFigure(plans, point);
  const [bad, good] = plans.range(point.loss);
  if (of !== "agreement") return figure("predicted", of === "outputs" ? t("of the outputs, predicted") : t("of the weights, predicted"), format.decibels(quality));
  const lost = plans.accuracyLost(point.loss), element = figure("predicted", withMore(isDoubted ? t("agreement, doubtful") : isTuned ? t("agreement untrained, predicted") : t("agreement, predicted"), lost === undefined ? "" : t("; top-1\u00a0{0}", format.points(-lost))), ...withRange(quality, [bad, good], (good - bad) / 2));
  const titles = [...lost === undefined ? [] : [lostText(lost)], ...isTuned ? [t("Fine-tuning takes back some of what is lost; how much, nothing tells before.")] : [], ...isOwn && preset ? [promiseOf(preset)] : []];
  if (titles.length) element.title = titles.join(" ");
  return element;
}

/** So many points of agreement either way say nothing about a file. */
const VAGUE = 0.1;

/** What is predicted with all channels where fewer are tried, too; nothing where it is too vague to be told. */
function leastFigure(plans: Plans, { loss }: PlanPoint): HTMLElement {
  const { of } = plans.facts.prediction, quality = plans.quality(loss), [bad, good] = plans.range(loss), half = (good - bad) / 2, isVague = of === "agreement" && half > VAGUE;
  const names = { agreement: isVague ? t("agreement") : t("agreement, predicted"), outputs: t("of the outputs, predicted"), weights: t("of the weights, predicted") };
  const value = of !== "agreement" ? [format.decibels(quality)] : isVague ? ["–"] : [el("span", {}, format.percent(quality)), el("small", {}, ` ± ${format.tenths(100 * half)}`)];
  const element = figure("predicted", withMore(names[of], isVague ? t(": fewer channels are tried") : t(" with all channels; fewer are tried")), ...value);
  element.title = of === "agreement" ? t("With all channels, untrained, {0} to {1} % are predicted. Fewer channels will be tried, and what loses less is written; what that comes to is known then.", format.tenths(100 * bad), format.tenths(100 * good))
    : t("With all channels {0} are predicted. Fewer channels will be tried, and what loses less is written; what that comes to is known then.", format.decibels(quality));
  return element;
}

/** A share and its range. @param half what stands for half of it, where its ends lie unevenly */
const withRange = (share: number, [low, high]: readonly [number, number], half?: number): HTMLElement[] => [el("span", {}, format.percent(share)), el("small", {}, ` ${format.range(share, low, high, half)}`)];

function measuredFigure({ agreement, loss, samples }: MeasuredIntegers): HTMLElement {
  const element = figure("predicted", withMore(agreement === undefined ? t("of the outputs, measured") : t("agreement, measured"), samples ? t(" on {0} images", format.whole(samples)) : ""), agreement === undefined ? format.decibels(-10 * Math.log10(Math.max(loss, 1e-10))) : el("span", {}, format.percent(agreement)));
  element.title = t("Measured by the diagnosis on calibration images, which the weights may have been fitted to, with activations rounded as in the file.");
  return element;
}

/** A figure's name, and what gives way to other figures where there is little room. */
const withMore = (name: string, more: string): HTMLElement => el("span", {}, el("span", {}, name), el("span", { class: "figure-more" }, more));

/** Where the bytes go: kinds that add up to the file. */
export function bytesOf(plans: Plans, point: PlanPoint, written: readonly WrittenSize[]): HTMLElement[] {
  const { facts, facts: { input } } = plans, parts = partsOf(facts, point), isOfAll = plans.triesFewer(point);
  const kinds = ([["indices", t("indices"), parts.indices], ["codebooks", t("codebooks"), parts.codebooks], ["integers", t("integer weights"), parts.integers], ["plain", t("weights left alone"), parts.plain], ["rest", t("scales, graph, rest"), parts.rest]] as const).filter(([, , bytes]) => bytes > 0);
  const { peakActivationBytes: peak } = input, sizes = [
    t("on disk {0}", format.bytes(point.bytes)), gzipText(gzipOf(point.bytes, written)), isOfAll ? t("in memory at most {0}", format.bytes(input.loadedWeightBytes)) : t("in memory {0}", format.bytes(input.loadedWeightBytes)),
    peak === undefined ? t("activations not predicted") : isOfAll ? t("activations at most {0} at once", format.bytes(peak)) : t("activations {0} at once", format.bytes(peak)),
  ].filter((size) => size !== undefined);
  const hover = [sizes.join(" · "), ...(peak === undefined ? [t("What activations take at once is not predicted where layers stay in floats beside integers, or where sizes are open. Opened as a model, the written file tells.")] : [])].join("\n");
  return [
    el("div", { class: "recipe-row" }, el("h2", {}, isOfAll ? t("Where the bytes go, with all channels") : t("Where the bytes go")), el("small", { class: "bytes-sizes", title: hover }, ...sizes.flatMap((size, i) => (i + 1 < sizes.length ? [el("span", {}, `${size} ·`), " "] : [el("span", {}, size)])))),
    el("div", { class: "bytes-bar", "aria-hidden": "true" }, ...kinds.map(([kind, , bytes]) => Object.assign(el("span", { class: `bytes-${kind}` }), { style: `flex-grow:${bytes}` }))),
    el("dl", { class: "bytes-kinds" }, ...kinds.map(([kind, name, bytes]) => el("div", {}, el("dt", {}, el("i", { class: `bytes-${kind}` }), el("span", { title: name }, name)), el("dd", {}, format.bytes(bytes))))),
  ];
}

function gzipText(gzip: ReturnType<typeof gzipOf>): string | undefined {
  if (!gzip) return undefined;
  const [least, most] = [format.bytes(gzip.least), format.bytes(gzip.most)];
  return gzip.isExact ? t("as gzip {0}", least) : gzip.most < 1.03 * gzip.least ? t("as gzip about {0}", most) : t("as gzip {0} to {1}", least, most);
}
