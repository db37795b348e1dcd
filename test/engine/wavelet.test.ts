import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import type { CompressRequest } from "../../src/protocol/api";
import { filterBank } from "../../src/numeric/filter-bank";
import { nodeRuntime } from "../../src/runtime/node";
import { openModelFile } from "../../src/worker/host";
import { findLayers } from "../../src/onnx/layers";
import { inspectLayers } from "../../src/compression/report";
import { compressWith } from "../helpers/compress";
import { LINEAR, TRAINED } from "../helpers/trained";
import { floats, modelBytes, value, wave } from "../unit/onnx/models";

/** Whole jobs with wavelet transforms: on a linear layer behind convolutions, and on a network of linear layers alone. */

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-wavelet-")), at = (name: string) => path.join(folder, name);
const data = path.resolve("samples/fashion-mnist");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** 784-64-64-10 on the sample's images. */
const linear = at("linear.onnx"), sizes = [784, 64, 64, 10];
writeFileSync(linear, modelBytes({
  opset: 17, inputs: [value("x", ["batch", 1, 28, 28])], outputs: [value("logits")],
  nodes: [{ op: "Flatten", inputs: ["x"], outputs: ["h0"] }, ...[0, 1, 2].flatMap((i) => [{ op: "Gemm", inputs: [`h${i}`, `fc${i}.weight`, `fc${i}.bias`], outputs: [i === 2 ? "logits" : `g${i}`], attributes: { transB: 1 } }, ...(i === 2 ? [] : [{ op: "Relu", inputs: [`g${i}`], outputs: [`h${i + 1}`] }])])],
  initializers: [0, 1, 2].flatMap((i) => [floats(`fc${i}.weight`, [sizes[i + 1], sizes[i]], wave(sizes[i + 1] * sizes[i], i).map((v) => v * Math.sqrt(3 / sizes[i]))), floats(`fc${i}.bias`, [sizes[i + 1]], wave(sizes[i + 1], i + 9).map((v) => v / 10))]),
}));

const recipe = (name: string, layers: object = {}): string => { writeFileSync(at(name), JSON.stringify({ data: { limit: 64 }, layers })); return at(name); };
const compress = (request: Partial<CompressRequest>) => compressWith(at("jobs"), { model: linear, data, force: true, ...request });
const wavelet = (options: object = {}) => ({ method: "wavelet", options: { levels: 4, ...options } });

test("a recipe's layers are learned, trained with the network and read back from the file", async () => {
  const output = at("own.onnx"), names = recipe("own.kernelscope.json", { "fc0.weight": wavelet({ summed: 2 }), "fc1.weight": wavelet({ wavelet: "symlet", length: 4 }) });
  const { layers, tuning, fidelity } = await compress({ output, recipe: names, tune: "60steps" }), [first, second, third] = layers;
  expect(tuning!.after.loss).toBeLessThan(0.7 * tuning!.before.loss);
  expect(fidelity!.agreement).toBeGreaterThan(0.3);
  expect([first, second].map(({ method, wavelet }) => [method, wavelet!.summed, wavelet!.levels, wavelet!.length])).toEqual([["wavelet", 2, 4, 6], ["wavelet", 1, 4, 4]]);
  expect(third.method).toBeUndefined();
  for (const { wavelet: facts, bytes, shape } of [first, second]) {
    expect(facts!.reconstructionError).toBeLessThan(1e-3);
    expect(Math.max(...facts!.filters.flat().map((v, i) => Math.abs(v - filterBank(facts!.length === 6 ? "daubechies" : "symlet", facts!.length)[i])))).toBeGreaterThan(1e-3);
    expect(bytes).toBeLessThan(0.3 * 4 * shape[0] * shape[1]);
  }
  const opened = await openModelFile(output), inspected = await inspectLayers(opened.model);
  expect(inspected.layers.map(({ name, method }) => [name, method])).toEqual([["fc0.weight", "wavelet"], ["fc1.weight", "wavelet"], ["fc2.weight", undefined]]);
  expect(inspected.layers[0].wavelet).toEqual({ ...first.wavelet, speed: undefined });
  expect(findLayers(opened.model).filter(({ blocked }) => blocked === undefined).map(({ id }) => id)).toEqual(["fc2.weight"]);
  await opened.close();
  // what is a result already is compressed further where it can be, and left where it cannot
  const again = await compress({ model: output, output: at("again.onnx"), method: "integer", target: "45%" }).catch((error: unknown) => error);
  expect(again).toMatchObject({ message: expect.stringMatching(/smallest|target|size/i) as string });
  const smaller = await compress({ model: output, output: at("smaller.onnx"), recipe: recipe("rest.kernelscope.json", { "fc2.weight": { method: "integer", options: { bits: 8 } } }) });
  expect(smaller.layers.map(({ method }) => method)).toEqual(["wavelet", "wavelet", "integer"]);
});

test("asked for alone, plans have it at the loss that its layers are measured to have", async () => {
  const { layers, output, fidelity, notes } = await compress({ output: at("alone.onnx"), recipe: recipe("alone.kernelscope.json"), method: "wavelet", target: "12KB" });
  expect(layers.map(({ method }) => method)).toContain("wavelet");
  for (const { label, method } of layers) if (method === "integer") expect(notes?.join()).toMatch(new RegExp(`in place of the method wavelet.*${label}`));
  expect(layers.map(({ method }) => method)).toContain("integer");
  expect(output.bytes).toBeLessThanOrEqual(12_000);
  expect(fidelity!.agreement).toBeGreaterThan(0.1);
});

test("beside codewords, in a trimmed file, trained layer after layer with noise: it is found again all the same", async () => {
  const names = recipe("both.kernelscope.json", { "fc0.weight": wavelet() }), output = at("both.onnx");
  const { layers, tuning, trims, output: { bytes } } = await compress({ output, recipe: names, method: "product", target: "9KB", tune: "24steps", schedule: "iterative", noise: { kind: "codeword", p: 0.1 } });
  expect(bytes).toBeLessThanOrEqual(9_000);
  expect(trims?.map(({ what }) => what)).toContain("biases");
  expect(layers[0]).toMatchObject({ method: "wavelet", wavelet: { levels: 4 } });
  expect(layers[1].method).toBe("product");
  expect(tuning!.after.loss).toBeLessThanOrEqual(tuning!.before.loss);
  const opened = await openModelFile(output), { layers: rows, bitsPerWeight } = await inspectLayers(opened.model);
  expect(rows.map(({ method }) => method).slice(0, 2)).toEqual(["wavelet", "product"]);
  expect(bitsPerWeight).toBeLessThan(2);
  await opened.close();
});

test("the exported network computes what the engine's dense form of it does", async () => {
  const names = recipe("dense.kernelscope.json", { [LINEAR]: wavelet({ levels: 3 }) }), request = { ...TRAINED, recipe: names };
  await compress({ ...request, output: at("nodes.onnx") });
  await compress({ ...request, output: at("same.onnx") });
  expect(readFileSync(at("same.onnx"))).toEqual(readFileSync(at("nodes.onnx")));
  await compress({ ...request, output: at("dense.onnx"), layout: "dense" });
  const input = { dims: [4, 1, 14, 14], data: wave(4 * 196, 3) };
  const [nodes, dense] = await Promise.all(["nodes.onnx", "dense.onnx"].map(async (name) => {
    const session = await nodeRuntime.open(at(name), { threads: 1 }), results = await session.run({ [session.inputNames[0]]: input });
    await session.release();
    return Object.values(results)[0].data;
  }));
  const scale = Math.sqrt(dense.reduce((sum, v) => sum + v * v, 0) / dense.length);
  nodes.forEach((v, i) => { expect(Math.abs(v - dense[i])).toBeLessThan(1e-4 * scale); });
});

test("without images, and with integers, it says why it cannot be had", async () => {
  const names = recipe("none.kernelscope.json", { "fc0.weight": wavelet() }), refusal = (request: Partial<CompressRequest>) => compress({ output: at("none.onnx"), ...request }).catch((error: unknown) => error);
  expect(await refusal({ data: undefined, recipe: names })).toMatchObject({ code: "bad-recipe", message: expect.stringMatching(/learned from images.*--data/) as string });
  expect(await refusal({ data: undefined, method: "wavelet", target: "100KB" })).toMatchObject({ code: "usage", message: expect.stringMatching(/learned from images.*--data/) as string });
  expect(await refusal({ recipe: recipe("alone.kernelscope.json"), method: "wavelet", target: "1KB" })).toMatchObject({ code: "target-unreachable", message: expect.stringMatching(/with the method wavelet and integers alone\. The smallest possible/) as string });
  expect(await refusal({ inference: "integer", recipe: names })).toMatchObject({ code: "bad-recipe", message: expect.stringMatching(/integer inference/) as string });
  expect(await refusal({ recipe: recipe("deep.kernelscope.json", { "fc2.weight": { method: "wavelet", options: { levels: 12 } } }) })).toMatchObject({ code: "bad-recipe", message: expect.stringMatching(/too small/) as string });
});
