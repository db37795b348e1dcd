import type { Measure } from "../charts/measures";
import { el } from "../dom";
import { t } from "../l10n";

const STEPS = 5;

/** What the colours of the graph mean: a scale in steps, or the kinds. */
export class Legend {
  readonly element = el("div", { class: "legend" });

  show(measure: Measure): void {
    const { kinds, most } = measure;
    if (kinds) {
      this.element.replaceChildren(el("span", {}, measure.caption), ...kinds.map(([name, colour]) => el("span", { class: "legend-kind" }, swatch(colour), name)));
      return;
    }
    const bar = el("div", { class: "legend-bar" }, ...Array.from({ length: STEPS }, (_, i) => swatch(measure.scale(most * ((i + 1) / STEPS) ** measure.spread))));
    this.element.replaceChildren(el("span", {}, measure.caption), bar, el("span", { class: "legend-ends" }, el("span", {}, t("0")), el("span", {}, measure.text(most * 0.5 ** measure.spread)), el("span", {}, measure.text(most))));
  }
}

function swatch(colour: string): HTMLElement {
  const element = el("span", { class: "swatch" });
  element.style.background = colour;
  return element;
}
