import type { RecipeChange, RecipeView } from "../../src/protocol/recipe-page";
import { field, select } from "../controls";
import { el } from "../dom";
import { t } from "../l10n";
import { noGoal } from "./goals";

/** What holds where a text does not say how ranges are chosen. */
const DEFAULT_RANGES = "meanSquaredError";

const ranges = (): [value: string, text: string, title: string][] => [
  [DEFAULT_RANGES, t("least squared error"), t("The range whose steps come nearest to the values: outliers are cut off where that pays.")],
  ["minMax", t("least to largest value"), t("All that the images show.")],
  ["movingAverage", t("moving average"), t("The least and largest value of each batch, averaged over batches.")],
  ["percentile", t("percentile"), t("A share of the values; the others are cut off.")],
  ["entropy", t("least divergence"), t("The range whose histogram in steps tells most of that in floats.")],
];

/** What the network computes with: floats, or integers of 8 bits, how the ranges of these are chosen, and what becomes of batch normalizations that cannot be folded. */
export class ArithmeticSetting {
  readonly element = el("section", { class: "arithmetic" });
  private readonly choice = el("span", { class: "arithmetic-choice" });
  private readonly manner = el("div", { class: "arithmetic-manner" });
  private readonly percentile = field({ label: "99.99", onInput: () => undefined });
  private readonly percentileRow: HTMLElement;
  private shown = "";
  /** Whether the text has a percentile, which may come long after the lists. */
  private hasPercentile = false;

  constructor(private readonly change: (changes: RecipeChange[]) => void) {
    this.percentile.setAttribute("aria-label", t("Percent of the values that a range holds"));
    this.percentile.addEventListener("change", () => this.take());
    this.percentileRow = el("label", { title: t("Percent of the values that a range holds") }, el("span", {}, t("Percent")), this.percentile);
    this.element.append(el("div", { class: "recipe-row" }, el("h2", {}, t("Arithmetic")), this.choice), this.manner);
  }

  show({ inference, integers = {}, preset, target, bits }: RecipeView): void {
    const isInteger = inference === "integer", range = typeof integers.ranges === "string" ? integers.ranges : DEFAULT_RANGES, isFixed = integers.normalizations === "fixedPoint", { percentile } = integers, asksLess = (preset ?? target ?? bits) !== undefined, state = JSON.stringify([isInteger, range, isFixed, asksLess]);
    this.hasPercentile = percentile !== undefined;
    if (this.percentile !== document.activeElement && !this.percentile.contains(document.activeElement)) {
      this.percentile.value = typeof percentile === "number" ? String(percentile) : "";
      this.percentile.classList.remove("wrong");
    }
    if (this.shown === state) return;
    this.shown = state;
    this.choice.replaceChildren(select({ label: t("Arithmetic"), values: [{ value: "", text: t("floats") }, { value: "integer", text: t("integers of 8 bits") }], value: isInteger ? "integer" : "", onChange: (value) => this.change([{ path: ["inference"], value: value || undefined }]) }));
    this.manner.hidden = !isInteger;
    if (!isInteger) return;
    const kinds = ranges();
    this.manner.replaceChildren(
      this.list(t("Ranges"), kinds.map(([value, text]) => ({ value, text })), range, t("How the range of an activation is chosen from what the images show. {0}", kinds.find(([value]) => value === range)?.[2] ?? ""), (value) => this.change([
        { path: ["integers", "ranges"], value: value === DEFAULT_RANGES ? undefined : value }, ...(this.hasPercentile && value !== "percentile" ? [{ path: ["integers", "percentile"] }] : []),
      ])),
      ...(range === "percentile" ? [this.percentileRow] : []),
      this.list(t("Normalizations"), [{ value: "float", text: t("in floats") }, { value: "fixedPoint", text: t("in fixed point") }], isFixed ? "fixedPoint" : "float", t("Batch normalizations that cannot be folded into a layer before them: with floats, which is faster on a CPU, or as whole numbers and a shift, for targets without floats."), (value) => this.change([{ path: ["integers", "normalizations"], value: value === "float" ? undefined : value }])),
      ...(asksLess ? [this.plainWay()] : []),
    );
  }

  /** The way to what integers are without a size, which the list of presets has too, under the same name. */
  private plainWay(): HTMLElement {
    const link = el("button", { class: "link" }, t("8 Bits Everywhere"));
    link.addEventListener("click", () => this.change(noGoal()));
    return el("p", { class: "arithmetic-note" }, t("Weights take fewer bits than 8 where that pays. For the plain 8-bit network:"), " ", link);
  }

  private list(label: string, values: readonly { value: string; text: string }[], value: string, title: string, onChange: (value: string) => void): HTMLElement {
    const list = select({ label, values, value, onChange });
    list.title = title;
    return el("label", {}, el("span", {}, label), list);
  }

  /** What was typed, where it makes sense: 99.9, 99,9 %. */
  private take(): void {
    const text = this.percentile.value.trim().replace(",", ".").replace(/\s*%$/, ""), percent = Number(text), isGood = text === "" || percent >= 50 && percent <= 100;
    this.percentile.classList.toggle("wrong", !isGood);
    if (isGood) this.change([{ path: ["integers", "percentile"], value: text === "" ? undefined : percent }]);
  }
}
