import fc from "fast-check";
import { expect, it } from "vitest";
import { Observed } from "../../../src/evaluation/ranges";
import { Histogram } from "../../../src/numeric/histogram";
import { wave } from "../onnx/models";

const values = fc.array(fc.float32Array({ minLength: 1, maxLength: 50, noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 }), { minLength: 1, maxLength: 6 });

it("counts every value in a bin that holds it, however the range grows", () => {
  fc.assert(fc.property(values, (batches) => {
    const histogram = new Histogram(), all = batches.flatMap((batch) => [...batch]);
    for (const batch of batches) histogram.add(batch);
    expect(histogram.bins.reduce((a, b) => a + b)).toBe(all.length);
    expect([histogram.min, histogram.max]).toEqual([Math.min(...all), Math.max(...all)]);
    expect(histogram.count).toBe(all.length);
    // no bin's border is passed by more than rounding
    for (let bin = 0; bin < histogram.bins.length; bin++) {
      const low = histogram.valueAt(bin) - 0.5001 * histogram.width, high = histogram.valueAt(bin) + 0.5001 * histogram.width;
      if (histogram.bins[bin] && bin > 0 && bin < histogram.bins.length - 1) expect(histogram.bins[bin]).toBeLessThanOrEqual(all.filter((v) => v >= low && v <= high).length);
    }
  }), { numRuns: 20, examples: [[[new Float32Array([1e-45])]], [[new Float32Array([0]), new Float32Array([3e-39, -1e-40])]]] });
});

it("tells what rows span, and refuses what is no finite number", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 40_000 }), (rows, length) => {
    const values = wave(rows * length, rows + length).map((v) => 100 * v), { least, most } = new Histogram().add(values, rows);
    for (let row = 0; row < rows; row++) {
      const own = values.subarray(row * length, (row + 1) * length);
      expect([least[row], most[row]]).toEqual([own.reduce((a, b) => Math.min(a, b)), own.reduce((a, b) => Math.max(a, b))]);
    }
  }), { numRuns: 20 });
  for (const odd of [NaN, Infinity, -Infinity]) expect(() => new Histogram().add(Float32Array.of(1, odd, -2, 3, 4))).toThrow(RangeError);
});

/** Values of a bell curve, and two far out. */
function bell(): Observed {
  const observed = new Observed();
  for (let batch = 0; batch < 20; batch++) {
    const a = wave(3000, 2 * batch + 1), b = wave(3000, 2 * batch + 2);
    observed.add(a.map((v, i) => Math.sqrt(-2 * Math.log(1 - Math.abs(v))) * Math.cos(Math.PI * b[i])));
  }
  observed.add(Float32Array.of(12, -9));
  return observed;
}

it("chooses ranges that hold what each way stands for", () => {
  const observed = bell(), whole = observed.range("minMax"), most = observed.range("percentile", { percentile: 99 }), squares = observed.range("meanSquaredError"), divergence = observed.range("entropy"), average = observed.range("movingAverage");
  expect(whole).toEqual({ min: -9, max: 12 });
  // 99 % of a normal distribution lie within 2.576
  expect(most.max).toBeCloseTo(2.576, 0);
  expect(most.min).toBeCloseTo(-2.576, 0);
  // the step of eight bits is worth more than two values
  expect(squares.max).toBeLessThan(11);
  expect(squares.max).toBeGreaterThan(3);
  expect(divergence.max).toBeLessThan(11);
  expect(divergence.max).toBeGreaterThan(2);
  // the last batch alone weighs a tenth
  expect(average.max).toBeGreaterThan(3);
  expect(average.max).toBeLessThan(6);
});

it("spends its steps where they count behind a function", () => {
  const swish = (v: number) => v * Math.max(0, Math.min(6, v + 3)) / 6, values = Float32Array.from(wave(20_000, 5), (v) => 25 * v - 20), observed = new Observed();
  observed.add(values);
  const errorOf = ({ min, max }: { min: number; max: number }) => {
    const step = (max - min) / 255;
    return values.reduce((sum, v) => sum + (swish(Math.round(Math.max(min, Math.min(max, v)) / step) * step) - swish(v)) ** 2, 0);
  };
  const plain = observed.range("meanSquaredError"), behind = observed.range("meanSquaredError", { response: Float32Array.from(observed.points, swish) });
  expect(plain.min).toBeLessThan(-40);
  // what lies below −3 is zero anyway
  expect(behind.min).toBeGreaterThan(-5);
  expect(behind.min).toBeLessThan(-2);
  expect(behind.max).toBeGreaterThan(4);
  expect(errorOf(behind)).toBeLessThan(0.1 * errorOf(plain));
});

it("keeps zero, values of one sign and constants", () => {
  const range = (values: number[]) => { const observed = new Observed(); observed.add(Float32Array.from(values)); return observed.range("meanSquaredError"); };
  expect(range([0, 0])).toEqual({ min: 0, max: 0 });
  expect(range([5, 5])).toEqual({ min: 0, max: 5 });
  expect(range([1, 2, 3]).min).toBe(0);
  expect(range([-1, -3]).max).toBe(0);
  const rectified = new Observed();
  rectified.add(wave(5000).map((v) => Math.max(0, v)));
  expect(rectified.range("percentile").min).toBe(0);
  expect(() => new Observed().add(Float32Array.of(NaN))).toThrow(RangeError);
});

it("remembers as much of two thousand batches as of two", () => {
  const few = new Observed(), many = new Observed(), size = (observed: Observed) => structuredClone(observed) && JSON.stringify(observed).length;
  for (let i = 0; i < 2; i++) few.add(wave(100, i));
  for (let i = 0; i < 2000; i++) many.add(wave(100, i));
  expect(size(many)).toBeLessThan(2 * size(few));
});
