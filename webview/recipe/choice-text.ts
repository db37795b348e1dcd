import type { PlanChoice } from "../../src/protocol/plan";
import { t } from "../l10n";

/** What the engine says of a choice, in the user's language: "3×3", "64 codewords". */
export const choiceParts = ({ text }: Pick<PlanChoice, "text">): string[] => text.split(" · ").map(translated);

function translated(part: string): string {
  const [, number, unit] = /^([\d.,]+) (words|codewords|bits|taps)$/.exec(part) ?? [], [, summed, levels] = /^(\d+) × (\d+) levels$/.exec(part) ?? [], [, of] = /^int (\d+) bits$/.exec(part) ?? [], [, taps, from] = /^(\d+) taps, from (\w+)$/.exec(part) ?? [], [, fixedTaps, fixed] = /^(\d+) taps, (\w+)$/.exec(part) ?? [];
  if (unit === "codewords" || unit === "words") return t("{0} codewords", number); // words is what ratings that were kept before say
  if (unit === "bits") return t("{0} bits", number);
  if (summed) return t("{0} × {1} levels", summed, levels);
  if (of) return t("int {0} bits", of);
  if (from) return t("{0} taps, from {1}", taps, from);
  if (fixed) return t("{0} taps, {1}", fixedTaps, fixed);
  return { int: t("int"), single: t("single"), shared: t("shared"), "one scale": t("one scale") }[part] ?? part;
}
