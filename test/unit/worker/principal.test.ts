import { expect, test } from "vitest";
import { Random } from "../../../src/numeric/random";
import { principal, project } from "../../../src/worker/principal";

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).reduce((sum, v, i) => sum + v * b[i], 0);

test("points on a line have one axis, the line", () => {
  const points = Float32Array.from([0, 0, 3, 4, 6, 8, 9, 12]), { mean, axes, shares } = principal(points, 2);
  expect([...mean]).toEqual([4.5, 6]);
  expect(axes[0][0]).toBeCloseTo(0.6);
  expect(axes[0][1]).toBeCloseTo(0.8);
  expect(shares[0]).toBeCloseTo(1);
  expect([...axes[1], shares[1]]).toEqual([0, 0, 0]);
  expect(project(points, 2, { mean, axes, shares })[6]).toBeCloseTo(7.5);
});

test("a covariance that is known by hand", () => {
  // [[2, 1], [1, 2]] has the eigenvalues 3 and 1, along the diagonals
  const r = Math.sqrt(6), s = Math.SQRT2, corners = [[r / 2, r / 2], [-r / 2, -r / 2], [s / 2, -s / 2], [-s / 2, s / 2]], { axes, shares } = principal(Float32Array.from(corners.flat()), 2);
  expect(shares[0]).toBeCloseTo(0.75);
  expect(shares[1]).toBeCloseTo(0.25);
  expect(axes[0][0]).toBeCloseTo(Math.SQRT1_2);
  expect(axes[0][1]).toBeCloseTo(Math.SQRT1_2);
});

test("axes of a cloud in nine dimensions are eigenvectors of its covariance, at right angles", () => {
  const random = new Random(3), d = 9, n = 4000, stretch = [0.1, 3, 0.5, 1, 2, 0.2, 0.7, 0.3, 0.9];
  const points = Float32Array.from({ length: n * d }, (_, i) => (random.next() + random.next() - 1) * stretch[i % d]);
  for (let p = 0; p < n; p++) points[p * d] += points[p * d + 1]; // the two axes of most variance are no coordinate axes
  const { mean, axes, shares } = principal(points, d), covariance = Array.from({ length: d }, () => new Float64Array(d));
  for (let p = 0; p < n; p++) for (let i = 0; i < d; i++) for (let j = 0; j < d; j++) covariance[i][j] += (points[p * d + i] - mean[i]) * (points[p * d + j] - mean[j]) / n;
  const total = covariance.reduce((sum, row, i) => sum + row[i], 0);
  for (const a of [0, 1]) {
    expect(dot(axes[a], axes[a])).toBeCloseTo(1, 8);
    covariance.forEach((row, i) => expect(dot(row, axes[a])).toBeCloseTo(shares[a] * total * axes[a][i], 6));
  }
  expect(dot(axes[0], axes[1])).toBeCloseTo(0, 8);
  expect(shares[0]).toBeGreaterThan(shares[1]);
});

test("weights count as repetitions", () => {
  const points = Float32Array.from([0, 0, 1, 5, 2, 1]), twice = Float32Array.from([0, 0, 1, 5, 1, 5, 2, 1]);
  const weighted = principal(points, 2, [1, 2, 1]), repeated = principal(twice, 2);
  expect(weighted.shares[0]).toBeCloseTo(repeated.shares[0], 10);
  expect(weighted.mean[1]).toBeCloseTo(repeated.mean[1], 10);
});
