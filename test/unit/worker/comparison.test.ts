import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { Random } from "../../../src/numeric/random";
import { DataType } from "../../../src/onnx/tensor";
import { alignRows } from "../../../src/worker/left-channels";
import { matricesOf } from "../../../src/worker/matrix";
import { viewer } from "../../../src/worker/viewer";
import { blocks } from "../onnx/blocks";
import { dynamicConv, dynamicValues, dynamicWeights, floats, modelBytes, value, wave, type ModelParts } from "../onnx/models";
import { held } from "../../helpers/compared";

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-comparison-")), worker = viewer();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const OUT = 6, weight = wave(OUT * 4 * 9), second = wave(5 * OUT, 7);
/** Conv → BatchNormalization → Conv 1×1, with another first weight or gamma. */
function network(name: string, first: Float32Array, gamma: number[], more: Partial<ModelParts> = {}): string {
  const file = path.join(folder, name), vector = (of: string, values: number[]) => floats(of, [OUT], values), ones = new Array<number>(OUT).fill(1);
  writeFileSync(file, modelBytes({
    initializers: [floats("a.weight", [OUT, 4, 3, 3], first), vector("gamma", gamma), vector("beta", ones), vector("mean", ones), vector("variance", ones), floats("b.weight", [5, OUT, 1, 1], second)],
    nodes: [{ op: "Conv", inputs: ["x", "a.weight"], outputs: ["p"] }, { op: "BatchNormalization", inputs: ["p", "gamma", "beta", "mean", "variance"], outputs: ["q"] }, { op: "Conv", inputs: ["q", "b.weight"], outputs: ["y"] }],
    inputs: [value("x", ["N", 4, 8, 8])], outputs: [value("y")], ...more,
  }));
  return file;
}
const gammas = Array.from({ length: OUT }, (_, m) => 1 + m), plain = network("plain.onnx", weight, gammas);

test("layers stand beside each other; nothing is said about why where nobody compressed", async () => {
  const { layers, original, compressed } = await worker.compared(plain, network("same.onnx", weight, gammas));
  expect([original.name, compressed.name]).toEqual(["plain.onnx", "same.onnx"]);
  expect(layers.map(({ id, before, after, skipped }) => [id, before?.bytes === after?.bytes, skipped])).toEqual([["a.weight", true, undefined], ["b.weight", true, undefined]]);
});

/** A copy of the plain network that says which recipe it was made with. */
function madeWith(recipe: object, name: string): string {
  const file = path.join(folder, name), field = (tag: number, content: Buffer): Buffer => {
    const size: number[] = [];
    for (let left = content.length; ; left >>>= 7) { size.push(left > 127 ? 128 | left & 127 : left); if (left <= 127) break; }
    return Buffer.concat([Buffer.of(tag, ...size), content]);
  };
  writeFileSync(file, Buffer.concat([readFileSync(plain), field(114, Buffer.concat([field(10, Buffer.from("kernelscope.recipe")), field(18, Buffer.from(JSON.stringify({ version: 1, ...recipe })))]))]));
  return file;
}

test("why a layer is as it was is told by what was asked for: only a preset weighs whether something pays", async () => {
  const whyOf = async (recipe: object, name: string) => (await worker.compared(plain, madeWith(recipe, name))).layers.map(({ skipped }) => skipped);
  expect(await whyOf({ bits: 8 }, "bits.onnx")).toEqual(["Left: 8 bits per weight are kept without it.", "Left: 8 bits per weight are kept without it."]);
  expect(await whyOf({ target: "300KB", layers: { "b.weight": { pin: "leave" } } }, "target.onnx")).toEqual(["Left: 300KB is reached without it.", "The recipe leaves it alone."]);
  expect(await whyOf({ preset: "balanced" }, "preset.onnx")).toEqual(["Left: nothing smaller pays here.", "Left: nothing smaller pays here."]);
});

test("a comparison is of both files as they are, also of one that was looked at before it was written anew", async () => {
  const file = network("anew.onnx", weight, gammas);
  await worker.layers(file); // another page shows it
  const before = await worker.compared(plain, file);
  network("anew.onnx", wave(OUT * 4 * 9, 3), gammas, { nodes: [{ op: "Conv", inputs: ["x", "a.weight"], outputs: ["y"] }] });
  const [after, again] = await Promise.all([worker.compared(plain, file), worker.compared(plain, file)]);
  expect(before.compressed.bytes).toBe(before.original.bytes);
  expect(after.compressed.bytes).toBe(statSync(file).size);
  expect(after.layers.find(({ id }) => id === "b.weight")?.after).toBeUndefined();
  expect(again).toEqual(after);
  expect((await worker.sizes(file)).bytes).toBe(after.compressed.bytes);
});

test("plain weights are as wide as their type, whatever their names take", async () => {
  const [first] = await worker.layers(plain);
  expect(first.bitsPerWeight).toBe(32);
  expect(first.bytes).toBeGreaterThan(4 * first.parameters);
  expect((await worker.open(plain)).bitsPerWeight).toBe(32);
});

test("beside a network of integers it is said which layers stay float", async () => {
  const scalar = (name: string, v: number) => floats(name, [], [v]), zero = { name: "z", dims: [], type: DataType.UINT8, raw: Uint8Array.of(128) };
  const after = network("integers.onnx", weight, gammas, {
    initializers: [{ name: "a.weight", dims: [OUT, 4, 3, 3], type: DataType.UINT8, raw: Uint8Array.from(weight, (v) => 128 + Math.round(100 * v)) }, scalar("ws", 0.01), scalar("xs", 0.1), zero, floats("b.weight", [5, OUT, 1, 1], second)],
    nodes: [
      { op: "QuantizeLinear", inputs: ["x", "xs", "z"], outputs: ["xq"] }, { op: "DequantizeLinear", inputs: ["xq", "xs", "z"], outputs: ["xd"] }, { op: "DequantizeLinear", inputs: ["a.weight", "ws", "z"], outputs: ["w"] },
      { op: "Conv", inputs: ["xd", "w"], outputs: ["q"] }, { op: "Conv", inputs: ["q", "b.weight"], outputs: ["y"] },
    ],
  });
  expect((await worker.compared(plain, after)).layers.map(({ label, after, skipped }) => [label, after?.staysFloat, skipped])).toEqual([["a", undefined, undefined], ["b", true, "It stays float beside layers on integers."]]);
  expect([await worker.open(plain), await worker.open(after)].map(({ onIntegers }) => onIntegers)).toEqual([undefined, { layers: 1, of: 2 }]);
});

test("integers with scales found while they run stand beside the floats that they were made of, with nothing folded", async () => {
  const border = { inputs: [value("x", [1, 4, 8, 8])], outputs: [value("y")] }, [before, after] = ["floats.onnx", "dynamic.onnx"].map((name) => path.join(folder, name));
  const conv = (input: string, name: string, output: string) => [{ op: "Conv", name, inputs: [input, `${name}.weight`, `${name}.bias`], outputs: [`${name}.sum`], attributes: { pads: [1, 1, 1, 1] } }, { op: "Relu", inputs: [`${name}.sum`], outputs: [output] }];
  const weights = ["conv1", "conv2"].flatMap((name) => [floats(`${name}.weight`, [4, 4, 3, 3], dynamicValues.map((v, i) => v + 0.02 * (i % 3 - 1))), floats(`${name}.bias`, [4], wave(4))]);
  writeFileSync(before, modelBytes({ ...border, nodes: [...conv("x", "conv1", "a"), ...conv("a", "conv2", "y")], initializers: weights }));
  writeFileSync(after, modelBytes({ ...border, nodes: [...dynamicConv("x", "conv1", "a"), ...dynamicConv("a", "conv2", "y")], initializers: ["conv1", "conv2"].flatMap(dynamicWeights) }));
  const { layers } = await worker.compared(before, after);
  expect(layers.map(({ before, after, folded }) => [before?.label, after?.label, folded])).toEqual([["conv1", "conv1", undefined], ["conv2", "conv2", undefined]]);
  expect(held(await worker.comparedWeights(before, after, "conv1.weight", 4)).sqnrDb).toBeCloseTo(10 * Math.log10(dynamicValues.reduce((sum, v, i) => sum + (v + 0.02 * (i % 3 - 1)) ** 2, 0) / (96 * 0.02 ** 2)), 1);
});

test("a layer that one model lacks is there once", async () => {
  const other = path.join(folder, "short.onnx");
  writeFileSync(other, modelBytes({ initializers: [floats("c.weight", [OUT, 4, 1, 1], wave(OUT * 4))], nodes: [{ op: "Conv", inputs: ["x", "c.weight"], outputs: ["y"] }], inputs: [value("x", ["N", 4, 8, 8])], outputs: [value("y")] }));
  const { layers } = await worker.compared(plain, other);
  expect(layers.map(({ id, before, after }) => [id, before !== undefined, after !== undefined])).toEqual([["a.weight", true, false], ["b.weight", true, false], ["c.weight", false, true]]);
  for (const id of ["a.weight", "c.weight"]) expect(await worker.comparedWeights(plain, other, id, 4)).toBe("alone");
});

const uniform = (count: number, seed: number): Float32Array => { const random = new Random(seed); return Float32Array.from({ length: count }, () => random.next() - 0.5); };

const written = (name: string, bytes: Uint8Array): string => {
  const file = path.join(folder, name);
  writeFileSync(file, bytes);
  return file;
};

test("layers under other names are the same layers; one that was added stands behind what it follows", async () => {
  const before = written("blocks.onnx", blocks(["a", "b"], { normalized: true })), after = written("more.onnx", blocks(["a", "new", "b"], { prefix: "z" }));
  const { layers, nodes } = await worker.compared(before, after);
  expect(layers.map(({ before, after }) => [before?.name, after?.name])).toEqual([["stem", "zstem"], ["a1", "za1"], ["a2", "za2"], [undefined, "znew1"], [undefined, "znew2"], ["b1", "zb1"], ["b2", "zb2"], ["head", "zhead"]]);
  expect(layers.map(({ folded }) => folded?.ops.join() ?? "")).toEqual(["", "BatchNormalization", "BatchNormalization", "", "", "BatchNormalization", "BatchNormalization", ""]);
  expect(nodes).toEqual({ added: [{ op: "Relu", name: "zRelu_8" }, { op: "Add", name: "zAdd_10" }, { op: "Relu", name: "zRelu_11" }], removed: [] });
  for (const { id } of layers.filter(({ before, after }) => before && after)) expect(held(await worker.comparedWeights(before, after, id, 1)).sqnrDb ?? Infinity).toBeGreaterThan(100);
});

test("a layer's name in one model can be another layer's in the other", async () => {
  const { layers } = await worker.compared(written("ab.onnx", blocks(["a", "b"])), written("ba.onnx", blocks(["a", "c", "b"])));
  expect(new Set(layers.map(({ id }) => id)).size).toBe(8);
});

test("layers of fewer channels are told with their numbers", async () => {
  const wide = written("wide.onnx", blocks(["a", "b"])), narrow = written("narrow.onnx", blocks(["a", "b"], { inner: 6 })), { layers } = await worker.compared(wide, narrow);
  expect(layers.map(({ id, resized }) => [id, resized])).toEqual([["stem", undefined], ["a1", { outputs: [8, 6] }], ["a2", { inputs: [8, 6] }], ["b1", { outputs: [8, 6] }], ["b2", { inputs: [8, 6] }], ["head", undefined]]);
  // weights tell that the first six are left
  const { sqnrDb, order, after } = held(await worker.comparedWeights(wide, narrow, "a1", 64));
  expect(sqnrDb).toBeUndefined();
  order.forEach((kernel, i) => expect(after.subarray(9 * i, 9 * i + 9).some((v) => v !== 0), String(kernel)).toBe(kernel < 6 * 8));
  expect(await worker.comparedWeights(narrow, wide, "a1", 4)).toBe("shape");
});

test("of pruned layers whose weights tell nothing it is said that they are not compared", async () => {
  const pair = (name: string, width: number, seed: number): string => written(name, modelBytes({
    initializers: [floats("a.weight", [width, 4, 3, 3], uniform(width * 36, seed)), floats("b.weight", [5, width, 3, 3], uniform(5 * width * 9, seed + 1))],
    nodes: [{ op: "Conv", inputs: ["x", "a.weight"], outputs: ["p"] }, { op: "Relu", inputs: ["p"], outputs: ["q"] }, { op: "Conv", inputs: ["q", "b.weight"], outputs: ["y"] }], inputs: [value("x", ["N", 4, 8, 8])], outputs: [value("y")],
  })), [whole, other] = [pair("whole.onnx", 8, 1), pair("other.onnx", 6, 5)];
  expect((await worker.compared(whole, other)).layers.map(({ id, resized }) => [id, resized])).toEqual([["a.weight", { outputs: [8, 6] }], ["b.weight", { inputs: [8, 6] }]]);
  for (const id of ["a.weight", "b.weight"]) expect(await worker.comparedWeights(whole, other, id, 4)).toBe("channels");
});

test("rows that are left are found by their weights, in order, and only where that is clear", () => {
  const width = 40, rows = uniform(8 * width, 3), some = (kept: number[], noise: number) => Float32Array.from(kept.flatMap((m) => [...rows.subarray(m * width, (m + 1) * width)].map((v, i) => (1 + m) * (v + noise * Math.sin(7 * i + m)))));
  expect(alignRows(rows, some([0, 2, 3, 7], 0.1), width)).toEqual([0, 2, 3, 7]);
  expect(alignRows(rows, some([1, 4, 5, 6], 0), width)).toEqual([1, 4, 5, 6]);
  // channels keep their order, and rows of other weights are nothing of these
  expect(alignRows(rows, some([3, 2], 0), width)).toBeUndefined();
  expect(alignRows(rows, uniform(4 * width, 11), width)).toBeUndefined();
  // two that are the same
  const twins = rows.slice();
  twins.copyWithin(2 * width, width, 2 * width);
  expect(alignRows(twins, some([0, 1, 3], 0), width)).toBeUndefined();
  expect(alignRows(twins, some([0, 3], 0), width)).toEqual([0, 3]);
});

test("kernels of both, largest first, and how much is lost", async () => {
  const noisy = weight.map((v, i) => v + 0.01 * Math.sin(i)), found = held(await worker.comparedWeights(plain, network("noisy.onnx", noisy, gammas), "a.weight", 5));
  expect([found.total, found.height, found.width, found.order.length, found.before.length]).toEqual([OUT * 4, 3, 3, 5, 45]);
  const norm = (k: number) => weight.subarray(9 * k, 9 * k + 9).reduce((sum, v) => sum + v * v, 0);
  expect([...found.order].map(norm)).toEqual([...found.order].map(norm).sort((a, b) => b - a));
  expect([...found.before.subarray(0, 9)]).toEqual([...weight.subarray(9 * found.order[0], 9 * found.order[0] + 9)]);
  const signal = weight.reduce((sum, v) => sum + v * v, 0), noise = weight.reduce((sum, _, i) => sum + (0.01 * Math.sin(i)) ** 2, 0);
  expect(found.sqnrDb).toBeCloseTo(10 * Math.log10(signal / noise), 0);
  for (const { counts } of Object.values(found.histograms)) expect(counts.reduce((a, b) => a + b, 0)).toBe(weight.length);
  expect(held(await worker.comparedWeights(plain, plain, "b.weight", 1)).sqnrDb).toBeUndefined();
  // page by page they are all there, each once
  const pages = await Promise.all([0, 10, 20, 30].map((first) => worker.comparedWeights(plain, plain, "a.weight", 10, first))), order = pages.flatMap((page) => [...held(page).order]);
  expect(pages.map((page) => held(page).order.length)).toEqual([10, 10, 4, 0]);
  expect(order).toEqual([...held(await worker.comparedWeights(plain, plain, "a.weight", 100)).order]);
  expect([...held(pages[1]).after.subarray(0, 9)]).toEqual([...weight.subarray(9 * order[10], 9 * order[10] + 9)]);
});

test("single weights are a matrix by output and input, before, after and their difference", async () => {
  const other = second.map((v, i) => v + 0.1 * Math.cos(i)), file = path.join(folder, "linear.onnx"), plainFile = path.join(folder, "linear-before.onnx");
  // the first axis holds inputs here
  for (const [name, values] of [[plainFile, second], [file, other]] as const) writeFileSync(name, modelBytes({ initializers: [floats("w", [OUT, 5], values)], nodes: [{ op: "MatMul", inputs: ["x", "w"], outputs: ["y"] }], inputs: [value("x", [1, OUT])], outputs: [value("y")] }));
  const { matrix } = held(await worker.comparedWeights(plainFile, file, "w", 3));
  expect(matrix).toMatchObject({ rows: 5, columns: OUT, span: [1, 1], outputs: 5, inputs: OUT });
  for (let m = 0; m < 5; m++) for (let c = 0; c < OUT; c++) {
    const at = c * 5 + m;
    expect(matrix!.before[m * OUT + c]).toBe(second[at]);
    expect(matrix!.after[m * OUT + c]).toBe(other[at]);
    expect(matrix!.difference[m * OUT + c]).toBeCloseTo(other[at] - second[at], 6);
  }
  expect(held(await worker.comparedWeights(plain, plain, "a.weight", 3)).matrix).toBeUndefined();
  expect(held(await worker.comparedWeights(plainFile, file, "w", 0)).matrix).toBeUndefined();
});

test("a large matrix is the mean sizes of its weights, cell by cell", () => {
  const outputs = 333, inputs = 700, before = wave(outputs * inputs, 3), after = wave(outputs * inputs, 5), found = matricesOf(before, after, outputs, inputs);
  expect(found).toMatchObject({ rows: 111, columns: 234, span: [3, 3] });
  const mean = (row: number, column: number, of: (i: number) => number): number => {
    const all: number[] = [];
    for (let m = 3 * row; m < Math.min(outputs, 3 * row + 3); m++) for (let c = 3 * column; c < Math.min(inputs, 3 * column + 3); c++) all.push(Math.abs(of(m * inputs + c)));
    return all.reduce((a, b) => a + b) / all.length;
  };
  for (const [row, column] of [[0, 0], [110, 233], [50, 100], [3, 233]]) {
    const at = row * found.columns + column;
    expect(found.before[at]).toBeCloseTo(mean(row, column, (i) => before[i]), 6);
    expect(found.after[at]).toBeCloseTo(mean(row, column, (i) => after[i]), 6);
    expect(found.difference[at]).toBeCloseTo(mean(row, column, (i) => after[i] - before[i]), 6);
  }
});

test("a factor that the normalization behind has taken over is no loss", async () => {
  const perChannel = OUT * 4 * 9 / OUT, divided = weight.map((v, i) => v / (1 + Math.floor(i / perChannel)));
  const found = held(await worker.comparedWeights(plain, network("moved.onnx", divided, gammas.map((g, m) => g * (1 + m))), "a.weight", 3));
  expect(found.sqnrDb ?? Infinity).toBeGreaterThan(100);
  found.after.forEach((v, i) => expect(v).toBeCloseTo(found.before[i], 5));
});

test("sizes are the file's, packed by gzip, and unpacked", async () => {
  const { bytes, gzipBytes, loadedWeightBytes } = await worker.sizes(plain);
  expect(gzipBytes).toBeLessThan(bytes);
  expect(loadedWeightBytes).toBe(4 * (weight.length + second.length + 4 * OUT));
});
