import { describe, expect, test } from "vitest";
import { factorInBlocks } from "../../../src/numeric/block-factor";
import { factor, feedback, solveRows, weightedError } from "../../../src/numeric/factor";
import { Random } from "../../../src/numeric/random";

const random = new Random(1);
const normal = (): number => random.next() + random.next() + random.next() - 1.5;

function moments(n: number, samples: number): Float32Array {
  const x = Float32Array.from({ length: n * samples }, normal), h = new Float32Array(n * n);
  // neighbours go together, as pixels do
  for (let s = 0; s < samples; s++) for (let i = 1; i < n; i++) x[s * n + i] += 0.7 * x[s * n + i - 1];
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) {
    let sum = 0;
    for (let s = 0; s < samples; s++) sum += x[s * n + i] * x[s * n + j];
    h[i * n + j] = sum / samples;
  }
  return h;
}

describe("factorisation", () => {
  test.each([1, 7, 64, 65, 130])("R·Rᵀ is the matrix, R upper triangular, for n = %i", (n) => {
    const h = moments(n, n + 10), { r, damping } = factor(h, n, 0.01);
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let k = 0; k < n; k++) sum += r[i * n + k] * r[j * n + k];
      expect(sum).toBeCloseTo(h[i * n + j] + (i === j ? damping : 0), 4);
      if (j < i) expect(r[i * n + j]).toBe(0);
    }
  });

  test.each([300, 513])("in blocks it is the same as at once, for n = %i", async (n) => {
    const h = moments(n, 40), product = async (a: Float32Array, b: Float32Array, inner: number): Promise<Float32Array> => {
      const rows = a.length / inner, columns = b.length / inner, y = new Float32Array(rows * columns);
      for (let i = 0; i < rows; i++) for (let k = 0; k < inner; k++) for (let j = 0; j < columns; j++) y[i * columns + j] += a[i * inner + k] * b[k * columns + j];
      return y;
    };
    const whole = factor(h, n, 0.01), blocks = await factorInBlocks(h, n, 0.01, product);
    expect(blocks.damping).toBe(whole.damping);
    const largest = blocks.r.reduce((most, v, i) => Math.max(most, Math.abs(v - whole.r[i])), 0);
    expect(largest).toBeLessThan(1e-4);
  });

  test("damps until a singular matrix can be factored", () => {
    const { r, damping } = factor(new Float32Array(36), 6, 0.01);
    expect(damping).toBeGreaterThan(0);
    expect(r.every(Number.isFinite)).toBe(true);
  });

  test("solves", () => {
    const n = 75, h = moments(n, 200), f = factor(h, n, 0.01), b = Float32Array.from({ length: 3 * n }, normal), x = solveRows(f, b);
    for (let m = 0; m < 3; m++) for (let j = 0; j < n; j++) {
      let sum = x[m * n + j] * f.damping;
      for (let k = 0; k < n; k++) sum += x[m * n + k] * h[k * n + j];
      expect(sum).toBeCloseTo(b[m * n + j], 3);
    }
  });
});

describe("error feedback", () => {
  const n = 72, rows = 40, d = 9, words = 16, h = moments(n, 300), f = factor(h, n, 0.01);
  const w = Float32Array.from({ length: rows * n }, normal), book = Float32Array.from({ length: words * d }, () => 0.7 * normal());
  const errorOf = (index: ArrayLike<number>): number => {
    const e = w.slice();
    for (let i = 0; i < e.length; i++) e[i] -= book[index[Math.floor(i / d)] * d + i % d];
    return weightedError(f, e);
  };

  test("is the greedy minimum of the quadratic form, block by block", () => {
    const index = feedback(f, w, book, d), blocks = n / d;
    // by the definition: with the blocks before fixed and those after free, each block takes the codeword of least error
    for (let m = 0; m < 3; m++) {
      const e = new Float64Array(n);
      for (let k = 0; k < blocks; k++) {
        let best = -1, least = Infinity;
        for (let c = 0; c < words; c++) {
          for (let j = 0; j < d; j++) e[k * d + j] = w[m * n + k * d + j] - book[c * d + j];
          let cost = 0;
          for (let column = k * d; column < (k + 1) * d; column++) {
            let sum = 0;
            for (let i = 0; i < (k + 1) * d; i++) sum += e[i] * f.r[i * n + column];
            cost += sum * sum;
          }
          if (cost < least) { least = cost; best = c; }
        }
        expect(index[m * blocks + k]).toBe(best);
        for (let j = 0; j < d; j++) e[k * d + j] = w[m * n + k * d + j] - book[best * d + j];
      }
    }
  });

  test("leaves less error than the nearest codewords", () => {
    const nearest = Array.from({ length: rows * n / d }, (_, i) => {
      let best = 0, least = Infinity;
      for (let c = 0; c < words; c++) {
        let distance = 0;
        for (let j = 0; j < d; j++) distance += (w[i * d + j] - book[c * d + j]) ** 2;
        if (distance < least) { least = distance; best = c; }
      }
      return best;
    });
    expect(errorOf(feedback(f, w, book, d))).toBeLessThan(0.95 * errorOf(nearest));
  });
});
