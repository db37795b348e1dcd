import type { Planning, RecipeAction, RecipeChange, RecipeProblem, RecipeView } from "../../src/protocol/recipe-page";
import { button } from "../controls";
import { el, icon } from "../dom";
import { t } from "../l10n";

export type FailedPlanning = Extract<Planning, { state: "failed" }>;

/** Above a recipe: what is wrong with its text, or with what it is planned from, and what may help. */
export class ProblemBanner {
  readonly element = el("div", { class: "banner recipe-problem", role: "alert", hidden: true });
  /** What it says. */
  private told: string | undefined;

  constructor(private readonly act: (action: RecipeAction) => void, private readonly change: (changes: RecipeChange[]) => void) {}

  /** It stays as it is while what it says stays the same, or a click on it could be lost. */
  show(problem: RecipeProblem | undefined, failed: FailedPlanning | undefined, view: RecipeView | undefined): void {
    this.element.hidden = problem === undefined && failed === undefined;
    const what = JSON.stringify(problem ? [problem] : [failed, view]);
    if (what === this.told) return;
    this.told = what;
    if (problem) this.element.replaceChildren(icon("error"), el("span", {}, problem.line === undefined ? problem.text : t("Line {0}: {1}", problem.line, problem.text)), button({ label: t("Open Text"), small: true, onClick: () => this.act("show-text") }));
    else if (failed) this.element.replaceChildren(icon("error"), el("span", {}, failed.text), ...this.waysOn(failed, view, true));
  }

  /** What may help where there is no plan, the most likely first. @param isBeside whether an earlier plan stands there, which has the page's primary button */
  waysOn({ isOfData, isOfModel, channels }: FailedPlanning, view: RecipeView | undefined, isBeside: boolean): HTMLElement[] {
    const way = (label: string, act: () => void, primary = false) => button({ label, primary: primary && !isBeside, small: isBeside, onClick: act }), action = (label: string, id: RecipeAction, primary = false) => way(label, () => this.act(id), primary);
    const prepare = channels && way(channels === "gray" ? t("Set to Grey") : t("Set to RGB"), () => this.change([{ path: ["preprocess", "channels"], value: channels }]), true);
    if (isOfData) return [...(prepare ? [prepare] : []), action(t("Choose Folder…"), "choose-data", !prepare), ...(isBeside ? [] : [action(t("Open Text"), "show-text")]), action(t("Try Again"), "plan")];
    if (!isOfModel) return [action(t("Try Again"), "plan", true), action(t("Show Log"), "show-log")];
    const isInteger = view?.inference === "integer"; // which most of what is not supported comes of
    return [...(isInteger ? [way(t("Compute with Floats"), () => this.change([{ path: ["inference"] }]), true)] : []), action(t("Choose Model…"), "choose-model", !isInteger), action(t("Open Text"), "show-text")];
  }
}
