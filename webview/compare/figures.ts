import type { LayerRow } from "../../src/protocol/api";
import { bitsOfAll } from "../../src/protocol/bits";
import type { Comparison, FileSizes, Side } from "../../src/protocol/compare";
import { verdictOf, type Estimate } from "../../src/protocol/estimates";
import type { TuningReport } from "../../src/protocol/report";
import { el } from "../dom";
import * as format from "../format";
import type { Figure } from "../header";
import { t } from "../l10n";
import { tunedText } from "../tuned-text";

/** Figures in the head of a comparison. */

/** Whether a layer is stored another way. */
export const isOther = (before: LayerRow, after: LayerRow): boolean => Math.abs(before.bitsPerWeight - after.bitsPerWeight) > 0.005 || before.method !== after.method;

/** A figure that stands there at every width. */
export const keptFigure = (kind: string, value: string, text: string, hover: string): HTMLElement => el("div", { class: `figure ${kind}`, title: hover }, el("b", {}, value), el("small", {}, text));

/** What training has changed on the samples of the report, and whether they can tell. */
export function gainOf(tuning: TuningReport): HTMLElement[] {
  const { gain, bestStep } = tuning;
  if (!gain) return bestStep === 0 ? [keptFigure("cmp-tuned", t("Training gained nothing"), t("what was before is kept"), tunedText(tuning))] : [];
  const { before, after } = gain.agreement ?? { before: rooted(gain.loss.before), after: rooted(gain.loss.after) }, isSeen = verdictOf(gain) !== "unsure";
  return [keptFigure("cmp-tuned", format.shares(before.value, after.value), isSeen ? t("by fine-tuning") : t("fine-tuned, within noise"), tunedText(tuning))];
}

const rooted = ({ value }: Estimate): { value: number } => ({ value: Math.sqrt(value) });

/** Sizes that files have elsewhere than on the disk: they take reading both, which comes after the table. "unknown" where one cannot be read. */
export function sizeFigures({ original, compressed }: Partial<Record<Side, FileSizes | "unknown">>): Figure[] {
  const unpacked = t("Weights once a runtime has unpacked them");
  if (typeof original !== "object" || typeof compressed !== "object") {
    const value = original === "unknown" || compressed === "unknown" ? "–" : "…";
    return [[value, t("as gzip")], [value, t("in memory"), unpacked]];
  }
  const [before, after] = [original.loadedWeightBytes, compressed.loadedWeightBytes], isAlike = format.bytes(before) === format.bytes(after);
  return [[format.change(original.gzipBytes, compressed.gzipBytes), t("as gzip")], isAlike ? [format.bytes(before), t("in memory, as before"), unpacked] : [format.change(before, after), t("in memory"), unpacked]];
}

/** Bits per convolution weight before and after, per weight where there is no convolution. */
export function convBits(layers: Comparison["layers"]): Figure[] {
  const sides = [layers.flatMap(({ before }) => before ?? []), layers.flatMap(({ after }) => after ?? [])], convolutions = sides.map((rows) => rows.filter(({ op }) => op.startsWith("Conv"))), isConvolutional = convolutions.some((rows) => rows.length);
  const [before, after] = (isConvolutional ? convolutions : sides).map(bitsOfAll);
  return before === undefined || after === undefined ? [] : [[`${format.bits(before)} → ${format.bits(after)}`, isConvolutional ? t("bits per conv. weight") : t("bits per weight")]];
}

/** What the two are to each other: one was made of the other where it alone, or at least twice as much of it, is compressed. */
export function rolesOf(layers: Comparison["layers"]): [left: string, right: string] {
  const count = (side: "before" | "after"): number => layers.filter(({ [side]: row }) => row?.method !== undefined).length, [before, after] = [count("before"), count("after")];
  return layers.every(({ before, after }) => !before || !after || before.method === after.method) ? [t("before"), t("after")] : 2 * before <= after ? [t("original"), t("compressed")] : 2 * after <= before ? [t("compressed"), t("original")] : [t("compressed"), t("compressed")];
}
