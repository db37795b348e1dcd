import { scaleLinear } from "d3";
import type { SampleTrace } from "../../src/protocol/accuracy";
import { Canvas } from "../charts/canvas";
import { faded, theme } from "../charts/colours";
import { clipped } from "../charts/text";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { nameOf } from "./flips";

const LEFT = 32, TOP = 8, FOOT = 26, DOT = 4.5;
/** Room for a class: all are shown as long as each has the first, else as many as can have the second. */
const NARROWEST = 40, ROOMY = 72;

interface Row { index: number; before: number; after: number }

/** What both models say of every class, or where there are many, of the likely ones. */
export class ClassChart {
  readonly element = el("div", { class: "acc-all" });
  private readonly stage = el("div", { class: "acc-stage", role: "img" });
  private readonly note = el("small");
  private readonly canvas: Canvas;
  private sample: SampleTrace | undefined;
  private classes: readonly string[] | undefined;
  private marked: readonly number[] = [];

  constructor() {
    this.element.append(el("header", { class: "acc-head" }, el("h3", {}, t("All classes")), el("span", { class: "acc-key before" }, t("original")), el("span", { class: "acc-key after" }, t("compressed")), this.note), this.stage);
    this.canvas = new Canvas(this.stage, (context, width, height) => this.draw(context, width, height));
    this.stage.addEventListener("pointermove", ({ offsetX }) => {
      const rows = this.rows(this.canvas.width), row = rows[Math.floor((offsetX - LEFT) / (this.canvas.width - LEFT) * rows.length)];
      this.stage.title = row ? `${nameOf(row.index, this.classes)}: ${format.hundredths(row.before)} → ${format.hundredths(row.after)}` : "";
    });
  }

  /** @param marked classes whose names stand out */
  show(sample: SampleTrace | undefined, classes: readonly string[] | undefined, marked: readonly number[]): void {
    this.sample = sample;
    this.classes = classes;
    this.marked = marked;
    this.stage.setAttribute("aria-label", this.likely(8).map(({ index, before, after }) => t("{0}: original {1}, compressed {2}", nameOf(index, classes), format.hundredths(before), format.hundredths(after))).join("; "));
    this.canvas.redraw();
  }

  private likely(most: number): Row[] {
    const { original, compressed } = this.sample ?? {};
    if (!original || !compressed) return [];
    const rows = Array.from(original, (before, index): Row => ({ index, before, after: compressed[index] }));
    return rows.length <= most ? rows : rows.sort((a, b) => Math.max(b.before, b.after) - Math.max(a.before, a.after)).slice(0, most).sort((a, b) => a.index - b.index);
  }

  private rows(width: number): Row[] {
    const all = this.sample?.original?.length ?? 0, room = width - LEFT, rows = this.likely(all * NARROWEST <= room ? all : Math.max(2, Math.floor(room / ROOMY)));
    this.note.textContent = rows.length < all ? t("the {0} likeliest of {1}", rows.length, format.whole(all)) : "";
    return rows;
  }

  private draw(context: CanvasRenderingContext2D, width: number, height: number): void {
    const rows = this.rows(width), { secondary, foreground, background, focus, font, highContrast } = theme(), y = scaleLinear([0, 1], [height - FOOT, TOP]), step = (width - LEFT) / (rows.length || 1);
    context.font = `11px ${font}`;
    for (const tick of [0, 0.5, 1]) {
      context.fillStyle = highContrast ? secondary : faded(tick ? 0.12 : 0.3);
      context.fillRect(LEFT, Math.round(y(tick)), width - LEFT, 1);
      context.fillStyle = secondary;
      context.textAlign = "right";
      context.fillText(format.weight(tick), LEFT - 8, y(tick) + 4);
    }
    context.textAlign = "center";
    rows.forEach(({ index, before, after }, i) => {
      const x = LEFT + (i + 0.5) * step, marked = this.marked.includes(index);
      context.fillStyle = faded(0.5);
      context.fillRect(Math.round(x), Math.min(y(before), y(after)), 1, Math.abs(y(before) - y(after)));
      context.beginPath();
      context.arc(x, y(after), DOT, 0, 2 * Math.PI);
      context.fillStyle = highContrast ? foreground : focus;
      context.fill();
      context.beginPath();
      context.arc(x, y(before), DOT, 0, 2 * Math.PI);
      if (Math.abs(y(before) - y(after)) > 2 * DOT) { context.fillStyle = background; context.fill(); }
      context.strokeStyle = foreground;
      context.lineWidth = 1.5;
      context.stroke();
      context.fillStyle = marked ? foreground : secondary;
      context.font = `${marked ? "600 " : ""}11px ${font}`;
      context.fillText(clipped(context, nameOf(index, this.classes), step - 6), x, height - 8);
    });
  }
}
