import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { inspectLayers } from "../../src/compression/report";
import { Random } from "../../src/numeric/random";
import { buildModel } from "../../src/onnx/build";
import type { NodeSpec } from "../../src/onnx/encode";
import { DataType } from "../../src/onnx/tensor";
import type { CompressRequest } from "../../src/protocol/api";
import { openModelFile } from "../../src/worker/host";
import { bundle } from "../helpers/bundle";
import { compressWith } from "../helpers/compress";
import { npy } from "../helpers/npy";
import { floats } from "../unit/onnx/models";

/** Whole jobs in which layers have codebooks in common. */

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-sharing-")), at = (...names: string[]) => path.join(folder, ...names);
const model = path.resolve("samples/fashion-cnn.onnx"), resnet = path.resolve("samples/resnet20-cifar10.onnx"), data = path.resolve("samples/fashion-mnist");
const sharers = ["7.weight", "10.weight", "14.weight"];
let script: string, ownBytes: number;

/** What a recipe that trains is longer by in a file. */
const TRAINING_TEXT = 32;

/** A recipe in which three layers of different sizes name one book, or have codebooks of their own. */
function recipe(name: string, book?: string): string {
  const layers = Object.fromEntries([["3.weight", 32], ...sharers.map((id) => [id, 64]), ["17.weight", 32]].map(([id, words]) =>
    [id, { method: "kernel", options: { block: 9, words, ...(sharers.includes(String(id)) && book !== undefined && { book }) } }]));
  writeFileSync(at(name), JSON.stringify({ data: { limit: 64 }, layers }));
  return at(name);
}

const compress = (request: Partial<CompressRequest>) => compressWith(at("jobs"), { model, force: true, ...request });

beforeAll(async () => {
  script = bundle("killed-job");
  ownBytes = (await compress({ output: at("own.onnx"), recipe: recipe("own.kernelscope.json") })).output.bytes;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([["with images", { data }], ["without images", {}], ["trained", { data, tune: "12steps" }]])("layers that a recipe gives one book have it in the file once, %s", async (_name, request) => {
  const output = at("shared.onnx"), report = await compress({ output, recipe: recipe("shared.kernelscope.json", "mine"), ...request });
  expect(report.shared).toEqual([{ layers: sharers, codewords: 64, blockSize: 9, savedBytes: 2 * 64 * 9 * 6 / 8 }]);
  expect(report.layers.map(({ name, sharedWith }) => [name, sharedWith]).filter(([, others]) => others)).toEqual(sharers.map((id) => [id, sharers.filter((other) => other !== id)]));
  expect(statSync(output).size).toBeLessThanOrEqual(ownBytes - report.shared![0].savedBytes + TRAINING_TEXT);
  const { model: written, close } = await openModelFile(output), { shared, layers } = await inspectLayers(written);
  expect(shared).toEqual(report.shared);
  // nothing is counted twice
  expect(layers.reduce((sum, { bytes: own }) => sum + own, 0)).toBeLessThan(statSync(output).size);
  if (report.fidelity) expect(report.fidelity.agreement).toBeGreaterThan(0.5);
  if (report.tuning) expect(report.tuning.after.loss).toBeLessThan(report.tuning.before.loss);
  await close();
});

test("one book of two sizes is a mistake that says where it is", async () => {
  writeFileSync(at("wrong.kernelscope.json"), JSON.stringify({ layers: Object.fromEntries([["7.weight", 64], ["10.weight", 32]].map(([id, words]) => [id, { method: "kernel", options: { block: 9, words, book: "mine" } }])) }));
  await expect(compress({ output: at("wrong.onnx"), recipe: at("wrong.kernelscope.json") })).rejects.toThrow('layers["10.weight"]: its codebook "mine" is that of 7.weight, so method and options have to be the same.');
});

test("none share where there are no images to tell whether they should, or a recipe forbids it", async () => {
  writeFileSync(at("auto.kernelscope.json"), JSON.stringify({ shareCodebooks: "auto" }));
  expect((await compress({ model: resnet, output: at("resnet.onnx"), bits: 0.9, recipe: at("auto.kernelscope.json") })).shared).toBeUndefined();
  writeFileSync(at("never.kernelscope.json"), JSON.stringify({ ...JSON.parse(readFileSync(recipe("shared.kernelscope.json", "mine"), "utf8")) as object, shareCodebooks: false }));
  const { shared, layers } = await compress({ output: at("never.onnx"), recipe: at("never.kernelscope.json") });
  expect(shared).toBeUndefined();
  expect(layers.filter(({ codewords }) => codewords === 64).map(({ name }) => name)).toEqual(sharers);
});

const WIDTH = 16, DEPTH = 6, SIDE = 12;

/** Layers of one shape whose kernels are all nearly one of the same few: a codebook in common is as good as one for each. */
function alike(): Uint8Array {
  const random = new Random(7), normal = (count: number, scale: number) => Array.from({ length: count }, () => scale * (random.next() + random.next() + random.next() - 1.5));
  const shapes = Array.from({ length: 32 }, () => normal(9, 0.16)), kernels = (count: number) => Array.from({ length: count }, () => shapes[random.below(shapes.length)]).flatMap((shape) => shape.map((v) => v + normal(1, 0.02)[0]));
  const attributes = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }, initializers = [floats("stem", [WIDTH, 3, 3, 3], normal(WIDTH * 27, 0.4)), floats("fc", [10, WIDTH], normal(10 * WIDTH, 1))], nodes: NodeSpec[] = [{ op: "Conv", inputs: ["x", "stem"], outputs: ["y0"], attributes }];
  for (let i = 0; i < DEPTH; i++) {
    initializers.push(floats(`w${i}`, [WIDTH, WIDTH, 3, 3], kernels(WIDTH * WIDTH)));
    nodes.push({ op: "Relu", inputs: [`y${i}`], outputs: [`r${i}`] }, { op: "Conv", inputs: [`r${i}`, `w${i}`], outputs: [`y${i + 1}`], attributes });
  }
  nodes.push({ op: "GlobalAveragePool", inputs: [`y${DEPTH}`], outputs: ["mean"] }, { op: "Flatten", inputs: ["mean"], outputs: ["flat"] }, { op: "Gemm", inputs: ["flat", "fc"], outputs: ["y"], attributes: { transB: 1 } });
  return buildModel({ nodes, initializers, inputs: [{ name: "x", type: DataType.FLOAT, shape: ["n", 3, SIDE, SIDE] }], outputs: [{ name: "y", type: DataType.FLOAT, shape: ["n", 10] }] });
}

test("a job that fits a plan with codebooks in common beside another goes on to the same bytes after a kill", async () => {
  const random = new Random(5), count = 40;
  mkdirSync(at("noise"));
  writeFileSync(at("alike.onnx"), alike());
  writeFileSync(at("auto.kernelscope.json"), JSON.stringify({ shareCodebooks: "auto" }));
  writeFileSync(at("noise", "images.npy"), npy([count, SIDE, SIDE, 3], Uint8Array.from({ length: count * SIDE * SIDE * 3 }, () => random.below(256))));
  const run = (moment = "never") => spawnSync(process.execPath, [script, moment, at("killed"), JSON.stringify({ model: at("alike.onnx"), output: at("out.onnx"), data: at("noise"), recipe: at("auto.kernelscope.json"), bits: 2, threads: 1 })], { encoding: "utf8" });
  const finish = (): Buffer => {
    expect(run()).toMatchObject({ status: 0, stderr: "" });
    const bytes = readFileSync(at("out.onnx"));
    rmSync(at("out.onnx"));
    return bytes;
  };
  const whole = finish();
  // within the third of four fits with codebooks in common
  expect(run("fit 30").signal).toBe("SIGKILL");
  expect(finish().equals(whole)).toBe(true);
  writeFileSync(at("whole.onnx"), whole);
  const { model: written, close } = await openModelFile(at("whole.onnx")), { shared } = await inspectLayers(written);
  expect(shared?.[0].layers.length).toBeGreaterThan(2);
  await close();
});
