import { expect, test } from "vitest";
import { countOf, TAPS } from "../../../src/training/graph";
import { Momentum } from "../../../src/training/optimizer";
import { QuantizationNoise } from "../../../src/training/noise";
import { rowPlaces } from "../../../src/training/places";
import { reordered } from "../../../src/training/step";
import { Dense } from "../../../src/training/trainable";
import { wave } from "../onnx/models";

const dims = [12, 20, 3, 3], size = countOf(dims), parameter = { name: "w", dims, order: TAPS }, places = rowPlaces(parameter, 0), BLOCK = 9;
const weight = wave(size), stored = reordered(weight, parameter);

/** Blocks [outputs · input channels] of a weight in the order of the network. */
const blocksOf = (values: Float32Array): Float32Array[] => Array.from({ length: size / BLOCK }, (_, i) => values.subarray(i * BLOCK, (i + 1) * BLOCK));
const seen = (noise: QuantizationNoise, step: number): Float32Array[] => blocksOf(reordered(noise.of(stored, step), parameter, true));
const own = blocksOf(weight), same = (a: Float32Array, b: Float32Array) => a.every((v, i) => v === b[i]);

test("about the share p of the blocks is drawn, other ones in every step, the same for the same step", () => {
  const noise = new QuantizationNoise({ kind: "zero", p: 0.2 }, places, BLOCK, 1, 0), drawn = (step: number) => seen(noise, step).flatMap((block, i) => (same(block, own[i]) ? [] : [i]));
  let count = 0;
  for (let step = 0; step < 100; step++) count += drawn(step).length;
  const all = 100 * own.length;
  expect(Math.abs(count - 0.2 * all)).toBeLessThan(4 * Math.sqrt(0.16 * all));
  expect(drawn(3)).toEqual(drawn(3));
  expect(drawn(3)).not.toEqual(drawn(4));
  for (const [i, block] of seen(noise, 5).entries()) expect(same(block, own[i]) || block.every((v) => v === 0)).toBe(true);
});

test("with certainty all blocks are drawn", () => {
  expect(seen(new QuantizationNoise({ kind: "zero", p: 1 }, places, BLOCK, 1, 0), 0).flatMap((block) => [...block]).every((v) => v === 0)).toBe(true);
});

test.each([["int8", 127], ["int4", 7], ["codeword", 15]] as const)("%s: weights are whole multiples of a step of their output channel", (kind, top) => {
  const blocks = seen(new QuantizationNoise({ kind, p: 1 }, places, BLOCK, 1, 0, { bits: 5 }), 0); // a weight without words is seen in its own bits
  for (let m = 0; m < dims[0]; m++) {
    const row = weight.subarray(m * 180, (m + 1) * 180), grid = Math.max(...row.map(Math.abs)) / top;
    blocks.slice(m * 20, (m + 1) * 20).forEach((block, c) => block.forEach((v, j) => {
      expect(Math.abs(v / grid - Math.round(v / grid))).toBeLessThan(1e-4);
      expect(Math.abs(v - row[c * BLOCK + j])).toBeLessThanOrEqual(0.5001 * grid);
    }));
  }
});

test("codewords: a block is seen as the nearest word, and words become the means of their blocks", () => {
  const scale = Float32Array.from({ length: dims[0] }, (_, m) => 0.5 + m / 10), words = wave(4 * BLOCK, 3), noise = new QuantizationNoise({ kind: "codeword", p: 1 }, places, BLOCK, 1, 0, { book: { words, scale } });
  const blocks = seen(noise, 0), [means, index] = noise.state;
  const nearest = own.map((block, i) => {
    const distances = Array.from({ length: 4 }, (_, word) => block.reduce((sum, v, j) => sum + (v / scale[Math.floor(i / 20)] - words[word * BLOCK + j]) ** 2, 0));
    return distances.indexOf(Math.min(...distances));
  });
  // kept by place in a row, then by output
  own.forEach((_, i) => { expect(index[i % 20 * dims[0] + Math.floor(i / 20)]).toBe(nearest[i]); });
  blocks.forEach((block, i) => block.forEach((v, j) => { expect(v).toBeCloseTo(means[nearest[i] * BLOCK + j] * scale[Math.floor(i / 20)], 5); }));
  const before = [...means];
  seen(noise, 1);
  expect([...means]).toEqual(before);
});

test("a word of several channels takes each one's scale; integers keep a grid for each channel", () => {
  const CHANNELS = 8, pairs = rowPlaces({ name: "w", dims: [CHANNELS, 1, 3, 3] }, 0, 18), values = wave(CHANNELS * 9), scale = Float32Array.from({ length: CHANNELS }, (_, m) => 2 ** m);
  expect(pairs).toMatchObject({ rows: 4, span: 2, inputs: 18, step: 18 });
  const noise = new QuantizationNoise({ kind: "codeword", p: 1 }, pairs, 18, 1, 0, { book: { words: wave(2 * 18, 3), scale } }), seenValues = [...noise.of(values, 0)], [means, index] = noise.state;
  seenValues.forEach((v, i) => { expect(v).toBeCloseTo(means[index[Math.floor(i / 18)] * 18 + i % 18] * scale[Math.floor(i / 9)], 4); });
  const whole = new QuantizationNoise({ kind: "int4", p: 1 }, pairs, 18, 1, 0).of(values, 0);
  for (let m = 0; m < CHANNELS; m++) {
    const own = values.subarray(m * 9, (m + 1) * 9), grid = Math.max(...own.map(Math.abs)) / 7;
    own.forEach((v, j) => { expect(whole[m * 9 + j]).toBeCloseTo(Math.round(v / grid) * grid, 5); });
  }
});

test("a weight with noise learns what a step's gradient says, and shows itself as it is outside of steps", () => {
  const dense = new Dense(parameter, weight, new Momentum(size, { momentum: 0 }), 0.1, { noise: new QuantizationNoise({ kind: "zero", p: 0.5 }, places, BLOCK, 1, 0) });
  expect(dense.values()).toEqual(stored);
  expect(dense.varied(0)).not.toEqual(stored);
  dense.learn(new Float32Array(size).fill(1), 1);
  dense.values().forEach((v, i) => { expect(v).toBeCloseTo(stored[i] - 0.1, 6); });
});
