import type { PreparedVerdict } from "../src/protocol/estimates";
import type { JobState, PageAction } from "../src/protocol/page";
import { button } from "./controls";
import { arrange, el, icon } from "./dom";
import { farText, JobVoice } from "./job-words";
import { t } from "./l10n";
import { TrainingView } from "./training";

/** Words say it, too. */
export const SIGNS: Record<PreparedVerdict, string> = { gain: "pass-filled", harm: "warning", unsure: "info" };

/** Under a model: how far its job is, or how it ended. */
export class JobFoot {
  readonly element = el("footer", { class: "foot", hidden: true });
  private readonly voice = new JobVoice();
  private readonly training: TrainingView;
  private readonly cancel = this.action(t("Cancel"), "cancel-job");

  constructor(private readonly act: (action: PageAction) => void) {
    this.training = new TrainingView({ finish: () => act("finish-tuning"), cancel: () => act("cancel-job") });
  }

  show(job: JobState | undefined): void {
    this.element.hidden = job === undefined;
    this.voice.tell(job);
    if (!job) return;
    const isTraining = job.state === "running" && this.training.show(job);
    if (isTraining && this.element.contains(this.training.element)) return;
    arrange(this.element, ...(isTraining ? [this.training.element] : job.state === "running" ? this.running(job) : this.ended(job)), this.voice.element);
  }

  private running(job: JobState): HTMLElement[] {
    const { fraction, title, text, warning } = job;
    const bar = el("progress", { "aria-label": title });
    bar.max = 1;
    bar.value = fraction;
    return [el("span", {}, [`${title}: ${text}`, farText(job)].filter(Boolean).join(" · ")), bar, this.cancel, ...(warning === undefined ? [] : [el("p", { class: "foot-warning", role: "status" }, warning)])];
  }

  /** What preparing a model was worth, with a sign, and what to do. */
  private prepared(verdict: PreparedVerdict, sentence: string): HTMLElement[] {
    const ways = verdict === "gain" ? [] : [this.action(t("Compress the Original…"), "compress"), this.action(t("Train Longer…"), "prepare")];
    return [el("span", { class: `foot-end foot-verdict ${verdict}` }, icon(SIGNS[verdict]), el("span", {}, sentence)), ...ways, this.action(t("Close"), "discard-job")];
  }

  private ended({ state, sentence, isOfData, prepared }: JobState): HTMLElement[] {
    if (state === "done" && prepared) return this.prepared(prepared, sentence ?? "");
    const on = isOfData ? [this.action(t("Choose Folder…"), "choose-job-data"), this.action(t("Try Again"), "resume-job")] : [this.action(t("Resume"), "resume-job")];
    const actions = state === "stopped" ? [...on, this.action(t("Discard"), "discard-job")] : [this.action(t("Compare"), "compare-result"), this.action(t("Open Recipe"), "open-recipe"), this.action(t("Close"), "discard-job")];
    return [el("span", { class: "foot-end" }, sentence ?? ""), ...actions];
  }

  private action(label: string, action: PageAction): HTMLElement { return button({ label, small: true, onClick: () => this.act(action) }); }
}
