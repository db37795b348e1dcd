import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compressModel } from "../../src/compression/compress";
import { evaluateModel } from "../../src/compression/evaluate";
import { evaluateConstant } from "../../src/onnx/constants";
import { findLayers } from "../../src/onnx/layers";
import type { CompressRequest } from "../../src/protocol/api";
import type { CompressReport } from "../../src/protocol/report";
import { nodeRuntime } from "../../src/runtime/node";
import { nodeHost, openModelFile } from "../../src/worker/host";
import { compressWith } from "../helpers/compress";
import { python } from "../helpers/python";

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-unit-"));
const fashion = path.resolve("samples/fashion-cnn.onnx"), resnet = path.resolve("samples/resnet20-cifar10.onnx"), images = path.resolve("samples/fashion-mnist");
const out = (name: string) => path.join(folder, name);

const compress = (request: CompressRequest) => compressWith(out("checkpoints"), request);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("without images a pinned layer takes no bits from the others", async () => {
  const recipe = out("pinned.kernelscope.json"), free = (report: CompressReport) => report.layers.filter(({ name, op }) => op === "Conv" && name !== "17.weight");
  const bits = (report: CompressReport) => free(report).reduce((sum, { bytes }) => sum + 8 * bytes, 0) / free(report).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  writeFileSync(recipe, JSON.stringify({ preset: "balanced", layers: { "17.weight": { pin: "leave" } } }));
  const pinned = await compress({ model: fashion, output: out("pinned.onnx"), recipe });
  expect(pinned.layers.find(({ name }) => name === "17.weight")?.method).toBeUndefined();
  expect(bits(pinned)).toBeGreaterThan(4);
  expect(bits(pinned)).toBeLessThanOrEqual(4.6);
});

describe("a compression with images", () => {
  let report: CompressReport;
  beforeAll(async () => { report = await compress({ model: fashion, output: out("fashion.onnx"), target: "60KB", data: images }); });

  test("meets the size and uses it", () => {
    expect(report.output.bytes).toBe(statSync(out("fashion.onnx")).size);
    expect(report.output.bytes).toBeLessThanOrEqual(60_000);
    expect(report.output.bytes).toBeGreaterThan(0.97 * 60_000);
  });

  test("keeps nearly all predictions", () => {
    expect(report.fidelity?.samples).toBeGreaterThan(80);
    expect(report.fidelity?.agreement).toBeGreaterThan(0.93);
  });

  test("tells layers' bytes apart: none takes less than its indices, none more than twice what was planned for it", () => {
    for (const { name, bytes, shape, blockSize, indexBits } of report.layers.filter(({ codewords }) => codewords !== undefined)) {
      const indices = shape.reduce((a, b) => a * b, 1) / blockSize! * indexBits! / 8;
      expect(bytes, name).toBeGreaterThanOrEqual(Math.floor(indices));
      expect(bytes, name).toBeLessThan(2 * indices + 2000);
    }
  });

  test("reports bits from the file: all weights' bytes together are part of it", () => {
    const bytes = report.layers.reduce((sum, layer) => sum + layer.bytes, 0);
    expect(bytes).toBeLessThan(report.output.bytes);
    expect(bytes).toBeGreaterThan(0.5 * report.output.bytes);
    for (const { method, bitsPerWeight, bytes, shape } of report.layers) { const ofBytes = 8 * bytes / shape.reduce((a, b) => a * b, 1); expect(bitsPerWeight).toBeCloseTo(method === undefined ? Math.min(32, ofBytes) : ofBytes, 0); }
  });

  test("gives the same bytes again", async () => {
    const again = await compress({ model: fashion, output: out("again.onnx"), target: "60KB", data: images });
    expect(again.output.sha256).toBe(report.output.sha256);
  });

  test("can be read back from its structure alone, and onnxruntime computes the same folded and unfolded", async () => {
    const written = await openModelFile(out("fashion.onnx"));
    try {
      const layers = findLayers(written.model);
      expect(layers.length).toBe(7);
      const codebooks = report.layers.filter(({ codewords }) => codewords !== undefined);
      expect(codebooks.length).toBeGreaterThan(2);
      for (const layer of layers) {
        const value = await evaluateConstant(written.model, layer.graph, layer.weight);
        expect(value?.dims).toEqual(layer.dims);
        expect(Array.from(value!.data as Float32Array).every(Number.isFinite)).toBe(true);
      }
    } finally {
      await written.close();
    }
    const packed = await nodeRuntime.open(out("fashion.onnx")), plain = await nodeRuntime.open(out("fashion.onnx"), { optimization: "disabled" });
    const input = { dims: [2, 1, 28, 28], data: Float32Array.from({ length: 2 * 784 }, (_, i) => Math.sin(i)) };
    const [a, b] = [await packed.run({ input }), await plain.run({ input })];
    a.logits.data.forEach((v, i) => expect(v).toBeCloseTo(b.logits.data[i], 3));
  });

  const check = python("onnx");
  test.skipIf(!check)("passes onnx.checker", () => {
    check!(`import onnx; onnx.checker.check_model(${JSON.stringify(out("fashion.onnx"))}, full_check=True)`);
  });

  test("evaluates against the original", async () => {
    const host = await nodeHost({ threads: 2 });
    const result = await evaluateModel({ model: out("fashion.onnx"), reference: fashion, data: images, threads: 2 }, host);
    await host.close();
    expect(result.samples).toBe(500);
    expect(result.top1).toBeGreaterThan(0.85);
    expect(result.agreement).toBeGreaterThan(0.93);
    expect(result.intervals?.agreement[0]).toBeLessThan(result.agreement!);
  });
});

describe("without images", () => {
  test("the bits asked for are kept, on the hard sample", async () => {
    const report = await compress({ model: resnet, output: out("resnet.onnx"), bits: 4 });
    expect(report.convBitsPerWeight).toBeLessThanOrEqual(4);
    expect(report.convBitsPerWeight).toBeGreaterThan(3.8);
    expect(report.fidelity).toBeUndefined();
  });

  test("a recipe fixes single layers and leaves others alone", async () => {
    writeFileSync(out("r.kernelscope.json"), JSON.stringify({ layers: { "17.weight": { method: "kernel", options: { block: 9, words: 64 } }, "14.weight": { pin: "leave" } } }));
    const report = await compress({ model: fashion, output: out("recipe.onnx"), recipe: out("r.kernelscope.json") });
    const by = new Map(report.layers.map((layer) => [layer.name, layer]));
    expect(by.get("17.weight")).toMatchObject({ method: "kernel", codewords: 64, blockSize: 9, indexBits: 6, codebookBits: 6 });
    expect(by.get("14.weight")?.bitsPerWeight).toBeGreaterThan(31);
    expect(by.get("14.weight")?.skipped).toBe("Left as it is, as the recipe asks.");
  });
});

describe("what goes wrong is said in one sentence and leaves nothing behind", () => {
  const fails = (request: Partial<CompressRequest>, words: RegExp) => expect(compress({ model: fashion, output: out("never.onnx"), ...request })).rejects.toThrow(words);
  afterAll(() => {
    expect(existsSync(out("never.onnx"))).toBe(false);
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  test("an unreachable size names the smallest possible", () => fails({ target: "2KB" }, /cannot be reached\. The smallest possible is/));
  test("a size that nothing reaches is told before any layer is rated", async () => {
    const host = await nodeHost({ threads: 1, checkpoint: out("checkpoints"), ratings: out("unrated"), scripts: path.resolve("dist") }), told: string[] = [];
    try {
      await expect(compressModel({ threads: 1, model: fashion, output: out("never.onnx"), data: images, prune: false, target: "2KB" }, host, ({ stage }) => told.push(stage))).rejects.toThrow(/^2\.00 KB cannot be reached\. The smallest possible is 7\.\d\d KB with all its channels\./);
      expect(told).not.toContain("sensitivity");
    } finally {
      await host.close();
    }
  });
  test("two goals at once", () => fails({ target: "2x", bits: 2 }, /cannot be used together/));
  test("a size that is none", () => fails({ target: "many" }, /"many" is no size/));
  test("an existing file", () => fails({ output: fashion.replace("fashion-cnn", "resnet20-cifar10") }, /exists already/));
  test("no model", () => fails({ model: out("none.onnx") }, /There is no file/));
  test("no data", () => fails({ data: out("none") }, /There is no data/));
  test("an empty data folder", () => fails({ data: mkdtempSync(out("empty-")) }, /holds no JPEG or PNG/));
  test("data of another shape", async () => {
    copyFileSync(resnet, out("alone.onnx")); // without the preprocessing that would make grey images coloured
    await fails({ model: out("alone.onnx"), data: images }, /takes 3 channels/);
  });
  test("a recipe with a wrong field", async () => {
    writeFileSync(out("bad.kernelscope.json"), JSON.stringify({ targets: "2x" }));
    await fails({ recipe: out("bad.kernelscope.json") }, /bad\.kernelscope\.json.*targets/);
  });
  test("a folder that is not there", () => fails({ output: out("no/where.onnx"), recipe: out("r.kernelscope.json") }, /the folder does not exist/));
});

test("the command line prints one JSON object and its exit codes", () => {
  if (!existsSync("dist/cli.js")) throw new Error("Run npm run build first.");
  const run = (...args: string[]) => spawnSync(process.execPath, ["dist/cli.js", ...args], { encoding: "utf8" });
  const inspected = run("inspect", fashion, "--json");
  expect(inspected.status).toBe(0);
  expect(JSON.parse(inspected.stdout)).toMatchObject({ opset: 13, parameters: 287_264, unsupported: [] });
  expect(run("inspect", out("none.onnx"))).toMatchObject({ status: 1, stdout: "" });
  expect(run("compress", fashion, "--bits", "2", "--target", "2x")).toMatchObject({ status: 2 });
  expect(run("compress", fashion, "--colour")).toMatchObject({ status: 2 });
  const short = run("evaluate", fashion, "--data", images, "--limit", "100", "--fail-under", "top1=0.999", "--json");
  expect(short.status).toBe(3);
  expect(JSON.parse(short.stdout).samples).toBe(100);
  expect(readFileSync("dist/recipe.schema.json", "utf8")).toContain("\"seed\"");
});

test("our own output is compressed again, to a smaller size", async () => {
  await compress({ model: fashion, output: out("first.onnx"), recipe: out("r.kernelscope.json") });
  const again = await compress({ model: out("first.onnx"), output: out("second.onnx"), bits: 5 });
  expect(again.convBitsPerWeight).toBeLessThanOrEqual(5);
  expect(again.output.bytes).toBeLessThan(statSync(out("first.onnx")).size);
});

test("a weight that is no number is named", async () => {
  const bytes = readFileSync(fashion), opened = await openModelFile(fashion);
  const layer = findLayers(opened.model).find(({ id }) => id === "17.weight")!, { storage } = layer.tensor!;
  await opened.close();
  if (storage.kind !== "raw") throw new Error("the sample's weights are raw data");
  bytes.writeFloatLE(NaN, storage.start + 40);
  writeFileSync(out("nan.onnx"), bytes);
  await expect(compress({ model: out("nan.onnx"), output: out("never.onnx"), bits: 4 })).rejects.toThrow(/weight of 17 holds NaN at position 10/);
});
