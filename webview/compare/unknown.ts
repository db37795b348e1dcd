import type { ComparedWeights, Incomparable } from "../../src/protocol/compare";
import { t } from "../l10n";

/** Why nothing is known of a layer's weights beside the other's: as the other process says, or what went wrong. */
export type Unknown = Incomparable | Error;

export const isUnknown = (found: ComparedWeights | Unknown): found is Unknown => typeof found === "string" || found instanceof Error;

/** What the pane below shows: weights, or in words why there are none. */
export const shownOf = (found: ComparedWeights | Unknown): ComparedWeights | { why: string } => (!isUnknown(found) ? found : { why: found === "alone" ? "" : whyNot(found) });

/** Why the weights of a layer that both models have are not compared. */
export function whyNot(found: Exclude<Unknown, "alone">): string {
  if (found instanceof Error) return t("The weights of this layer cannot be read: {0}", found.message);
  return {
    computed: t("The weights of this layer cannot be compared: one of the two is computed when the model runs."),
    shape: t("The weights of this layer are not compared, because they have other shapes."),
    channels: t("No kernels are compared: this layer was pruned, the file does not say which channels are left, and its weights do not tell them clearly."),
  }[found];
}
