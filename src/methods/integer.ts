import * as z from "zod/mini";
import { packedBytes } from "../numeric/bits";
import { fromCodes, zeroCode } from "../numeric/grid";
import { rowDots } from "./gram";
import { gridScales, refitScales } from "./grid-scales";
import type { CompressionMethod, FitContext, PackedWeight, WeightRows } from "./method";
import { nodeBytes } from "./packer";
import { recogniseInteger } from "./recognise";
import { outputsOf, scaleRows } from "./rows";
import { zeroBytes } from "./zeros";
import { scaleBytes, storeScale } from "./scale";

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
    return [3, 4, 5, 6, 7, 8].map((bits) => ({ options: { bits }, bytes: this.bytes(layer, { bits }, scaleIsFree) }));
  },

  bytes(layer, { bits }, scaleIsFree) {
    const nodes = nodeBytes("Reshape", 2) + (layer.outputAxis === 1 ? nodeBytes("Transpose", 1, { perm: [1, 0] }) : 0) + 8;
    return packedBytes(layer.parameters, bits) + nodes + scaleBytes(outputsOf(layer), scaleIsFree, nodeBytes("Mul", 2));
  },

  parts: (layer, { bits }) => ({ indices: 0, codebook: 0, values: packedBytes(layer.parameters, bits) }),

  traits: (_layer, { bits }) => [{ kind: "integers" }, { kind: "bits", count: bits }],

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
      scale = await refitScales(context.gram, target, fromCodes(codes, bits), scale);
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
    packer.finish(layer, "Reshape", [values, packer.ints(layer, packer.rowDims(layer))], scaleStorage === "elsewhere" ? undefined : packer.scale(layer, scale, scaleStorage === "half"));
  },

  recognise: recogniseInteger,
};

const clamp = (v: number, levels: Float32Array): number => Math.max(levels[0], Math.min(levels[levels.length - 1], v));

const finalScale = async (context: FitContext, target: Float32Array, codes: Uint8Array, scale: Float32Array, bits: number): Promise<Float32Array> =>
  context.gram ? refitScales(context.gram, target, fromCodes(codes, bits), scale) : scale;

function keepZeros({ values, inputs }: WeightRows, codes: Uint8Array, bits: number): void {
  rowDots(values, values, inputs).forEach((energy, m) => {
    if (energy === 0) codes.fill(zeroCode(bits), m * inputs, (m + 1) * inputs);
  });
}
