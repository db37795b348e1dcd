import { changeOf, type PreparedVerdict } from "../protocol/estimates";
import type { TuningReport } from "../protocol/report";
import type { Speech } from "../protocol/tuning-words";

/** So much of an error is a change, where no interval is known of it. */
const CLEAR_ERROR = 0.05;

type Worth = Pick<TuningReport, "before" | "after" | "samples"> & Partial<Pick<TuningReport, "steps" | "planned">>;

/** Whether compressing a model that was prepared for it costs less than compressing the original: what the samples can tell. */
export function preparedVerdict({ before, after, samples }: Worth): PreparedVerdict {
  if (before.agreement === undefined || after.agreement === undefined) return Math.abs(after.loss - before.loss) <= CLEAR_ERROR * before.loss ? "unsure" : after.loss < before.loss ? "gain" : "harm";
  const [low, high] = changeOf(before.agreement, after.agreement, samples);
  return low > 0 ? "gain" : high < 0 ? "harm" : "unsure";
}

/** What preparing a model has come to, and what to do where that is no gain. */
export function preparedWords(worth: Worth, { t, whole, percent, points }: Speech): string {
  const { before, after, samples, steps = 0, planned } = worth, verdict = preparedVerdict(worth), images = whole(samples);
  return [...(planned === undefined ? [] : [t("Its training was ended at step {0} of {1}.", whole(steps), whole(planned))]), worthWords(), ...(verdict === "gain" ? [] : [verdict === "harm" ? t("Compress the original instead, or prepare it for longer.") : t("Compress the original, or prepare it for longer or with more images.")])].join(" ");

  function worthWords(): string {
    if (before.agreement === undefined || after.agreement === undefined) {
      const errors = [percent(before.loss), percent(after.loss), images];
      if (verdict === "unsure") return t("Preparing made no measurable difference: compressed as asked for, its error is {0} → {1} % on {2} samples kept from training.", ...errors);
      return verdict === "harm" ? t("Preparing did harm: compressed as asked for, its error is {0} → {1} % on {2} samples kept from training.", ...errors) : t("Preparing gained: compressed as asked for, its error is {0} → {1} % on {2} samples kept from training.", ...errors);
    }
    const figures = [percent(before.agreement), percent(after.agreement), images, ...changeOf(before.agreement, after.agreement, samples).map(points)];
    if (verdict === "unsure") return t("Preparing made no measurable difference: compressed as asked for, agreement with the original is {0} → {1} % on {2} images kept from training ({3} to {4} points).", ...figures);
    return verdict === "harm" ? t("Preparing did harm: compressed as asked for, agreement with the original is {0} → {1} % on {2} images kept from training ({3} to {4} points).", ...figures)
      : t("Preparing gained: compressed as asked for, agreement with the original is {0} → {1} % on {2} images kept from training ({3} to {4} points).", ...figures);
  }
}
