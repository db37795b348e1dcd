import type { TuningManner } from "../protocol/tuning";
import { cosineRate } from "../training/optimizer";

/** A part of a training: layers that are quantized before it, as positions in the plan, and its steps. In all but the last some layers are loose. */
export interface Stage { quantized: readonly number[]; steps: number }

/** Share of the steps that go to the parts before the last, in which the whole compressed network is trained. */
const BEFORE = { noise: 0.4, iterative: 0.5, joint: 0.5 };
/** Parts at most: each takes a little time to begin. Layers that are next to each other are quantized at once where there are more. */
const MOST_PARTS = 24;

/**
 * The parts of a training: one where all layers are quantized at once; before it one in which none is, where there is noise
 * (Fan et al.: arXiv 2004.07320); one for each layer in the order of the network, where it is iterative (Stock et al.: arXiv 1907.05686, §3.3).
 * Jointly with the plan (Yang et al.: arXiv 1910.05897), none is quantized in the first part.
 * @param order the plan's layers in the order of the network, as positions
 */
export function stagesOf(order: readonly number[], steps: number, { schedule, noise }: TuningManner): Stage[] {
  if (schedule !== "iterative") {
    const loose = Math.round((schedule === "joint" ? BEFORE.joint : noise ? BEFORE.noise : 0) * steps);
    return [...(loose ? [{ quantized: [], steps: loose }] : []), { quantized: order, steps: steps - loose }];
  }
  const parts = Math.min(MOST_PARTS, order.length), loose = Math.round(BEFORE.iterative * steps), groups = Array.from({ length: parts }, (_, i) => order.slice(Math.floor(i * order.length / parts), Math.floor((i + 1) * order.length / parts)));
  // with noise one more part goes before the first layer; the last layer's is the training of the whole
  const before = noise ? [[], ...groups.slice(0, -1)] : groups.slice(0, -1);
  return [...before.map((quantized, i) => ({ quantized, steps: Math.floor((i + 1) * loose / before.length) - Math.floor(i * loose / before.length) })), { quantized: groups[parts - 1], steps: steps - (before.length ? loose : 0) }];
}

/** Steps in which the rate rises when a part begins, as the averages of its optimizers are new. */
const RISING = 5;

/** The rate in a part before the last, as a share of the highest: level where layers follow each other, half a cosine where there is one part. */
export const looseRate = (step: number, steps: number, isIterative: boolean): number => (isIterative ? Math.min(1, (step + 1) / RISING) : cosineRate(step, steps, Math.min(RISING, steps)));
