import * as z from "zod/mini";
import { bitsFor } from "../numeric/bits";
import { fromCodes } from "../numeric/grid";
import type { Layer } from "../onnx/layers";
import { blankCodes, codebookBytes, codebookParts, codebookShape, codebookTraits, compactIndex, expand, WORDS, type CodebookCodes } from "./codebook";
import { fitCodebook, learnCodebook } from "./codebook-fit";
import { CodebookRows } from "./codebook-rows";
import type { CompressionMethod, PackedWeight } from "./method";
import { nodeBytes, type WeightPacker } from "./packer";
import { recogniseCodebook } from "./recognise";
import { inputsOf, kernelSize, outputsOf } from "./rows";
import { scaleBytes, storeScale } from "./scale";

/** A codeword is a whole kernel, a row of it, or a run along the input channels. */
export const KernelOptions = z.object(codebookShape(128, 6));
export type KernelOptions = z.infer<typeof KernelOptions>;

export interface PackedKernel extends PackedWeight, CodebookCodes {
  method: "kernel";
  options: KernelOptions;
}

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

  accepts(layer, options) {
    if (options && inputsOf(layer) % options.block !== 0) return `Blocks of ${options.block} do not divide the ${inputsOf(layer)} weights of an output channel.`;
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

  bytes: (layer, options, scaleIsFree) => codebookBytes(layer, options) + scaleBytes(outputsOf(layer), scaleIsFree, nodeBytes("Mul", 2)),

  parts: codebookParts,

  traits: codebookTraits,

  blank: (layer, options, scaleIsFree) => ({ method: "kernel", options, ...blankCodes(layer, options), ...storeScale(new Float32Array(outputsOf(layer)).fill(1), scaleIsFree) }),

  learn: (members, options) => learnCodebook(members.map(({ rows, context, stress }) => new CodebookRows(rows, options.block, context, false, stress)), options, members[0].context),

  async compress(_layer, rows, options, context) {
    const { scale, ...codes } = await fitCodebook(rows, options, context);
    return { method: "kernel", options, ...codes, ...storeScale(scale, context.scaleIsFree) };
  },

  restore({ codes, index, options: { block, valueBits }, scale, scaleStorage }) {
    return expand(fromCodes(codes, valueBits), index, block, scaleStorage === "elsewhere" ? undefined : scale);
  },

  codesOf: ({ codes, index, options: { block, valueBits, book } }) => ({ codes, index, block, bits: valueBits, book }),

  withCodes(packed, { codes, index }) {
    return { ...packed, codes, index: index ? compactIndex(packed.options.words, index) : packed.index };
  },

  apply({ codes, index, options: { block, words, valueBits, book }, scale, scaleStorage }, layer, packer: WeightPacker) {
    const indices = packer.indices(layer, index, bitsFor(words)), rowDims = packer.rowDims(layer), shape = shapeOf(block, rowDims), wordDims = shape ?? [block];
    const values = packer.once(layer, book, "values", () => packer.values(layer, codes, valueBits));
    const codebook = packer.once(layer, book, wordDims.join("×"), () => packer.node(layer, "Reshape", [values, packer.ints(layer, [-1, ...wordDims])]));
    const factor = scaleStorage === "elsewhere" ? undefined : packer.scale(layer, scale, scaleStorage === "half");
    // a codeword in the shape of the weight's last axes needs no further reshaping, which would hold the whole weight once more while a runtime loads it
    if (shape) packer.finish(layer, "Gather", [codebook, packer.node(layer, "Reshape", [indices, packer.ints(layer, rowDims.slice(0, rowDims.length - shape.length))])], factor);
    else packer.finish(layer, "Reshape", [packer.node(layer, "Gather", [codebook, indices]), packer.ints(layer, rowDims)], factor);
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
