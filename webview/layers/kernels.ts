import type { KernelPage } from "../../src/protocol/api";
import { heatmaps } from "../charts/heatmaps";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";

const GAP = 7, SIZE = 18;
/** Rows of kernels: fewer where more stand in each. */
const rowsFor = (columns: number): number => (columns > 16 ? 3 : 5);

/** How many kernels the widest pane can show. */
export const MOST_KERNELS = 200;

/** The kernels of largest norm as small multiples on one scale, as many as stand in a few rows. */
export function kernelMultiples({ values, height, width, total }: KernelPage, m: number): HTMLElement {
  const cell = Math.max(1, Math.round(SIZE / Math.max(height, width))), pitch = width * cell + GAP, box = el("div", { class: "kernels" });
  let columns = 0;
  new ResizeObserver(() => {
    const room = Math.max(1, Math.floor((box.clientWidth + GAP) / pitch));
    if (room === columns) return;
    columns = room;
    const count = Math.min(columns * rowsFor(columns), values.length / (height * width));
    box.replaceChildren(
      heatmaps(values.subarray(0, count * height * width), height, width, m, { cell, columns, gap: GAP, label: t("The {0} kernels of largest norm", count) }),
      scaleBar(m, t("1–{0} of {1}", format.whole(count), format.whole(total))));
  }).observe(box);
  return box;
}

/** The diverging scale with its printed ends. */
export const scaleBar = (m: number, note: string): HTMLElement => el("div", { class: "scale" }, el("span", {}, `−${format.weight(m)}`), el("span", { class: "scale-bar" }), el("span", {}, `+${format.weight(m)}`), el("small", {}, note));
