import { reconstructionError } from "../numeric/fast-wavelet";
import { filterBank } from "../numeric/filter-bank";
import { LONGEST_FILTER, WAVELETS } from "../numeric/wavelets";
import { encodedSize } from "../onnx/encode";
import type { Layer } from "../onnx/layers";
import { floatAttribute, intAttribute } from "../onnx/model";
import { DataType } from "../onnx/tensor";
import type { WaveletFacts } from "../protocol/report";
import { countOf } from "../training/graph";
import type { CompressionMethod, PackedWeight } from "./method";
import type { NodeSink } from "./packer";
import { inputsOf, outputsOf } from "./rows";
import { denseRows } from "./wavelet-dense";
import { filterRule, finished, fitWavelet, halves, RATES, startOf } from "./wavelet-fit";
import { layerModel, TENSORS, tensorDims, type WaveletValues } from "./wavelet-model";
import { waveletNodes } from "./wavelet-nodes";
import { PERMUTATION } from "./wavelet-permutation";
import { storedWavelet } from "./wavelet-recognise";
import { diagonalElements, waveletParameters, WaveletOptions, waveletShape, type WaveletShape } from "./wavelet-shape";

export interface PackedWavelet extends PackedWeight, WaveletValues {
  method: "wavelet";
  options: WaveletOptions;
  inputs: number;
}

/** The operator set that has Range, and Pad with sizes as input. */
const OLDEST_OPSET = 11;
/** How many transforms are summed in what is offered to the planner. */
const OFFERED = [1, 2, 4, 8] as const;

/**
 * Learned wavelet transforms (Wolter, Lin, Yao: arXiv 2004.09569): a linear layer becomes a sum of products of diagonals, a permutation and fast wavelet transforms with
 * filters of its own. It is learned from data layer by layer, as a plan is made and as it is fitted; a training of the whole network then makes the most of it.
 */
export const waveletMethod: CompressionMethod<WaveletOptions, PackedWavelet> = {
  id: "wavelet",
  title: "Wavelet transforms",
  paper: "Wolter, Lin, Yao: Neural network compression via learnable wavelet transforms, arXiv 2004.09569",
  options: WaveletOptions,
  isAsked: true,
  isLearned: true,

  accepts(layer, options) {
    const { op, consumers: [node, ...others], weight } = layer;
    if (op !== "Gemm" && op !== "MatMul") return "Wavelet transforms are for linear layers.";
    if (layer.opset < OLDEST_OPSET) return `Wavelet transforms need operator set ${OLDEST_OPSET}, the model has ${layer.opset}.`;
    if (layer.type !== DataType.FLOAT) return "Wavelet transforms compute with floats of 32 bits, the layer has others.";
    if (others.length) return "Several nodes use the weight, and each would need transforms of its own.";
    if (node.inputs[1] !== weight || intAttribute(node, "transA", 0)) return "The weight has to be the second factor.";
    if (op === "Gemm" && (floatAttribute(node, "alpha", 1) !== 1 || (node.inputs[2] && floatAttribute(node, "beta", 1) !== 1))) return "The product has a factor of its own.";
    if (options && !shapeOf(layer, options)) return `With ${inputsOf(layer)} inputs it is too small for ${options.levels} levels of ${options.length} taps.`;
    return true;
  },

  candidates(layer, scaleIsFree) {
    return OFFERED.flatMap((summed) => {
      const options = WaveletOptions.parse({ summed, levels: mostLevels(layer) });
      return shapeOf(layer, options) ? [{ options, bytes: this.bytes(layer, options, scaleIsFree) }] : [];
    });
  },

  bytes(layer, options) {
    const shape = shapeOf(layer, options)!, sizer = new Sizer(layer.opset);
    waveletNodes(sizer, shape, { filters: "w", before: "k0", between: "k0", after: "k0", permutation: PERMUTATION }, "x", layer.op === "Gemm");
    return sizer.bytes + 2 * diagonalElements(shape) + 16 * shape.length + 3 * TENSOR_BYTES;
  },

  parts: (layer, options) => ({ indices: 0, codebook: 0, values: 2 * diagonalElements(shapeOf(layer, options)!) + 16 * options.length }),

  traits: (_layer, { wavelet, length, levels, summed, fixed }) => [{ kind: "transforms", summed, levels }, { kind: "filters", taps: length, wavelet, fixed: fixed === true }],

  blank(layer, options) {
    const dims = tensorDims(shapeOf(layer, options)!), zeros = (name: keyof WaveletValues) => new Float32Array(countOf(dims[name]));
    return { method: "wavelet", options, inputs: inputsOf(layer), filters: zeros("filters"), before: zeros("before"), between: zeros("between"), after: zeros("after"), ...unscaled(layer) };
  },

  async compress(layer, rows, options, context) {
    const values = await fitWavelet(shapeOf(layer, options)!, options, PERMUTATION, context.target ?? rows.values, context);
    return { method: "wavelet", options, inputs: inputsOf(layer), ...values, ...unscaled(layer) };
  },

  restore(packed) {
    const { options, inputs, scale } = packed;
    return denseRows(waveletShape(inputs, scale.length, options)!, { ...packed, after: scaledOutputs(packed) }, PERMUTATION);
  },

  codesOf: () => undefined,
  withCodes: (packed) => packed,

  tensorsOf(packed, layer) {
    const dims = tensorDims(shapeOf(layer, packed.options)!), values = { ...packed, after: scaledOutputs(packed) };
    return TENSORS.map((part) => ({ part, dims: dims[part], values: values[part].slice(), ...(part === "filters" ? { rate: packed.options.fixed ? 0 : RATES.filters, rule: packed.options.fixed ? undefined : filterRule } : { rate: RATES.diagonal }) }));
  },

  withTensors(packed, [filters, before, between, after]) {
    return { ...packed, ...finished({ filters, before, between, after }, packed.options), scale: new Float32Array(packed.scale.length).fill(1) };
  },

  timed({ length, levels, summed }, inputs, outputs) {
    const options = WaveletOptions.safeParse({ length, levels, summed }), shape = options.success ? waveletShape(inputs, outputs, options.data) : undefined;
    return shape && options.data && layerModel(shape, startOf(shape, options.data, 1, 1), PERMUTATION);
  },

  apply(packed, layer, packer) {
    const shape = shapeOf(layer, packed.options)!, dims = tensorDims(shape), [node] = layer.consumers, [x, , bias] = node.inputs, isGemm = layer.op === "Gemm";
    packer.compute(layer, (sink) => {
      const filters = packer.own(layer, packed.filters, dims.filters), half = (name: "before" | "between" | "after", values = packed[name]) => packer.own(layer, values, dims[name], sink);
      const sum = waveletNodes(sink, shape, { filters, before: half("before"), between: half("between"), after: half("after", scaledOutputs(packed)), permutation: PERMUTATION }, x, isGemm);
      if (isGemm && bias) sink.node("Add", [sum, bias]);
    });
  },

  async recognise(model, layer, { cache } = {}) {
    const stored = await storedWavelet(model, layer, cache);
    if (!stored) return undefined;
    const { shape, levels, summed, filters } = stored;
    return { method: "wavelet", wavelet: { length: shape.length, levels, summed, parameters: waveletParameters(shape), filters: rowsOf(filters), nearest: nearestTo(filters), reconstructionError: reconstructionError(shape.groups, filters) } };
  },
};

/** h0, h1, f0, f1 of a bank. */
const rowsOf = (bank: Float32Array): number[][] => [0, 1, 2, 3].map((i) => Array.from(bank.subarray(i * bank.length / 4, (i + 1) * bank.length / 4)));

/** The known wavelet whose filters are nearest; none where they are longer than those that are known. */
function nearestTo(bank: Float32Array): WaveletFacts["nearest"] {
  if (bank.length / 4 > LONGEST_FILTER) return undefined;
  const known = WAVELETS.map((wavelet) => ({ wavelet, filters: filterBank(wavelet, bank.length / 4) })), distance = ({ filters }: (typeof known)[number]) => filters.reduce((sum, v, i) => sum + (v - bank[i]) ** 2, 0);
  const { wavelet, filters } = known.reduce((best, one) => (distance(one) < distance(best) ? one : best));
  return { wavelet, filters: rowsOf(filters) };
}

const shapeOf = (layer: Layer, options: WaveletOptions): WaveletShape | undefined => waveletShape(inputsOf(layer), outputsOf(layer), options);

/** As many levels as a plan offers: no more than the defaults, and than the layer has room for. */
function mostLevels(layer: Layer): number {
  const { levels, ...others } = WaveletOptions.parse({});
  for (let most = levels; most > 1; most--) if (shapeOf(layer, { ...others, levels: most })) return most;
  return 1;
}

const unscaled = (layer: Layer): Pick<PackedWeight, "scale" | "scaleStorage"> => ({ scale: new Float32Array(outputsOf(layer)).fill(1), scaleStorage: "float" });

/** S with the factors of the output channels in it, as the file holds it. */
const scaledOutputs = ({ after, scale }: PackedWavelet): Float32Array => halves(after.map((v, i) => v * scale[i % scale.length]));

/** Bytes of a tensor's head. */
const TENSOR_BYTES = 48;

/** Counts the bytes of nodes. */
class Sizer implements NodeSink {
  bytes = 0;
  private readonly known = new Set<string>();
  constructor(readonly opset: number) {}

  node(op: string, inputs: string[], attributes?: Parameters<NodeSink["node"]>[2], outputs: string[] = ["k0"]): string {
    this.bytes += encodedSize({ op, inputs, outputs, attributes });
    return outputs[0];
  }
  fresh(): string { return "k0"; }
  ints(values: readonly number[]): string { return this.constant(values, [values.length]); }
  int(value: number): string { return this.constant([value], []); }

  private constant(values: readonly number[], dims: number[]): string {
    const key = `${dims.length}:${values.join()}`;
    if (!this.known.has(key)) this.bytes += encodedSize({ name: "k0", dims, type: DataType.INT64, int64s: [...values] });
    this.known.add(key);
    return "k0";
  }
}
