import type { PlanLayer } from "../../src/protocol/plan";
import type { DiagnosisState, RecipeView } from "../../src/protocol/recipe-page";
import type { IntegerEffect } from "../../src/protocol/report";

/** What is known of a layer as integers. */
export interface IntegerFacts {
  layer: PlanLayer;
  /** The recipe computes it with floats, or it was found to be better so when it was measured; why, then. */
  floats?: "recipe" | "found";
  reason?: string;
  warnings: string[];
  /** Of the network where this layer alone is integers, and where all but it are. */
  alone?: IntegerEffect;
  without?: IntegerEffect;
}

/** Of every layer, in the order of the file; nothing where a recipe has no integer arithmetic. */
export function integerFacts(layers: readonly PlanLayer[], view: RecipeView, found: DiagnosisState["found"]): Map<string, IntegerFacts> {
  if (view.inference !== "integer") return new Map();
  const costs = new Map(found?.layers?.map((cost) => [cost.layer, cost])), reasons = new Map(found?.left.flatMap(({ layer, reason, asked }) => (asked ? [] : [[layer, reason] as const])));
  return new Map(layers.map((layer) => {
    const { id, label } = layer, { alone, without } = costs.get(id) ?? {}, floats = (view.layers[id] ?? view.layers[label])?.inference === "float" ? "recipe" : reasons.has(id) ? "found" : undefined;
    return [id, { layer, floats, reason: floats === "found" ? reasons.get(id) : undefined, alone, without, warnings: found?.warnings.flatMap(({ text, layers }) => (layers.includes(id) ? [text] : [])) ?? [] }];
  }));
}

/** Whether a recipe asks for those layers in floats that were in them, by request, when it was measured. */
export function isOfLayers(facts: Iterable<IntegerFacts>, left: NonNullable<DiagnosisState["found"]>["left"]): boolean {
  const kept = [...facts].filter(({ floats }) => floats === "recipe").map(({ layer: { id } }) => id), were = new Set(left.filter(({ asked }) => asked).map(({ layer }) => layer));
  return kept.length === were.size && kept.every((id) => were.has(id));
}

/** So much more than compressed weights alone is nothing to speak of. */
const NOTHING = 0.1;

/** Whether every layer was measured, and none makes the network worse by itself than compressed weights have made it already. */
export function costsNothing(facts: readonly IntegerFacts[], floor: IntegerEffect | undefined): boolean {
  return floor !== undefined && facts.length > 0 && facts.every(({ alone }) => alone !== undefined && alone.loss <= (1 + NOTHING) * floor.loss);
}
