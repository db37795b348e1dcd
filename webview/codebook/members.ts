import type { BlockPage } from "../../src/protocol/api";
import { iconButton } from "../controls";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { placeText, type Noun } from "./nouns";
import { picture, pictureSize } from "./picture";
import type { Spot } from "./scatter";
import type { Shelf } from "./shelf";

const ROOM = 28, GAP = 8, LABELS = 64, COLUMN = 34;
/** Blocks that are asked for at a time for a table. */
const AT_ONCE = 512;

/** Blocks to be listed, worst served first: those of a codeword, or those that somebody has chosen. */
export interface Blocks {
  title: string;
  /** So many can be asked for. */
  listed: number;
  fetch(first: number, count: number): Promise<BlockPage | undefined>;
}

/** Blocks of a codebook, worst served first: each with its codeword, the difference and how much is lost. */
export class Members {
  readonly element = el("section", { class: "book-pane book-members" });
  private readonly heading = el("h3");
  private readonly note = el("small");
  private readonly back = iconButton({ label: t("Worse Served"), icon: "chevron-left", onClick: () => void this.turn(-1) });
  private readonly on = iconButton({ label: t("Better Served"), icon: "chevron-right", onClick: () => void this.turn(1) });
  private readonly tools: HTMLElement;
  private readonly body = el("div", { class: "members" });
  private shown: { shelf: Shelf; m: number; noun: Noun; blocks: Blocks } | undefined;
  private first = 0;
  private fits = 0;
  private asked = 0;

  /** @param copy puts a text on the clipboard */
  constructor(private readonly hover: (spot: Spot) => void, copy: (text: string) => void) {
    this.tools = el("span", { class: "turn" }, this.back, this.on, iconButton({ label: t("Copy Kernels as Table"), icon: "copy", onClick: () => void this.text().then(copy) }));
    this.element.append(el("header", { class: "book-title" }, this.heading, this.note, this.tools), this.body);
    new ResizeObserver(() => { if (this.shown && this.room() !== this.fits) void this.fill(); }).observe(this.body);
  }

  show(shelf: Shelf, m: number, noun: Noun, blocks: Blocks): void {
    this.shown = { shelf, m, noun, blocks };
    this.first = 0;
    this.heading.textContent = this.heading.title = blocks.title;
    this.element.setAttribute("aria-label", blocks.title);
    void this.fill();
  }

  private room(): number {
    const { shelf } = this.shown!, { width } = pictureSize(shelf, ROOM), labels = this.body.querySelector<HTMLElement>(".member-labels")?.offsetWidth ?? LABELS;
    return Math.max(1, Math.floor((this.body.clientWidth - labels - 4) / (Math.max(width, COLUMN) + GAP)));
  }

  private async turn(by: 1 | -1): Promise<void> {
    const to = this.first + by * this.fits;
    if (!this.shown || to >= this.shown.blocks.listed || to <= -this.fits) return;
    this.first = Math.max(0, to);
    await this.fill();
  }

  private async fill(): Promise<void> {
    const { shown, first } = this, asked = ++this.asked;
    if (!shown) return;
    const { shelf, m, noun, blocks } = shown, { facts } = shelf, count = this.fits = this.room();
    this.tools.hidden = !facts.original || !blocks.listed;
    this.note.textContent = "";
    if (!facts.original || !blocks.listed) {
      this.body.replaceChildren(...(facts.original ? [] : [el("p", { class: "note" }, t("Not known without the original."))]));
      return;
    }
    const page = await blocks.fetch(first, count).catch(() => undefined);
    if (asked !== this.asked || !page) return;
    this.note.replaceChildren(...(blocks.listed > count ? [el("span", {}, `${format.whole(first + 1)}–${format.whole(first + page.which.length)}`), el("span", { class: "note-more" }, ` · ${t("worst first")}`)] : [t("worst first")]));
    this.back.toggleAttribute("disabled", first === 0);
    this.on.toggleAttribute("disabled", first + count >= blocks.listed);
    const { size } = shelf, labels = el("div", { class: "member-labels", "aria-hidden": "true" }, ...[noun.one, t("codeword"), t("difference"), t("error")].map((name) => el("span", {}, name)));
    const columns = Array.from(page.which, (block, i) => {
      const word = facts.index[block], stand = shelf.word(word), own = page.values.subarray(i * size, (i + 1) * size), error = page.errors[i] < 10 ? format.wholePercent(page.errors[i]) : `${format.whole(page.errors[i])}×`, place = `${placeText(shelf.place(block))} · ${t("codeword {0}", word)}`;
      const column = el("div", { class: "member", role: "option", "aria-selected": "false", tabindex: i ? -1 : 0, "aria-label": t("{0}, error {1} of an average {2}’s energy", place, error, noun.one), title: `${place}\n${t("error {0} of an average {1}’s energy", error, noun.one)}` }, picture(own, shelf, m, ROOM), picture(stand, shelf, m, ROOM), picture(own.map((v, j) => v - stand[j]), shelf, m, ROOM), el("small", {}, error));
      for (const event of ["pointerenter", "focus"]) column.addEventListener(event, () => this.hover({ word, block }));
      for (const event of ["pointerleave", "blur"]) column.addEventListener(event, () => this.hover({}));
      return column;
    });
    const list = el("div", { class: "member-list", role: "listbox", "aria-label": blocks.title, "aria-orientation": "horizontal" }, ...columns);
    list.addEventListener("keydown", (event) => void this.key(event, columns));
    this.body.replaceChildren(labels, list);
    if (this.room() < count) await this.fill(); // its names are longer than most
  }

  /** Arrows go from block to block, and beyond the last one to the next that have room. */
  private async key(event: KeyboardEvent, columns: readonly HTMLElement[]): Promise<void> {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0, at = columns.findIndex((column) => column === document.activeElement), next = columns[at + step];
    if (!step || at < 0) return;
    event.preventDefault();
    event.stopPropagation();
    if (next) {
      for (const column of columns) column.tabIndex = column === next ? 0 : -1;
      next.focus();
    } else if (step > 0 ? this.first + this.fits < (this.shown?.blocks.listed ?? 0) : this.first > 0) {
      await this.turn(step);
      const turned = this.body.querySelectorAll<HTMLElement>(".member");
      turned[step > 0 ? 0 : turned.length - 1]?.focus();
    }
  }

  /** All that can be asked for, as a table elsewhere takes it: plain numbers between tabs. */
  private async text(): Promise<string> {
    const { shelf, blocks } = this.shown!, lines = ["output\tinput\tlast input\trow\tcodeword\terror"];
    for (let first = 0; first < blocks.listed; first += AT_ONCE) {
      const page = await blocks.fetch(first, AT_ONCE);
      page?.which.forEach((block, i) => {
        const { output, input, lastInput, row } = shelf.place(block);
        lines.push([output, input, lastInput ?? "", row ?? "", shelf.facts.index[block], page.errors[i]].join("\t"));
      });
    }
    return `${lines.join("\n")}\n`;
  }
}

/** What is missing for a comparison, and where it would have to be. */
export function missingText({ facts: { missing } }: Shelf): string {
  if (!missing) return "";
  const { file, differs } = missing;
  if (!file) return t("Which model this one was made of is not known, so its codewords stand alone.");
  return differs ? t("{0} in the same folder has other layers, so nothing is said about the original’s kernels, what they lost and other methods.", file)
    : t("{0} is missing. With it in the same folder, the original’s kernels, what they lost and other methods beside are shown.", file);
}
