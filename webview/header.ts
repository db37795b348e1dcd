import type { ModelFacts } from "../src/protocol/api";
import { el, icon } from "./dom";
import * as format from "./format";
import { t } from "./l10n";

/** What the model is. The first figures stay in the narrowest editor. */
export function headerOf(facts: ModelFacts): HTMLElement[] {
  const [input] = facts.inputs, [output] = facts.outputs, how = countingOf(facts);
  const figures: Figure[] = [
    [format.bytes(facts.bytes), t("size")], [format.count(facts.parameters), t("parameters")],
    ...(facts.bitsPerWeight ? [bitsFigure(facts.bitsPerWeight, facts.originalWeights)] : []),
    ...(facts.onIntegers ? [integersFigure(facts.onIntegers)] : []),
    ...(facts.macs ? [[format.count(facts.macs), facts.countedFor ? t("MACs of {0}", format.shape(facts.countedFor.shape)) : t("MACs per image"), how] as Figure] : how ? [["–", t("MACs per image"), how] as Figure] : []),
    ...(facts.peakActivationBytes ? [[format.bytes(facts.peakActivationBytes), t("activations at once"), [t("Of one image, where they are most: what a node takes in and puts out and later ones still need. Kernels may need more."), ...(how ? [how] : [])].join(" ")] as Figure] : []),
    ...(input && output ? [[`${format.caption(input.shape)} → ${format.caption(output.shape)}`, t("input → output")] as Figure] : []),
    [t("opset {0} · IR {1}", facts.opset, facts.irVersion), facts.producer || t("no producer")],
  ];
  return [el("h1", { class: "unseen" }, facts.name), ...foldingFigures(figures)];
}

/** How multiply-accumulates are counted where the model leaves the sizes of its input open, or why they are not. */
export function countingOf({ macs, countedFor, inputs, name }: Pick<ModelFacts, "macs" | "countedFor" | "inputs" | "name">): string | undefined {
  const file = `${name.replace(/(\.small)?\.onnx$/i, "")}.preprocess.json`;
  if (macs && countedFor?.isTold) return t("Counted for an input of {0}: the model leaves its sizes open, {1} tells them.", format.shape(countedFor.shape), file);
  if (macs && countedFor) return t("Counted for an input of {0}: the model leaves its sizes open. Others are taken where {1} beside it says so, as in {2}.", format.shape(countedFor.shape), file, "{ \"resize\": [48, 320] }");
  const isOpen = inputs.some(({ shape }) => shape.slice(1).some((size) => typeof size !== "number"));
  return !macs && isOpen ? t("MACs are not counted: the model leaves sizes of its input open, and they cannot be told from it.") : undefined;
}

/** Of a pruned file bits are divided by the weights of its original, which is said beside them. */
const bitsFigure = (bits: number, originalWeights: number | undefined): Figure => (originalWeights === undefined ? [format.bits(bits), t("bits per weight"), undefined, "bits"] : [format.bits(bits), t("bits per original weight"), t("Divided by the {0} weights that the layers had before channels were taken away.", format.count(originalWeights)), "bits"]);

const integersFigure = ({ layers, of }: NonNullable<ModelFacts["onIntegers"]>): Figure => [layers === of ? t("all {0}", format.whole(of)) : t("{0} of {1}", format.whole(layers), format.whole(of)), t("layers in integers"), layers === of ? t("All layers compute with integers.") : t("Layers that compute with integers; the others compute with floats, and are marked so in the list of layers.")];

export type Figure = [value: string, name: string, hover?: string, kind?: "bits"];

/** Figures in one line, and what tells those that have no room in it. */
export function foldingFigures(figures: readonly Figure[]): [row: HTMLElement, more: HTMLElement] {
  const all = figures.map(([value, name]) => `${name}: ${value}`).join("\n"), row = el("div", { class: "figures folding" }, ...figures.map(([value, name, hover, kind]) => el("div", { class: kind ? `figure figure-${kind}` : "figure", title: hover }, el("b", {}, value), el("small", {}, name))));
  const more = el("span", { class: "more", title: all, role: "note", tabindex: 0, "aria-label": all }, icon("ellipsis"));
  new ResizeObserver(() => more.toggleAttribute("data-folded", hasFolded(row))).observe(row);
  return [row, more];
}

/** Whether a figure has no room in the first line, or none in an editor of this width. */
const hasFolded = (row: HTMLElement): boolean => [...row.children].some((figure) => !figure.clientHeight || figure.getBoundingClientRect().top >= row.getBoundingClientRect().bottom);
