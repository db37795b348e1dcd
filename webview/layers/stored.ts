import type { LayerRow } from "../../src/protocol/api";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";

/** How a layer lies in its file, in words. */

/** What a row's bits and bytes count. */
export const countedIn = ({ method, grids, dataType, storedType, bytes }: LayerRow): string =>
  method === undefined && !grids && storedType === undefined ? t("{0} as it lies in the file; name and shape make it {1}", dataType, format.bytes(bytes)) : t("All that the weight takes in the file: {0} with codes, codebook, scales and its part of what unpacks them", format.bytes(bytes));

/** "64 codewords of 9", "uint8 · 4 scales" or the data type. */
export const storedAs = ({ method, grids, codewords, blockSize, codebookBits, density, wavelet, dataType, storedType = dataType }: LayerRow): string =>
  wavelet ? t("{0} learned numbers in wavelets", format.whole(wavelet.parameters)) : codewords !== undefined ? t("{0} codewords of {1}", format.whole(codewords), blockSize ?? 1) : density !== undefined ? t("{0} of {1}-bit integers", format.percent(density), codebookBits ?? "") : method !== undefined ? t("{0}-bit integers", codebookBits ?? "")
    : !grids ? storedType : grids.weight.scales === 1 ? t("{0} · 1 scale", grids.weight.type) : t("{0} · {1} scales", grids.weight.type, format.whole(grids.weight.scales));

/** Marks a layer that computes with floats where others compute with integers. */
export const floatMark = (title = t("Computes with floats, beside layers on integers")): HTMLElement => el("span", { class: "float-mark", title }, t("float"));
