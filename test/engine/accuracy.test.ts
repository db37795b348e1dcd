import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { evaluateModel } from "../../src/compression/evaluate";
import { measurePair } from "../../src/compression/measure";
import { Tracer } from "../../src/compression/trace";
import { argMax } from "../../src/evaluation/metrics";
import { thumbnailsOf } from "../../src/evaluation/thumbnail";
import type { Measured, MeasureRequest, Trace } from "../../src/protocol/accuracy";
import type { EvaluateReport } from "../../src/protocol/report";
import { nodeHost, type NodeHost } from "../../src/worker/host";
import { compressWith } from "../helpers/compress";
import { TRAINED } from "../helpers/trained";
import { ModelEdit } from "../../src/onnx/edit";
import { disguised } from "../helpers/disguise";
import { npy } from "../helpers/npy";
import { png } from "../helpers/png";
import { floats, modelBytes, smallNetwork, value, wave } from "../unit/onnx/models";

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-accuracy-"));
const out = (name: string) => path.join(folder, name);
const fashion = path.resolve("samples/fashion-cnn.onnx"), images = path.resolve("samples/fashion-mnist");

let host: NodeHost;
beforeAll(async () => { host = await nodeHost({ threads: 2, checkpoint: out("checkpoints"), scripts: path.resolve("dist") }); });
afterAll(async () => {
  await host.close();
  rmSync(folder, { recursive: true, force: true });
});

async function traced<Result>(request: MeasureRequest, use: (tracer: Tracer) => Promise<Result>): Promise<Result> {
  const tracer = await Tracer.open(request, host);
  try {
    return await use(tracer);
  } finally {
    await tracer.close();
  }
}

test("a layer that has lost channels is followed in those that are left; where the file does not say which, nothing is said of it", async () => {
  const { model: original, data } = TRAINED, request: MeasureRequest = { original, compressed: out("pruned.onnx"), data, threads: 2, device: "cpu", limit: 100 };
  await compressWith(out("checkpoints"), { model: original, output: request.compressed, data, target: "25KB", prune: { compute: 0.3 } });
  const known = await traced(request, (tracer) => tracer.trace(0));
  expect(known.layers.length).toBe(7);
  for (const db of [...known.median, ...known.sample!.sqnrDb]) expect(db).toBeGreaterThan(0);
  const { model, close } = await host.openModel(request.compressed), edit = new ModelEdit(model);
  edit.setMetadata("kernelscope.channels", "");
  writeFileSync(out("unmarked.onnx"), await edit.toBytes());
  await close();
  const unmarked = await traced({ ...request, compressed: out("unmarked.onnx") }, (tracer) => tracer.trace(0));
  expect([...unmarked.median].filter(Number.isNaN).length).toBeGreaterThan(0);
  expect(unmarked.median.at(-1)).toBeCloseTo(known.median.at(-1)!, 5);
});

test("labels of classes that the model does not have are told, before anything is made of them", async () => {
  mkdirSync(out("labels"));
  for (const name of ["images.npy", "dataset.json"]) copyFileSync(path.join(TRAINED.data, name), out(`labels/${name}`));
  writeFileSync(out("labels/labels.npy"), npy([500], new Uint8Array(500).fill(77)));
  const request = { model: TRAINED.model, data: out("labels"), threads: 2, device: "cpu" } as const, told = "The label of image 0 is 77, but this model has 10 classes, 0 to 9.";
  await expect(evaluateModel(request, host)).rejects.toThrow(told);
  await expect(measurePair({ ...request, original: fashion, compressed: fashion, data: out("labels") }, host)).rejects.toThrow(told);
  await expect(compressWith(out("checkpoints"), { ...request, output: out("never.onnx"), target: "25KB" })).rejects.toThrow("is 77");
});

describe("a classifier that was compressed hard", () => {
  const pair: MeasureRequest = { original: fashion, compressed: out("fashion.onnx"), data: images, threads: 2, device: "cpu" };
  const told: Measured[] = [];
  let measured: Measured, report: EvaluateReport;
  beforeAll(async () => {
    await compressWith(out("checkpoints"), { model: fashion, output: pair.compressed, target: "25KB" });
    measured = await measurePair(pair, host, (state) => told.push(state));
    report = await evaluateModel({ model: pair.compressed, reference: fashion, preprocess: path.resolve("samples/fashion-mnist/dataset.json"), data: images, device: "cpu", threads: 2 }, host);
  });

  test("has the figures that evaluate gives", () => {
    const { classifier } = measured;
    expect(measured.samples).toBe(500);
    expect(classifier?.agreement.value).toBeCloseTo(report.agreement!, 12);
    expect(classifier?.kl.value).toBeCloseTo(report.kl!, 9);
    expect(classifier?.top1?.after.value).toBeCloseTo(report.top1!, 12);
    expect(classifier?.top5?.after.value).toBeCloseTo(report.top5!, 12);
    expect([classifier?.agreement.low, classifier?.agreement.high]).toEqual(report.intervals?.agreement);
    expect(classifier?.kl.low).toBeLessThan(report.kl!);
  });

  test("tells figures from the first batch on, within 256 samples", () => {
    expect(told[0].samples).toBeLessThanOrEqual(256);
    expect(told[0].classifier?.agreement.value).toBeGreaterThan(0);
    expect(told[0].secondsLeft).toBeGreaterThan(0);
  });

  test("lists every flip with what both models say; lost, gained and other add up", () => {
    const { classifier, flips } = measured, { lost, gained, other } = classifier!.flips;
    expect(lost + gained + other).toBe(500 - classifier!.agreed);
    expect(flips.length).toBe(lost + gained + other);
    expect(lost).toBeGreaterThan(0);
    expect(gained).toBeGreaterThan(0);
    expect(classifier!.top1!.change.value).toBeCloseTo((gained - lost) / 500, 12);
    for (const { original, compressed, label, kind } of flips) {
      expect(original[0].class).not.toBe(compressed[0].class);
      expect(kind).toBe(original[0].class === label ? "lost" : compressed[0].class === label ? "gained" : "other");
      expect(original.map(({ probability }) => probability)).toEqual(original.map(({ probability }) => probability).sort((a, b) => b - a));
      expect(original[0].probability).toBeLessThanOrEqual(1);
    }
    expect(flips.map(({ position }) => position)).toEqual(flips.map(({ position }) => position).sort((a, b) => a - b));
  });

  test("stops at a limit, and where it is cancelled", async () => {
    expect((await measurePair({ ...pair, limit: 70 }, host)).samples).toBe(70);
    // a band stands for the samples that the figures are of
    const held = { ...pair, heldOut: true }, { samples } = await measurePair(held, host);
    expect((await traced(held, (tracer) => tracer.trace(undefined))).samples).toBe(samples);
    const abort = new AbortController();
    await expect(measurePair(pair, host, () => abort.abort(), abort.signal)).rejects.toThrow(/Cancelled/);
  });

  test("a flipped sample is followed to the layer where it leaves the others' band", async () => {
    const [flip] = measured.flips, states: Trace[] = [];
    const trace = await traced(pair, (tracer) => tracer.trace(flip.position, (state) => states.push(state)));
    expect(states[0].sample?.sqnrDb.length).toBe(trace.layers.length);
    expect(states[0].samples).toBe(0);
    expect(trace.layers.map(({ label }) => label)).toEqual(["0", "3", "7", "10", "14", "17", "22"]);
    expect(trace.samples).toBe(256);
    trace.median.forEach((median, i) => {
      expect(trace.low[i]).toBeLessThanOrEqual(median);
      expect(trace.high[i]).toBeGreaterThanOrEqual(median);
    });
    const { sqnrDb, outside, original, compressed } = trace.sample!;
    expect(argMax(original!)).toBe(flip.original[0].class);
    expect(argMax(compressed!)).toBe(flip.compressed[0].class);
    expect(original!.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
    if (outside !== undefined) expect(sqnrDb[outside]).toBeLessThan(trace.low[outside]);
    expect([...sqnrDb].findIndex((db, i) => db < trace.low[i])).toBe(outside ?? -1);
  });

  test("where all flips begin is what each of them says alone", async () => {
    const { flips } = measured, positions = flips.map(({ position }) => position), told: number[] = [];
    await traced(pair, async (tracer) => {
      const { found, layers, done, total } = await tracer.origins(positions, (origins) => told.push(origins.done));
      expect([done, total, found.map(({ position }) => position)]).toEqual([256 + positions.length, 256 + positions.length, positions]);
      expect(told).toEqual([...told].sort((a, b) => a - b));
      for (const { position, layer } of found.slice(0, 20)) {
        const { sample } = await tracer.trace(position);
        expect(layer).toBe(sample!.outside === undefined ? undefined : layers[sample!.outside].id);
      }
      expect(new Set(found.map(({ layer }) => layer)).size).toBeGreaterThan(2);
      const abort = new AbortController();
      await expect(tracer.origins(positions, () => abort.abort(), abort.signal)).rejects.toThrow(/Cancelled/);
    });
  });

  test("the same network under other names is measured and followed as itself", async () => {
    const other = disguised(readFileSync(pair.compressed), 1);
    if (!other) return; // needs Python's onnx
    writeFileSync(out("renamed.onnx"), other.bytes);
    const renamed = { ...pair, compressed: out("renamed.onnx"), preprocess: path.resolve("samples/fashion-mnist/dataset.json"), limit: 64 }, [a, b] = [await measurePair({ ...pair, limit: 64 }, host), await measurePair(renamed, host)];
    expect(b.classifier).toEqual(a.classifier);
    const [here, there] = [await traced({ ...pair, limit: 64 }, (tracer) => tracer.trace(undefined)), await traced(renamed, (tracer) => tracer.trace(undefined))];
    expect(there.layers).toEqual(here.layers);
    there.median.forEach((median, i) => expect(median).toBeCloseTo(here.median[i], 3));
  });

  test("a model that nothing was done to has lost nothing anywhere", async () => {
    const same = { ...pair, compressed: fashion };
    const { classifier, flips } = await measurePair({ ...same, limit: 64 }, host);
    expect(classifier).toMatchObject({ agreed: 64, flips: { lost: 0, gained: 0, other: 0 }, kl: { value: 0 } });
    expect(flips).toEqual([]);
    expect([...(await traced(same, (tracer) => tracer.trace(0))).sample!.sqnrDb].every((db) => db === Infinity)).toBe(true);
  });
});

test("noise in one layer shows from that layer on", async () => {
  const noisy = wave(128, 3).map((v, i) => v + 0.2 * Math.sin(i)), names = ["first", "second", "fc"];
  const initializers = [floats("first.weight", [8, 3, 3, 3], wave(216)), floats("first.bias", [8], wave(8, 2)), floats("second.weight", [16, 8, 1, 1], noisy), floats("fc.weight", [12, 16], wave(192, 4)), floats("fc.bias", [12], wave(12, 5))];
  writeFileSync(out("plain.onnx"), smallNetwork());
  writeFileSync(out("plain.small.onnx"), smallNetwork({ initializers }));
  mkdirSync(out("waves"));
  writeFileSync(out("waves/images.npy"), npy([20, 3, 8, 8], wave(20 * 192)));
  const trace = await traced({ original: out("plain.onnx"), compressed: out("plain.small.onnx"), data: out("waves"), threads: 1 }, (tracer) => tracer.trace(undefined));
  expect(trace.layers.map(({ label }) => label)).toEqual(names);
  expect(trace.median[0]).toBe(Infinity);
  expect(trace.median[1]).toBeLessThan(40);
  expect(trace.median[2]).toBeLessThan(60);
  expect(trace.samples).toBe(20);
  expect(trace.sample).toBeUndefined();
});

test("classes are called as their folders, pictures are what lies there", async () => {
  const pixels = Uint8Array.from({ length: 8 * 8 * 3 }, (_, i) => i);
  for (const name of ["cat", "dog"]) mkdirSync(out(`pets/${name}`), { recursive: true });
  writeFileSync(out("pets/cat/a.png"), png(pixels, 8, 8));
  writeFileSync(out("pets/dog/b.png"), png(pixels.map((v) => 255 - v), 8, 8));
  writeFileSync(out("pets/dataset.json"), JSON.stringify({ mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.4], channels: "bgr" }));
  writeFileSync(out("pets.onnx"), smallNetwork());
  const pair = { original: out("pets.onnx"), compressed: out("pets.onnx"), data: out("pets"), threads: 1 };
  expect((await measurePair(pair, host)).classes).toEqual(["cat", "dog"]);
  await traced(pair, async ({ pair: { dataset } }) => {
    const [thumbnail] = await thumbnailsOf(dataset, [0], 64);
    expect([thumbnail.width, thumbnail.height]).toEqual([8, 8]);
    expect([...thumbnail.rgba.filter((_, i) => i % 4 < 3)]).toEqual([...pixels]);
    expect((await thumbnailsOf(dataset, [1, 0], 4)).map(({ position, width, height }) => [position, width, height])).toEqual([[1, 4, 4], [0, 4, 4]]);
  });
});

test("a model that is no classifier has errors by output and by place instead", async () => {
  const image = (gain: number): Uint8Array => modelBytes({
    initializers: [floats("gain", [1, 1, 4, 6], Array.from({ length: 24 }, (_, i) => (i === 9 ? gain : 1))), floats("conv.weight", [1, 1, 1, 1], [1])],
    nodes: [{ op: "Conv", inputs: ["x", "conv.weight"], outputs: ["c"] }, { op: "Mul", inputs: ["c", "gain"], outputs: ["y"] }], inputs: [value("x", ["N", 1, 4, 6])], outputs: [value("y", ["N", 1, 4, 6])],
  });
  writeFileSync(out("map.onnx"), image(1));
  writeFileSync(out("map.small.onnx"), image(1.5));
  mkdirSync(out("maps"));
  const samples = new Float32Array(40 * 24).fill(1);
  samples[7 * 24 + 9] = 100;
  writeFileSync(out("maps/images.npy"), npy([40, 1, 4, 6], samples));
  const pair = { original: out("map.onnx"), compressed: out("map.small.onnx"), data: out("maps"), threads: 1 };
  const { classifier, outputs, deviations, flips } = await measurePair(pair, host);
  expect(classifier).toBeUndefined();
  expect(flips).toEqual([]);
  const [y] = outputs!, noise = 39 * 0.25 + 50 ** 2, signal = 40 * 24 - 1 + 1e4;
  expect(y).toMatchObject({ name: "y", shape: [1, 4, 6], largestError: 50 });
  expect(y.relativeError).toBeCloseTo(Math.sqrt(noise / signal), 6);
  expect(y.sqnrDb).toBeCloseTo(10 * Math.log10(signal / noise), 6);
  expect(y.map).toMatchObject({ height: 4, width: 6, cell: [1, 1] });
  expect([...y.map!.values].map((v, i) => (v > 0 ? i : -1)).filter((i) => i >= 0)).toEqual([9]);
  expect(y.map!.values[9]).toBeCloseTo((39 * 0.5 + 50) / 40, 5);
  expect(deviations[0]).toMatchObject({ position: 7, name: "image 7" });
  const { sample } = await traced(pair, (tracer) => tracer.trace(7));
  expect(sample?.maps?.output).toBe("y");
  expect(sample?.maps?.difference.values[9]).toBeCloseTo(50, 4);
});

test("a model with another input is refused by name", async () => {
  copyFileSync(fashion, out("other.onnx"));
  writeFileSync(out("stranger.onnx"), smallNetwork());
  await expect(measurePair({ original: out("other.onnx"), compressed: out("stranger.onnx"), data: images }, host)).rejects.toThrow(/take different inputs.*stranger\.onnx/);
});
