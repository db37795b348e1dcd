import type { TuningReport } from "../src/protocol/report";
import * as format from "./format";
import { t } from "./l10n";

/** What a training has come to, on samples that are neither trained on nor those of the report. Their loss decides which step is best. */
export function tunedText({ before, after, steps, bestStep, samples }: TuningReport): string {
  const [known, of, images] = [bestStep, steps, samples].map(format.whole);
  if (steps === 0) return t("Fine-tuning ended before its first step.");
  if (bestStep === 0) return t("Fine-tuning gained nothing in {0} steps on {1} other images kept from training; what was before is kept.", of, images);
  if (before.agreement === undefined || after.agreement === undefined) return t("Fine-tuning: error {0} → {1} % on {2} other samples kept from training, least error at step {3} of {4}.", format.tenths(100 * before.loss), format.tenths(100 * after.loss), images, known, of);
  return t("Fine-tuning: loss {0} → {1}, agreement {2} → {3} % on {4} other images kept from training, least loss at step {5} of {6}.", format.loss(before.loss), format.loss(after.loss), format.tenths(100 * before.agreement), format.tenths(100 * after.agreement), images, known, of);
}
