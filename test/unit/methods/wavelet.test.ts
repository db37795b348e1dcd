import ort from "onnxruntime-node";
import { afterAll, describe, expect, test } from "vitest";
import { learnedNetwork } from "../../../src/compression/learned";
import { inspectLayers, weightBytes } from "../../../src/compression/report";
import { assemble, sizesOf } from "../../../src/compression/write";
import type { FitContext, WeightRows } from "../../../src/methods/method";
import { fromRows, toRows } from "../../../src/methods/rows";
import { methodById } from "../../../src/methods/registry";
import { waveletMethod, type PackedWavelet } from "../../../src/methods/wavelet";
import { WaveletOptions } from "../../../src/methods/wavelet-shape";
import { filterBank } from "../../../src/numeric/filter-bank";
import { inlinePool } from "../../../src/numeric/tasks";
import { findLayers, readWeight, type Layer } from "../../../src/onnx/layers";
import type { Model } from "../../../src/onnx/model";
import { Products } from "../../../src/runtime/products";
import { nodeRuntime } from "../../../src/runtime/node";
import { floats, modelBytes, open, value, wave } from "../onnx/models";

const products = new Products(nodeRuntime, 1), CONTEXT: FitContext = { seed: 1, pool: inlinePool, scaleIsFree: false, quick: true, learning: { runtime: nodeRuntime, products, threads: 1 } };
afterAll(() => products.close());

interface Case { op: "Gemm" | "MatMul"; weight: number[]; input: number[]; opset: number; transB?: number; bias?: boolean }
const CASES: Record<string, Case> = {
  "a linear layer": { op: "Gemm", weight: [40, 64], input: [3, 64], opset: 17, transB: 1, bias: true },
  "one whose weight lies the other way": { op: "Gemm", weight: [64, 150], input: [3, 64], opset: 13, bias: true },
  "one without bias, of an old operator set": { op: "Gemm", weight: [64, 64], input: [2, 64], opset: 11 },
  "a product": { op: "MatMul", weight: [64, 48], input: [3, 64], opset: 21 },
  "a product over further axes": { op: "MatMul", weight: [50, 48], input: [2, 3, 50], opset: 12 },
};

function fileOf({ op, weight, input, opset, transB, bias }: Case, values: Float32Array): Uint8Array {
  const outputs = transB ? weight[0] : weight[1];
  return modelBytes({
    opset, nodes: [{ op: "Neg", inputs: ["x"], outputs: ["h"] }, { op, inputs: ["h", "fc.weight", ...(bias ? ["b"] : [])], outputs: ["g"], attributes: transB ? { transB } : {} }, { op: "Neg", inputs: ["g"], outputs: ["y"] }],
    initializers: [floats("fc.weight", weight, values), ...(bias ? [floats("b", [outputs], wave(outputs, 3))] : [])], inputs: [value("x", ["batch", ...input.slice(1)])], outputs: [value("y")],
  });
}

const size = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

async function run(bytes: Uint8Array, { input }: Case): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 }), { y } = await session.run({ x: new ort.Tensor("float32", wave(size(input), 9), input) });
  await session.release();
  return y.data as Float32Array;
}

async function layerOf(one: Case): Promise<{ model: Model; layer: Layer; rows: WeightRows }> {
  const model = await open(fileOf(one, wave(size(one.weight), 5))), [layer] = findLayers(model);
  return { model, layer, rows: toRows(layer, (await readWeight(model, layer))!) };
}

/** A layer with values of its own, filters off their start and a factor for each output. */
function packedOf(layer: Layer, options: WaveletOptions): PackedWavelet {
  const blank = waveletMethod.blank(layer, options, false), half = (values: Float32Array, seed: number) => wave(values.length, seed).map((v) => Math.round(v * 64) / 64);
  return { ...blank, filters: filterBank("symlet", options.length).map((v, i) => v + 0.01 * Math.cos(i)), before: half(blank.before, 1), between: half(blank.between, 2), after: half(blank.after, 3), scale: blank.scale.map((_, i) => 1 + (i % 4) / 4) };
}

describe.each(Object.entries(CASES))("%s", (_name, one) => {
  test.each([[1, 3, 4], [2, 2, 6], [4, 4, 2]] as const)("%i transforms of %i levels and %i taps: the file computes what the method says, and tells it", async (summed, levels, length) => {
    const { model, layer } = await layerOf(one), options = WaveletOptions.parse({ summed, levels, length }), packed = packedOf(layer, options);
    expect(waveletMethod.accepts(layer, options)).toBe(true);
    const edit = await assemble(model, [{ layer, method: "wavelet", options }], async () => ({ layer, packed, absorbed: [], sqnrDb: 0 }), [], "{}"), bytes = await edit.toBytes();
    const expected = await run(fileOf(one, fromRows(layer, waveletMethod.restore(packed))), one), scale = Math.sqrt(expected.reduce((sum, v) => sum + v * v, 0) / expected.length);
    (await run(bytes, one)).forEach((v, i) => { expect(Math.abs(v - expected[i])).toBeLessThan(1e-5 * scale); });
    expect(bytes.length).toBe(sizesOf(model, [{ layer, packed: waveletMethod.blank(layer, options, false) }], "{}").fileBytes());

    const written = await open(bytes), [found, ...others] = findLayers(written), { layers: [row] } = await inspectLayers(written);
    expect(others).toEqual([]);
    expect(found).toMatchObject({ id: layer.id, label: layer.label, parameters: layer.parameters });
    expect(found.blocked).toBeDefined();
    const facts = row.wavelet!;
    expect(row.method).toBe("wavelet");
    expect(facts).toMatchObject({ length, levels, summed, parameters: packed.before.length + packed.between.length + packed.after.length + 4 * length });
    facts.filters.flat().forEach((v, i) => { expect(v).toBeCloseTo(packed.filters[i], 6); });
    expect(facts.reconstructionError).toBeGreaterThan(0.001);
    // all that the weight took is gone, and all that has come is the layer's; a plan knows how much that is
    const added = bytes.length - fileOf(one, new Float32Array(0)).length, own = (await weightBytes(written, [found])).get(found.id)!, planned = waveletMethod.bytes(layer, options, false);
    expect(own).toBeGreaterThan(2 * (facts.parameters - 4 * length) + 16 * length);
    expect(own).toBeLessThan(added + 100);
    expect(Math.abs(planned / own - 1)).toBeLessThan(0.1);
  });

  test("a training of the network sees what the file computes", async () => {
    const { model, layer } = await layerOf(one), options = WaveletOptions.parse({ summed: 2, levels: 2, length: 4 }), packed = packedOf(layer, options), { layers } = (await learnedNetwork(model, [{ layer, packed, absorbed: [], sqnrDb: 0 }]))!;
    const tensors = layers.get(layer)!.map((trainable) => trainable.values());
    expect(tensors[0]).toEqual(packed.filters);
    const again = waveletMethod.withTensors!(packed, tensors), restored = waveletMethod.restore(packed), peak = Math.max(...restored.map(Math.abs));
    // filters that do not reconstruct are brought back onto their conditions, which changes little
    waveletMethod.restore({ ...again, filters: packed.filters }).forEach((v, i) => { expect(Math.abs(v - restored[i])).toBeLessThan(1e-3 * peak); });
  });
});

test("layer by layer it learns what a layer of its kind does, and less of any other", async () => {
  const one = CASES["a linear layer"], { layer, rows } = await layerOf(one), options = WaveletOptions.parse({ summed: 1, levels: 3, length: 4 }), teacher = { ...packedOf(layer, options), filters: filterBank("daubechies", 4) };
  const distance = (a: Float32Array, b: Float32Array) => a.reduce((sum, v, i) => sum + (v - b[i]) ** 2, 0) / b.reduce((sum, v) => sum + v * v, 0);
  const learn = async (values: Float32Array) => distance(waveletMethod.restore(await waveletMethod.compress(layer, { ...rows, values }, options, { ...CONTEXT, quick: false })), values);
  const own = await learn(waveletMethod.restore(teacher)), other = await learn(rows.values);
  expect(other).toBeLessThan(0.97);
  expect(own).toBeLessThan(0.8 * other);
});

test("compressed twice it is the same to the bit; fixed filters stay, learned ones move and reconstruct", async () => {
  const { layer, rows } = await layerOf(CASES["a linear layer"]), options = WaveletOptions.parse({ summed: 2, levels: 2, length: 6 });
  const first = await waveletMethod.compress(layer, rows, options, CONTEXT), second = await waveletMethod.compress(layer, rows, options, CONTEXT), fixed = await waveletMethod.compress(layer, rows, { ...options, fixed: true }, CONTEXT);
  expect(second).toEqual(first);
  expect(fixed.filters).toEqual(filterBank("daubechies", 6));
  expect(Math.max(...first.filters.map((v, i) => Math.abs(v - fixed.filters[i])))).toBeGreaterThan(1e-3);
});

test("behind other layers its own splits are of activations: codes that these have in common are counted by their lengths all the same", async () => {
  const sizes = [64, 96, 64, 16], model = await open(modelBytes({
    opset: 17, inputs: [value("h0", ["batch", 64])], outputs: [value("h3")], nodes: [0, 1, 2].map((i) => ({ op: "Gemm", inputs: [`h${i}`, `fc${i}`], outputs: [`h${i + 1}`], attributes: { transB: 1 } })),
    initializers: [0, 1, 2].map((i) => floats(`fc${i}`, [sizes[i + 1], sizes[i]], wave(sizes[i + 1] * sizes[i], i))),
  })), plan = findLayers(model).map((layer) => (layer.id === "fc1" ? { layer, method: "wavelet", options: WaveletOptions.parse({ levels: 2 }) } : { layer, method: "integer", options: { bits: 8 } }));
  const edit = await assemble(model, plan, async ({ layer, options }) => {
    const method = layer.id === "fc1" ? waveletMethod : methodById("integer"), rows = toRows(layer, (await readWeight(model, layer))!);
    return { layer, packed: await method.compress(layer, rows, options, CONTEXT), absorbed: [], sqnrDb: 0 };
  }, [], "{}"), { layers } = await inspectLayers(await open(await edit.toBytes()));
  expect(layers.map(({ name, method }) => [name, method])).toEqual([["fc0", "integer"], ["fc1", "wavelet"], ["fc2", "integer"]]);
  for (const { name, bytes, shape } of layers) if (name !== "fc1") {
    const parameters = size(shape);
    expect(bytes / parameters).toBeGreaterThanOrEqual(1);
    expect(bytes - parameters).toBeLessThan(600); // scales and nodes
  }
});

test("it says what it is not for", async () => {
  const of = async (one: Case) => (await layerOf(one)).layer, reason = (layer: Layer, options?: WaveletOptions) => waveletMethod.accepts(layer, options);
  expect(reason(await of({ ...CASES["a linear layer"], opset: 10 }))).toMatch(/operator set 11/);
  expect(reason(await of({ ...CASES["a linear layer"], weight: [40, 8], input: [1, 8] }), WaveletOptions.parse({}))).toMatch(/too small/);
  const [convolution] = findLayers(await open(modelBytes({ nodes: [{ op: "Conv", inputs: ["x", "w"], outputs: ["y"] }], initializers: [floats("w", [8, 8, 1, 1], wave(64))], inputs: [value("x", [1, 8, 4, 4])], outputs: [value("y")] })));
  expect(reason(convolution)).toMatch(/linear layers/);
});
