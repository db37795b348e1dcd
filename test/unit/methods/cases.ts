import ort from "onnxruntime-node";
import { assemble, sizesOf, type WeightForm } from "../../../src/compression/write";
import type { CompressionMethod, FitContext, PackedWeight } from "../../../src/methods/method";
import { toRows } from "../../../src/methods/rows";
import { inlinePool } from "../../../src/numeric/tasks";
import { findLayers, readWeight, type Layer } from "../../../src/onnx/layers";
import type { Model } from "../../../src/onnx/model";
import { floats, modelBytes, open, value, wave } from "../onnx/models";

/** Models of one layer of every kind, and what becomes of them in a file. */

export interface Case { op: string; weight: number[]; input: number[]; attributes?: Record<string, number | number[]>; opset?: number }

export const CASES: Record<string, Case> = {
  "a convolution": { op: "Conv", weight: [12, 8, 3, 3], input: [1, 8, 5, 5] },
  "a convolution of an old operator set": { op: "Conv", weight: [12, 8, 3, 3], input: [1, 8, 5, 5], opset: 9 },
  "a convolution of a new operator set": { op: "Conv", weight: [12, 8, 3, 3], input: [1, 8, 5, 5], opset: 21 },
  "a 1×1 convolution": { op: "Conv", weight: [12, 16, 1, 1], input: [1, 16, 3, 3] },
  "a grouped convolution": { op: "Conv", weight: [12, 4, 3, 3], input: [1, 12, 5, 5], attributes: { group: 3 } },
  "a depthwise convolution": { op: "Conv", weight: [12, 1, 3, 3], input: [1, 12, 5, 5], attributes: { group: 12 } },
  "a convolution of lines": { op: "Conv", weight: [12, 8, 3], input: [1, 8, 9] },
  "a transposed convolution": { op: "ConvTranspose", weight: [8, 12, 3, 3], input: [1, 8, 4, 4] },
  "a grouped transposed convolution": { op: "ConvTranspose", weight: [8, 6, 3, 3], input: [1, 8, 4, 4], attributes: { group: 2 } },
  "a linear layer": { op: "Gemm", weight: [12, 32], input: [2, 32], attributes: { transB: 1 } },
  "a product": { op: "MatMul", weight: [32, 12], input: [2, 32] },
};

export const fileOf = ({ op, weight, input, attributes, opset = 13 }: Case, values: Float32Array): Uint8Array =>
  modelBytes({ opset, nodes: [{ op, inputs: ["x", "w"], outputs: ["y"], attributes }], initializers: [floats("w", weight, values)], inputs: [value("x", input)], outputs: [value("y")] });

export const size = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

export async function layerOf(one: Case, values = wave(size(one.weight))): Promise<{ model: Model; layer: Layer; rows: ReturnType<typeof toRows> }> {
  const model = await open(fileOf(one, values)), [layer] = findLayers(model);
  return { model, layer, rows: toRows(layer, (await readWeight(model, layer))!) };
}

/** The file with its one layer compressed, and its size as a plan would foresee it. */
export async function write<O extends object, P extends PackedWeight>(method: CompressionMethod<O, P>, model: Model, layer: Layer, packed: P, options: O, form: WeightForm = {}): Promise<{ bytes: Uint8Array; planned: number }> {
  const edit = await assemble(model, [{ layer, method: method.id, options }], async () => ({ layer, packed, absorbed: [], sqnrDb: 0 }), [], "{}", form);
  const blank = { layer, packed: method.blank(layer, options, packed.scaleStorage === "elsewhere") };
  return { bytes: await edit.toBytes(), planned: sizesOf(model, [blank], "{}", form).fileBytes() };
}

export async function run(bytes: Uint8Array, { input }: Case): Promise<ArrayLike<number>> {
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const { y } = await session.run({ x: new ort.Tensor("float32", wave(size(input), 9), input) });
  await session.release();
  return y.data as Float32Array;
}

export const plain: FitContext = { seed: 1, pool: inlinePool, scaleIsFree: false };
