import * as z from "zod/mini";
import { bitsFor, packedBytes } from "../numeric/bits";
import { fromCodes, roundToGrid, zeroCode } from "../numeric/grid";
import type { Layer } from "../onnx/layers";
import { rowDots, type Gram } from "./gram";
import type { CompressionMethod, FitContext, PackedWeight, WeightRows } from "./method";
import { nodeBytes, type WeightPacker } from "./packer";
import { recogniseCodebook } from "./recognise";
import { inputsOf, kernelSize, outputsOf, scaleRows } from "./rows";
import { rowScales, safeScale, scaleBytes, storeScale } from "./scale";

export const KernelOptions = z.object({
  /** Weights in one codeword: a whole kernel, a row of it, or a run along the input channels. */
  block: z.int().check(z.minimum(1), z.maximum(128)),
  /** Codewords K. */
  words: z.int().check(z.minimum(2), z.maximum(65536)),
  /** Bits of a codebook value. */
  valueBits: z._default(z.int().check(z.minimum(2), z.maximum(8)), 6),
});
export type KernelOptions = z.infer<typeof KernelOptions>;

export interface PackedKernel extends PackedWeight {
  method: "kernel";
  options: KernelOptions;
  /** [words, block], see numeric/grid. */
  codes: Uint8Array;
  /** [outputs, inputs / block] */
  index: Int32Array;
}

const WORDS = [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096];

/**
 * Kernel Quantization (Yu, Shi, Huang, Yu: arXiv 2003.05148). A convolution's kernels become indices into a codebook of K kernels (§1, kernel level);
 * the codebook's values take 6 bits (§3, value level). Each output channel keeps a scale. Rows of kernels, single weights and, for 1×1 and linear layers,
 * runs along the input channels serve as smaller and larger codewords.
 */
export const kernelMethod: CompressionMethod<KernelOptions, PackedKernel> = {
  id: "kernel",
  title: "Kernel codebook",
  paper: "Yu, Shi, Huang, Yu: Kernel Quantization for Efficient Network Compression, arXiv 2003.05148",
  options: KernelOptions,

  accepts(layer) {
    if (layer.op === "ConvTranspose" && layer.groups > 1) return "Grouped transposed convolutions share no output channel axis, so a codebook with channel scales does not fit.";
    return layer.parameters >= 32 ? true : "It has too few weights for a codebook.";
  },

  candidates(layer, scaleIsFree) {
    const found = [];
    for (const block of blocksOf(layer)) {
      const kernels = layer.parameters / block;
      for (const words of WORDS) {
        if (words > kernels / 2 || bitsFor(words) / block > 6) continue;
        const options = { block, words, valueBits: 6 };
        found.push({ options, bytes: this.bytes(layer, options, scaleIsFree) });
      }
    }
    return found.sort((a, b) => a.bytes - b.bytes);
  },

  bytes(layer, { block, words, valueBits }, scaleIsFree) {
    const nodes = nodeBytes("Gather", 2) + 2 * nodeBytes("Reshape", 2) + (layer.outputAxis === 1 ? nodeBytes("Transpose", 1, { perm: [1, 0] }) : 0) + 2 * 8;
    return packedBytes(layer.parameters / block, bitsFor(words)) + packedBytes(words * block, valueBits) + nodes + scaleBytes(outputsOf(layer), scaleIsFree, nodeBytes("Mul", 2));
  },

  describe(layer, { block, words }) {
    const size = kernelSize(layer), width = layer.dims[layer.dims.length - 1];
    const shape = size > 1 && block === size ? layer.dims.slice(2).join("×") : size > 1 && block === width && layer.dims.length > 2 ? `1×${block}` : block === 1 ? "single" : `1×${block}`;
    return `${shape} · ${words.toLocaleString("en")} words`;
  },

  blank(layer, options, scaleIsFree) {
    const { block, words, valueBits } = options;
    return {
      method: "kernel", options, codes: new Uint8Array(words * block).fill(zeroCode(valueBits)), index: new Int32Array(layer.parameters / block),
      ...storeScale(new Float32Array(outputsOf(layer)).fill(1), scaleIsFree),
    };
  },

  async compress(_layer, rows, options, context) {
    return new CodebookFit(rows, options, context).run();
  },

  restore({ codes, index, options: { block, valueBits }, scale, scaleStorage }) {
    const rows = expand(fromCodes(codes, valueBits), index, block);
    return scaleStorage === "elsewhere" ? rows : scaleRows(rows, scale);
  },

  apply({ codes, index, options: { block, words, valueBits }, scale, scaleStorage }, layer, packer: WeightPacker) {
    const indices = packer.indices(layer, index, bitsFor(words));
    const values = packer.values(layer, codes, valueBits);
    const rowDims = packer.rowDims(layer), shape = shapeOf(block, rowDims);
    const codebook = packer.node(layer, "Reshape", [values, packer.ints([-1, ...shape ?? [block]])]);
    const factor = scaleStorage === "elsewhere" ? undefined : packer.scale(layer, scale, scaleStorage === "half");
    // a codeword in the shape of the weight's last axes needs no further reshaping, which would hold the whole weight once more while a runtime loads it
    if (shape) packer.finish(layer, "Gather", [codebook, packer.node(layer, "Reshape", [indices, packer.ints(rowDims.slice(0, rowDims.length - shape.length))])], factor);
    else packer.finish(layer, "Reshape", [packer.node(layer, "Gather", [codebook, indices]), packer.ints(rowDims)], factor);
  },

  recognise: recogniseCodebook,
};

/** Sensible codeword sizes, all dividing a row: whole kernels, rows of kernels, pairs and single weights; runs of 8, 4, 2 and 1 along the inputs where kernels are single weights. */
function blocksOf(layer: Layer): number[] {
  const size = kernelSize(layer), width = layer.dims[layer.dims.length - 1], inputs = inputsOf(layer);
  const wanted = size > 1 ? [size, width, 2, 1] : [8, 4, 2, 1];
  return [...new Set(wanted)].filter((block) => inputs % block === 0);
}

/** The last axes of a weight that one codeword fills, if there are such. */
function shapeOf(block: number, dims: readonly number[]): number[] | undefined {
  let axis = dims.length, size = 1;
  while (size < block && axis > 1) size *= dims[--axis];
  return size === block ? dims.slice(axis) : undefined;
}

/** Codewords [words, d] put in place of their indices. */
export function expand(codebook: Float32Array, index: Int32Array, d: number): Float32Array {
  const rows = new Float32Array(index.length * d);
  for (let i = 0; i < index.length; i++) for (let j = 0; j < d; j++) rows[i * d + j] = codebook[index[i] * d + j];
  return rows;
}

/** Damping of the inputs' second moments for error feedback, as a share of their mean. */
export const DAMPING = 0.01;
const ROUNDS = 3;
const REFIT_STEPS = 6;

/** One layer's fit: cluster, round, and with calibration data correct assignments, codewords and scales against the layer's outputs. */
class CodebookFit {
  private readonly d: number;
  private readonly n: number;
  private readonly target: Float32Array;
  private scale: Float32Array;
  /** Rows in units of their scale. */
  private units: Float32Array;
  /** Output channels without any weight. */
  private readonly zeroRows: number[];

  constructor(rows: WeightRows, private readonly options: KernelOptions, private readonly context: FitContext) {
    this.d = options.block;
    this.n = rows.inputs;
    this.target = context.target ?? rows.values;
    this.scale = rowScales(this.target, this.n);
    this.units = scaleRows(this.target, this.scale, -1);
    this.zeroRows = zeroRows(rows.values, this.n);
  }

  async run(): Promise<PackedKernel> {
    const { context, d, options: { words, valueBits } } = this;
    const { codebook, index } = await context.pool.run("kMeans", {
      points: this.units, d,
      options: { words, seed: context.seed, weights: this.pointWeights(), samplePasses: context.quick ? 10 : 20, passes: context.quick ? 2 : 15 },
    });
    let fitted = { codebook, index };
    if (context.gram) fitted = await this.correct(context.gram, codebook, index);
    return this.finish(fitted.codebook, fitted.index, valueBits);
  }

  /** Weight of each block in the clustering: the importance of its row, the row's scale and the mean energy of its inputs. */
  private pointWeights(): Float32Array | undefined {
    const { context: { importance, gram, scaleIsFree }, n, d, scale } = this;
    if (scaleIsFree && !importance && !gram) return undefined;
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
    const { context: { importance, scaleIsFree }, scale } = this;
    if (importance) return importance[m] * scale[m] * scale[m];
    return scaleIsFree ? 1 : scale[m] * scale[m];
  }

  /** Alternates error-fed assignment, least-squares codewords and least-squares scales. */
  private async correct(gram: Gram, codebook: Float32Array, index: Int32Array): Promise<{ codebook: Float32Array; index: Int32Array }> {
    const rounds = this.context.quick ? 0 : ROUNDS;
    for (let round = 0; round < rounds; round++) {
      index = await gram.feedback(this.units, codebook, this.d, DAMPING);
      codebook = await this.refitCodewords(gram, codebook, index, REFIT_STEPS);
      await this.refitScale(gram, codebook, index);
    }
    const { codes, step } = roundToGrid(codebook, this.options.valueBits, this.usage(index));
    const rounded = fromCodes(codes, this.options.valueBits).map((v) => v * step);
    index = await gram.feedback(this.units, rounded, this.d, DAMPING);
    await this.refitScale(gram, rounded, index);
    return { codebook: rounded, index };
  }

  private usage(index: Int32Array): Float64Array {
    const { d, n } = this, blocks = n / d, usage = new Float64Array(this.options.words).fill(1e-9);
    for (let i = 0; i < index.length; i++) usage[index[i]] += this.rowWeight(Math.floor(i / blocks));
    return usage;
  }

  /**
   * Codewords that minimise Σ weight·(u − û)·H·(u − û)ᵀ for fixed assignments, by conjugate gradients from the present ones
   * (the outputs are linear in the codebook). Each step costs one product with H.
   */
  private async refitCodewords(gram: Gram, codebook: Float32Array, index: Int32Array, steps: number): Promise<Float32Array> {
    const { d, n, units } = this;
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
    this.rescale((m) => (have[m] > 0 && wanted[m] > 0 ? wanted[m] / have[m] : this.scale[m]));
  }

  private rescale(scaleOf: (m: number) => number): void {
    this.scale = this.scale.map((_, m) => safeScale(Math.fround(scaleOf(m))));
    this.units = scaleRows(this.target, this.scale, -1);
  }

  /** Rounds the codebook, puts the grid's step into the scale and keeps rows of zeros exact. */
  private async finish(codebook: Float32Array, index: Int32Array, valueBits: number): Promise<PackedKernel> {
    const { d, n, context, options } = this;
    const words = codebook.length / d;
    const { codes: rounding, step } = roundToGrid(codebook, valueBits, this.usage(index));
    let codes = rounding;
    if (!context.gram) {
      const rounded = fromCodes(codes, valueBits).map((v) => v * step);
      index = (await context.pool.run("assign", { points: this.units, d, codebook: rounded, weights: this.pointWeights() })).index;
      const shape = expand(rounded, index, d);
      const wanted = rowDots(shape, this.target, n), have = rowDots(shape, shape, n);
      this.rescale((m) => (have[m] > 0 && wanted[m] > 0 ? wanted[m] / have[m] : this.scale[m]));
    }
    if (this.zeroRows.length) index = this.silence(codes, index);
    if (words < options.words) codes = padCodes(codes, options.words * d, valueBits);
    const scale = this.scale.map((s) => safeScale(Math.fround(s * step)));
    return { method: "kernel", options, codes, index, ...storeScale(scale, context.scaleIsFree) };
  }

  /** Makes the codeword of least norm exactly zero and gives it to the rows of zeros. */
  private silence(codes: Uint8Array, index: Int32Array): Int32Array {
    const { d, n, options: { valueBits } } = this;
    const values = fromCodes(codes, valueBits), norms = Array.from(rowDots(values, values, d));
    const least = norms.indexOf(Math.min(...norms));
    codes.fill(zeroCode(valueBits), least * d, least * d + d);
    const silenced = index.slice();
    for (const m of this.zeroRows) silenced.fill(least, m * n / d, (m + 1) * n / d);
    return silenced;
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

