import type { JobState } from "../../src/protocol/page";
import type { Planning, RecipeAction } from "../../src/protocol/recipe-page";
import { button } from "../controls";
import { arrange, el, icon } from "../dom";
import * as format from "../format";
import { farText, JobVoice } from "../job-words";
import { t } from "../l10n";
import { SIGNS } from "../job-foot";
import { TrainingView } from "../training";

/** Layers that were done last stand in the card. */
const SHOWN = 3;

/** What is being done: layers compressed or rated, how long it will take, Cancel; or how it ended, and how it goes on. */
export class JobCard {
  readonly element = el("section", { class: "job", hidden: true, "aria-label": t("Job") });
  private readonly voice = new JobVoice();
  private readonly training: TrainingView;
  private readonly compressing = this.head(t("Compressing"), t("Cancel"), "cancel-job");
  private readonly measuring = this.head(t("Measuring what layers can bear"), t("Cancel"), "cancel-planning");
  private readonly unmeasured = this.head(t("Not measured on these images"), t("Resume"), "plan");

  constructor(private readonly act: (action: RecipeAction) => void) {
    this.training = new TrainingView({ finish: () => act("finish-tuning"), cancel: () => act("cancel-job") });
  }

  /** @param is.isDiagnosing what has ended leaves the room to what is being measured @param is.isWrong what is finished is not shown beside an error */
  show(job: JobState | undefined, planning: Planning, is: { trusted: boolean; isDiagnosing: boolean; isWrong: boolean }): void {
    this.voice.tell(job);
    const running = job?.state === "running" ? [...this.training.show(job) ? [this.training.element] : this.running(job), ...this.of(job)] : [], rating = planning.state === "busy" && (!running.length || job?.otherRecipe) ? this.rating(planning) : [];
    const parts = running.length || rating.length ? [...running, ...rating] : is.isDiagnosing || is.isWrong && job?.state === "done" ? [] : job ? this.ended(job, is.trusted) : planning.state === "cancelled" ? this.cancelled() : [];
    this.element.hidden = !parts.length;
    arrange(this.element, ...parts, this.voice.element);
  }

  /** Whose job it is, where it is not of what the page shows. */
  private of({ otherRecipe: other, state }: JobState): HTMLElement[] {
    if (!other) return [];
    const isRunning = state === "running", text = other.kind === "other" ? isRunning ? t("This is {0}, not the recipe shown here.", other.name) : t("It is of {0}, not of the recipe shown here.", other.name)
      : other.kind === "none" ? t("It was asked for without a recipe, and is not what this one asks for.") : t("It is of an earlier recipe, not of the one shown here.");
    return [el("p", { class: "job-text job-earlier" }, text)];
  }

  private running(job: JobState): HTMLElement[] {
    const { layers, finished } = job, fitting = layers && layers.of > 0 && job.stage === "fit";
    const title = fitting ? t("{0} of {1} layers", layers.done, layers.of) : job.text;
    return [
      this.compressing([title, farText(job)].filter(Boolean).join(" · ")),
      layers && layers.of > 0 ? segments(layers.done, layers.of, true) : bar(job.fraction, t("Compressing")),
      el("ul", { class: "job-layers" }, ...finished.slice(-SHOWN).map(({ label, sqnrDb }) => el("li", {}, icon("check"), el("span", {}, label), el("span", { class: "number" }, sqnrDb === undefined ? "" : format.decibels(sqnrDb)))),
        ...(fitting ? [el("li", { class: "job-now" }, icon("loading"), el("span", {}, job.text))] : [])),
    ];
  }

  /** What comes after all layers are rated does not tell how far it is: a bar that is full would say that it is done. */
  private rating(planning: Extract<Planning, { state: "busy" }>): HTMLElement[] {
    const { text, fraction } = planning;
    if (fraction >= 1) return [this.measuring(""), el("p", { class: "job-text job-last" }, icon("loading"), el("span", {}, text))];
    return [this.measuring(farText(planning)), bar(fraction, t("Rating layers")), el("p", { class: "job-text" }, text)];
  }

  /** A title with a note beside it and a button, which stays the same while the note changes. */
  private head(title: string, label: string, action: RecipeAction): (note: string) => HTMLElement {
    const small = el("small"), element = el("div", { class: "job-head" }, el("h2", {}, title), small, button({ label, small: true, onClick: () => this.act(action) }));
    return (note) => {
      small.textContent = note;
      return element;
    };
  }

  private cancelled(): HTMLElement[] {
    return [this.unmeasured(""), el("p", { class: "job-text" }, t("Without it there is no prediction. What was measured is kept; compressing measures the rest."))];
  }

  private ended(job: JobState, trusted: boolean): HTMLElement[] {
    const { state, sentence, layers, otherRecipe, isOfData, prepared } = job, earlier = this.of(job);
    if (state === "done") {
      const close = button({ label: t("Close"), small: true, onClick: () => this.act("discard-job") });
      if (prepared) return [el("div", { class: `job-end ${prepared}` }, icon(SIGNS[prepared]), el("p", {}, sentence ?? "")), el("div", { class: "row" }, close)];
      return [el("div", { class: "job-end" }, icon("pass-filled"), el("p", {}, sentence ?? "")), ...earlier, el("div", { class: "row" }, button({ label: t("Open Result"), small: true, onClick: () => this.act("open-result") }), button({ label: t("Compare"), small: true, onClick: () => this.act("compare") }), close)];
    }
    const folder = button({ label: t("Choose Folder…"), small: true, onClick: () => this.act("choose-data") }), resume = (label: string) => button({ label, small: true, disabled: !trusted, onClick: () => this.act("resume-job") });
    const ways = !isOfData ? [resume(otherRecipe?.kind === "other" ? t("Resume {0}", otherRecipe.name) : otherRecipe?.kind === "earlier" ? t("Resume Earlier Recipe") : t("Resume"))] : otherRecipe ? [] : [folder, resume(t("Try Again"))];
    return [
      el("div", { class: "job-end" }, icon("circle-slash"), el("p", {}, sentence ?? "")), ...(!layers || layers.done === 0 ? [] : layers.done < layers.of ? [segments(layers.done, layers.of, false)] : [bar(job.fraction, t("Compressing"))]),
      ...earlier,
      el("div", { class: "row" }, ...ways, button({ label: t("Discard"), small: true, onClick: () => this.act("discard-job") })),
    ];
  }
}

function bar(fraction: number, label: string): HTMLElement {
  const element = el("progress", { class: "job-bar", "aria-label": label });
  element.max = 1;
  element.value = fraction;
  return element;
}

/** One piece for each layer; of very many, each for several. */
function segments(done: number, of: number, goesOn: boolean): HTMLElement {
  const count = Math.min(of, 40), full = done / of * count;
  const element = el("div", { class: "job-segments", role: "progressbar", "aria-label": t("{0} of {1} layers", done, of) }, ...Array.from({ length: count }, (_, i) => el("span", { class: i < Math.floor(full) ? "done" : goesOn && done < of && i < full + 1 ? "now" : "" })));
  element.setAttribute("aria-valuenow", String(done));
  element.setAttribute("aria-valuemax", String(of));
  return element;
}
