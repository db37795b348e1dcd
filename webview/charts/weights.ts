import { scaleLinear } from "d3";
import type { LayerDetails } from "../../src/protocol/api";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { Canvas } from "./canvas";
import { theme } from "./colours";

/** Charts of a layer's weights: their histogram, and the range of every output channel. */

export type Draw = (context: CanvasRenderingContext2D, width: number, height: number) => void;

/** A picture that says what stands where the pointer is: `tell` at a share of the width. */
export function chart(kind: string, draw: Draw, label: string, tell: (share: number) => string): HTMLElement {
  const box = el("div", { class: `chart ${kind}`, role: "img", "aria-label": label });
  new Canvas(box, draw);
  box.addEventListener("pointermove", ({ offsetX }) => { box.title = tell(Math.max(0, Math.min(1, offsetX / box.clientWidth))); });
  return box;
}

const AXIS = 18, HEAD = 10;

/** Square roots of the counts over an axis in the weights' own unit, and two standard deviations to either side of their mean. */
export function weightHistogram({ counts, min, max }: NonNullable<LayerDetails["histogram"]>, { mean, std }: NonNullable<LayerDetails["statistics"]>): HTMLElement {
  const draw: Draw = (context, width, height) => {
    const colours = theme(), most = Math.sqrt(Math.max(1, ...counts)), floor = height - AXIS, step = width / counts.length, x = scaleLinear([min, max === min ? min + 1 : max], [0, width]);
    context.fillStyle = colours.amount;
    counts.forEach((count, i) => {
      const tall = Math.sqrt(count) / most * (floor - HEAD);
      if (count) context.fillRect(i * step + 0.5, floor - tall, Math.max(1, step - 1), tall);
    });
    context.fillStyle = colours.secondary;
    context.fillRect(0, floor, width, 1);
    context.font = `11px ${colours.font}`;
    context.textBaseline = "alphabetic";
    context.textAlign = "center";
    for (const tick of x.ticks(5)) {
      const text = format.weight(tick), half = context.measureText(text).width / 2;
      if (x(tick) >= half && x(tick) <= width - half) context.fillText(text, x(tick), height - 3);
      context.fillRect(Math.round(x(tick)), floor, 1, 3);
    }
    context.textAlign = "left";
    const [from, to] = [x(mean - 2 * std), x(mean + 2 * std)].map((v) => Math.max(0, Math.min(width, v)));
    const caption = (): void => {
      const text = t("√ count");
      context.fillStyle = colours.background;
      context.fillRect(0, 0, context.measureText(text).width + 4, HEAD + 1);
      context.fillStyle = colours.secondary;
      context.fillText(text, 0, 9);
    };
    if (to - from < 12) { caption(); return; }
    context.strokeStyle = colours.foreground;
    context.lineWidth = 1;
    context.beginPath();
    for (const [x0, y0, x1, y1] of [[from, 4.5, to, 4.5], [from + 0.5, 2, from + 0.5, 8], [to - 0.5, 2, to - 0.5, 8]]) { context.moveTo(x0, y0); context.lineTo(x1, y1); }
    context.stroke();
    if (width - to > 32) context.fillText("±2σ", to + 6, 9);
    caption();
  };
  return chart("histogram", draw, t("Histogram of the weights, square root of the counts, from {0} to {1}", format.weight(min), format.weight(max)), (share) => {
    const i = Math.min(counts.length - 1, Math.floor(share * counts.length)), edge = (at: number) => format.weight(min + (max - min) * at / counts.length);
    return t("{0} weights from {1} to {2}", format.whole(counts[i]), edge(i), edge(i + 1));
  });
}

/** Least to largest weight of every output channel, and within it 5 to 95 %. */
export function channelRanges({ min, low, high, max }: NonNullable<LayerDetails["channels"]>): HTMLElement {
  let peak = 1e-30;
  for (let i = 0; i < min.length; i++) peak = Math.max(peak, Math.abs(min[i]), Math.abs(max[i]));
  const draw: Draw = (context, width, height) => {
    const step = width / min.length, at = (v: number) => height / 2 - v / peak * (height / 2 - 2), { amount, secondary } = theme(), thick = Math.max(0.8, step * 0.7);
    for (let i = 0; i < min.length; i++) {
      context.globalAlpha = 0.45;
      context.fillStyle = secondary;
      context.fillRect(i * step, at(max[i]), thick, at(min[i]) - at(max[i]));
      context.globalAlpha = 1;
      context.fillStyle = amount;
      context.fillRect(i * step, at(high[i]), thick, Math.max(1, at(low[i]) - at(high[i])));
    }
  };
  return chart("ranges", draw, t("Range of the weights of each of {0} output channels", min.length), (share) => {
    const i = Math.min(min.length - 1, Math.floor(share * min.length)), [least, most, from, to] = [min[i], max[i], low[i], high[i]].map(format.weight);
    return t("Channel {0}: {1} to {2}, 90 % of it from {3} to {4}", i, least, most, from, to);
  });
}

export const table = (heads: readonly string[], rows: readonly (readonly string[])[]): HTMLElement => el("div", { class: "figures-table", tabindex: 0 }, el("table", {}, el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", {}, head)))), el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((cell) => el("td", {}, cell)))))));

/** The histogram in figures. */
export function histogramTable({ counts, min, max }: NonNullable<LayerDetails["histogram"]>): HTMLElement {
  const edge = (i: number): string => format.weight(min + (max - min) * i / counts.length);
  return table([t("from"), t("to"), t("weights")], counts.map((count, i) => [edge(i), edge(i + 1), format.whole(count)]));
}

/** The ranges of the output channels in figures. */
export function rangesTable({ min, low, high, max }: NonNullable<LayerDetails["channels"]>): HTMLElement {
  return table([t("channel"), t("min"), "5 %", "95 %", t("max")], Array.from(min, (least, i) => [format.whole(i), ...[least, low[i], high[i], max[i]].map(format.weight)]));
}
