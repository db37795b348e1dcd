import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import type { CompressRequest } from "../../src/protocol/api";
import { viewer } from "../../src/worker/viewer";
import { compressWith } from "../helpers/compress";

/** Whole jobs with product quantization, on the bundled sample. */

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-product-")), at = (name: string) => path.join(folder, name);
const model = path.resolve("samples/fashion-cnn.onnx"), data = path.resolve("samples/fashion-mnist");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const compress = (request: Partial<CompressRequest>) => compressWith(at("jobs"), { model, data, force: true, ...request });

test("alone it meets a size, and is what the file says", async () => {
  const output = at("alone.onnx"), { layers, fidelity } = await compress({ output, method: "product", target: "30KB" });
  expect(statSync(output).size).toBeLessThanOrEqual(30_000);
  expect(statSync(output).size).toBeGreaterThan(0.95 * 30_000);
  const methods = layers.flatMap(({ method }) => method ?? []);
  expect(methods.filter((method) => method === "product").length).toBeGreaterThan(3);
  expect(methods).not.toContain("kernel");
  expect(fidelity!.agreement).toBeGreaterThan(0.85);
}, 300_000);

test("beside the others it takes its part where few bits are left, and targets are met", async () => {
  const output = at("auto.onnx"), { layers, fidelity } = await compress({ output, target: "17KB" }), methods = new Set(layers.map(({ method }) => method));
  expect(statSync(output).size).toBeLessThanOrEqual(17_000);
  expect(statSync(output).size).toBeGreaterThan(0.95 * 17_000);
  expect(methods).toContain("product");
  expect(methods.size).toBeGreaterThan(1);
  expect(fidelity!.agreement).toBeGreaterThan(0.6);
}, 300_000);

test("a recipe says block, words, bits and scale; codewords are trained, and the views name the method", async () => {
  const product = (block: number, words: number, scale: string, valueBits = 8) => ({ method: "product", options: { block, words, valueBits, scale } });
  writeFileSync(at("own.kernelscope.json"), JSON.stringify({ layers: { "7.weight": product(18, 200, "layer"), "10.weight": product(9, 128, "layer", 6), "14.weight": product(18, 256, "channel"), "22.weight": product(16, 16, "layer") } }));
  const { layers, tuning } = await compress({ output: at("own.onnx"), recipe: at("own.kernelscope.json"), tune: "12steps" }), by = new Map(layers.map((layer) => [layer.name, layer]));
  expect(by.get("7.weight")).toMatchObject({ method: "product", codewords: 200, blockSize: 18, indexBits: 8, codebookBits: 8 });
  expect(by.get("22.weight")).toMatchObject({ method: "product", codewords: 16, blockSize: 16, codebookBits: 8 });
  expect(tuning!.after.loss).toBeLessThan(tuning!.before.loss);
  const view = viewer();
  await Promise.all([view.open(model), view.open(at("own.onnx"))]);
  for (const [name, block] of [["7.weight", [6, 3]], ["10.weight", [3, 3]], ["22.weight", [1, 16]]] as const) {
    const book = await view.codebook(at("own.onnx"), name, model);
    expect(book).toMatchObject({ method: "Product quantization", block });
    expect(book!.original!.sqnrDb).toBeCloseTo(by.get(name)!.sqnrDb!, 2);
  }
  await Promise.all([view.close(model), view.close(at("own.onnx"))]);
}, 300_000);
