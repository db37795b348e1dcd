import { Canvas } from "../charts/canvas";
import { theme } from "../charts/colours";
import { el, whenIdle } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { channelTicks, type Shelf } from "./shelf";

const LEFT = 36, HEAD = 18, FOOT = 18;

/** How often each output channel uses a codeword, as bars. */
export class Uses {
  readonly element = el("section", { class: "book-pane book-uses" });
  private readonly heading = el("h3");
  private readonly stage = el("div", { class: "book-stage", role: "img" });
  private readonly twin = el("ul", { class: "book-twin" });
  private readonly canvas: Canvas;
  private readonly later = whenIdle();
  private counts: Uint32Array = new Uint32Array();
  private lit: number | undefined;

  constructor() {
    this.element.append(el("header", { class: "book-title" }, this.heading, el("small", {}, t("uses per output channel"))), el("div", { class: "book-stage-box" }, this.stage), this.twin);
    this.canvas = new Canvas(this.stage, (context, width, height) => this.draw(context, width, height));
    this.stage.addEventListener("pointermove", ({ offsetX }) => {
      const m = Math.floor((offsetX - LEFT) / (this.stage.clientWidth - LEFT) * this.counts.length), n = this.counts[m];
      this.stage.title = n === undefined ? "" : t("{0} in filter {1}", format.whole(n), m);
    });
  }

  show(shelf: Shelf, word: number): void {
    const counts = this.counts = shelf.usesByChannel(word);
    this.heading.textContent = t("Where codeword {0} is used", word);
    this.element.setAttribute("aria-label", this.heading.textContent);
    this.stage.setAttribute("aria-label", `${this.heading.textContent}: ${this.peakText()}`);
    this.twin.setAttribute("aria-label", this.heading.textContent);
    this.twin.replaceChildren();
    this.later(() => this.twin.replaceChildren(...[...counts].slice(0, 2048).flatMap((n, m) => (n ? [el("li", {}, t("{0} in filter {1}", format.whole(n), m))] : []))));
    this.canvas.redraw();
  }

  /** Lights the bar of an output channel that is pointed at elsewhere. */
  light(channel: number | undefined): void {
    if (channel === this.lit) return;
    this.lit = channel;
    this.canvas.redraw();
  }

  private get peak(): number { return this.counts.reduce((most, n, m, all) => (n > all[most] ? m : most), 0); }
  private peakText(): string { return t("{0} in filter {1}", format.whole(this.counts[this.peak] ?? 0), this.peak); }

  private draw(context: CanvasRenderingContext2D, width: number, height: number): void {
    const { counts, peak } = this, { amount, secondary, foreground, font, line } = theme(), most = counts[peak] || 1, room = width - LEFT, floor = height - FOOT, step = room / (counts.length || 1), tall = floor - HEAD;
    const bar = step > 24 ? 20 : step > 2 ? step - 1 : step;
    counts.forEach((n, m) => {
      context.fillStyle = m === this.lit ? foreground : amount;
      if (n) context.fillRect(LEFT + (m + 0.5) * step - bar / 2, floor - n / most * tall, Math.max(1, bar), n / most * tall);
    });
    context.fillStyle = line;
    context.fillRect(LEFT, floor, room, 1);
    context.font = `11px ${font}`;
    context.fillStyle = secondary;
    context.textAlign = "right";
    context.fillText(format.whole(counts[peak] ?? 0), LEFT - 6, HEAD + 8);
    context.fillText("0", LEFT - 6, floor);
    const ticks = channelTicks(counts.length, Math.max(2, Math.min(5, Math.floor(room / 48))));
    for (const m of ticks) {
      const x = LEFT + (m + 0.5) * step, text = String(m), half = context.measureText(text).width / 2;
      context.textAlign = "center";
      context.fillText(text, Math.max(LEFT + half, Math.min(width - half, x)), height - 4);
    }
    const text = this.peakText(), half = context.measureText(text).width / 2;
    context.fillStyle = foreground;
    context.fillText(text, Math.max(LEFT + half, Math.min(width - half, LEFT + (peak + 0.5) * step)), HEAD - 5);
  }
}
