import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bitsFor, packBits, packedBytes, unpackBits } from "../../../src/numeric/bits";

describe("bit packing", () => {
  test("gives every code back, at exactly its width", () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 16 }), fc.array(fc.nat(65535), { maxLength: 200 }), (bits, values) => {
      const codes = values.map((v) => v % 2 ** bits), packed = packBits(codes, bits);
      expect(packed.length).toBe(Math.ceil(codes.length * bits / 8));
      expect(Array.from(unpackBits(packed, bits, codes.length))).toEqual(codes);
    }));
  });

  test("puts the lowest bit first", () => {
    expect(Array.from(packBits([1, 2, 3], 3))).toEqual([0b11_010_001, 0b0]);
    expect(packedBytes(3, 3)).toBe(2);
  });

  test("knows how many bits a number of words needs", () => {
    expect([1, 2, 3, 4, 5, 256, 257].map(bitsFor)).toEqual([0, 1, 2, 2, 3, 8, 9]);
  });
});
