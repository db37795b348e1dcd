import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { kernelMethod } from "../../../src/methods/kernel";
import { productMethod } from "../../../src/methods/product";
import { inlinePool } from "../../../src/numeric/tasks";
import { findLayers } from "../../../src/onnx/layers";
import type { CodebookEstimate } from "../../../src/protocol/api";
import { CancelledError } from "../../../src/protocol/errors";
import { viewer } from "../../../src/worker/viewer";
import { floats, ints, modelBytes, type ModelParts, open, value, wave } from "../onnx/models";

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-codebooks-"));
const view = viewer();
afterAll(async () => {
  await Promise.all(readdirSync(folder).map((name) => view.close(path.join(folder, name))));
  rmSync(folder, { recursive: true });
});

const OUTPUTS = 6, INPUTS = 5, KERNELS = OUTPUTS * INPUTS, WORDS = 5;
const words = wave(WORDS * 9, 7), scales = Array.from({ length: OUTPUTS }, (_, m) => 0.5 + m), which = Array.from({ length: KERNELS }, (_, i) => [0, 1, 1, 3, 4][i * 7 % 5]); // word 2 is dead
const noise = wave(KERNELS * 9, 11);
const restored = Float32Array.from({ length: KERNELS * 9 }, (_, i) => words[which[Math.floor(i / 9)] * 9 + i % 9] * scales[Math.floor(i / 9 / INPUTS)]);
const original = restored.map((v, i) => v + 0.2 * noise[i]);

const write = (name: string, parts: ModelParts): string => {
  const file = path.join(folder, name);
  writeFileSync(file, modelBytes({ inputs: [value("x", [1, INPUTS, 8, 8])], outputs: [value("y")], ...parts }));
  return file;
};
const conv = { op: "Conv", inputs: ["x", "w"], outputs: ["y"] };
const packed = (scale: boolean): ModelParts => ({
  initializers: [floats("words", [WORDS, 9], words), ints("which", which), ints("shape", [OUTPUTS, INPUTS, 3, 3]), floats("scale", [OUTPUTS, 1, 1, 1], scales)],
  nodes: [
    { op: "Gather", inputs: ["words", "which"], outputs: ["flat"] }, { op: "Reshape", inputs: ["flat", "shape"], outputs: [scale ? "unscaled" : "w"] },
    ...(scale ? [{ op: "Mul", inputs: ["unscaled", "scale"], outputs: ["w"] }] : []), conv,
  ],
});
const plain = (name: string, values: ArrayLike<number> = original, dims = [OUTPUTS, INPUTS, 3, 3]) => write(name, { initializers: [floats("w", dims, values)], nodes: [conv] });

/** Sums of squares, by the plain definition. */
const energy = (values: Float32Array, from = 0, to = values.length) => values.subarray(from, to).reduce((sum, v) => sum + v * v, 0);
const lost = restored.map((v, i) => v - original[i]);

describe("a codebook in a file", () => {
  test("is compared with the original beside it", async () => {
    plain("a.onnx");
    const file = write("a.small.onnx", packed(true)), facts = (await view.codebook(file, "w"))!;
    expect(facts).toMatchObject({ codewords: WORDS, block: [3, 3], kernel: 9, indexBits: 3, outputs: OUTPUTS, missing: undefined });
    expect([...facts.index]).toEqual(which);
    expect([...facts.uses]).toEqual([6, 12, 0, 6, 6]);
    expect(facts.original!.sqnrDb).toBeCloseTo(10 * Math.log10(energy(original) / energy(lost)), 4);
    for (let m = 0; m < OUTPUTS; m++) expect(facts.original!.channels[m]).toBeCloseTo(energy(lost, m * 45, m * 45 + 45) / energy(original, m * 45, m * 45 + 45), 5);
    expect(facts.original!.energy.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
    expect(facts.places.which.length).toBe(KERNELS);
    // a codeword's unit is the root mean square of what all of them stand for
    const square = facts.values.reduce((sum, v, i) => sum + facts.uses[Math.floor(i / 9)] * v * v, 0) / KERNELS / 9;
    expect(square).toBeCloseTo(1, 5);
  });

  test("gives the blocks of a codeword, worst served first, and each block by itself", async () => {
    const file = path.join(folder, "a.small.onnx"), facts = (await view.codebook(file, "w"))!;
    const page = (await view.blocks(file, facts.id, { word: 1, first: 0, count: 100 }))!;
    // in units of the channel's scale, where the mean square of what the codewords stand for is 1
    const unit = which.reduce((sum, w) => sum + energy(words, w * 9, w * 9 + 9), 0) / KERNELS / 9;
    const expected = which.flatMap((w, b) => (w === 1 ? [{ b, error: energy(lost, b * 9, b * 9 + 9) / scales[Math.floor(b / INPUTS)] ** 2 / 9 / unit }] : [])).sort((x, y) => y.error - x.error);
    expect([...page.which]).toEqual(expected.map(({ b }) => b));
    page.errors.forEach((error, i) => expect(error).toBeCloseTo(expected[i].error, 5));
    const one = (await view.blocks(file, facts.id, { block: page.which[3] }))!;
    expect([...one.values]).toEqual([...page.values.subarray(27, 36)]);
    expect(await view.blocks(file, facts.id + 1, { block: 0 })).toBeUndefined();
  });

  test("whose scales a normalization has taken over is compared as inference sees it", async () => {
    const gamma = scales.map((_, m) => 0.5 + m), ones = new Array<number>(OUTPUTS).fill(1), normalized = (parts: ModelParts, gammas: number[]): ModelParts => ({
      ...parts, outputs: [value("z")], initializers: [...parts.initializers!, floats("gamma", [OUTPUTS], gammas), ...["beta", "mean", "variance"].map((name) => floats(name, [OUTPUTS], ones))],
      nodes: [...parts.nodes!, { op: "BatchNormalization", inputs: ["y", "gamma", "beta", "mean", "variance"], outputs: ["z"] }],
    });
    write("b.onnx", normalized({ initializers: [floats("w", [OUTPUTS, INPUTS, 3, 3], original)], nodes: [conv] }, gamma));
    const stored = (await view.codebook(path.join(folder, "a.small.onnx"), "w"))!, sqnrOf = async (factor: number) => (await view.codebook(write("b.small.onnx", normalized(packed(false), gamma.map((g, m) => g * scales[m] * factor))), "w"))!.original!.sqnrDb!;
    expect(await sqnrOf(1)).toBeCloseTo(stored.original!.sqnrDb!, 3);
    // what corrects a variance is seen too
    const off = restored.map((v, i) => 1.1 * v - original[i]);
    expect(await sqnrOf(1.1)).toBeCloseTo(10 * Math.log10(energy(original) / energy(off)), 3);
  });

  test("has others of the original's weight beside it, as many as are looked at", async () => {
    const SIZE = 24 * 16 * 9, weight = wave(SIZE, 3), dims = [24, 16, 3, 3], never = new AbortController().signal, ignore = () => undefined;
    const before = plain("pair.onnx", weight, dims), file = write("pair.small.onnx", {
      initializers: [floats("words", [WORDS, 9], words), ints("which", Array.from({ length: 24 * 16 }, (_, i) => i * i % WORDS)), ints("shape", dims)],
      nodes: [{ op: "Gather", inputs: ["words", "which"], outputs: ["flat"] }, { op: "Reshape", inputs: ["flat", "shape"], outputs: ["w"] }, conv],
    });
    const own = (await view.codebook(file, "w"))!, wanted = { method: "product", block: 18, words: 32 };
    expect(own.choice).toBeUndefined();
    expect(own.choices!.map(({ method, shape }) => `${method} ${shape}`)).toContain("product 2×3×3");
    const other = (await view.preview(file, "w", undefined, wanted, ignore, never))!, alone = (await view.preview(before, "w", undefined, wanted, ignore, never))!;
    expect(other).toEqual({ ...alone, id: other.id });
    expect(other).toMatchObject({ codewords: 32, block: [6, 3], bytes: expect.any(Number) });
    expect(other.original!.sqnrDb!).toBeGreaterThan(own.original!.sqnrDb!);
    for (let words = 2; words < 10; words++) await view.preview(file, "w", undefined, { ...wanted, words }, ignore, never);
    expect((await view.blocks(file, own.id, { block: 3 }))!.values.length).toBe(9);
    // of what it was made of, where that is another file
    const chosen = plain("elsewhere.onnx", wave(SIZE, 5), dims), instead = (await view.preview(file, "w", chosen, wanted, ignore, never))!;
    expect(instead.original!.sqnrDb).not.toBeCloseTo(other.original!.sqnrDb!, 3);
    expect(await view.preview(write("alone.small.onnx", packed(true)), "w", undefined, { block: 9, words: 4 }, ignore, never)).toBeUndefined();
  });

  test("says what is missing", async () => {
    const lone = (await view.codebook(write("lone.small.onnx", packed(true)), "w"))!;
    expect(lone).toMatchObject({ missing: { file: "lone.onnx", differs: false }, original: undefined, choices: undefined });
    expect(lone.places.words.length).toBe(2 * WORDS);
    expect((await view.blocks("", lone.id, { word: 1, first: 0, count: 5 }))!.values.length).toBe(0);
    plain("other.onnx", wave(KERNELS * 9), [INPUTS, OUTPUTS, 3, 3]);
    expect((await view.codebook(write("other.small.onnx", packed(true)), "w"))!.missing).toEqual({ file: "other.onnx", differs: true });
    expect(await view.codebook(path.join(folder, "a.onnx"), "w")).toBeUndefined();
  });
});

describe("a codebook that is tried out", () => {
  const never = new AbortController().signal, SIZE = 24 * 16 * 9, ignore = () => undefined;
  const large = () => plain("large.onnx", wave(SIZE, 3), [24, 16, 3, 3]);

  test("follows the number of codewords and the block, and writes nothing", async () => {
    const file = large(), before = readdirSync(folder), first = (await view.preview(file, "w", undefined, undefined, ignore, never))!;
    expect(first).toMatchObject({ codewords: 64, block: [3, 3], codebookBits: 6, indexBits: 6 });
    expect(first.choices!.map(({ method, shape }) => `${method} ${shape}`)).toEqual(["kernel 3×3", "kernel 1×3", "kernel 1×2", "kernel 1×1", "product 2×3×3", "product 3×3"]);
    expect(first.choice).toBe(0);
    const more = (await view.preview(file, "w", undefined, { block: 9, words: 100 }, ignore, never))!;
    expect(more.codewords).toBe(100);
    expect(more.bytes).toBeGreaterThan(first.bytes);
    expect(more.original!.sqnrDb).toBeGreaterThan(first.original!.sqnrDb!);
    const rows = (await view.preview(file, "w", undefined, { block: 3, words: 64 }, ignore, never))!;
    expect(rows).toMatchObject({ block: [1, 3], codewords: 64 });
    expect(rows.index.length).toBe(24 * 16 * 3);
    expect(rows.original!.sqnrDb).toBeGreaterThan(more.original!.sqnrDb!);
    expect(readdirSync(folder)).toEqual(before);
  });

  test("keeps to one output channel", async () => {
    const file = write("depthwise.onnx", { initializers: [floats("w", [64, 1, 3, 3], wave(64 * 9))], nodes: [{ ...conv, attributes: { group: 64 } }], inputs: [value("x", [1, 64, 8, 8])] });
    const { choices } = (await view.preview(file, "w", undefined, undefined, ignore, never))!;
    expect(choices!.map(({ method, shape }) => `${method} ${shape}`)).toEqual(["kernel 3×3", "kernel 1×3", "kernel 1×1", "product 3×3"]);
  });

  test("of many codewords is estimated before every kernel has its own", async () => {
    const file = plain("wide.onnx", wave(96 * 96 * 9, 5), [96, 96, 3, 3]), estimates: CodebookEstimate[] = [];
    const exact = (await view.preview(file, "w", undefined, { block: 9, words: 300 }, (found) => estimates.push(found), never))!;
    expect(estimates.length).toBe(1);
    expect(estimates[0]).toMatchObject({ codewords: 300, block: [3, 3], indexBits: 9, bytes: exact.bytes, bitsPerWeight: exact.bitsPerWeight });
    expect(Math.abs(estimates[0].sqnrDb - exact.original!.sqnrDb!)).toBeLessThan(0.5);
    await view.preview(file, "w", undefined, { block: 9, words: 200 }, (found) => estimates.push(found), never);
    expect(estimates.length).toBe(1);
  });

  test("goes to the page in few bytes, and shows the same blocks whichever of them are dots", async () => {
    const OUT = 128, IN = 112, values = wave(OUT * IN * 9, 7), file = plain("many.onnx", values, [OUT, IN, 3, 3]);
    const facts = (await view.preview(file, "w", undefined, { block: 9, words: 32 }, ignore, never))!, { which, blocks } = facts.places;
    expect(facts.index.byteLength).toBe(OUT * IN);
    expect(which.length).toBeLessThan(OUT * IN);
    expect(blocks.length).toBe(2 * which.length);
    expect([...which].every((b, i) => b < OUT * IN && (i === 0 || b > which[i - 1]))).toBe(true);
    // a block is its kernel in units of its channel's scale, dot or not
    for (const block of [which[5], which[5] + 1, OUT * IN - 1]) {
      const page = (await view.blocks(file, facts.id, { block }))!, kernel = values.slice(block * 9, block * 9 + 9), unit = kernel[0] / page.values[0];
      page.values.forEach((v, j) => expect(v * unit).toBeCloseTo(kernel[j], 5));
    }
    const wide = (await view.preview(file, "w", undefined, { block: 9, words: 300 }, ignore, never))!;
    expect(wide.index.byteLength).toBe(2 * OUT * IN);
  });

  test("of another method is what that method makes", async () => {
    const [layer] = findLayers(await open(readFileSync(large()))), values = Float32Array.from(wave(SIZE, 3)), rows = { values, outputs: 24, inputs: 16 * 9 };
    const pairs = (await view.preview(large(), "w", undefined, { method: "product", block: 18, words: 64 }, ignore, never))!, options = { block: 18, words: 64, valueBits: 6, scale: "layer" as const };
    expect(pairs).toMatchObject({ method: "Product quantization", choice: 4, block: [6, 3], codewords: 64, bytes: productMethod.bytes(layer, options, false) });
    expect(pairs.index.length).toBe(24 * 8);
    const restored = productMethod.restore(await productMethod.compress(layer, rows, options, { seed: 0, pool: inlinePool, scaleIsFree: false }));
    expect(pairs.original!.sqnrDb).toBeGreaterThan(10 * Math.log10(energy(values) / energy(values.map((v, i) => v - restored[i]))) - 0.3);
    // all blocks are shown in units of one scale
    const units = await Promise.all([0, 8 * 23].map(async (block) => (await view.blocks(large(), pairs.id, { block }))!.values[0] / values[block * 18]));
    expect(units[1]).toBeCloseTo(units[0], 4);
  });

  test("is nearly as good as what the product makes without images", async () => {
    const values = Float32Array.from(wave(SIZE, 3)), rows = { values, outputs: 24, inputs: 16 * 9 }, options = { block: 9, words: 64, valueBits: 6 };
    const [layer] = findLayers(await open(readFileSync(large())));
    const packed = await kernelMethod.compress(layer, rows, options, { seed: 0, pool: inlinePool, scaleIsFree: false }), restored = kernelMethod.restore(packed), noise = values.map((v, i) => v - restored[i]);
    const tried = (await view.preview(large(), "w", undefined, { block: 9, words: 64 }, ignore, never))!;
    expect(tried.original!.sqnrDb).toBeGreaterThan(10 * Math.log10(energy(values) / energy(noise)) - 0.3);
    expect(tried.bytes).toBe(kernelMethod.bytes(layer, options, false));
  });

  test("stops when it is told to", async () => {
    const file = large(), stop = new AbortController(), asked = view.preview(file, "w", undefined, undefined, ignore, stop.signal);
    stop.abort();
    await expect(asked).rejects.toBeInstanceOf(CancelledError);
  });

  test("is not to be had for a layer of few weights", async () => {
    const file = write("few.onnx", { initializers: [floats("w", [2, 5, 1, 1], wave(10))], nodes: [conv] });
    expect(await view.preview(file, "w", undefined, undefined, ignore, never)).toBeUndefined();
  });
});

test("an original of another name is known where it was chosen", async () => {
  const alone = write("alone.onnx", packed(true)), chosen = plain("elsewhere.onnx");
  expect((await view.codebook(alone, "w"))?.original).toBeUndefined();
  expect((await view.codebook(alone, "w", chosen))?.original?.sqnrDb).toBeGreaterThan(0);
});
