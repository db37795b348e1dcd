import { Random } from "../numeric/random";
import { expand, wordIndex, type WordIndex } from "./codebook";
import { rowDots, type Gram } from "./gram";
import type { FitContext, WeightRows } from "./method";
import { scaleRows } from "./rows";
import { rowScales, safeScale } from "./scale";

/** A codebook without calibration is made from so many weights, and so many blocks for each word, at least. */
const SAMPLE_WEIGHTS = 2.4e6, SAMPLE_PER_WORD = 512;
/** Weights that are assigned at once. */
const ASSIGN_WEIGHTS = 2 ** 19;
/** With calibration a codebook is learned from so many rows, and so many blocks for each word, at least. */
const LEARN_ROWS = 64, LEARN_PER_WORD = 256;

/** Less than this share of the layer's mean size counts as so much, where rows count by their size. */
export const LEAST_SIZE = 0.01;

/** Blocks [points, d] and what an error of each counts; `blocks` says which of the layer's they are, if not all. */
export interface Points { points: Float32Array<ArrayBuffer>; weights?: Float32Array<ArrayBuffer>; blocks?: Uint32Array }

/** One layer's rows as they meet a codebook: every block in units of its row's scale. */
export class CodebookRows {
  /** Weights of a row. */
  readonly n: number;
  private readonly target: Float32Array;
  /** What one stands for in each row. */
  private scales: Float32Array;
  /** Sizes of the rows. */
  private readonly sizes: Float32Array;
  /** Output channels without any weight. */
  readonly zeroRows: readonly number[];

  /**
   * @param d weights of a block
   * @param one whether all rows have one scale
   * @param stress what an error of the layer's outputs counts beside those of others that the codebook is learned for
   */
  constructor(rows: WeightRows, private readonly d: number, private readonly context: FitContext, private readonly one: boolean, private readonly stress?: number) {
    this.n = rows.inputs;
    this.target = context.target ?? rows.values;
    this.sizes = rowScales(this.target, this.n);
    this.scales = this.sizes;
    if (one) {
      const [whole] = rowScales(this.target, this.target.length);
      this.scales = new Float32Array(rows.outputs).fill(whole);
      this.sizes = this.sizes.map((size) => Math.max(size, LEAST_SIZE * whole));
    }
    this.zeroRows = zeroRows(rows.values, this.n);
  }

  get scale(): Float32Array { return this.scales; }
  get gram(): Gram | undefined { return this.context.gram; }

  /** How many rows suffice to learn so many codewords from, where the layer has far more. Undefined where all are needed. */
  teachersFor(words: number): number | undefined {
    const count = Math.max(LEARN_ROWS, Math.ceil(LEARN_PER_WORD * words * this.d / this.n));
    return this.gram && 2 * count <= this.scales.length ? count : undefined;
  }

  /** Rows that suffice to learn so many codewords from, evenly spread; all where they are needed. */
  teachers(words: number): CodebookRows {
    const { n, d, target, context, context: { importance } } = this, outputs = this.scales.length, count = this.teachersFor(words);
    if (count === undefined) return this;
    const which = Uint32Array.from({ length: count }, (_, i) => Math.floor((i + 0.5) * outputs / count));
    const values = new Float32Array(count * n);
    which.forEach((m, i) => values.set(target.subarray(m * n, (m + 1) * n), i * n));
    return new CodebookRows({ values, outputs: count, inputs: n }, d, { ...context, target: undefined, importance: importance && Float32Array.from(which, (m) => importance[m]) }, this.one, this.stress);
  }

  /** Rows [first, end) in units of their scale. */
  units(first = 0, end = this.scales.length): Float32Array<ArrayBuffer> {
    return scaleRows(this.target.subarray(first * this.n, end * this.n), this.scales.subarray(first, end), -1);
  }

  /** What codewords are clustered from. */
  points(words: number): Points {
    return (this.gram ? undefined : this.sample(words)) ?? { points: this.units(), weights: this.pointWeights() };
  }

  /** Blocks that suffice for a codebook where a layer has far more: each of as many stretches gives one. Undefined where all are needed. */
  private sample(words: number): Points | undefined {
    const { d, n, scales, target, context: { seed } } = this;
    const all = target.length / d, size = Math.max(Math.ceil(SAMPLE_WEIGHTS / d), SAMPLE_PER_WORD * words);
    if (all <= size) return undefined;
    const points = new Float32Array(size * d), weights = new Float32Array(size), blocks = new Uint32Array(size), random = new Random(seed, 11);
    for (let i = 0; i < size; i++) {
      const low = Math.floor(i * all / size), block = low + random.below(Math.floor((i + 1) * all / size) - low), row = Math.floor(block * d / n);
      for (let j = 0; j < d; j++) points[i * d + j] = target[block * d + j] / scales[row];
      weights[i] = this.rowWeight(row);
      blocks[i] = block;
    }
    return { points, weights, blocks };
  }

  /** Weight of each block in the clustering: the importance of its row, the row's scale and the mean energy of its inputs. */
  private pointWeights(): Float32Array<ArrayBuffer> | undefined {
    const { context: { importance, gram, scaleIsFree }, n, d, scales, stress } = this;
    if (scaleIsFree && !importance && !gram && !this.one && stress === undefined) return undefined;
    const blocks = n / d, rows = scales.length, weights = new Float32Array(rows * blocks);
    const energy = new Float64Array(blocks).fill(1);
    if (gram) for (let k = 0; k < blocks; k++) {
      energy[k] = 0;
      for (let j = k * d; j < (k + 1) * d; j++) energy[k] += gram.h[j * n + j] / d;
    }
    let mean = 0;
    for (const e of energy) mean += e / blocks;
    // layers beside each other meet inputs of different size
    const size = stress === undefined ? 1 : mean;
    for (let m = 0; m < rows; m++) {
      const row = this.rowWeight(m) * size;
      for (let k = 0; k < blocks; k++) weights[m * blocks + k] = row * (energy[k] / mean + 1e-3);
    }
    return weights;
  }

  /** What a squared error of row m, in units of its scale, counts. */
  rowWeight(m: number): number {
    const { context: { importance, scaleIsFree }, scales, sizes, one, stress = 1 } = this;
    if (importance) return stress * importance[m] * scales[m] * scales[m];
    if (!scaleIsFree) return stress * scales[m] * scales[m];
    // what divides a channel's scale out makes its errors count by its size
    return one ? stress * (scales[m] / sizes[m]) ** 2 : stress;
  }

  /** Adds what an error of each codeword counts; `blocks` says which ones the indices are of, if not of all. */
  addUsage(usage: Float64Array, index: Int32Array, blocks?: Uint32Array): void {
    const perRow = this.n / this.d;
    for (let i = 0; i < index.length; i++) usage[index[i]] += this.rowWeight(Math.floor((blocks ? blocks[i] : i) / perRow));
  }

  /** Gives every block its nearest codeword and every row its least-squares scale, some rows at a time. */
  async assign(codebook: Float32Array): Promise<WordIndex> {
    const { d, n, context: { pool }, target, scales } = this, rows = scales.length;
    const index = wordIndex(codebook.length / d, target.length / d), step = Math.max(1, Math.ceil(ASSIGN_WEIGHTS / n)), wanted = new Float64Array(rows), have = new Float64Array(rows);
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

  /** Error-fed assignment to a codebook. */
  feedback(gram: Gram, codebook: Float32Array): Promise<Int32Array> { return gram.feedback(this.units(), codebook, this.d); }

  /** Error-fed assignment to a codebook, and the scales that go with it. */
  async settle(gram: Gram, codebook: Float32Array): Promise<Int32Array> {
    const index = await this.feedback(gram, codebook);
    await this.refitScale(gram, codebook, index);
    return index;
  }

  /** Least-squares scale of every row for what stands for it. */
  async refitScale(gram: Gram, codebook: Float32Array, index: Int32Array): Promise<void> {
    const { n } = this;
    const shape = expand(codebook, index, this.d), product = await gram.multiply(shape);
    const wanted = rowDots(product, this.target, n), have = rowDots(product, shape, n);
    this.rescale(wanted, have);
  }

  /** Scales wanted ÷ have of rows, or one for all of them. */
  private rescale(wanted: Float64Array, have: Float64Array): void {
    const { scales, one } = this, sum = (of: Float64Array): number => of.reduce((all, v, m) => all + this.rowWeight(m) * v, 0), whole = one ? [sum(wanted), sum(have)] : undefined;
    this.scales = scales.map((s, m) => {
      const [want, has] = whole ?? [wanted[m], have[m]];
      return safeScale(Math.fround(has > 0 && want > 0 ? want / has : s));
    });
  }
}

function zeroRows(rows: Float32Array, n: number): number[] {
  return Array.from(rowDots(rows, rows, n)).flatMap((energy, m) => (energy === 0 ? [m] : []));
}
