import { expect, test } from "vitest";
import { inspectLayers } from "../../../src/compression/report";
import type { NodeSpec, TensorData } from "../../../src/onnx/encode";
import { DataType } from "../../../src/onnx/tensor";
import { findLayers, readWeight } from "../../../src/onnx/layers";
import { dynamicConv, dynamicValues, dynamicWeights, floats, modelBytes, open, value, wave } from "./models";

const bytes = (name: string, type: number, values: number[], dims = [values.length]): TensorData => ({ name, dims, type, raw: Uint8Array.from(values) });
const scalar = (name: string, v: number): TensorData => floats(name, [], [v]);
const zero = (name: string, v: number): TensorData => bytes(name, DataType.UINT8, [v], []);
const weights = (count: number): number[] => Array.from({ length: count }, (_, i) => i % 7);
const inspect = async (nodes: NodeSpec[], initializers: TensorData[]) => (await inspectLayers(await open(modelBytes({ inputs: [value("x", [1, 3, 8, 8])], outputs: [value("y")], nodes, initializers })))).layers;

test("layers between pairs that round values tell their scales, zero points and axis; a layer without says that it stays float", async () => {
  const [rounded, plain] = await inspect([
    { op: "QuantizeLinear", inputs: ["x", "xs", "xz"], outputs: ["xq"] }, { op: "DequantizeLinear", inputs: ["xq", "xs", "xz"], outputs: ["xd"] },
    { op: "DequantizeLinear", inputs: ["wq", "ws", "wz"], outputs: ["w"], attributes: { axis: 0 } }, { op: "Conv", inputs: ["xd", "w"], outputs: ["a"], attributes: { kernel_shape: [1, 1] } }, { op: "Relu", inputs: ["a"], outputs: ["b"] },
    { op: "QuantizeLinear", inputs: ["b", "bs", "bz"], outputs: ["bq"] }, { op: "DequantizeLinear", inputs: ["bq", "bs", "bz"], outputs: ["bd"] }, { op: "Conv", inputs: ["bd", "v"], outputs: ["y"] },
  ], [scalar("xs", 0.5), zero("xz", 3), bytes("wq", DataType.UINT8, weights(12), [4, 3, 1, 1]), floats("ws", [4], [0.25, 0.125, 0.5, 2]), bytes("wz", DataType.UINT8, [128, 128, 128, 127]), scalar("bs", 0.0625), zero("bz", 0), floats("v", [2, 4, 1, 1], wave(8))]);
  expect(rounded.grids).toEqual({ weight: { type: "uint8", scales: 4, scale: [0.125, 2], zeroPoint: [127, 128], axis: 0 }, input: { type: "uint8", scales: 1, scale: [0.5, 0.5], zeroPoint: [3, 3] }, output: { type: "uint8", scales: 1, scale: [0.0625, 0.0625], zeroPoint: [0, 0] } });
  expect([rounded.staysFloat, plain.staysFloat, plain.grids]).toEqual([undefined, true, undefined]);
  expect(plain.bitsPerWeight).toBe(32); // a name and a shape beside 8 weights count in their bytes alone
  expect(8 * plain.bytes / 8).toBeGreaterThan(32);
});

test("beside layers whose bias is integers, too, one with a bias of floats stays float; where all are floats nothing is told from that", async () => {
  const layer = (x: string, bias: string, y: string): NodeSpec[] => [{ op: "QuantizeLinear", inputs: [x, "s", "z"], outputs: [`${x}q`] }, { op: "DequantizeLinear", inputs: [`${x}q`, "s", "z"], outputs: [`${x}d`] }, { op: "Conv", inputs: [`${x}d`, `w${y}`, bias], outputs: [y] }];
  const weight = (y: string): NodeSpec => ({ op: "DequantizeLinear", inputs: [`q${y}`, "s", "z"], outputs: [`w${y}`] }), constants = [scalar("s", 0.5), zero("z", 3), bytes("qa", DataType.UINT8, weights(9), [3, 3, 1, 1]), bytes("qy", DataType.UINT8, weights(9), [3, 3, 1, 1]), floats("bias", [3], wave(3)), { name: "whole", dims: [3], type: DataType.INT32, raw: new Uint8Array(12) }];
  const staysFloat = async (first: string) => (await inspect([weight("a"), weight("y"), { op: "DequantizeLinear", inputs: ["whole", "s"], outputs: ["integers"] }, ...layer("x", first, "a"), ...layer("a", "bias", "y")], constants)).map((row) => row.staysFloat);
  expect(await staysFloat("integers")).toEqual([undefined, true]);
  expect(await staysFloat("bias")).toEqual([undefined, undefined]);
});

test("operators on integers tell them too, and a model of floats has none", async () => {
  const [layer] = await inspect([{ op: "QuantizeLinear", inputs: ["x", "xs", "xz"], outputs: ["xq"] }, { op: "QLinearConv", inputs: ["xq", "xs", "xz", "wq", "ws", "wz", "ys", "yz"], outputs: ["yq"] }, { op: "DequantizeLinear", inputs: ["yq", "ys", "yz"], outputs: ["y"] }],
    [scalar("xs", 0.5), zero("xz", 3), bytes("wq", DataType.INT8, weights(12), [4, 3, 1, 1]), scalar("ws", 0.25), bytes("wz", DataType.INT8, [0], []), scalar("ys", 1), zero("yz", 9)]);
  expect(layer.grids).toEqual({ weight: { type: "int8", scales: 1, scale: [0.25, 0.25], zeroPoint: [0, 0] }, input: { type: "uint8", scales: 1, scale: [0.5, 0.5], zeroPoint: [3, 3] }, output: { type: "uint8", scales: 1, scale: [1, 1], zeroPoint: [9, 9] } });
  const [floating] = await inspect([{ op: "Conv", inputs: ["x", "w"], outputs: ["y"] }], [floats("w", [2, 3, 1, 1], wave(6))]);
  expect([floating.grids, floating.staysFloat]).toEqual([undefined, undefined]);
});

test("weights that alone are integers compute with floats, and nothing is said to stay so", async () => {
  const [layer, other] = await inspect([{ op: "DequantizeLinear", inputs: ["wq", "ws"], outputs: ["w"] }, { op: "Conv", inputs: ["x", "w"], outputs: ["a"] }, { op: "Conv", inputs: ["a", "v"], outputs: ["y"] }],
    [bytes("wq", DataType.UINT8, weights(12), [4, 3, 1, 1]), scalar("ws", 0.25), floats("v", [2, 4, 1, 1], wave(8))]);
  expect([layer.grids?.weight.scale, layer.grids?.input, layer.staysFloat, other.staysFloat]).toEqual([[0.25, 0.25], undefined, undefined, undefined]);
});

test("integers whose inputs get a scale while the model runs have one for their weight, and stand for these weights", async () => {
  const model = await open(modelBytes({ inputs: [value("x", [1, 4, 8, 8])], outputs: [value("y")], nodes: dynamicConv("x", "first.conv", "y"), initializers: dynamicWeights("first.conv") })), { layers: [{ grids }] } = await inspectLayers(model);
  expect(grids).toEqual({ weight: { type: "uint8", scales: 1, scale: [0.25, 0.25], zeroPoint: [128, 128] } });
  const [layer] = findLayers(model);
  expect(await readWeight(model, layer)).toEqual(dynamicValues);
});

test("integers whose scale the file does not tell are no weights", async () => {
  const nodes = dynamicConv("x", "conv", "y").slice(0, 3), model = await open(modelBytes({ inputs: [value("x", [1, 4, 8, 8])], outputs: [value("conv.floats")], nodes, initializers: dynamicWeights("conv") }));
  expect(await readWeight(model, findLayers(model)[0])).toBeUndefined();
});
