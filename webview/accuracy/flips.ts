import type { ClassScore, Flip, FlipKind, Measured } from "../../src/protocol/accuracy";
import { select } from "../controls";
import { el, icon } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { Cards } from "./cards";
import { chosenFlips, classOf, type FlipChoice, type FlipOrder } from "./order";
import type { Pictures } from "./pictures";
import { sampleName } from "./sample-name";

const KINDS: readonly { kind: FlipChoice["kind"]; text: string; hover: string }[] = [
  { kind: "all", text: t("All"), hover: "" },
  { kind: "lost", text: t("Lost"), hover: t("Right before, wrong now") },
  { kind: "gained", text: t("Gained"), hover: t("Wrong before, right now") },
  { kind: "other", text: t("Wrong either way"), hover: t("Another wrong prediction than before") },
];

/** Samples on which compression changed the prediction: filtered, sorted, with pictures. */
export class Flips {
  readonly element = el("section", { class: "acc-flips", "aria-label": t("Flipped predictions") });
  readonly cards: Cards;
  private readonly filters = el("div", { class: "acc-filters", role: "group", "aria-label": t("Kinds of flips") });
  private readonly classes = el("span", { class: "acc-classes" });
  private readonly note = el("p", { class: "acc-note", hidden: true });
  private listed = "";
  private measured: Measured | undefined;
  private choice: FlipChoice;

  constructor(private readonly pictures: Pictures, choice: FlipChoice | undefined, choose: (position: number) => void, open: () => void, private readonly changed: (choice: FlipChoice) => void) {
    this.choice = choice ?? { kind: "all", order: "change" };
    this.cards = new Cards(t("Flipped predictions"), choose, open);
    const order = select<FlipOrder>({ label: t("Order"), value: this.choice.order, values: [{ value: "change", text: t("Largest change") }, { value: "sure", text: t("Most sure now") }, { value: "unsure", text: t("Least sure before") }, { value: "sample", text: t("As in the data") }], onChange: (order) => this.pick({ order }) });
    this.element.append(el("header", { class: "acc-head" }, el("h3", {}, t("Flipped predictions")), this.filters, el("span", { class: "acc-selects" }, el("label", { class: "acc-order" }, el("span", {}, t("Order")), order), this.classes)), this.note, this.cards.element);
  }

  show(measured: Measured): void {
    this.measured = measured;
    const { classifier, flips, classes } = measured;
    if (!classifier) return;
    const counts: Record<FlipChoice["kind"], number> = { all: classifier.flips.lost + classifier.flips.gained + classifier.flips.other, ...classifier.flips }, labelled = classifier.top1 !== undefined;
    if (!labelled) this.choice.kind = "all";
    this.filters.replaceChildren(...KINDS.filter(({ kind }) => labelled || kind === "all").map(({ kind, text, hover }) => {
      const button = el("button", { class: "acc-filter", "aria-pressed": String(kind === this.choice.kind), "data-kind": kind, title: hover }, el("span", {}, text), el("span", { class: "acc-count" }, format.whole(counts[kind])));
      button.addEventListener("click", () => this.pick({ kind }));
      return button;
    }));
    this.showClasses(flips, classes);
    const listed = chosenFlips(flips, this.choice), missing = counts.all - flips.length;
    this.cards.show(listed, (flip) => this.card(flip, classes));
    const none = listed.length ? "" : counts.all ? t("No flips of this kind.") : measured.samples < measured.total ? t("No prediction has changed so far.") : t("No prediction has changed.");
    this.note.textContent = missing > 0 ? t("The {0} that changed most are listed.", format.whole(flips.length)) : none;
    this.note.hidden = this.note.textContent === "";
  }

  private pick(change: Partial<FlipChoice>): void {
    this.choice = { ...this.choice, ...change };
    this.changed(this.choice);
    this.cards.element.scrollTop = 0;
    if (this.measured) this.show(this.measured);
  }

  /** The drop-down is made anew only when other classes are in it. */
  private showClasses(flips: readonly Flip[], classes: readonly string[] | undefined): void {
    const there = [...new Set(flips.map(classOf))].sort((a, b) => a - b), key = `${there.join()}/${classes?.join() ?? ""}`;
    if (key === this.listed || this.classes.matches(":focus-within")) return;
    this.listed = key;
    this.classes.replaceChildren(select<string>({
      label: t("Class"), value: this.choice.class === undefined ? "" : String(this.choice.class), values: [{ value: "", text: t("All classes") }, ...there.map((index) => ({ value: String(index), text: nameOf(index, classes) }))],
      onChange: (value) => this.pick({ class: value === "" ? undefined : Number(value) }),
    }));
  }

  private card({ position, name: given, label, kind, original: [before], compressed: [after] }: Flip, classes: readonly string[] | undefined): HTMLElement {
    const name = sampleName(given), is = label === undefined ? "" : nameOf(label, classes);
    const spoken = [name, is && t("is {0}", is), t("original {0} {1}", nameOf(before.class, classes), format.hundredths(before.probability)), t("compressed {0} {1}", nameOf(after.class, classes), format.hundredths(after.probability))].filter(Boolean).join(", ");
    return el("div", { "data-kind": kind, "aria-label": spoken, title: name },
      this.pictures.of(position, name),
      el("div", { class: "acc-words" }, el("span", { class: "acc-is" }, ...(is ? [el("span", {}, t("is")), el("b", {}, is)] : [name])), prediction(before, "before", rightness(kind, label, "lost"), classes), prediction(after, "after", rightness(kind, label, "gained"), classes)));
  }
}

const rightness = (kind: FlipKind, label: number | undefined, right: FlipKind): boolean | undefined => (label === undefined ? undefined : kind === right);

export const nameOf = (index: number, classes: readonly string[] | undefined): string => classes?.[index] ?? t("class {0}", index);

/** One model's prediction: sign, class, probability as a bar (hollow before, filled after) and a number. */
function prediction({ class: index, probability }: ClassScore, when: "before" | "after", right: boolean | undefined, classes: readonly string[] | undefined): HTMLElement {
  const bar = el("span");
  bar.style.width = `${Math.max(2, 100 * probability)}%`;
  return el("span", { class: `acc-prediction ${when}` },
    el("span", { class: `acc-sign${right === undefined ? "" : right ? " acc-right" : " acc-wrong"}`, title: when === "before" ? t("original") : t("compressed") }, icon(right === undefined ? (when === "before" ? "circle-outline" : "circle-filled") : right ? "check" : "close")),
    el("span", { class: "acc-class" }, nameOf(index, classes)), el("span", { class: "acc-bar" }, bar), el("span", { class: "number" }, format.hundredths(probability)));
}
