import { describe, expect, test, vi } from "vitest";
import type { PlanChoice, PlanFacts, PlanLayer } from "../../../src/protocol/plan";

// the page's start is read off its document
vi.stubGlobal("document", { body: { dataset: { start: JSON.stringify({ language: "en", strings: {} }) } } });
vi.stubGlobal("acquireVsCodeApi", () => ({}));
vi.stubGlobal("window", { addEventListener() {}, removeEventListener() {} });
const { choiceOf, gzipOf, partsOf, pinOf, Plans, qualityOf, targetText } = await import("../../../webview/recipe/plans");

const choice = (bytes: number, loss: number, options?: Record<string, number>, step = true): PlanChoice => ({ method: options && "kernel", options, text: options ? `${bytes}` : "", bytes, bits: bytes / 100, loss, parts: { indices: options ? bytes - 1 : 0, codebook: options ? 1 : 0, values: 0 }, step });
const layer = (id: string, sensitivity: number, ...choices: PlanChoice[]): PlanLayer => ({ id, label: id, op: "Conv", shape: [10, 80], parameters: 800, typeBits: 32, convolution: true, bytes: 3200, sensitivity, choices });

/** Two layers: the smallest plan, then three steps, the last of which leaves the first layer as it is. */
const facts: PlanFacts = {
  input: { bytes: 7000, loadedWeightBytes: 6400 }, prediction: { of: "agreement", samples: 64, slope: 0.2, slopes: [0.1, 0.4] }, notes: [], presets: [{ id: "balanced", bytes: 860, loss: 0.11 }],
  layers: [
    layer("a", 0.5, choice(100, 0.3, { block: 9, words: 16 }), choice(150, 0.2, { block: 9, words: 32 }, false), choice(200, 0.1, { block: 9, words: 64 }), choice(3200, 0)),
    layer("b", 0.1, choice(100, 0.05, { block: 9, words: 16 }), choice(160, 0.01, { block: 9, words: 64 }), choice(3200, 0)),
  ],
  front: { first: [0, 0], layer: Uint32Array.of(0, 1, 0), choice: Uint32Array.of(2, 1, 3), bytes: Float64Array.of(700, 800, 860, 3860), shared: Float64Array.of(50, 60, 72, 40), bits: Float64Array.of(1, 1.5, 1.8, 17), loss: Float64Array.of(0.35, 0.15, 0.11, 0.01) },
  candidate: { choices: [2, 1], bytes: 861, shared: 72, bits: 1.8, loss: 0.11 },
};
const plans = new Plans(facts);

describe("plans", () => {
  test("are led through from the smallest, without those that only leave layers as they are", () => {
    expect(plans.count).toBe(3);
    expect([0, 1, 2].map((rank) => plans.at(rank).choices)).toEqual([[0, 0], [2, 0], [2, 1]]);
    expect(plans.at(99)).toEqual(plans.at(2));
    expect(plans.ends).toEqual([700, 860]);
    expect([1, 700, 799, 800, 1e9].map((size) => plans.rankOf(size))).toEqual([0, 0, 0, 1, 2]);
  });
  test("have the presets that lie among them, not one that only leaves layers as they are", () => {
    const presets: PlanFacts["presets"] = [{ id: "smallest", bytes: 700, loss: 0.35 }, { id: "balanced", bytes: 860, loss: 0.11 }, { id: "nearly-lossless", bytes: 3860, loss: 0.01 }];
    expect(new Plans({ ...facts, presets }).presets.map(({ id }) => id)).toEqual(["smallest", "balanced"]);
  });
  test("tell what they cost, and within which range", () => {
    expect(plans.quality(0.25)).toBeCloseTo(0.9, 9);
    expect(plans.spread(0.25)).toBeCloseTo((0.2 - 0.05) / 2, 9);
    expect(qualityOf({ ...facts.prediction, of: "weights" }, 0.01)).toBeCloseTo(20, 9);
  });
  test("flip more where much is lost, and lose little by the first flips", () => {
    const { prediction } = facts, bent = new Plans({ ...facts, prediction: { ...prediction, bend: 0.5, half: 0.1 } });
    expect(bent.quality(3)).toBeCloseTo(1 - 0.2 * Math.sqrt(3) * 2, 9);
    expect(bent.quality(1e-4)).toBeCloseTo(plans.quality(1e-4), 6);
    expect(bent.quality(1e4)).toBe(0);
    expect(bent.spread(0)).toBe(0);
    expect(plans.accuracyLost(0.25)).toBeUndefined();
    const straight = new Plans({ ...facts, prediction: { ...prediction, half: 0.1 } });
    expect(straight.accuracyLost(0.25)).toBeCloseTo(0.05, 9); // a tenth flips: half of that
    expect(straight.accuracyLost(0.0025)).toBeCloseTo(0.01 ** 2 / 0.11, 9);
    expect(straight.accuracyLost(0)).toBe(0);
  });
  test("know the next step of a layer up and down, and its price", () => {
    const point = plans.at(1), up = plans.step(point, 1, 1), down = plans.step(point, 0, -1);
    expect(up).toMatchObject({ choice: 1, bytes: 60 });
    expect(up?.quality).toBeCloseTo(0.2 * (Math.sqrt(0.15) - Math.sqrt(0.11)), 9);
    expect(down).toMatchObject({ choice: 0, bytes: -100 }); // not by way of what is no step
    expect(plans.step(point, 1, -1)).toBeUndefined();
    expect([0, 1].map((at) => plans.rankBySensitivity(at))).toEqual([1, 2]);
  });
  test("divide what compressed layers share among them, by their own bytes", () => {
    expect(plans.layerBytes(plans.at(2))).toEqual([200 * 1.2, 160 * 1.2]);
    expect(plans.layerBytes({ ...facts.candidate, choices: [2, 2] })).toEqual([272, 3200]);
    expect(plans.layerBytes({ ...facts.candidate, choices: [3, 2], shared: 0 })).toEqual([3200, 3200]);
    const point = plans.at(2);
    point.choices.forEach((choice, at) => { expect(plans.with(point, at, choice)).toEqual({ bytes: plans.layerBytes(point)[at], bits: plans.layerBits(point)[at] }); });
    expect(plans.with(point, 0, 3).bytes).toBe(3200);
  });
  test("have bits of all bytes where a layer is compressed, and of its type where it is left", () => {
    const small = new Plans({ ...facts, layers: [{ ...facts.layers[0], parameters: 90 }, { ...facts.layers[1], parameters: 90, typeBits: 0 }] }), bits = (...choices: number[]) => small.layerBits({ ...facts.candidate, choices, shared: 0 });
    expect(bits(3, 1)).toEqual([32, 8 * 160 / 90]); // not what name and shape take beside its weights
    expect(bits(2, 2)).toEqual([8 * 200 / 90, 8 * 3200 / 90]);
    expect(small.with({ ...facts.candidate, choices: [2, 1], shared: 0 }, 0, 3)).toEqual({ bytes: 3200, bits: 32 });
  });
  test("have bytes by kind that add up to the file", () => {
    const parts = partsOf(facts, plans.at(2));
    expect(parts).toEqual({ indices: 358, codebooks: 2, integers: 0, plain: 0, rest: 500 });
    expect(Object.values(parts).reduce((a, b) => a + b, 0)).toBe(860);
  });
});

test("a size as a target is rounded up, so that the plan it was read off fits", () => {
  expect([861, 12_345, 96_357, 123_456, 1_234_567, 45_678_901].map((size) => targetText(size))).toEqual(["861B", "12.4KB", "96.4KB", "124KB", "1.24MB", "45.7MB"]);
});

test("gzip is known of what was written, and near it of the rest", () => {
  const written = [{ bytes: 1000, gzipBytes: 900 }, { bytes: 100, gzipBytes: 50 }];
  expect(gzipOf(1000, written)).toEqual({ bytes: 900, exact: true });
  expect(gzipOf(800, written)).toEqual({ bytes: 720, exact: false });
  expect(gzipOf(300, written)).toEqual({ bytes: 150, exact: false }); // three times as large as one, less than a third of the other
  expect(gzipOf(1000, [])).toBeUndefined();
});

test("a size is a target to the byte where rounding would let the next plan in", () => {
  expect(targetText(24_213, 24_260)).toBe("24213B");
  expect(targetText(24_213, 24_301)).toBe("24.3KB");
  expect(targetText(24_213, 24_300)).toBe("24213B"); // a plan of just that size would fit
  expect([plans.after(700), plans.after(799), plans.after(860)]).toEqual([800, 800, 3860]);
});

test("a recipe's settings lead to a choice, and to what holds the layer", () => {
  expect(choiceOf(facts.layers[0], "kernel", { block: 9, words: 64 })).toBe(2);
  expect(choiceOf(facts.layers[0], "kernel", { block: 9, words: 65 })).toBe(-1);
  expect([undefined, {}, { pin: "leave" as const }, { method: "kernel", options: {}, pin: "exact" as const }, { pin: { atLeastBits: 6 } }, { method: "kernel" }].map(pinOf)).toEqual([undefined, undefined, "Left alone", "Stays as it is", "At least 6 bits", undefined]);
});
