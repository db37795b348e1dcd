import { createHash } from "node:crypto";
import { closeSync, copyFileSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, renameSync, rmSync, statfsSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compressModel } from "../../src/compression/compress";
import type { TensorData } from "../../src/onnx/edit";
import { findLayers } from "../../src/onnx/layers";
import { allTensors } from "../../src/onnx/model";
import { DataType } from "../../src/onnx/tensor";
import { concat, intField, lenField, textField } from "../../src/onnx/wire";
import type { CompressRequest } from "../../src/protocol/api";
import type { CompressReport } from "../../src/protocol/report";
import { nodeRuntime } from "../../src/runtime/node";
import { nodeHost, openModelFile } from "../../src/worker/host";
import { npy } from "../helpers/npy";
import { floats, modelBytes, value, wave } from "../unit/onnx/models";

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-external-"));
const at = (...names: string[]) => path.join(folder, ...names);
const hash = (file: string) => createHash("sha256").update(readFileSync(file)).digest("hex");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function compress(request: CompressRequest): Promise<CompressReport> {
  const host = await nodeHost({ threads: 2, checkpoint: at("jobs") });
  try {
    return await compressModel({ threads: 2, ...request }, host);
  } finally {
    await host.close();
  }
}

/** A float tensor whose elements are in another file. */
function externalTensor(name: string, dims: number[], location: string, offset: number): Uint8Array {
  const entry = (key: string, text: string) => lenField(13, textField(1, key), textField(2, text)), length = 4 * dims.reduce((a, b) => a * b, 1);
  return concat([...dims.map((dim) => intField(1, dim)), intField(2, DataType.FLOAT), textField(8, name), entry("location", location), entry("offset", String(offset)), entry("length", String(length)), intField(14, 1)]);
}

const WEIGHTS: [name: string, dims: number[]][] = [["first", [32, 3, 3, 3]], ["second", [64, 32, 3, 3]], ["second.bias", [64]], ["fc", [10, 64]]];

/** Conv 3×3 → Relu → Conv 3×3 → GlobalAveragePool → Flatten → Gemm. */
const network = (initializers: (TensorData | Uint8Array)[]): Uint8Array => modelBytes({
  nodes: [
    { op: "Conv", inputs: ["x", "first"], outputs: ["a"], attributes: { pads: [1, 1, 1, 1] } },
    { op: "Relu", inputs: ["a"], outputs: ["b"] },
    { op: "Conv", inputs: ["b", "second", "second.bias"], outputs: ["c"], attributes: { pads: [1, 1, 1, 1] } },
    { op: "GlobalAveragePool", inputs: ["c"], outputs: ["d"] },
    { op: "Flatten", inputs: ["d"], outputs: ["e"] },
    { op: "Gemm", inputs: ["e", "fc"], outputs: ["y"], attributes: { transB: 1 } },
  ],
  initializers, inputs: [value("x", ["N", 3, 8, 8])], outputs: [value("y", ["N", 10])],
});

/** Writes the network twice into a folder: as one file, and with its weights in a file beside it. */
function prepare(name: string): { whole: string; outside: string } {
  mkdirSync(at(name));
  const whole = at(name, "whole.onnx"), outside = at(name, "outside.onnx"), arrays = WEIGHTS.map(([, dims], i) => wave(dims.reduce((a, b) => a * b, 1), i));
  writeFileSync(whole, network(WEIGHTS.map(([tensor, dims], i) => floats(tensor, dims, arrays[i]))));
  let offset = 0;
  writeFileSync(outside, network(WEIGHTS.map(([tensor, dims], i) => {
    const content = externalTensor(tensor, dims, "outside.bin", offset);
    offset += arrays[i].byteLength;
    return content;
  })));
  writeFileSync(at(name, "outside.bin"), Buffer.concat(arrays.map((array) => Buffer.from(array.buffer))));
  return { whole, outside };
}

async function outputOf(file: string): Promise<Float32Array> {
  const session = await nodeRuntime.open(file);
  try {
    return (await session.run({ x: { dims: [2, 3, 8, 8], data: wave(384, 9) } })).y.data;
  } finally {
    await session.release();
  }
}

const layers = { second: { method: "kernel", options: { block: 9, words: 32 } }, first: { pin: "leave" }, fc: { pin: "leave" } };

describe("a model with its weights in another file", () => {
  let paths: ReturnType<typeof prepare>, recipe = "";
  beforeAll(() => {
    paths = prepare("in");
    recipe = at("r.kernelscope.json");
    writeFileSync(recipe, JSON.stringify({ layers }));
  });

  test.each(["elsewhere", "in"])("becomes one file that needs nothing else, in folder %s", async (name) => {
    mkdirSync(at(name), { recursive: true });
    const before = [hash(paths.outside), hash(at("in", "outside.bin"))], output = at(name, "small.onnx");
    const report = await compress({ model: paths.outside, output, recipe });
    await compress({ model: paths.whole, output: at("reference.onnx"), recipe, force: true });
    expect([hash(paths.outside), hash(at("in", "outside.bin"))]).toEqual(before);
    expect(report.input.bytes).toBe(statSync(paths.outside).size + statSync(at("in", "outside.bin")).size);
    expect(report.output.bytes).toBe(statSync(output).size);
    const opened = await openModelFile(output);
    await opened.close();
    expect([...allTensors(opened.model)].filter(({ storage }) => storage.kind === "external")).toEqual([]);
    expect(opened.files).toEqual([output]);
    renameSync(at("in"), at("away"));
    try {
      expect(await outputOf(name === "in" ? at("away", "small.onnx") : output)).toEqual(await outputOf(at("reference.onnx")));
    } finally {
      renameSync(at("away"), at("in"));
    }
  });

  test("meets a size, all its weights counted", async () => {
    const report = await compress({ model: paths.outside, output: at("target.onnx"), target: "12KB" });
    expect(statSync(at("target.onnx")).size).toBe(report.output.bytes);
    expect(report.output.bytes).toBeLessThanOrEqual(12_000);
    expect(report.output.bytes).toBeGreaterThan(0.9 * 12_000);
  });

  test("is compressed with samples, too", async () => {
    mkdirSync(at("data"));
    writeFileSync(at("data", "images.npy"), npy([40, 3, 8, 8], wave(40 * 192, 5)));
    const [outside, whole] = await Promise.all([paths.outside, paths.whole].map(async (model, i) => {
      const output = at(`data${i}.onnx`), { fidelity } = await compress({ model, output, recipe, data: at("data") });
      expect(fidelity?.samples).toBeGreaterThan(3);
      return outputOf(output);
    }));
    expect(outside).toEqual(whole);
  });

  test("is not the place for the output, by whatever name", async () => {
    symlinkSync(paths.outside, at("link.onnx"));
    for (const output of [paths.outside, at("in", "outside.bin"), at("link.onnx"), at("in", "..", "in", "outside.bin")]) {
      await expect(compress({ model: paths.outside, output, recipe, force: true })).rejects.toThrow(/The output is the model itself, or its weights/);
    }
  });

  test("that lacks them is refused, and nothing is written", async () => {
    copyFileSync(paths.outside, at("alone.onnx"));
    await expect(compress({ model: at("alone.onnx"), output: at("never.onnx"), recipe })).rejects.toMatchObject({ code: "external-data", message: expect.stringContaining("outside.bin, which is missing") as string });
    expect(readdirSync(folder)).not.toContain("never.onnx");
  });
});

/** Bytes of the three layers of the large model that stay as they are. */
const LARGE_DIMS = [16_384, 12_288], LARGE_BYTES = 4 * LARGE_DIMS[0] * LARGE_DIMS[1];
const { bavail, bsize } = statfsSync(folder), room = bavail * bsize > 4 * 3 * LARGE_BYTES;

test.skipIf(!room)("a result of more than 2 GB has its weights in a file of its own beside it", async () => {
  mkdirSync(at("large"));
  const names = ["a", "b", "c"], model = at("large", "model.onnx"), output = at("large", "small.onnx");
  writeFileSync(model, modelBytes({
    nodes: [
      { op: "Conv", inputs: ["x", "conv"], outputs: ["f"], attributes: { kernel_shape: [3, 3] } }, { op: "Flatten", inputs: ["f"], outputs: ["g"] },
      ...names.map((name, i) => ({ op: "MatMul", inputs: [i ? `m${i}` : "g", name], outputs: [`m${i + 1}`] })),
    ],
    initializers: [floats("conv", [64, 32, 3, 3], wave(18_432)), ...names.map((name, i) => externalTensor(name, LARGE_DIMS, "model.onnx.data", i * LARGE_BYTES))],
    inputs: [value("x", ["N", 32, 8, 8])], outputs: [value("m3", ["N", 12_288])],
  }));
  const file = openSync(`${model}.data`, "w"); // holes take no room on the disk
  ftruncateSync(file, 3 * LARGE_BYTES);
  closeSync(file);
  const recipe = at("large.kernelscope.json");
  writeFileSync(recipe, JSON.stringify({ layers: { conv: { method: "kernel", options: { block: 9, words: 16 } }, ...Object.fromEntries(names.map((name) => [name, { pin: "leave" }])) } }));
  const report = await compress({ model, output, recipe });
  expect(readdirSync(at("large")).sort()).toEqual(["model.onnx", "model.onnx.data", "small.onnx", "small.onnx.data"]);
  expect(statSync(output).size).toBeLessThan(20_000);
  expect(statSync(`${output}.data`).size).toBe(3 * LARGE_BYTES);
  expect(report.output.bytes).toBe(statSync(output).size + 3 * LARGE_BYTES);
  const opened = await openModelFile(output);
  try {
    const found = findLayers(opened.model);
    expect(found.map(({ id }) => id)).toEqual(["conv", ...names]);
    names.forEach((name, i) => expect(opened.model.graph.initializers.get(name)).toMatchObject({ dims: LARGE_DIMS, storage: { kind: "external", location: "small.onnx.data", offset: i * LARGE_BYTES, length: LARGE_BYTES } }));
    expect(report.layers.find(({ name }) => name === "conv")).toMatchObject({ method: "kernel", codewords: 16 });
  } finally {
    await opened.close();
  }
});
