import type { RecipeChange, RecipeView } from "../../src/protocol/recipe-page";
import { parseTarget, targetBytes } from "../../src/protocol/sizes";
import { field } from "../controls";
import * as format from "../format";
import { t } from "../l10n";
import { goal } from "./goals";

export interface SizeFieldActions {
  change(changes: RecipeChange[]): void;
  /** What is wrong with what was typed has changed. */
  judged(): void;
}

/** The size as the recipe says it, or as it is typed. */
export class SizeField {
  readonly element = field({ label: t("Size, like 300KB or 12x"), onInput: () => { this.isTyped = true; }, onKey: (event) => {
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) this.take();
    if (event.key === "Escape") this.leave();
  } });
  /** What is wrong with what was typed. */
  wrong: string | undefined;
  private view: RecipeView | undefined;
  /** Bytes of the candidate and of the model, where they are known. */
  private known: { candidate: number; input: number } | undefined;
  private looked: number | undefined;
  /** Somebody is typing, and has neither taken it nor left. */
  private isTyped = false;
  /** The text does not say yet what it was asked to. */
  private isAsked = false;

  constructor(private readonly actions: SizeFieldActions) {
    this.element.classList.add("recipe-size");
    this.element.addEventListener("change", () => this.take());
  }

  /** @param looked bytes of the plan that the thumb is at, until the text says it */
  show(view: RecipeView | undefined, known: { candidate: number; input: number } | undefined, looked: number | undefined): void {
    Object.assign(this, { view, known, looked });
    if (!this.isTyped && !this.isAsked && this.wrong === undefined) this.write();
  }

  /** The text is another one. */
  follow(): void {
    this.isAsked = false;
    if (this.element.contains(document.activeElement)) return; // what is being typed there stays
    this.isTyped = false;
    this.wrong = undefined;
  }

  /** The thumb is at a plan of so many bytes. */
  look(bytes: number): void {
    this.wrong = undefined;
    this.isTyped = this.isAsked = false;
    this.element.value = format.bytes(bytes);
  }

  private write(): void {
    const { view, known, looked } = this;
    if (view) this.element.value = looked !== undefined ? format.bytes(looked) : view.target ?? (view.bits !== undefined ? t("{0} bits", view.bits) : known ? format.bytes(known.candidate) : "");
  }

  private take(): void {
    const text = this.element.value.trim().replace(",", "."), isSame = this.view?.target === text || text === (this.known && format.bytes(this.known.candidate));
    this.wrong = undefined;
    if (text !== "" && !isSame) this.ask(text);
    this.isTyped = this.wrong !== undefined;
    this.actions.judged();
  }

  private ask(text: string): void {
    const bits = /^([\d.]+)\s*bits?$/i.exec(text)?.[1], { known } = this;
    if (bits !== undefined && Number(bits) > 0) { this.change(goal("bits", Number(bits))); return; }
    try {
      const wanted = known ? targetBytes(parseTarget(text), known.input) : 0;
      if (known && wanted >= known.input) this.wrong = t("The model takes {0}, no more than the {1} asked for. Give a smaller size.", format.bytes(known.input), format.bytes(wanted));
      else this.change(goal("target", text.replace(/\s+/g, "")));
    } catch (error) {
      this.wrong = error instanceof Error ? error.message : String(error);
    }
  }

  private change(change: RecipeChange): void {
    this.isAsked = true;
    this.actions.change([change]);
  }

  /** The size is again what the text says. */
  private leave(): void {
    this.wrong = undefined;
    this.isTyped = this.isAsked = false;
    this.write();
    this.actions.judged();
  }
}
