import { fromCodes, roundToGrid, zeroCode, type GridCodes } from "../numeric/grid";
import type { Clustering } from "../numeric/kmeans";
import { Random } from "../numeric/random";
import { compactIndex, expand, wordIndex, type CodebookCodes, type CodebookOptions, type WordIndex } from "./codebook";
import { rowDots, type Gram } from "./gram";
import type { FitContext, WeightRows } from "./method";
import { scaleRows } from "./rows";
import { rowScales, safeScale } from "./scale";

/** A codebook without calibration is made from so many weights, and so many blocks for each word, at least. */
const SAMPLE_WEIGHTS = 2.4e6, SAMPLE_PER_WORD = 512;
/** Weights that are assigned at once. */
const ASSIGN_WEIGHTS = 2 ** 19;
/** Passes of the clustering where nothing corrects it afterwards. */
export const CAREFUL = { samplePasses: 20, passes: 22, tolerance: 2e-5 };
/** With calibration it is learned from so many rows, and so many blocks for each word, at least. */
const LEARN_ROWS = 64, LEARN_PER_WORD = 256;
const ROUNDS = 3;
const REFIT_STEPS = 6;

/** What a fit comes to: restored rows are codewords times the scale of their row [outputs], which holds the step of the codewords' grid. */
export interface FittedCodebook extends CodebookCodes { scale: Float32Array }

/** Less than this share of the layer's mean size counts as so much, where rows count by their size. */
export const LEAST_SIZE = 0.01;

/** One layer's fit: cluster, round, and with calibration data correct assignments, codewords and scales against the layer's outputs. */
export class CodebookFit {
  private readonly d: number;
  private readonly n: number;
  private readonly target: Float32Array;
  /** What one stands for in each row. */
  private scale: Float32Array;
  /** Sizes of the rows. */
  private readonly sizes: Float32Array;
  /** Output channels without any weight. */
  private readonly zeroRows: number[];

  /** @param shared whether all rows have one scale */
  constructor(rows: WeightRows, private readonly options: CodebookOptions, private readonly context: FitContext, private readonly shared = false) {
    this.d = options.block;
    this.n = rows.inputs;
    this.target = context.target ?? rows.values;
    this.sizes = rowScales(this.target, this.n);
    this.scale = this.sizes;
    if (shared) {
      const [whole] = rowScales(this.target, this.target.length);
      this.scale = new Float32Array(rows.outputs).fill(whole);
      this.sizes = this.sizes.map((size) => Math.max(size, LEAST_SIZE * whole));
    }
    this.zeroRows = zeroRows(rows.values, this.n);
  }

  async run(): Promise<FittedCodebook> {
    const { context: { gram }, options: { valueBits } } = this;
    if (!gram) {
      const rounded = await this.clusterAndRound();
      return this.finish(rounded, await this.assign(fromCodes(rounded.codes, valueBits).map((v) => v * rounded.step)));
    }
    const some = this.teachers(), rounded = await (some ?? this).learn(gram);
    const codebook = fromCodes(rounded.codes, valueBits).map((v) => v * rounded.step);
    if (some) await this.settle(gram, codebook);
    return this.finish(rounded, await this.settle(gram, codebook));
  }

  /** Rows that suffice to learn the codewords from, evenly spread, where a layer has far more. Undefined where all are needed. */
  private teachers(): CodebookFit | undefined {
    const { n, d, target, options, context, context: { importance } } = this, outputs = this.scale.length;
    const count = Math.max(LEARN_ROWS, Math.ceil(LEARN_PER_WORD * options.words * d / n));
    if (2 * count > outputs) return undefined;
    const which = Uint32Array.from({ length: count }, (_, i) => Math.floor((i + 0.5) * outputs / count));
    const values = new Float32Array(count * n);
    which.forEach((m, i) => values.set(target.subarray(m * n, (m + 1) * n), i * n));
    return new CodebookFit({ values, outputs: count, inputs: n }, options, { ...context, target: undefined, importance: importance && Float32Array.from(which, (m) => importance[m]) }, this.shared);
  }

  private cluster(points: Float32Array<ArrayBuffer>, weights?: Float32Array<ArrayBuffer>): Promise<Clustering> {
    const { context: { gram, pool, quick, seed }, d, options: { words } } = this;
    const effort = quick ? { samplePasses: 10, passes: 2 } : gram ? { samplePasses: 20, passes: 15 } : CAREFUL;
    const task = { points, d, options: { words, seed, weights, ...effort } };
    return pool.run("kMeans", task, weights ? [points.buffer, weights.buffer] : [points.buffer]);
  }

  private async clusterAndRound(): Promise<GridCodes> {
    const sample = this.sample();
    const { codebook, index } = await this.cluster(sample?.points ?? this.units(), sample ? sample.weights : this.pointWeights());
    return roundToGrid(codebook, this.options.valueBits, this.usage(index, sample?.blocks));
  }

  /** Rows [first, end) in units of their scale. */
  private units(first = 0, end = this.scale.length): Float32Array<ArrayBuffer> {
    return scaleRows(this.target.subarray(first * this.n, end * this.n), this.scale.subarray(first, end), -1);
  }

  /** Blocks that suffice for a codebook where a layer has far more: each of as many stretches gives one. Undefined where all are needed. */
  private sample(): { points: Float32Array<ArrayBuffer>; weights: Float32Array<ArrayBuffer>; blocks: Uint32Array } | undefined {
    const { d, n, scale, target, options: { words }, context: { seed } } = this;
    const all = target.length / d, size = Math.max(Math.ceil(SAMPLE_WEIGHTS / d), SAMPLE_PER_WORD * words);
    if (all <= size) return undefined;
    const points = new Float32Array(size * d), weights = new Float32Array(size), blocks = new Uint32Array(size), random = new Random(seed, 11);
    for (let i = 0; i < size; i++) {
      const low = Math.floor(i * all / size), block = low + random.below(Math.floor((i + 1) * all / size) - low), row = Math.floor(block * d / n);
      for (let j = 0; j < d; j++) points[i * d + j] = target[block * d + j] / scale[row];
      weights[i] = this.rowWeight(row);
      blocks[i] = block;
    }
    return { points, weights, blocks };
  }

  /** Gives every block its nearest codeword and every row its least-squares scale, some rows at a time. */
  private async assign(codebook: Float32Array): Promise<WordIndex> {
    const { d, n, context: { pool }, target, scale, options: { words } } = this, rows = scale.length;
    const index = wordIndex(words, target.length / d), step = Math.max(1, Math.ceil(ASSIGN_WEIGHTS / n)), wanted = new Float64Array(rows), have = new Float64Array(rows);
    let next = 0;
    const assignSome = async (): Promise<void> => {
      for (let first = next; first < rows; first = next) {
        const end = next = Math.min(rows, first + step);
        const points = this.units(first, end), part = await pool.run("assign", { points, d, codebook }, [points.buffer]);
        index.set(part.index, first * n / d);
        for (let m = first; m < end; m++) {
          for (let j = m * n; j < (m + 1) * n; j++) {
            const value = codebook[index[Math.floor(j / d)] * d + j % d];
            wanted[m] += value * target[j];
            have[m] += value * value;
          }
        }
      }
    };
    await Promise.all(Array.from({ length: pool.threads }, assignSome));
    this.rescale(wanted, have);
    return index;
  }

  /** Weight of each block in the clustering: the importance of its row, the row's scale and the mean energy of its inputs. */
  private pointWeights(): Float32Array<ArrayBuffer> | undefined {
    const { context: { importance, gram, scaleIsFree }, n, d, scale } = this;
    if (scaleIsFree && !importance && !gram && !this.shared) return undefined;
    const blocks = n / d, rows = scale.length, weights = new Float32Array(rows * blocks);
    const energy = new Float64Array(blocks).fill(1);
    if (gram) for (let k = 0; k < blocks; k++) {
      energy[k] = 0;
      for (let j = k * d; j < (k + 1) * d; j++) energy[k] += gram.h[j * n + j] / d;
    }
    let mean = 0;
    for (const e of energy) mean += e / blocks;
    for (let m = 0; m < rows; m++) {
      const row = this.rowWeight(m);
      for (let k = 0; k < blocks; k++) weights[m * blocks + k] = row * (energy[k] / mean + 1e-3);
    }
    return weights;
  }

  /** What a squared error of row m, in units of its scale, counts. */
  private rowWeight(m: number): number {
    const { context: { importance, scaleIsFree }, scale, sizes, shared } = this;
    if (importance) return importance[m] * scale[m] * scale[m];
    if (!scaleIsFree) return scale[m] * scale[m];
    // what divides a channel's scale out makes its errors count by its size
    return shared ? (scale[m] / sizes[m]) ** 2 : 1;
  }

  /** Clusters, then alternates error-fed assignment, least-squares codewords and least-squares scales; the codebook is rounded at the end. */
  private async learn(gram: Gram): Promise<GridCodes> {
    let { codebook, index } = await this.cluster(this.units(), this.pointWeights());
    for (let round = 0; round < (this.context.quick ? 0 : ROUNDS); round++) {
      index = await gram.feedback(this.units(), codebook, this.d);
      codebook = await this.refitCodewords(gram, codebook, index, REFIT_STEPS);
      await this.refitScale(gram, codebook, index);
    }
    return roundToGrid(codebook, this.options.valueBits, this.usage(index));
  }

  /** Error-fed assignment to a codebook, and the scales that go with it. */
  private async settle(gram: Gram, codebook: Float32Array): Promise<Int32Array> {
    const index = await gram.feedback(this.units(), codebook, this.d);
    await this.refitScale(gram, codebook, index);
    return index;
  }

  /** What an error of each codeword counts; `of` says which blocks the indices are of, if not of all. */
  private usage(index: Int32Array, of?: Uint32Array): Float64Array {
    const { d, n } = this, blocks = n / d, usage = new Float64Array(this.options.words).fill(1e-9);
    for (let i = 0; i < index.length; i++) usage[index[i]] += this.rowWeight(Math.floor((of ? of[i] : i) / blocks));
    return usage;
  }

  /**
   * Codewords that minimise Σ weight·(u − û)·H·(u − û)ᵀ for fixed assignments, by conjugate gradients from the present ones
   * (the outputs are linear in the codebook). Each step costs one product with H.
   */
  private async refitCodewords(gram: Gram, codebook: Float32Array, index: Int32Array, steps: number): Promise<Float32Array> {
    const { d, n } = this, units = this.units();
    const rows = this.scale.length, blocks = n / d, weights = Float64Array.from({ length: rows }, (_, m) => this.rowWeight(m));
    const collect = (product: Float32Array): Float64Array => {
      const sums = new Float64Array(codebook.length);
      for (let i = 0; i < index.length; i++) {
        const weight = weights[Math.floor(i / blocks)], at = index[i] * d;
        for (let j = 0; j < d; j++) sums[at + j] += weight * product[i * d + j];
      }
      return sums;
    };
    const difference = expand(codebook, index, d);
    for (let i = 0; i < difference.length; i++) difference[i] = units[i] - difference[i];
    const energy = new Float64Array(codebook.length);
    for (let i = 0; i < index.length; i++) {
      const column = (i % blocks) * d;
      for (let j = 0; j < d; j++) energy[index[i] * d + j] += weights[Math.floor(i / blocks)] * gram.h[(column + j) * n + column + j];
    }
    const residual = collect(await gram.multiply(difference));
    const result = Float64Array.from(codebook);
    const precondition = (v: Float64Array) => v.map((x, i) => (energy[i] > 0 ? x / energy[i] : 0));
    const direction = precondition(residual);
    let rho = dot(residual, direction);
    for (let step = 0; step < steps && rho > 0; step++) {
      const image = collect(await gram.multiply(expand(Float32Array.from(direction), index, d)));
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

  /** Least-squares scale of every row for what stands for it. */
  private async refitScale(gram: Gram, codebook: Float32Array, index: Int32Array): Promise<void> {
    const { n } = this;
    const shape = expand(codebook, index, this.d), product = await gram.multiply(shape);
    const wanted = rowDots(product, this.target, n), have = rowDots(product, shape, n);
    this.rescale(wanted, have);
  }

  /** Scales wanted ÷ have of rows, or one for all of them. */
  private rescale(wanted: Float64Array, have: Float64Array): void {
    const { scale, shared } = this, sum = (of: Float64Array): number => of.reduce((all, v, m) => all + this.rowWeight(m) * v, 0), whole = shared ? [sum(wanted), sum(have)] : undefined;
    this.scale = scale.map((s, m) => {
      const [want, has] = whole ?? [wanted[m], have[m]];
      return safeScale(Math.fround(has > 0 && want > 0 ? want / has : s));
    });
  }

  /** Puts the grid's step into the scale and keeps rows of zeros exact. */
  private finish({ codes, step, bits }: GridCodes, index: Int32Array | WordIndex): FittedCodebook {
    const { d, options } = this;
    const compact = compactIndex(options.words, index);
    if (this.zeroRows.length) this.silence(codes, compact);
    if (codes.length < options.words * d) codes = padCodes(codes, options.words * d, bits);
    return { codes, index: compact, scale: this.scale.map((s) => safeScale(Math.fround(s * step))) };
  }

  /** Makes the codeword of least norm exactly zero and gives it to the rows of zeros. */
  private silence(codes: Uint8Array, index: WordIndex): void {
    const { d, n, options: { valueBits } } = this;
    const values = fromCodes(codes, valueBits), norms = Array.from(rowDots(values, values, d));
    const least = norms.indexOf(Math.min(...norms));
    codes.fill(zeroCode(valueBits), least * d, least * d + d);
    for (const m of this.zeroRows) index.fill(least, m * n / d, (m + 1) * n / d);
  }
}

function padCodes(codes: Uint8Array, length: number, bits: number): Uint8Array {
  const padded = new Uint8Array(length).fill(zeroCode(bits));
  padded.set(codes);
  return padded;
}

function zeroRows(rows: Float32Array, n: number): number[] {
  return Array.from(rowDots(rows, rows, n)).flatMap((energy, m) => (energy === 0 ? [m] : []));
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

