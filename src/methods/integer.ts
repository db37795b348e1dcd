import * as z from "zod/mini";
import { packedBytes } from "../numeric/bits";
import { zeroCode } from "../numeric/grid";
import { rowDots, type Gram } from "./gram";
import type { CompressionMethod, FitContext, PackedWeight, WeightRows } from "./method";
import { nodeBytes } from "./packer";
import { recogniseInteger } from "./recognise";
import { outputsOf, scaleRows } from "./rows";
import { zeroBytes } from "./zeros";
import { safeScale, scaleBytes, storeScale } from "./scale";

export const IntegerOptions = z.object({
  /** Bits of a weight. */
  bits: z.int().check(z.minimum(2), z.maximum(8)),
});
export type IntegerOptions = z.infer<typeof IntegerOptions>;

export interface PackedInteger extends PackedWeight {
  method: "integer";
  options: IntegerOptions;
  /** [outputs, inputs], see numeric/grid. */
  codes: Uint8Array;
}

/**
 * Weights as integers with one scale for each output channel, for layers where a codebook would not pay (Jacob et al.: arXiv 1712.05877, §2.1, weights alone).
 * With calibration data the rounding errors are fed forward in the metric of the layer's inputs.
 */
export const integerMethod: CompressionMethod<IntegerOptions, PackedInteger> = {
  id: "integer",
  title: "Integers per channel",
  paper: "Jacob et al.: Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, arXiv 1712.05877",
  options: IntegerOptions,

  accepts(layer) {
    if (layer.op === "ConvTranspose" && layer.groups > 1) return "Grouped transposed convolutions share no output channel axis, so a scale for each does not fit.";
    return layer.parameters > 0 ? true : "It has no weights.";
  },

  candidates(layer, scaleIsFree) {
    return [3, 4, 5, 6, 8].map((bits) => ({ options: { bits }, bytes: this.bytes(layer, { bits }, scaleIsFree) }));
  },

  bytes(layer, { bits }, scaleIsFree) {
    const nodes = nodeBytes("Reshape", 2) + (layer.outputAxis === 1 ? nodeBytes("Transpose", 1, { perm: [1, 0] }) : 0) + 8;
    return packedBytes(layer.parameters, bits) + nodes + scaleBytes(outputsOf(layer), scaleIsFree, nodeBytes("Mul", 2));
  },

  parts: (layer, { bits }) => ({ indices: 0, codebook: 0, values: packedBytes(layer.parameters, bits) }),

  describe: (_layer, { bits }) => `int · ${bits} bits`,

  blank(layer, options, scaleIsFree) {
    return { method: "integer", options, codes: zeroBytes(layer.parameters), ...storeScale(new Float32Array(outputsOf(layer)).fill(1), scaleIsFree) };
  },

  async compress(_layer, rows, { bits }, context) {
    const target = context.target ?? rows.values, n = rows.inputs;
    let scale = gridScales(target, n, bits, context.gram);
    const levels = Float32Array.from({ length: 2 ** bits - 1 }, (_, i) => i + 1 - zeroCode(bits));
    const codesFor = async (): Promise<Uint8Array> => {
      const units = scaleRows(target, scale, -1);
      if (!context.gram) {
        const codes = new Uint8Array(units.length), zero = zeroCode(bits);
        units.forEach((v, j) => { codes[j] = zero + clamp(Math.round(v), levels); });
        return codes;
      }
      return Uint8Array.from(await context.gram.feedback(units, levels, 1), (level) => level + 1);
    };
    let codes = await codesFor();
    if (context.gram && bits < 8 && !context.quick) {
      scale = await refit(context.gram, target, codes, scale, bits);
      codes = await codesFor();
    }
    keepZeros(rows, codes, bits);
    return { method: "integer", options: { bits }, codes, ...storeScale(await finalScale(context, target, codes, scale, bits), context.scaleIsFree) };
  },

  restore({ codes, options: { bits }, scale, scaleStorage }) {
    const rows = new Float32Array(codes.length), zero = zeroCode(bits);
    for (let j = 0; j < rows.length; j++) rows[j] = codes[j] - zero;
    return scaleStorage === "elsewhere" ? rows : scaleRows(rows, scale);
  },

  codesOf: ({ codes, options: { bits } }) => ({ codes, bits, block: 1 }),

  withCodes: (packed, { codes }) => ({ ...packed, codes }),

  apply({ codes, options: { bits }, scale, scaleStorage }, layer, packer) {
    const values = packer.values(layer, codes, bits);
    packer.finish(layer, "Reshape", [values, packer.ints(packer.rowDims(layer))], scaleStorage === "elsewhere" ? undefined : packer.scale(layer, scale, scaleStorage === "half"));
  },

  recognise: recogniseInteger,
};

const clamp = (v: number, levels: Float32Array): number => Math.max(levels[0], Math.min(levels[levels.length - 1], v));

/** The clipping of each row that gives the least squared error, inputs weighted by their energy. */
function gridScales(rows: Float32Array, n: number, bits: number, gram?: Gram): Float32Array {
  const top = 2 ** (bits - 1) - 1;
  return Float32Array.from({ length: rows.length / n }, (_, m) => {
    let peak = 0;
    for (let j = m * n; j < (m + 1) * n; j++) peak = Math.max(peak, Math.abs(rows[j]));
    let best = 1, least = Infinity;
    for (let clip = 1; clip > 0.3 && peak > 0; clip -= 0.04) {
      const scale = peak * clip / top;
      let error = 0;
      for (let j = 0; j < n && error < least; j++) {
        const v = rows[m * n + j], e = v - Math.max(-top, Math.min(top, Math.round(v / scale))) * scale;
        error += e * e * (gram ? gram.h[j * n + j] : 1);
      }
      if (error < least) { least = error; best = scale; }
    }
    return safeScale(Math.fround(best));
  });
}

/** Least-squares scales of rows of codes. */
async function refit(gram: Gram, target: Float32Array, codes: Uint8Array, scale: Float32Array, bits: number): Promise<Float32Array> {
  const shape = Float32Array.from(codes, (code) => code - zeroCode(bits)), product = await gram.multiply(shape);
  const wanted = rowDots(product, target, gram.n), have = rowDots(product, shape, gram.n);
  return scale.map((s, m) => (have[m] > 0 && wanted[m] > 0 ? safeScale(Math.fround(wanted[m] / have[m])) : s));
}

const finalScale = async (context: FitContext, target: Float32Array, codes: Uint8Array, scale: Float32Array, bits: number): Promise<Float32Array> =>
  context.gram ? refit(context.gram, target, codes, scale, bits) : scale;

function keepZeros({ values, inputs }: WeightRows, codes: Uint8Array, bits: number): void {
  rowDots(values, values, inputs).forEach((energy, m) => {
    if (energy === 0) codes.fill(zeroCode(bits), m * inputs, (m + 1) * inputs);
  });
}
