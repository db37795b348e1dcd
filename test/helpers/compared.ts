import type { ComparedWeights, Incomparable } from "../../src/protocol/compare";

/** The weights of a comparison that has some. */
export function held(found: ComparedWeights | Incomparable): ComparedWeights {
  if (typeof found === "string") throw new Error(`Not compared: ${found}`);
  return found;
}
