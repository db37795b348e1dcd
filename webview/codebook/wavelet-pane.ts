import type { LayerRow, WaveletMaps } from "../../src/protocol/api";
import type { WaveletFacts } from "../../src/protocol/report";
import { filterResponse, filterTable, filterTaps, responseTable } from "../charts/filters";
import { mostOf, waveletPicture, waveletTable } from "../charts/wavelet-map";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { section, withTable } from "../layers/section";

/** A layer that wavelet transforms compute: its filters beside those that they are nearest to, and which scales its weight and the original's lie in. */
export class WaveletPane {
  readonly element = el("div", { class: "book-wavelet", hidden: true });

  show(wavelet: WaveletFacts, { made, original }: WaveletMaps): void {
    const { nearest, length, levels, summed, reconstructionError } = wavelet, most = mostOf(original ? [original, made] : [made]);
    const filters = el("section", { class: "book-pane book-taps", "aria-label": t("Filters") },
      withTable(section("wavelet-taps", t("Filters"), nearest ? t("{0} taps · rings: {1}", length, nearest.wavelet) : t("{0} taps", length), false, filterTaps(wavelet)), () => filterTable(wavelet)),
      withTable(section("wavelet-response", t("Frequency response"), nearest ? t("low and high pass · broken lines: {0}", nearest.wavelet) : t("low and high pass"), false, filterResponse(wavelet)), () => responseTable(wavelet)),
      el("p", { class: "note" }, t("{0} of {1} levels. Taken apart and put together again, a signal comes back but for {2} of it.", summed === 1 ? t("1 transform") : t("{0} transforms", summed), levels, reconstructionError.toExponential(1))));
    const maps = ([[t("Original weight"), original], [t("What the transforms compute"), made]] as const).map(([title, map]) => map && withTable(
      section(`wavelet-${map === made ? "made" : "original"}`, title, t("by level, 1 is the finest · outputs ↓ inputs →"), false, waveletPicture(map, most, t("{0}: {1} of its energy lies in the coarsest scales of outputs and inputs", title, format.percent(map.energy[0][0])))), () => waveletTable(map)));
    this.element.replaceChildren(filters, el("section", { class: "book-pane book-scales", "aria-label": t("Coefficients by scale") }, el("div", { class: "book-maps" }, ...maps.filter((map) => map !== undefined))));
  }
}

/** Value, name and hover of each figure in the head. */
export function waveletFigures({ wavelet, parameters, bitsPerWeight, bytes }: LayerRow, maps: WaveletMaps | undefined): [string, string, string][] {
  if (!wavelet) return [];
  return [
    [format.bits(bitsPerWeight), t("bits per weight"), ""],
    [format.whole(wavelet.parameters), t("learned numbers"), t("In place of {0} weights", format.whole(parameters))],
    [`${format.times(parameters / wavelet.parameters)}×`, t("fewer"), t("In place of {0} weights", format.whole(parameters))],
    ...(maps?.sqnrDb === undefined ? [] : [[format.decibels(maps.sqnrDb), t("SQNR"), t("Of the matrix that the transforms stand for. They are learned for the network’s outputs, so this may be little where these are near.")] as [string, string, string]]),
    [format.bytes(bytes), t("in the file"), ""],
  ];
}

/** Why its scales stand alone. */
export function missingOriginal({ file, differs }: NonNullable<WaveletMaps["missing"]>): string {
  if (!file) return t("Which model this one was made of is not known, so its scales stand alone.");
  return differs ? t("{0} in the same folder has other layers, so the original’s scales are not known.", file) : t("{0} is missing. With it in the same folder, the original’s scales are shown.", file);
}
