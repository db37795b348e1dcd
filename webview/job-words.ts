import type { JobState } from "../src/protocol/page";
import { el } from "./dom";
import { t } from "./l10n";

export const leftText = (seconds: number | undefined): string => (seconds === undefined || !Number.isFinite(seconds) ? "" : seconds < 90 ? t("{0} s left", Math.max(1, Math.round(seconds))) : t("{0} min left", Math.round(seconds / 60)));

/** What is read out of a job: its start, each quarter, the start of its training, the end. */
export class JobVoice {
  readonly element = el("p", { class: "unseen", role: "status" });

  tell(job: JobState | undefined): void {
    const text = job === undefined ? "" : wordsOf(job);
    if (text !== this.element.textContent) this.element.textContent = text;
  }
}

function wordsOf({ state, sentence, tuning, fraction }: JobState): string {
  if (state !== "running") return sentence ?? "";
  const quarter = Math.floor(4 * (tuning ? tuning.step / tuning.steps : fraction));
  if (tuning) return quarter === 0 ? t("Fine-tuning began") : t("Fine-tuning, {0} percent", 25 * quarter);
  return quarter === 0 ? t("Compressing began") : t("Compressing, {0} percent", 25 * quarter);
}
