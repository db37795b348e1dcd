import type { Choice, Item } from "../src/compression/planner";
import { Random } from "../src/numeric/random";

/** Layers of a network that is made up: losses fall fourfold with each bit, within a factor of two; sizes and what noise does spread over factors of 256 and 400. */
export function madeUpLayers(count: number, choices: number, seed: number): Item<Choice>[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => {
    const weights = 1000 * 2 ** (8 * random.next()), stress = Math.exp(6 * random.next());
    return { choices: Array.from({ length: choices }, (_, i) => {
      const bits = 0.1 + 8 * (i + random.next()) / choices;
      return { bytes: Math.ceil(bits * weights / 8), loss: stress * 2 ** (-2 * bits) * (1 + random.next()) };
    }) };
  });
}
