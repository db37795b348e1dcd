import type { Flip, FlipKind } from "../../src/protocol/accuracy";

/** Which flipped samples are listed, and in what order. */

export type FlipOrder = "change" | "sure" | "unsure" | "sample";
export interface FlipChoice { kind: FlipKind | "all"; order: FlipOrder; /** Index of a class, or all of them. */ class?: number }

const KEYS: Record<FlipOrder, (flip: Flip) => number> = {
  change: ({ kl }) => -kl,
  sure: ({ compressed: [now] }) => -now.probability,
  unsure: ({ original: [before] }) => before.probability,
  sample: ({ position }) => position,
};

/** The class that a flip is filed under: what the sample is, or what the original took it for. */
export const classOf = ({ label, original: [before] }: Flip): number => label ?? before.class;

export function chosenFlips(flips: readonly Flip[], { kind, order, class: wanted }: FlipChoice): Flip[] {
  const key = KEYS[order];
  return flips.filter((flip) => (kind === "all" || flip.kind === kind) && (wanted === undefined || classOf(flip) === wanted)).sort((a, b) => key(a) - key(b) || a.position - b.position);
}
