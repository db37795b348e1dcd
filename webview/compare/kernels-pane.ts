import { scaleLinear } from "d3";
import type { ComparedLayer, ComparedMatrix, ComparedWeights } from "../../src/protocol/compare";
import { Canvas } from "../charts/canvas";
import { faded, theme } from "../charts/colours";
import { heatmaps } from "../charts/heatmaps";
import { matrixPicture } from "../charts/matrix-map";
import { button, iconButton } from "../controls";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { scaleBar, sizeBar } from "../layers/kernels";
import { foldedWords, otherName, sizeWords } from "./changes";
import { methodOf, wasWords } from "./compare-table";

const GAP = 7, SIZE = 20, AXIS = 18;
/** A page of kernels: more than the widest pane shows. */
export const MOST_COMPARED = 320;

/** Kernels of the selected layer in both models and their difference, on one scale, or the whole matrix where kernels are single weights; and the weights' histograms over each other. */
export class KernelsPane {
  readonly element = el("section", { class: "cmp-pane", role: "tabpanel", id: "panel-weights", "aria-label": t("Selected layer") });
  private readonly facts = el("div", { class: "cmp-facts" });
  private readonly larger = iconButton({ label: t("Larger Kernels"), icon: "chevron-left", onClick: () => { void this.turn(-1); } });
  private readonly smaller = iconButton({ label: t("Smaller Kernels"), icon: "chevron-right", onClick: () => { void this.turn(1); } });
  private readonly turns = el("span", { class: "cmp-turns", hidden: true }, this.larger, this.smaller);
  /** So many kernels are shown. */
  private count = 0;
  private readonly stages: HTMLElement[] = [];
  private readonly kernels = el("div", { class: "cmp-kernels" });
  private readonly axes = el("small", { class: "cmp-axes", hidden: true }, t("outputs ↓ inputs →"));
  private readonly most = el("small", { class: "cmp-axes", hidden: true });
  private readonly histogram = el("div", { class: "cmp-stage", role: "img" });
  private readonly chart: HTMLElement;
  private readonly canvas: Canvas;
  private readonly note = el("p", { class: "cmp-note", hidden: true });
  /** `first` kernels are larger than those that are shown. */
  private shown: { layer: ComparedLayer; weights?: ComparedWeights; first: number } | undefined;

  /** @param more kernels of a layer behind the `first` ones, undefined where they cannot be had */
  constructor(private readonly open: (layer: string) => void, private readonly more: (layer: ComparedLayer, first: number) => Promise<ComparedWeights | undefined>) {
    for (const title of [t("Before"), t("After"), t("Difference")]) {
      const stage = el("div", { class: "cmp-stage" });
      this.stages.push(stage);
      this.kernels.append(el("figure", {}, el("figcaption", {}, el("span", {}, title), ...(this.stages.length === 1 ? [this.turns, this.axes] : this.stages.length === 3 ? [this.most] : [])), stage));
    }
    this.chart = el("figure", { class: "cmp-histogram" }, el("figcaption", {}, el("span", {}, t("Weights, √ count")), el("small", { class: "cmp-key before" }, t("before")), el("small", { class: "cmp-key after" }, t("after"))), this.histogram);
    this.element.append(this.facts, this.note, this.kernels, this.chart);
    this.canvas = new Canvas(this.histogram, (context, width, height) => this.draw(context, width, height));
    new ResizeObserver(() => { if (!this.shown?.weights?.matrix) this.drawKernels(); }).observe(this.stages[0]);
  }

  /** @param found undefined until weights are known; where they are not compared, why */
  show(layer: ComparedLayer, found: ComparedWeights | { why: string } | undefined): void {
    const why = found && "why" in found ? found.why : undefined, weights = found && "why" in found ? undefined : found;
    this.shown = { layer, weights, first: 0 };
    this.element.dataset.layer = layer.id;
    this.element.toggleAttribute("data-stale", found === undefined);
    this.note.hidden = why === undefined;
    this.note.textContent = why === undefined ? "" : !layer.before ? t("This layer was added, so there is nothing to compare it with.") : !layer.after ? t("This layer was removed, so there is nothing to compare it with.") : why;
    this.kernels.hidden = this.chart.hidden = why !== undefined;
    if (weights) this.element.dataset.total = String(weights.total);
    this.showFacts();
    this.drawKernels();
    this.canvas.redraw();
  }

  /** To the kernels behind those that are shown, or before them. */
  private async turn(by: 1 | -1): Promise<void> {
    const { shown } = this, first = Math.max(0, (shown?.first ?? 0) + by * this.count);
    if (!shown || first === shown.first || first >= (shown.weights?.total ?? 0)) return;
    const weights = await this.more(shown.layer, first);
    if (!weights || this.shown !== shown) return;
    this.shown = { ...shown, weights, first };
    this.drawKernels();
  }

  private showTurns(count: number): void {
    const { weights, first = 0 } = this.shown ?? {}, total = weights?.total ?? 0;
    this.count = count;
    this.turns.hidden = count === 0 || count >= total;
    this.larger.toggleAttribute("disabled", first === 0);
    this.smaller.toggleAttribute("disabled", first + count >= total);
  }

  private showFacts(count = 0): void {
    const { layer, layer: { id, label, before, after, skipped }, weights, first } = this.shown!, was = wasWords(layer), row = after ?? before, sizes = sizeWords(layer), folded = foldedWords(layer), other = otherName(layer);
    const facts: [string, string][] = [
      ...(other === undefined ? [] : [[t("renamed to"), other] as [string, string]]),
      [t("weight"), row ? format.shape(row.shape) : ""], ...(row?.originalShape ? [[t("original"), format.shape(row.originalShape)] as [string, string]] : []), [t("stored as"), row ? methodOf(row).filter(Boolean).join(" ") : ""], ...(was === undefined ? [] : [[t("before"), was] as [string, string]]),
      [t("bytes"), before && after ? format.change(before.bytes, after.bytes) : `${before ? format.bytes(before.bytes) : "–"} → ${after ? format.bytes(after.bytes) : "–"}`],
      ...(weights ? [[t("SQNR, weights"), weights.sqnrDb === undefined ? t("nothing is lost") : format.decibels(weights.sqnrDb)] as [string, string], weights.matrix ? [t("a cell"), spanText(weights.matrix)] as [string, string] : [t("kernels shown"), t("{0}–{1} of {2}", format.whole(first + 1), format.whole(first + count), format.whole(weights.total))] as [string, string]] : []),
    ];
    const told = el("div", { class: "cmp-told", role: "group", "aria-label": t("Facts") },
      el("h2", { title: id }, label), el("dl", {}, ...facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", { title: value }, value)])),
      ...[...(skipped === undefined ? [] : [t("Left as it was. {0}", skipped)]), ...(sizes ? [sizes.long.replaceAll("\n", "; ")] : []), ...(folded === undefined ? [] : [folded])].map((why) => el("p", { class: "cmp-why" }, why)),
      ...(weights ? [isMeans(weights.matrix) ? sizeBar(this.scale, t("mean size")) : scaleBar(this.scale, "")] : []));
    this.facts.replaceChildren(told, ...(row ? [button({ label: t("Open Layer"), icon: "go-to-file", small: true, onClick: () => this.open(id) })] : []));
    if (told.scrollHeight > told.clientHeight) told.tabIndex = 0; // arrows scroll it
  }

  private get scale(): number {
    const { matrix, absP995 = 1 } = this.shown?.weights ?? {};
    return format.roundUp(isMeans(matrix) ? nearlyMost(matrix.before) : absP995);
  }

  private drawKernels(): void {
    const { weights, first = 0 } = this.shown ?? {}, [stage] = this.stages;
    this.axes.hidden = this.most.hidden = !weights?.matrix;
    this.showTurns(0);
    if (weights?.matrix) this.drawMatrices(weights.matrix);
    if (!weights || weights.matrix || !stage.clientWidth) return;
    const { height, width, before, after } = weights, size = height * width, cell = Math.max(1, Math.round(SIZE / Math.max(height, width))), columns = Math.max(1, Math.floor((stage.clientWidth + GAP) / (width * cell + GAP))), rows = Math.max(1, Math.floor((stage.clientHeight + GAP) / (height * cell + GAP)));
    const count = Math.min(columns * rows, before.length / size), values = [before, after, before.map((v, i) => after[i] - v)], names = [t("before"), t("after"), t("difference")];
    this.stages.forEach((box, i) => {
      box.replaceChildren(heatmaps(values[i].subarray(0, count * size), height, width, this.scale, { cell, columns, gap: GAP, label: t("Kernels {0} to {1} by norm, {2}", format.whole(first + 1), format.whole(first + count), names[i]) }));
    });
    this.showTurns(count);
    this.showFacts(count);
  }

  /** All weights where they have room, or the mean size of those that lie in a cell. */
  private drawMatrices(matrix: ComparedMatrix): void {
    const { rows, columns, span: [down, across], outputs, inputs, before, after, difference } = matrix, m = this.scale, signed = !isMeans(matrix), names = [t("before"), t("after"), t("difference")];
    const range = (at: number, by: number, all: number): string => (by === 1 ? String(at) : `${at * by}–${Math.min(all, (at + 1) * by) - 1}`);
    const tell = (values: Float32Array, name: string) => (row: number, column: number): string => {
      const value = format.weight(values[row * columns + column]), [output, input] = [range(row, down, outputs), range(column, across, inputs)];
      return signed ? t("Output {0}, input {1}, {2}: {3}", output, input, name, value) : t("Outputs {0}, inputs {1}, {2}: mean size {3}", output, input, name, value);
    };
    this.most.textContent = t("up to {0}", format.weight(difference.reduce((most, v) => Math.max(most, Math.abs(v)), 0)));
    [before, after, difference].forEach((values, i) => this.stages[i].replaceChildren(matrixPicture(values, rows, columns, m, signed, t("Weights by output and input, {0}", names[i]), tell(values, names[i]))));
    this.showFacts();
  }

  private draw(context: CanvasRenderingContext2D, width: number, height: number): void {
    const { weights } = this.shown ?? {};
    if (!weights) return;
    const { before, after } = weights.histograms, { amount, foreground, secondary, font } = theme(), floor = height - AXIS, most = Math.sqrt(Math.max(1, ...before.counts, ...after.counts)), step = width / before.counts.length;
    const tall = (count: number): number => Math.sqrt(count) / most * (floor - 8), x = scaleLinear([before.min, before.max === before.min ? before.min + 1 : before.max], [0, width]);
    context.fillStyle = amount;
    after.counts.forEach((count, i) => { if (count) context.fillRect(i * step + 0.5, floor - tall(count), Math.max(1, step - 1), tall(count)); });
    context.strokeStyle = foreground;
    context.lineWidth = 1.2;
    context.beginPath();
    before.counts.forEach((count, i) => {
      if (i === 0) context.moveTo(0, floor - tall(count));
      context.lineTo(i * step, floor - tall(count));
      context.lineTo((i + 1) * step, floor - tall(count));
    });
    context.stroke();
    context.fillStyle = faded(0.4);
    context.fillRect(0, floor, width, 1);
    context.fillStyle = secondary;
    context.font = `11px ${font}`;
    context.textAlign = "center";
    for (const tick of x.ticks(Math.max(2, Math.min(5, Math.floor(width / 56))))) {
      const text = format.weight(tick), half = context.measureText(text).width / 2;
      if (x(tick) >= half && x(tick) <= width - half) context.fillText(text, x(tick), height - 3);
    }
    this.histogram.setAttribute("aria-label", t("Histograms of the weights before and after, from {0} to {1}", format.weight(before.min), format.weight(before.max)));
  }
}

const isMeans = (matrix: ComparedMatrix | undefined): matrix is ComparedMatrix => matrix !== undefined && matrix.span[0] * matrix.span[1] > 1;

const spanText = ({ span: [down, across] }: ComparedMatrix): string => (down * across === 1 ? t("one weight") : t("{0}×{1} weights", down, across));

/** All but half a percent are smaller. */
const nearlyMost = (sizes: Float32Array): number => sizes.slice().sort()[Math.floor(0.995 * (sizes.length - 1))] || 1;
