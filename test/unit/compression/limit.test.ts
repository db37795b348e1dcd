import { expect, test } from "vitest";
import { fillLimit, shrink } from "../../../src/compression/limit";
import type { Choice, Item } from "../../../src/compression/planner";
import { Random } from "../../../src/numeric/random";

interface Kind extends Choice { kind: number }
/** What a kind of choice takes once, whoever has it. */
const UNPACKING = 450;
const sizeOf = (options: readonly Kind[]): number => options.reduce((sum, { bytes }) => sum + bytes, UNPACKING * new Set(options.map(({ kind }) => kind)).size);
const lossOf = (options: readonly Kind[]): number => options.reduce((sum, { loss }) => sum + loss, 0);

/** Layers of a few sizes with choices of 3 to 8 bits. */
function layers(random: Random, count: number): Item<Kind>[] {
  return Array.from({ length: count }, () => {
    const weights = 800 * 2 ** Math.floor(4 * random.next()), hurts = 0.1 + random.next();
    return { choices: [3, 4, 5, 6, 7, 8].map((kind) => ({ kind, bytes: weights * kind / 8, loss: hurts * 4 ** -kind })) };
  });
}

/** All ways to choose. */
function* all(items: readonly Item<Kind>[], chosen: Kind[] = []): Generator<Kind[]> {
  if (chosen.length === items.length) { yield chosen; return; }
  for (const choice of items[chosen.length].choices) yield* all(items, [...chosen, choice]);
}

test("what is chosen fits as it is measured, comes near to the limit, and near to the best of all ways", () => {
  const random = new Random(1), regrets: number[] = [];
  for (let network = 0; network < 12; network++) {
    const items = layers(random, 5), sizes = [3, 8].map((kind) => sizeOf(items.map(({ choices }) => choices.find((choice) => choice.kind === kind)!)));
    for (const share of [0.1, 0.4, 0.7]) {
      const limit = sizes[0] + share * (sizes[1] - sizes[0]), { options, size } = fillLimit(items, limit, sizeOf);
      expect(size).toBe(sizeOf(options));
      expect(size).toBeLessThanOrEqual(limit);
      let best = Infinity;
      for (const one of all(items)) if (sizeOf(one) <= limit) best = Math.min(best, lossOf(one));
      regrets.push(lossOf(options) / best);
    }
  }
  expect(regrets.reduce((sum, one) => sum + one) / regrets.length).toBeLessThan(1.35); // with so little beside what unpacks it; the price of that is not planned with
});

test("where nothing fits, the smallest is told: choices are traded while the whole gets smaller", () => {
  const items: Item<Kind>[] = [0, 1, 2].map(() => ({ choices: [{ kind: 3, bytes: 300, loss: 1 }, { kind: 4, bytes: 400, loss: 0.5 }] }));
  items[0] = { choices: [{ kind: 4, bytes: 310, loss: 0.5 }, { kind: 3, bytes: 350, loss: 1 }] };
  const { options, size } = fillLimit(items, 900, sizeOf);
  expect(size).toBe(300 + 300 + 350 + UNPACKING); // rather than 310 and another kind's unpacking
  expect(options.map(({ kind }) => kind)).toEqual([3, 3, 3]);
  expect(shrink(items, items.map(({ choices }) => choices[0]), sizeOf).options.map(({ kind }) => kind)).toEqual([3, 3, 3]);
});
