import { expect, test } from "vitest";
import { foresee } from "../../../src/compression/foresight";
import type { Planning } from "../../../src/compression/plan";
import { BALANCED, lossFor } from "../../../src/compression/promise";
import type { RatedCandidate } from "../../../src/compression/sensitivity";

/** Plans of one layer: the first loses 1, later ones what those that missed make of the promise. */
const planning: Pick<Planning, "preset"> = {
  preset: (_, told) => [{ loss: typeof told === "object" && told.length ? lossFor(BALANCED, told) : 1 } as RatedCandidate],
};
const losses = (plans: readonly RatedCandidate[][]): number[] => plans.map(([{ loss }]) => Number(loss.toFixed(4)));

test("a preset goes the way that a compression will: by what other plans came to, its first plan misses, and the next follows from that", async () => {
  // at the first plan's loss 6 % flip, 2.5 % are meant; flips go with the root of the loss
  const { missed, others } = await foresee("balanced", planning, [{ predicted: 1, disagreement: 0.06 }]);
  expect(missed).toEqual([{ predicted: 1, disagreement: 0.06 }]);
  expect(losses([planning.preset("balanced", missed)])).toEqual([Number(((BALANCED / 0.06) ** 2).toFixed(4))]);
  // where so many times fewer or more flip, it ends with larger or smaller losses
  expect(losses(others)).toEqual([0.6, 0.8, 1.25, 1.65].map((times) => Number(((BALANCED / (times * 0.06)) ** 2).toFixed(4))));
});

test("a first plan that keeps the promise stays, and another comes only where more flip than that", async () => {
  const { missed, others } = await foresee("balanced", planning, [{ predicted: 1, disagreement: 0.02 }]);
  expect(missed).toEqual([]);
  expect(losses(others)).toEqual([1, 1, 1, Number(((BALANCED / (1.65 * 0.02)) ** 2).toFixed(4))]);
});

test("what channels that are gone have lost counts beside the layers", async () => {
  const { missed } = await foresee("balanced", planning, [{ predicted: 1, disagreement: 0.06 }], 3);
  expect(missed[0].predicted).toBe(4);
  expect(missed[0].disagreement).toBeCloseTo(0.12, 12);
});
