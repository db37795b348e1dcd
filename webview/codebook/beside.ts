import type { CodebookFacts, CodebookWanted } from "../../src/protocol/api";
import { Canvas } from "../charts/canvas";
import { theme } from "../charts/colours";
import { select } from "../controls";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { nearlyAll, Shelf } from "./shelf";
import { choiceText } from "./trial";
import { WordList } from "./words";

/** A codebook and what it is called: "3×3 · Kernel codebook" */
interface Named { name: string; facts: CodebookFacts }
type Ask = (wanted: CodebookWanted, signal: AbortSignal) => Promise<CodebookFacts | undefined>;

/** Two codebooks of one layer in two columns: the present one, and another that is tried out with as many codewords. */
export class Beside {
  readonly element = el("div", { class: "book-beside", hidden: true });
  /** Chooses what is shown beside the present codebook; nothing to begin with. */
  readonly picker = el("label", { class: "book-pick" });
  private readonly note = el("p", { class: "beside-note" }, t("The second is made of the original’s weights as they are; the file’s may have been fitted on images, to lose less at the layer’s outputs."));
  private readonly columns = [new Column(), new Column()] as const;
  private present: Named | undefined;
  private chosen: number | undefined;
  private running: AbortController | undefined;

  /** @param changed is told whether the columns stand in the place of the panes */
  constructor(private readonly ask: Ask, private readonly changed: (open: boolean) => void) {}

  /** The present codebook is another one. @param missing why there is nothing to choose, if so */
  show(present: Named | undefined, missing = ""): void {
    const facts = present?.facts, choices = facts?.choices, sameLayer = this.present?.facts.layer === facts?.layer && choices !== undefined && this.present?.facts.choices !== undefined, same = sameLayer && this.present?.facts.choice === facts?.choice;
    this.present = present;
    if (!sameLayer || this.chosen === facts?.choice) this.chosen = undefined;
    this.picker.hidden = !present;
    this.picker.title = choices ? "" : missing;
    if (!same) {
      const values = choices ? [{ value: "", text: t("Nothing") }, ...choices.flatMap((choice, i) => (i === facts.choice ? [] : [{ value: String(i), text: choiceText(choice) }]))] // not what stands there already
        : [{ value: "", text: t("Original missing") }];
      this.picker.replaceChildren(el("span", {}, t("Compare with")), select({ label: choices ? t("Compare with") : `${t("Compare with")}: ${missing}`, values, value: this.chosen === undefined ? "" : String(this.chosen), disabled: !choices, onChange: (value) => {
        this.chosen = value === "" ? undefined : Number(value);
        void this.load();
      } }));
    }
    void this.load();
  }

  /** The newest request wins; what stands stays, dimmed, until it is there. */
  private async load(): Promise<void> {
    this.running?.abort();
    const { present, chosen, columns: [left, right] } = this, choice = chosen === undefined ? undefined : present?.facts.choices?.[chosen], running = this.running = new AbortController();
    if (this.element.hidden !== (choice === undefined)) this.element.replaceChildren(...(choice ? [this.note, ...this.columns.map(({ element }) => element)] : []));
    this.element.hidden = choice === undefined;
    this.changed(choice !== undefined);
    if (!present || !choice) return;
    this.note.hidden = present.facts.choice !== undefined;
    left.show(present);
    right.wait(choiceText(choice));
    try {
      const facts = await this.ask({ method: choice.method, block: choice.block, words: present.facts.codewords }, running.signal);
      if (running !== this.running) return;
      if (!facts) right.say(t("There is no such codebook of this layer."));
      else for (const [column, own] of [[left, present], [right, { name: choiceText(choice), facts }]] as const) column.show(own, worst(present.facts, facts));
    } catch (error) {
      if (running === this.running) right.say(error instanceof Error ? error.message : String(error));
    }
  }
}

/** The largest distortion of a channel in either. */
const worst = (...both: CodebookFacts[]): number => Math.max(...both.map(({ original }) => (original ? original.channels.reduce((a, b) => Math.max(a, b), 0) : 0)));

/** One codebook: what it costs, what it loses in each output channel, its codewords. */
class Column {
  readonly element = el("section", { class: "beside-column" });
  private readonly heading = el("h3");
  private readonly figures = el("div", { class: "figures" });
  private readonly message = el("p", { class: "book-message", role: "alert", hidden: true });
  private readonly caption = el("small");
  private readonly stage = el("div", { class: "beside-stage", role: "img" });
  private readonly words = new WordList((word) => this.words.select(word), () => undefined);
  private readonly canvas: Canvas;
  private lost: Float32Array = new Float32Array();
  private most = 0;

  constructor() {
    this.element.append(
      el("header", {}, this.heading, this.figures), this.message,
      el("div", { class: "book-pane" }, el("header", { class: "book-title" }, el("h4", {}, t("Distortion per output channel")), this.caption), this.stage), this.words.element);
    this.canvas = new Canvas(this.stage, (context, width, height) => this.draw(context, width, height));
  }

  /** @param most end of the distortion's axis */
  show({ name, facts }: Named, most = worst(facts)): void {
    const { original, choice, codewords, bitsPerWeight, bytes } = facts, shelf = new Shelf(facts);
    this.wait(name);
    delete this.element.dataset.stale;
    const figures: [string, string][] = [
      [format.bytes(bytes), choice === undefined ? t("in the file") : t("predicted")], [format.bits(bitsPerWeight), t("bits per weight")], [format.whole(codewords), t("codewords")],
      [original?.sqnrDb === undefined ? "–" : format.decibels(original.sqnrDb), t("SQNR")],
    ];
    this.figures.replaceChildren(...figures.map(([value, text]) => el("div", { class: "figure" }, el("b", {}, value), el("small", {}, text))));
    this.lost = original?.channels ?? new Float32Array();
    this.most = most;
    const at = this.lost.reduce((peak, v, m, all) => (v > all[peak] ? m : peak), 0);
    this.caption.textContent = this.lost.length ? t("worst {0} in channel {1}", format.percent(this.lost[at]), at) : "";
    this.stage.setAttribute("aria-label", `${t("Distortion per output channel")}: ${this.caption.textContent}`);
    this.words.show(shelf, "use", format.roundUp(nearlyAll(facts.values, facts.uses)));
    this.canvas.redraw();
  }

  wait(name: string): void {
    this.heading.textContent = name;
    this.element.setAttribute("aria-label", name);
    this.words.element.setAttribute("aria-label", t("Codewords of {0}", name));
    this.element.dataset.stale = "";
    this.message.hidden = true;
  }

  say(text: string): void {
    this.message.textContent = text;
    this.message.hidden = false;
  }

  private draw(context: CanvasRenderingContext2D, width: number, height: number): void {
    const { lost, most } = this, { amount, line } = theme(), step = width / (lost.length || 1), bar = step > 3 ? step - 1 : step;
    context.fillStyle = amount;
    lost.forEach((share, m) => { const tall = most > 0 ? share / most * (height - 1) : 0; context.fillRect(m * step, height - 1 - tall, Math.max(1, Math.min(20, bar)), tall); });
    context.fillStyle = line;
    context.fillRect(0, height - 1, width, 1);
  }
}
