import * as ort from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { packBits } from "../../../src/numeric/bits";
import { floatToHalf } from "../../../src/numeric/half";
import { constantTensor, evaluateConstant, isOverridable, type ConstantCache } from "../../../src/onnx/constants";
import type { NodeSpec, TensorData } from "../../../src/onnx/edit";
import { DataType, readFloats, readInts } from "../../../src/onnx/tensor";
import { concat, floatField, intField, lenField } from "../../../src/onnx/wire";
import { attribute, bytesOf, floats, graphBytes, ints, modelBytes, nodeWith, open, value, wave } from "./models";

const data = (name: string, type: number, dims: number[], array: { buffer: ArrayBufferLike; byteOffset: number; byteLength: number }): TensorData => ({ name, type, dims, raw: bytesOf(array) });
const f = (name: string, dims: number[], values?: ArrayLike<number>): TensorData => floats(name, dims, values ?? wave(dims.reduce((a, b) => a * b, 1), name.charCodeAt(0)));
const i32 = (name: string, dims: number[], values: number[]): TensorData => data(name, DataType.INT32, dims, Int32Array.from(values));

interface Case { name: string; nodes: NodeSpec[]; initializers: TensorData[]; opset?: number; outputs?: string[] }
const unary = (op: string, attributes: NodeSpec["attributes"], ...initializers: TensorData[]): Omit<Case, "name"> => ({ nodes: [{ op, inputs: initializers.map(({ name }) => name), outputs: ["y"], attributes }], initializers });

const special = [0, -0, 1.5, -1.5, 2.5, -2.5, 1e-40, 3e38, -7.25, 1 / 3];
const cases: Case[] = [
  ...["Add", "Sub", "Mul", "Div"].flatMap((op) => [
    { name: `${op} floats, broadcast both ways`, ...unary(op, {}, f("a", [4, 1, 3]), f("b", [5, 1])) },
    { name: `${op} floats of all sizes`, ...unary(op, {}, f("a", [10, 1], special), f("b", [10], special.map((v) => v + 0.1))) },
    { name: `${op} int32, wrapping`, ...unary(op, {}, i32("a", [4], [7, -7, 2 ** 31 - 1, 65537]), i32("b", [4], [2, 2, 3, 65537])) },
    { name: `${op} int64`, ...unary(op, {}, ints("a", [7, -7, 2 ** 40]), ints("b", [2, 2, 3])) },
    { name: `${op} doubles`, ...unary(op, {}, data("a", DataType.DOUBLE, [2], Float64Array.of(1 / 3, 5)), data("b", DataType.DOUBLE, [2], Float64Array.of(0.1, 7))) },
  ]),
  { name: "Mod fmod floats", ...unary("Mod", { fmod: 1 }, f("a", [6], [5.5, -5.5, 1e7, 3, 0.3, 1023.75]), f("b", [6], [2, 2, 64, -2, 0.1, 64])) },
  { name: "Mod int32 with the divisor's sign", ...unary("Mod", {}, i32("a", [4], [7, -7, 7, -7]), i32("b", [4], [3, 3, -3, -3])) },
  { name: "Mod int64 as fmod", ...unary("Mod", { fmod: 1 }, ints("a", [7, -7, 7, -7]), ints("b", [3, 3, -3, -3])) },
  { name: "Floor", ...unary("Floor", {}, f("a", [10], special)) },
  ...[DataType.INT32, DataType.INT64, DataType.UINT8, DataType.DOUBLE, DataType.BOOL, DataType.FLOAT16].map((to) => ({ name: `Cast float to ${to}`, ...unary("Cast", { to }, f("a", [6], [0, 1.9, 200.5, 3, 0.1, 65504])) })),
  { name: "Cast uint8 to float", ...unary("Cast", { to: 1 }, data("a", DataType.UINT8, [3], Uint8Array.of(0, 7, 255))) },
  { name: "Cast float16 to float", ...unary("Cast", { to: 1 }, data("a", DataType.FLOAT16, [400], Uint16Array.from({ length: 400 }, (_, i) => i * 157 % 31744))) },
  { name: "Cast float to float16 and back, ties and denormals", nodes: [{ op: "Cast", inputs: ["a"], outputs: ["h"], attributes: { to: 10 } }, { op: "Cast", inputs: ["h"], outputs: ["y"], attributes: { to: 1 } }], initializers: [f("a", [2000], Float32Array.from(wave(2000), (v, i) => v * 2 ** (i % 50 - 30)))] },
  { name: "Cast int64 to int32", ...unary("Cast", { to: 6 }, ints("a", [1, -1, 2 ** 31 - 1])) },
  { name: "MatMul", ...unary("MatMul", {}, f("a", [7, 5]), f("b", [5, 3])) },
  { name: "MatMul of a batch", ...unary("MatMul", {}, f("a", [2, 3, 4]), f("b", [4, 2])) },
  { name: "Reshape with 0 and -1", ...unary("Reshape", {}, f("a", [2, 3, 4]), ints("s", [0, -1, 2])) },
  { name: "Transpose", ...unary("Transpose", { perm: [2, 0, 1] }, f("a", [2, 3, 4])) },
  { name: "Transpose without order", ...unary("Transpose", {}, f("a", [2, 3, 4])) },
  { name: "Concat", ...unary("Concat", { axis: -2 }, f("a", [2, 1, 3]), f("b", [2, 4, 3])) },
  { name: "Gather along an inner axis, from the end too", ...unary("Gather", { axis: 1 }, f("a", [2, 5, 3]), ints("i", [4, -1, 0, 2], [2, 2])) },
  { name: "Gather codewords with int32", ...unary("Gather", {}, f("a", [6, 9]), i32("i", [4], [5, 0, 0, 3])) },
  { name: "Gather long rows", ...unary("Gather", {}, f("a", [3, 40]), i32("i", [2], [2, 0])) },
  { name: "Unsqueeze, axes as input", ...unary("Unsqueeze", {}, f("a", [2, 3]), ints("x", [0, -1])) },
  { name: "Unsqueeze, axes as attribute", ...unary("Unsqueeze", { axes: [0, 2] }, f("a", [2, 3])), opset: 11 },
  { name: "Squeeze all", ...unary("Squeeze", {}, f("a", [1, 3, 1])) },
  { name: "Squeeze one", ...unary("Squeeze", {}, f("a", [1, 3, 1]), ints("x", [-1])) },
  { name: "Slice, steps back and to the end", ...unary("Slice", {}, f("a", [6, 5]), ints("s", [-1, 1]), ints("e", [-7, 2 ** 53 - 1]), ints("x", [0, 1]), ints("t", [-2, 2])) },
  { name: "Slice, by attributes", ...unary("Slice", { starts: [1], ends: [-1], axes: [1] }, f("a", [2, 5])), opset: 9 },
  { name: "Split by input", nodes: [{ op: "Split", inputs: ["a", "s"], outputs: ["y", "z"], attributes: { axis: 1 } }], initializers: [f("a", [2, 5]), ints("s", [2, 3])], outputs: ["y", "z"] },
  { name: "Split by attribute", nodes: [{ op: "Split", inputs: ["a"], outputs: ["y", "z"], attributes: { split: [1, 4] } }], initializers: [f("a", [5, 2])], opset: 11, outputs: ["y", "z"] },
  { name: "Split evenly", nodes: [{ op: "Split", inputs: ["a"], outputs: ["y", "z"] }], initializers: [f("a", [4])], outputs: ["y", "z"] },
  { name: "Split unevenly", nodes: [{ op: "Split", inputs: ["a"], outputs: ["y", "z", "w"], attributes: { num_outputs: 3 } }], initializers: [f("a", [7])], opset: 18, outputs: ["y", "z", "w"] },
  ...["LEFT", "RIGHT"].map((direction) => ({ name: `BitShift ${direction}`, ...unary("BitShift", { direction }, data("a", DataType.UINT8, [4], Uint8Array.of(255, 1, 128, 77)), data("b", DataType.UINT8, [4], Uint8Array.of(1, 7, 3, 0))) })),
  ...["BitwiseAnd", "BitwiseOr"].map((op) => ({ name: op, ...unary(op, {}, data("a", DataType.UINT32, [2], Uint32Array.of(2 ** 32 - 1, 5)), data("b", DataType.UINT32, [2], Uint32Array.of(2 ** 31, 6))), opset: 18 })),
  { name: "DequantizeLinear", ...unary("DequantizeLinear", {}, data("a", DataType.UINT8, [3], Uint8Array.of(0, 7, 255)), f("s", [], [0.3]), data("z", DataType.UINT8, [], Uint8Array.of(5))) },
  { name: "DequantizeLinear by channel", ...unary("DequantizeLinear", { axis: 1 }, data("a", DataType.INT8, [2, 3, 2], Int8Array.from({ length: 12 }, (_, i) => i * 21 - 128)), f("s", [3]), data("z", DataType.INT8, [3], Int8Array.of(1, 2, 3))) },
  { name: "Range of int64", ...unary("Range", {}, ints("a", [5], []), ints("b", [40], []), ints("c", [7], [])) },
  { name: "Range of floats, downwards", ...unary("Range", {}, f("a", [], [1]), f("b", [], [-1]), f("c", [], [-0.3])) },
  { name: "EyeLike of ConstantOfShape", nodes: [{ op: "ConstantOfShape", inputs: ["s"], outputs: ["z"] }, { op: "EyeLike", inputs: ["z"], outputs: ["y"], attributes: { k: 1 } }], initializers: [ints("s", [4, 6])] },
  ...[0, 1].map((largest) => ({ name: `TopK, largest ${largest}`, nodes: [{ op: "TopK", inputs: ["a", "k"], outputs: ["z", "y"], attributes: { largest } }], initializers: [ints("a", [3, 9, -4, 9, 7, 1, 2, 2, 0, 5], [2, 5]), ints("k", [4])], outputs: ["y", "z"] })),
  { name: "Conv of lines, in groups", ...unary("Conv", { strides: [2], group: 2 }, f("a", [3, 4, 11]), f("b", [6, 2, 4])) },
  { name: "DequantizeLinear by blocks", ...unary("DequantizeLinear", { axis: 1, block_size: 2 }, data("a", DataType.INT8, [2, 4], Int8Array.from([1, 2, 3, 4, 5, 6, 7, 8])), f("s", [2, 2])), opset: 21 },
];

const ortType: Record<string, number> = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, float16: 10, float64: 11, uint32: 12 };

describe("constants as onnxruntime computes them, bit for bit", () => {
  test.each(cases)("$name", async ({ nodes, initializers, opset = 13, outputs = ["y"] }) => {
    const bytes = modelBytes({ nodes, initializers, opset, outputs: outputs.map((name) => concat([lenField(1, new TextEncoder().encode(name))])) });
    const model = await open(bytes), session = await ort.InferenceSession.create(bytes, { graphOptimizationLevel: "disabled", logSeverityLevel: 3 }), expected = await session.run({});
    for (const name of outputs) {
      const found = await evaluateConstant(model, model.graph, name), wanted = expected[name];
      expect([found?.dims, found?.type]).toEqual([[...wanted.dims], ortType[wanted.type]]);
      const own = found!.type === DataType.FLOAT16 ? Uint16Array.from(found!.data as Float32Array, floatToHalf) : found!.data;
      expect(bytesOf(own)).toEqual(bytesOf(wanted.data as Float32Array));
    }
  });
});

test("the cache keeps what is still to be used or was asked for, and lets go of the rest", async () => {
  const nodes = [{ op: "Cast", inputs: ["codes"], outputs: ["wide"], attributes: { to: DataType.FLOAT } }, { op: "Mul", inputs: ["wide", "step"], outputs: ["pool"] }, { op: "Split", inputs: ["pool", "lengths"], outputs: ["a", "b"] }, { op: "Reshape", inputs: ["a", "shape"], outputs: ["v"] }, { op: "Reshape", inputs: ["b", "shape"], outputs: ["w"] }];
  const model = await open(modelBytes({ nodes, initializers: [data("codes", DataType.UINT8, [8], Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)), f("step", [], [0.5]), ints("lengths", [4, 4]), ints("shape", [2, 2])] }));
  const given = { dims: [], type: DataType.FLOAT, data: Float32Array.of(0.25) }, cache: ConstantCache = new Map([[model.graph, new Map([["step", given]])]]), read = async (name: string) => [...(await evaluateConstant(model, model.graph, name, cache))!.data], kept = () => [...cache.get(model.graph)!.keys()].sort();
  expect(await read("v")).toEqual([0.25, 0.5, 0.75, 1]);
  expect(kept()).toEqual(["b", "shape", "step", "v"]);
  expect(await read("w")).toEqual([1.25, 1.5, 1.75, 2]);
  expect(kept()).toEqual(["step", "v", "w"]);
  expect(await read("a")).toEqual([0.25, 0.5, 0.75, 1]);
});

test("bits unpack through Cast, MatMul, Floor and Mod, for every width, and the cache shares the work", async () => {
  for (const bits of [1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 13]) {
    const group = [1, 8, 4, 8, 2, 8, 4, 8][bits & 7], width = group * bits / 8, count = group * 5, codes = Array.from({ length: count }, (_, i) => (i * 2654435761) % 2 ** bits);
    const window = new Float32Array(width * group);
    for (let code = 0; code < group; code++) for (let byte = (code * bits) >> 3; byte <= (code * bits + bits - 1) >> 3; byte++) window[byte * group + code] = 2 ** (8 * byte - code * bits);
    const bytes = modelBytes({
      initializers: [data("p", DataType.UINT8, [5, width], packBits(codes, bits)), floats("m", [width, group], window), floats("r", [], [2 ** bits]), ints("s", [-1])],
      nodes: [{ op: "Cast", inputs: ["p"], outputs: ["a"], attributes: { to: 1 } }, { op: "MatMul", inputs: ["a", "m"], outputs: ["b"] }, { op: "Floor", inputs: ["b"], outputs: ["c"] }, { op: "Mod", inputs: ["c", "r"], outputs: ["d"], attributes: { fmod: 1 } }, { op: "Reshape", inputs: ["d", "s"], outputs: ["y"] }],
      outputs: [value("y", [count])],
    });
    const model = await open(bytes), cache: ConstantCache = new Map(), found = await evaluateConstant(model, model.graph, "y", cache);
    expect([...found!.data]).toEqual(codes);
    expect((await evaluateConstant(model, model.graph, "y", cache))!.data).toBe(found!.data);
    expect([...(await (await ort.InferenceSession.create(bytes)).run({})).y.data as Float32Array]).toEqual(codes);
  }
});

test("what is no constant is undefined: inputs, unknown operators, circles, indices out of range", async () => {
  const model = await open(modelBytes({
    inputs: [value("x", [2]), value("over", [2])], initializers: [floats("w", [2], [1, 2]), floats("over", [2], [3, 4]), ints("far", [9])],
    nodes: [{ op: "Add", inputs: ["x", "w"], outputs: ["a"] }, { op: "Sin", inputs: ["w"], outputs: ["b"] }, { op: "Add", inputs: ["d", "w"], outputs: ["c"] }, { op: "Add", inputs: ["c", "w"], outputs: ["d"] }, { op: "Add", inputs: ["over", "w"], outputs: ["e"] }, { op: "Gather", inputs: ["w", "far"], outputs: ["f"] }, { op: "Identity", inputs: ["i2"], outputs: ["i1"] }, { op: "Identity", inputs: ["i1"], outputs: ["i2"] }, { op: "Identity", inputs: ["over"], outputs: ["o"] }, { op: "Add", domain: "custom", inputs: ["w", "w"], outputs: ["g"] }],
  }));
  for (const name of ["a", "b", "c", "e", "f", "i1", "x", "over", "g", "nothing"]) expect(await evaluateConstant(model, model.graph, name), name).toBeUndefined();
  expect([constantTensor(model.graph, "over"), constantTensor(model.graph, "i1"), isOverridable(model.graph, "o"), isOverridable(model.graph, "w")]).toEqual([undefined, undefined, true, false]);
});

test("constants in all forms, through Identity and from graphs around", async () => {
  const model = await open(modelBytes({
    initializers: [floats("w", [2], [1, 2])], outputs: [value("y")],
    nodes: [
      { op: "Constant", inputs: [], outputs: ["t"], attributes: { value: { tensor: floats("", [1], [7]) } } }, { op: "Constant", inputs: [], outputs: ["ints"], attributes: { value_ints: [3, -4] } }, { op: "Constant", inputs: [], outputs: ["int"], attributes: { value_int: 5 } },
      { op: "Constant", inputs: [], outputs: ["floats"], attributes: { value_floats: { floats: [0.5, 1.5] } } }, nodeWith({ op: "Constant", inputs: [], outputs: ["packed"] }, attribute("value_floats", 6, lenField(7, bytesOf(Float32Array.of(1, 2, 3))))), nodeWith({ op: "Constant", inputs: [], outputs: ["float"] }, attribute("value_float", 1, floatField(2, 2.5))),
      nodeWith({ op: "Constant", inputs: [], outputs: ["big"] }, attribute("value_int", 2, intField(3, 2 ** 53 - 1))),
      { op: "Identity", inputs: ["w"], outputs: ["v"] }, { op: "Identity", inputs: ["v"], outputs: ["u"] },
      nodeWith({ op: "If", inputs: ["c"], outputs: ["y"] }, attribute("then_branch", 5, lenField(6, graphBytes({ nodes: [{ op: "Relu", inputs: ["u"], outputs: ["z"] }], outputs: [value("z")] })))),
    ],
  }));
  const get = (name: string) => constantTensor(model.graph, name)!;
  expect([...await readFloats(model, get("t"))]).toEqual([7]);
  expect([await readInts(model, get("ints")), get("ints").dims, await readInts(model, get("int")), get("int").dims, await readInts(model, get("big"))]).toEqual([[3, -4], [2], [5], [], [2 ** 53 - 1]]);
  expect([[...await readFloats(model, get("floats"))], [...await readFloats(model, get("packed"))], [...await readFloats(model, get("float"))]]).toEqual([[0.5, 1.5], [1, 2, 3], [2.5]]);
  expect(constantTensor(model.graphs[1], "u")).toBe(model.graph.initializers.get("w"));
});

test("a chain a hundred thousand nodes long is no matter for the call stack", async () => {
  const nodes = Array.from({ length: 100_000 }, (_, i) => ({ op: "Add", inputs: [i ? `v${i - 1}` : "one", "one"], outputs: [`v${i}`] }));
  const model = await open(modelBytes({ nodes, initializers: [floats("one", [1], [1])] }));
  expect([...(await evaluateConstant(model, model.graph, "v99999"))!.data]).toEqual([100_001]);
});
