import type { PresetId } from "../../src/protocol/api";
import type { RecipeChange, RecipeView } from "../../src/protocol/recipe-page";
import { t } from "../l10n";

/** Of a recipe's three ways to say how small, one stands. */
export const GOALS = ["preset", "target", "bits"];
/** None of them: with integer arithmetic, 8 bits for every weight. */
export const noGoal = (): RecipeChange[] => GOALS.map((key) => ({ path: [key] }));
export const goal = (key: string, value: unknown): RecipeChange => ({ path: [key], value, instead: GOALS.filter((other) => other !== key) });

export const presetNames = (): Record<PresetId, string> => ({ "nearly-lossless": t("Nearly Lossless"), balanced: t("Balanced"), smallest: t("Smallest") });

/** What a preset promises, which is of other images than a prediction is about. */
export function promiseOf(preset: PresetId): string {
  const changes = { "nearly-lossless": "1", balanced: t("2 or 3"), smallest: "5" };
  return t("{0} lets about {1} in 100 predictions change on the images that it is fitted to; on images that it has not seen, which are predicted here, it may be more.", presetNames()[preset], changes[preset]);
}

/** Which way a recipe says how small; where it says none, integers are 8 bits everywhere and other files balanced. */
export function goalOf({ target, bits, preset, inference }: RecipeView): PresetId | "target" | "bits" | "whole" {
  if (target !== undefined) return "target";
  if (bits !== undefined) return "bits";
  return preset ?? (inference === "integer" ? "whole" : "balanced");
}

/** The preset that a recipe asks for, or has where it asks for nothing. */
export function presetOf(view: RecipeView): PresetId | undefined {
  const goal = goalOf(view);
  return goal === "target" || goal === "bits" || goal === "whole" ? undefined : goal;
}
