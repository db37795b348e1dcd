import { readFileSync } from "node:fs";
import { onnx } from "onnx-proto";
import * as ort from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { findLayers } from "../../../src/onnx/layers";
import { inferShapes, macs } from "../../../src/onnx/shapes";
import { DataType } from "../../../src/onnx/tensor";
import { floats, ints, modelBytes, open, smallNetwork, value, wave } from "./models";
import { nameOf, samples, testdataModels } from "./testdata";

const models = testdataModels();

describe.skipIf(!models.length)("shapes of libonnx-testdata", () => {
  test("are never wrong, and known for the operators of convolutional networks", async () => {
    let known = 0;
    const wrong: string[] = [];
    for (const file of models) {
      const model = await open(new Uint8Array(readFileSync(file))), { inputs, outputs } = samples(file);
      const declared = model.graph.inputs.filter(({ name }) => !model.graph.initializers.has(name));
      // the values that the file's test gives, as constants: they decide shapes of Reshape, Pad, Slice
      for (const [i, bytes] of inputs.entries()) {
        const given = onnx.TensorProto.decode(bytes), dims = given.dims.map(Number), count = dims.reduce((a, b) => a * b, 1);
        const isInt = given.dataType === DataType.INT64, isFloat = given.dataType === DataType.FLOAT;
        if (!declared[i] || count > 16 || !(isInt || isFloat) || !given.rawData.length) continue;
        const raw = Uint8Array.from(given.rawData).buffer, values = isInt ? Array.from(new BigInt64Array(raw), Number) : [...new Float32Array(raw)];
        model.graph.initializers.set(declared[i].name, { name: declared[i].name, dims, type: given.dataType, count, bytes: 0, storage: { kind: "none" }, values, externalFields: [], otherFields: [] });
      }
      model.graph.outputs.forEach((output) => { output.shape = undefined; });
      const shapes = inferShapes(model);
      for (const [i, bytes] of outputs.entries()) {
        const found = shapes.get(model.graph.outputs[i]?.name ?? "");
        let wanted: number[];
        try { wanted = onnx.TensorProto.decode(bytes).dims.map(Number); } catch { continue; }
        if (!found || found.includes("?")) continue;
        if (found.join() === wanted.join()) known++;
        else wrong.push(`${nameOf(file)} ${model.graph.nodes.map(({ op }) => op).join()}: ${found.join("×")} for ${wanted.join("×")}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(known).toBeGreaterThan(600);
  });
});

test("a symbolic batch stays one, through Shape arithmetic as exporters write it", async () => {
  const model = await open(modelBytes({
    inputs: [value("x", ["N", 3, 10, 10])], outputs: [value("y")],
    initializers: [floats("w", [4, 3, 3, 3], wave(108)), ints("zero", [0]), ints("index", [0], []), ints("minus", [-1]), ints("two", [2, 2, 2, 2]), floats("scales", [4], [1, 1, 2.5, 2.5])],
    nodes: [
      { op: "Conv", inputs: ["x", "w"], outputs: ["a"], attributes: { strides: [2, 2] } }, { op: "Resize", inputs: ["a", "", "scales"], outputs: ["r"] }, { op: "MaxPool", inputs: ["r"], outputs: ["p"], attributes: { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 } },
      { op: "Shape", inputs: ["p"], outputs: ["s"] }, { op: "Gather", inputs: ["s", "index"], outputs: ["n"] }, { op: "Unsqueeze", inputs: ["n", "zero"], outputs: ["n1"] }, { op: "Concat", inputs: ["n1", "minus"], outputs: ["t"], attributes: { axis: 0 } },
      { op: "Reshape", inputs: ["p", "t"], outputs: ["y"] },
    ],
  }));
  const shapes = inferShapes(model);
  expect(["a", "r", "p", "t", "y"].map((name) => shapes.get(name))).toEqual([["N", 4, 4, 4], ["N", 4, 10, 10], ["N", 4, 5, 5], [2], ["N", 100]]);
  const bytes = modelBytes({ inputs: [value("x", ["N", 3, 10, 10])], outputs: ["a", "r", "p", "y"].map((name) => value(name)), nodes: model.graph.nodes.map(({ op, inputs, outputs, attributes }) => ({ op, inputs, outputs, attributes: Object.fromEntries([...attributes].map(([name, { i, ints }]) => [name, ints.length ? ints : i ?? 0])) })), initializers: [floats("w", [4, 3, 3, 3], wave(108)), ints("zero", [0]), ints("index", [0], []), ints("minus", [-1]), floats("scales", [4], [1, 1, 2.5, 2.5])] });
  const results = await (await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 })).run({ x: new ort.Tensor("float32", wave(1500), [5, 3, 10, 10]) });
  for (const name of ["a", "r", "p", "y"]) expect(shapes.get(name)!.map((dim) => (dim === "N" ? 5 : dim))).toEqual([...results[name].dims]);
});

test("a size in the file goes before what is inferred, and that before a name that an exporter made up", async () => {
  const model = await open(smallNetwork({ valueInfo: [value("a", ["unk__0", 8, "unk__1", 4])] })), shapes = inferShapes(model);
  expect([shapes.get("a"), shapes.get("b")]).toEqual([["N", 8, 8, 4], ["N", 8, 8, 4]]);
});

test("multiply-accumulates for one sample", async () => {
  const model = await open(smallNetwork()), shapes = inferShapes(model);
  expect(findLayers(model).map((layer) => macs(layer, shapes))).toEqual([216 * 64, 128 * 64, 192]);
  const transposed = await open(modelBytes({ inputs: [value("x", ["N", 4, 5, 6]), value("t", ["N", 7, 4])], initializers: [floats("w", [4, 2, 3, 3], wave(72)), floats("m", [4, 9], wave(36))], nodes: [{ op: "ConvTranspose", inputs: ["x", "w"], outputs: ["y"], attributes: { strides: [2, 2], group: 2, output_padding: [1, 1] } }, { op: "MatMul", inputs: ["t", "m"], outputs: ["z"] }] }));
  const more = inferShapes(transposed);
  expect([more.get("y"), more.get("z"), ...findLayers(transposed).map((layer) => macs(layer, more))]).toEqual([["N", 4, 12, 14], ["N", 7, 9], 72 * 30, 36 * 7]);
});

test("pooling has the sizes that onnxruntime gives it, with every padding, rounded up or down, with gaps in the window", async () => {
  const wrong: string[] = [];
  for (const op of ["MaxPool", "AveragePool"]) for (const auto of ["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"]) for (const ceil of [0, 1]) for (const [kernel, stride, gap, pad, size] of [[2, 2, 1, 0, 7], [3, 2, 1, 1, 8], [3, 2, 1, 1, 9], [3, 3, 2, 2, 11], [2, 3, 3, 0, 13], [3, 1, 2, 2, 6], [4, 3, 1, 2, 6]]) {
    if (auto.startsWith("SAME") && gap > 1) continue; // onnxruntime counts the window without its gaps
    const attributes = { kernel_shape: [kernel, kernel], strides: [stride, stride], dilations: [gap, gap], ceil_mode: ceil, auto_pad: auto, ...(auto === "NOTSET" && { pads: [pad, pad, pad, pad] }) };
    const bytes = modelBytes({ opset: 19, inputs: [value("x", [1, 2, size, size + 3])], outputs: [value("y")], nodes: [{ op, inputs: ["x"], outputs: ["y"], attributes }] });
    const found = inferShapes(await open(bytes)).get("y"), { y } = await (await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 })).run({ x: new ort.Tensor("float32", wave(2 * size * (size + 3)), [1, 2, size, size + 3]) });
    if (found?.join() !== y.dims.join()) wrong.push(`${op} ${auto} ceil ${ceil} kernel ${kernel} stride ${stride} gap ${gap} of ${size}: ${found?.join("×")} for ${y.dims.join("×")}`);
  }
  expect(wrong).toEqual([]);
});

test("a size that is not known stays what it is where a window is padded by what it takes", async () => {
  const pool = (name: string, attributes: Record<string, number[]>) => ({ op: "MaxPool", inputs: ["x"], outputs: [name], attributes });
  const shapes = inferShapes(await open(modelBytes({
    inputs: [value("x", ["N", 3, "H", "W"])], outputs: [value("kept")], initializers: [floats("w", [4, 3, 5, 5], wave(300))],
    nodes: [pool("kept", { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }), pool("gaps", { kernel_shape: [3, 3], dilations: [2, 2], pads: [2, 2, 2, 2] }), pool("halved", { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 1] }), pool("less", { kernel_shape: [3, 3], pads: [1, 0, 1, 0] }), { op: "Conv", inputs: ["x", "w"], outputs: ["conv"], attributes: { pads: [2, 2, 2, 2] } }],
  })));
  expect(["kept", "gaps", "halved", "less", "conv"].map((name) => shapes.get(name)?.join())).toEqual(["N,3,H,W", "N,3,H,W", "N,3,?,W", "N,3,H,?", "N,4,H,W"]);
});
