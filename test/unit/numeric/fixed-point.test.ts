import fc from "fast-check";
import { expect, it } from "vitest";
import { multiplierOf, scaleInteger } from "../../../src/numeric/fixed-point";
import { withKernels } from "../../../src/numeric/kernels";

it("gives a factor as 31 bits and a shift", () => {
  fc.assert(fc.property(fc.double({ min: 1e-8, max: 1e8, noNaN: true }), (factor) => {
    const { m0, shift } = multiplierOf(factor);
    expect(m0).toBeGreaterThanOrEqual(2 ** 30);
    expect(m0).toBeLessThan(2 ** 31);
    expect(Math.abs(m0 * 2 ** (shift - 31) / factor - 1)).toBeLessThan(2 ** -30);
  }));
  expect(multiplierOf(0)).toEqual({ m0: 0, shift: 0 });
  expect(multiplierOf(1e-20)).toEqual({ m0: 0, shift: 0 });
  expect(() => multiplierOf(1e12)).toThrow(RangeError);
});

it("scales integers to the nearest, and WebAssembly does the same", () => {
  fc.assert(fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.double({ min: 1e-9, max: 300, noNaN: true }), (x, factor) => {
    const multiplier = multiplierOf(factor), found = scaleInteger(x, multiplier), exact = x * factor;
    expect(withKernels((k) => k.call.scaleInteger(x, multiplier.m0, multiplier.shift))).toBe(found);
    if (Math.abs(exact) < 2 ** 31 && (factor < 1 || Math.abs(x) < 2 ** 20)) expect(Math.abs(found - exact)).toBeLessThanOrEqual(0.75 + Math.abs(exact) * 2 ** -29);
  }), { numRuns: 2000 });
});

it("rounds halves as gemmlowp does", () => {
  const half = multiplierOf(0.5), quarter = multiplierOf(0.25);
  // m0 = 2³⁰: the high product halves, halves up; a shift divides by two again, halves away from zero
  expect([-3, -1, 1, 3, 5].map((x) => scaleInteger(x, half))).toEqual([-1, 0, 1, 2, 3]);
  expect([-6, -2, 2, 6].map((x) => scaleInteger(x, quarter))).toEqual([-2, -1, 1, 2]);
});
