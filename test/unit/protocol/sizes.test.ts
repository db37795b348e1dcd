import { expect, test } from "vitest";
import { formatBytes, parseTarget, roundedUp, sizeRatio } from "../../../src/protocol/sizes";

test("a file that has grown is told to be larger, not so many times smaller", () => {
  expect(sizeRatio(1200, 100)).toEqual({ times: 12, isLarger: false });
  expect(sizeRatio(100, 140)).toEqual({ times: 1.4, isLarger: true });
  expect(sizeRatio(100, 100)).toEqual({ times: 1, isLarger: false });
});

test("a size that is rounded up is enough when it is typed as it is told", () => {
  expect([7, 999, 1000, 1001, 595_000, 595_400, 999_400, 12_345_678].map(roundedUp)).toEqual([7, 999, 1000, 1010, 595_000, 596_000, 1_000_000, 12_400_000]);
  for (let bytes = 1; bytes < 1e8; bytes = Math.ceil(bytes * 1.0173)) {
    const typed = parseTarget(formatBytes(roundedUp(bytes)));
    expect("bytes" in typed && typed.bytes, String(bytes)).toBe(roundedUp(bytes));
    expect(roundedUp(bytes)).toBeGreaterThanOrEqual(bytes);
  }
});
