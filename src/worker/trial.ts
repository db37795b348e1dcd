import type { CodebookOptions } from "../methods/codebook";
import { LEAST_SIZE } from "../methods/codebook-rows";
import type { WeightRows } from "../methods/method";
import { scaleRowsInto } from "../methods/rows";
import { rowScales } from "../methods/scale";
import { sharedFloats } from "../numeric/factor";
import { fromCodes, roundToGrid } from "../numeric/grid";
import { overRows, type ComputePool } from "../numeric/tasks";
import { fittedScale, indexOf, type Codewords } from "./book";

/** A codebook for looking at is made from so many blocks, and so many for each word, at least. */
const SAMPLE_BLOCKS = 16384, SAMPLE_PER_WORD = 16;
/** Products that the clustering may take: a fraction of a second on one core. */
const BUDGET = 2e8, LEAST_PASSES = 2, MOST_PASSES = 12;

/** A codebook of more words is estimated first, from so many blocks. */
const QUICK_WORDS = 256, ESTIMATE_BLOCKS = 4096;

/** A layer's weight as codebooks are tried out on it: kept while a slider moves. */
export interface TrialRows {
  rows: WeightRows;
  scale: Float32Array;
  /** The rows in units of their scales, in memory that threads share. */
  units: Float32Array;
  /** What an error of each row counts; all alike if absent. */
  weights?: Float32Array;
  /** Whether all rows have one scale. */
  shared: boolean;
}

export function trialRows(rows: WeightRows, scaleIsFree: boolean, shared: boolean): TrialRows {
  const sizes = rowScales(rows.values, rows.inputs), [whole] = rowScales(rows.values, rows.values.length);
  const scale = shared ? sizes.map(() => whole) : sizes, units = sharedFloats(rows.values.length);
  scaleRowsInto(units, rows.values, scale, -1);
  const weights = shared === scaleIsFree ? sizes.map((size) => (shared ? whole / Math.max(size, LEAST_SIZE * whole) : size) ** 2) : undefined;
  return { rows, scale, units, weights, shared };
}

/** Factors between the codewords and the rows that they stand for. */
export function trialScale({ rows, shared }: TrialRows, codes: Codewords): Float32Array {
  if (!shared) return fittedScale(rows, codes);
  const [one] = fittedScale({ values: rows.values, outputs: 1, inputs: rows.values.length }, { ...codes, outputs: 1 });
  return new Float32Array(rows.outputs).fill(one);
}

/**
 * The codebook that the product would begin with where it has no images: the same clustering in units of the rows' scales and the same rounding, with less work in
 * layers of many blocks, so that the answer follows a slider.
 * @param estimate is told the SQNR that a sample of blocks shows, where the rest takes longer
 */
export async function tryCodebook({ rows, units, weights: rowWeights }: TrialRows, { block: d, words, valueBits }: CodebookOptions, pool: ComputePool, estimate: (sqnrDb: number) => void): Promise<Codewords> {
  const count = units.length / d, perRow = rows.inputs / d;
  const size = Math.min(count, Math.max(SAMPLE_BLOCKS, SAMPLE_PER_WORD * words)), points = new Float32Array(size * d), weights = rowWeights && new Float32Array(size);
  for (let i = 0; i < size; i++) {
    const b = Math.floor((i + 0.5) * count / size);
    points.set(units.subarray(b * d, (b + 1) * d), i * d);
    if (weights && rowWeights) weights[i] = rowWeights[Math.floor(b / perRow)];
  }
  const passes = Math.max(LEAST_PASSES, Math.min(MOST_PASSES, Math.floor(BUDGET / (size * words * d))));
  const { codebook, index: near } = await pool.run("kMeans", { points, d, options: { words, seed: 0, weights, passes, samplePasses: passes } });
  const usage = new Float64Array(words).fill(1e-9);
  near.forEach((w, i) => { usage[w] += weights ? weights[i] : 1; });
  const { codes, step } = roundToGrid(codebook, valueBits, usage.subarray(0, codebook.length / d)), grid = fromCodes(codes, valueBits), rounded = grid.map((v) => v * step);
  if (words > QUICK_WORDS && count > 2 * ESTIMATE_BLOCKS) estimate(await estimated(units, d, rounded, pool));
  const index = await overRows(pool, units, d, async (part) => (await pool.run("assign", { points: part, d, codebook: rounded })).index);
  return { codebook: grid, d, index: indexOf(index, codebook.length / d), outputs: rows.outputs };
}

/** SQNR in dB of blocks at even distances, half a step from those that codewords are made from. */
async function estimated(units: Float32Array, d: number, codebook: Float32Array, pool: ComputePool): Promise<number> {
  const count = units.length / d, points = new Float32Array(ESTIMATE_BLOCKS * d);
  for (let i = 0; i < ESTIMATE_BLOCKS; i++) {
    const b = Math.floor(i * count / ESTIMATE_BLOCKS);
    points.set(units.subarray(b * d, (b + 1) * d), i * d);
  }
  const { distortion } = await pool.run("assign", { points, d, codebook });
  return 10 * Math.log10(points.reduce((sum, v) => sum + v * v, 0) / distortion);
}
