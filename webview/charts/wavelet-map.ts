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

/** Pixels beside the picture for the numbers of scales, below it for the key, and what a number needs of a band. */
const BESIDE = 20, BELOW = 24, NUMBER = 14;
/** Pixels of the key's shades. */
const KEY = { width: 96, height: 8 };
/** A flat matrix, as of ten classes, is drawn higher than it is. */
const LEAST_HEIGHT = 120;

/** Coefficients as shades from nothing to `most`, outputs downwards and inputs across, with a line where a finer scale begins, and the number of each: 1 is the finest. */
export function waveletPicture(map: WaveletMap, most: number, label: string): HTMLElement {
  const box = el("div", { class: "chart wavelet-map", role: "img", "aria-label": label }), { rows, columns, cells, rowScales, columnScales, energy } = map;
  let place = { width: 1, height: 1 };
  new Canvas(box, (context, width, height) => {
    const { amount, secondary, font } = theme(), shades = Uint32Array.from({ length: SHADES }, (_, i) => packed(tinted(amount, Math.sqrt(i / (SHADES - 1)))));
    const space = { width: width - BESIDE, height: height - BESIDE - BELOW }, cell = Math.min(space.width / columns, space.height / rows);
    place = { width: Math.round(cell * columns), height: Math.round(Math.max(cell * rows, Math.min(space.height, LEAST_HEIGHT))) };
    context.imageSmoothingEnabled = false;
    context.drawImage(shaded(Array.from(cells, (v) => shades[Math.min(SHADES - 1, Math.round(v / most * (SHADES - 1)))]), columns), BESIDE, BESIDE, place.width, place.height);
    context.drawImage(shaded([...shades], SHADES), BESIDE, BESIDE + place.height + BELOW - KEY.height - 6, KEY.width, KEY.height);
    context.fillStyle = context.strokeStyle = secondary;
    for (const at of columnScales.slice(1)) context.fillRect(BESIDE + Math.round(at * place.width), BESIDE, 1, place.height);
    for (const at of rowScales.slice(1)) context.fillRect(BESIDE, BESIDE + Math.round(at * place.height), place.width, 1);
    context.strokeRect(BESIDE + 0.5, BESIDE + 0.5, place.width - 1, place.height - 1);
    context.font = `11px ${font}`;
    context.textBaseline = "middle";
    context.textAlign = "center";
    for (const { at, name } of numbers(columnScales, place.width)) context.fillText(name, BESIDE + at, BESIDE / 2);
    for (const { at, name } of numbers(rowScales, place.height)) context.fillText(name, BESIDE / 2, BESIDE + at);
    context.textAlign = "left";
    context.fillText(`0 – ${format.weight(most)}`, BESIDE + KEY.width + 8, BESIDE + place.height + BELOW - KEY.height / 2 - 6);
  });
  box.addEventListener("pointermove", ({ offsetX, offsetY }) => {
    const across = (offsetX - BESIDE) / place.width, down = (offsetY - BESIDE) / place.height;
    if (across < 0 || down < 0 || across > 1 || down > 1) { box.title = ""; return; }
    const i = scaleAt(rowScales, down), j = scaleAt(columnScales, across);
    box.title = t("Outputs {0}, inputs {1}: {2} of the energy", scaleName(i, rowScales.length), scaleName(j, columnScales.length), format.percent(energy[i][j]));
  });
  return box;
}

/** Where on an axis of so many pixels the numbers of its scales stand: in the middle of those that are wide enough. The coarse rest has none. */
function numbers(starts: readonly number[], pixels: number): { at: number; name: string }[] {
  const ends = [...starts.slice(1), 1];
  return starts.flatMap((start, i) => (i > 0 && (ends[i] - start) * pixels >= NUMBER ? [{ at: (start + ends[i]) / 2 * pixels, name: String(starts.length - i) }] : []));
}

/** Packed colours as a picture of so many columns. */
function shaded(colours: readonly number[], columns: number): OffscreenCanvas {
  const rows = colours.length / columns, flat = new OffscreenCanvas(columns, rows), image = new ImageData(columns, rows);
  new Uint32Array(image.data.buffer).set(colours);
  flat.getContext("2d")?.putImageData(image, 0, 0);
  return flat;
}

/** The same in figures: the share of the energy in each scale of outputs and inputs. */
export const waveletTable = ({ energy, rowScales, columnScales }: WaveletMap): HTMLElement =>
  table([t("outputs ↓ inputs →"), ...columnScales.map((_, j) => scaleName(j, columnScales.length))], energy.map((own, i) => [scaleName(i, rowScales.length), ...own.map(format.percent)]));
