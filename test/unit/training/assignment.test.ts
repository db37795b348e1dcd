import { expect, test } from "vitest";
import { Codes } from "../../../src/training/codes";

const OUTPUTS = 5, INPUTS = 4, BLOCK = 9, BITS = 6, ZERO = 32, WORDS = 4;
const dims = [OUTPUTS, INPUTS, 3, 3], scale = Float32Array.from({ length: OUTPUTS }, (_, m) => 0.01 * (m + 1));
/** Words far from each other; the last one is zero. */
const codes = Uint8Array.from({ length: WORDS * BLOCK }, (_, i) => ZERO + (i >= 3 * BLOCK ? 0 : Math.round(12 * Math.sin(1 + 2.3 * Math.floor(i / BLOCK) + i % BLOCK))));
const start = Uint8Array.from({ length: OUTPUTS * INPUTS }, (_, i) => (i < INPUTS ? 3 : i % 3)), goal = Uint8Array.from(start, (word, i) => (i >= INPUTS && i % 4 === 1 ? (word + 1) % 3 : word));
const RATES = { codes: 0, scale: 0, words: 0.5 };

const make = (rates = RATES) => new Codes({ name: "w", dims }, { codes, bits: BITS, block: BLOCK, index: start, scale, outputAxis: 0, scales: "each" }, rates);
const wanted = (index: Uint8Array): Float32Array => new Codes({ name: "w", dims }, { codes, bits: BITS, block: BLOCK, index, scale, outputAxis: 0, scales: "each" }, RATES).values().slice();

/** Steps towards a weight; trials are judged by how far from it they lead, or as `verdict` says. */
function learn(trainable: Codes, target: Float32Array, steps: number, { from = 0, verdict }: { from?: number; verdict?: boolean } = {}): number {
  const loss = (): number => trainable.values().reduce((sum, v, i) => sum + (v - target[i]) ** 2, 0);
  let trials = 0;
  for (let step = from; step < steps; step++) {
    const isTried = trainable.leap(), tried = loss();
    if (isTried) trainable.swap();
    const before = loss();
    trainable.learn(trainable.values().map((v, i) => v - target[i]), 1);
    if (isTried) trainable.judge(verdict ?? tried < before);
    if (isTried) trials++;
  }
  return trials;
}

test("a block whose gradients lead to another word takes it, and the others keep theirs", () => {
  const trainable = make();
  learn(trainable, wanted(goal), 200);
  expect(Array.from(trainable.result.index!)).toEqual(Array.from(goal));
  expect(trainable.values()).toEqual(wanted(goal));
});

test("few blocks change at once", () => {
  const trainable = make(), target = wanted(goal), changed: number[] = [];
  for (let step = 0, words = start; step < 200; step++) {
    learn(trainable, target, step + 1, { from: step });
    const now = Uint8Array.from(trainable.result.index!);
    changed.push(now.filter((word, i) => word !== words[i]).length);
    words = now;
  }
  expect(Math.max(...changed)).toBe(1);
});

test("what a trial shows to be no good is taken back, and tried less and less often", () => {
  const trainable = make(), before = trainable.values().slice(), trials = learn(trainable, wanted(goal), 400, { verdict: false });
  expect(trainable.values()).toEqual(before);
  expect(Array.from(trainable.result.index!)).toEqual(Array.from(start));
  // after 20 steps, and 40, 80 and 160 more
  expect(trials).toBe(4);
});

test("channels of zeros keep their words, whatever their gradients say", () => {
  const trainable = make(), target = wanted(Uint8Array.from(start, (word, i) => (i < INPUTS ? 1 : word)));
  learn(trainable, target, 200);
  expect(Array.from(trainable.result.index!)).toEqual(Array.from(start));
});

test("without a rate for them no word changes", () => {
  const trainable = make({ ...RATES, words: 0 });
  learn(trainable, wanted(goal), 200);
  expect(trainable.result.index).toBeUndefined();
  expect(trainable.values()).toEqual(wanted(start));
});

test("one that was kept goes on to the same words", () => {
  const target = wanted(goal), whole = make(), first = make(), second = make();
  learn(whole, target, 50);
  learn(first, target, 31);
  first.state.forEach((array, i) => { second.state[i].set(array); });
  learn(second, target, 50, { from: 31 });
  expect(second.result).toEqual(whole.result);
});
