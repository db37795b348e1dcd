import fc from "fast-check";
import { expect, it } from "vitest";
import { exactAffine, fixedAffine } from "../../../src/numeric/fixed-affine";

const bytes = { min: 0, max: 255 };
const output = ({ a, b, shift }: { a: number; b: number; shift: number }, q: number, { min, max } = bytes) => Math.max(min, Math.min(max, Number((BigInt(a) * BigInt(q) + BigInt(b)) >> BigInt(shift))));
const clamp = (v: number) => Math.max(0, Math.min(255, v));

it("rounds exactly, halves to even", () => {
  const half = exactAffine(0.5, 0);
  expect([-3, -2, -1, 0, 1, 2, 3, 5].map(half)).toEqual([-2, -1, 0, 0, 0, 1, 2, 2]);
  // 0.1 as a double lies above 1/10, so ten of it lie above 1
  expect(exactAffine(0.1, 0.5)(10)).toBe(2);
});

it("gives the outputs of exact arithmetic for every input of 8 bits", () => {
  fc.assert(fc.property(fc.double({ min: 0.01, max: 8, noNaN: true }), fc.double({ min: -400, max: 400, noNaN: true }), fc.boolean(), (size, shift, falls) => {
    const slope = Math.fround(falls ? -size : size), offset = Math.fround(falls ? shift + 255 * size : shift), found = fixedAffine(slope, offset, bytes, bytes), wanted = exactAffine(slope, offset);
    expect(found.exceptions).toEqual([]);
    expect(Math.abs(found.a)).toBeLessThan(2 ** 15);
    for (let q = 0; q <= 255; q++) expect(output(found, q)).toBe(clamp(wanted(q)));
  }), { numRuns: 60 });
});

it("takes the smallest shift", () => {
  expect(fixedAffine(1, 0, bytes, bytes)).toMatchObject({ a: 1, shift: 0 });
  expect(fixedAffine(2, 3, bytes, bytes)).toMatchObject({ shift: 0 });
  expect(fixedAffine(0.25, 0, bytes, bytes).shift).toBeLessThanOrEqual(3);
});

it("lists the outputs that few bits get wrong, and they are those", () => {
  const slope = Math.fround(0.7310585786), found = fixedAffine(slope, 0.3, bytes, bytes, { bits: 4 }), wanted = exactAffine(slope, 0.3);
  expect(found.exceptions.length).toBeGreaterThan(0);
  const wrong = Array.from({ length: 256 }, (_, q) => q).filter((q) => output(found, q) !== clamp(wanted(q)));
  expect(wrong).toEqual(found.exceptions);
});

it("holds for wide inputs, whose thresholds alone it looks at", () => {
  const inputs = { min: -(2 ** 11), max: 2 ** 11 - 1 }, slope = Math.fround(0.0371), offset = Math.fround(121.3), found = fixedAffine(slope, offset, inputs, bytes), wanted = exactAffine(slope, offset);
  expect(found.exceptions).toEqual([]);
  for (let q = inputs.min; q <= inputs.max; q++) expect(output(found, q)).toBe(clamp(wanted(q)));
});

it("makes constants of channels that are off", () => {
  const found = fixedAffine(0, 17.4, bytes, bytes);
  expect(found.exceptions).toEqual([]);
  expect(output(found, 200)).toBe(17);
});
