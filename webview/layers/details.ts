import type { KernelPage, LayerDetails } from "../../src/protocol/api";
import { Canvas } from "../charts/canvas";
import { theme } from "../charts/colours";
import { heatmaps } from "../charts/heatmaps";
import { button, tag } from "../controls";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { storedAs } from "./table";

export interface DetailActions { codebook(): void; copy(name: string): void }

/** All of one layer: facts, its weights' histogram, the range of every output channel, its kernels. */
export function detailsOf(details: LayerDetails, kernels: KernelPage | undefined, total: number, actions: DetailActions): HTMLElement {
  const { row, attributes, from, to, statistics } = details;
  const pane = el("section", { class: "details", "aria-label": t("Details of {0}", row.label) });
  pane.append(el("header", { class: "details-head" }, el("h2", { title: row.name }, row.label), tag(`${row.op}${row.shape.length > 2 ? ` ${row.shape.slice(2).join("×")}` : ""}`)));
  const actionRow = el("div", { class: "row" }, button({ label: t("Copy Name"), icon: "copy", small: true, onClick: () => actions.copy(row.name) }));
  if (row.codewords !== undefined) actionRow.prepend(button({ label: t("Show Codebook"), icon: "symbol-array", small: true, onClick: actions.codebook }));
  pane.append(actionRow);
  const facts: [string, string][] = [
    [t("weight"), format.shape(row.shape)], [t("stored as"), storedAs(row)], [t("weights"), format.whole(row.parameters)], [t("size"), format.bytes(row.bytes)],
    [t("bits"), format.bits(row.bitsPerWeight)], [t("share"), format.percent(total ? row.bytes / total : 0)],
    ...(row.macs ? [[t("MACs"), format.count(row.macs)] as [string, string]] : []), ...attributes.filter(({ name }) => name !== "kernel_shape").map(({ name, value }): [string, string] => [name, value]),
  ];
  pane.append(el("dl", { class: "facts" }, ...facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", { title: value }, value)])));
  pane.append(el("dl", { class: "facts wide" }, ...[...from.map((v) => [t("from"), v] as const), ...to.map((v) => [t("to"), v] as const)].flatMap(([name, value]) => [el("dt", {}, name), el("dd", { title: value.name }, `${value.name} ${value.shape.length ? format.caption(value.shape) : ""}`)])));
  if (row.skipped) pane.append(el("p", { class: "note" }, row.skipped));
  if (statistics && details.histogram) {
    const { counts, min, max } = details.histogram;
    pane.append(el("section", {}, el("h3", {}, t("Weights"), el("small", {}, t("mean {0} · σ {1} · {2} zeros", format.weight(statistics.mean), format.weight(statistics.std), format.whole(statistics.zeros)))), chart(96, (c, w, h) => histogram(c, w, h, counts), t("Histogram of the weights, square root of the counts, from {0} to {1}", format.weight(min), format.weight(max))), el("div", { class: "axis" }, el("span", {}, format.weight(min)), el("span", {}, t("√ count")), el("span", {}, format.weight(max)))));
  }
  if (details.channels) {
    const { channels } = details, outputs = channels.min.length;
    pane.append(el("section", {}, el("h3", {}, t("Range per channel"), el("small", {}, t("min–max, 5–95 %"))), chart(64, (c, w, h) => ranges(c, w, h, channels), t("Range of the weights of each of {0} output channels", outputs)), el("div", { class: "axis" }, el("span", {}, "0"), el("span", {}, t("output channel")), el("span", {}, String(outputs - 1)))));
  }
  if (kernels && kernels.height * kernels.width > 1 && statistics) {
    const m = format.roundUp(statistics.absP995), shown = kernels.order.length, cell = Math.max(2, Math.round(18 / Math.max(kernels.height, kernels.width)));
    const columns = Math.max(1, Math.floor(336 / (kernels.width * cell + 6)));
    pane.append(el("section", {}, el("h3", {}, t("Kernels"), el("small", {}, t("{0} · by norm", format.whole(kernels.total)))),
      heatmaps(kernels.values, kernels.height, kernels.width, m, { cell, columns, gap: 6, label: t("The {0} kernels of largest norm", shown) }), scaleBar(m, t("1–{0} of {1}", shown, format.whole(kernels.total)))));
  }
  return pane;
}

/** The diverging scale with its printed ends. */
export const scaleBar = (m: number, note: string): HTMLElement => el("div", { class: "scale" }, el("span", {}, `−${format.weight(m)}`), el("span", { class: "scale-bar" }), el("span", {}, `+${format.weight(m)}`), el("small", {}, note));

function chart(height: number, draw: (context: CanvasRenderingContext2D, width: number, height: number) => void, label: string): HTMLElement {
  const box = el("div", { class: `chart chart-${height}`, role: "img", "aria-label": label });
  new Canvas(box, draw);
  return box;
}

function histogram(context: CanvasRenderingContext2D, width: number, height: number, counts: number[]): void {
  const most = Math.sqrt(Math.max(1, ...counts)), step = width / counts.length, { amount, line } = theme();
  context.fillStyle = amount;
  counts.forEach((count, i) => {
    const tall = Math.sqrt(count) / most * (height - 4);
    context.fillRect(i * step + 0.5, height - 1 - tall, Math.max(1, step - 1), tall);
  });
  context.fillStyle = line;
  context.fillRect(0, height - 1, width, 1);
}

function ranges(context: CanvasRenderingContext2D, width: number, height: number, { min, low, high, max }: NonNullable<LayerDetails["channels"]>): void {
  let peak = 1e-30;
  for (let i = 0; i < min.length; i++) peak = Math.max(peak, Math.abs(min[i]), Math.abs(max[i]));
  const step = width / min.length, at = (v: number) => height / 2 - v / peak * (height / 2 - 2), { amount, secondary } = theme();
  for (let i = 0; i < min.length; i++) {
    context.globalAlpha = 0.45;
    context.fillStyle = secondary;
    context.fillRect(i * step, at(max[i]), Math.max(0.8, step * 0.7), at(min[i]) - at(max[i]));
    context.globalAlpha = 1;
    context.fillStyle = amount;
    context.fillRect(i * step, at(high[i]), Math.max(0.8, step * 0.7), Math.max(1, at(low[i]) - at(high[i])));
  }
}
