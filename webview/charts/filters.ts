import type { WaveletFacts } from "../../src/protocol/report";
import * as format from "../format";
import { t } from "../l10n";
import { theme } from "./colours";
import { chart, table, type Draw } from "./weights";

/** Charts of a wavelet layer's filters: their taps and what they pass, beside those of the known wavelet that they are nearest to. */

const NAMES = ["h0", "h1", "f0", "f1"] as const;
const HEAD = 14, FOOT = 16;

/** Taps of the four filters beside each other; a ring where the known wavelet has its tap. */
export function filterTaps({ filters, nearest }: WaveletFacts): HTMLElement {
  const peak = Math.max(1e-6, ...[...filters, ...nearest?.filters ?? []].flat().map(Math.abs)), length = filters[0].length, spoken = nearest ? t("Taps of the filters; rings are those of {0}", nearest.wavelet) : t("Taps of the filters");
  const draw: Draw = (context, width, height) => {
    const colours = theme(), part = width / NAMES.length, middle = HEAD + (height - HEAD) / 2, y = (v: number) => middle - v / peak * (height - HEAD - 8) / 2;
    context.font = `11px ${colours.font}`;
    NAMES.forEach((name, i) => {
      const left = i * part, step = (part - 12) / length, x = (k: number) => left + 6 + (k + 0.5) * step;
      context.fillStyle = colours.secondary;
      context.fillText(name, left + 6, 10);
      context.fillRect(left + 4, Math.round(middle), part - 8, 1);
      context.fillStyle = colours.amount;
      filters[i].forEach((v, k) => {
        context.fillRect(x(k) - 1, Math.min(middle, y(v)), 2, Math.abs(y(v) - middle));
        context.beginPath();
        context.arc(x(k), y(v), 2.5, 0, 2 * Math.PI);
        context.fill();
      });
      context.strokeStyle = colours.foreground;
      nearest?.filters[i].forEach((v, k) => {
        context.beginPath();
        context.arc(x(k), y(v), 4, 0, 2 * Math.PI);
        context.stroke();
      });
    });
  };
  return chart("taps", draw, spoken, (share) => {
    const at = share * NAMES.length, i = Math.min(NAMES.length - 1, Math.floor(at)), k = Math.min(length - 1, Math.floor((at - i) * length)), known = nearest?.filters[i][k];
    return known === undefined || !nearest ? t("{0}, tap {1}: {2}", NAMES[i], k, format.weight(filters[i][k])) : t("{0}, tap {1}: {2}; {3} has {4}", NAMES[i], k, format.weight(filters[i][k]), nearest.wavelet, format.weight(known));
  });
}

/** The taps in figures. */
export const filterTable = ({ filters }: WaveletFacts): HTMLElement => table([t("tap"), ...NAMES], filters[0].map((_, k) => [format.whole(k), ...filters.map((taps) => format.weight(taps[k]))]));

const POINTS = 128;

/** |Σ h[k]·e^(−iωk)| at POINTS + 1 frequencies from 0 to π. */
const responseOf = (taps: readonly number[]): number[] => Array.from({ length: POINTS + 1 }, (_, i) => {
  const w = Math.PI * i / POINTS, along = (wave: (x: number) => number) => taps.reduce((sum, h, k) => sum + h * wave(w * k), 0);
  return Math.hypot(along(Math.cos), along(Math.sin));
});

/** What the analysis filters make of each frequency; broken lines are the known wavelet's. */
export function filterResponse({ filters, nearest }: WaveletFacts): HTMLElement {
  const [low, high] = filters.map(responseOf), before = nearest?.filters.slice(0, 2).map(responseOf) ?? [], peak = Math.max(...low, ...high, ...before.flat(), 1e-6), spoken = nearest ? t("What the low and the high pass make of frequencies from 0 to π; broken lines are those of {0}", nearest.wavelet) : t("What the low and the high pass make of frequencies from 0 to π");
  const draw: Draw = (context, width, height) => {
    const colours = theme(), floor = height - FOOT, line = (values: readonly number[], colour: string, dashes: number[]): void => {
      context.strokeStyle = colour;
      context.setLineDash(dashes);
      context.lineWidth = dashes.length ? 1 : 2;
      context.beginPath();
      values.forEach((v, i) => { context.lineTo(i / POINTS * width, floor - v / peak * (floor - 4)); });
      context.stroke();
      context.setLineDash([]);
    };
    context.fillStyle = colours.secondary;
    context.fillRect(0, floor, width, 1);
    context.font = `11px ${colours.font}`;
    for (const [text, at, align] of [["0", 0, "left"], ["π/2", width / 2, "center"], ["π", width, "right"]] as const) {
      context.textAlign = align;
      context.fillText(text, at, height - 3);
    }
    context.textAlign = "left";
    for (const values of before) line(values, colours.secondary, [4, 3]);
    line(high, colours.kinds[1] ?? colours.foreground, []);
    line(low, colours.amount, []);
  };
  return chart("response", draw, spoken, (share) => { const i = Math.round(share * POINTS); return t("At {0} π: low pass {1}, high pass {2}", (i / POINTS).toFixed(2), format.weight(low[i]), format.weight(high[i])); });
}

/** The responses in figures, at every eighth frequency. */
export function responseTable({ filters }: WaveletFacts): HTMLElement {
  const [low, high] = filters.map(responseOf);
  return table([t("frequency ÷ π"), t("low pass"), t("high pass")], low.flatMap((v, i) => (i % 8 ? [] : [[(i / POINTS).toFixed(2), format.weight(v), format.weight(high[i])]])));
}
