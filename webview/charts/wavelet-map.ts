import type { WaveletMap } from "../../src/protocol/api";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { Canvas } from "./canvas";
import { packed, theme, tinted } from "./colours";
import { table } from "./weights";

const SHADES = 256;

/** "coarse", or how fine: 1 is the finest. */
const scaleName = (at: number, count: number): string => (at === 0 ? t("coarse") : t("detail {0}", count - at));

/** Where a share of an axis lies among its scales. */
const scaleAt = (starts: readonly number[], share: number): number => starts.filter((start) => start <= share).length - 1;

/** The value that all but half a percent of the cells of these maps stay under, for one scale of shades. */
export function mostOf(maps: readonly WaveletMap[]): number {
  const all = Float32Array.from(maps.flatMap(({ cells }) => [...cells])).sort();
  return all[Math.floor(0.995 * (all.length - 1))] || 1;
}

/** Coefficients as shades from nothing to `most`, outputs downwards and inputs across, with a line where a finer scale begins. */
export function waveletPicture(map: WaveletMap, most: number, label: string): HTMLElement {
  const box = el("div", { class: "chart wavelet-map", role: "img", "aria-label": label }), { rows, columns, cells, rowScales, columnScales, energy } = map;
  let place = { left: 0, top: 0, width: 1, height: 1 };
  new Canvas(box, (context, width, height) => {
    const { amount, secondary } = theme(), cell = Math.min(width / columns, height / rows), image = new ImageData(columns, rows), pixels = new Uint32Array(image.data.buffer);
    const shades = Uint32Array.from({ length: SHADES }, (_, i) => packed(tinted(amount, Math.sqrt(i / (SHADES - 1)))));
    cells.forEach((v, i) => { pixels[i] = shades[Math.min(SHADES - 1, Math.round(v / most * (SHADES - 1)))]; });
    // a flat matrix, as of ten classes, is drawn higher than it is
    place = { width: Math.round(cell * columns), height: Math.round(Math.max(cell * rows, Math.min(height, 120))), left: 0, top: 0 };
    const flat = new OffscreenCanvas(columns, rows);
    flat.getContext("2d")?.putImageData(image, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(flat, 0, 0, place.width, place.height);
    context.fillStyle = secondary;
    for (const at of columnScales.slice(1)) context.fillRect(Math.round(at * place.width), 0, 1, place.height);
    for (const at of rowScales.slice(1)) context.fillRect(0, Math.round(at * place.height), place.width, 1);
    context.strokeStyle = secondary;
    context.strokeRect(0.5, 0.5, place.width - 1, place.height - 1);
  });
  box.addEventListener("pointermove", ({ offsetX, offsetY }) => {
    const across = offsetX / place.width, down = offsetY / place.height;
    if (across > 1 || down > 1) { box.title = ""; return; }
    const i = scaleAt(rowScales, down), j = scaleAt(columnScales, across);
    box.title = t("Outputs {0}, inputs {1}: {2} of the energy", scaleName(i, rowScales.length), scaleName(j, columnScales.length), format.percent(energy[i][j]));
  });
  return box;
}

/** The same in figures: the share of the energy in each scale of outputs and inputs. */
export const waveletTable = ({ energy, rowScales, columnScales }: WaveletMap): HTMLElement =>
  table([t("outputs ↓ inputs →"), ...columnScales.map((_, j) => scaleName(j, columnScales.length))], energy.map((own, i) => [scaleName(i, rowScales.length), ...own.map(format.percent)]));
