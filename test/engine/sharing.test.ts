import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { inspectLayers } from "../../src/compression/report";
import { Random } from "../../src/numeric/random";
import type { CompressRequest } from "../../src/protocol/api";
import { openModelFile } from "../../src/worker/host";
import { bundle } from "../helpers/bundle";
import { compressWith } from "../helpers/compress";
import { npy } from "../helpers/npy";

/** Whole jobs in which layers have codebooks in common. */

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-sharing-")), at = (...names: string[]) => path.join(folder, ...names);
const model = path.resolve("samples/fashion-cnn.onnx"), resnet = path.resolve("samples/resnet20-cifar10.onnx"), data = path.resolve("samples/fashion-mnist");
const sharers = ["7.weight", "10.weight", "14.weight"];
let script: string;

/** A recipe in which three layers of different sizes name one book, or have codebooks of their own. */
function recipe(name: string, book?: string): string {
  const layers = Object.fromEntries([["3.weight", 32], ...sharers.map((id) => [id, 64]), ["17.weight", 32]].map(([id, words]) =>
    [id, { method: "kernel", options: { block: 9, words, ...(sharers.includes(String(id)) && book !== undefined && { book }) } }]));
  writeFileSync(at(name), JSON.stringify({ data: { limit: 64 }, layers }));
  return at(name);
}

const compress = (request: Partial<CompressRequest>) => compressWith(at("jobs"), { model, force: true, ...request });

beforeAll(() => { script = bundle("killed-job"); });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([["with images", { data }], ["without images", {}], ["trained", { data, tune: "12steps" }]])("layers that a recipe gives one book have it in the file once, %s", async (_name, request) => {
  const output = at("shared.onnx"), report = await compress({ output, recipe: recipe("shared.kernelscope.json", "mine"), ...request });
  expect(report.shared).toEqual([{ layers: sharers, codewords: 64, blockSize: 9, savedBytes: 2 * 64 * 9 * 6 / 8 }]);
  expect(report.layers.map(({ name, sharedWith }) => [name, sharedWith]).filter(([, others]) => others)).toEqual(sharers.map((id) => [id, sharers.filter((other) => other !== id)]));
  const { bytes } = (await compress({ output: at("own.onnx"), recipe: recipe("own.kernelscope.json"), ...request })).output;
  expect(statSync(output).size).toBeLessThanOrEqual(bytes - report.shared![0].savedBytes);
  const { model: written, close } = await openModelFile(output), { shared, layers } = await inspectLayers(written);
  expect(shared).toEqual(report.shared);
  // nothing is counted twice
  expect(layers.reduce((sum, { bytes: own }) => sum + own, 0)).toBeLessThan(statSync(output).size);
  if (report.fidelity) expect(report.fidelity.agreement).toBeGreaterThan(0.5);
  if (report.tuning) expect(report.tuning.after.loss).toBeLessThan(report.tuning.before.loss);
  await close();
}, 300_000);

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
}, 300_000);

test("a job that fits a plan with codebooks in common beside another goes on to the same bytes after a kill", () => {
  const random = new Random(5), count = 40;
  mkdirSync(at("noise"));
  writeFileSync(at("auto.kernelscope.json"), JSON.stringify({ shareCodebooks: "auto" }));
  writeFileSync(at("noise", "images.npy"), npy([count, 32, 32, 3], Uint8Array.from({ length: count * 3072 }, () => random.below(256))));
  const run = (moment = "never") => spawnSync(process.execPath, [script, moment, at("killed"), JSON.stringify({ model: resnet, output: at("out.onnx"), data: at("noise"), recipe: at("auto.kernelscope.json"), bits: 0.5, threads: 1 })], { encoding: "utf8" });
  const finish = (): Buffer => {
    expect(run()).toMatchObject({ status: 0, stderr: "" });
    const bytes = readFileSync(at("out.onnx"));
    rmSync(at("out.onnx"));
    return bytes;
  };
  const whole = finish();
  for (const moment of ["fit 30"]) expect(run(moment).signal, moment).toBe("SIGKILL");
  expect(finish().equals(whole)).toBe(true);
}, 900_000);
