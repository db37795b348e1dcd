import * as z from "zod/mini";
import { bitsFor } from "../numeric/bits";
import { KernelscopeError } from "../protocol/errors";
import { fromCodes } from "../numeric/grid";
import type { Layer } from "../onnx/layers";
import { blankCodes, codebookBytes, codebookParts, codebookShape, compactIndex, describeCodebook, expand, WORDS, type CodebookCodes } from "./codebook";
import { fitCodebook, learnCodebook } from "./codebook-fit";
import { CodebookRows } from "./codebook-rows";
import type { CompressionMethod, FitContext, PackedWeight, WeightRows } from "./method";
import { nodeBytes } from "./packer";
import { recogniseCodebook } from "./recognise";
import { inputsOf, kernelSize, outputsOf, scaleRows } from "./rows";
import { scaleBytes, storeOne, storeScale } from "./scale";

/** A codeword is a run along the input channels, kernels whole; where an output channel has fewer weights, those of several. */
export const ProductOptions = z.object({
  ...codebookShape(512, 8),
  /** One scale for the whole layer, or one for each output channel. */
  scale: z._default(z.enum(["layer", "channel"]), "layer"),
});
export type ProductOptions = z.infer<typeof ProductOptions>;

export interface PackedProduct extends PackedWeight, CodebookCodes {
  method: "product";
  options: ProductOptions;
}

/**
 * Product quantization (Stock et al.: arXiv 1907.05686; Fan et al.: arXiv 2004.07320). The rows of a layer's weight are cut into blocks along the input channels;
 * each becomes one of K codewords, whose values take 8 bits. All blocks of a layer share one scale.
 *
 * The papers' clustering, in the metric of one Gram matrix that all blocks of a layer share, leaves more noise on a layer's outputs than the error feedback and conjugate gradients
 * of {@link fitCodebook} at equal bytes: 2.1 times as much in ResNet-20's layers on CIFAR-10, 4.5 times in those of a ResNet-18 (geometric means). To start ours with, it is no better
 * than weighted k-means (0.6 % less noise, 3.6 % more). So it is not here.
 */
export const productMethod: CompressionMethod<ProductOptions, PackedProduct> = {
  id: "product",
  title: "Product quantization",
  paper: "Stock, Joulin, Gribonval, Graham, Jégou: And the Bit Goes Down, arXiv 1907.05686; Fan et al.: Training with Quantization Noise for Extreme Model Compression, arXiv 2004.07320",
  options: ProductOptions,

  accepts(layer, options) {
    if (layer.parameters < 32) return "It has too few weights for a codebook.";
    if (options && inputsOf(layer) % options.block !== 0 && joined(layer, options) === undefined) return `Blocks of ${options.block} do not divide the ${inputsOf(layer)} weights of an output channel.`;
    if (options?.scale === "channel" && (layer.op === "ConvTranspose" && layer.groups > 1 || joined(layer, options) !== 1)) return "Its blocks hold several output channels, so a scale for each does not fit.";
    return true;
  },

  candidates(layer, scaleIsFree) {
    const found = [];
    for (const options of kindsOf(layer, scaleIsFree)) {
      for (const words of WORDS) {
        if (words > layer.parameters / options.block / 2) continue;
        found.push({ options: { ...options, words }, bytes: this.bytes(layer, { ...options, words }, scaleIsFree) });
      }
    }
    return found.sort((a, b) => a.bytes - b.bytes);
  },

  bytes(layer, options, scaleIsFree) {
    const scale = options.scale === "channel" ? scaleBytes(outputsOf(layer), scaleIsFree, nodeBytes("Mul", 2)) : scaleIsFree ? 0 : nodeBytes("Mul", 2) + FACTOR_BYTES;
    return codebookBytes(layer, options) + scale;
  },

  parts: codebookParts,

  describe: (layer, options) => `${describeCodebook(layer, options)}${options.scale === "layer" ? " · one scale" : ""}`,

  blank: (layer, options, scaleIsFree) => ({ method: "product", options, ...blankCodes(layer, options), ...store(options, new Float32Array(outputsOf(layer)).fill(1), scaleIsFree) }),

  learn(members, options) {
    const layers = members.map(({ rows, context, stress }) => {
      const span = options.block % rows.inputs === 0 ? options.block / rows.inputs : 1;
      return new CodebookRows(joinRows(rows, span), options.block, joinContext(context, span), options.scale === "layer", stress);
    });
    return learnCodebook(layers, options, members[0].context);
  },

  async compress(layer, rows, options, context) {
    const span = joined(layer, options) ?? 1, empty = span > 1 ? emptyRow(rows) : -1;
    if (empty >= 0) throw new KernelscopeError("bad-recipe", `Blocks of ${options.block} hold several output channels of ${layer.label}, and channel ${empty} is all zero, which such blocks would not keep. Give blocks of at most ${rows.inputs}.`, { path: JSON.stringify(["layers", layer.id, "options", "block"]) });
    const { scale, ...codes } = await fitCodebook(joinRows(rows, span), options, joinContext(context, span), options.scale === "layer");
    return { method: "product", options, ...codes, ...store(options, span === 1 ? scale : new Float32Array(rows.outputs).fill(scale[0]), context.scaleIsFree) };
  },

  restore({ codes, index, options: { block, valueBits }, scale, scaleStorage }) {
    const rows = expand(fromCodes(codes, valueBits), index, block);
    return scaleStorage === "elsewhere" ? rows : scaleRows(rows, scale);
  },

  codesOf({ codes, index, scale, options: { block, valueBits, book } }) {
    // training follows the blocks of one output channel at a time
    return index.length % scale.length === 0 ? { codes, index, block, bits: valueBits, book } : undefined;
  },

  withCodes: (packed, { codes, index }) => ({ ...packed, codes, index: index ? compactIndex(packed.options.words, index) : packed.index }),

  apply({ codes, index, options: { block, words, valueBits, book }, scale, scaleStorage }, layer, packer) {
    const indices = packer.indices(layer, index, bitsFor(words)), values = packer.once(book, "values", () => packer.values(layer, codes, valueBits)), isScaled = scaleStorage === "one";
    // codewords as rows [words, 1, block]: no kernel has this shape, so that a file tells the method by itself
    const codebook = packer.once(isScaled ? undefined : book, "rows", () => packer.node(layer, "Reshape", [isScaled ? packer.node(layer, "Mul", [values, packer.factor(layer, scale[0])]) : values, packer.ints([-1, 1, block])]));
    const factor = scaleStorage === "half" || scaleStorage === "float" ? packer.scale(layer, scale, scaleStorage === "half") : undefined;
    packer.finish(layer, "Reshape", [packer.node(layer, "Gather", [codebook, indices]), packer.ints(packer.rowDims(layer))], factor);
  },

  recognise: recogniseCodebook,
};

/** A float32 constant of one number with its name. */
const FACTOR_BYTES = 17;

const store = ({ scale: kind }: ProductOptions, scale: Float32Array, isFree: boolean): Pick<PackedWeight, "scale" | "scaleStorage"> => (kind === "layer" ? storeOne(scale, isFree) : storeScale(scale, isFree));

/** Output channels that a block holds; undefined for a block that fits no number of them. */
function joined(layer: Layer, { block }: Pick<ProductOptions, "block">): number | undefined {
  const inputs = inputsOf(layer);
  if (inputs % block === 0) return 1;
  return block % inputs === 0 && outputsOf(layer) % (block / inputs) === 0 ? block / inputs : undefined;
}

/** The first output channel without any weight; −1 if there is none. */
function emptyRow({ values, outputs, inputs }: WeightRows): number {
  for (let m = 0; m < outputs; m++) if (values.subarray(m * inputs, (m + 1) * inputs).every((v) => v === 0)) return m;
  return -1;
}

/** Rows of `span` output channels, one behind the other. */
const joinRows = ({ values, outputs, inputs }: WeightRows, span: number): WeightRows => ({ values, outputs: outputs / span, inputs: inputs * span });

/** Rows of several output channels meet several inputs, so that they have no second moments; they count as their channels do on average. */
function joinContext(context: FitContext, span: number): FitContext {
  const { importance } = context;
  if (span === 1) return context;
  return { ...context, gram: undefined, importance: importance && Float32Array.from({ length: importance.length / span }, (_, m) => importance.subarray(m * span, (m + 1) * span).reduce((sum, v) => sum + v / span, 0)) };
}

/** Bits of a codebook value that are offered: more of them never paid in the networks that were looked at. */
const OFFERED_BITS = 6;

/** Kernels and pairs of them; runs along the inputs where kernels are single weights. A scale for each channel pays for the largest blocks where it costs nothing; for smaller ones the kernel method has it. */
function kindsOf(layer: Layer, scaleIsFree: boolean): Omit<ProductOptions, "words">[] {
  const size = kernelSize(layer), blocks = size > 1 ? [size, 2 * size] : [4, 8, 16], largest = blocks[blocks.length - 1];
  return blocks.filter((block) => inputsOf(layer) % block === 0).map((block) =>
    ({ block, valueBits: OFFERED_BITS, scale: scaleIsFree && block === largest ? "channel" : "layer" }));
}
