import type { CodebookChoice, CodebookFacts, CodebookWanted } from "../../src/protocol/api";
import { field, select, tag } from "../controls";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";

/** A choice of those that are offered, by its place among them. */
interface Wanted { choice: number; words: number }

/** "3×3 · Kernel codebook" */
export const choiceText = ({ shape, title }: CodebookChoice): string => `${shape} · ${title}`;

/** The settings of a codebook that is only tried out: block and number of codewords, by slider or in figures. */
export class Trial {
  readonly element = el("div", { class: "book-trial", hidden: true });
  private readonly slider = Object.assign(el("input", { class: "book-slider", "aria-label": t("Codewords") }), { type: "range", step: "any" });
  private readonly number: HTMLElement & { value: string };
  private readonly block = el("span", { class: "book-block" });
  private readonly state = el("small", { role: "status" });
  private choices: NonNullable<CodebookFacts["choices"]> = [];
  private wanted: Wanted = { choice: 0, words: 0 };

  constructor(private readonly change: (wanted: CodebookWanted) => void) {
    this.number = field({ label: t("Codewords"), onInput: (text) => { const words = Number(text.replace(/[^0-9]/g, "")); if (words) this.set({ words }); }, onKey: (event) => {
      const step = event.key === "ArrowUp" ? 1 : event.key === "ArrowDown" ? -1 : 0;
      if (step) { event.preventDefault(); this.set({ words: this.wanted.words + step }, true); }
    } });
    this.number.classList.add("book-number");
    this.slider.addEventListener("input", () => this.set({ words: Math.round(2 ** Number(this.slider.value)) }, true));
    this.slider.addEventListener("keydown", (event) => {
      const by: Record<string, number> = { ArrowLeft: 0.5, ArrowDown: 0.5, ArrowRight: 2, ArrowUp: 2, PageDown: 0.25, PageUp: 4 };
      if (!(event.key in by)) return;
      event.preventDefault();
      this.set({ words: Math.round(this.wanted.words * by[event.key]) }, true);
    });
    this.element.append(tag(t("Preview")), el("label", {}, el("span", {}, t("Block")), this.block), el("label", {}, el("span", {}, t("Codewords")), this.slider), this.number, this.state);
  }

  /** Nothing to set where the file holds the codebook. */
  show(facts: CodebookFacts): void {
    this.element.hidden = facts.choice === undefined;
    if (!facts.choices || facts.choice === undefined) return;
    this.choices = facts.choices;
    this.wanted = { choice: facts.choice, words: facts.codewords };
    this.block.replaceChildren(select({ label: t("Block"), values: facts.choices.map((choice, i) => ({ value: String(i), text: choiceText(choice) })), value: String(this.wanted.choice), onChange: (value) => this.set({ choice: Number(value) }) }));
    this.tell();
    this.busy(false);
  }

  busy(is: boolean, what = t("computing…")): void { this.state.textContent = is ? what : t("Nothing is written."); }

  /** The field takes numbers as they are typed, so it is not written over then. */
  private set(wanted: Partial<Wanted>, tell = false): void {
    const next = { ...this.wanted, ...wanted }, [least, most] = this.ends(next.choice);
    next.words = Math.max(least, Math.min(most, next.words));
    if (next.choice === this.wanted.choice && next.words === this.wanted.words) return;
    this.wanted = next;
    if (tell) this.tell();
    const { method, block } = this.choices[next.choice];
    this.change({ method, block, words: next.words });
  }

  private ends(choice: number): [number, number] {
    const { words } = this.choices[choice];
    return [words[0], words[words.length - 1]];
  }

  private tell(): void {
    const { choice, words } = this.wanted, [least, most] = this.ends(choice);
    this.slider.min = String(Math.log2(least));
    this.slider.max = String(Math.log2(most));
    this.slider.value = String(Math.log2(words));
    this.slider.setAttribute("aria-valuetext", t("{0} codewords", format.whole(words)));
    if (!this.number.contains(document.activeElement) && document.activeElement !== this.number || this.number.value === "") this.number.value = String(words);
  }
}
