import { expect, test } from "vitest";
import { bitsOfAll, storedBits } from "../../src/protocol/bits";

test("a plain weight is as wide as its type, a compressed one takes all its bytes", () => {
  expect(storedBits({ bytes: 650, parameters: 144 }, 32)).toBe(32); // name and shape
  expect(storedBits({ bytes: 340, parameters: 144 }, 16)).toBe(16);
  expect(storedBits({ bytes: 300, parameters: 144 }, 32)).toBeCloseTo(16.67, 2); // packed by something else
  expect(storedBits({ bytes: 650, parameters: 144, method: "integer" }, 32)).toBeCloseTo(36.11, 2);
  expect(storedBits({ bytes: 10, parameters: 0 }, 32)).toBe(0);
});

test("several layers together count all bytes as soon as one of them is compressed", () => {
  const plain = { bytes: 650, parameters: 144, bitsPerWeight: 32 }, half = { bytes: 340, parameters: 144, bitsPerWeight: 16 }, small = { bytes: 72, parameters: 144, bitsPerWeight: 4, method: "integer" };
  expect(bitsOfAll([plain, half])).toBe(24);
  expect(bitsOfAll([plain, small])).toBeCloseTo(8 * 722 / 288, 9);
  expect(bitsOfAll([])).toBeUndefined();
});
