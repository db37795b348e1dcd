import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { madeUpLayers } from "../../../bench/layers";
import { solve, type Solution } from "../../../src/compression/solver";

interface Choice { bytes: number; loss: number }

const choice = fc.record({ bytes: fc.integer({ min: 1, max: 40 }), loss: fc.integer({ min: 0, max: 1000 }).map((v) => v / 100) });
const items = fc.array(fc.record({ choices: fc.array(choice, { minLength: 1, maxLength: 6 }) }), { minLength: 1, maxLength: 7 });

/** The least loss for every number of bytes up to a budget, Infinity where nothing fits. */
function table(all: readonly { choices: readonly Choice[] }[], budget: number): Float64Array {
  let least = new Float64Array(budget + 1);
  for (const { choices } of all) {
    const next = new Float64Array(budget + 1).fill(Infinity);
    for (const { bytes, loss } of choices) for (let b = bytes; b <= budget; b++) next[b] = Math.min(next[b], least[b - bytes] + loss);
    least = next;
  }
  return least;
}

const bytesOf = ({ choices }: Solution): number => choices.reduce((sum, { bytes }) => sum + bytes, 0);

describe("the solver", () => {
  test("finds what exact dynamic programming finds, and says so", () => {
    fc.assert(fc.property(items, fc.integer({ min: 0, max: 250 }), (all, budget) => {
      const solution = solve(all, budget), best = table(all, budget)[budget];
      if (!solution) {
        expect(best).toBe(Infinity);
        return;
      }
      expect(bytesOf(solution)).toBeLessThanOrEqual(budget);
      expect(solution.choices.reduce((sum, { loss }) => sum + loss, 0)).toBeCloseTo(solution.loss, 9);
      expect(solution.loss).toBeCloseTo(best, 9);
      expect(solution.bound).toBeCloseTo(best, 9);
    }), { numRuns: 500 });
  });

  test.each([1, 2, 3])("comes within half a percent of the bound for 200 layers of 60 choices, seed %i", (seed) => {
    const all = madeUpLayers(200, 60, seed), least = all.reduce((sum, { choices }) => sum + Math.min(...choices.map(({ bytes }) => bytes)), 0);
    for (const times of [1.05, 1.5, 3, 10, 30]) {
      const solution = solve(all, times * least)!;
      expect(bytesOf(solution)).toBeLessThanOrEqual(times * least);
      expect(solution.bound).toBeLessThanOrEqual(solution.loss);
      expect(solution.loss - solution.bound).toBeLessThanOrEqual(0.005 * solution.loss);
    }
  });
});
