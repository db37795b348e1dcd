import type { BlockPage, BlockRequest } from "../../src/protocol/api";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { placeText, type Noun } from "./nouns";
import { picture } from "./picture";
import type { Spot } from "./scatter";
import type { Shelf } from "./shelf";

const DELAY_MS = 150, ROOM = 34;

/** What stands at a place that is pointed at: block, codeword and difference on one scale. It stays in the corner that is farther from the place. */
export class HoverCard {
  readonly element = el("div", { class: "book-card", role: "status", hidden: true });
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asked = 0;

  constructor(private readonly fetch: (codebook: number, request: BlockRequest) => Promise<BlockPage | undefined>) {}

  get isOpen(): boolean { return !this.element.hidden; }

  hide(): void {
    clearTimeout(this.timer);
    this.asked++;
    this.element.hidden = true;
  }

  /** Shows the card in a stage once the pointer has rested, at once where it stands already. */
  show(stage: HTMLElement, spot: Spot, at: { x: number; y: number }, shelf: Shelf, m: number, noun: Noun): void {
    clearTimeout(this.timer);
    const asked = ++this.asked;
    this.timer = setTimeout(() => void this.fill(asked, stage, spot, at, shelf, m, noun), this.element.hidden ? DELAY_MS : 0);
  }

  private async fill(asked: number, stage: HTMLElement, { word = 0, block }: Spot, at: { x: number; y: number }, shelf: Shelf, m: number, noun: Noun): Promise<void> {
    const { facts } = shelf, page = block === undefined || !facts.original ? undefined : await this.fetch(facts.id, { block }).catch(() => undefined);
    if (asked !== this.asked) return;
    const stand = shelf.word(word), own = page?.values, parts: [string, ArrayLike<number>][] = own?.length ? [[noun.one, own], [t("codeword"), stand], [t("difference"), own.map((v, j) => v - stand[j])]] : [[t("codeword"), stand]];
    const title = block === undefined ? t("Codeword {0}", word) : `${placeText(shelf.place(block))} · ${t("codeword {0}", word)}`;
    const note = page?.errors.length ? t("error {0} of an average {1}’s energy", format.wholePercent(page.errors[0]), noun.one) : t("used {0} times", format.whole(facts.uses[word]));
    this.element.replaceChildren(el("b", {}, title), el("div", { class: "book-card-parts" }, ...parts.map(([name, values]) => el("figure", {}, picture(values, shelf, m, ROOM), el("figcaption", {}, name)))), el("small", {}, note));
    const right = at.x < stage.clientWidth / 2;
    this.element.dataset.side = right ? "right" : "left";
    this.element.dataset.end = at.y < stage.clientHeight / 2 && at.x > 0.25 * stage.clientWidth && at.x < 0.75 * stage.clientWidth ? "bottom" : "top";
    if (this.element.parentElement !== stage.parentElement) stage.parentElement?.append(this.element);
    this.element.hidden = false;
  }
}
