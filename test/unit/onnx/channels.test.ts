import { readFileSync } from "node:fs";
import path from "node:path";
import * as ort from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { encodeClassifier, NETWORKS } from "../../../bench/networks";
import { findChannels, STAYS, type Channels } from "../../../src/onnx/channels/channels";
import { removeChannels } from "../../../src/onnx/channels/remove";
import { buildModel } from "../../../src/onnx/build";
import { ModelEdit } from "../../../src/onnx/edit";
import type { NodeSpec, TensorData } from "../../../src/onnx/encode";
import { findLayers } from "../../../src/onnx/layers";
import type { Model } from "../../../src/onnx/model";
import { DataType, readFloats } from "../../../src/onnx/tensor";
import { Random } from "../../../src/numeric/random";
import { mobile } from "../../helpers/mobile";
import { python } from "../../helpers/python";
import { floats, ints, open, wave } from "./models";
import { run } from "./running";

const onnx = python("onnx");
const sample = (name: string) => new Uint8Array(readFileSync(path.resolve("samples", name)));

/** Every other channel of each group, at random. */
function drawn({ groups }: Channels, seed = 1): Set<number> {
  const random = new Random(seed);
  return new Set(groups.flatMap(({ channels }) => channels.filter((_, i) => i > 0 && random.next() < 0.5)));
}

/** The model with weights of zero wherever a channel is read that is gone. */
async function silenced(model: Model, { layers }: Channels, gone: ReadonlySet<number>): Promise<Uint8Array> {
  const edit = new ModelEdit(model);
  for (const [{ weight, tensor, dims, outputAxis, graph }, { inputs }] of layers) {
    if (!inputs) continue;
    const values = (await readFloats(model, tensor!)).slice(), inner = dims.slice(2).reduce((a, b) => a * b, 1), strides = [dims[1] * inner, inner], axis = 1 - outputAxis;
    values.forEach((_, i) => { if (gone.has(inputs[Math.floor(i / strides[axis]) % dims[axis]])) values[i] = 0; });
    edit.replaceInitializer(graph, weight, floats(weight, dims, values));
  }
  return edit.toBytes();
}

/** Normalizations that do something to every channel. */
async function livened(bytes: Uint8Array): Promise<Uint8Array> {
  const model = await open(bytes), edit = new ModelEdit(model);
  let seed = 5;
  for (const { op, inputs } of model.graph.nodes) if (op === "BatchNormalization") for (const [i, name] of inputs.slice(1, 5).entries()) {
    const { dims, count } = model.graph.initializers.get(name)!, values = wave(count, seed++);
    edit.replaceInitializer(model.graph, name, floats(name, dims, i === 3 ? values.map((v) => 1.2 + v) : values));
  }
  return edit.toBytes();
}

/** Removes channels, and holds the result against the network in which nobody reads them. */
async function compare(bytes: Uint8Array, feeds: Record<string, ort.Tensor>): Promise<{ channels: Channels; gone: Set<number>; small: Model; bytes: Uint8Array }> {
  const model = await open(bytes), channels = findChannels(model), gone = drawn(channels), edit = new ModelEdit(model);
  await removeChannels(channels, gone, edit);
  const small = await edit.toBytes(), want = await run(await silenced(model, channels, gone), feeds), got = await run(small, feeds);
  for (const [name, { data, dims }] of Object.entries(want)) {
    expect(got[name].dims).toEqual(dims);
    const wanted = data as Float32Array, most = wanted.reduce((a, v) => Math.max(a, Math.abs(v)), 0);
    (got[name].data as Float32Array).forEach((v, i) => expect(Math.abs(v - wanted[i])).toBeLessThan(1e-5 * most));
    expect(most).toBeGreaterThan(0);
  }
  onnx?.(`import sys, onnx; onnx.checker.check_model(onnx.load_from_string(sys.stdin.buffer.read()), full_check=True)`, Buffer.from(small));
  return { channels, gone, small: await open(small), bytes: small };
}

const image = (...dims: number[]) => new ort.Tensor("float32", wave(dims.reduce((a, b) => a * b, 1)), dims);
const producersOf = ({ groups }: Channels) => groups.map(({ producers, channels }) => [producers.map(({ label }) => label).join(" "), channels.length]);

describe("channels that leave together", () => {
  test.each(["resnet8", "resnet18", "mobilenet-small", "preresnet8", "vgg-small"] as const)("%s without half of them computes what it does when nobody reads them", async (name) => {
    const { channels, gone, small } = await compare(await livened(encodeClassifier(NETWORKS[name]({ shape: [3, 16, 16], classes: 10, seed: 3 }))), { input: image(2, 3, 16, 16) });
    expect(gone.size).toBeGreaterThan(0);
    const weights = findLayers(small).reduce((sum, { parameters }) => sum + parameters, 0), before = [...channels.layers.keys()].reduce((sum, { parameters }) => sum + parameters, 0);
    expect(weights).toBeLessThan(0.45 * before);
  });

  test("a residual network has groups inside its blocks, and one for each stage", async () => {
    const model = await open(encodeClassifier(NETWORKS.resnet8({ shape: [3, 16, 16], classes: 10, seed: 3 })));
    expect(producersOf(findChannels(model))).toEqual([
      ["conv1 layer1.0.conv2", 16], ["layer1.0.conv1", 16], ["layer2.0.conv1", 32], ["layer2.0.conv2 layer2.0.downsample.0", 32], ["layer3.0.conv1", 64], ["layer3.0.conv2 layer3.0.downsample.0", 64],
    ]);
  });

  test("padding shortcuts join the channels of stages, shifted", async () => {
    const { channels, small } = await compare(sample("resnet20-cifar10.onnx"), { input: image(2, 3, 32, 32) });
    const stages = producersOf(channels).filter(([names]) => String(names).includes(" "));
    // the first stage's 16 channels are the middle ones of the second's 32, and these of the third's 64
    expect(stages.map(([, count]) => count)).toEqual([16, 16, 32]);
    expect(findLayers(small).map(({ id }) => id)).toEqual(findLayers(await open(sample("resnet20-cifar10.onnx"))).map(({ id }) => id));
  });

  test("a flattened map has as many entries for each channel as it has places", async () => {
    const { small, channels } = await compare(encodeClassifier(NETWORKS.lenet({ shape: [1, 28, 28], classes: 10, seed: 3 })), { input: image(2, 1, 28, 28) });
    expect(producersOf(channels)).toEqual([["conv1", 20], ["conv2", 50], ["fc1", 800]]);
    const [, conv2, fc1] = findLayers(small);
    expect(fc1.dims[1]).toBe(16 * conv2.dims[0]);
  });

  test("gates, depthwise and grouped convolutions, and joins keep their channels apart", async () => {
    const { channels, small } = await compare(mobile(), { x: image(2, 3, 16, 16) }), of = (label: string) => channels.groups.find(({ producers }) => producers.some((layer) => layer.label === label));
    expect(of("squeeze")?.channels.length).toBe(4);
    expect(of("stem")?.producers.map(({ label }) => label)).toEqual(expect.arrayContaining(["stem", "deep", "point", "excite"]));
    const grouped = small.graph.nodes.find(({ outputs }) => outputs[0] === "grouped")!, layer = findLayers(small).find(({ label }) => label === "grouped")!;
    expect(layer.dims[0]).toBe(3 * (grouped.attributes.get("group")?.i ?? 0));
    expect(layer.dims[1]).toBe(2);
  });

  test("what is split, padded, reshaped or scaled is counted anew", async () => {
    for (const opset of [11, 13, 18]) {
      const { channels: { countings, groups }, gone } = await compare(splitting(opset), { x: image(1, 3, 8, 8) });
      expect(countings.map(({ kind }) => kind).sort()).toEqual(["lengths", "pads", "shape", "shape", "shape"]);
      expect(groups.every(({ channels }) => channels.some((channel) => gone.has(channel)))).toBe(true);
    }
  });

  test("what an output shows, and what operators read that are not known, stays whole", async () => {
    const conv = (x: string, y: string, dims: number[]): [NodeSpec, TensorData] => [{ op: "Conv", inputs: [x, `${y}.w`], outputs: [y], attributes: { kernel_shape: [1, 1] } }, floats(`${y}.w`, dims, wave(dims.reduce((a, b) => a * b, 1)))];
    const [a, aw] = conv("x", "a", [6, 3, 1, 1]), [b, bw] = conv("a", "b", [6, 6, 1, 1]), [c, cw] = conv("b", "c", [6, 6, 1, 1]), [d, dw] = conv("s", "d", [4, 6, 1, 1]);
    const model = await open(buildModel({ nodes: [a, b, c, { op: "Softmax", inputs: ["c"], outputs: ["s"], attributes: { axis: 1 } }, d], initializers: [aw, bw, cw, dw], inputs: [{ name: "x", type: DataType.FLOAT, shape: ["n", 3, 4, 4] }], outputs: [{ name: "d", type: DataType.FLOAT }, { name: "a", type: DataType.FLOAT }] }));
    expect(producersOf(findChannels(model))).toEqual([["b", 6]]);
    expect(findChannels(model, { whole: ({ label }) => label === "b" }).groups).toEqual([]);
  });

  test("weights and normalizations that other nodes use as well stay whole", async () => {
    const nodes: NodeSpec[] = [
      { op: "Conv", inputs: ["x", "w", "bias"], outputs: ["a"] }, { op: "Conv", inputs: ["a", "shared"], outputs: ["b"] }, { op: "Conv", inputs: ["b", "shared"], outputs: ["c"] }, { op: "Conv", inputs: ["c", "v", "bias"], outputs: ["y"] },
    ];
    const initializers = [floats("w", [4, 3, 1, 1], wave(12)), floats("bias", [4], wave(4)), floats("shared", [4, 4, 1, 1], wave(16)), floats("v", [4, 4, 1, 1], wave(16))];
    const { groups, layers } = findChannels(await open(buildModel({ nodes, initializers, inputs: [{ name: "x", type: DataType.FLOAT, shape: ["n", 3, 4, 4] }], outputs: [{ name: "y", type: DataType.FLOAT }] })));
    expect(groups).toEqual([]);
    for (const { outputs, inputs } of layers.values()) expect([...outputs ?? [], ...inputs ?? []].every((channel) => channel === STAYS)).toBe(true);
  });
});

/** A network in which nodes say how many channels there are. */
function splitting(opset: number): Uint8Array {
  const nodes: NodeSpec[] = [], initializers: TensorData[] = [], add = (op: string, inputs: string[], outputs: string | string[], attributes?: NodeSpec["attributes"]) => { nodes.push({ op, inputs, outputs: [outputs].flat(), attributes }); };
  let seed = 3;
  const weight = (name: string, dims: number[]) => { initializers.push(floats(name, dims, wave(dims.reduce((a, b) => a * b, 1), seed++))); return name; };
  const conv = (x: string, y: string, dims: number[]) => add("Conv", [x, weight(`${y}.w`, dims), weight(`${y}.b`, [dims[0]])], y, { kernel_shape: dims.slice(2), pads: dims.slice(2).flatMap((k) => [k >> 1, k >> 1]) });
  initializers.push(ints("pads", [0, 1, 0, 0, 0, 2, 0, 0]), floats("scales", [4], [1, 1, 2, 2]), floats("none", [0], []), ints("sizes", [1, 9, 8, 8]), ints("rows", [1, 144]), ints("whole", [1, 6, 1, 1]));
  conv("x", "stem", [10, 3, 3, 3]);
  // a Split without lengths, but for the newest set of operators
  add("Split", ["stem"], ["left", "right"], { axis: 1, ...(opset >= 18 && { num_outputs: 2 }) });
  conv("left", "one", [6, 5, 1, 1]);
  add("Pad", ["one", "pads"], "padded", { mode: "constant" });
  conv("right", "two", [9, 5, 3, 3]);
  add("Resize", ["two", "none", "scales"], "large", { mode: "nearest" });
  add("MaxPool", ["large"], "back", { kernel_shape: [2, 2], strides: [2, 2] });
  add("Resize", ["back", "none", "none", "sizes"], "same", { mode: "nearest" });
  add("Add", ["same", "padded"], "sum");
  add("AveragePool", ["sum"], "small", { kernel_shape: [2, 2], strides: [2, 2] });
  add("Reshape", ["small", "rows"], "flat");
  add("Gemm", ["flat", weight("fc.w", [6, 144]), weight("fc.b", [6])], "logits", { transB: 1 });
  add("Sigmoid", ["logits"], "gate");
  add("Reshape", ["gate", "whole"], "map");
  conv("map", "y", [4, 6, 1, 1]);
  return buildModel({ nodes, initializers, opset, inputs: [{ name: "x", type: DataType.FLOAT, shape: [1, 3, 8, 8] }], outputs: [{ name: "y", type: DataType.FLOAT, shape: [1, 4, 1, 1] }] });
}
