import { expect, test } from "vitest";
import type { Matrix } from "../../../src/training/matrix";
import { lineOf, type LineShape } from "../../../src/training/operators/convolution/lines";
import { wave } from "../onnx/models";

const times = ({ rows, columns, data }: Matrix, x: ArrayLike<number>): number[] => Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => data[i * columns + j] * x[j]).reduce((a, b) => a + b, 0));

/** Σ w[k]·x[o·stride + k − before] */
function correlation({ out, kernel, stride, before }: LineShape, x: ArrayLike<number>, w: ArrayLike<number>): number[] {
  return Array.from({ length: out }, (_, o) => Array.from({ length: kernel }, (_, k) => w[k] * (x[o * stride + k - before] ?? 0)).reduce((a, b) => a + b, 0));
}

/** What a line makes of its products, block by block. */
function throughLine(shape: LineShape, x: ArrayLike<number>, w: ArrayLike<number>): number[] {
  const line = lineOf(shape)!, { blocks, products, tiles } = line, seen = times(line.input, x), taps = times(line.kernel, w), each = products * tiles;
  return Array.from({ length: blocks }, (_, block) => times(line.output, Array.from({ length: each }, (_, i) => taps[Math.floor(i / tiles)] * seen[block * each + i]))).flat();
}

const SHAPES: LineShape[] = [1, 2, 3, 4, 5, 6, 7, 8, 14, 28, 32, 56].flatMap((size) => [1, 2, 3, 4, 5, 7].flatMap((kernel) => [1, 2, 3].flatMap((stride) => [0, 1, Math.floor(kernel / 2)].flatMap((before) => {
  const out = Math.floor((size + 2 * before - kernel) / stride) + 1;
  return out > 0 && before < kernel ? [{ size, out, kernel, stride, before }] : [];
}))));

test("products along a line give its correlation with the kernel", () => {
  for (const shape of SHAPES) {
    const x = wave(shape.size, 1), w = wave(shape.kernel, 2), want = correlation(shape, x, w), got = throughLine(shape, x, w);
    expect(got, JSON.stringify(shape)).toHaveLength(want.length);
    got.forEach((value, o) => { expect(Math.abs(value - want[o]), JSON.stringify({ ...shape, o })).toBeLessThan(2e-5); });
  }
});

test("a line takes fewer products than taps and outputs", () => {
  const products = (shape: LineShape) => { const { blocks, products, tiles } = lineOf(shape)!; return blocks * products * tiles; };
  expect(products({ size: 32, out: 32, kernel: 3, stride: 1, before: 1 })).toBe(48);
  expect(products({ size: 2, out: 2, kernel: 3, stride: 1, before: 1 })).toBe(3);
  expect(products({ size: 1, out: 1, kernel: 3, stride: 1, before: 1 })).toBe(1);
  expect(products({ size: 16, out: 8, kernel: 3, stride: 2, before: 1 })).toBe(18);
  expect(products({ size: 9, out: 9, kernel: 1, stride: 1, before: 0 })).toBe(9);
  expect(lineOf({ size: 20, out: 12, kernel: 9, stride: 1, before: 0 })).toBeUndefined();
});
