import { KernelscopeError } from "./errors";

/** How much of a network is taken away before it is compressed: at least this share of its multiply-accumulates, or what turns out to be best for the size that is asked for. */
export type Pruning = "auto" | { compute: number };

/** Shares that may be asked for. */
export const PRUNED = { least: 0.01, most: 0.95 };

/** Reads "auto", "25%" or "0.25". @throws KernelscopeError "usage" */
export function parsePruning(text: string): Pruning {
  if (text.trim() === "auto") return "auto";
  const match = /^([0-9.]+)\s*(%?)$/.exec(text.trim()), compute = match ? Number(match[1]) / (match[2] ? 100 : 1) : NaN;
  if (!(compute >= PRUNED.least && compute <= PRUNED.most)) throw new KernelscopeError("usage", `--prune ${text}: write how much less is to be computed, like 25%, or auto; a share is between ${100 * PRUNED.least} % and ${100 * PRUNED.most} %.`);
  return { compute };
}
