import type { PlanFacts } from "../../src/protocol/plan";
import { FEW_BITS, type Pruning } from "../../src/protocol/pruning";
import type { RecipeChange, RecipeView } from "../../src/protocol/recipe-page";
import { select } from "../controls";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";

/** Shares of the compute that are offered; a recipe may ask for any. */
const OFFERED = [0.15, 0.25, 0.5, 0.75];

/** Channels that a recipe takes away before it compresses, and what that saves. */
export class PruningSetting {
  readonly element = el("section", { class: "pruning" });
  private readonly choice = el("span", { class: "pruning-choice" });
  private readonly note = el("p", { class: "pruning-note", role: "status" });
  private shown = "";

  constructor(private readonly change: (changes: RecipeChange[]) => void) {
    this.element.append(el("div", { class: "recipe-row" }, el("h2", {}, t("Prune channels")), this.choice), this.note);
  }

  /** @param facts what is shown below, if that is of this recipe */
  show({ prune, target, data }: RecipeView, facts: PlanFacts | undefined): void {
    const hasImages = data?.folder !== undefined, own = prune === undefined ? "" : prune === "auto" ? prune : prune === false ? "no" : String(prune.compute), state = JSON.stringify([own, target !== undefined, hasImages]);
    if (this.shown !== state) {
      this.shown = state;
      const shares = [...new Set([...OFFERED, ...(typeof prune === "object" ? [prune.compute] : [])])].sort((a, b) => a - b);
      const values = [...nothingOr(target !== undefined, own), ...shares.map((share) => ({ value: String(share), text: t("{0} % Less to Compute", Number((100 * share).toFixed(1))) }))];
      this.choice.replaceChildren(select({ label: t("Prune channels"), values, value: own, disabled: !hasImages && own === "", onChange: (value) => { this.change([{ path: ["prune"], value: pruningOf(value) }]); } }));
      this.choice.title = hasImages ? "" : t("Pruning needs images, to see which channels the network misses least.");
    }
    this.note.textContent = prune === "auto" ? t("Each size is tried with all channels and with fewer, and what the outputs lose least by is taken; until then all are shown.")
      : prune === undefined && hasImages && target !== undefined && facts && isSmall(facts) ? t("So small a file is tried with all channels and with fewer, and what the outputs lose least by is taken; until then all are shown.")
      : prune && facts?.pruning ? savedText(facts.pruning) : "";
    this.note.hidden = this.note.textContent === "";
  }
}

/** What is offered beside shares; how a size is served best can be found out where there is one. */
function nothingOr(hasTarget: boolean, own: string): { value: string; text: string }[] {
  const none = t("None"), automatic = { value: "auto", text: t("As Serves the Size") };
  if (hasTarget) return [{ value: "", text: t("If the Size Is Small") }, automatic, { value: "no", text: none }];
  return [{ value: own === "no" ? own : "", text: none }, ...own === "auto" ? [automatic] : []];
}

const isSmall = ({ candidate, layers }: PlanFacts): boolean => 8 * candidate.bytes < FEW_BITS * layers.reduce((sum, { parameters }) => sum + parameters, 0);

const pruningOf = (value: string): Pruning | undefined => (value === "" ? undefined : value === "auto" ? value : value === "no" ? false : { compute: Number(value) });

function savedText({ before, after, groups, effect: { loss, agreement } }: NonNullable<PlanFacts["pruning"]>): string {
  const gone = groups.reduce((sum, { removed }) => sum + removed, 0), saved = t("{0} channels leave: {1} less to compute, {2} fewer weights.", format.whole(gone), format.percent(1 - after.macs / before.macs), format.percent(1 - after.weights / before.weights));
  return `${saved} ${agreement === undefined ? t("That alone moves outputs by {0}.", format.percent(Math.sqrt(loss))) : t("That alone leaves {0} of predictions as they were, on the images that the other weights are fitted to.", format.percent(agreement))}`;
}
