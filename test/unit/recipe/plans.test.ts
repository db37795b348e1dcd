import { describe, expect, test, vi } from "vitest";
import type { PlanChoice, PlanFacts, PlanLayer } from "../../../src/protocol/plan";

// the page's start is read off its document
vi.stubGlobal("document", { body: { dataset: { start: JSON.stringify({ language: "en", strings: {} }) } } });
vi.stubGlobal("acquireVsCodeApi", () => ({}));
vi.stubGlobal("window", { addEventListener() {}, removeEventListener() {} });
const { choiceOf, gzipOf, partsOf, pinOf, Plans, qualityOf, targetText } = await import("../../../webview/recipe/plans");

const choice = (bytes: number, loss: number, options?: Record<string, number>, step = true): PlanChoice => ({ method: options && "kernel", options, traits: [], bytes, bits: bytes / 100, loss, parts: { indices: options ? bytes - 1 : 0, codebook: options ? 1 : 0, values: 0 }, step });
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
    expect(plans.range(0.25)).toEqual([expect.closeTo(0.8, 9), expect.closeTo(0.95, 9)]);
    expect(plans.range(100)).toEqual([0, 0]); // no interval leads below
    expect(qualityOf({ ...facts.prediction, of: "weights" }, 0.01)).toBeCloseTo(20, 9);
  });
  test("flip more where much is lost, and lose little by the first flips", () => {
    const { prediction } = facts, bent = new Plans({ ...facts, prediction: { ...prediction, bend: 0.5, half: 0.1 } });
    expect(bent.quality(3)).toBeCloseTo(1 - 0.2 * Math.sqrt(3) * 2, 9);
    expect(bent.quality(1e-4)).toBeCloseTo(plans.quality(1e-4), 6);
    expect(bent.quality(1e4)).toBe(0);
    expect(bent.range(0)).toEqual([1, 1]);
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

test("a size as a target is rounded up, so that the plan it was read off fits, whatever its own text takes there", () => {
  expect([861, 12_345, 96_357, 123_456, 1_234_567, 45_678_901].map((size) => targetText(size))).toEqual(["869B", "12.4KB", "96.4KB", "124KB", "1.24MB", "45.7MB"]);
});

test("gzip is known of what was written, lies between two that were, and within a range beyond them", () => {
  const written = [{ bytes: 40_000, gzipBytes: 38_000, isOwn: false }, { bytes: 12_000, gzipBytes: 10_000, isOwn: false }];
  expect(gzipOf(40_000, written)).toEqual({ least: 38_000, most: 38_000, isExact: true });
  expect(gzipOf(20_000, written)).toEqual({ least: 18_000, most: 18_000, isExact: false });
  expect(gzipOf(100_000, written)).toEqual({ least: 95_000, most: 98_000, isExact: false }); // as large a share, or as many bytes
  expect(gzipOf(6000, written)).toEqual({ least: 4000, most: 5000, isExact: false });
  expect(gzipOf(1000, [])).toBeUndefined();
  const own = [{ bytes: 1000, gzipBytes: 700, isOwn: false }, { bytes: 1000, gzipBytes: 800, isOwn: true }];
  expect(gzipOf(1000, own)?.least).toBe(800);
});

test("a size is a target with more digits where rounding would let the next plan in", () => {
  expect(targetText(24_213, 24_260)).toBe("24.23KB");
  expect(targetText(24_213, 24_301)).toBe("24.3KB");
  expect(targetText(24_213, 24_300)).toBe("24.23KB"); // a plan of just that size would fit
  expect(targetText(24_213, 24_214)).toBe("24.2130KB");
  expect([plans.after(700), plans.after(799), plans.after(860)]).toEqual([800, 800, 3860]);
});

test("keys lead on to a size that reads otherwise, beyond what the file was planned for", () => {
  const sizes = Float64Array.of(7010, 7014, 7100, 7150, 7300), many = new Plans({ ...facts, front: { ...facts.front, layer: Uint32Array.of(0, 1, 0, 1), choice: Uint32Array.of(1, 1, 2, 1), bytes: sizes, shared: sizes, bits: sizes, loss: sizes } });
  const size = (bytes: number, by: number, limit?: number) => sizes[many.rankFrom({ bytes, limit }, by)];
  expect([size(7010, 1), size(7012, 1), size(7100, 1), size(7090, 1, 7100), size(7150, 2)]).toEqual([7100, 7100, 7150, 7150, 7300]);
  expect([size(7300, 1), size(7300, -1), size(7120, -1), size(7014, -1), size(7300, -3)]).toEqual([7300, 7150, 7100, 7010, 7014]);
});

test("a compression finds out by itself how many channels to take away below a size, and where its recipe says so", () => {
  const open = new Plans({ ...facts, fewerChannels: { below: 800, isTried: false } });
  expect([0, 1, 2].map((rank) => open.triesFewer(open.at(rank)))).toEqual([true, false, false]);
  expect([open.triesFewer(open.facts.candidate), plans.triesFewer(plans.at(0))]).toEqual([false, false]);
  expect(open.slides).toBe(open);
  expect(new Plans({ ...facts, bySize: { ...facts, notes: ["by size"] } }).slides.facts.notes).toEqual(["by size"]);
});

test("a recipe's settings lead to a choice, and to what holds the layer", () => {
  expect(choiceOf(facts.layers[0], "kernel", { block: 9, words: 64 })).toBe(2);
  expect(choiceOf(facts.layers[0], "kernel", { block: 9, words: 65 })).toBe(-1);
  expect([undefined, {}, { pin: "leave" as const }, { method: "kernel", options: {}, pin: "exact" as const }, { pin: { atLeastBits: 6 } }, { method: "kernel" }].map(pinOf)).toEqual([undefined, undefined, "Left alone", "Stays as it is", "At least 6 bits", undefined]);
});
