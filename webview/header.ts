import type { ModelFacts } from "../src/protocol/api";
import { el, icon } from "./dom";
import * as format from "./format";
import { t } from "./l10n";

/** What the model is. The first figures stay in the narrowest editor. */
export function headerOf(facts: ModelFacts): HTMLElement[] {
  const [input] = facts.inputs, [output] = facts.outputs;
  const figures: [value: string, name: string, id: string][] = [
    [format.bytes(facts.bytes), t("size"), "size"], [format.count(facts.parameters), t("parameters"), "parameters"],
    ...(facts.macs ? [[format.count(facts.macs), t("MACs per image"), "macs"] as [string, string, string]] : []),
    ...(input && output ? [[`${format.caption(input.shape)} → ${format.caption(output.shape)}`, t("input → output"), "ways"] as [string, string, string]] : []),
    [t("opset {0} · IR {1}", facts.opset, facts.irVersion), facts.producer || t("no producer"), "opset"],
    ...(facts.bitsPerWeight ? [[format.bits(facts.bitsPerWeight), t("bits per weight"), "bits"] as [string, string, string]] : []),
  ];
  const all = figures.map(([value, name]) => `${name}: ${value}`).join("\n");
  return [
    el("h1", { class: "unseen" }, facts.name),
    el("div", { class: "figures" }, ...figures.map(([value, name, id]) => el("div", { class: `figure figure-${id}` }, el("b", {}, value), el("small", {}, name))), el("span", { class: "more", title: all, role: "note", tabindex: 0, "aria-label": all }, icon("ellipsis"))),
  ];
}
