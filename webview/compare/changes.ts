import type { ComparedLayer } from "../../src/protocol/compare";
import { t } from "../l10n";

/** What became of a layer beside its bytes, as far as a mark tells it. */
export type Change = "added" | "removed" | "resized";

export function changeOf({ before, after, resized }: ComparedLayer): Change | undefined {
  return !before ? "added" : !after ? "removed" : resized ? "resized" : undefined;
}

/** "pruned 64 → 48": what a layer's tag shows, and where there is little room; inputs are told where nothing else is another. */
export function sizeWords({ resized }: Pick<ComparedLayer, "resized">): { brief: string; short: string; long: string } | undefined {
  if (!resized) return undefined;
  const { outputs, inputs, kernel } = resized, long: string[] = [];
  if (outputs) long.push(outputs[1] < outputs[0] ? t("Pruned: {1} of {0} output channels are left", ...outputs) : t("{0} → {1} output channels", ...outputs));
  if (inputs) long.push(t("{0} → {1} input channels", ...inputs));
  if (kernel) long.push(t("kernels of {0} → {1}", kernel[0] || "1", kernel[1] || "1"));
  const [from, to] = outputs ?? kernel ?? inputs ?? ["", ""], short = outputs && outputs[1] < outputs[0] ? t("pruned {0} → {1}", ...outputs) : inputs && !outputs && !kernel ? t("inputs {0} → {1}", ...inputs) : `${from} → ${to}`;
  return { brief: inputs && !outputs && !kernel ? t("in {0} → {1}", ...inputs) : `${from} → ${to}`, short, long: long.join("\n") };
}

/** "Folded in: BatchNormalization": a node of one model that is not gone but within the other's layer. */
export function foldedWords({ folded }: Pick<ComparedLayer, "folded">): string | undefined {
  if (!folded) return undefined;
  const ops = [...new Set(folded.ops)].join(", ");
  return folded.into === "after" ? t("Folded in: {0}", ops) : t("Folded in before: {0}", ops);
}

/** What the other model calls it, where that is another name. */
export const otherName = ({ before, after }: ComparedLayer): string | undefined => (before && after && before.name !== after.name ? after.name : undefined);
