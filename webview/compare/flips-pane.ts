import type { AccuracyHostApi, Flip, Measured, Origins } from "../../src/protocol/accuracy";
import { Cards } from "../accuracy/cards";
import { nameOf } from "../accuracy/flips";
import { Pictures } from "../accuracy/pictures";
import { sampleName } from "../accuracy/sample-name";
import { button } from "../controls";
import { el, icon } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { inOrderOfLayers } from "./flip-order";

const PICTURE = 64;

/** Samples on which the two models say something else, with the layer at which each left the others; a click selects that layer. */
export class FlipsPane {
  readonly element = el("section", { class: "cmp-pane cmp-flips-pane", role: "tabpanel", id: "panel-flips", "aria-labelledby": "tab-flips" });
  private readonly cards: Cards;
  private readonly pictures: Pictures;
  private readonly facts = el("div", { class: "cmp-facts" });
  private readonly text = el("p", { class: "cmp-note", role: "status" });
  private readonly bar = el("progress", { "aria-label": t("Following images") });
  private readonly stop: HTMLElement;
  private shown: { measured: Measured; origins?: Origins } | undefined;
  private layer: string | undefined;

  constructor(host: Pick<AccuracyHostApi, "thumbnails">, private readonly labelOf: (layer: string) => string, choose: (layer: string) => void, cancel: () => void) {
    this.pictures = new Pictures((positions, side) => host.thumbnails(positions, side), PICTURE);
    const pick = (position: number): void => {
      const layer = this.originOf(position);
      this.cards.select(position);
      if (layer !== undefined) choose(layer);
    };
    this.cards = new Cards(t("Flipped predictions"), pick, () => undefined);
    this.stop = button({ label: t("Cancel"), small: true, onClick: cancel });
    this.element.append(this.facts, this.cards.element);
  }

  /** Other models, or other figures of these. */
  clear(): void {
    this.shown = undefined;
    this.cards.clear();
    this.pictures.clear();
  }

  /** @param origins as far as they are known @param problem why they are not known, if they will not be */
  show(measured: Measured, origins: Origins | undefined, problem?: string): void {
    const isOther = this.shown?.measured !== measured;
    if (isOther) this.clear();
    this.shown = { measured, origins };
    const of = new Map(origins?.found.map(({ position, layer }) => [position, layer])), isDone = origins !== undefined && of.size === measured.flips.length;
    if (isOther || isDone || problem !== undefined) {
      if (isDone) this.cards.clear(); // cards know their layers now
      this.cards.show(inOrderOfLayers(measured.flips, of, origins?.layers ?? []), (flip) => this.card(flip, measured.classes, isDone ? of.get(flip.position) : null));
    }
    const all = measured.classifier ? Object.values(measured.classifier.flips).reduce((a, b) => a + b, 0) : 0, listed = measured.flips.length, inBand = [...of.values()].filter((layer) => layer === undefined).length;
    const words = problem ?? (isDone ? [all > listed ? t("The {0} that changed most are listed.", format.whole(listed)) : "", inBand ? t("{0} are nowhere further off than nine of ten others.", format.whole(inBand)) : ""].filter(Boolean).join(" ") : t("Following images from layer to layer: {0} of {1}", format.whole(origins?.done ?? 0), format.whole(origins?.total ?? listed)));
    this.text.textContent = words;
    if (origins) {
      this.bar.max = origins.total;
      this.bar.value = origins.done;
    }
    this.facts.replaceChildren(el("h2", {}, t("{0} of {1} images flipped", format.whole(all), format.whole(measured.samples))), el("p", { class: "cmp-why" }, t("Where an image is first further from the original than nine of ten others, its error begins.")), this.text, ...(isDone || problem !== undefined ? [] : [this.bar, this.stop]));
    this.element.toggleAttribute("data-done", isDone);
  }

  /** Marks the images whose error begins at a layer. */
  select(layer: string | undefined): void {
    this.layer = layer;
    for (const card of this.cards.element.children) card.toggleAttribute("data-here", layer !== undefined && card instanceof HTMLElement && card.dataset.begins === layer);
  }

  private originOf(position: number): string | undefined { return this.shown?.origins?.found.find((one) => one.position === position)?.layer; }

  /** @param layer null while it is not known */
  private card({ position, name: given, label, kind, original: [before], compressed: [after] }: Flip, classes: readonly string[] | undefined, layer: string | undefined | null): HTMLElement {
    const name = sampleName(given), is = label === undefined ? "" : nameOf(label, classes), [from, to] = [before, after].map(({ class: index }) => nameOf(index, classes)), place = layer === null ? "" : layer === undefined ? t("within the others’ range") : this.labelOf(layer);
    const spoken = [name, is && t("is {0}", is), t("original {0} {1}", from, format.hundredths(before.probability)), t("compressed {0} {1}", to, format.hundredths(after.probability)), layer ? t("begins at {0}", place) : place].filter(Boolean).join(", ");
    const card = el("div", { "data-kind": kind, "aria-label": spoken, title: [name, layer ? t("Its error begins at {0}", place) : place].filter(Boolean).join("\n"), ...(layer ? { "data-begins": layer } : {}) },
      this.pictures.of(position, name),
      el("div", { class: "acc-words" },
        el("span", { class: "acc-is" }, ...(is ? [el("span", {}, t("is")), el("b", {}, is)] : [name])),
        el("span", { class: "cmp-turn" }, sign(kind, "lost", label), el("span", {}, from), icon("arrow-right"), sign(kind, "gained", label), el("span", {}, to)),
        el("span", { class: `cmp-begin${layer ? "" : " none"}` }, ...(layer ? [icon("layers"), el("span", {}, place)] : [place]))));
    card.toggleAttribute("data-here", layer !== null && layer !== undefined && layer === this.layer);
    return card;
  }
}

/** Whether a prediction is right, where that is known. */
function sign(kind: Flip["kind"], right: Flip["kind"], label: number | undefined): HTMLElement {
  return label === undefined ? el("span") : el("span", { class: `acc-sign ${kind === right ? "acc-right" : "acc-wrong"}` }, icon(kind === right ? "check" : "close"));
}
