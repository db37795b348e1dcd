import type { RecipeView } from "../../src/protocol/recipe-page";
import { el, icon } from "../dom";
import * as format from "../format";
import { t } from "../l10n";

/**
 * Where a recipe's page is one column, its settings are a line that says what they come to, and unfold under it: size, curve and layers stand above the fold.
 * Where they have a column beside the layers the line is not there, and they always are.
 */
export class SettingsFold {
  readonly element = el("section", { class: "settings-fold" });
  private readonly summary = el("small");
  private readonly toggle = el("button", { class: "settings-toggle" }, icon("chevron-right"), el("h2", {}, t("Settings")), this.summary);
  private isNeeded = false;

  /** @param under what unfolds @param changed somebody has unfolded or folded it */
  constructor(private readonly under: readonly HTMLElement[], private isOpen: boolean, changed: (isOpen: boolean) => void) {
    this.element.append(this.toggle);
    this.toggle.addEventListener("click", () => {
      this.isOpen = !this.isOpen;
      changed(this.isOpen);
      this.draw();
    });
    this.draw();
  }

  /** @param isNeeded something in it has to be seen: it unfolds when that begins */
  show(view: RecipeView, isNeeded: boolean): void {
    const text = summaryOf(view);
    if (this.summary.textContent !== text) this.summary.textContent = this.summary.title = text;
    if (isNeeded && !this.isNeeded) this.isOpen = true;
    this.isNeeded = isNeeded;
    this.draw();
  }

  private draw(): void {
    this.toggle.setAttribute("aria-expanded", String(this.isOpen));
    for (const part of this.under) part.toggleAttribute("data-folded", !this.isOpen);
  }
}

/** "floats · all channels · no fine-tuning" */
function summaryOf({ inference, prune, target, tune = "none", data }: RecipeView): string {
  const channels = prune === "auto" ? t("channels as serves the size") : prune ? t("{0} % less to compute", Number((100 * prune.compute).toFixed(1))) : prune === undefined && target !== undefined ? t("fewer channels if the size is small") : t("all channels");
  const training = tune === "none" ? t("no fine-tuning") : "steps" in tune ? t("fine-tuned in {0} steps", format.whole(tune.steps)) : t("fine-tuned for {0}", tune.duration);
  return [inference === "integer" ? t("integers of 8 bits") : t("floats"), channels, training, ...(data?.limit === undefined ? [] : [t("{0} images at most", data.limit)])].join(" · ");
}
