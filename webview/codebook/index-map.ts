import { Canvas } from "../charts/canvas";
import { packed, theme } from "../charts/colours";
import { el, whenIdle } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import type { Spot } from "./scatter";
import { has, type Chosen } from "./selection";
import { channelTicks, type Shelf } from "./shelf";

const DIGIT = 7, LEAST_CELL = 1.5, BOTTOM = 38, BARS = 48, GAP = 8, MOST_CELL = 28;

/** Which codeword stands where: output channels down, input channels across, and on the same lines what each output channel loses. */
export class IndexMap {
  readonly element = el("section", { class: "book-pane book-map", "aria-label": t("Index map") });
  readonly stage = el("div", { class: "book-stage", role: "img", tabindex: 0 });
  private readonly note = el("small", {}, t("output channel × input channel"));
  private readonly caption = el("p", { class: "book-caption" });
  private readonly twin = el("ul", { class: "book-twin", "aria-label": t("Output channels") });
  private readonly canvas: Canvas;
  private readonly later = whenIdle();
  private shelf: Shelf | undefined;
  private map: { of: readonly string[]; shelf: Shelf; image: OffscreenCanvas } | undefined;
  private selected = -1;
  private chosen: Chosen | undefined;
  private lit: Spot = {};
  private cursor = 0;

  constructor(private readonly choose: (word: number) => void, private readonly hover: (spot: Spot, at?: { x: number; y: number }) => void, private readonly wordColours: () => readonly string[]) {
    this.element.append(el("header", { class: "book-title" }, el("h3", {}, t("Index map")), this.note), el("div", { class: "book-stage-box" }, this.stage), this.caption, this.twin);
    this.canvas = new Canvas(this.stage, (context, width, height) => this.draw(context, width, height));
    this.listen();
  }

  show(shelf: Shelf): void {
    const { facts: { original, outputs, index }, inputs } = shelf;
    this.shelf = shelf;
    this.cursor = Math.min(this.cursor, index.length - 1);
    const lost = original?.channels, worst = lost?.reduce((most, v, m) => (v > lost[most] ? m : most), 0) ?? 0;
    this.caption.textContent = lost ? t("Highest distortion: output channel {0}, {1} of its energy", worst, format.percent(lost[worst])) : "";
    this.stage.setAttribute("aria-label", `${t("Codewords of {0} output and {1} input channels", format.whole(outputs), format.whole(inputs))}. ${this.caption.textContent}`);
    this.later(() => this.twin.replaceChildren(...Array.from({ length: Math.min(outputs, 2048) }, (_, m) => {
      const different = new Set(index.subarray(m * shelf.perRow, (m + 1) * shelf.perRow)).size;
      return el("li", {}, lost ? t("Output channel {0}: {1} codewords, {2} of its energy lost", m, different, format.percent(lost[m])) : t("Output channel {0}: {1} codewords", m, different));
    })));
    this.canvas.redraw();
  }

  select(word: number): void { this.selected = word; this.canvas.redraw(); }
  /** Marks what is chosen in any pane in the place of the selected codeword's blocks. */
  mark(chosen: Chosen | undefined): void { this.chosen = chosen; this.canvas.redraw(); }
  light(spot: Spot): void { this.lit = spot; this.canvas.redraw(); }

  /** Where in the stage everything stands. */
  private frame(): { left: number; width: number; height: number; bars: number } {
    const { outputs, original } = this.shelf!.facts, { width, height } = this.canvas, bars = original ? BARS + GAP : 0;
    const left = Math.max(26, DIGIT * String(outputs - 1).length + 8);
    return { left, width: Math.max(1, Math.min(width - left - bars - 2, this.shelf!.perRow * MOST_CELL)), height: Math.max(1, Math.min(height - BOTTOM - 4, outputs * MOST_CELL)), bars: original ? BARS : 0 };
  }

  private draw(context: CanvasRenderingContext2D, _width: number, _height: number): void {
    const { shelf, selected, lit } = this;
    if (!shelf) return;
    const { facts: { index, outputs, original }, perRow } = shelf, { left, width, height, bars } = this.frame(), { foreground, focus, secondary, line, font } = theme(), top = 4, stepX = width / perRow, stepY = height / outputs;
    context.imageSmoothingEnabled = false;
    context.drawImage(this.picture(shelf), left, top, width, height);
    const cell = (b: number): [number, number, number, number] => [left + b % perRow * stepX, top + Math.floor(b / perRow) * stepY, Math.max(1.5, stepX), Math.max(1.5, stepY)];
    if (Math.min(stepX, stepY) >= LEAST_CELL) {
      context.fillStyle = foreground;
      for (let b = 0; b < index.length; b++) if (this.isMarked(b, index[b], selected)) context.fillRect(...cell(b));
    } else this.drawDense(context, shelf, left, top, width, height);
    context.strokeStyle = line;
    context.lineWidth = 1;
    context.strokeRect(left - 0.5, top - 0.5, width + 1, height + 1);

    context.font = `11px ${font}`;
    context.fillStyle = secondary;
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (const m of channelTicks(outputs, 5)) context.fillText(String(m), left - 5, Math.min(top + height - 6, Math.max(top + 6, top + (m + 0.5) * stepY)));
    context.textBaseline = "alphabetic";
    const { inputs } = shelf, floor = top + height + 14;
    for (const c of channelTicks(inputs, Math.max(2, Math.min(5, Math.floor(width / 44))))) {
      context.textAlign = c === 0 ? "left" : c === inputs - 1 ? "right" : "center";
      context.fillText(String(c), c === 0 ? left : c === inputs - 1 ? left + width : left + (c + 0.5) / inputs * width, floor);
    }
    context.textAlign = "center";
    context.fillText(t("input channel"), left + width / 2, floor + 16, Math.max(20, width - 24));
    if (original) this.drawBars(context, original.channels, left + width + GAP, top, bars, height);
    if (lit.block === undefined) return;
    const [x, y, w, h] = cell(lit.block);
    context.strokeStyle = focus;
    context.lineWidth = 2;
    context.strokeRect(x - 2, y - 2, w + 4, h + 4);
  }

  private isMarked(block: number, word: number, selected: number): boolean { return this.chosen ? has(this.chosen, block) : word === selected; }

  /** Where several blocks share a pixel, the marked ones are as bright as they are many there: each by itself would cover all others. */
  private drawDense(context: CanvasRenderingContext2D, { facts: { index, outputs }, perRow }: Shelf, left: number, top: number, width: number, height: number): void {
    const across = Math.min(perRow, Math.max(1, Math.floor(width))), down = Math.min(outputs, Math.max(1, Math.floor(height))), counts = new Uint32Array(across * down), all = new Uint32Array(across * down);
    for (let b = 0; b < index.length; b++) {
      const at = Math.floor(Math.floor(b / perRow) * down / outputs) * across + Math.floor(b % perRow * across / perRow);
      all[at]++;
      if (this.isMarked(b, index[b], this.selected)) counts[at]++;
    }
    const most = counts.reduce((a, n, i) => Math.max(a, n / all[i]), 0), image = new OffscreenCanvas(across, down), data = new ImageData(across, down), pixels = new Uint32Array(data.data.buffer), colour = packed(theme().foreground) & 0xffffff;
    counts.forEach((n, i) => { if (n) pixels[i] = colour | Math.round(255 * n / all[i] / most) << 24; });
    image.getContext("2d")?.putImageData(data, 0, 0);
    context.drawImage(image, left, top, width, height);
  }

  /** Distortion of each output channel on the map's own lines. */
  private drawBars(context: CanvasRenderingContext2D, channels: Float32Array, left: number, top: number, width: number, height: number): void {
    const { secondary, foreground, line } = theme(), most = channels.reduce((a, b) => Math.max(a, b), 0), end = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1].find((e) => e >= most) ?? 1, step = height / channels.length, worst = channels.indexOf(most), tall = Math.max(1, step > 3 ? step - 1 : step);
    context.fillStyle = secondary;
    context.globalAlpha = 0.7;
    channels.forEach((share, m) => { context.fillRect(left, top + m * step, Math.min(1, share / end) * width, tall); });
    context.globalAlpha = 1;
    context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--vscode-errorForeground").trim() || foreground;
    if (most > 0) context.fillRect(left, top + worst * step, Math.min(1, most / end) * width, Math.max(2, tall));
    context.fillStyle = line;
    context.fillRect(left - 1, top, 1, height);
    context.fillStyle = secondary;
    context.textAlign = "left";
    const text = format.wholePercent(end);
    if (context.measureText(`0 ${text}`).width < width) context.fillText("0", left, top + height + 14);
    context.textAlign = "right";
    context.fillText(text, left + width, top + height + 14);
    context.fillText(t("distortion"), left + width, top + height + 30);
  }

  /** A pixel for each block; drawn again when colours or codebook change. */
  private picture(shelf: Shelf): OffscreenCanvas {
    const colours = this.wordColours();
    if (this.map?.of === colours && this.map.shelf === shelf) return this.map.image;
    const { facts: { index, outputs }, perRow } = shelf, image = new OffscreenCanvas(perRow, outputs), data = new ImageData(perRow, outputs), pixels = new Uint32Array(data.data.buffer), palette = colours.map(packed);
    for (let b = 0; b < index.length; b++) pixels[b] = palette[index[b]];
    image.getContext("2d")?.putImageData(data, 0, 0);
    this.map = { of: colours, shelf, image };
    return image;
  }

  private at(x: number, y: number): number | undefined {
    const { shelf } = this;
    if (!shelf) return undefined;
    const { left, width, height } = this.frame(), column = Math.floor((x - left) / width * shelf.perRow), row = Math.floor((y - 4) / height * shelf.facts.outputs);
    return column >= 0 && column < shelf.perRow && row >= 0 && row < shelf.facts.outputs ? row * shelf.perRow + column : undefined;
  }

  private point(block: number | undefined, at?: { x: number; y: number }): void {
    const { shelf } = this;
    if (block !== undefined && shelf) this.cursor = block;
    this.hover(block === undefined || !shelf ? {} : { block, word: shelf.facts.index[block] }, at);
  }

  private listen(): void {
    const { stage } = this;
    stage.addEventListener("pointermove", ({ offsetX: x, offsetY: y }) => {
      const block = this.at(x, y), lost = this.shelf?.facts.original?.channels, row = Math.floor((y - 4) / this.frame().height * (this.shelf?.facts.outputs ?? 0));
      stage.title = block === undefined && lost?.[row] !== undefined ? t("Output channel {0}: {1} of its energy lost", row, format.percent(lost[row])) : "";
      this.point(block, { x, y });
    });
    stage.addEventListener("pointerleave", () => this.hover({}));
    stage.addEventListener("click", ({ offsetX, offsetY }) => {
      const block = this.at(offsetX, offsetY);
      if (block !== undefined && this.shelf) this.choose(this.shelf.facts.index[block]);
    });
    stage.addEventListener("keydown", (event) => {
      const { shelf, cursor } = this;
      if (!shelf) return;
      if (event.key === "Enter") { this.choose(shelf.facts.index[cursor]); return; }
      const { perRow, facts: { index } } = shelf, steps: Record<string, number> = { ArrowLeft: cursor % perRow ? -1 : 0, ArrowRight: (cursor + 1) % perRow ? 1 : 0, ArrowUp: -perRow, ArrowDown: perRow };
      if (!(event.key in steps)) return;
      event.preventDefault();
      const to = cursor + steps[event.key], next = to < 0 || to >= index.length ? cursor : to;
      this.point(next, { x: this.frame().left + (next % perRow + 0.5) / perRow * this.frame().width, y: 4 + (Math.floor(next / perRow) + 0.5) / shelf.facts.outputs * this.frame().height });
    });
    stage.addEventListener("blur", () => this.hover({}));
  }
}
