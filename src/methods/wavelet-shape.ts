import * as z from "zod/mini";
import { costOf, levelGroups, type LevelGroup } from "../numeric/fast-wavelet";
import { LONGEST_FILTER, WAVELETS } from "../numeric/wavelets";

export const WaveletOptions = z.object({
  /** What filters start from. */
  wavelet: z._default(z.enum(WAVELETS), "daubechies"),
  /** Taps of each filter. */
  length: z._default(z.int().check(z.minimum(2), z.maximum(LONGEST_FILTER), z.multipleOf(2)), 6),
  levels: z._default(z.int().check(z.minimum(1), z.maximum(12)), 5),
  /** Transforms whose outputs are summed. */
  summed: z._default(z.union([z.literal(1), z.literal(2), z.literal(4), z.literal(8)]), 1),
  /** Whether filters stay as they start. */
  fixed: z.optional(z.boolean()),
});
export type WaveletOptions = z.infer<typeof WaveletOptions>;

/** Sizes of a layer y = Σ S·W⁻¹·G·Π·W·B·x. */
export interface WaveletShape {
  inputs: number;
  outputs: number;
  /** Taps of each filter. */
  length: number;
  /** Elements that are transformed: the inputs, and zeros as the levels need them. */
  size: number;
  /** Transforms whose outputs are put beside each other, and cut to the layer's. */
  stacked: number;
  summed: number;
  /** How levels are computed. */
  groups: readonly LevelGroup[];
}

/** So much longer may a signal be made, where its own length has too few divisors. */
const LONGEST = 1.15;

/** Sizes of a layer; undefined where it is too small for so many levels of such filters. */
export function waveletShape(inputs: number, outputs: number, { length, levels, summed }: Pick<WaveletOptions, "length" | "levels" | "summed">): WaveletShape | undefined {
  const step = 2 ** levels, least = Math.ceil(inputs / step) * step;
  let best: { size: number; groups: LevelGroup[] } | undefined;
  for (let size = least; size <= Math.max(least, LONGEST * inputs); size += step) {
    const groups = levelGroups(size, levels, length);
    if (groups && (!best || costOf(groups) < costOf(best.groups))) best = { size, groups };
  }
  return best && { ...best, inputs, outputs, length, stacked: Math.ceil(outputs / best.size), summed };
}

/** Transforms of a layer, those whose outputs are summed after each other. */
export const transformsOf = ({ stacked, summed }: WaveletShape): number => stacked * summed;

/** Elements of the diagonals B, G and S together. */
export function diagonalElements(shape: WaveletShape): number {
  return transformsOf(shape) * (shape.inputs + shape.size) + shape.summed * shape.outputs;
}

/** Trained numbers of a layer: its diagonals and filters. */
export const waveletParameters = (shape: WaveletShape): number => diagonalElements(shape) + 4 * shape.length;
