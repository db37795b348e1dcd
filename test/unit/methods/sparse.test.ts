import { describe, expect, test } from "vitest";
import { Gram } from "../../../src/methods/gram";
import { integerMethod } from "../../../src/methods/integer";
import { kernelMethod } from "../../../src/methods/kernel";
import { fromRows, kernelSize } from "../../../src/methods/rows";
import { sparseMethod } from "../../../src/methods/sparse";
import { inlinePool } from "../../../src/numeric/tasks";
import { evaluateConstant } from "../../../src/onnx/constants";
import { findLayers } from "../../../src/onnx/layers";
import { Codes } from "../../../src/training/codes";
import { open, wave } from "../onnx/models";
import { CASES, fileOf, layerOf, plain, run, write } from "./cases";

const options = { density: 0.3, bits: 4, block: 1 }, FITTING = Object.entries(CASES).filter(([, { opset, op, attributes }]) => opset !== 9 && !(op === "ConvTranspose" && attributes));

describe.each(FITTING)("%s", (_name, one) => {
  test.each([["in the file", false], ["elsewhere", true]])("is in the file what onnxruntime computes with, its scale %s", async (_where, scaleIsFree) => {
    const { model, layer, rows } = await layerOf(one), packed = await sparseMethod.compress(layer, rows, options, { ...plain, scaleIsFree }), restored = fromRows(layer, sparseMethod.restore(packed));
    const { bytes, planned } = await write(sparseMethod, model, layer, packed, options);
    expect(bytes.length).toBe(planned);
    const written = await open(bytes), [found] = findLayers(written), unpacked = await evaluateConstant(written, found.graph, found.weight);
    expect(unpacked?.dims).toEqual(one.weight);
    expect(unpacked?.data).toEqual(restored);
    expect(Array.from(await run(bytes, one))).toEqual(Array.from(await run(fileOf(one, restored), one)));
    const count = Math.round(0.3 * layer.parameters);
    expect(packed.kept.reduce((sum, stays) => sum + stays, 0)).toBe(count);
    expect(restored.filter((v) => v !== 0).length).toBeLessThanOrEqual(count);
    expect(await sparseMethod.recognise(written, found)).toEqual({ method: "sparse", codebookBits: 4, density: count / layer.parameters });
    // and no other method takes it for its own
    expect(await kernelMethod.recognise(written, found)).toBeUndefined();
    expect(await integerMethod.recognise(written, found)).toBeUndefined();
  });

  test("leaves whole kernels, or runs of inputs, where these are what goes", async () => {
    const { model, layer, rows } = await layerOf(one), size = kernelSize(layer), block = size > 1 ? size : 4, ofBlocks = { ...options, block };
    const packed = await sparseMethod.compress(layer, rows, ofBlocks, plain), restored = sparseMethod.restore(packed), blocks = layer.parameters / block, count = Math.round(0.3 * blocks);
    const { bytes, planned } = await write(sparseMethod, model, layer, packed, ofBlocks), written = await open(bytes), [found] = findLayers(written);
    expect(bytes.length).toBe(planned);
    expect((await evaluateConstant(written, found.graph, found.weight))?.data).toEqual(fromRows(layer, restored));
    expect(Array.from(await run(bytes, one))).toEqual(Array.from(await run(fileOf(one, fromRows(layer, restored)), one)));
    const energies = Array.from({ length: blocks }, (_, i) => rows.values.subarray(i * block, (i + 1) * block).reduce((sum, v) => sum + v * v, 0)), least = [...energies].sort((a, b) => b - a)[count - 1];
    energies.forEach((energy, i) => { if (energy < least) expect(restored.subarray(i * block, (i + 1) * block).every((v) => v === 0)).toBe(true); });
    expect(await sparseMethod.recognise(written, found)).toEqual({ method: "sparse", blockSize: block, codebookBits: 4, density: count / blocks });
    expect(await kernelMethod.recognise(written, found)).toBeUndefined();
    expect(sparseMethod.accepts(layer, { ...ofBlocks, block: 7 })).toMatch(/^Blocks of 7 do not divide the \d+ weights/);
  });

  test("is an integer for integer kernels", async () => {
    const { model, layer, rows } = await layerOf(one), packed = await sparseMethod.compress(layer, rows, options, plain), { bytes } = await write(sparseMethod, model, layer, packed, options, { form: "integers" });
    const written = await open(bytes), [found] = findLayers(written);
    expect(found.graph.producers.get(found.weight)?.op).toBe("DequantizeLinear");
    expect((await evaluateConstant(written, found.graph, found.weight))?.data).toEqual(fromRows(layer, sparseMethod.restore(packed)));
    expect(await sparseMethod.recognise(written, found)).toMatchObject({ method: "sparse", codebookBits: 4 });
  });
});

test("weights that stay answer for those that go, in the metric of their inputs", async () => {
  const { layer, rows } = await layerOf(CASES["a convolution"]), n = rows.inputs, basis = wave(n * n, 5), h = new Float32Array(n * n);
  // second moments of inputs that depend on each other
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) for (let k = 0; k < n; k++) h[i * n + j] += (basis[i * n + k] + 0.5) * (basis[j * n + k] + 0.5) / n;
  const multiply = async (a: Float32Array, b: Float32Array, inner: number): Promise<Float32Array> => {
    const out = new Float32Array(a.length);
    for (let i = 0; i < a.length / inner; i++) for (let j = 0; j < inner; j++) for (let k = 0; k < inner; k++) out[i * inner + j] += a[i * inner + k] * b[k * inner + j];
    return out;
  };
  const gram = new Gram(h, n, inlinePool, multiply);
  const errorOf = async (restored: Float32Array): Promise<number> => (await gram.energies(restored.map((v, i) => v - rows.values[i]))).reduce((sum, e) => sum + e, 0);
  const alone = await sparseMethod.compress(layer, rows, { ...options, bits: 8 }, plain), answering = await sparseMethod.compress(layer, rows, { ...options, bits: 8 }, { ...plain, gram });
  expect(await errorOf(sparseMethod.restore(answering))).toBeLessThan(0.5 * await errorOf(sparseMethod.restore(alone)));
});

test("training moves what stays, and leaves zeros alone", async () => {
  const { layer, rows } = await layerOf(CASES["a linear layer"]), packed = await sparseMethod.compress(layer, rows, options, plain), codes = sparseMethod.codesOf(packed)!;
  const trained = new Codes({ name: "w", dims: layer.dims }, { ...codes, scale: packed.scale, outputAxis: 0, scales: "each" }, { codes: 0.5, scale: 0.01, words: 1 });
  for (let step = 0; step < 20; step++) trained.learn(new Float32Array(layer.parameters).fill(1), 1);
  const { codes: after, scale } = trained.result, moved = sparseMethod.restore({ ...sparseMethod.withCodes(packed, { codes: after }), scale, scaleStorage: "float" });
  expect(moved).toEqual(trained.values());
  expect(Array.from(moved, (v) => v === 0).filter((is, i) => is !== (packed.kept[i] === 0)).length).toBeLessThan(0.1 * moved.length);
  packed.kept.forEach((stays, i) => { if (!stays) expect(moved[i]).toBe(0); });
  expect(moved).not.toEqual(sparseMethod.restore(packed));
});

test("says where it does not fit", async () => {
  const { layer: old } = await layerOf(CASES["a convolution of an old operator set"]), { layer: small } = await layerOf(CASES["a convolution"]);
  expect(sparseMethod.accepts(old)).toBe("Sparse weights need operator set 11, the model has 9.");
  expect(sparseMethod.accepts(small)).toBe("With 864 weights it is too small for zeros to pay.");
  expect(sparseMethod.accepts({ ...small, parameters: 10_000 })).toBe(true);
});
