import type { ModelFacts } from "../src/protocol/api";
import { el, icon } from "./dom";
import * as format from "./format";
import { t } from "./l10n";

/** What the model is. The first figures stay in the narrowest editor. */
export function headerOf(facts: ModelFacts): HTMLElement[] {
  const [input] = facts.inputs, [output] = facts.outputs;
  const figures: [value: string, name: string][] = [
    [format.bytes(facts.bytes), t("size")], [format.count(facts.parameters), t("parameters")],
    ...(facts.macs ? [[format.count(facts.macs), t("MACs per image")] as [string, string]] : []),
    ...(input && output ? [[`${format.caption(input.shape)} → ${format.caption(output.shape)}`, t("input → output")] as [string, string]] : []),
    [t("opset {0} · IR {1}", facts.opset, facts.irVersion), facts.producer || t("no producer")],
    ...(facts.bitsPerWeight ? [[format.bits(facts.bitsPerWeight), t("bits per weight")] as [string, string]] : []),
  ];
  const all = figures.map(([value, name]) => `${name}: ${value}`).join("\n");
  const row = el("div", { class: "figures folding" }, ...figures.map(([value, name]) => el("div", { class: "figure" }, el("b", {}, value), el("small", {}, name))));
  const more = el("span", { class: "more", title: all, role: "note", tabindex: 0, "aria-label": all }, icon("ellipsis"));
  new ResizeObserver(() => more.toggleAttribute("data-folded", hasFolded(row))).observe(row);
  return [el("h1", { class: "unseen" }, facts.name), row, more];
}

/** Whether a figure has no room in the first line, or none in an editor of this width. */
const hasFolded = (row: HTMLElement): boolean => [...row.children].some((figure) => !figure.clientHeight || figure.getBoundingClientRect().top >= row.getBoundingClientRect().bottom);
