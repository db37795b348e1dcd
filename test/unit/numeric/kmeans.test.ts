import { describe, expect, test } from "vitest";
import { assign, kMeans } from "../../../src/numeric/kmeans";
import { Random } from "../../../src/numeric/random";

function clouds(count: number, each: number, d: number, spread: number): Float32Array {
  const random = new Random(5), points = new Float32Array(count * each * d);
  for (let i = 0; i < count * each; i++) for (let j = 0; j < d; j++) points[i * d + j] = ((i % count) * (j + 3)) % 11 * 10 + (random.next() - 0.5) * spread;
  return points;
}

/** The plain definition of the nearest codeword. */
function plainAssign(points: Float32Array, d: number, codebook: Float32Array): number {
  let total = 0;
  for (let p = 0; p < points.length / d; p++) {
    let least = Infinity;
    for (let c = 0; c < codebook.length / d; c++) {
      let distance = 0;
      for (let j = 0; j < d; j++) distance += (points[p * d + j] - codebook[c * d + j]) ** 2;
      least = Math.min(least, distance);
    }
    total += least;
  }
  return total;
}

describe("k-means", () => {
  test("finds well separated clouds", () => {
    const points = clouds(11, 400, 9, 1), { distortion, codebook } = kMeans(points, 9, { words: 11, seed: 1 });
    expect(distortion / (11 * 400)).toBeLessThan(9 / 12 * 1.05);
    expect(codebook.length).toBe(99);
  });

  test("its distortion is that of the nearest codewords", () => {
    const random = new Random(9), points = Float32Array.from({ length: 3001 * 5 }, () => random.next());
    const { codebook, distortion } = kMeans(points, 5, { words: 37, seed: 3 });
    expect(distortion).toBeCloseTo(plainAssign(points, 5, codebook), 2);
  });

  test("is the same for the same seed and another for another", () => {
    const random = new Random(2), points = Float32Array.from({ length: 9000 }, () => random.next());
    const run = (seed: number) => kMeans(points, 9, { words: 16, seed });
    expect(run(4)).toEqual(run(4));
    expect(run(4).codebook).not.toEqual(run(5).codebook);
  });

  test("weights move codewords towards what counts", () => {
    const points = Float32Array.of(0, 1, 10, 11), weights = Float32Array.of(1, 3, 1, 1);
    const { codebook } = kMeans(points, 1, { words: 2, seed: 1, weights, passes: 20 });
    expect(Array.from(codebook).sort((a, b) => a - b)).toEqual([0.75, 10.5]);
  });

  test("an empty cluster takes over a badly served point", () => {
    const points = Float32Array.of(0, 0, 0, 0, 100), start = Float32Array.of(0, 1000);
    const { distortion } = kMeans(points, 1, { words: 2, seed: 1, start, passes: 5 });
    expect(distortion).toBe(0);
  });

  test("fewer points than words are all codewords", () => {
    const { codebook, distortion } = kMeans(Float32Array.of(1, 2, 3), 1, { words: 8, seed: 1 });
    expect(codebook.length).toBe(3);
    expect(distortion).toBe(0);
  });

  test("assigns to the first of equal codewords", () => {
    expect(Array.from(assign(Float32Array.of(5, 5, 5, 5, 5), 1, Float32Array.of(4, 6, 4, 6)).index)).toEqual([0, 0, 0, 0, 0]);
  });
});
