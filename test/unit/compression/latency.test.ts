import { describe, expect, test } from "vitest";
import { latencyOf } from "../../../src/compression/latency";
import { Random } from "../../../src/numeric/random";

describe("latency", () => {
  test("is the middle run, and what single slow runs take counts for little", () => {
    const pairs = Array.from({ length: 21 }, (_, i) => [10 + i % 3, i % 10 === 0 ? 500 : 5 + i % 2] as const);
    expect(latencyOf(pairs)).toMatchObject({ before: 11, after: 6, pairs: 21 });
    expect(latencyOf([[4, 2], [8, 2]])).toMatchObject({ before: 6, after: 2, ratio: 0.375 });
  });
  test("is compared pair by pair, so that what slows both down does not count", () => {
    const pairs = Array.from({ length: 31 }, (_, i) => { const load = 1 + (i % 5); return [10 * load, 7 * load] as const; });
    const { ratio, interval } = latencyOf(pairs);
    expect([ratio, ...interval].map((value) => value.toFixed(9))).toEqual(["0.700000000", "0.700000000", "0.700000000"]);
  });
  test("has an interval that holds the true ratio nineteen times of twenty", () => {
    const random = new Random(3), runs = 2000;
    let held = 0;
    for (let run = 0; run < runs; run++) {
      const { interval: [low, high] } = latencyOf(Array.from({ length: 101 }, () => [1, Math.exp(random.next() - 0.5)] as const));
      if (low <= 1 && high >= 1) held++;
    }
    expect(held / runs).toBeGreaterThan(0.93);
    expect(held / runs).toBeLessThan(0.985);
  });
});
