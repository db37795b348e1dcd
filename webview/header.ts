import type { ModelFacts } from "../src/protocol/api";
import { el, icon } from "./dom";
import * as format from "./format";
import { t } from "./l10n";

/** What the model is. The first figures stay in the narrowest editor. */
export function headerOf(facts: ModelFacts): HTMLElement[] {
  const [input] = facts.inputs, [output] = facts.outputs;
  const figures: Figure[] = [
    [format.bytes(facts.bytes), t("size")], [format.count(facts.parameters), t("parameters")],
    ...(facts.bitsPerWeight ? [[format.bits(facts.bitsPerWeight), t("bits per weight")] as Figure] : []),
    ...(facts.macs ? [[format.count(facts.macs), t("MACs per image")] as Figure] : []),
    ...(facts.peakActivationBytes ? [[format.bytes(facts.peakActivationBytes), t("activations at once"), t("Of one image, where they are most: what a node takes in and puts out and later ones still need. Kernels may need more.")] as Figure] : []),
    ...(input && output ? [[`${format.caption(input.shape)} → ${format.caption(output.shape)}`, t("input → output")] as Figure] : []),
    [t("opset {0} · IR {1}", facts.opset, facts.irVersion), facts.producer || t("no producer")],
  ];
  return [el("h1", { class: "unseen" }, facts.name), ...foldingFigures(figures)];
}

export type Figure = [value: string, name: string, hover?: string];

/** Figures in one line, and what tells those that have no room in it. */
export function foldingFigures(figures: readonly Figure[]): [row: HTMLElement, more: HTMLElement] {
  const all = figures.map(([value, name]) => `${name}: ${value}`).join("\n"), row = el("div", { class: "figures folding" }, ...figures.map(([value, name, hover]) => el("div", { class: "figure", title: hover }, el("b", {}, value), el("small", {}, name))));
  const more = el("span", { class: "more", title: all, role: "note", tabindex: 0, "aria-label": all }, icon("ellipsis"));
  new ResizeObserver(() => more.toggleAttribute("data-folded", hasFolded(row))).observe(row);
  return [row, more];
}

/** Whether a figure has no room in the first line, or none in an editor of this width. */
const hasFolded = (row: HTMLElement): boolean => [...row.children].some((figure) => !figure.clientHeight || figure.getBoundingClientRect().top >= row.getBoundingClientRect().bottom);
