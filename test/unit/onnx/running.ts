import { onnx } from "onnx-proto";
import * as ort from "onnxruntime-node";
import { isStandardDomain, type Model, type Node } from "../../../src/onnx/model";
import { DataType, elementsOf } from "../../../src/onnx/tensor";
import { samples } from "./testdata";

/** Runs a model and another one that should give the same. */

/** What differs between runs. */
const RANDOM = new Set(["Bernoulli", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial"]);
/** Dropout is for inference alone: no mask, no training mode. */
export const isTestable = ({ op, domain, inputs, outputs }: Node): boolean => isStandardDomain(domain) && !RANDOM.has(op) && !(op === "Dropout" && (inputs[2] || outputs[1]));

const ORT_TYPES = new Map<number, ort.Tensor.Type>([[DataType.FLOAT, "float32"], [DataType.DOUBLE, "float64"], [DataType.INT8, "int8"], [DataType.UINT8, "uint8"], [DataType.INT32, "int32"], [DataType.INT64, "int64"], [DataType.BOOL, "bool"]]);

/** A sample's tensor; undefined for types that are not tested here. */
function tensorOf(bytes: Uint8Array): ort.Tensor | undefined {
  const { dims, dataType, rawData } = onnx.TensorProto.decode(bytes), type = ORT_TYPES.get(dataType), sizes = dims.map(Number);
  const elements = type && (rawData.length || sizes.includes(0)) ? elementsOf(dataType, Uint8Array.from(rawData)) : undefined;
  return type && elements ? new ort.Tensor(type as "float32", elements as Float32Array, sizes) : undefined;
}

export const run = async (bytes: Uint8Array, feeds: Record<string, ort.Tensor>): Promise<ort.InferenceSession.ReturnType> => {
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 4 });
  try { return await session.run(feeds); } finally { await session.release(); }
};

/** Why two results are not the same. */
export function difference(a: ort.InferenceSession.ReturnType, b: ort.InferenceSession.ReturnType): string | undefined {
  for (const [name, want] of Object.entries(a)) {
    const got = b[name];
    if (want.type !== got.type || want.dims.join() !== got.dims.join()) return `${name} is ${got.type} ${got.dims.join("×")}, not ${want.type} ${want.dims.join("×")}`;
    const wanted = Array.from(want.data as ArrayLike<number>, Number), other = Array.from(got.data as ArrayLike<number>, Number);
    const at = wanted.findIndex((value, i) => !(Object.is(value, other[i]) || Math.abs(value - other[i]) <= 1e-6 * Math.max(1, Math.abs(value))));
    if (at >= 0) return `${name}[${at}] is ${other[at]}, not ${wanted[at]}`;
  }
  return undefined;
}

/** The samples beside a model and what it makes of them; undefined for types and operators that onnxruntime or these tests do not know. */
export async function knownRun(file: string, bytes: Uint8Array, { graph }: Model): Promise<{ feeds: Record<string, ort.Tensor>; want: ort.InferenceSession.ReturnType } | undefined> {
  try {
    const free = graph.inputs.filter(({ name }) => !graph.initializers.has(name));
    const feeds = Object.fromEntries(samples(file).inputs.map((sample, i) => [free[i].name, tensorOf(sample)!]));
    return { feeds, want: await run(bytes, feeds) };
  } catch {
    return undefined;
  }
}
