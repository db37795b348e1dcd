import type { RecipeChange } from "../../src/protocol/recipe-page";

/** Of a recipe's three ways to say how small, one stands. */
export const GOALS = ["preset", "target", "bits"];
export const goal = (key: string, value: unknown): RecipeChange => ({ path: [key], value, instead: GOALS.filter((other) => other !== key) });
