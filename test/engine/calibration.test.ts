import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { encodeClassifier, NETWORKS } from "../../bench/networks";
import { rescaled } from "../../bench/rescale";
import { readJobData } from "../../src/compression/data";
import { mergeRecipe, onlyRounds } from "../../src/compression/goal";
import { meanErrors } from "../../src/compression/integer/biases";
import { equalize } from "../../src/compression/integer/equalize";
import { observe } from "../../src/compression/integer/observe";
import { readyForIntegers } from "../../src/compression/integer/ready";
import { buildModel } from "../../src/onnx/build";
import type { NodeSpec, TensorData } from "../../src/onnx/encode";
import { extract } from "../../src/onnx/extract";
import { editedModel, memorySource } from "../../src/onnx/memory";
import { readModel, type Model } from "../../src/onnx/model";
import { DataType } from "../../src/onnx/tensor";
import { encodeNpz } from "../../src/evaluation/npz-write";
import { openNpy } from "../../src/evaluation/npy";
import { openDataset } from "../../src/evaluation/dataset";
import { nodeRuntime as runtime } from "../../src/runtime/node";
import type { Tensor } from "../../src/runtime/runtime";
import { nodeHost } from "../../src/worker/host";
import { compressWith } from "../helpers/compress";
import { bytesOf } from "../helpers/integers";
import { npy } from "../helpers/npy";
import { floats, wave } from "../unit/onnx/models";

const modelOf = (nodes: NodeSpec[], opset: number, initializers: TensorData[] = []): Promise<Model> => readModel(memorySource(buildModel({ nodes, initializers, opset, inputs: [{ name: "x", type: DataType.FLOAT, shape: ["n", 3, 8, 8] }], outputs: [{ name: "y", type: DataType.FLOAT }] })));
const samples: Tensor[] = [1, 2, 3].map((seed) => ({ dims: [4, 3, 8, 8], data: wave(4 * 192, seed).map((v) => seed * v) }));

describe("the ranges of activations", () => {
  test.each([14, 18])("are the same whether onnxruntime looks for the extremes or all values are counted, in operator set %i", async (opset) => {
    const weight = floats("w", [5, 3, 3, 3], wave(135, 7)), nodes: NodeSpec[] = [
      { op: "Conv", inputs: ["x", "w"], outputs: ["c"], attributes: { kernel_shape: [3, 3] } }, { op: "Relu", inputs: ["c"], outputs: ["r"] }, { op: "GlobalAveragePool", inputs: ["c"], outputs: ["g"] }, { op: "Flatten", inputs: ["g"], outputs: ["y"] },
    ];
    const model = await modelOf(nodes, opset, [weight]), names = ["x", "c", "r", "g", "y"];
    const [extremes, counted] = await Promise.all([false, true].map((isCounted) => observe(model, names, "x", samples, runtime, { isCounted })));
    for (const name of names) for (const kind of ["minMax", "movingAverage"] as const) expect(extremes.get(name)!.range(kind), name).toEqual(counted.get(name)!.range(kind));
    for (const name of ["x", "c", "r", "g"]) expect(extremes.get(name)!.peaks).toEqual(counted.get(name)!.peaks);
    const c = extremes.get("c")!.range("minMax");
    expect(c.min).toBeLessThan(-0.5);
    expect(extremes.get("r")!.range("minMax")).toEqual({ min: 0, max: c.max });
    expect(extremes.get("c")!.peaks!.length).toBe(5);
  });

  test.each(["Reciprocal", "Log"])("are refused where a value is no finite number, as %s makes of some", async (op) => {
    const model = await modelOf([{ op: "Relu", inputs: ["x"], outputs: ["r"] }, { op, inputs: [op === "Log" ? "x" : "r"], outputs: ["y"] }], 14);
    for (const isCounted of [false, true]) await expect(observe(model, ["y"], "x", samples, runtime, { isCounted })).rejects.toThrow("y is not finite for some of the images");
  });
});

describe("channels of one grid", () => {
  /** What a network does to some samples. */
  async function outputsOf(model: Model): Promise<Float32Array> {
    const session = await runtime.open(await bytesOf(model));
    const [{ data }] = Object.values(await session.run({ input: batch }));
    await session.release();
    return data;
  }
  const shape = [3, 16, 16], batch: Tensor = { dims: [8, ...shape], data: wave(8 * 768, 3) }, { nodes, weights } = NETWORKS["vgg-small"]({ shape, classes: 10, seed: 2 });
  const ready = async (changed: typeof weights) => (await readyForIntegers(await readModel(memorySource(encodeClassifier({ nodes, weights: changed, shape, classes: 10 }))))).model;

  test("are brought to like ranges where they are not, the network does the same, and nothing is left to do", async () => {
    const changed = new Map(weights), names = [...weights.keys()].filter((name) => /weight$/.test(name) && weights.get(name)!.dims.length === 1);
    expect(names.length).toBeGreaterThan(3);
    // a normalization's scale and offset make a channel as large as one likes
    for (const name of names.slice(0, -1)) {
      const { dims, data } = weights.get(name)!;
      changed.set(name, { dims, data: data.map((v, c) => v * (c % 4 ? 1 : 64)) });
    }
    const model = await ready(changed), { model: equal, pairs } = await equalize(model, "input", [batch, batch], runtime), [a, b] = [await outputsOf(model), await outputsOf(equal)];
    expect(pairs).toBeGreaterThan(2);
    const largest = a.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    expect(Math.max(...a.map((v, i) => Math.abs(v - b[i])))).toBeLessThan(1e-3 * largest);
    expect((await equalize(equal, "input", [batch, batch], runtime)).pairs).toBe(0);
  });
});

test("a network that is made hard computes the same, and its channels have very different ranges", async () => {
  const shape = [3, 16, 16], { nodes, weights } = NETWORKS["mobilenet-small"]({ shape, classes: 10, seed: 4 }), batch: Tensor = { dims: [4, ...shape], data: wave(4 * 768, 9) };
  const model = await readModel(memorySource(encodeClassifier({ nodes, weights, shape, classes: 10 }))), { edit, values } = await rescaled(model, { seed: 1, largest: 64 }), hard = await editedModel(edit);
  expect(values).toBe(14);
  const relus = model.graph.nodes.filter(({ op, outputs: [output] }) => op === "Relu" && model.graph.consumers.get(output)![0].op === "Conv").map(({ outputs: [output] }) => output);
  const look = async (of: Model) => (await observe(of, [...relus, "logits"], "input", [batch], runtime, { isCounted: false }));
  const [before, after] = [await look(model), await look(hard)], logits = [before, after].map((seen) => seen.get("logits")!.range("minMax"));
  expect(logits[1].max).toBeCloseTo(logits[0].max, 4);
  expect(logits[1].min).toBeCloseTo(logits[0].min, 4);
  for (const name of relus) {
    const factors = [...after.get(name)!.peaks!].map((peak, c) => peak / before.get(name)!.peaks![c]).filter((v) => v > 0);
    expect(Math.max(...factors) / Math.min(...factors)).toBeGreaterThan(20);
    expect(Math.max(...factors)).toBeLessThan(64.01);
    expect(Math.min(...factors)).toBeGreaterThan(0.999);
  }
});

describe("what rounded weights are off by on average", () => {
  const weights = wave(8 * 4, 5), dense = wave(6 * 8, 6), network = (round: (v: number) => number) => modelOf([
    { op: "Conv", inputs: ["x", "w0", "b0"], outputs: ["c0"], attributes: { kernel_shape: [1, 1] } }, { op: "Relu", inputs: ["c0"], outputs: ["r0"] },
    { op: "Conv", inputs: ["r0", "w1", "b1"], outputs: ["c1"], attributes: { kernel_shape: [1, 1], group: 2 } }, { op: "GlobalAveragePool", inputs: ["c1"], outputs: ["g"] }, { op: "Flatten", inputs: ["g"], outputs: ["f"] },
    { op: "Gemm", inputs: ["f", "w2", "b2"], outputs: ["y"], attributes: { transB: 1 } },
  ], 14, [
    floats("w0", [8, 3, 1, 1], wave(24, 4).map(round)), floats("b0", [8], wave(8, 7)), floats("w1", [8, 4, 1, 1], weights.map(round)), floats("b1", [8], wave(8, 8)), floats("w2", [6, 8], dense.map(round)), floats("b2", [6], wave(6, 9)),
  ]);

  test("is the mean of what they add to the outputs", async () => {
    const original = await network((v) => v), rounded = await network((v) => Math.ceil(4 * v) / 4), found = await meanErrors(original, rounded, "x", samples, runtime);
    expect([...found.keys()]).toEqual(["w0", "w1", "w2"]);
    const seen = await runtime.open(await extract(original, { inputs: [], outputs: ["r0", "f", "c0", "c1", "y"] })), sums = new Map<string, Float64Array>();
    // each layer alone rounded, on the original's inputs
    for (const [id, from, to] of [["w0", "x", "c0"], ["w1", "r0", "c1"], ["w2", "f", "y"]]) {
      const session = await runtime.open(await extract(rounded, { inputs: [from], outputs: [to], inputShapes: new Map([[from, { type: DataType.FLOAT }]]) })), channels = id === "w2" ? 6 : 8, sum = new Float64Array(channels);
      sums.set(id, sum);
      for (const batch of samples) {
        const known = await seen.run({ x: batch }), off = (await session.run({ [from]: from === "x" ? batch : known[from] }))[to].data, size = off.length / 4 / channels;
        off.forEach((v, i) => { sum[Math.floor(i / size) % channels] += (v - known[to].data[i]) / size / 12; });
      }
      await session.release();
    }
    await seen.release();
    for (const [id, sum] of sums) found.get(id)!.forEach((v, m) => { expect(v, `${id} ${m}`).toBeCloseTo(sum[m], 5); });
  });

  test("is taken back by biases where that helps", async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-biases-")), at = (name: string) => path.join(folder, name);
    // on the grid that the first weight makes, all others are rounded the same way
    const first = Float32Array.from({ length: 16 * 64 }, (_, i) => (i % 64 ? (i * 7 % 40 + 0.45) / 127 : 1)), nodes: NodeSpec[] = [
      { op: "Conv", inputs: ["x", "w", "b"], outputs: ["c"], attributes: { kernel_shape: [1, 1] } }, { op: "Relu", inputs: ["c"], outputs: ["r"] }, { op: "GlobalAveragePool", inputs: ["r"], outputs: ["g"] }, { op: "Flatten", inputs: ["g"], outputs: ["f"] },
      { op: "Gemm", inputs: ["f", "v", "d"], outputs: ["y"], attributes: { transB: 1 } },
    ];
    writeFileSync(at("m.onnx"), buildModel({ nodes, opset: 14, initializers: [floats("w", [16, 64, 1, 1], first), floats("b", [16], wave(16, 2)), floats("v", [10, 16], wave(160, 3)), floats("d", [10], wave(10, 4))], inputs: [{ name: "x", type: DataType.FLOAT, shape: ["n", 64, 4, 4] }], outputs: [{ name: "y", type: DataType.FLOAT, shape: ["n", 10] }] }));
    writeFileSync(at("images.npz"), encodeNpz([{ name: "images", dims: [80, 64, 4, 4], data: wave(80 * 1024).map((v) => Math.abs(v)) }]));
    const { notes } = await compressWith(at("jobs"), { model: at("m.onnx"), data: at("images.npz"), output: at("i.onnx"), inference: "integer", force: true });
    expect(notes).toContain("Biases take back what rounded weights are off by on average, which brings the outputs nearer to the original's.");
    rmSync(folder, { recursive: true, force: true });
  });
});

test("rows of an array come in any order, with whatever lies between them left out", async () => {
  const bytes = npy([500, 2, 2, 1], Uint8Array.from({ length: 2000 }, (_, i) => i % 251)), reads: number[] = [];
  const source = { size: bytes.length, read: async (offset: number, length: number) => { reads.push(length); return bytes.slice(offset, offset + length); } };
  const dataset = await openDataset({ name: "d", list: async () => [{ name: "images.npy", folder: false }], open: async () => source }, { name: "x", type: "float32", shape: ["n", 1, 2, 2] }, { scale: 1 });
  reads.length = 0;
  const positions = [401, 3, 4, 250, 3], values = await dataset.batch(positions);
  expect([...values]).toEqual(positions.flatMap((p) => [0, 1, 2, 3].map((k) => (4 * p + k) % 251)));
  expect(reads).toHaveLength(1);
  expect(await (await openNpy(source, "d")).rows(1, 1)).toEqual(Float32Array.of(4, 5, 6, 7));
});

test("samples for calibration are read batch by batch, and only so many are held as plans are rated on", async () => {
  const bytes = npy([900, 4, 4, 1], new Uint8Array(900 * 16)), host = await nodeHost({ threads: 1 }), read: number[] = [];
  const source = { size: bytes.length, read: async (offset: number, length: number) => bytes.slice(offset, offset + length) };
  const model = await readModel(memorySource(buildModel({ nodes: [{ op: "Relu", inputs: ["x"], outputs: ["y"] }], initializers: [], inputs: [{ name: "x", type: DataType.FLOAT, shape: ["n", 1, 4, 4] }], outputs: [{ name: "y", type: DataType.FLOAT }] })));
  const watched = { ...host, openData: async () => ({ name: "d", list: async () => [{ name: "images.npy", folder: false }], open: async () => source }) };
  const job = await mergeRecipe({ model: "m.onnx", data: "d", evalData: "e", inference: "integer" }, watched);
  expect(onlyRounds(job)).toBe(true);
  const held = await readJobData(job, model, watched, undefined, { isFitted: !onlyRounds(job) }), count = (batches: readonly Tensor[]) => batches.reduce((sum, { dims }) => sum + dims[0], 0);
  expect([count(held.fit.batches), count(held.rating.batches), held.calibration.size]).toEqual([256, 256, 900]);
  for (let again = 0; again < 2; again++) for await (const { dims } of held.calibration.batches()) read.push(dims[0]);
  expect(read.reduce((a, b) => a + b)).toBe(1800);
  expect(Math.max(...read)).toBeLessThanOrEqual(16);
  expect(count((await readJobData(job, model, watched)).fit.batches)).toBe(900);
  // what is fitted to data has more than rounding in it
  for (const wish of [{ bits: 4 }, { target: "4x" }, { tune: "10steps" }, { inference: "float" as const }]) expect(onlyRounds(await mergeRecipe({ model: "m.onnx", data: "d", inference: "integer", ...wish }, watched))).toBe(false);
  await host.close();
});
