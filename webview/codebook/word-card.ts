import { onLookChange, readableOn, weightScale } from "../charts/colours";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import type { Noun } from "./nouns";
import { picture } from "./picture";
import type { Shelf } from "./shelf";

/** So many values can be read beside the facts. */
const MOST_VALUES = 16;

/** One codeword: its values, and what it stands for. */
export class WordCard {
  readonly element = el("section", { class: "book-pane book-word", "aria-label": t("Codeword") });

  show(shelf: Shelf, word: number, m: number, noun: Noun): void {
    const { facts: { uses, index, original, outputs } } = shelf, filters = shelf.usesByChannel(word).reduce((sum, n) => sum + (n ? 1 : 0), 0);
    const facts: [string, string][] = [
      [t("use"), uses[word] ? t("{0} {1} · {2} · rank {3}", format.whole(uses[word]), noun.many, format.percent(uses[word] / index.length), format.whole(shelf.rank(word))) : t("not used")],
      [t("filters"), t("{0} of {1} output channels", format.whole(filters), format.whole(outputs))],
      ...(original && uses[word] ? [[t("energy"), t("{0} of the layer’s Σw²", format.percent(original.energy[word]))], [t("distortion"), t("{0} of its {1}’ energy", format.percent(original.words[word]), noun.many)]] as [string, string][] : [[t("largest"), format.weight(shelf.word(word).reduce((most, v) => (Math.abs(v) > Math.abs(most) ? v : most), 0))]] as [string, string][]),
    ];
    this.element.replaceChildren(valuesOf(shelf, word, m), el("div", { class: "word-facts" }, el("h3", {}, t("Codeword {0}", word)), el("dl", {}, ...facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", { title: value }, value)]))));
  }
}

/** The codeword large, its values written on it where there is room. */
function valuesOf(shelf: Shelf, word: number, m: number): HTMLElement {
  const { width } = shelf, values = shelf.word(word);
  if (values.length > MOST_VALUES) return el("div", { class: "word-values" }, picture(values, shelf, m, 126));
  const box = el("div", { class: "word-values", role: "img", "aria-label": t("Values: {0}", Array.from(values, format.weight).join(", ")) });
  box.style.gridTemplateColumns = `repeat(${width > 4 ? width / 2 : width}, 42px)`;
  const draw = (): void => {
    const scale = weightScale(m);
    box.replaceChildren(...Array.from(values, (v) => {
      const cell = el("span", {}, format.hundredths(v));
      cell.style.backgroundColor = scale(v);
      cell.style.color = readableOn(scale(v));
      return cell;
    }));
  };
  draw();
  onLookChange(box, draw);
  return box;
}
