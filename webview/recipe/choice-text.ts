import type { ChoiceTrait, PlanChoice } from "../../src/protocol/plan";
import * as format from "../format";
import { t } from "../l10n";

/** What tells a choice from others, in the user's language: "3×3", "64 codewords". */
export const choiceParts = ({ traits }: Pick<PlanChoice, "traits">): string[] => traits.map(words);

function words(trait: ChoiceTrait): string {
  switch (trait.kind) {
    case "block": return trait.shape;
    case "single": return t("single");
    case "codewords": return t("{0} codewords", format.whole(trait.count));
    case "shared": return t("shared");
    case "one-scale": return t("one scale");
    case "integers": return t("int");
    case "bits": return t("{0} bits", trait.count);
    case "integer-bits": return t("int {0} bits", trait.count);
    case "kept": return trait.share < 0.1 ? format.percent(trait.share) : format.wholePercent(trait.share);
    case "transforms": return t("{0} × {1} levels", trait.summed, trait.levels);
    case "filters": return trait.fixed ? t("{0} taps, {1}", trait.taps, trait.wavelet) : t("{0} taps, from {1}", trait.taps, trait.wavelet);
  }
}
