import type { ByteSink, ByteSource, ExternalFiles } from "../../../src/onnx/bytes";
import { type BorderValue, encodeNode, encodeTensor, encodeValueInfo, type NodeSpec, type TensorData } from "../../../src/onnx/encode";
import { readModel, type Model } from "../../../src/onnx/model";
import { DataType } from "../../../src/onnx/tensor";
import { concat, intField, lenField, textField } from "../../../src/onnx/wire";

/** Small ONNX files made here, tidy and untidy ones. */

export interface MemorySource extends ByteSource { reads: number; bytesRead: number; longest: number }

/** A file in memory that counts what is read of it. */
export function memory(bytes: Uint8Array): MemorySource {
  const source: MemorySource = {
    size: bytes.length, reads: 0, bytesRead: 0, longest: 0,
    async read(offset, length) {
      if (offset < 0 || length < 0 || offset + length > bytes.length) throw new Error(`read of ${offset}+${length} outside ${bytes.length} bytes`);
      source.reads++;
      source.bytesRead += length;
      source.longest = Math.max(source.longest, length);
      return bytes.subarray(offset, offset + length);
    },
  };
  return source;
}

export const open = (bytes: Uint8Array, external?: ExternalFiles): Promise<Model> => readModel(memory(bytes), external);

/** External files by name. */
export const files = (contents: Record<string, Uint8Array | ByteSource>): ExternalFiles => ({
  async open(location) {
    const content = contents[location];
    if (!content) throw new Error(`${location} is missing`);
    return content instanceof Uint8Array ? memory(content) : content;
  },
});

export interface CollectingSink extends ByteSink { bytes(): Uint8Array }

export function collect(): CollectingSink {
  const parts: Uint8Array[] = [];
  return { async write(bytes) { parts.push(bytes.slice()); }, bytes: () => concat(parts) };
}

export const bytesOf = (array: { buffer: ArrayBufferLike; byteOffset: number; byteLength: number }): Uint8Array => new Uint8Array(array.buffer.slice(array.byteOffset, array.byteOffset + array.byteLength) as ArrayBuffer);

export const floats = (name: string, dims: number[], values: ArrayLike<number>): TensorData => ({ name, dims, type: DataType.FLOAT, raw: bytesOf(Float32Array.from(values)) });
export const ints = (name: string, values: number[], dims = [values.length]): TensorData => ({ name, dims, type: DataType.INT64, int64s: values });
/** Values between −1 and 1 that look random and are the same every time. */
export const wave = (count: number, seed = 1): Float32Array => Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898 + seed * 78.233) * 43758.5453 % 1);

/** Parts of a graph; NodeProto and TensorProto content may come as bytes. */
export interface GraphParts {
  nodes?: (NodeSpec | Uint8Array)[];
  initializers?: (TensorData | Uint8Array)[];
  inputs?: (BorderValue | Uint8Array)[];
  outputs?: (BorderValue | Uint8Array)[];
  valueInfo?: BorderValue[];
  name?: string;
  /** Whole further fields, tags included. */
  more?: Uint8Array[];
}

const content = <T>(part: T | Uint8Array, encode: (part: T) => Uint8Array): Uint8Array => (part instanceof Uint8Array ? part : encode(part));

/** GraphProto content. */
export const graphBytes = ({ nodes = [], initializers = [], inputs = [], outputs = [], valueInfo = [], name = "g", more = [] }: GraphParts): Uint8Array => concat([
  ...nodes.map((node) => lenField(1, content(node, encodeNode))), textField(2, name), ...initializers.map((tensor) => lenField(5, content(tensor, encodeTensor))),
  ...inputs.map((value) => lenField(11, content(value, encodeValueInfo))), ...outputs.map((value) => lenField(12, content(value, encodeValueInfo))),
  ...valueInfo.map((value) => lenField(13, encodeValueInfo(value))), ...more,
]);

export interface ModelParts extends GraphParts { ir?: number; opset?: number; domains?: Record<string, number>; modelFields?: Uint8Array[] }

/** A whole file. */
export const modelBytes = ({ ir = 8, opset = 13, domains = {}, modelFields = [], ...graph }: ModelParts): Uint8Array => concat([
  intField(1, ir), textField(2, "test"), lenField(7, graphBytes(graph)), lenField(8, textField(1, ""), intField(2, opset)),
  ...Object.entries(domains).map(([domain, version]) => lenField(8, textField(1, domain), intField(2, version))), ...modelFields,
]);

/** AttributeProto field of a node, for what {@link NodeSpec} has no words for. */
export const attribute = (name: string, type: number, ...value: Uint8Array[]): Uint8Array => lenField(5, textField(1, name), ...value, intField(20, type));
/** A node with further fields. */
export const nodeWith = (spec: NodeSpec, ...fields: Uint8Array[]): Uint8Array => concat([encodeNode(spec), ...fields]);

export const value = (name: string, shape?: (number | string)[], type: number = DataType.FLOAT): BorderValue => ({ name, type, shape });

/** Conv 3×3 → Relu → Conv 1×1 → GlobalAveragePool → Flatten → Gemm, 12 classes. */
export const smallNetwork = (more: Partial<ModelParts> = {}): Uint8Array => modelBytes({
  nodes: [
    { op: "Conv", name: "first", inputs: ["x", "first.weight", "first.bias"], outputs: ["a"], attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] } },
    { op: "Relu", inputs: ["a"], outputs: ["b"] },
    { op: "Conv", name: "second", inputs: ["b", "second.weight"], outputs: ["c"], attributes: { kernel_shape: [1, 1] } },
    { op: "GlobalAveragePool", inputs: ["c"], outputs: ["d"] },
    { op: "Flatten", inputs: ["d"], outputs: ["e"] },
    { op: "Gemm", inputs: ["e", "fc.weight", "fc.bias"], outputs: ["y"], attributes: { transB: 1 } },
  ],
  initializers: [
    floats("first.weight", [8, 3, 3, 3], wave(216)), floats("first.bias", [8], wave(8, 2)), floats("second.weight", [16, 8, 1, 1], wave(128, 3)),
    floats("fc.weight", [12, 16], wave(192, 4)), floats("fc.bias", [12], wave(12, 5)),
  ],
  inputs: [value("x", ["N", 3, 8, 8])], outputs: [value("y", ["N", 12])],
  ...more,
});

/** If c, then a convolution of x with a weight of its own, else a constant. */
export function branching(): Uint8Array {
  const branch = (name: string, parts: GraphParts): Uint8Array => attribute(name, 5, lenField(6, graphBytes({ outputs: [value(`${name}.y`)], ...parts })));
  const then = branch("then_branch", { initializers: [floats("inner", [4, 3, 3, 3], wave(108))], nodes: [{ op: "Conv", name: "conv", inputs: ["x", "inner"], outputs: ["p"] }, { op: "Relu", inputs: ["p"], outputs: ["then_branch.y"] }] });
  const otherwise = branch("else_branch", { nodes: [nodeWith({ op: "Constant", name: "zeros", inputs: [], outputs: ["else_branch.y"] }, attribute("value", 4, lenField(5, encodeTensor(floats("", [1, 4, 6, 6], new Float32Array(144))))))] });
  return modelBytes({ inputs: [value("x", [1, 3, 8, 8]), value("c", [], DataType.BOOL)], outputs: [value("y")], nodes: [nodeWith({ op: "If", name: "choice", inputs: ["c"], outputs: ["y"] }, then, otherwise)] });
}

/** What onnxruntime's dynamic quantization makes of a convolution with a bias and a rectifier: the scale of its input is found while it runs. */
export const dynamicConv = (input: string, name: string, output: string): NodeSpec[] => [
  { op: "DynamicQuantizeLinear", inputs: [input], outputs: [`${input}_quantized`, `${input}_scale`, `${input}_zero_point`] },
  { op: "ConvInteger", name: `${name}_quant`, inputs: [`${input}_quantized`, `${name}.weight_quantized`, `${input}_zero_point`, `${name}.weight_zero_point`], outputs: [`${name}.sums`], attributes: { pads: [1, 1, 1, 1] } },
  { op: "Cast", inputs: [`${name}.sums`], outputs: [`${name}.floats`], attributes: { to: DataType.FLOAT } }, { op: "Mul", inputs: [`${input}_scale`, `${name}.weight_scale`], outputs: [`${name}.scales`] },
  { op: "Mul", inputs: [`${name}.floats`, `${name}.scales`], outputs: [`${name}.plain`] }, { op: "Add", inputs: [`${name}.plain`, `${name}.bias`], outputs: [`${name}.sum`] }, { op: "Relu", inputs: [`${name}.sum`], outputs: [output] },
];

/** Its constants: integers around 128 with a step of 0.25, from 4 channels to 4. */
export const dynamicWeights = (name: string): TensorData[] => [
  { name: `${name}.weight_quantized`, dims: [4, 4, 3, 3], type: DataType.UINT8, raw: Uint8Array.from({ length: 144 }, (_, i) => 120 + (i * 7) % 17) }, { name: `${name}.weight_zero_point`, dims: [], type: DataType.UINT8, raw: Uint8Array.of(128) }, floats(`${name}.weight_scale`, [], [0.25]), floats(`${name}.bias`, [1, 4, 1, 1], wave(4)),
];
/** The weights that these integers stand for. */
export const dynamicValues = Float32Array.from({ length: 144 }, (_, i) => 0.25 * ((i * 7) % 17 - 8));
