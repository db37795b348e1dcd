import type { KernelOptions } from "../methods/kernel";
import type { WeightRows } from "../methods/method";
import { scaleRows } from "../methods/rows";
import { rowScales } from "../methods/scale";
import { fromCodes, roundToGrid } from "../numeric/grid";
import { overRows, type ComputePool } from "../numeric/tasks";
import type { Codewords } from "./book";

/** A codebook for looking at is made from so many blocks, and so many for each word, at least. */
const SAMPLE_BLOCKS = 16384, SAMPLE_PER_WORD = 16;
/** Products that the clustering may take: about a second on one core. */
const BUDGET = 2e9, LEAST_PASSES = 2, MOST_PASSES = 20;

/**
 * The codebook that the product would begin with where it has no images: the same clustering in units of the rows' scales and the same rounding, with less work in
 * layers of many blocks, so that the answer follows a slider.
 */
export async function tryCodebook(rows: WeightRows, { block: d, words, valueBits }: KernelOptions, scaleIsFree: boolean, pool: ComputePool): Promise<Codewords> {
  const scale = rowScales(rows.values, rows.inputs), units = scaleRows(rows.values, scale, -1), count = units.length / d, perRow = rows.inputs / d;
  const size = Math.min(count, Math.max(SAMPLE_BLOCKS, SAMPLE_PER_WORD * words)), points = new Float32Array(size * d), weights = scaleIsFree ? undefined : new Float32Array(size);
  for (let i = 0; i < size; i++) {
    const b = Math.floor((i + 0.5) * count / size);
    points.set(units.subarray(b * d, (b + 1) * d), i * d);
    if (weights) weights[i] = scale[Math.floor(b / perRow)] ** 2;
  }
  const passes = Math.max(LEAST_PASSES, Math.min(MOST_PASSES, Math.floor(BUDGET / (size * words * d))));
  const { codebook, index: near } = await pool.run("kMeans", { points, d, options: { words, seed: 0, weights, passes, samplePasses: passes } });
  const usage = new Float64Array(words).fill(1e-9);
  near.forEach((w, i) => { usage[w] += weights ? weights[i] : 1; });
  const { codes, step } = roundToGrid(codebook, valueBits, usage.subarray(0, codebook.length / d)), grid = fromCodes(codes, valueBits), rounded = grid.map((v) => v * step);
  const index = await overRows(pool, units, d, async (part) => (await pool.run("assign", { points: part, d, codebook: rounded })).index);
  return { codebook: grid, d, index: Uint16Array.from(index), outputs: rows.outputs };
}
