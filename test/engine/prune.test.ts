import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compressModel } from "../../src/compression/compress";
import { inspectLayers } from "../../src/compression/report";
import type { CompressRequest } from "../../src/protocol/api";
import type { CompressReport } from "../../src/protocol/report";
import { nodeHost, openModelFile } from "../../src/worker/host";
import { viewer } from "../../src/worker/viewer";
import { bundle } from "../helpers/bundle";
import { held } from "../helpers/compared";
import { disguised } from "../helpers/disguise";
import { python } from "../helpers/python";
import { KERNELS, TRAINED } from "../helpers/trained";

/** Whole jobs that take channels away before they compress. */

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-prune-")), at = (...names: string[]) => path.join(folder, ...names), onnx = python("onnx"), view = viewer();
const model = path.resolve("samples/fashion-cnn.onnx"), data = path.resolve("samples/fashion-mnist"), HALF = { compute: 0.5 };
/** For jobs whose training alone matters: nothing large is left to rate. */
const recipe = at("fixed.kernelscope.json"), layers = Object.fromEntries(KERNELS.map((id) => [id, { method: "kernel", options: { block: 9, words: 16 } }]));
let script: string;
beforeAll(() => {
  script = bundle("killed-job");
  writeFileSync(recipe, JSON.stringify({ target: "14KB", data: { limit: 64 }, layers }));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Few images, and no search for a plan where nothing is said of bits. */
async function compress(request: Partial<CompressRequest>): Promise<CompressReport> {
  const host = await nodeHost({ threads: 1, checkpoint: at("checkpoints"), ratings: at("ratings"), scripts: path.resolve("dist") });
  try {
    return await compressModel({ model, data, threads: 1, force: true, bits: request.target === undefined && request.preset === undefined ? 32 : undefined, ...request }, host);
  } finally {
    await host.close();
  }
}

/** Two files of one model, of which one does not note which channels are left, stand beside the original alike. */
async function expectSameWeights(noted: string, retold: string, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const [one, other] = [held(await view.comparedWeights(model, at(noted), id, 1024)), held(await view.comparedWeights(model, at(retold), id, 1024))];
    expect(other.sqnrDb ?? Infinity, id).toBeCloseTo(one.sqnrDb ?? Infinity, 6);
    expect(other.after, id).toEqual(one.after);
  }
  await view.close(at(retold));
}

describe("a network without half of its compute", () => {
  let report: CompressReport;
  beforeAll(async () => { report = await compress({ output: at("half.onnx"), prune: HALF }); });

  test("does nearly what it did, because the weights that stay make up for those that are gone", async () => {
    const { pruning, fidelity } = report;
    expect(pruning!.after.macs).toBeLessThanOrEqual(0.5 * pruning!.before.macs);
    expect(pruning!.after.macs).toBeGreaterThan(0.4 * pruning!.before.macs);
    expect(fidelity!.agreement).toBeGreaterThan(0.95);
    onnx?.(`import onnx; onnx.checker.check_model(${JSON.stringify(at("half.onnx"))}, full_check=True)`);
  });

  test("has the layers that it had, with fewer channels, and says so", async () => {
    const [before, after] = [await openModelFile(model), await openModelFile(at("half.onnx"))];
    try {
      const { found: originals } = await inspectLayers(before.model), { found, layers, bitsPerWeight, convBitsPerWeight } = await inspectLayers(after.model), weights = (some: typeof found) => some.reduce((sum, { parameters }) => sum + parameters, 0);
      expect(found.map(({ id, label }) => [id, label])).toEqual(originals.map(({ id, label }) => [id, label]));
      expect([weights(originals), weights(found)]).toEqual([report.pruning!.before.weights, report.pruning!.after.weights]);
      for (const [i, { shape, originalShape, bytes, bitsPerWeight: bits }] of layers.entries()) {
        expect(originalShape).toEqual(originals[i].dims);
        expect(shape).toEqual(found[i].dims);
        expect(bits).toBeCloseTo(8 * bytes / originals[i].parameters, 1);
      }
      // of the original's weights, whatever is left of them
      expect(bitsPerWeight).toBeCloseTo(8 * layers.reduce((sum, { bytes }) => sum + bytes, 0) / weights(originals), 2);
      expect([report.bitsPerWeight, report.convBitsPerWeight]).toEqual([bitsPerWeight, convBitsPerWeight]);
      for (const { layers: [name], channels, removed } of report.pruning!.groups) expect(found.find(({ id }) => id === name)!.dims[0]).toBe(channels - removed);
    } finally {
      await before.close();
      await after.close();
    }
  });

  test("stands beside its original in a comparison, where its channels were with zeros", async () => {
    const { layers } = await view.compared(model, at("half.onnx")), [, second] = layers;
    expect(layers.map(({ before, after }) => [before !== undefined, after !== undefined])).toEqual(layers.map(() => [true, true]));
    expect(second.after!.originalShape).toEqual(second.before!.shape);
    for (const { before, after, resized } of layers) expect([resized?.outputs?.[1] ?? before!.shape[0], resized?.inputs?.[1] ?? before!.shape[1]]).toEqual(after!.shape.slice(0, 2));
    expect(layers.filter(({ resized }) => resized?.outputs).length).toBeGreaterThan(2);
    // under other names, and without the note that says which channels are left, they are the same layers, and weights tell the same channels
    const other = disguised(readFileSync(at("half.onnx")), 1);
    if (other) {
      writeFileSync(at("retold.onnx"), other.bytes);
      const retold = await view.compared(model, at("retold.onnx"));
      expect(retold.layers.map(({ id, resized }) => [id, resized])).toEqual(layers.map(({ id, resized }) => [id, resized]));
      await expectSameWeights("half.onnx", "retold.onnx", layers.map(({ id }) => id));
    }
    const { total, order, before, after, sqnrDb } = held(await view.comparedWeights(model, at("half.onnx"), second.id, 1024)), size = 9, [outputs, inputs] = second.after!.shape;
    expect(total).toBe(32 * 32);
    const silent = [...order.keys()].filter((i) => after.subarray(i * size, (i + 1) * size).every((v) => v === 0)).length;
    expect(silent).toBe(total - outputs * inputs);
    // of the kernels that are left
    const energy = (values: Float32Array) => values.reduce((sum, v, i) => sum + (after.subarray(i - i % size, i - i % size + size).some((w) => w !== 0) ? v * v : 0), 0);
    expect(sqnrDb).toBeCloseTo(10 * Math.log10(energy(before) / energy(before.map((v, i) => after[i] - v))), 3);
  });

  test("can be compressed to a size, as codebooks that are shown beside the original's weights", async () => {
    const { output, layers, trims, bitsPerWeight, fidelity } = await compress({ output: at("sized.onnx"), prune: HALF, target: "30KB" });
    expect(output.bytes).toBeLessThanOrEqual(30_000);
    expect(output.bytes).toBeGreaterThan(29_000);
    expect(trims!.length).toBeGreaterThan(0);
    expect(fidelity!.agreement).toBeGreaterThan(0.93);
    expect(bitsPerWeight).toBeCloseTo(8 * layers.reduce((sum, { bytes }) => sum + bytes, 0) / 287_264, 1);
    for (const { name, codewords, sqnrDb } of layers) {
      if (codewords === undefined) continue;
      const facts = await view.codebook(at("sized.onnx"), name, model);
      expect(facts?.missing).toBeUndefined();
      expect(facts?.original?.channels.length).toBe(facts?.outputs);
      // of what the channels that are left were in the original, as a comparison says it
      expect(sqnrDb).toBeCloseTo(held(await view.comparedWeights(model, at("sized.onnx"), name, 64)).sqnrDb!, 2);
    }
    expect(layers.some(({ codewords }) => codewords !== undefined)).toBe(true);
    onnx?.(`import onnx; onnx.checker.check_model(${JSON.stringify(at("sized.onnx"))}, full_check=True)`);
    // weights of few bits tell which channels are left, too
    const other = disguised(readFileSync(at("sized.onnx")), 2);
    if (other) {
      writeFileSync(at("sized-retold.onnx"), other.bytes);
      await expectSameWeights("sized.onnx", "sized-retold.onnx", layers.map(({ name }) => name));
    }
  });

  test("can be one of integers", async () => {
    const { integers, fidelity, pruning } = await compress({ output: at("integers.onnx"), prune: HALF, inference: "integer", bits: undefined });
    expect(integers).toMatchObject({ floatConvolutions: 0 });
    expect(pruning!.after.macs).toBeLessThanOrEqual(0.5 * pruning!.before.macs);
    expect(fidelity!.agreement).toBeGreaterThan(0.93);
  });
});

test("training brings a network that has lost most of its channels nearer to what the original does", async () => {
  const { tuning, pruning } = await compress({ ...TRAINED, output: at("tuned.onnx"), prune: { compute: 0.8 }, recipe, bits: undefined, tune: "24steps" });
  expect(pruning!.after.macs).toBeLessThanOrEqual(0.2 * pruning!.before.macs);
  expect(tuning!.after.loss).toBeLessThan(0.9 * tuning!.before.loss);
});

test("prepared, it is a smaller network of floats that was trained", async () => {
  const { pruning, tuning, output, layers } = await compress({ ...TRAINED, output: at("ready.onnx"), prune: HALF, target: "12KB", bits: undefined, prepare: true, tune: "6steps" });
  expect(tuning!.steps).toBe(6);
  expect(output.bytes).toBeGreaterThan(4 * pruning!.after.weights);
  expect(output.bytes).toBeLessThan(4.3 * pruning!.after.weights);
  expect(layers.every(({ method }) => method === undefined)).toBe(true);
});

test("a preset promises what is left of the original's predictions, not of the smaller network's", async () => {
  const { fidelity, output } = await compress({ output: at("preset.onnx"), prune: { compute: 0.25 }, preset: "nearly-lossless" });
  expect(fidelity!.agreement).toBeGreaterThan(0.97);
  expect(output.bytes).toBeLessThan(200_000);
});

test("a layer that a recipe leaves alone keeps its channels and its weights", async () => {
  const left = at("left.kernelscope.json");
  writeFileSync(left, JSON.stringify({ bits: 32, prune: { compute: 0.2 }, layers: { [KERNELS[1]]: { pin: "leave" } } }));
  const { pruning, layers } = await compress({ ...TRAINED, output: at("left.onnx"), recipe: left, bits: undefined });
  expect(pruning!.groups.flatMap(({ layers: names }) => names)).not.toContain(KERNELS[1]);
  const row = layers.find(({ name }) => name === KERNELS[1])!;
  expect([row.shape, row.originalShape]).toEqual([[32, 16, 3, 3], undefined]);
  expect(held(await view.comparedWeights(TRAINED.model, at("left.onnx"), KERNELS[1], 4)).sqnrDb).toBeUndefined();
});

test("how much is taken away for a size is found out by what the outputs lose", async () => {
  const { pruning, pruningTrials, output } = await compress({ ...TRAINED, output: at("auto.onnx"), prune: "auto", recipe, bits: undefined, target: "10KB" });
  expect(output.bytes).toBeLessThanOrEqual(10_000);
  expect(pruningTrials!.map(({ compute }) => compute)).toEqual([0, 0.25, 0.5, 0.75].slice(0, pruningTrials!.length));
  expect(pruningTrials!.length).toBeGreaterThan(1);
  const [all] = pruningTrials!, chosen = pruningTrials!.filter(({ isChosen }) => isChosen);
  expect(chosen.length).toBe(1);
  expect(chosen[0].compute === 0).toBe(pruning === undefined);
  expect(chosen[0].loss).toBeLessThanOrEqual(all.loss!);
  // so small a size is tried so without being asked; with all channels it is out of reach, with fewer it is not
  const small = await compress({ ...TRAINED, output: at("reached.onnx"), recipe, bits: undefined, target: "6KB" });
  expect(small.pruningTrials![0]).toMatchObject({ compute: 0, isChosen: false, problem: expect.stringContaining("cannot be reached") as string });
  expect(small.output.bytes).toBeLessThanOrEqual(6_000);
  expect(small.pruning).toBeDefined();
});

test("killed again and again, it comes to the same file", () => {
  const run = (moment: string) => spawnSync(process.execPath, [script, moment, at("jobs"), JSON.stringify({ ...TRAINED, output: at("killed.onnx"), prune: HALF, recipe, tune: "10steps", threads: 1, force: false })], { encoding: "utf8" });
  expect(run("never")).toMatchObject({ status: 0, stderr: "" });
  const whole = readFileSync(at("killed.onnx"));
  rmSync(at("killed.onnx"));
  for (const moment of ["prune 3", "prune 9", "saved layer 3", "tune 6", "output 3"]) expect(run(moment).signal).toBe("SIGKILL");
  expect(run("never")).toMatchObject({ status: 0, stderr: "" });
  expect(readFileSync(at("killed.onnx")).equals(whole)).toBe(true);
});

test("says what is wrong with a wish", async () => {
  await expect(compress({ output: at("none.onnx"), prune: HALF, data: undefined })).rejects.toThrow("Pruning needs images");
  const pinned = at("pinned.kernelscope.json");
  writeFileSync(pinned, JSON.stringify({ prune: { compute: 0.9 }, layers: Object.fromEntries(["3", "7", "10", "14"].map((id) => [`${id}.weight`, { pin: "leave" }])) }));
  await expect(compress({ output: at("none.onnx"), recipe: pinned })).rejects.toThrow(/^90 % less to compute cannot be reached by taking channels away\. The most that this model allows is \d+ %\.$/);
  const cli = (...args: string[]) => spawnSync(process.execPath, ["dist/cli.js", "compress", model, "--data", data, "-o", at("none.onnx"), ...args], { encoding: "utf8" });
  expect(cli("--prune", "much")).toMatchObject({ status: 2, stderr: "--prune much: write how much less is to be computed, like 25%, auto or no; a share is between 1 % and 95 %.\n" });
  await expect(compress({ output: at("none.onnx"), prune: "auto" })).rejects.toThrow("Give a --target");
});
