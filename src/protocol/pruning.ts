import { KernelscopeError } from "./errors";

/** How much of a network is taken away before it is compressed: at least this share of its multiply-accumulates, what turns out to be best for the size that is asked for, or nothing, however small that size is. */
export type Pruning = "auto" | false | { compute: number };

/** Shares that may be asked for. */
export const PRUNED = { least: 0.01, most: 0.95 };

/** Bits of the file for each of the original's weights, below which sizes are tried with fewer channels, too, where nobody has decided that: from 0.74 on downwards they did better on every network that this was measured on. */
export const FEW_BITS = 0.75;

/** The share that is asked for; none where that is left open. */
export const shareOf = (prune: Pruning | undefined): { compute: number } | undefined => (typeof prune === "object" ? prune : undefined);

/** Reads "auto", "no", "25%" or "0.25". @throws KernelscopeError "usage" */
export function parsePruning(text: string): Pruning {
  if (text.trim() === "auto") return "auto";
  if (text.trim() === "no") return false;
  const match = /^([0-9.]+)\s*(%?)$/.exec(text.trim()), compute = match ? Number(match[1]) / (match[2] ? 100 : 1) : NaN;
  if (!(compute >= PRUNED.least && compute <= PRUNED.most)) throw new KernelscopeError("usage", `--prune ${text}: write how much less is to be computed, like 25%, auto or no; a share is between ${100 * PRUNED.least} % and ${100 * PRUNED.most} %.`);
  return { compute };
}
