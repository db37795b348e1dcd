import { expect, test } from "vitest";
import { Random } from "../../../src/numeric/random";
import { Pull } from "../../../src/training/pull";

/** The `count` largest stay. */
function sparse(values: Float32Array, count: number): Float32Array {
  const border = Float32Array.from(values, Math.abs).sort()[values.length - count];
  return values.map((v) => (Math.abs(v) >= border ? v : 0));
}
const error = (a: Float32Array, w: Float32Array, y: Float32Array): number => y.reduce((sum, v, i) => sum + (v - w.reduce((own, x, j) => own + x * a[i * w.length + j], 0)) ** 2, 0);

test("weights that follow their loss and are drawn to a sparse form become it, and find a better one than those that are cut off at once", () => {
  const n = 12, rows = 40, count = 4, random = new Random(3, 1), better: number[] = [];
  for (let trial = 0; trial < 12; trial++) {
    // correlated inputs, for which the largest weights of the dense solution are not the best to keep
    const common = Array.from({ length: rows }, () => random.next() - 0.5), a = Float32Array.from({ length: rows * n }, (_, i) => random.next() - 0.5 + 1.5 * common[Math.floor(i / n)]);
    const truth = sparse(Float32Array.from({ length: n }, () => random.next() - 0.5), count), y = Float32Array.from({ length: rows }, (_, i) => truth.reduce((sum, w, j) => sum + w * a[i * n + j], 0) + 0.3 * (random.next() - 0.5));
    const descend = (w: Float32Array, kept?: Float32Array): void => {
      const gradient = new Float32Array(n);
      for (let i = 0; i < rows; i++) {
        let residual = -y[i];
        for (let j = 0; j < n; j++) residual += w[j] * a[i * n + j];
        for (let j = 0; j < n; j++) gradient[j] += residual * a[i * n + j];
      }
      for (let j = 0; j < n; j++) w[j] = kept?.[j] === 0 ? 0 : w[j] - 0.01 * gradient[j];
    };
    const dense = new Float32Array(n);
    for (let step = 0; step < 2000; step++) descend(dense);
    const cut = sparse(dense, count), joint = dense.slice(), pull = new Pull(n);
    for (let step = 0; step < 2000; step++) {
      if (step % 50 === 0) pull.follow(joint, sparse(pull.wanted(joint), count), 0.1 + 0.85 * step / 2000, 50);
      descend(joint);
      pull.step(joint);
    }
    const found = sparse(joint, count);
    expect(Math.max(...joint.map((w, i) => Math.abs(w - found[i])))).toBeLessThan(0.05);
    for (const w of [cut, found]) { const kept = w.slice(); for (let step = 0; step < 2000; step++) descend(w, kept); }
    better.push(Math.log(error(a, found, y) / error(a, cut, y)));
  }
  expect(better.reduce((sum, one) => sum + one, 0)).toBeLessThan(0);
});

test("what lies between a tensor and its quantized form adds up, as far as the tensor went and in units of how strongly it is drawn, until it is let go", () => {
  const pull = new Pull(1), numbers = new Float32Array([3]), go = (steps: number): void => { for (let step = 0; step < steps; step++) pull.step(numbers); };
  pull.follow(numbers, new Float32Array([2]), 0.5, 4);
  expect(pull.wanted(numbers)[0]).toBe(3); // nothing was gone of the way yet
  go(4);
  expect(numbers[0]).toBeCloseTo(2.5, 6);
  pull.follow(numbers, new Float32Array([2]), 0.5, 4);
  expect(pull.wanted(numbers)[0]).toBeCloseTo(2.5 + 0.5 * 0.5, 6);
  go(4); // half of the way from 2.5 to V − U = 1.75
  expect(numbers[0]).toBeCloseTo(2.125, 6);
  pull.follow(numbers, new Float32Array([2]), 1 - 0.5 ** 2, 4); // twice as strong: half of U
  expect(pull.wanted(numbers)[0]).toBeCloseTo(2.125 + (0.25 + 0.5 * 0.125) * (1 - 0.5 ** 0.25) / (1 - 0.5 ** 0.5), 5);
  pull.aim(new Float32Array([5]), 0.75, 2);
  go(2);
  expect(numbers[0]).toBeCloseTo(2.125 + 0.75 * (5 - 2.125), 5);
  pull.release();
  const before = numbers[0];
  go(3);
  expect(numbers[0]).toBe(before);
  expect(pull.wanted(numbers)[0]).toBe(before);
});
