import { KernelscopeError } from "./errors";

/** How long to tune: that many steps, or for a time. */
export type TuningLength = { steps: number } | { seconds: number };
/** The same as a recipe has it. */
export type RecipeTuning = "none" | ({ duration: string } | { steps: number }) & { labels?: number };

/** Reads a time ("90s", "30m", "2h"), steps ("2000steps"), or none of either ("none"). @throws KernelscopeError "usage" */
export function parseTuning(text: string | undefined): TuningLength | undefined {
  if (text === undefined || text === "none") return undefined;
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*(s|m|h|steps)$/.exec(text.trim()) ?? [], amount = Number(number);
  if (!(amount > 0) || (unit === "steps" && !Number.isInteger(amount))) throw new KernelscopeError("usage", `"${text}" is no length of tuning. Give a time like 30m, steps like 2000steps, or none.`);
  return unit === "steps" ? { steps: amount } : { seconds: amount * (unit === "h" ? 3600 : unit === "m" ? 60 : 1) };
}

/** What a recipe says, as a request has it. */
export const tuningText = (tune: RecipeTuning): string => (tune === "none" ? tune : "steps" in tune ? `${tune.steps}steps` : tune.duration);

/** Another length, and labels as they were. */
export function withLabelsOf(length: RecipeTuning, before: RecipeTuning = "none"): RecipeTuning {
  return length === "none" || before === "none" || before.labels === undefined ? length : { ...length, labels: before.labels };
}

/** What was typed or asked for, as a recipe has it. @throws KernelscopeError "usage" */
export function recipeTuning(text: string | undefined): RecipeTuning {
  const length = parseTuning(text);
  return !length || text === undefined ? "none" : "steps" in length ? length : { duration: text.replace(/\s+/g, "") };
}
