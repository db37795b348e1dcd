import { buildModel } from "../onnx/build";
import type { NodeSpec, TensorData } from "../onnx/encode";
import { DataType } from "../onnx/tensor";
import type { NodeSink } from "./packer";
import { waveletNodes } from "./wavelet-nodes";
import type { PermutationSeed } from "./wavelet-permutation";
import { transformsOf, type WaveletShape } from "./wavelet-shape";

/** What a layer has learned. */
export interface WaveletValues {
  /** [4, length] */
  filters: Float32Array;
  /** B [transforms, inputs] */
  before: Float32Array;
  /** G [transforms, size] */
  between: Float32Array;
  /** S [summed, outputs] */
  after: Float32Array;
}
export const TENSORS = ["filters", "before", "between", "after"] as const satisfies readonly (keyof WaveletValues)[];

/** Sizes of what a layer learns. */
export function tensorDims(shape: WaveletShape): Record<keyof WaveletValues, number[]> {
  const transforms = transformsOf(shape);
  return { filters: [4, shape.length], before: [transforms, shape.inputs], between: [transforms, shape.size], after: [shape.summed, shape.outputs] };
}

const OPSET = 18;
export const LAYER_INPUT = "x", LAYER_OUTPUT = "y";

/** A model of the layer alone, [samples, inputs] → [samples, outputs], its tensors under their own names. */
export function layerModel(shape: WaveletShape, values: WaveletValues, permutation: PermutationSeed): Uint8Array {
  const dims = tensorDims(shape), nodes: NodeSpec[] = [], initializers: TensorData[] = TENSORS.map((name) => ({ name, dims: dims[name], type: DataType.FLOAT, raw: new Uint8Array(values[name].buffer, values[name].byteOffset, values[name].byteLength) }));
  const known = new Map<string, string>();
  let count = 0;
  const constant = (numbers: readonly number[], own: number[]): string => {
    const key = `${own.length}:${numbers.join()}`, name = known.get(key) ?? `c${known.size}`;
    if (!known.has(key)) initializers.push({ name, dims: own, type: DataType.INT64, int64s: [...numbers] });
    known.set(key, name);
    return name;
  };
  const sink: NodeSink = {
    opset: OPSET,
    fresh: () => `v${count++}`,
    node(op, inputs, attributes, outputs = [sink.fresh()]) {
      nodes.push({ op, inputs, outputs, attributes });
      return outputs[0];
    },
    ints: (numbers) => constant(numbers, [numbers.length]),
    int: (value) => constant([value], []),
  };
  nodes.push({ op: "Identity", inputs: [waveletNodes(sink, shape, { filters: "filters", before: "before", between: "between", after: "after", permutation }, LAYER_INPUT, true)], outputs: [LAYER_OUTPUT] });
  return buildModel({ nodes, initializers, opset: OPSET, inputs: [{ name: LAYER_INPUT, type: DataType.FLOAT, shape: ["samples", shape.inputs] }], outputs: [{ name: LAYER_OUTPUT, type: DataType.FLOAT, shape: ["samples", shape.outputs] }] });
}
