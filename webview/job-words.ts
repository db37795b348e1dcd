import type { Progress } from "../src/protocol/api";
import type { JobState } from "../src/protocol/page";
import { el } from "./dom";
import { t } from "./l10n";

/** How long something takes yet, which is an estimate and says so; no line ends inside it. */
export const leftText = (seconds: number | undefined): string => unbroken(seconds === undefined || !Number.isFinite(seconds) ? "" : seconds < 90 ? t("about {0} s left", Math.max(1, Math.round(seconds))) : t("about {0} min left", Math.round(seconds / 60)));

/** The same where what takes so long stands beside it. */
export const timeLeft = (seconds: number): string => unbroken(seconds < 90 ? t("{0} s left", Math.max(1, Math.round(seconds))) : t("{0} min left", Math.round(seconds / 60)));

const unbroken = (text: string): string => text.replace(/ /g, "\u00a0");

/** The same of a job, or of its part before a training, whose own length says nothing of that; how much of it is done where no time can be told. */
export function farText({ fraction, secondsLeft, secondsToTraining: before }: Pick<Progress, "fraction" | "secondsLeft" | "secondsToTraining">): string {
  if (before !== undefined) return unbroken(before < 90 ? t("training begins in about {0} s", Math.max(1, Math.round(before))) : t("training begins in about {0} min", Math.round(before / 60)));
  return leftText(secondsLeft) || (fraction >= 0.01 && fraction < 1 ? t("{0} % done", Math.floor(100 * fraction)) : "");
}

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
