import { describe, expect, test } from "vitest";
import { floatToHalf, halfToFloat } from "../../../src/numeric/half";

describe("half floats", () => {
  test("all 65,536 codes survive the way to float and back", () => {
    for (let code = 0; code < 65536; code++) {
      const value = halfToFloat(code);
      if (Number.isNaN(value)) expect(Number.isNaN(halfToFloat(floatToHalf(value)))).toBe(true);
      else expect(floatToHalf(value)).toBe(code);
    }
  });

  test("rounds to nearest, ties to even, and overflows to infinity", () => {
    const between = (code: number): number => (halfToFloat(code) + halfToFloat(code + 1)) / 2;
    for (let code = 0; code < 0x7bff; code += 7) {
      expect(floatToHalf(between(code))).toBe(code % 2 ? code + 1 : code);
      expect(floatToHalf(between(code) * 1.00001)).toBe(code + 1);
    }
    expect(floatToHalf(65519)).toBe(0x7bff);
    expect(floatToHalf(65520)).toBe(0x7c00);
    expect(floatToHalf(-1e9)).toBe(0xfc00);
  });
});
