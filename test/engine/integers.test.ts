import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { InferenceSession } from "onnxruntime-node";
import { afterAll, describe, expect, test } from "vitest";
import { checkSteps } from "../../bench/integer-steps";
import { encodeClassifier, NETWORKS } from "../../bench/networks";
import { compressionDocument } from "../../src/cli/documents";
import { toHtml, toMarkdown, toText } from "../../src/cli/document";
import { readIntegers } from "../../src/evaluation/integer/read";
import { convolve } from "../../src/evaluation/integer/sums";
import { channelWarning, unevenGrids } from "../../src/compression/integer/channels";
import { embeddedRecipe } from "../../src/compression/recipe";
import { inspectLayers } from "../../src/compression/report";
import { integerOverhead } from "../../src/compression/integer/overhead";
import { floatTensor } from "../../src/compression/fit";
import { readyForIntegers } from "../../src/compression/integer/ready";
import { buildModel } from "../../src/onnx/build";
import type { NodeSpec } from "../../src/onnx/encode";
import { encodeNpz } from "../../src/evaluation/npz-write";
import { memorySource } from "../../src/onnx/memory";
import { readModel } from "../../src/onnx/model";
import { DataType } from "../../src/onnx/tensor";
import { lenField } from "../../src/onnx/wire";
import type { CompressRequest } from "../../src/protocol/api";
import type { Tensor } from "../../src/runtime/runtime";
import { nodeHost, openModelFile } from "../../src/worker/host";
import { compressWith } from "../helpers/compress";
import { asIntegers, bytesOf } from "../helpers/integers";
import { mobile } from "../helpers/mobile";
import { python } from "../helpers/python";
import { attribute, floats, graphBytes, modelBytes, nodeWith, value, wave } from "../unit/onnx/models";

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-integers-")), at = (name: string) => path.join(folder, name);
const fashion = path.resolve("samples/fashion-cnn.onnx"), data = path.resolve("samples/fashion-mnist"), onnx = python("onnx");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const compress = (request: Partial<CompressRequest>) => compressWith(at("jobs"), { model: fashion, data, force: true, inference: "integer", ...request });

/** How often onnxruntime runs each operator once it has optimised a model. */
async function optimised(model: string | Uint8Array): Promise<Record<string, number>> {
  const options = { graphOptimizationLevel: "all", optimizedModelFilePath: at("optimised.onnx"), logSeverityLevel: 3 } as const, counts: Record<string, number> = {};
  await (typeof model === "string" ? await InferenceSession.create(model, options) : await InferenceSession.create(model, options)).release();
  const opened = await openModelFile(at("optimised.onnx"));
  for (const { op } of opened.model.graph.nodes) counts[op] = (counts[op] ?? 0) + 1;
  await opened.close();
  return counts;
}

const check = (model: string) => onnx?.(`import onnx; onnx.checker.check_model(${JSON.stringify(model)}, full_check=True)`);

describe("a network of integers", () => {
  test("has 8 bits everywhere, runs on integer kernels alone and does what the original does", async () => {
    const output = at("whole.onnx"), { ratio, layers, fidelity, notes, input, output: { peakActivationBytes } } = await compress({ output });
    const host = await nodeHost({ threads: 1 }), original = await openModelFile(fashion), foreseen = await integerOverhead((await readyForIntegers(original.model)).model, host.runtime);
    await original.close();
    await host.close();
    expect(foreseen.peakActivationBytes).toBe(peakActivationBytes);
    expect(peakActivationBytes).toBeLessThan(input.peakActivationBytes! / 3);
    expect(ratio).toBeGreaterThan(3.4);
    expect(layers.map(({ method, codebookBits }) => [method, codebookBits])).toEqual(layers.map(() => ["integer", 8]));
    expect(fidelity!.agreement).toBeGreaterThan(0.97);
    expect(notes).toContain("6 batch normalizations are folded into the layers before.");
    check(output);
    expect(await optimised(output)).toEqual({ QuantizeLinear: 1, QLinearConv: 6, NhwcMaxPool: 2, Transpose: 2, QLinearGlobalAveragePool: 1, Flatten: 1, QGemm: 1 });
  });

  test("may have codebooks, and meets a size", async () => {
    const output = at("books.onnx"), { layers, fidelity } = await compress({ output, target: "25KB" });
    expect(statSync(output).size).toBeLessThanOrEqual(25_000);
    expect(statSync(output).size).toBeGreaterThan(0.97 * 25_000);
    expect(layers.filter(({ codewords }) => codewords !== undefined).length).toBeGreaterThan(2);
    expect(fidelity!.agreement).toBeGreaterThan(0.85);
    expect((await optimised(output)).QLinearConv).toBe(6);
    check(output);
  });

  test("leaves no layer to floats for want of a smaller form, whatever the size", async () => {
    const output = at("roomy.onnx"), recipe = at("roomy.kernelscope.json");
    writeFileSync(recipe, JSON.stringify({ bits: 4, data: { limit: 32 } }));
    const { layers, integers } = await compress({ output, recipe });
    expect(layers.filter(({ method }) => method === undefined)).toEqual([]);
    expect(integers).toMatchObject({ convolutions: 6, floatConvolutions: 0, floats: [] });
    const { model, close } = await openModelFile(output);
    expect(embeddedRecipe(model)).toMatchObject({ inference: "integer", bits: 4 });
    await close();
  });

  test("is the same in every step, within one unit, in the executor of integers", async () => {
    const host = await nodeHost({ threads: 1 }), { model, close } = await openModelFile(at("whole.onnx"));
    const { program, checks } = await checkSteps(model, { dims: [8, 1, 28, 28], data: wave(8 * 784) }, host.runtime);
    expect(program.steps.filter(({ operation: { kind } }) => kind === "float")).toEqual([]);
    expect(checks.map(({ worst }) => worst > 1)).toEqual(checks.map(() => false));
    await close();
    await host.close();
  });

  test("needs images, and says so", async () => {
    await expect(compress({ output: at("none.onnx"), data: undefined })).rejects.toThrow("Integer inference needs images");
  });
});

test("an operator set that is to be kept is not raised", async () => {
  const old = at("old.onnx"), recipe = at("keep.kernelscope.json"), refused = "Integer inference needs operator set 13 at least, this model is of 12 and is to keep it.", images = at("images.npz");
  writeFileSync(old, mobile(12));
  writeFileSync(images, encodeNpz([{ name: "images", dims: [40, 3, 16, 16], data: wave(40 * 768) }]));
  writeFileSync(recipe, JSON.stringify({ inference: "integer", keepOpset: true }));
  const request = { model: old, data: images, output: at("kept.onnx") };
  await expect(compress({ ...request, keepOpset: true })).rejects.toThrow(refused);
  await expect(compress({ ...request, recipe, inference: undefined })).rejects.toThrow(refused);
  const { status, stderr } = spawnSync(process.execPath, ["dist/cli.js", "compress", old, "--data", images, "--inference", "integer", "--keep-opset", "-o", at("kept.onnx"), "--quiet"], { encoding: "utf8" });
  expect([status, stderr]).toEqual([1, expect.stringContaining(refused)]);
  expect((await compress(request)).notes).toContain("Raised from operator set 12 to 13, which integer inference needs.");
  // nothing is to be raised in a newer one
  expect((await compress({ keepOpset: true, output: at("kept.onnx") })).integers!.floatConvolutions).toBe(0);
});

test("a model in double precision, whose convolutions onnxruntime does not run, is refused with what to do", async () => {
  const file = at("double.onnx"), border = (name: string) => ({ name, type: DataType.DOUBLE, shape: ["n", 1, 28, 28] });
  writeFileSync(file, buildModel({ nodes: [{ op: "Conv", inputs: ["x", "w"], outputs: ["y"] }], opset: 14, initializers: [{ name: "w", dims: [64, 1, 1, 1], type: DataType.DOUBLE, raw: new Uint8Array(512) }], inputs: [border("x")], outputs: [border("y")] }));
  await expect(compress({ model: file, output: at("refused.onnx") })).rejects.toThrow(/^Integers are made of models in single precision \(float32\), and the weight of w is of type float64\. Export the model in single precision/);
});

test("a model in half precision becomes integers by way of single precision, and keeps its inputs and outputs", async () => {
  const file = at("half.onnx"), images = at("half.npz"), output = at("half-integers.onnx"), type = DataType.FLOAT16, border = [{ name: "x", type, shape: ["n", 16, 4, 4] }, { name: "y", type, shape: ["n", 16, 4, 4] }], pads = [1, 1, 1, 1];
  const weight = (name: string, seed: number) => floatTensor({ name, dims: [16, 16, 3, 3], type, values: wave(2304, seed) }), cast = (from: string, to: string, to_: number): NodeSpec => ({ op: "Cast", inputs: [from], outputs: [to], attributes: { to: to_ } });
  // as converters leave it: casts around what stayed single, last in the file
  writeFileSync(file, buildModel({
    nodes: [{ op: "Conv", inputs: ["x", "v"], outputs: ["a"], attributes: { pads } }, { op: "Sigmoid", inputs: ["b"], outputs: ["c"] }, { op: "Conv", inputs: ["d", "w"], outputs: ["y"], attributes: { pads } }, cast("a", "b", DataType.FLOAT), cast("c", "d", type)],
    opset: 14, initializers: [weight("v", 1), weight("w", 2)], inputs: [border[0]], outputs: [border[1]],
  }));
  writeFileSync(images, encodeNpz([{ name: "images", dims: [64, 16, 4, 4], data: wave(64 * 256) }]));
  const { integers, notes, fidelity } = await compress({ model: file, data: images, output });
  expect(integers!.floatConvolutions).toBe(0);
  expect(notes).toContain("Its floats are in single precision now, from which integers are made.");
  expect(fidelity!.sqnrDb ?? 0).toBeGreaterThan(20);
  const { model, ...opened } = await openModelFile(output);
  expect([...model.graph.inputs, ...model.graph.outputs].map(({ elemType }) => elemType)).toEqual([type, type]);
  await opened.close();
  check(output);
});

test("a model in half precision with a graph inside a node is refused with what to do", async () => {
  const file = at("branches.onnx"), shape = [1, 1, 28, 28], half = DataType.FLOAT16, branch = (name: string) => attribute(`${name}_branch`, 5, lenField(6, graphBytes({ name, nodes: [{ op: "Identity", inputs: ["a"], outputs: [`${name}.y`] }], outputs: [value(`${name}.y`, shape, half)] })));
  writeFileSync(file, modelBytes({
    inputs: [value("x", shape, half)], outputs: [value("y", shape, half)], initializers: [floatTensor({ name: "w", dims: [1, 1, 3, 3], type: half, values: wave(9) }), { name: "c", dims: [], type: DataType.BOOL, raw: Uint8Array.of(1) }],
    nodes: [{ op: "Conv", inputs: ["x", "w"], outputs: ["a"], attributes: { pads: [1, 1, 1, 1] } }, nodeWith({ op: "If", inputs: ["c"], outputs: ["y"] }, branch("then"), branch("else"))],
  }));
  await expect(compress({ model: file, output: at("refused.onnx") })).rejects.toThrow(/^Integers are made of models in single precision \(float32\), and this one cannot be brought to it from half precision: it has functions or graphs inside nodes\. Export the model in single precision/);
});

describe("a network with gates, joins and parts that stay float", () => {
  const samples: Tensor[] = [1, 2, 3].map((seed) => ({ dims: [8, 3, 16, 16], data: wave(8 * 768, seed).map((v) => 2 * v) }));

  test("is read for integers without a change in what it computes", async () => {
    const host = await nodeHost({ threads: 1 }), bytes = mobile(), { model } = await readyForIntegers(await readModel(memorySource(bytes)));
    const before = await host.runtime.open(bytes), after = await host.runtime.open(await bytesOf(model)), a = (await before.run({ x: samples[0] })).y.data, b = (await after.run({ x: samples[0] })).y.data;
    expect(Math.max(...a.map((v, i) => Math.abs(v - b[i])))).toBeLessThan(1e-5);
    expect(model.graph.nodes.map(({ op }) => op)).not.toContain("ReduceMean");
    await before.release();
    await after.release();
    await host.close();
  });

  test("becomes integers where it can, and says what stays", async () => {
    const host = await nodeHost({ threads: 1 }), bytes = mobile(), { model, plan } = await asIntegers(bytes, "x", samples, host), written = await bytesOf(model);
    writeFileSync(at("mobile.onnx"), written);
    check(at("mobile.onnx"));
    expect([...plan.floats].map(([{ op }]) => op)).toEqual(["ConvTranspose", "Softsign"]);
    const counts = await optimised(at("mobile.onnx"));
    expect(counts).toMatchObject({ QLinearConv: 7, ConvTranspose: 1, QLinearAdd: 1, QLinearMul: 1, QLinearConcat: 1 });
    expect([counts.Conv, counts.HardSigmoid, counts.Clip]).toEqual([undefined, undefined, undefined]);
    const original = await host.runtime.open(bytes), a = (await original.run({ x: samples[0] })).y.data;
    const { outputs: { y: { data: b } }, checks, program } = await checkSteps(model, samples[0], host.runtime);
    const power = a.reduce((sum, v) => sum + v * v, 0), error = a.reduce((sum, v, i) => sum + (v - b[i]) ** 2, 0);
    expect(10 * Math.log10(power / error)).toBeGreaterThan(25);
    expect(checks.filter(({ worst }) => worst > 1).map(({ step, worst }) => [step.node?.op, worst])).toEqual([]);
    expect(new Set(program.steps.map(({ operation: { kind } }) => kind))).toEqual(new Set(["quantize", "convolution", "table", "pair", "pool", "join", "move", "dequantize", "float", "linear"]));
    await original.release();
    await host.close();
  });
});

test("a normalization that cannot be folded is whole numbers and a shift, the same in the file and in the executor", async () => {
  const host = await nodeHost({ threads: 1 }), { nodes, weights } = NETWORKS.preresnet8({ shape: [3, 16, 16], classes: 10, seed: 3 }), moved = new Map(weights);
  for (const [name, { dims, data }] of weights) if (/bn.*(weight|bias|mean|var)$/.test(name)) moved.set(name, { dims, data: wave(data.length, name.length + 3).map((v, i) => (/mean|bias/.test(name) ? 0.4 * v : 0.3 + Math.abs(v) + i % 3)) });
  const bytes = encodeClassifier({ nodes, weights: moved, shape: [3, 16, 16], classes: 10 }), samples: Tensor[] = [1, 2].map((seed) => ({ dims: [4, 3, 16, 16], data: wave(4 * 768, seed) })), original = await host.runtime.open(bytes);
  const [a] = Object.values(await original.run({ input: samples[0] }));
  for (const normalizations of ["float", "fixedPoint"] as const) {
    const { model, plan } = await asIntegers(bytes, "input", samples, host, { normalizations }), { outputs, checks, program } = await checkSteps(model, samples[0], host.runtime);
    const isFixed = normalizations === "fixedPoint";
    expect([...plan.floats].filter(([{ op }]) => op === "BatchNormalization").length).toBe(isFixed ? 0 : 4);
    if (isFixed) expect([...plan.floats]).toEqual([]);
    writeFileSync(at("normal.onnx"), await bytesOf(model));
    check(at("normal.onnx"));
    const affine = checks.filter(({ step }) => step.operation.kind === "affine");
    // the last one, left to floats, is not read as integers because nothing makes any of what follows it
    expect(affine.map(({ worst }) => worst > (isFixed ? 0 : 1))).toEqual(Array.from({ length: isFixed ? 4 : 3 }, () => false));
    for (const { step: { operation } } of affine) if (operation.kind === "affine") expect(operation.channels.flatMap(({ exceptions }) => exceptions)).toEqual([]);
    if (isFixed) expect(program.steps.some(({ operation: { kind } }) => kind === "float")).toBe(false);
    const power = a.data.reduce((sum, v) => sum + v * v, 0), error = a.data.reduce((sum, v, i) => sum + (v - outputs.logits.data[i]) ** 2, 0);
    expect(10 * Math.log10(power / error)).toBeGreaterThan(20);
  }
  await original.release();
  await host.close();
});

test("a report tells bits and exactness of normalizations in fixed point, in every form", async () => {
  const recipe = at("fixed.kernelscope.json"), preresnet = at("preresnet.onnx"), images = at("preresnet.npz"), output = at("preresnet.integers.onnx"), { nodes, weights } = NETWORKS.preresnet8({ shape: [3, 16, 16], classes: 10, seed: 3 });
  writeFileSync(preresnet, encodeClassifier({ nodes, weights, shape: [3, 16, 16], classes: 10 }));
  writeFileSync(images, encodeNpz([{ name: "images", dims: [40, 3, 16, 16], data: wave(40 * 768) }]));
  writeFileSync(recipe, JSON.stringify({ integers: { normalizations: "fixedPoint" } }));
  const report = await compress({ model: preresnet, data: images, recipe, output }), { integers } = report, found = integers!.normalizations!, { model, close } = await openModelFile(output);
  const steps = (await readIntegers(model)).steps.flatMap(({ operation }) => (operation.kind === "affine" ? [operation.channels] : []));
  await close();
  expect(found.map(({ channels }) => channels)).toEqual(steps.map(({ length }) => length));
  found.forEach(({ bits, shift, inputs, exceptions }, i) => {
    expect([inputs, exceptions]).toEqual([256, []]);
    // bits of the numbers in the file, in two's complement
    const wide = (v: number) => { let n = 1; while (v < -(2 ** (n - 1)) || v >= 2 ** (n - 1)) n++; return n; };
    expect(bits).toEqual({ a: Math.max(...steps[i].map(({ a }) => wide(a))), b: expect.any(Number) as number });
    expect(shift).toEqual({ least: Math.min(...steps[i].map((one) => one.shift)), most: Math.max(...steps[i].map((one) => one.shift)) });
    expect(bits.a).toBeLessThanOrEqual(16);
    expect(bits.b).toBeLessThanOrEqual(32);
  });
  const document = compressionDocument(report, false), all = found.reduce((sum, { channels }) => sum + 256 * channels, 0).toLocaleString("en"), text = toText(document);
  for (const written of [text, toMarkdown(document), toHtml(document)]) for (const part of [`Of all ${all} inputs every one comes out as by exact arithmetic.`, "bits of A", found[0].node.replace(/_/g, written.startsWith("###") ? "\\_" : "_")]) expect(written).toContain(part);
  const one = { ...found[0], exceptions: Array.from({ length: 9 }, (_, input) => ({ channel: 2, input, off: -1 })) };
  expect(toText(compressionDocument({ ...report, integers: { ...integers!, normalizations: [one] } }, false))).toMatch(/9 come out otherwise than by exact arithmetic:\n.*, channel 2, input 0: 1 too small\.\n[^]*… and 1 more, which --json lists\./);
});

test("sums are those of ConvInteger, whatever strides, dilations, groups and pads", async () => {
  const host = await nodeHost({ threads: 1 });
  let seed = 1;
  for (const { dims, outputs, groups, kernel, strides, dilations, pads } of [
    { dims: [2, 3, 9, 7], outputs: 5, groups: 1, kernel: [3, 3], strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1] },
    { dims: [1, 8, 8, 8], outputs: 16, groups: 1, kernel: [1, 1], strides: [2, 2], dilations: [1, 1], pads: [0, 0, 0, 0] },
    { dims: [1, 6, 11, 5], outputs: 6, groups: 6, kernel: [3, 3], strides: [2, 1], dilations: [1, 2], pads: [0, 2, 1, 0] },
    { dims: [2, 6, 10, 10], outputs: 9, groups: 3, kernel: [5, 2], strides: [3, 2], dilations: [1, 3], pads: [2, 0, 2, 1] },
    { dims: [1, 4, 6, 6], outputs: 4, groups: 2, kernel: [3, 3], strides: [1, 1], dilations: [2, 2], pads: [2, 2, 2, 2] },
  ]) {
    const inputs = dims[1] / groups * kernel[0] * kernel[1], whole = (n: number) => Uint8Array.from(wave(n, seed++), (v) => Math.round(127.5 + 127 * v)), x = whole(dims.reduce((a, b) => a * b, 1)), w = whole(outputs * inputs);
    const model = buildModel({
      nodes: [{ op: "ConvInteger", inputs: ["x", "w", "zx", "zw"], outputs: ["y"], attributes: { group: groups, kernel_shape: kernel, strides, dilations, pads } }],
      initializers: [{ name: "w", dims: [outputs, dims[1] / groups, ...kernel], type: DataType.UINT8, raw: w }, ...["zx", "zw"].map((name, i) => ({ name, dims: [], type: DataType.UINT8, raw: Uint8Array.of([117, 128][i]) }))],
      inputs: [{ name: "x", type: DataType.UINT8, shape: dims }], outputs: [{ name: "y", type: DataType.INT32 }],
    });
    const session = await host.runtime.open(model), { y } = await session.run({ x: { dims, data: x } }), size = y.dims[2] * y.dims[3], own = new Int32Array(y.data.length);
    convolve({
      kind: "convolution", kernel: [kernel[0], kernel[1]], strides: [strides[0], strides[1]], dilations: [dilations[0], dilations[1]], pads: [pads[0], pads[1], pads[2], pads[3]], groups, outputs, weight: Int16Array.from(w, (q) => q - 128), weightScales: Float32Array.of(1), bias: new Int32Array(outputs), zeroIn: 117, zeroOut: 0,
    }, { dims, data: x }, (sums, { image, channel, channels, first, count, stride }) => {
      for (let i = 0; i < count; i++) for (let c = 0; c < channels; c++) own[(image * outputs + channel + c) * size + first + i] = sums[i * stride + c];
    });
    expect(Float32Array.from(own)).toEqual(y.data);
    await session.release();
  }
  await host.close();
});

test("layers are left to floats where a recipe or an agreement asks for it, and what each costs is measured", async () => {
  writeFileSync(at("own.kernelscope.json"), JSON.stringify({ integers: { agreement: 0.97, diagnose: true, ranges: "percentile", percentile: 95 }, layers: { "7.weight": { inference: "float" } }, data: { limit: 128 } }));
  const output = at("own.onnx"), { integers, fidelity } = await compress({ output, recipe: at("own.kernelscope.json") }), counts = await optimised(output);
  // ranges that cut off so much are no good, and the agreement asked for cannot be had with all of them
  expect(integers!.layers!.map(({ layer }) => layer)).not.toContain("7.weight");
  expect(integers!.layers!.every(({ alone }, i, all) => i === 0 || alone.loss <= all[i - 1].alone.loss)).toBe(true);
  expect(integers!.floor!.agreement).toBeGreaterThan(0.97);
  expect(integers!.layers!.every(({ alone }) => alone.loss > 0.5 * integers!.floor!.loss)).toBe(true);
  expect(integers!.floats.map(({ reason }) => reason)).toContain("Left to floats, as the recipe asks.");
  expect(integers!.floats.map(({ reason }) => reason)).toContain("Left to floats to reach the agreement asked for.");
  expect(integers!.floatConvolutions).toBe(6 - (counts.QLinearConv ?? 0));
  expect(integers!.agreement).toBeGreaterThanOrEqual(0.97);
  expect(integers!.samples).toBeGreaterThan(0);
  expect(integers!.left[0]).toEqual({ layer: "7.weight", reason: "Left to floats, as the recipe asks.", asked: true });
  expect(integers!.left.slice(1).map(({ layer }) => layer)).toEqual(integers!.layers!.slice(0, integers!.left.length - 1).map(({ layer }) => layer)); // the most expensive first
  expect(fidelity!.agreement).toBeGreaterThan(0.8);
});

test("what is left to floats is computed with floats by onnxruntime, also between rounded neighbours and with weights as they were", async () => {
  const recipe = at("kept.kernelscope.json"), output = at("kept.onnx"), float = { inference: "float" as const };
  for (const [layers, kept] of [
    [{ "7.weight": float }, 1],
    [{ "7.weight": float, "10.weight": float }, 2],
    [{ "7.weight": { ...float, pin: "leave" as const } }, 1],
  ] as const) {
    writeFileSync(recipe, JSON.stringify({ layers, data: { limit: 32 } }));
    const { integers } = await compress({ output, recipe }), opened = await openModelFile(output);
    expect(integers!.floatConvolutions).toBe(kept);
    expect((await optimised(output)).QLinearConv).toBe(6 - kept);
    expect((await inspectLayers(opened.model)).layers.flatMap(({ name, staysFloat }) => (staysFloat ? [name] : []))).toEqual(Object.keys(layers));
    await opened.close();
    check(output);
  }
});

/** A layer of large negative sums before a hard swish, and one of scores with a softmax behind it. */
function scores(): Uint8Array {
  const initializers = [floats("stem.w", [6, 2, 1, 1], wave(12, 1).map(Math.abs)), floats("stem.b", [6], wave(6, 2)), floats("fc.w", [54, 10], wave(540, 3).map((v) => v / 4)), floats("fc.b", [10], wave(10, 4)), floats("three", [], [3]), floats("zero", [], [0]), floats("six", [], [6])];
  const nodes: NodeSpec[] = [
    { op: "Conv", inputs: ["x", "stem.w", "stem.b"], outputs: ["sums"], attributes: { kernel_shape: [1, 1] } },
    { op: "Add", inputs: ["sums", "three"], outputs: ["shifted"] }, { op: "Clip", inputs: ["shifted", "zero", "six"], outputs: ["clipped"] },
    { op: "Mul", inputs: ["sums", "clipped"], outputs: ["product"] }, { op: "Div", inputs: ["product", "six"], outputs: ["swish"] },
    { op: "Flatten", inputs: ["swish"], outputs: ["flat"] }, { op: "MatMul", inputs: ["flat", "fc.w"], outputs: ["exact"] }, { op: "Add", inputs: ["exact", "fc.b"], outputs: ["scores"] }, { op: "Softmax", inputs: ["scores"], outputs: ["y"] },
  ];
  return buildModel({ nodes, initializers, opset: 14, inputs: [{ name: "x", type: DataType.FLOAT, shape: ["n", 2, 3, 3] }], outputs: [{ name: "y", type: DataType.FLOAT, shape: ["n", 10] }] });
}

test("scores of the last layer stay exact, and what a table makes alike takes no steps", async () => {
  const host = await nodeHost({ threads: 1 }), bytes = scores(), samples: Tensor[] = [1, 2].map((seed) => ({ dims: [64, 2, 3, 3], data: wave(64 * 18, seed).map((v) => (v < 0 ? 40 : 3) * v) })), original = await host.runtime.open(bytes), { y: { data } } = await original.run({ x: samples[0] });
  const errors: number[] = [];
  for (const ranges of ["minMax", "meanSquaredError"] as const) {
    const { model, plan } = await asIntegers(bytes, "x", samples, host, { ranges }), { outputs: { y }, checks } = await checkSteps(model, samples[0], host.runtime);
    expect([...plan.floats].map(([{ op }, reason]) => [op, reason])).toEqual([["Softmax", "It follows the last layer, whose scores stay exact."]]);
    expect(await optimised(await bytesOf(model))).toMatchObject({ QLinearConv: 1, QGemm: 1 });
    expect(checks.filter(({ worst }) => worst > 1)).toEqual([]);
    errors.push(data.reduce((sum, v, i) => sum + (v - y.data[i]) ** 2, 0));
  }
  expect(errors[1]).toBeLessThan(0.6 * errors[0]);
  await original.release();
  await host.close();
});

test("warns of channels of extremely different ranges on one grid, and of outputs that hold such", async () => {
  const host = await nodeHost({ threads: 1 }), sizes = (large: number) => Float32Array.from({ length: 40 }, (_, i) => (i % 8 ? 0.3 : large));
  const bytes = (large: number) => buildModel({
    nodes: [
      { op: "Conv", inputs: ["x", "boxes.w"], outputs: ["boxes"], attributes: { kernel_shape: [1, 1] } }, { op: "Conv", inputs: ["x", "scores.w"], outputs: ["scores"], attributes: { kernel_shape: [1, 1] } },
      { op: "Concat", inputs: ["boxes", "scores"], outputs: ["y"], attributes: { axis: 1 } },
    ],
    initializers: [floats("boxes.w", [2, 8, 1, 1], Array.from({ length: 16 }, (_, i) => (i % 3 + 1) * large)), floats("scores.w", [5, 8, 1, 1], sizes(0.1))],
    opset: 14, inputs: [{ name: "x", type: DataType.FLOAT, shape: ["n", 8, 4, 4] }], outputs: [{ name: "y", type: DataType.FLOAT, shape: ["n", 7, 4, 4] }],
  });
  const warnings = async (large: number, samples: Tensor) => {
    const { plan, found } = await asIntegers(bytes(large), "x", [samples], host);
    return unevenGrids(plan, new Map([...found].map(([name, { peaks }]) => [name, peaks!]))).map((grid) => channelWarning(grid).text);
  };
  const even: Tensor = { dims: [4, 8, 4, 4], data: wave(512, 1) }, uneven: Tensor = { ...even, data: even.data.map((v, i) => (Math.floor(i / 16) % 8 ? 0.001 * v : v)) };
  expect(await warnings(0.3, even)).toEqual([]);
  expect(await warnings(300, even)).toEqual([expect.stringMatching(/^The output y shows .*boxes and scores/)]);
  expect(await warnings(0.3, uneven)).toEqual([expect.stringMatching(/^The channels of x have .* no more than 1 of the 255 steps/)]);
  await host.close();
  // where that makes an output much better, the layers before it stay float by themselves
  writeFileSync(at("features.npz"), encodeNpz([{ name: "images", dims: [60, 8, 4, 4], data: wave(60 * 128) }]));
  for (const large of [0.3, 300]) {
    writeFileSync(at("detector.onnx"), bytes(large));
    const { integers, notes, fidelity } = await compress({ model: at("detector.onnx"), data: at("features.npz"), output: at("detector.integers.onnx") }), isUneven = large > 1;
    expect(integers!.floatConvolutions).toBe(isUneven ? 2 : 0);
    expect(notes!.filter((note) => /^The output y has channels .* 2 layers that make it stay float, with which their mean error falls from /.test(note))).toHaveLength(isUneven ? 1 : 0);
    expect(notes!.filter((note) => /^The output y shows/.test(note))).toEqual([]);
    expect(fidelity!.relativeError).toBeLessThan(0.05);
  }
});
