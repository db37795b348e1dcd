import { verdictOf, type Gain } from "./estimates";
import type { HeldOut, TuningReport } from "./report";

/** How a place that speaks to users translates a sentence and writes numbers: a share as 93.1, a loss as 0.0120, a change of a share as +1.2. */
export interface Speech {
  t(message: string, ...args: (string | number)[]): string;
  whole(count: number): string;
  percent(share: number): string;
  loss(loss: number): string;
  points(share: number): string;
}

/** What a training has come to: on the samples of the report, and on those that chose its best step. */
export function tuningWords({ before, after, steps, planned, bestStep, samples, gain }: TuningReport, speech: Speech): string {
  const { t } = speech, [known, of, images] = [bestStep, steps, samples].map(speech.whole), loss = (held: HeldOut): string => (before.agreement === undefined ? `${speech.percent(held.loss)} %` : speech.loss(held.loss));
  if (steps === 0) return t("Fine-tuning ended before its first step.");
  const all = planned === undefined ? undefined : speech.whole(planned);
  if (bestStep === 0 && all !== undefined) return t("Fine-tuning was ended at step {0} of {1} and had gained nothing: on the {2} images that choose the best step, loss was never below the {3} before it. What was before is kept. More images or a longer training may still gain.", of, all, images, loss(before));
  if (bestStep === 0) return t("Fine-tuning gained nothing in {0} steps: on the {1} images that choose the best step, loss was never below the {2} before it. What was before is kept. More images or a longer training may still gain.", of, images, loss(before));
  return `${gain ? gainWords(gain, speech) : t("Fine-tuning:")} ${all !== undefined ? t("Ended at step {0} of {1}; step {2} was the best on {3} other images, which choose it: loss {4} → {5}.", of, all, known, images, loss(before), loss(after)) : t("Step {0} of {1} was the best on {2} other images, which choose it: loss {3} → {4}.", known, of, images, loss(before), loss(after))}`;
}

/** What a training has changed on images that had no part in it, and whether they can tell. */
function gainWords(gain: Gain, { t, whole, percent, points }: Speech): string {
  const { agreement, loss } = gain, verdict = verdictOf(gain), images = whole(gain.samples);
  if (!agreement) {
    const [from, to] = [loss.before, loss.after].map(({ value }) => percent(Math.sqrt(value)));
    if (verdict === "unsure") return t("Fine-tuning made no measurable difference: error {0} → {1} % on the {2} images held out.", from, to, images);
    return verdict === "farther" ? t("Fine-tuning did harm: error {0} → {1} % on the {2} images held out.", from, to, images) : t("Fine-tuning gained: error {0} → {1} % on the {2} images held out.", from, to, images);
  }
  const { before, after, change } = agreement, figures = [percent(before.value), percent(after.value), images, points(change.low), points(change.high)];
  if (verdict === "more") return t("Fine-tuning gained: agreement {0} → {1} % on the {2} images held out ({3} to {4} points).", ...figures);
  if (verdict === "nearer") return t("Fine-tuning brought outputs nearer to the original's, though too little for predictions to show it: agreement {0} → {1} % on the {2} images held out ({3} to {4} points).", ...figures);
  if (verdict === "farther") return t("Fine-tuning did harm: outputs are farther from the original's, agreement {0} → {1} % on the {2} images held out ({3} to {4} points).", ...figures);
  return t("Fine-tuning made no measurable difference: agreement {0} → {1} % on the {2} images held out ({3} to {4} points).", ...figures);
}
