import type { BlockPage, BlockRequest } from "../../src/protocol/api";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { placeText, type Noun } from "./nouns";
import { picture, pictureSize } from "./picture";
import type { Spot } from "./scatter";
import type { Shelf } from "./shelf";

const ROOM = 28, GAP = 8, LABELS = 64, COLUMN = 34;

/** The blocks that a codeword stands for, worst served first: each with the codeword, the difference and the share of its energy that is lost. */
export class Members {
  readonly element = el("section", { class: "book-pane book-members" });
  private readonly heading = el("h3");
  private readonly note = el("small");
  private readonly body = el("div", { class: "members" });
  private shown: { shelf: Shelf; word: number; m: number; noun: Noun } | undefined;
  private fits = 0;
  private asked = 0;

  constructor(private readonly fetch: (codebook: number, request: BlockRequest) => Promise<BlockPage | undefined>, private readonly hover: (spot: Spot) => void) {
    this.element.append(el("header", { class: "book-title" }, this.heading, this.note), this.body);
    new ResizeObserver(() => { if (this.shown && this.room() !== this.fits) void this.fill(); }).observe(this.body);
  }

  show(shelf: Shelf, word: number, m: number, noun: Noun): void {
    this.shown = { shelf, word, m, noun };
    this.heading.textContent = t("{0} {1} of codeword {2}", format.whole(shelf.facts.uses[word]), noun.many, word);
    this.element.setAttribute("aria-label", this.heading.textContent);
    this.note.textContent = shelf.facts.original ? t("worst first") : "";
    void this.fill();
  }

  private room(): number {
    const { shelf } = this.shown!, { width } = pictureSize(shelf, ROOM), labels = this.body.querySelector<HTMLElement>(".member-labels")?.offsetWidth ?? LABELS;
    return Math.max(1, Math.floor((this.body.clientWidth - labels - 4) / (Math.max(width, COLUMN) + GAP)));
  }

  private async fill(): Promise<void> {
    const { shown } = this, asked = ++this.asked;
    if (!shown) return;
    const { shelf, word, m, noun } = shown, { facts } = shelf, count = this.fits = this.room();
    if (!facts.original) {
      this.body.replaceChildren(el("p", { class: "note" }, t("Not known without the original.")));
      return;
    }
    const page = await this.fetch(facts.id, { word, first: 0, count }).catch(() => undefined);
    if (asked !== this.asked || !page) return;
    const stand = shelf.word(word), { size } = shelf;
    const labels = el("div", { class: "member-labels", "aria-hidden": "true" }, ...[noun.one, t("codeword"), t("difference"), t("error")].map((name) => el("span", {}, name)));
    const columns = Array.from(page.which, (block, i) => {
      const own = page.values.subarray(i * size, (i + 1) * size), error = format.wholePercent(page.errors[i]), place = placeText(shelf.place(block));
      const column = el("div", { class: "member", role: "option", "aria-selected": "false", tabindex: i ? -1 : 0, "aria-label": t("{0}, error {1} of an average {2}’s energy", place, error, noun.one), title: `${place}\n${t("error {0} of an average {1}’s energy", error, noun.one)}` }, picture(own, shelf, m, ROOM), picture(stand, shelf, m, ROOM), picture(own.map((v, j) => v - stand[j]), shelf, m, ROOM), el("small", {}, error));
      for (const event of ["pointerenter", "focus"]) column.addEventListener(event, () => this.hover({ word, block }));
      for (const event of ["pointerleave", "blur"]) column.addEventListener(event, () => this.hover({}));
      return column;
    });
    const list = el("div", { class: "member-list", role: "listbox", "aria-label": this.heading.textContent ?? "", "aria-orientation": "horizontal" }, ...columns);
    list.addEventListener("keydown", (event) => {
      const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0, at = columns.findIndex((column) => column === document.activeElement), next = columns[at + step];
      if (!step || !next) return;
      event.preventDefault();
      event.stopPropagation();
      for (const column of columns) column.tabIndex = column === next ? 0 : -1;
      next.focus();
    });
    this.body.replaceChildren(labels, list);
    if (this.room() < count) void this.fill(); // its names are longer than most
  }
}

/** What is missing for a comparison, and where it would have to be. */
export function missingText({ facts: { missing } }: Shelf): string {
  if (!missing) return "";
  const { file, differs } = missing;
  if (!file) return t("A file NAME.small.onnx is compared with NAME.onnx in the same folder; this one has another name, so its codewords stand alone.");
  return differs ? t("{0} in the same folder has other layers, so nothing is said about the original’s kernels, what they lost and other methods.", file)
    : t("{0} is missing. With it in the same folder, the original’s kernels, what they lost and other methods beside are shown.", file);
}
