import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { choose, front, hull, knee } from "../../../src/compression/planner";

const choice = fc.record({ bytes: fc.integer({ min: 1, max: 40 }), loss: fc.integer({ min: 0, max: 1000 }).map((v) => v / 100) });
const items = fc.array(fc.record({ choices: fc.array(choice, { minLength: 1, maxLength: 5 }) }), { minLength: 1, maxLength: 5 });

/** The least loss within a budget, by trying everything. */
function exact(all: { choices: { bytes: number; loss: number }[] }[], budget: number): number {
  if (budget < 0) return Infinity;
  if (!all.length) return 0;
  return Math.min(...all[0].choices.map(({ bytes, loss }) => loss + exact(all.slice(1), budget - bytes)));
}

describe("the planner", () => {
  test("fits the budget and stays within one step of the exact optimum", () => {
    fc.assert(fc.property(items, fc.integer({ min: 0, max: 200 }), (all, budget) => {
      const chosen = choose(all, budget), best = exact(all, budget);
      if (!chosen) {
        expect(best).toBe(Infinity);
        return;
      }
      expect(chosen.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(budget);
      const largestStep = Math.max(0, ...all.flatMap(({ choices }) => { const h = hull(choices); return h.slice(1).map((c, i) => h[i].loss - c.loss); }));
      expect(chosen.reduce((sum, { loss }) => sum + loss, 0)).toBeLessThanOrEqual(best + largestStep + 1e-9);
    }));
  });

  test("a front gets larger and better", () => {
    fc.assert(fc.property(items, (all) => {
      const plans = front(all);
      for (let i = 1; i < plans.length; i++) {
        expect(plans[i].bytes).toBeGreaterThan(plans[i - 1].bytes);
        expect(plans[i].loss).toBeLessThan(plans[i - 1].loss);
      }
    }));
  });

  test("the knee is where more bytes stop paying", () => {
    const plans = [[10, 1], [20, 0.1], [40, 0.08], [80, 0.06], [160, 0.05]].map(([bytes, loss]) => ({ bytes, loss }));
    expect(knee(plans)).toBe(plans[1]);
    expect(knee([plans[0]])).toBe(plans[0]);
  });
});
