import { expect, test } from "vitest";
import { sizeRatio } from "../../../src/protocol/sizes";

test("a file that has grown is told to be larger, not so many times smaller", () => {
  expect(sizeRatio(1200, 100)).toEqual({ times: 12, isLarger: false });
  expect(sizeRatio(100, 140)).toEqual({ times: 1.4, isLarger: true });
  expect(sizeRatio(100, 100)).toEqual({ times: 1, isLarger: false });
});
