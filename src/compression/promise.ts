import type { PresetId } from "../protocol/api";
import type { Effect } from "./effect";
import type { Outcome, Trial } from "./ratings";
import type { Recipe } from "./recipe";
import type { LayerSensitivity } from "./sensitivity";

/** Predicted share of predictions that flip. At most three points of accuracy are lost where at most five in a hundred flip: some flips are from wrong to right or wrong. */
export const NEARLY_LOSSLESS = 0.01, BALANCED = 0.025, SMALLEST = 0.05;

/** What plans came to when they were carried out, in their order. */
export type Trials = Partial<Record<PresetId, readonly Trial[]>>;

/** Plans that are carried out at most, to keep a preset's promise. */
const MOST_PLANS = 3;

/** How many times the flips of a trial are believed to follow from it. */
const FARTHEST = 4;

/** So many flips tell as much of a plan as its measured loss does. */
const TELLING_FLIPS = 16;

/**
 * What a plan came to. Few samples may be lucky or unlucky ones: to the flips that were seen come those that the measured loss would make on as many more samples as make {@link TELLING_FLIPS} of them.
 * @param slope flips ÷ √loss of what ratings saw; without it one flip more is counted than there was
 */
export function trialOf(predicted: number, { loss, disagreement, samples }: Effect, slope?: number): Trial {
  if (samples === 0) return { predicted, disagreement: 0 };
  const flips = disagreement * samples, expected = slope === undefined ? 0 : slope * Math.sqrt(loss);
  return { predicted, disagreement: expected > 0 ? (flips + TELLING_FLIPS) / (samples + TELLING_FLIPS / expected) : (flips + 1) / samples };
}

/** What decides the outcome of a preset beside model and data, see {@link RatingRecord.outcome}. */
export const outcomeKey = (preset: PresetId, { layers = {} }: Recipe): string => JSON.stringify([preset, layers]);

/** Between which shares of flips a preset is what it stands for. */
const PROMISED: Record<PresetId, [least: number, most: number]> = { "nearly-lossless": [0.6 * NEARLY_LOSSLESS, 1.2 * NEARLY_LOSSLESS], balanced: [NEARLY_LOSSLESS, 1.2 * BALANCED], smallest: [0.6 * SMALLEST, 1.2 * SMALLEST] };

/** Whether a plan that was carried out missed what its preset stands for, so that it is worth while to plan again with what was learnt. */
export function isOffTarget(preset: PresetId, { disagreement }: Trial): boolean {
  const [least, most] = PROMISED[preset];
  return disagreement > 0 && (disagreement < least || disagreement > most);
}

/** Which of these plans makes the most of a preset without breaking its promise; where all break it, the one that breaks it least. */
export function nearest(preset: PresetId, trials: readonly Trial[]): number {
  const all = trials.map(({ disagreement }) => disagreement), kept = all.filter((disagreement) => disagreement <= PROMISED[preset][1]);
  return all.indexOf(kept.length ? Math.max(...kept) : Math.min(...all));
}

/**
 * Carries out a preset's plan and, where its promise was missed because layers add up to more or less than each by itself, others with what was learnt.
 * @param carryOut makes the plan that follows from those that missed, and tells what came of it
 * @returns the plans that missed before the one that comes nearest to the promise without breaking it, which may not be the last; undefined where nothing is told of one
 */
export async function keepPromise(preset: PresetId, carryOut: (missed: readonly Trial[]) => Promise<Trial | undefined>): Promise<Outcome | undefined> {
  const missed: Trial[] = [];
  for (;;) {
    const written = await carryOut(missed);
    if (!written || !isOffTarget(preset, written)) return written && { missed, written };
    if (missed.length + 1 === MOST_PLANS) {
      const all = [...missed, written], best = nearest(preset, all);
      return { missed: all.slice(0, best), written: all[best] };
    }
    missed.push(written);
  }
}

/** Flips grow with this power of the loss at least and at most. */
const POWER = { least: 0.5, most: 1 };

/**
 * The share of predictions that flips where a plan is predicted to lose so much: along a line of logarithms through the two nearest trials, beyond them no less steep than disagreement ≈ c·√loss, which a single one follows.
 * @param trials one at least
 */
export function flipsFor(predicted: number, trials: readonly Trial[]): number {
  const sorted = [...trials].sort((a, b) => a.predicted - b.predicted), after = sorted.findIndex((trial) => trial.predicted > predicted), at = after < 0 ? sorted.length - 1 : Math.max(0, after - 1);
  const near = sorted[at], next = sorted.find((trial) => trial.predicted > near.predicted) ?? [...sorted].reverse().find((trial) => trial.predicted < near.predicted), isBetween = after > 0;
  const power = next && next.disagreement > 0 && near.disagreement > 0 ? Math.log(next.disagreement / near.disagreement) / Math.log(next.predicted / near.predicted) : POWER.least;
  return Math.min(1, near.disagreement * (predicted / near.predicted) ** (isBetween ? power : Math.min(POWER.most, Math.max(POWER.least, power))));
}

/** The predicted loss at which this share of predictions flips: between two trials as these have it, beyond them as the nearest one says by disagreement ≈ c·√loss. */
export function lossFor(disagreement: number, trials: readonly Trial[]): number {
  const few = trials.filter((trial) => trial.disagreement <= disagreement), many = trials.filter((trial) => trial.disagreement > disagreement);
  const below = few.length ? few.reduce((a, b) => (b.predicted > a.predicted ? b : a)) : undefined, above = many.length ? many.reduce((a, b) => (b.predicted < a.predicted ? b : a)) : undefined;
  if (below && above && below.disagreement > 0) return below.predicted * (above.predicted / below.predicted) ** (Math.log(disagreement / below.disagreement) / Math.log(above.disagreement / below.disagreement));
  const { predicted, disagreement: seen } = (below ?? above)!;
  return predicted * Math.min(FARTHEST, disagreement / seen) ** 2;
}

/** How many predictions flip for a loss, flips ÷ √loss, in a good, a middling and a bad case of what was measured; undefined where nothing flips. */
export function slopes(responses: LayerSensitivity["response"]): [number, number, number] | undefined {
  const points = responses.filter(({ loss, disagreement: d }) => loss > 1e-6 && d > 0);
  if (!points.length) return undefined;
  const ratios = points.map(({ loss, disagreement: d }) => d / Math.sqrt(loss)).sort((a, b) => a - b), at = (share: number) => ratios[Math.min(ratios.length - 1, Math.floor(share * ratios.length))];
  return [at(0.1), ratios[ratios.length >> 1], at(0.9)];
}
