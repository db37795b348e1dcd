import { KernelscopeError } from "./errors";

/** How long to tune: that many steps, or for a time. */
export type TuningLength = { steps: number } | { seconds: number };

export const SCHEDULES = ["endToEnd", "iterative", "joint"] as const;
/**
 * All layers quantized at once and trained together; or one after the other in the order of the network, what is not quantized yet trained to take up what was lost
 * (Stock et al.: arXiv 1907.05686); or weights drawn to their quantized form while the plan follows them (Yang et al.: arXiv 1910.05897).
 */
export type Schedule = (typeof SCHEDULES)[number];

export const NOISE_KINDS = ["codeword", "zero", "int8", "int4"] as const;
export type NoiseKind = (typeof NOISE_KINDS)[number];
/** Blocks of weights that are seen as if they were quantized, while they are not: how, and with which probability each (Fan et al.: arXiv 2004.07320). */
export interface Noise { kind: NoiseKind; p: number }

/** What a model is prepared with where nothing else is asked for. */
export const PREPARING: Noise = { kind: "codeword", p: 0.1 };

/** Share of the steps of a training of integers that come before activations are rounded in it, where rounding them costs enough to be learned. */
export const DELAY = 0.2;

/** How to train, beside how long. */
export interface TuningManner {
  /** Share of the labels' cross-entropy in the loss. */
  labels?: number;
  schedule?: Schedule;
  noise?: Noise;
}
/** The same as a recipe has it. */
export type RecipeTuning = "none" | ({ duration: string } | { steps: number }) & TuningManner;

/** A time: 90s, 30m, 1h30m. */
export const TIME = /^(\d+(\.\d+)?(s|m|h))+$/;
const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600 };

/** Reads a time ("90s", "30m", "1h30m"), steps ("2000steps"), or none of either ("none"). @throws KernelscopeError "usage" */
export function parseTuning(text: string | undefined): TuningLength | undefined {
  if (text === undefined || text === "none") return undefined;
  const plain = text.replace(/\s+/g, ""), steps = Number(/^(\d+)steps$/.exec(plain)?.[1] ?? 0), seconds = TIME.test(plain) ? [...plain.matchAll(/([\d.]+)([smh])/g)].reduce((sum, [, amount, unit]) => sum + Number(amount) * SECONDS[unit], 0) : 0;
  if (steps > 0) return { steps };
  if (seconds > 0) return { seconds };
  const meant = /^[1-9]\d*$/.test(plain) ? ` Did you mean ${plain}steps or ${plain}m?` : "";
  throw new KernelscopeError("usage", `"${text}" is no length of fine-tuning.${meant} Give a time like 30m, steps like 2000steps, or none.`);
}

/** What a recipe says, as a request has it. */
export const tuningText = (tune: RecipeTuning): string => (tune === "none" ? tune : "steps" in tune ? `${tune.steps}steps` : tune.duration);

/** What of the manner of a training is given. */
export const mannerOf = ({ labels, schedule, noise }: TuningManner): TuningManner => ({ ...(labels !== undefined && { labels }), ...(schedule && { schedule }), ...(noise && { noise }) });

/** Another length, and all else as it was. */
export const withMannerOf = (length: RecipeTuning, before: RecipeTuning = "none"): RecipeTuning => (length === "none" || before === "none" ? length : { ...length, ...mannerOf(before) });

/** Reads noise as the command line has it: "codeword:0.1". @throws KernelscopeError "usage" */
export function parseNoise(text: string): Noise {
  const [, kind, share] = /^(\w+):(\d*\.?\d+)$/.exec(text.trim()) ?? [], p = Number(share), known = NOISE_KINDS.find((one) => one === kind);
  if (!known || !(p > 0 && p <= 1)) throw new KernelscopeError("usage", `"${text}" is no quantization noise. Give its kind (${NOISE_KINDS.join(", ")}) and how likely each block has it, like codeword:0.1.`);
  return { kind: known, p };
}

/** What was typed or asked for, as a recipe has it. @throws KernelscopeError "usage" */
export function recipeTuning(text: string | undefined): RecipeTuning {
  const length = parseTuning(text);
  return !length || text === undefined ? "none" : "steps" in length ? length : { duration: text.replace(/\s+/g, "") };
}
