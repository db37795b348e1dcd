import { interpolateLab } from "d3";
import type { LayerRow } from "../../src/protocol/api";
import { bitsOfAll } from "../../src/protocol/bits";
import * as format from "../format";
import { t } from "../l10n";
import { theme } from "./colours";

/** What layers may be coloured by. */

export type MeasureId = "bytes" | "operator" | "bits" | "sqnr" | "compute" | "sensitivity";

export interface Measure {
  id: MeasureId;
  /** In the drop-down. */
  title: string;
  /** Over the legend. */
  caption: string;
  /** Under the strip of all layers. */
  unit: string;
  /** What bars show; undefined where it is not known. */
  value(row: LayerRow): number | undefined;
  /** Length of a bar, and where its colour lies: 0 to 1. */
  share(value: number): number;
  most: number;
  text(value: number): string;
  /** Colour of a value. */
  scale(value: number): string;
  /** The power of a colour's position that is its value: 2 where colours go by the square root. */
  spread: number;
  /** Colour of a layer or of several; undefined where nothing is known. */
  colour(rows: readonly LayerRow[]): string | undefined;
  /** Kinds with their colours instead of a scale. */
  kinds?: [string, string][];
}

/** What can be told of these layers; `sensitivity` is what noise in each does to the outputs, where that is known. */
export function measuresOf(rows: readonly LayerRow[], sensitivity: Readonly<Record<string, number>> = {}): Measure[] {
  const total = rows.reduce((sum, { bytes }) => sum + bytes, 0) || 1, most = (value: Measure["value"]): number => rows.reduce((max, row) => Math.max(max, value(row) ?? 0), 0);
  const scale = (id: MeasureId, title: string, caption: string, unit: string, value: Measure["value"], power: number, text: Measure["text"], mean: (rows: readonly LayerRow[]) => number | undefined): Measure => {
    const top = most(value), share = (v: number) => Math.max(0, Math.min(1, v / (top || 1)));
    return {
      id, title, caption, unit, value, share, most: top, text, spread: 1 / power,
      scale: (v) => amount(share(v) ** power),
      colour: (some) => { const v = mean(some); return v === undefined ? undefined : amount(share(v) ** power); },
    };
  };
  const average = (value: Measure["value"]) => (some: readonly LayerRow[]): number | undefined => {
    const known = some.flatMap((row) => value(row) ?? []);
    return known.length ? known.reduce((a, b) => a + b, 0) / known.length : undefined;
  };
  const share = (row: LayerRow) => row.bytes / total;
  const bytes = scale("bytes", t("Share of bytes"), t("Share of bytes, per layer"), t("of bytes"), share, 0.5, format.percent, average(share));
  const measures = [bytes, byOperator(rows, bytes)];
  if (rows.length) measures.push(scale("bits", t("Bits per weight"), t("Bits per weight"), t("bits"), ({ bitsPerWeight }) => bitsPerWeight, 0.6, format.bits, bitsOfAll));
  const noise = ({ sqnrDb }: LayerRow) => sqnrDb;
  if (rows.some((row) => row.method !== undefined || noise(row) !== undefined)) measures.push(scale("sqnr", t("Signal to noise"), t("Signal to noise of the weights, dB"), t("dB"), noise, 1, format.tenths, average(noise)));
  if (rows.some(({ macs }) => macs)) {
    const all = rows.reduce((sum, { macs = 0 }) => sum + macs, 0), work = ({ macs }: LayerRow) => (macs === undefined ? undefined : macs / all);
    measures.push(scale("compute", t("Compute"), t("Share of multiply-accumulates, per layer"), t("of MACs"), work, 0.5, format.percent, average(work)));
  }
  if (rows.length) {
    const worst = Math.max(...Object.values(sensitivity), 0), harm = ({ name }: LayerRow) => (sensitivity[name] === undefined || !worst ? undefined : sensitivity[name] / worst);
    measures.push(scale("sensitivity", t("Sensitivity"), t("What noise in a layer does to the outputs, beside the worst"), t("of the worst"), harm, 0.5, format.percent, average(harm)));
  }
  return measures;
}

const amount = (share: number): string => interpolateLab(theme().background, theme().amount)(share);

function byOperator(rows: readonly LayerRow[], bytes: Measure): Measure {
  const counts = new Map<string, number>();
  for (const { op } of rows) counts.set(op, (counts.get(op) ?? 0) + 1);
  const operators = [...counts].sort((a, b) => b[1] - a[1]).map(([op]) => op);
  const colourOf = (op: string): string => theme().kinds[operators.indexOf(op)] ?? theme().secondary;
  const colour = (some: readonly LayerRow[]): string | undefined => {
    const main = some.reduce<LayerRow | undefined>((most, row) => (!most || row.bytes > most.bytes ? row : most), undefined);
    return main && colourOf(main.op);
  };
  return { ...bytes, id: "operator", title: t("Operator"), caption: t("Operator"), colour, get kinds() { return operators.map((op): [string, string] => [op, colourOf(op)]); } };
}
