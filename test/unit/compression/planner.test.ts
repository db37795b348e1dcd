import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { front, knee } from "../../../src/compression/planner";

const choice = fc.record({ bytes: fc.integer({ min: 1, max: 40 }), loss: fc.integer({ min: 0, max: 1000 }).map((v) => v / 100) });
const items = fc.array(fc.record({ choices: fc.array(choice, { minLength: 1, maxLength: 5 }) }), { minLength: 1, maxLength: 5 });

describe("the planner", () => {
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
