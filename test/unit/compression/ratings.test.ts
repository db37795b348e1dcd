import { describe, expect, test } from "vitest";
import type { CheckpointStore } from "../../../src/compression/checkpoint";
import { EffectMeter } from "../../../src/compression/effect";
import { RatingRecord, verdictKey } from "../../../src/compression/ratings";
import type { LayerSensitivity } from "../../../src/compression/sensitivity";
import { methodById } from "../../../src/methods/registry";
import { findLayers, type Layer } from "../../../src/onnx/layers";
import { openModelFile } from "../../../src/worker/host";

class MemoryStore implements CheckpointStore {
  readonly entries = new Map<string, Uint8Array>();
  load = async (key: string) => this.entries.get(key);
  save = async (key: string, value: Uint8Array) => { this.entries.set(key, value); };
  clear = async () => this.entries.clear();
}

const rating = (layer: Layer): LayerSensitivity => ({
  layer, response: [{ noise: 0.1, loss: 0.2, disagreement: 0.03, lost: 0.02 }],
  candidates: [{ layer, method: "kernel", options: { block: 9, words: 16, valueBits: 6 }, bytes: 100, bits: 1, noise: 0.1, loss: 0.2 }],
});

describe("ratings", () => {
  test("are measured once, also where the job was cut short, and anew where the record is damaged", async () => {
    const { model, close } = await openModelFile("samples/fashion-cnn.onnx"), layers = findLayers(model), store = new MemoryStore(), asked: string[][] = [];
    const complete = (upTo: number) => new RatingRecord(store).complete(layers, async (missing, onRated) => {
      asked.push(missing.map(({ id }) => id));
      const ratings = missing.slice(0, upTo).map(rating);
      for (const one of ratings) await onRated(one);
      if (ratings.length < missing.length) throw new Error("killed");
      return ratings;
    });
    await expect(complete(2)).rejects.toThrow("killed");
    const all = await complete(Infinity), ids = layers.map(({ id }) => id);
    expect(all.map(({ layer }) => layer.id)).toEqual(ids);
    expect(all).toEqual(layers.map(rating));
    expect(await complete(Infinity)).toEqual(all);
    expect(asked).toEqual([ids, ids.slice(2)]);
    store.entries.set("ratings", store.entries.get("ratings")!.subarray(0, 50));
    await complete(Infinity);
    expect(asked[2]).toEqual(ids);
    await close();
  });
});

test("ratings of a method that a recipe asks for are kept beside the others", async () => {
  const { model, close } = await openModelFile("samples/fashion-cnn.onnx"), layers = findLayers(model), [layer] = layers, store = new MemoryStore();
  const record = () => new RatingRecord(store), wanted = { method: methodById("wavelet") }, asked = new Map([[layer, wanted]]), candidates = rating(layer).candidates.map((c) => ({ ...c, method: "wavelet" })), knows = () => record().knows(layers, { asked, shares: false }, true);
  await record().complete(layers, async (missing, onRated) => { const all = missing.map(rating); for (const one of all) await onRated(one); return all; });
  expect(await knows()).toBe(false);
  expect(await record().asked(layer, wanted, async () => candidates)).toEqual(candidates);
  expect(await knows()).toBe(true);
  expect(await record().asked(layer, wanted, () => Promise.reject(new Error("measured again")))).toEqual(candidates);
  expect(await record().asked(layer, { ...wanted, options: { summed: 4 } }, async () => [])).toEqual([]); // with settings it is another rating
  expect((await record().complete(layers, () => Promise.reject(new Error("measured again"))))[0]).toEqual(rating(layer));
  await close();
});

describe("what a change does to outputs", () => {
  test("of a classifier: KL and flips", () => {
    const meter = new EffectMeter(new Map([["y", [{ dims: [2, 2], data: Float32Array.of(2, 0, 0, 3) }]]]));
    meter.add(0, { y: { dims: [2, 2], data: Float32Array.of(2, 0, 3, 0) } });
    const p = 1 / (1 + Math.exp(3)), kl = (1 - 2 * p) * 3; // Σ p·(log p − log q) with logits swapped
    expect(meter.effect.disagreement).toBe(0.5);
    expect(meter.effect.loss).toBeCloseTo(kl / 2, 6);
    // the original gives the second sample's first answer 95 %, and what it turned into 5 %
    expect(meter.effect.lost).toBeCloseTo((1 - 2 * p) / 2, 6);
  });
  test("of anything else: relative squared error", () => {
    const meter = new EffectMeter(new Map([["y", [{ dims: [1, 1, 2, 2], data: Float32Array.of(1, 2, 3, 4) }]]]));
    meter.add(0, { y: { dims: [1, 1, 2, 2], data: Float32Array.of(1, 2, 3, 1) } });
    expect(meter.effect).toEqual({ loss: 9 / 30, disagreement: 0, lost: 0, samples: 0 });
  });
});

test("what layers of one shape lose by a common codebook is measured once, and which plan did better is kept", async () => {
  const { model, close } = await openModelFile("samples/resnet20-cifar10.onnx"), [, ...shape] = findLayers(model).slice(0, 4).map(rating), store = new MemoryStore();
  let measured = 0;
  const shared = (of: readonly LayerSensitivity[]) => new RatingRecord(store).shared(of, async () => {
    measured++;
    return new Map(of.map(({ layer, candidates }) => [layer, candidates.map((one) => ({ ...one, noise: 0.2, options: { ...one.options, book: "?" } }))]));
  });
  const found = await shared(shape);
  expect(found.map(({ shared }) => shared![0])).toEqual(shape.map(({ candidates }) => ({ ...candidates[0], noise: 0.2, options: { ...candidates[0].options, book: "?" } })));
  expect(await shared(shape)).toEqual(found);
  expect(measured).toBe(1);
  await shared(shape.slice(1)); // another set of layers is another matter
  expect(measured).toBe(2);
  const key = verdictKey(shape.flatMap(({ candidates }) => candidates));
  await new RatingRecord(store).keepVerdict(key, false);
  expect([...await new RatingRecord(store).verdicts()]).toEqual([[key, false]]);
  await close();
});

test("what whole plans have shown is kept by the folder that they were measured on: those tried as they are, of files the last, and the newer where two are of one plan", async () => {
  const store = new MemoryStore(), record = (): RatingRecord => new RatingRecord(store), one = (predicted: number, loss: number) => ({ predicted, loss, disagreement: 0.1, samples: 100 });
  expect(await record().hasTried()).toBe(false);
  await record().keepWritten(one(0.3, 0.02));
  await record().keepTried([{ ...one(0.1, 0.5), fitted: { disagreement: 0.05, samples: 400 } }], [{ predicted: 0.1, disagreement: 0.4 }]);
  await record().keepWritten(one(0.3, 0.01));
  expect(await record().wholes()).toEqual([{ ...one(0.1, 0.5), fitted: { disagreement: 0.05, samples: 400 } }, one(0.3, 0.01)]);
  expect([await record().hasTried(), await record().hasTried("other")]).toEqual([true, false]);
  await record().keepTried([], [], "other"); // too few images told nothing, and need not be looked at again
  expect(await record().hasTried("other")).toBe(true);
  expect(await record().wholes("other")).toEqual([]);
  for (let i = 0; i < 20; i++) await record().keepWritten(one(1 + i, 1 + i));
  expect(await record().wholes()).toHaveLength(13);
});
