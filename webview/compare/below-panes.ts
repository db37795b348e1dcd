import { tabs } from "../controls";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import type { FlipsPane } from "./flips-pane";
import type { KernelsPane } from "./kernels-pane";

type Below = "weights" | "flips";

/** What stands below the rows: the selected layer's kernels, or the images that flipped, once there are any. */
export class BelowPanes {
  readonly element = el("div", { class: "cmp-below" });
  private flipped = 0;

  constructor(private readonly weights: KernelsPane, private readonly flips: FlipsPane, private chosen: Below, private readonly changed: (shown: Below) => void) { this.show(); }

  /** @param flipped how many images there are to show */
  tell(flipped: number): void {
    if (flipped === this.flipped) return;
    this.flipped = flipped;
    this.show();
  }

  private show(): void {
    const shown = this.flipped ? this.chosen : "weights", { element } = shown === "flips" ? this.flips : this.weights;
    const bar = this.flipped ? [tabs<Below>({ label: t("What stands below"), tabs: [{ id: "weights", text: t("Weights") }, { id: "flips", text: t("Flipped images ({0})", format.whole(this.flipped)) }], selected: shown, onSelect: (id) => this.pick(id) }).element] : [];
    this.element.replaceChildren(...bar, element);
  }

  private pick(id: Below): void {
    this.chosen = id;
    this.changed(id);
    this.show();
    this.element.querySelector<HTMLElement>(`#tab-${id}`)?.focus();
  }
}
