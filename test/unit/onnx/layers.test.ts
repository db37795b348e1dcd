import { expect, test } from "vitest";
import { ModelEdit } from "../../../src/onnx/edit";
import { findLayers, readWeight } from "../../../src/onnx/layers";
import { DataType, readFloats } from "../../../src/onnx/tensor";
import { concat, intField, lenField, textField } from "../../../src/onnx/wire";
import { attribute, bytesOf, floats, graphBytes, ints, modelBytes, type ModelParts, nodeWith, open, smallNetwork, value, wave } from "./models";

const conv = (weight: string, output: string, input = "x") => ({ op: "Conv", inputs: [input, weight], outputs: [output] });
const w = (name: string, dims = [4, 3, 3, 3]) => floats(name, dims, wave(dims.reduce((a, b) => a * b, 1), name.length));
const layersOf = async (parts: ModelParts) => {
  const model = await open(modelBytes({ inputs: [value("x", ["N", 3, 8, 8])], outputs: [value("y")], ...parts }));
  return { model, layers: findLayers(model) };
};

test("layers of a plain network", async () => {
  const model = await open(smallNetwork()), layers = findLayers(model);
  expect(layers.map(({ id, label, op, dims, groups, outputAxis, parameters, convolution, blocked }) => [id, label, op, dims, groups, outputAxis, parameters, convolution, blocked])).toEqual([
    ["first.weight", "first", "Conv", [8, 3, 3, 3], 1, 0, 216, true, undefined], ["second.weight", "second", "Conv", [16, 8, 1, 1], 1, 0, 128, true, undefined], ["fc.weight", "fc", "Gemm", [12, 16], 1, 0, 192, false, undefined],
  ]);
  expect(layers[0].bytes).toBe(model.graph.initializers.get("first.weight")!.bytes);
});

test("output channels by operator; a weight may be either factor of a product", async () => {
  const { layers } = await layersOf({
    initializers: [w("t", [3, 4, 3, 3]), w("m", [5, 6]), w("g", [6, 7]), w("left", [9, 8])],
    nodes: [{ op: "ConvTranspose", inputs: ["x", "t"], outputs: ["a"], attributes: { group: 1 } }, { op: "MatMul", inputs: ["p", "m"], outputs: ["b"] }, { op: "Gemm", inputs: ["b", "g"], outputs: ["c"] }, { op: "MatMul", inputs: ["left", "x"], outputs: ["y"] }, { op: "MatMul", inputs: ["b", "c"], outputs: ["z"] }, { op: "MatMul", inputs: ["m", "g"], outputs: ["constant"] }],
    inputs: [value("x", ["N", 3, 8, 8]), value("p", ["N", 5])],
  });
  expect(layers.map(({ weight, op, outputAxis }) => [weight, op, outputAxis])).toEqual([["t", "ConvTranspose", 1], ["m", "MatMul", 1], ["g", "Gemm", 1], ["left", "MatMul", 0]]);
});

test("a weight that feeds several layers is one; where they read it differently it is left alone", async () => {
  const { layers } = await layersOf({ initializers: [w("s"), w("d", [3, 3, 3, 3])], nodes: [conv("s", "a"), conv("s", "b"), { ...conv("d", "c"), attributes: { group: 1 } }, { op: "ConvTranspose", inputs: ["x", "d"], outputs: ["y"] }] });
  expect(layers.map(({ weight, consumers, blocked }) => [weight, consumers.length, blocked])).toEqual([["s", 2, undefined], ["d", 2, "It feeds layers that read it in different ways."]]);
});

test("weights in Constant nodes, behind Identity, Cast and Transpose are found with all that makes them", async () => {
  const half = { name: "h", dims: [4, 3, 3, 3], type: DataType.FLOAT16, raw: bytesOf(Uint16Array.from({ length: 108 }, (_, i) => 15000 + i)) };
  const { model, layers } = await layersOf({
    initializers: [w("i"), half, w("lin", [5, 3])],
    nodes: [
      { op: "Constant", inputs: [], outputs: ["c"], attributes: { value: { tensor: { ...w("c"), name: "" } } } }, conv("c", "a"), { op: "Identity", inputs: ["i"], outputs: ["i2"] }, conv("i2", "b"),
      { op: "Cast", inputs: ["h"], outputs: ["h2"], attributes: { to: 1 } }, conv("h2", "d"), { op: "Transpose", inputs: ["lin"], outputs: ["lin2"], attributes: { perm: [1, 0] } }, { op: "MatMul", inputs: ["x", "lin2"], outputs: ["y"] },
    ],
  });
  expect(layers.map(({ weight, dims, type, blocked, tensor, subgraph }) => [weight, dims, type, blocked, !!tensor, subgraph.nodes.map(({ op }) => op), subgraph.tensors.map(({ name }) => name)])).toEqual([
    ["c", [4, 3, 3, 3], 1, undefined, true, ["Constant"], []], ["i2", [4, 3, 3, 3], 1, undefined, true, ["Identity"], ["i"]],
    ["h2", [4, 3, 3, 3], 1, undefined, false, ["Cast"], ["h"]], ["lin2", [3, 5], 1, undefined, false, ["Transpose"], ["lin"]],
  ]);
  expect(layers[0].bytes).toBe(model.graph.nodes[0].bytes);
  const plain = await readFloats(model, model.graph.initializers.get("lin")!), moved = await readWeight(model, layers[3]);
  expect([...moved!]).toEqual(Array.from({ length: 15 }, (_, i) => plain[(i % 5) * 3 + Math.floor(i / 5)]));
  expect((await readWeight(model, layers[2]))!.length).toBe(108);
});

test("a weight is quantized also where the scales of many layers, in one tensor, take more than its own codes", async () => {
  const { layers } = await layersOf({
    initializers: [{ name: "codes", dims: [4, 3, 3, 3], type: DataType.UINT8, raw: new Uint8Array(108) }, w("scales", [100, 1, 1, 1]), ints("sizes", [4, 96])],
    nodes: [{ op: "Cast", inputs: ["codes"], outputs: ["floats"], attributes: { to: 1 } }, { op: "Split", inputs: ["scales", "sizes"], outputs: ["own", "others"] }, { op: "Mul", inputs: ["floats", "own"], outputs: ["weight"] }, conv("weight", "y")],
  });
  expect(layers.map(({ id, blocked }) => [id, blocked])).toEqual([["weight", "It is already quantized (stored as uint8)."]]);
});

test("what has to stay as it is says why", async () => {
  const body = (weight: string) => graphBytes({ nodes: [conv(weight, "inner")], initializers: [w("own")], outputs: [value("inner")] });
  const { layers } = await layersOf({
    inputs: [value("x", ["N", 3, 8, 8]), value("over", [4, 3, 3, 3]), value("given", [4, 3, 3, 3]), value("c", [], DataType.BOOL)], outputs: [value("y"), value("out")], domains: { custom: 1, local: 1 },
    initializers: [
      w("over"), w("out"), w("used"), w("empty", [0, 3, 3, 3]), w("stack", [2, 3, 4]), w("mine"), w("shared"), w("viaFunction"), w("twice", [3, 3]), { name: "q", dims: [4, 3, 3, 3], type: DataType.INT8, raw: new Uint8Array(108) }, floats("scale", [], [0.1]), ints("zeroInt", [0]), w("sin"),
    ],
    nodes: [
      conv("over", "n0"), conv("given", "n1"), { op: "Mul", inputs: ["x", "x"], outputs: ["made"] }, conv("made", "n2"), conv("out", "n3"), conv("used", "n4"), { op: "Neg", inputs: ["used"], outputs: ["n5"] }, conv("empty", "n6"),
      { op: "MatMul", inputs: ["x", "stack"], outputs: ["n7"] }, { ...conv("mine", "n8"), domain: "custom" }, { op: "DequantizeLinear", inputs: ["q", "scale"], outputs: ["dq"] }, conv("dq", "n9"), { op: "ConvInteger", inputs: ["x", "q"], outputs: ["n10"] },
      { op: "Sin", inputs: ["sin"], outputs: ["sin2"] }, conv("sin2", "n11"), { op: "Block", domain: "local", inputs: ["x", "viaFunction"], outputs: ["n12"] },
      nodeWith({ op: "If", name: "choice", inputs: ["c"], outputs: ["y"] }, attribute("then_branch", 5, lenField(6, body("own"))), attribute("else_branch", 5, lenField(6, body("shared")))),
    ],
    modelFields: [lenField(25, textField(1, "Block"), textField(4, "a"), textField(4, "b"), textField(5, "y"), lenField(7, textField(1, "a"), textField(1, "b"), textField(2, "y"), textField(4, "Conv")), lenField(9, textField(1, ""), intField(2, 13)), textField(10, "local"))],
  });
  expect(Object.fromEntries(layers.map(({ id, blocked }) => [id, blocked]))).toEqual({
    over: "It is an input of the model too, so whoever runs the model may replace it.", given: "It is computed when the model runs.", made: "It is computed when the model runs.", out: "It is an output of the model too.", used: "A node Neg uses it too.",
    empty: "It has no elements.", stack: "It is no matrix but has the shape 2×3×4.", mine: "Conv is no standard operator but one of custom, for which nothing is known.", dq: "It is already quantized (stored as int8).", q: "It is already quantized (ConvInteger).",
    sin2: "It comes out of a node Sin, which cannot be computed ahead.", viaFunction: "It is used inside the function Block, which is left as it is.",
    "choice/then_branch/own": "It is used in the body of a node If, which is left as it is.", shared: "It is used in the body of a node If, which is left as it is.",
  });
  expect(layers.find(({ id }) => id === "dq")).toMatchObject({ dims: [4, 3, 3, 3], type: DataType.FLOAT });
});

test("repeated and empty node names give bodies paths of their own, which saving keeps", async () => {
  const branch = (name: string, weight: string) => attribute(name, 5, lenField(6, graphBytes({ nodes: [conv(weight, `${weight}.y`)], initializers: [w(weight)], outputs: [value(`${weight}.y`)] })));
  const bytes = modelBytes({ inputs: [value("x", ["N", 3, 8, 8]), value("c", [], DataType.BOOL)], nodes: [["same", "p"], ["same", "q"], ["", "r"]].map(([name, weight]) => nodeWith({ op: "If", name, inputs: ["c"], outputs: [weight] }, branch("then_branch", `${weight}1`), branch("else_branch", `${weight}1`))) });
  const model = await open(bytes), ids = findLayers(model).map(({ id }) => id);
  expect(ids).toEqual(["same/then_branch/p1", "same/else_branch/p1", "If_1/then_branch/q1", "If_1/else_branch/q1", "If_2/then_branch/r1", "If_2/else_branch/r1"]);
  const edit = new ModelEdit(model);
  edit.setMetadata("k", "v");
  expect(findLayers(await open(await edit.toBytes())).map(({ id }) => id)).toEqual(ids);
});

test("below IR version 4 a graph input that is an initializer is a constant", async () => {
  const { layers } = await layersOf({ ir: 3, inputs: [value("x", ["N", 3, 8, 8]), value("w", [4, 3, 3, 3])], initializers: [w("w")], nodes: [conv("w", "y")] });
  expect(layers[0].blocked).toBeUndefined();
});

test("sparse weights are shown with their reason", async () => {
  const values = concat([intField(1, 1), intField(2, 1), textField(8, "sp"), lenField(9, new Uint8Array(4))]), indices = concat([intField(1, 1), intField(2, 7), lenField(7, Uint8Array.of(0))]);
  const { layers } = await layersOf({ nodes: [conv("sp", "y")], more: [lenField(15, lenField(1, values), lenField(2, indices), intField(3, 4), intField(3, 3), intField(3, 3), intField(3, 3))] });
  expect(layers.map(({ id, dims, blocked }) => [id, dims, blocked])).toEqual([["sp", [4, 3, 3, 3], "It is stored as a sparse tensor."]]);
});
