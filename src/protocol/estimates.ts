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
