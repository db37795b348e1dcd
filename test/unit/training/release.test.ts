import { expect, test } from "vitest";
import { release } from "../../../src/training/release";

test("memory is given back at once, of arrays that share a buffer too", () => {
  const a = new Float32Array(1000), shared = new Float32Array(10), part = shared.subarray(2, 4), kept = new Float32Array(5);
  release([a, shared, part]);
  expect([a, shared, part].map(({ length }) => length)).toEqual([0, 0, 0]);
  expect(kept).toHaveLength(5);
});
