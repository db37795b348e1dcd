import type { PresetId } from "../protocol/api";
import type { Planning } from "./plan";
import { flipsFor, keepPromise } from "./promise";
import type { Trial } from "./ratings";
import type { RatedCandidate } from "./sensitivity";

/** So many times what plans that were carried out say, predictions may flip in another one. */
const UNSURE = [0.6, 0.8, 1.25, 1.65];

/** What a compression to a preset is going to come to. */
export interface Foreseen {
  /** The plans that it is going to miss the preset by, before the one that it keeps. */
  missed: readonly Trial[];
  /** The plans that it may end with where more predictions flip, or fewer. */
  others: RatedCandidate[][];
}

/**
 * Goes the way to a preset as a compression does, and takes what its plans would come to from others that were carried out.
 * @param told plans that were carried out, one at least
 * @param lostBefore by channels that are gone
 */
export async function foresee(preset: PresetId, planning: Pick<Planning, "preset">, told: readonly Trial[], lostBefore = 0): Promise<Foreseen> {
  const missedAt = async (times: number): Promise<readonly Trial[]> => (await keepPromise(preset, async (missed) => {
    const predicted = planning.preset(preset, missed).reduce((sum, { loss }) => sum + loss, lostBefore);
    return predicted > 0 ? { predicted, disagreement: Math.min(1, times * flipsFor(predicted, told)) } : undefined;
  }))?.missed ?? [];
  const others: RatedCandidate[][] = [];
  for (const times of UNSURE) others.push(planning.preset(preset, await missedAt(times)));
  return { missed: await missedAt(1), others };
}
