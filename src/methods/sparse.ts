import * as z from "zod/mini";
import { packedBytes } from "../numeric/bits";
import { zeroCode } from "../numeric/grid";
import type { Layer } from "../onnx/layers";
import { blockName } from "./codebook";
import { rowDots, type Gram } from "./gram";
import { gridScales, refitScales } from "./grid-scales";
import type { CompressionMethod, FitContext, PackedWeight, WeightRows } from "./method";
import { nodeBytes } from "./packer";
import { recogniseSparse } from "./recognise";
import { inputsOf, kernelSize, outputsOf, scaleRows } from "./rows";
import { scaleBytes, storeScale } from "./scale";
import { zeroBytes } from "./zeros";

export const SparseOptions = z.object({
  /** Share of the weights that stay. */
  density: z.number().check(z.minimum(0.001), z.maximum(1)),
  /** Weights that stay or go together: a whole kernel, or a run along the input channels. */
  block: z._default(z.int().check(z.minimum(1), z.maximum(128)), 1),
  /** Bits of one that stays. */
  bits: z.int().check(z.minimum(2), z.maximum(8)),
});
export type SparseOptions = z.infer<typeof SparseOptions>;

export interface PackedSparse extends PackedWeight {
  method: "sparse";
  options: SparseOptions;
  /** [outputs, inputs / block] 1 where a block stays. */
  kept: Uint8Array;
  /** [1 + blocks that stay, block] codes of zero, then those of the blocks that stay, in their order; see numeric/grid. */
  codes: Uint8Array;
}

/** The operator set that has CumSum. */
const COUNTING_OPSET = 11;
/** Smaller layers would pay more for nodes than zeros save. */
const FEWEST_WEIGHTS = 4096;
/** Share and bits of what is offered to the planner. A bit tells of each block whether it stays, so less than a tenth of single weights never pays. */
const OFFERED = {
  single: [[0.08, 4], [0.15, 4], [0.25, 4], [0.25, 5], [0.4, 5]],
  blocks: [[0.03, 3], [0.06, 3], [0.1, 3], [0.16, 3], [0.25, 3], [0.25, 4], [0.4, 4], [0.6, 4], [0.8, 4]],
} as const;
/** Runs along the input channels that stay or go together where a kernel is one weight. */
const RUN = 8;
/** Steps of conjugate gradients that let the weights that stay answer for those that go. */
const ANSWERS = { quick: 3, whole: 12 };

/**
 * Sparsity (Yang et al.: arXiv 1910.05897, whose supports cost nothing; here a bit for each weight or, where whole kernels go, for each kernel): what matters most stays,
 * as integers with one scale for each output channel; with calibration data it answers for what goes, in the metric of the layer's inputs.
 */
export const sparseMethod: CompressionMethod<SparseOptions, PackedSparse> = {
  id: "sparse",
  title: "Sparse integers",
  paper: "Yang, Gui, Zhu, Liu: Automatic Neural Network Compression by Sparsity-Quantization Joint Learning, arXiv 1910.05897",
  options: SparseOptions,
  isAsked: true,

  accepts(layer, options) {
    if (options && inputsOf(layer) % options.block !== 0) return `Blocks of ${options.block} do not divide the ${inputsOf(layer)} weights of an output channel.`;
    if (layer.opset < COUNTING_OPSET) return `Sparse weights need operator set ${COUNTING_OPSET}, the model has ${layer.opset}.`;
    if (layer.op === "ConvTranspose" && layer.groups > 1) return "Grouped transposed convolutions share no output channel axis, so a scale for each does not fit.";
    return layer.parameters >= FEWEST_WEIGHTS ? true : `With ${layer.parameters.toLocaleString("en")} weights it is too small for zeros to pay.`;
  },

  candidates(layer, scaleIsFree) {
    const size = kernelSize(layer), block = size > 1 ? size : RUN, blocks = inputsOf(layer) % block === 0 ? OFFERED.blocks : [];
    const offered = [...OFFERED.single.map(([density, bits]) => ({ density, bits, block: 1 })), ...blocks.map(([density, bits]) => ({ density, bits, block }))];
    return offered.map((options) => ({ options, bytes: this.bytes(layer, options, scaleIsFree) })).sort((a, b) => a.bytes - b.bytes);
  },

  bytes(layer, options, scaleIsFree) {
    const { bits, block } = options, nodes = nodeBytes("CumSum", 2) + nodeBytes("Mul", 2) + nodeBytes("Gather", 2) + nodeBytes("Reshape", 2) + (layer.outputAxis === 1 ? nodeBytes("Transpose", 1, { perm: [1, 0] }) : 0) + (block > 1 ? nodeBytes("Reshape", 2) + 16 : 0) + 16;
    return packedBytes(layer.parameters / block, 1) + packedBytes(block * (1 + staying(layer, options)), bits) + nodes + scaleBytes(outputsOf(layer), scaleIsFree, nodeBytes("Mul", 2));
  },

  parts: (layer, options) => ({ indices: packedBytes(layer.parameters / options.block, 1), codebook: 0, values: packedBytes(options.block * (1 + staying(layer, options)), options.bits) }),

  traits: (layer, { density, bits, block }) => [...block === 1 ? [] : [{ kind: "block" as const, shape: blockName(layer, block) }], { kind: "kept", share: density }, { kind: "integer-bits", count: bits }],

  blank(layer, options, scaleIsFree) {
    return { method: "sparse", options, kept: zeroBytes(layer.parameters / options.block), codes: zeroBytes(options.block * (1 + staying(layer, options))), ...storeScale(new Float32Array(outputsOf(layer)).fill(1), scaleIsFree) };
  },

  async compress(layer, rows, options, context) {
    const { bits, block } = options, count = staying(layer, options, rows), { gram, quick } = context, target = context.target ?? rows.values, n = rows.inputs, top = 2 ** (bits - 1) - 1;
    const kept = largest(scores(target, n, block, context), count), stays = Uint8Array.from(target, (_, i) => kept[Math.floor(i / block)]), masked = target.map((v, i) => v * stays[i]);
    const values = gram ? await answering(gram, target, masked, stays, quick ? ANSWERS.quick : ANSWERS.whole) : masked, scale = gridScales(values, n, bits, gram);
    const units = scaleRows(values, scale, -1).map((v) => Math.max(-top, Math.min(top, Math.round(v)))), zero = zeroCode(bits);
    const codes = new Uint8Array(block * (1 + count)).fill(zero);
    let at = block;
    units.forEach((v, i) => { if (stays[i]) codes[at++] = zero + v; });
    return { method: "sparse", options, kept, codes, ...storeScale(gram ? await refitScales(gram, target, units, scale) : scale, context.scaleIsFree) };
  },

  restore({ kept, codes, options: { bits, block }, scale, scaleStorage }) {
    const zero = zeroCode(bits), rows = new Float32Array(block * kept.length);
    let at = block;
    for (let i = 0; i < rows.length; i++) if (kept[Math.floor(i / block)]) rows[i] = codes[at++] - zero;
    return scaleStorage === "elsewhere" ? rows : scaleRows(rows, scale);
  },

  codesOf({ kept, codes, options: { bits, block } }) {
    let count = 0;
    return { codes, bits, block, index: Int32Array.from(kept, (stays) => (stays ? ++count : 0)), sparse: true };
  },

  withCodes: (packed, { codes }) => ({ ...packed, codes }),

  apply({ kept, codes, options: { bits, block }, scale, scaleStorage }, layer, packer) {
    const mask = packer.indices(layer, kept, 1), all = packer.values(layer, codes, bits), values = block === 1 ? all : packer.node(layer, "Reshape", [all, packer.ints(layer, [-1, block])]);
    // the count of those that stay up to here is the place of one that does; times the mask it is that of zero for the others
    const places = packer.node(layer, "Mul", [packer.node(layer, "CumSum", [mask, packer.ints(layer, [0])]), mask]);
    packer.finish(layer, "Reshape", [packer.node(layer, "Gather", [values, places]), packer.ints(layer, packer.rowDims(layer))], scaleStorage === "elsewhere" ? undefined : packer.scale(layer, scale, scaleStorage === "half"));
  },

  recognise: recogniseSparse,
};

/** Blocks that stay, of a layer or of some of its rows. */
const staying = ({ parameters }: Layer, { density, block }: SparseOptions, rows?: WeightRows): number => Math.max(1, Math.round(density * (rows?.values.length ?? parameters) / block));

/** How much is lost with each block: the squares of its weights, times the energies of their inputs and what their output counts. */
function scores(rows: Float32Array, n: number, block: number, { gram, importance }: FitContext): Float32Array {
  const sums = new Float32Array(rows.length / block);
  rows.forEach((v, i) => { sums[Math.floor(i / block)] += v * v * (gram ? gram.h[i % n * (n + 1)] : 1) * (importance ? importance[Math.floor(i / n)] : 1); });
  return sums;
}

/** 1 for the `count` largest, the first of equals. */
function largest(values: Float32Array, count: number): Uint8Array {
  const sorted = values.slice().sort(), border = sorted[sorted.length - count];
  let equal = count - values.reduce((above, v) => above + Number(v > border), 0);
  return Uint8Array.from(values, (v) => Number(v > border || (v === border && equal-- > 0)));
}

/** The weights that stay, moved so that the outputs lose least: (x − target)·H·(x − target)ᵀ by conjugate gradients, each row by itself, on the weights that stay. */
async function answering(gram: Gram, target: Float32Array, start: Float32Array, stays: Uint8Array, steps: number): Promise<Float32Array> {
  const { n } = gram, x = start.slice(), masked = (rows: Float32Array): Float32Array => rows.map((v, i) => v * stays[i]);
  let residual = masked(await gram.multiply(target.map((v, i) => v - x[i]))), direction = residual.slice(), energy = rowDots(residual, residual, n);
  for (let step = 0; step < steps; step++) {
    const product = masked(await gram.multiply(direction)), curvature = rowDots(direction, product, n), length = curvature.map((c, m) => (c > 0 ? energy[m] / c : 0));
    for (let i = 0; i < x.length; i++) x[i] += length[Math.floor(i / n)] * direction[i];
    residual = residual.map((v, i) => v - length[Math.floor(i / n)] * product[i]);
    const next = rowDots(residual, residual, n), share = next.map((e, m) => (energy[m] > 0 ? e / energy[m] : 0));
    direction = residual.map((v, i) => v + share[Math.floor(i / n)] * direction[i]);
    energy = next;
  }
  return x;
}
