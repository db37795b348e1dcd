import { expect, test } from "vitest";
import { countOf, TAPS } from "../../../src/training/graph";
import { Momentum } from "../../../src/training/optimizer";
import { reordered } from "../../../src/training/step";
import { Codes } from "../../../src/training/codes";
import { Dense, Vector } from "../../../src/training/trainable";
import { wave } from "../onnx/models";

const OUTPUTS = 6, INPUTS = 4, KERNEL = [3, 3], WORDS = 5, BITS = 6, ZERO = 32;
const dims = [OUTPUTS, INPUTS, ...KERNEL], size = countOf(dims), taps = countOf(KERNEL);
const codes = Uint8Array.from({ length: WORDS * taps }, (_, i) => ZERO + Math.round(wave(WORDS * taps)[i] * 31));
const index = Uint8Array.from({ length: OUTPUTS * INPUTS }, (_, i) => (i * 7 + 3) % WORDS), scale = wave(OUTPUTS, 2).map((v) => Math.abs(v) + 0.2);
const weight = { codes, bits: BITS, block: taps, index, scale, outputAxis: 0, scales: "each" as const }, RATES = { codes: 0.5, scale: 0.1 };

/** The weight in the order of the network, as the codebook says. */
const expand = (words: ArrayLike<number>, scales: ArrayLike<number>): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => (words[index[Math.floor(i / taps)] * taps + i % taps] - ZERO) * scales[Math.floor(i / (INPUTS * taps))]);

test.each([["as the network has it", undefined], ["by tap", TAPS]])("a coded weight is what its codebook says, stored %s", (_name, order) => {
  const trainable = new Codes({ name: "w", dims, order }, weight, RATES);
  expect(trainable.values()).toEqual(reordered(expand(codes, scale), { dims, order }));
});

test("a linear layer's weight with its inputs first, in blocks along them", () => {
  const linear = { codes: codes.subarray(0, 16), bits: BITS, block: 2, index: Uint8Array.from({ length: 12 }, (_, i) => i % 8), scale, outputAxis: 1, scales: "kept" as const };
  const values = new Codes({ name: "w", dims: [4, OUTPUTS] }, linear, RATES).values();
  for (let c = 0; c < 4; c++) for (let m = 0; m < OUTPUTS; m++) expect(values[c * OUTPUTS + m]).toBeCloseTo((codes[linear.index[m * 2 + (c >> 1)] * 2 + c % 2] - ZERO) * scale[m], 5);
});

test("training moves codes and scales towards a weight that they can stand for, and ends on whole codes", () => {
  const order = TAPS, wanted = Uint8Array.from(codes, (code, i) => Math.max(1, Math.min(63, code + [3, -2, 0, 1][i % 4]))), scales = scale.map((s, m) => s * (1 + 0.1 * Math.sin(m)));
  const goal = reordered(expand(wanted, scales), { dims, order }), trainable = new Codes({ name: "w", dims, order }, weight, RATES);
  const distance = () => trainable.values().reduce((sum, v, i) => sum + (v - goal[i]) ** 2, 0);
  const before = distance();
  for (let step = 0; step < 300; step++) trainable.learn(trainable.values().map((v, i) => v - goal[i]), 1 - step / 300);
  expect(distance()).toBeLessThan(before / 200);
  const { codes: found, scale: foundScale } = trainable.result;
  expect(reordered(expand(found, foundScale), { dims, order })).toEqual(trainable.values());
});

test("a scale that is kept elsewhere stays, a silent channel stays silent, codes stay on their grid", () => {
  const silent = Uint8Array.from(index, (word, i) => (i < INPUTS ? 4 : word % 4)), still = codes.slice();
  still.fill(ZERO, 4 * taps);
  const trainable = new Codes({ name: "w", dims }, { ...weight, codes: still, index: silent, scales: "kept" }, RATES);
  for (let step = 0; step < 200; step++) {
    trainable.values();
    trainable.learn(new Float32Array(size).fill(-1), 1);
  }
  const { codes: found, scale: foundScale } = trainable.result;
  expect(foundScale).toEqual(scale);
  expect(trainable.values().subarray(0, INPUTS * taps).every((v) => v === 0)).toBe(true);
  expect(Math.max(...found)).toBe(63);
});

test("words of several channels, each with its own scale, are learned, and blocks take better ones", () => {
  const CHANNELS = 12, own = taps, depthwise = [CHANNELS, 1, ...KERNEL], scales = wave(CHANNELS, 2).map((v) => Math.abs(v) + 0.2), words = codes.subarray(0, 4 * own);
  const valueOf = (which: ArrayLike<number>, given: ArrayLike<number>) => Float32Array.from({ length: CHANNELS * own }, (_, i) => (words[which[Math.floor(i / own / 2)] * 2 * own + i % (2 * own)] - ZERO) * given[Math.floor(i / own)]);
  const first = Uint8Array.from({ length: CHANNELS / 2 }, (_, i) => i % 2), right = Uint8Array.from({ length: CHANNELS / 2 }, (_, i) => (i === 3 ? 0 : i % 2));
  const trainable = new Codes({ name: "w", dims: depthwise }, { codes: words, bits: BITS, block: 2 * own, index: first, scale: scales, outputAxis: 0, scales: "each" }, { codes: 0, scale: 0.02, words: 1 });
  expect(trainable.values()).toEqual(valueOf(first, scales));
  const goal = valueOf(right, scales.map((s, m) => s * (1 + 0.2 * Math.cos(m))));
  const loss = () => trainable.values().reduce((sum, v, i) => sum + (v - goal[i]) ** 2, 0);
  for (let step = 0; step < 600; step++) {
    const isTried = trainable.leap(), tried = loss();
    if (isTried) trainable.swap();
    const isGood = tried < loss();
    trainable.learn(trainable.values().map((v, i) => v - goal[i]), 1 - step / 600);
    if (isTried) trainable.judge(isGood);
  }
  const { index: found, scale: foundScale } = trainable.result;
  expect([...found!]).toEqual([...right]);
  expect(trainable.values()).toEqual(valueOf(found!, foundScale));
  for (let m = 0; m < CHANNELS; m++) expect(foundScale[m] / scales[m]).toBeCloseTo(1 + 0.2 * Math.cos(m), 1);
});

test("a scale that all channels share stays one, and moves to where they need it", () => {
  const shared = new Float32Array(OUTPUTS).fill(0.5), goal = expand(codes, shared.map((s) => 1.3 * s)), trainable = new Codes({ name: "w", dims }, { ...weight, scale: shared, scales: "one" }, { codes: 0, scale: 0.05 });
  for (let step = 0; step < 200; step++) trainable.learn(trainable.values().map((v, i) => v - goal[i]), 1 - step / 200);
  const { scale: found } = trainable.result;
  expect(new Set(found).size).toBe(1);
  expect(found[0]).toBeCloseTo(0.65, 2);
});

test("a dense weight is trained as it is stored, and given back as the network has it", () => {
  const initial = wave(size), dense = new Dense({ name: "w", dims, order: TAPS }, initial, new Momentum(size, { momentum: 0, decay: 0.5 }), 0.2);
  expect(dense.values()).toEqual(reordered(initial, { dims, order: TAPS }));
  dense.learn(reordered(initial.map((v, i) => v * (i % 3)), { dims, order: TAPS }), 0.5);
  dense.result.forEach((v, i) => { expect(v).toBeCloseTo(initial[i] * (1 - 0.1 * (i % 3 + 0.5)), 6); });
});

test("state put back goes on to the same values", () => {
  const make = () => [new Codes({ name: "w", dims }, weight, RATES), new Vector({ name: "b", dims: [OUTPUTS] }, wave(OUTPUTS), 0.01)] as const;
  const run = ([codes, vector]: ReturnType<typeof make>, from: number, to: number) => {
    for (let step = from; step < to; step++) {
      codes.learn(codes.values().map((v, i) => v - Math.sin(i + step)), 0.7);
      vector.learn(vector.values().map((v, i) => v - Math.cos(i + step)), 0.7);
    }
  };
  const whole = make(), first = make(), second = make();
  run(whole, 0, 20);
  run(first, 0, 9);
  const kept = first.map(({ state }) => state.map((array) => array.slice()));
  second.forEach(({ state }, i) => state.forEach((array, j) => array.set(kept[i][j])));
  run(second, 9, 20);
  expect(second[0].values()).toEqual(whole[0].values());
  expect(second[1].values()).toEqual(whole[1].values());
});

test("weights with words in common learn them from the sum of their gradients, whoever is asked first", () => {
  const half = (part: number) => ({ ...weight, index: index.subarray(part * INPUTS * 3, (part + 1) * INPUTS * 3), scale: scale.subarray(part * 3, (part + 1) * 3) });
  const whole = new Codes({ name: "w", dims }, weight, RATES), first = new Codes({ name: "a", dims: [3, INPUTS, ...KERNEL] }, half(0), RATES), second = new Codes({ name: "b", dims: [3, INPUTS, ...KERNEL] }, half(1), RATES, first.words);
  for (let step = 0; step < 5; step++) {
    const gradient = wave(size, step + 3);
    for (const one of [whole, second, first]) one.values();
    whole.learn(gradient, 1);
    first.learn(gradient.subarray(0, size / 2), 1);
    second.learn(gradient.subarray(size / 2), 1);
  }
  expect(second.result.codes).toEqual(whole.result.codes);
  expect(first.result.codes).toEqual(second.result.codes);
  expect(whole.result.codes).not.toEqual(codes);
  expect([...first.values(), ...second.values()]).toEqual([...whole.values()]);
  // what both have is kept once
  expect([...first.state, ...second.state].reduce((sum, { length }) => sum + length, 0)).toBeLessThan(whole.state.reduce((sum, { length }) => sum + length, 0) + 3);
});
