import type { JobState, TrainingCourse } from "../src/protocol/page";
import { button, iconButton } from "./controls";
import { TrainingChart, trainingTable } from "./charts/training-chart";
import { el } from "./dom";
import { leftText } from "./job-words";
import * as format from "./format";
import { t } from "./l10n";

/** A training that goes on: how far it is, what it has gained, its two ends. Its elements stay while it does, so that buttons keep the focus. */
export class TrainingView {
  readonly element = el("div", { class: "training" });
  private readonly finish: HTMLElement;
  private readonly bar = el("progress", { class: "job-bar", "aria-label": t("Fine-tuning") });
  private readonly far = el("small");
  private readonly chart = new TrainingChart();
  private readonly table = el("div", { class: "training-table", tabindex: 0, role: "region", "aria-label": t("Course of the training"), hidden: true });
  private course: TrainingCourse | undefined;

  constructor(actions: { finish(): void; cancel(): void }) {
    this.finish = button({ label: t("Finish Now, Keep the Best"), small: true, onClick: () => actions.finish() });
    const asTable = iconButton({ label: t("Show as Table"), icon: "table", onClick: () => {
      this.table.hidden = !this.table.hidden;
      this.chart.element.hidden = !this.table.hidden;
      asTable.setAttribute("aria-pressed", String(!this.table.hidden));
      this.draw();
    } });
    asTable.setAttribute("aria-pressed", "false");
    this.bar.max = 1;
    this.element.append(el("div", { class: "job-head" }, el("h2", {}, t("Fine-tuning")), asTable, el("span", { class: "training-ends" }, this.finish, button({ label: t("Cancel"), small: true, onClick: () => actions.cancel() }))),
      el("div", { class: "training-far" }, this.bar, this.far), this.chart.element, this.table);
  }

  /** @returns whether the job is training: nothing changes where it is not */
  show({ tuning, course, isFinishing, secondsLeft }: JobState): boolean {
    if (!tuning || !course) return false;
    this.course = course;
    this.finish.toggleAttribute("disabled", isFinishing === true);
    this.bar.value = tuning.step / tuning.steps;
    this.far.textContent = [t("step {0} of {1}", format.whole(tuning.step), format.whole(tuning.steps)), isFinishing ? t("finishing") : leftText(secondsLeft)].filter(Boolean).join(" · ");
    this.chart.show(course, { done: tuning.step, of: tuning.steps });
    this.draw();
    return true;
  }

  private draw(): void { if (this.course && !this.table.hidden) this.table.replaceChildren(trainingTable(this.course)); }
}
