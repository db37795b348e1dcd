import * as z from "zod/mini";
import { bitsFor } from "../numeric/bits";
import { KernelscopeError } from "../protocol/errors";
import { fromCodes } from "../numeric/grid";
import type { Layer } from "../onnx/layers";
import { blankCodes, codebookBytes, codebookParts, codebookShape, codebookTraits, compactIndex, expand, WORDS, type CodebookCodes } from "./codebook";
import { fitCodebook, learnCodebook, type FittedCodebook } from "./codebook-fit";
import { CodebookRows } from "./codebook-rows";
import type { CompressionMethod, FitContext, PackedWeight, WeightRows } from "./method";
import { nodeBytes } from "./packer";
import { recogniseCodebook } from "./recognise";
import { rowDots } from "./gram";
import { inputsOf, kernelSize, outputsOf, scaleRows } from "./rows";
import { rowScales, safeScale, scaleBytes, storeOne, storeScale } from "./scale";

/** A codeword is a run along the input channels, kernels whole; where an output channel has fewer weights, as in a depthwise convolution, those of several. */
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
 * of {@link fitCodebook} with as many codewords: 2.0 times as much in ResNet-20's layers on CIFAR-10, 4.5 times in those of a ResNet-18 (geometric means, `npm run bench:metric`). To start ours with, it is no better
 * than weighted k-means (0.6 % less noise, 3.6 % more). So it is not here.
 */
export const productMethod: CompressionMethod<ProductOptions, PackedProduct> = {
  id: "product",
  title: "Product quantization",
  paper: "Stock, Joulin, Gribonval, Graham, Jégou: And the Bit Goes Down, arXiv 1907.05686; Fan et al.: Training with Quantization Noise for Extreme Model Compression, arXiv 2004.07320",
  options: ProductOptions,

  accepts(layer, options, rows) {
    if (layer.parameters < 32) return "It has too few weights for a codebook.";
    if (!options) return true;
    const span = joined(layer, options);
    if (span === undefined) return `Blocks of ${options.block} do not divide the ${inputsOf(layer)} weights of an output channel.`;
    if (options.scale === "channel" && layer.op === "ConvTranspose" && layer.groups > 1) return "Its blocks hold several output channels, so a scale for each does not fit.";
    const empty = rows && span > 1 ? emptyRow(rows) : -1;
    return empty < 0 || `Blocks of ${options.block} hold several output channels, and channel ${empty} is all zero, which such blocks would not keep. Give blocks of at most ${inputsOf(layer)}.`;
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

  traits: (layer, options) => [...codebookTraits(layer, options), ...options.scale === "layer" ? [{ kind: "one-scale" as const }] : []],

  blank: (layer, options, scaleIsFree) => ({ method: "product", options, ...blankCodes(layer, options), ...store(options, new Float32Array(outputsOf(layer)).fill(1), scaleIsFree) }),

  learn(members, options) {
    const layers = members.map(({ rows, context, stress }) => {
      const span = options.block % rows.inputs === 0 ? options.block / rows.inputs : 1;
      return new CodebookRows(joinRows(rows, span), options.block, joinContext(context, span), options.scale === "layer", stress);
    });
    return learnCodebook(layers, options, members[0].context);
  },

  async compress(layer, rows, options, context) {
    const span = joined(layer, options) ?? 1, accepted = this.accepts(layer, options, rows);
    if (accepted !== true) throw new KernelscopeError("bad-recipe", `layers["${layer.id}"]: ${accepted}`, { path: JSON.stringify(["layers", layer.id, "options", "block"]) });
    const { scale, ...codes } = span === 1 ? await fitCodebook(rows, options, context, options.scale === "layer") : await fitAcross(rows, options, context, span);
    return { method: "product", options, ...codes, ...store(options, scale, context.scaleIsFree) };
  },

  restore({ codes, index, options: { block, valueBits }, scale, scaleStorage }) {
    const rows = expand(fromCodes(codes, valueBits), index, block);
    return scaleStorage === "elsewhere" ? rows : scaleRows(rows, scale);
  },

  codesOf: ({ codes, index, options: { block, valueBits, book } }) => ({ codes, index, block, bits: valueBits, book }),

  withCodes: (packed, { codes, index }) => ({ ...packed, codes, index: index ? compactIndex(packed.options.words, index) : packed.index }),

  apply({ codes, index, options: { block, words, valueBits, book }, scale, scaleStorage }, layer, packer) {
    const indices = packer.indices(layer, index, bitsFor(words)), values = packer.once(layer, book, "values", () => packer.values(layer, codes, valueBits));
    const one = scaleStorage === "one" ? packer.factor(layer, scale[0]) : undefined, isLast = packer.form === "integers", isScaled = one !== undefined && !isLast;
    // codewords as rows [words, 1, block]: no kernel has this shape, so that a file tells the method by itself
    const codebook = packer.once(layer, isScaled ? undefined : book, "rows", () => packer.node(layer, "Reshape", [isScaled ? packer.node(layer, "Mul", [values, one]) : values, packer.ints(layer, [-1, 1, block])]));
    const factor = scaleStorage === "half" || scaleStorage === "float" ? packer.scale(layer, scale, scaleStorage === "half") : undefined;
    packer.finish(layer, "Reshape", [packer.node(layer, "Gather", [codebook, indices]), packer.ints(layer, packer.rowDims(layer))], factor ?? (isLast ? one : undefined), factor === undefined);
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

/** Rows of `span` output channels, one behind the other. */
const joinRows = ({ values, outputs, inputs }: WeightRows, span: number): WeightRows => ({ values, outputs: outputs / span, inputs: inputs * span });

/** Rows of several output channels meet several inputs, so that they have no second moments; they count as their channels do on average. */
function joinContext(context: FitContext, span: number): FitContext {
  const { importance } = context;
  if (span === 1) return context;
  return { ...context, gram: undefined, importance: importance && Float32Array.from({ length: importance.length / span }, (_, m) => importance.subarray(m * span, (m + 1) * span).reduce((sum, v) => sum + v / span, 0)) };
}

/** What is less has no reciprocal in float32, so that no scale would bring it to others' size. */
const LEAST_WEIGHT = 1.2e-38;

/** The first output channel without any weight; −1 if there is none. */
function emptyRow({ values, outputs, inputs }: WeightRows): number {
  for (let m = 0; m < outputs; m++) if (values.subarray(m * inputs, (m + 1) * inputs).every((v) => Math.abs(v) < LEAST_WEIGHT)) return m;
  return -1;
}

/**
 * Codewords of `span` output channels each. Rows of several channels meet several inputs, so that they have no second moments; they count as their channels do on average.
 * Channels with scales of their own are clustered in units of these.
 */
async function fitAcross({ values, outputs, inputs }: WeightRows, options: ProductOptions, context: FitContext, span: number): Promise<FittedCodebook> {
  const { importance, scaleIsFree, target = values } = context, own = options.scale === "channel" ? rowScales(target, inputs) : undefined;
  const counts = own && (importance || !scaleIsFree) ? own.map((size, m) => size * size * (importance?.[m] ?? 1)) : importance;
  const joint = counts && Float32Array.from({ length: outputs / span }, (_, row) => counts.subarray(row * span, (row + 1) * span).reduce((sum, v) => sum + v / span, 0));
  const rows = { values: own ? scaleRows(target, own, -1) : values, outputs: outputs / span, inputs: inputs * span };
  const fitted = await fitCodebook(rows, options, { ...context, gram: undefined, importance: joint, target: own ? undefined : context.target }, true), [step] = fitted.scale;
  return { ...fitted, scale: own ? nearestScales(target, expand(fromCodes(fitted.codes, options.valueBits), fitted.index, options.block), own.map((size) => size * step)) : new Float32Array(outputs).fill(step) };
}

/** The scale of each row that brings what stands for it nearest to it; what it was where nothing comes near. */
function nearestScales(rows: Float32Array, shape: Float32Array, scale: Float32Array): Float32Array {
  const n = rows.length / scale.length, wanted = rowDots(rows, shape, n), have = rowDots(shape, shape, n);
  return scale.map((s, m) => (wanted[m] > 0 ? safeScale(Math.fround(wanted[m] / have[m])) : s));
}

/** Bits of a codebook value that are offered: more of them never paid in the networks that were looked at. */
const OFFERED_BITS = 6;

/**
 * Kernels and pairs of them, of neighbouring output channels in depthwise convolutions; runs along the inputs where kernels are single weights.
 * A scale for each channel pays for the largest blocks where it costs nothing; for smaller ones the kernel method has it.
 */
function kindsOf(layer: Layer, scaleIsFree: boolean): Omit<ProductOptions, "words">[] {
  const size = kernelSize(layer), blocks = size > 1 ? [size, 2 * size] : [4, 8, 16], largest = blocks[blocks.length - 1], depthwise = layer.groups > 1 && size > 1;
  return blocks.filter((block) => inputsOf(layer) % block === 0 || depthwise && joined(layer, { block }) !== undefined).map((block) =>
    ({ block, valueBits: OFFERED_BITS, scale: scaleIsFree && block === largest ? "channel" : "layer" }));
}
