import { t } from "../l10n";
import type { BlockPlace, Shelf } from "./shelf";

/** What a block of a codebook is called: a kernel, several of them, a row of one, or a run of weights. */
export interface Noun { many: string; one: string; clusters: string }

export function nounOf({ facts: { kernel }, size, parts, width, height }: Shelf): Noun {
  if (parts === 2) return { many: t("pairs of kernels"), one: t("pair of kernels"), clusters: t("Clusters of kernel pairs") };
  if (parts > 1) return { many: t("groups of kernels"), one: t("group of kernels"), clusters: t("Clusters of kernel groups") };
  if (size === kernel && kernel > 1) return { many: t("kernels"), one: t("kernel"), clusters: t("Kernel clusters") };
  if (kernel > 1 && height === 1 && width * width === kernel) return { many: t("rows"), one: t("row"), clusters: t("Row clusters") };
  return size === 1 ? { many: t("weights"), one: t("weight"), clusters: t("Weight clusters") } : { many: t("blocks"), one: t("block"), clusters: t("Block clusters") };
}

/** "Output 0, input 3, row 2" */
export function placeText({ output, input, row, lastInput }: BlockPlace): string {
  if (lastInput !== undefined) return t("Output {0}, inputs {1}–{2}", output, input, lastInput);
  return row === undefined ? t("Output {0}, input {1}", output, input) : Number.isInteger(row) ? t("Output {0}, input {1}, row {2}", output, input, row) : t("Output {0}, input {1}", output, input);
}
