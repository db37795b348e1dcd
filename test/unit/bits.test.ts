import { expect, test } from "vitest";
import { bitsOfAll, originalWeightsOf, storedBits } from "../../src/protocol/bits";

test("a plain weight is as wide as its type, a compressed one takes all its bytes", () => {
  expect(storedBits({ bitsPerWeight: 36.11 }, 32)).toBe(32); // name and shape
  expect(storedBits({ bitsPerWeight: 18.9 }, 16)).toBe(16);
  expect(storedBits({ bitsPerWeight: 16.67 }, 32)).toBe(16.67); // packed by something else
  expect(storedBits({ bitsPerWeight: 36.11, method: "integer" }, 32)).toBe(36.11);
});

test("several layers together count all bytes as soon as one of them is compressed", () => {
  const plain = { bytes: 650, parameters: 144, bitsPerWeight: 32 }, half = { bytes: 340, parameters: 144, bitsPerWeight: 16 }, small = { bytes: 72, parameters: 144, bitsPerWeight: 4, method: "integer" };
  expect(bitsOfAll([plain, half])).toBe(24);
  expect(bitsOfAll([plain, small])).toBeCloseTo(8 * 722 / 288, 9);
  expect(bitsOfAll([])).toBeUndefined();
});

test("weights of the original are told of where channels were taken away alone", () => {
  expect(originalWeightsOf([{ parameters: 10 }, { parameters: 20 }])).toBeUndefined();
  expect(originalWeightsOf([{ parameters: 10 }, { parameters: 20, originalShape: [10, 9] }])).toBe(100);
});
