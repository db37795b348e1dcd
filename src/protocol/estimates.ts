/** A figure over samples with the ends of its 95 % interval. */
export interface Estimate { value: number; low: number; high: number }

/** The ends of a 95 % interval. */
export type Interval = [low: number, high: number];

/** What a model's accuracy has changed by from another's, in shares of the same samples. */
export interface AccuracyChanges { top1: Estimate; top5: Estimate }

export interface BeforeAfter {
  before: Estimate;
  after: Estimate;
  /** Of the difference: both models saw the same samples. */
  change: Estimate;
}

/** What a training has changed, on samples that neither taught nor chose anything. */
export interface Gain {
  samples: number;
  /** KL from the original's outputs, nats; for a model that is no classifier the relative squared error. */
  loss: BeforeAfter;
  /** Share of predictions that are the original's. */
  agreement?: BeforeAfter;
}

/** What samples can tell of a gain: `more` predictions are the original's; outputs are `nearer` to its, or `farther`, which predictions do not show; or it is `unsure`. */
export type Verdict = "more" | "nearer" | "farther" | "unsure";
export function verdictOf({ loss, agreement }: Gain): Verdict {
  if (agreement && agreement.change.low > 0) return "more";
  if (agreement && agreement.change.high < 0) return "farther";
  return loss.change.high < 0 ? "nearer" : loss.change.low > 0 ? "farther" : "unsure";
}

/** What preparing a model for a compression has come to. */
export type PreparedVerdict = "gain" | "harm" | "unsure";

/** The 95 % Wilson score interval of a share. */
export function wilson(share: number, samples: number): Interval {
  if (samples === 0) return [0, 1];
  const z = 1.959963984540054, z2 = z * z / samples;
  const centre = (share + z2 / 2) / (1 + z2), half = z / (1 + z2) * Math.sqrt(share * (1 - share) / samples + z2 / (4 * samples));
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

/** The 95 % interval of the difference of two shares of so many samples, by the scores of both (Newcombe): wider than that of pairs, where it is not known which of them changed. */
export function changeOf(before: number, after: number, samples: number): Interval {
  const [lowBefore, highBefore] = wilson(before, samples), [lowAfter, highAfter] = wilson(after, samples), change = after - before;
  return [change - Math.hypot(after - lowAfter, highBefore - before), change + Math.hypot(highAfter - after, before - lowBefore)];
}

/** Whether so many samples tell two shares apart. */
export function isTold(before: number, after: number, samples: number): boolean {
  const [low, high] = changeOf(before, after, samples);
  return low > 0 || high < 0;
}
