import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { frontOf } from "../../src/compression/front";
import { mergeRecipe } from "../../src/compression/goal";
import { rateModel } from "../../src/compression/rated";
import type { CompressRequest } from "../../src/protocol/api";
import type { PlanChoice } from "../../src/protocol/plan";
import { productMethod } from "../../src/methods/product";
import { findLayers } from "../../src/onnx/layers";
import { nodeHost } from "../../src/worker/host";
import { viewer } from "../../src/worker/viewer";
import { compressWith } from "../helpers/compress";
import { floats, modelBytes, open, value, wave } from "../unit/onnx/models";

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
});

test("beside the others it takes its part where few bits are left, and targets are met", async () => {
  const output = at("auto.onnx"), { layers, fidelity } = await compress({ output, target: "17KB", prune: false }), methods = new Set(layers.map(({ method }) => method));
  expect(statSync(output).size).toBeLessThanOrEqual(17_000);
  expect(statSync(output).size).toBeGreaterThan(0.95 * 17_000);
  expect(methods).toContain("product");
  expect(methods.size).toBeGreaterThan(1);
  expect(fidelity!.agreement).toBeGreaterThan(0.6);
});

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
});

/** Two depthwise convolutions of so many channels between others, each before a normalization. @param empty output channel of the first that is pruned */
function separable(name: string, channels: number, empty = -1): string {
  const spread = (dims: number[], fan: number, seed: number) => wave(dims.reduce((a, b) => a * b), seed).map((v) => v * Math.sqrt(3 / fan));
  const weights = [floats("stem", [channels, 1, 3, 3], spread([channels, 9], 9, 1)), floats("first", [channels, 1, 3, 3], spread([channels, 9], 9, 2).map((v, i) => (Math.floor(i / 9) === empty ? 0 : v))), floats("mix", [channels, channels, 1, 1], spread([channels, channels], channels, 3)), floats("second", [channels, 1, 3, 3], spread([channels, 9], 9, 4)), floats("head", [10, channels], spread([10, channels], channels, 5))];
  const layer = (input: string, weight: string, attributes: Record<string, number | number[]>) => [
    { op: "Conv", inputs: [input, weight], outputs: [`${weight}.y`], attributes }, { op: "BatchNormalization", inputs: [`${weight}.y`, `${weight}.gamma`, `${weight}.beta`, `${weight}.mean`, `${weight}.variance`], outputs: [`${weight}.z`] }, { op: "Relu", inputs: [`${weight}.z`], outputs: [`${weight}.out`] },
  ];
  const around = { pads: [1, 1, 1, 1] }, depthwise = { ...around, group: channels, strides: [2, 2] };
  writeFileSync(at(name), modelBytes({
    nodes: [...layer("x", "stem", { ...around, strides: [2, 2] }), ...layer("stem.out", "first", depthwise), ...layer("first.out", "mix", {}), ...layer("mix.out", "second", depthwise), { op: "GlobalAveragePool", inputs: ["second.out"], outputs: ["pooled"] }, { op: "Flatten", inputs: ["pooled"], outputs: ["flat"] }, { op: "Gemm", inputs: ["flat", "head"], outputs: ["y"], attributes: { transB: 1 } }],
    initializers: [...weights, ...["stem", "first", "mix", "second"].flatMap((weight, seed) => [floats(`${weight}.gamma`, [channels], wave(channels, seed).map((v) => 1 + v / 2)), floats(`${weight}.beta`, [channels], wave(channels, seed + 9).map((v) => v / 4)), floats(`${weight}.mean`, [channels], new Float32Array(channels)), floats(`${weight}.variance`, [channels], new Float32Array(channels).fill(1))])],
    inputs: [value("x", ["N", 1, 28, 28])], outputs: [value("y", ["N", 10])],
  }));
  return at(name);
}

test("words of two channels of a depthwise convolution are trained, with a scale for each channel and with one", async () => {
  const product = (scale: string, words: number) => ({ method: "product", options: { block: 18, words, valueBits: 6, scale } });
  writeFileSync(at("pairs.kernelscope.json"), JSON.stringify({ layers: { first: product("channel", 16), second: product("layer", 16) } }));
  const whole = separable("narrow.onnx", 64), recipe = at("pairs.kernelscope.json");
  await compress({ model: whole, output: at("fitted.onnx"), recipe });
  const { layers, tuning } = await compress({ model: whole, output: at("pairs.onnx"), recipe, tune: "70steps" });
  for (const name of ["first", "second"]) expect(layers.find((layer) => layer.name === name)).toMatchObject({ method: "product", codewords: 16, blockSize: 18 });
  expect(tuning!.after.loss).toBeLessThan(0.9 * tuning!.before.loss);
  const [fitted, trained] = await Promise.all(["fitted.onnx", "pairs.onnx"].map(async (name) => {
    const model = await open(readFileSync(at(name)));
    return Promise.all(findLayers(model).filter(({ id }) => id === "first" || id === "second").map((layer) => productMethod.recognise(model, layer)));
  }));
  fitted.forEach((before, i) => { expect([...trained[i]!.index!, ...trained[i]!.codebook!]).not.toEqual([...before!.index!, ...before!.codebook!]); });
});

test("a plan takes pairs of channels where they are cheaper, and leaves a layer with a pruned channel to the other methods", async () => {
  const host = await nodeHost({ threads: 1, scripts: path.resolve("dist") });
  const steps = async (network: string): Promise<Map<string, PlanChoice[]>> => {
    const job = await mergeRecipe({ model: network, data, recipe: at("a.kernelscope.json"), recipeText: JSON.stringify({ preset: "balanced" }) }, host), rated = (await rateModel(job, await host.openModel(network), host, false, () => undefined))!;
    const { layers } = await frontOf(rated, job);
    await rated.opened.close();
    return new Map(layers.map(({ id, choices }) => [id, choices.filter(({ step }) => step)]));
  };
  try {
    const whole = await steps(separable("wide.onnx", 512)), pruned = await steps(separable("pruned.onnx", 512, 40)), pairs = (choices: PlanChoice[]) => choices.filter(({ options }) => options?.block === 18);
    expect(pairs(whole.get("first")!)[0]).toMatchObject({ method: "product", traits: expect.arrayContaining([{ kind: "block", shape: "2×3×3" }]), options: { scale: "channel" } });
    expect(pairs(whole.get("stem")!)).toEqual([]);
    expect(pairs(pruned.get("first")!)).toEqual([]);
    expect(pruned.get("first")!.length).toBeGreaterThan(3);
    expect(pairs(pruned.get("second")!).length).toBeGreaterThan(0);
  } finally {
    await host.close();
  }
});
