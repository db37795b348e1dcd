import * as z from "zod/mini";
import { packedBytes } from "../numeric/bits";
import { zeroCode } from "../numeric/grid";
import { rowDots, type Gram } from "./gram";
import { gridScales, refitScales } from "./grid-scales";
import type { CompressionMethod, FitContext, PackedWeight } from "./method";
import { nodeBytes } from "./packer";
import { recogniseSparse } from "./recognise";
import { outputsOf, scaleRows } from "./rows";
import { scaleBytes, storeScale } from "./scale";
import { zeroBytes } from "./zeros";

export const SparseOptions = z.object({
  /** Share of the weights that stay. */
  density: z.number().check(z.minimum(0.001), z.maximum(1)),
  /** Bits of one that stays. */
  bits: z.int().check(z.minimum(2), z.maximum(8)),
});
export type SparseOptions = z.infer<typeof SparseOptions>;

export interface PackedSparse extends PackedWeight {
  method: "sparse";
  options: SparseOptions;
  /** [outputs, inputs] 1 where a weight stays. */
  kept: Uint8Array;
  /** Code of zero, then those of the weights that stay, in their order; see numeric/grid. */
  codes: Uint8Array;
}

/** The operator set that has CumSum. */
const COUNTING_OPSET = 11;
/** Smaller layers would pay more for nodes than zeros save. */
const FEWEST_WEIGHTS = 4096;
/** Share and bits of what is offered to the planner: a bit for each weight tells which stay, so less than a tenth of them never pays. */
const OFFERED: readonly SparseOptions[] = [{ density: 0.08, bits: 4 }, { density: 0.15, bits: 4 }, { density: 0.25, bits: 4 }, { density: 0.25, bits: 5 }, { density: 0.4, bits: 5 }];
/** Steps of conjugate gradients that let the weights that stay answer for those that go. */
const ANSWERS = { quick: 3, whole: 12 };

/**
 * Unstructured sparsity (Yang et al.: arXiv 1910.05897, whose supports cost nothing; here a bit for each weight): the weights that matter most stay, as integers with
 * one scale for each output channel; with calibration data they answer for those that go, in the metric of the layer's inputs.
 */
export const sparseMethod: CompressionMethod<SparseOptions, PackedSparse> = {
  id: "sparse",
  title: "Sparse integers",
  paper: "Yang, Gui, Zhu, Liu: Automatic Neural Network Compression by Sparsity-Quantization Joint Learning, arXiv 1910.05897",
  options: SparseOptions,
  isAsked: true,

  accepts(layer) {
    if (layer.opset < COUNTING_OPSET) return `Sparse weights need operator set ${COUNTING_OPSET}, the model has ${layer.opset}.`;
    if (layer.op === "ConvTranspose" && layer.groups > 1) return "Grouped transposed convolutions share no output channel axis, so a scale for each does not fit.";
    return layer.parameters >= FEWEST_WEIGHTS ? true : `With ${layer.parameters.toLocaleString("en")} weights it is too small for zeros to pay.`;
  },

  candidates(layer, scaleIsFree) {
    return OFFERED.map((options) => ({ options, bytes: this.bytes(layer, options, scaleIsFree) }));
  },

  bytes(layer, { density, bits }, scaleIsFree) {
    const nodes = nodeBytes("CumSum", 2) + nodeBytes("Mul", 2) + nodeBytes("Gather", 2) + nodeBytes("Reshape", 2) + (layer.outputAxis === 1 ? nodeBytes("Transpose", 1, { perm: [1, 0] }) : 0) + 16;
    return packedBytes(layer.parameters, 1) + packedBytes(1 + staying(layer.parameters, density), bits) + nodes + scaleBytes(outputsOf(layer), scaleIsFree, nodeBytes("Mul", 2));
  },

  parts: ({ parameters }, { density, bits }) => ({ indices: packedBytes(parameters, 1), codebook: 0, values: packedBytes(1 + staying(parameters, density), bits) }),

  describe: (_layer, { density, bits }) => `${(100 * density).toFixed(density < 0.1 ? 1 : 0)} % · int ${bits} bits`,

  blank(layer, options, scaleIsFree) {
    return { method: "sparse", options, kept: zeroBytes(layer.parameters), codes: zeroBytes(1 + staying(layer.parameters, options.density)), ...storeScale(new Float32Array(outputsOf(layer)).fill(1), scaleIsFree) };
  },

  async compress(_layer, rows, options, context) {
    const { density, bits } = options, { gram, quick } = context, target = context.target ?? rows.values, n = rows.inputs, top = 2 ** (bits - 1) - 1;
    const kept = largest(scores(target, n, context), staying(target.length, density)), masked = target.map((v, i) => v * kept[i]);
    const values = gram ? await answering(gram, target, masked, kept, quick ? ANSWERS.quick : ANSWERS.whole) : masked, scale = gridScales(values, n, bits, gram);
    const units = scaleRows(values, scale, -1).map((v) => Math.max(-top, Math.min(top, Math.round(v)))), zero = zeroCode(bits);
    const codes = new Uint8Array(1 + staying(target.length, density));
    codes[0] = zero;
    let at = 1;
    kept.forEach((stays, i) => { if (stays) codes[at++] = zero + units[i]; });
    return { method: "sparse", options, kept, codes, ...storeScale(gram ? await refitScales(gram, target, units, scale) : scale, context.scaleIsFree) };
  },

  restore({ kept, codes, options: { bits }, scale, scaleStorage }) {
    const zero = zeroCode(bits), rows = new Float32Array(kept.length);
    let at = 1;
    kept.forEach((stays, i) => { if (stays) rows[i] = codes[at++] - zero; });
    return scaleStorage === "elsewhere" ? rows : scaleRows(rows, scale);
  },

  codesOf({ kept, codes, options: { bits } }) {
    let count = 0;
    return { codes, bits, block: 1, index: Int32Array.from(kept, (stays) => (stays ? ++count : 0)), sparse: true };
  },

  withCodes: (packed, { codes }) => ({ ...packed, codes }),

  apply({ kept, codes, options: { bits }, scale, scaleStorage }, layer, packer) {
    const mask = packer.indices(layer, kept, 1), values = packer.values(layer, codes, bits);
    // the count of those that stay up to here is the place of one that does; times the mask it is that of zero for the others
    const places = packer.node(layer, "Mul", [packer.node(layer, "CumSum", [mask, packer.ints([0])]), mask]);
    packer.finish(layer, "Reshape", [packer.node(layer, "Gather", [values, places]), packer.ints(packer.rowDims(layer))], scaleStorage === "elsewhere" ? undefined : packer.scale(layer, scale, scaleStorage === "half"));
  },

  recognise: recogniseSparse,
};

const staying = (parameters: number, density: number): number => Math.max(1, Math.round(density * parameters));

/** How much is lost with each weight: its square, times the energy of its input and what its output counts. */
function scores(rows: Float32Array, n: number, { gram, importance }: FitContext): Float32Array {
  return rows.map((v, i) => v * v * (gram ? gram.h[i % n * (n + 1)] : 1) * (importance ? importance[Math.floor(i / n)] : 1));
}

/** 1 for the `count` largest, the first of equals. */
function largest(values: Float32Array, count: number): Uint8Array {
  const sorted = values.slice().sort(), border = sorted[sorted.length - count];
  let equal = count - values.reduce((above, v) => above + Number(v > border), 0);
  return Uint8Array.from(values, (v) => Number(v > border || (v === border && equal-- > 0)));
}

/** The weights that stay, moved so that the outputs lose least: (x − target)·H·(x − target)ᵀ by conjugate gradients, each row by itself, on the weights that stay. */
async function answering(gram: Gram, target: Float32Array, start: Float32Array, kept: Uint8Array, steps: number): Promise<Float32Array> {
  const { n } = gram, x = start.slice(), masked = (rows: Float32Array): Float32Array => rows.map((v, i) => v * kept[i]);
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
