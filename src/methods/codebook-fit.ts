import { fromCodes, roundToGrid, zeroCode, type GridCodes } from "../numeric/grid";
import type { Clustering } from "../numeric/kmeans";
import { compactIndex, expand, type CodebookCodes, type CodebookOptions } from "./codebook";
import { CodebookRows, type Points } from "./codebook-rows";
import { rowDots, type Gram } from "./gram";
import type { FitContext, WeightRows } from "./method";
import { safeScale } from "./scale";

/** Passes of the clustering where nothing corrects it afterwards. */
export const CAREFUL = { samplePasses: 20, passes: 22, tolerance: 2e-5 };
const ROUNDS = 3;
const REFIT_STEPS = 6;

/** What a fit comes to: restored rows are codewords times the scale of their row [outputs], which holds the step of the codewords' grid. */
export interface FittedCodebook extends CodebookCodes { scale: Float32Array }

/** How codewords are learned, see {@link FitContext}. */
export type Learning = Pick<FitContext, "seed" | "pool" | "quick">;

/**
 * One layer's fit: cluster, round, and with calibration data correct assignments, codewords and scales against the layer's outputs.
 * @param one whether all rows have one scale
 */
export async function fitCodebook(rows: WeightRows, options: CodebookOptions, context: FitContext, one = false): Promise<FittedCodebook> {
  const layer = new CodebookRows(rows, options.block, context, one), { gram } = layer;
  const { codes, step, bits } = context.book ?? await learnCodebook([layer], options, context), codebook = fromCodes(codes, bits).map((v) => v * step);
  // scales that the codewords were not learned with have yet to be fitted to them
  if (gram && (context.book && !context.quick || layer.teachersFor(options.words) !== undefined)) await layer.settle(gram, codebook);
  const index = compactIndex(options.words, gram ? await layer.settle(gram, codebook) : await layer.assign(codebook));
  const nothing = zeroWord(codes, options);
  for (const m of layer.zeroRows) index.fill(nothing, m * rows.inputs / options.block, (m + 1) * rows.inputs / options.block);
  return { codes, index, scale: layer.scale.map((s) => safeScale(Math.fround(s * step))) };
}

/** Codewords for the rows of one layer, or of several that will share them, on their grid. */
export async function learnCodebook(layers: readonly CodebookRows[], options: CodebookOptions, learning: Learning): Promise<GridCodes> {
  const { codebook, usage } = await new Learner(layers.map((layer) => layer.teachers(Math.ceil(options.words / layers.length))), options, learning).run();
  const { codes, ...grid } = roundToGrid(codebook, options.valueBits, usage), all = new Uint8Array(options.words * options.block).fill(zeroCode(grid.bits));
  all.set(codes);
  if (layers.some(({ zeroRows }) => zeroRows.length)) all.fill(zeroCode(grid.bits), zeroWord(all, options) * options.block, (zeroWord(all, options) + 1) * options.block);
  return { codes: all, ...grid };
}

/** The codeword of least norm: what becomes exactly zero where rows of zeros need it. */
function zeroWord(codes: Uint8Array, { block, valueBits }: CodebookOptions): number {
  const values = fromCodes(codes, valueBits), norms = Array.from(rowDots(values, values, block));
  return norms.indexOf(Math.min(...norms));
}

type Measured = CodebookRows & { gram: Gram };
const isMeasured = (layer: CodebookRows): layer is Measured => layer.gram !== undefined;

/** Learns codewords from layers' rows. */
class Learner {
  constructor(private readonly layers: readonly CodebookRows[], private readonly options: CodebookOptions, private readonly learning: Learning) {}

  /** Codewords before they are rounded, and what an error of each counts. */
  async run(): Promise<{ codebook: Float32Array; usage: Float64Array }> {
    const { layers, options: { words, block } } = this, parts = layers.map((layer) => layer.points(words)), counts = parts.map(({ points }) => points.length / block);
    // takes the memory of the points away
    const clustering = await this.cluster(joinPoints(parts), layers.every(isMeasured));
    let codebook = clustering.codebook, at = 0;
    let indices = counts.map((count) => clustering.index.subarray(at, at += count));
    if (layers.every(isMeasured) && !this.learning.quick) for (let round = 0; round < ROUNDS; round++) ({ codebook, indices } = await this.correct(layers, codebook));
    const usage = new Float64Array(words).fill(1e-9);
    layers.forEach((layer, i) => layer.addUsage(usage, indices[i], parts[i].blocks));
    return { codebook, usage };
  }

  private cluster({ points, weights }: Points, corrected: boolean): Promise<Clustering> {
    const { options: { block: d, words }, learning: { pool, quick, seed } } = this;
    const effort = quick ? { samplePasses: 10, passes: 2 } : corrected ? { samplePasses: 20, passes: 15 } : CAREFUL;
    const task = { points, d, options: { words, seed, weights, ...effort } };
    return pool.run("kMeans", task, weights ? [points.buffer, weights.buffer] : [points.buffer]);
  }

  /** Error-fed assignments, least-squares codewords for them, and least-squares scales for these. */
  private async correct(layers: readonly Measured[], codebook: Float32Array): Promise<{ codebook: Float32Array; indices: Int32Array[] }> {
    const indices: Int32Array[] = [];
    for (const layer of layers) indices.push(await layer.feedback(layer.gram, codebook));
    const refitted = await this.refit(layers, codebook, indices);
    for (const [i, layer] of layers.entries()) await layer.refitScale(layer.gram, refitted, indices[i]);
    return { codebook: refitted, indices };
  }

  /**
   * Codewords that minimise Σ weight·(u − û)·H·(u − û)ᵀ over all layers for fixed assignments, by conjugate gradients from the present ones
   * (the outputs are linear in the codebook). Each step costs one product with each H.
   */
  private async refit(layers: readonly Measured[], codebook: Float32Array, indices: readonly Int32Array[]): Promise<Float32Array> {
    const { options: { block: d } } = this, units = layers.map((layer) => layer.units());
    const weights = layers.map((layer) => Float64Array.from({ length: layer.scale.length }, (_, m) => layer.rowWeight(m)));
    /** Adds up over the blocks of every word what H makes of rows. */
    const collect = async (rowsOf: (layer: number) => Float32Array): Promise<Float64Array> => {
      const sums = new Float64Array(codebook.length);
      for (const [l, { gram, n }] of layers.entries()) {
        const product = await gram.multiply(rowsOf(l)), index = indices[l], blocks = n / d;
        for (let i = 0; i < index.length; i++) {
          const weight = weights[l][Math.floor(i / blocks)], at = index[i] * d;
          for (let j = 0; j < d; j++) sums[at + j] += weight * product[i * d + j];
        }
      }
      return sums;
    };
    const energy = new Float64Array(codebook.length);
    for (const [l, { gram, n }] of layers.entries()) {
      const index = indices[l], blocks = n / d;
      for (let i = 0; i < index.length; i++) {
        const column = (i % blocks) * d;
        for (let j = 0; j < d; j++) energy[index[i] * d + j] += weights[l][Math.floor(i / blocks)] * gram.h[(column + j) * n + column + j];
      }
    }
    const residual = await collect((l) => {
      const difference = expand(codebook, indices[l], d);
      for (let i = 0; i < difference.length; i++) difference[i] = units[l][i] - difference[i];
      return difference;
    });
    const result = Float64Array.from(codebook);
    const precondition = (v: Float64Array) => v.map((x, i) => (energy[i] > 0 ? x / energy[i] : 0));
    const direction = precondition(residual);
    let rho = dot(residual, direction);
    for (let step = 0; step < REFIT_STEPS && rho > 0; step++) {
      const image = await collect((l) => expand(Float32Array.from(direction), indices[l], d));
      const curvature = dot(direction, image);
      if (!(curvature > 0)) break;
      const length = rho / curvature;
      for (let i = 0; i < result.length; i++) {
        result[i] += length * direction[i];
        residual[i] -= length * image[i];
      }
      const next = precondition(residual), nextRho = dot(residual, next);
      for (let i = 0; i < result.length; i++) direction[i] = next[i] + nextRho / rho * direction[i];
      rho = nextRho;
    }
    return Float32Array.from(result);
  }
}

/** Blocks of several layers behind one another. */
function joinPoints(parts: readonly Points[]): Points {
  if (parts.length === 1) return parts[0];
  const length = parts.reduce((sum, { points }) => sum + points.length, 0), points = new Float32Array(length), count = parts.reduce((sum, { weights = [] }) => sum + weights.length, 0), weights = new Float32Array(count);
  let at = 0, first = 0;
  for (const part of parts) {
    points.set(part.points, at);
    weights.set(part.weights!, first);
    at += part.points.length;
    first += part.weights!.length;
  }
  return { points, weights };
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
