import { expect, test } from "vitest";
import { encodeClassifier, NETWORKS } from "../../../bench/networks";
import type { NodeSpec } from "../../../src/onnx/encode";
import { peakActivations } from "../../../src/onnx/peak";
import { DataType } from "../../../src/onnx/tensor";
import { floats, modelBytes, open, value, wave, type ModelParts } from "./models";

const conv = (from: string, to: string, channels: number, inputs: number) => ({ node: { op: "Conv", inputs: [from, `${to}.w`], outputs: [to], attributes: { pads: [1, 1, 1, 1] } }, weight: floats(`${to}.w`, [channels, inputs, 3, 3], wave(channels * inputs * 9)) });
const peakOf = async (parts: Partial<ModelParts>) => peakActivations(await open(modelBytes({ inputs: [value("x", ["n", 4, 10, 10])], outputs: [value("y", ["n", 4, 10, 10])], ...parts })));
/** Bytes of so many maps of 10 by 10 floats. */
const maps = (channels: number): number => channels * 100 * 4;

test("a chain holds what goes into a layer and what comes out, and rectifies in place", async () => {
  const [a, b, c] = [conv("x", "a", 16, 4), conv("r", "b", 8, 16), conv("b", "y", 4, 8)];
  const peak = await peakOf({ nodes: [a.node, { op: "Relu", inputs: ["a"], outputs: ["r"] }, b.node, c.node], initializers: [a.weight, b.weight, c.weight] });
  expect([peak?.bytes, peak?.node.outputs]).toEqual([maps(16 + 8), ["b"]]);
});

test("what a later node needs stays, and is not written over", async () => {
  const [a, b] = [conv("x", "a", 4, 4), conv("r", "b", 4, 4)];
  const nodes = [a.node, { op: "Relu", inputs: ["a"], outputs: ["r"] }, b.node, { op: "Add", inputs: ["b", "a"], outputs: ["y"] }];
  // a is added later, so its rectified form is a map of its own
  expect((await peakOf({ nodes, initializers: [a.weight, b.weight] }))?.bytes).toBe(maps(4 + 4 + 4));
  nodes[3].inputs = ["b", "r"];
  expect((await peakOf({ nodes, initializers: [a.weight, b.weight] }))?.bytes).toBe(maps(4 + 4));
});

test("what is put beside each other is alive until then", async () => {
  const parts = [0, 1, 2].map((i) => conv("x", `p${i}`, 4, 4));
  const peak = await peakOf({ nodes: [...parts.map(({ node }) => node), { op: "Concat", inputs: ["p0", "p1", "p2"], outputs: ["y"], attributes: { axis: 1 } }], initializers: parts.map(({ weight }) => weight), outputs: [value("y", ["n", 12, 10, 10])] });
  expect([peak?.bytes, peak?.node.op]).toEqual([maps(12 + 12), "Concat"]);
});

test("integers of 8 bits take a quarter, also of values that a file converts in between", async () => {
  const [a, b] = [conv("xf", "a", 16, 4), conv("af", "b", 4, 16)];
  const scale = { name: "s", dims: [], type: DataType.FLOAT, raw: new Uint8Array(Float32Array.of(0.1).buffer) }, zero = { name: "z", dims: [], type: DataType.UINT8, raw: new Uint8Array([128]) };
  const convert = (from: string, codes: string, to: string) => [{ op: "QuantizeLinear", inputs: [from, "s", "z"], outputs: [codes] }, { op: "DequantizeLinear", inputs: [codes, "s", "z"], outputs: [to] }];
  const peak = await peakOf({ nodes: [...convert("x", "xq", "xf"), a.node, ...convert("a", "aq", "af"), b.node, ...convert("b", "bq", "y")], initializers: [a.weight, b.weight, scale, zero] });
  expect(peak?.bytes).toBe(maps(16 + 4) / 4);
});

test("integers whose scale is found while a network runs take a quarter, their sums as much as floats", async () => {
  const w = { name: "w", dims: [4, 4, 3, 3], type: DataType.UINT8, raw: new Uint8Array(144) };
  const nodes: NodeSpec[] = [{ op: "DynamicQuantizeLinear", inputs: ["x"], outputs: ["q", "s", "z"] }, { op: "ConvInteger", inputs: ["q", "w", "z"], outputs: ["a"], attributes: { pads: [1, 1, 1, 1] } }, { op: "Cast", inputs: ["a"], outputs: ["f"], attributes: { to: DataType.FLOAT } }, { op: "Mul", inputs: ["f", "s"], outputs: ["y"] }];
  const peak = await peakOf({ nodes, initializers: [w] });
  // what goes in and its codes, with a scale and a zero point, which are counted as floats
  expect([peak?.bytes, peak?.node.op]).toEqual([maps(4) + maps(4) / 4 + 8, "DynamicQuantizeLinear"]);
});

test("a batch counts once, an unknown size not at all", async () => {
  const bytes = encodeClassifier(NETWORKS.resnet8({ shape: [3, 32, 32], classes: 10, seed: 1 }));
  // in a block of the first stage: its input, and two maps of its own
  expect(peakActivations(await open(bytes))?.bytes).toBe(3 * 16 * 32 * 32 * 4);
  const a = conv("x", "y", 4, 4);
  expect(await peakOf({ nodes: [a.node], initializers: [a.weight], inputs: [value("x", ["n", 4, "?", "?"])], outputs: [value("y")] })).toBeUndefined();
});
