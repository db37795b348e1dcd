import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sizesOf } from "../../../src/compression/write";
import { kernelMethod } from "../../../src/methods/kernel";
import { productMethod, type PackedProduct, type ProductOptions } from "../../../src/methods/product";
import { methodById } from "../../../src/methods/registry";
import { fromRows, outputsOf } from "../../../src/methods/rows";
import { evaluateConstant } from "../../../src/onnx/constants";
import { findLayers, type Layer } from "../../../src/onnx/layers";
import { open, wave } from "../onnx/models";
import { CASES, fileOf, layerOf, plain, run, size, write } from "./cases";

const options = (more: Partial<ProductOptions> = {}): ProductOptions => ({ block: 9, words: 8, valueBits: 8, scale: "layer", ...more });

describe.each(Object.entries(CASES))("%s", (_name, one) => {
  const block = one.weight.length === 3 ? 6 : size(one.weight.slice(2)) === 1 ? 4 : 18;

  test.each<[string, Partial<ProductOptions>, boolean]>([["with one scale", {}, false], ["with a scale for each channel", { scale: "channel" }, false], ["with its scale elsewhere", { valueBits: 6 }, true]])("is in the file what onnxruntime computes with, %s", async (_how, more, scaleIsFree) => {
    const { model, layer, rows } = await layerOf(one), wanted = options({ block, words: 6, ...more });
    if (productMethod.accepts(layer, wanted) !== true) {
      expect(wanted.scale, "only channels' scales may not fit").toBe("channel");
      return;
    }
    const packed = await productMethod.compress(layer, rows, wanted, { ...plain, scaleIsFree }), restored = fromRows(layer, productMethod.restore(packed));
    const { bytes, planned } = await write(productMethod, model, layer, packed, wanted);
    expect(bytes.length).toBe(planned);
    const written = await open(bytes), [found] = findLayers(written), unpacked = await evaluateConstant(written, found.graph, found.weight);
    expect(unpacked?.dims).toEqual(one.weight);
    expect(unpacked?.data).toEqual(restored);
    expect(Array.from(await run(bytes, one))).toEqual(Array.from(await run(fileOf(one, restored), one)));
    expect(await productMethod.recognise(written, found)).toMatchObject({ method: "product", codewords: 6, blockSize: block, indexBits: 3, codebookBits: wanted.valueBits, index: Int32Array.from(packed.index) });
  });

  test("takes what its candidates say, at most: names are shorter in a small file", async () => {
    const { model, layer, rows } = await layerOf(one), written = (wanted: ProductOptions) => {
      const { layers, shared } = sizesOf(model, [{ layer, packed: productMethod.blank(layer, wanted, false) }], "{}").packed;
      return layers.get(layer)! - shared;
    };
    const candidates = productMethod.candidates(layer, false);
    expect(candidates.length).toBeGreaterThan(0);
    for (const { options: wanted, bytes } of candidates) {
      expect(productMethod.accepts(layer, wanted)).toBe(true);
      const less = bytes - written(wanted);
      expect(less).toBeGreaterThanOrEqual(0);
      expect(less).toBeLessThan(52);
    }
    const [{ options: first }] = candidates, packed = await productMethod.compress(layer, rows, first, plain);
    expect(productMethod.parts(layer, first)).toEqual({ indices: Math.ceil(packed.index.length * Math.log2(first.words) / 8), codebook: Math.ceil(packed.codes.length * first.valueBits / 8), values: 0 });
  });
});

test("one scale serves all channels, and stays one number in the file", async () => {
  const one = CASES["a convolution"], { model, layer, rows } = await layerOf(one), packed = await productMethod.compress(layer, rows, options(), plain);
  expect(new Set(packed.scale).size).toBe(1);
  expect(packed.scaleStorage).toBe("one");
  const { bytes } = await write(productMethod, model, layer, packed, options()), { graph } = await open(bytes);
  expect(graph.initializerList.filter(({ type, count }) => type === 1 && count === outputsOf(layer))).toEqual([]);
});

test("blocks that hold several channels refuse a pruned one, which they would not keep", async () => {
  const one = CASES["a depthwise convolution"], { layer, rows } = await layerOf(one, wave(size(one.weight)).map((v, i) => (Math.floor(i / 9) === 5 ? 0 : v)));
  await expect(productMethod.compress(layer, rows, options({ block: 18, words: 3 }), plain)).rejects.toThrow("channel 5 is all zero");
  await expect(productMethod.compress(layer, rows, options({ block: 9, words: 3 }), plain)).resolves.toMatchObject({ method: "product" });
});

test("a pruned channel stays zero, also beside others of very different size", async () => {
  const one = CASES["a convolution"], per = size(one.weight.slice(1)), values = wave(size(one.weight)).map((v, i) => (Math.floor(i / per) === 3 ? 0 : v * 10 ** (Math.floor(i / per) % 5 - 2)));
  const { layer, rows } = await layerOf(one, values);
  for (const scale of ["layer", "channel"] as const) {
    const restored = productMethod.restore(await productMethod.compress(layer, rows, options({ scale }), plain));
    expect(restored.subarray(3 * per, 4 * per).every((v) => v === 0)).toBe(true);
    expect(restored.every(Number.isFinite)).toBe(true);
    expect(restored.some((v) => v !== 0)).toBe(true);
  }
});

test("pairs of channels are offered in depthwise convolutions alone, and not where one of them is pruned", async () => {
  const blocksOf = (layer: Layer) => new Set(productMethod.candidates(layer, true).map(({ options: { block, scale } }) => `${block} ${scale}`));
  expect(blocksOf((await layerOf({ ...CASES["a depthwise convolution"], weight: [64, 1, 3, 3], input: [1, 64, 5, 5], attributes: { group: 64 } })).layer)).toEqual(new Set(["18 channel", "9 layer"]));
  expect(blocksOf((await layerOf({ op: "Conv", weight: [64, 1, 3, 3], input: [1, 1, 5, 5] })).layer)).toEqual(new Set(["9 layer"]));
  const one = CASES["a depthwise convolution"], { layer, rows } = await layerOf(one, wave(size(one.weight)).map((v, i) => (Math.floor(i / 9) === 5 ? 1e-40 : v)));
  expect(productMethod.accepts(layer, options({ block: 18 }))).toBe(true);
  expect(productMethod.accepts(layer, options({ block: 18 }), rows)).toMatch(/channel 5 is all zero/);
  expect(productMethod.accepts(layer, options({ block: 9 }), rows)).toBe(true);
});

test("channels of very different size share words where each keeps its scale", async () => {
  const one = { ...CASES["a depthwise convolution"], weight: [64, 1, 3, 3], attributes: { group: 64 } }, kernels = wave(2 * 18, 5), sizes = Array.from({ length: 64 }, (_, m) => 10 ** (m % 7 - 3));
  const { layer, rows } = await layerOf(one, Float32Array.from({ length: 64 * 9 }, (_, i) => kernels[Math.floor(i / 18) % 2 * 18 + i % 18] * sizes[Math.floor(i / 9)]));
  const lost = async (scale: "layer" | "channel") => {
    const packed = await productMethod.compress(layer, rows, options({ block: 18, words: 2, scale }), plain), restored = productMethod.restore(packed);
    return Array.from({ length: 64 }, (_, m) => {
      const own = rows.values.subarray(m * 9, (m + 1) * 9);
      return own.reduce((sum, v, j) => sum + (v - restored[m * 9 + j]) ** 2, 0) / own.reduce((sum, v) => sum + v * v, 0);
    });
  };
  expect(Math.max(...await lost("channel"))).toBeLessThan(1e-3);
  expect(Math.max(...await lost("layer"))).toBeGreaterThan(0.5);
});

test("blocks of several channels are trained like those of one", async () => {
  const { layer, rows } = await layerOf(CASES["a depthwise convolution"]), codesOf = async (block: number) => productMethod.codesOf(await productMethod.compress(layer, rows, options({ block, words: 3 }), plain));
  expect(await codesOf(18)).toMatchObject({ block: 18, bits: 8, index: { length: 6 } });
  expect(await codesOf(9)).toMatchObject({ block: 9, bits: 8, index: { length: 12 } });
});

test.each<[Partial<ProductOptions>, RegExp]>([[{ block: 7 }, /Blocks of 7 do not divide the 72 weights/], [{ block: 72 * 5 }, /do not divide/]])("%j is refused", async (more, reason) => {
  expect(productMethod.accepts((await layerOf(CASES["a convolution"])).layer, options(more))).toMatch(reason);
});

test("kernels of the kernel method are told apart, whatever their size", async () => {
  for (const [name, block] of [["a convolution", 9], ["a convolution", 3], ["a convolution", 18], ["a 1×1 convolution", 4], ["a depthwise convolution", 9], ["a linear layer", 8], ["a product", 1], ["a convolution of lines", 3]] as const) {
    const { model, layer, rows } = await layerOf(CASES[name]), wanted = { block, words: 4, valueBits: 8 };
    for (const scaleIsFree of [false, true]) {
      const { bytes } = await write(kernelMethod, model, layer, await kernelMethod.compress(layer, rows, wanted, { ...plain, scaleIsFree }), wanted), written = await open(bytes), [found] = findLayers(written);
      expect(await productMethod.recognise(written, found), `${name}, ${block}`).toMatchObject({ method: "kernel", blockSize: block });
    }
  }
});

test("any layer is restored from the words that its blocks name", async () => {
  await fc.assert(fc.asyncProperty(
    fc.record({ outputs: fc.integer({ min: 2, max: 9 }), inputs: fc.integer({ min: 1, max: 6 }), tap: fc.constantFrom(1, 2, 3), kernels: fc.integer({ min: 1, max: 3 }), words: fc.integer({ min: 2, max: 20 }), valueBits: fc.integer({ min: 2, max: 8 }), seed: fc.nat(999) }),
    async ({ outputs, inputs, tap, kernels, words, valueBits, seed }) => {
      const weight = [outputs, inputs, tap, tap], one = { op: "Conv", weight, input: [1, inputs, 4, 4] }, { model, layer, rows } = await layerOf(one, wave(size(weight), seed));
      const wanted = options({ block: kernels * tap * tap, words, valueBits });
      fc.pre(productMethod.accepts(layer, wanted) === true);
      const packed: PackedProduct = await productMethod.compress(layer, rows, wanted, plain), restored = productMethod.restore(packed), { codes, index, scale } = packed;
      expect(restored).toEqual(Float32Array.from({ length: restored.length }, (_, i) => (codes[index[Math.floor(i / wanted.block)] * wanted.block + i % wanted.block] - 2 ** (valueBits - 1)) * scale[0]));
      expect(Math.max(...index)).toBeLessThan(words);
      const { bytes, planned } = await write(methodById("product"), model, layer, packed, wanted);
      expect(bytes.length).toBe(planned);
    },
  ), { numRuns: 60 });
});
