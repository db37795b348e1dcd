import { expect, test } from "vitest";
import { basisOf } from "../../../src/editor/recipe-text";
import type { PlanLayer } from "../../../src/protocol/plan";
import type { DiagnosisState, RecipeView } from "../../../src/protocol/recipe-page";
import { costsNothing, integerFacts } from "../../../webview/recipe/integer-facts";

const layer = (id: string, label = id): PlanLayer => ({ id, label, op: "Conv", shape: [4, 4, 3, 3], parameters: 144, typeBits: 32, convolution: true, bytes: 576, choices: [] });
const found: DiagnosisState["found"] = {
  isEarlier: false, left: [{ layer: "a", reason: "As asked.", asked: true }, { layer: "b", reason: "To agree.", asked: false }], warnings: [{ text: "Uneven.", layers: ["c"] }, { text: "Of the input.", layers: [] }],
  layers: [{ layer: "c", alone: { loss: 0.2, agreement: 0.9 }, without: { loss: 0.1, agreement: 0.95 } }],
};
const layers = [layer("a"), layer("b"), layer("c", "stem")];

test("tells of every layer what it costs, what warns of it, and why it is in floats, by the recipe as it stands", () => {
  const facts = integerFacts(layers, { inference: "integer", layers: { stem: { inference: "float" } } }, found);
  expect([...facts.values()].map(({ layer: { id }, floats, reason, warnings, alone, without }) => [id, floats, reason, warnings, alone?.loss, without?.agreement])).toEqual([["a", undefined, undefined, [], undefined, undefined], ["b", "found", "To agree.", [], undefined, undefined], ["c", "recipe", undefined, ["Uneven."], 0.2, 0.95]]);
});

test("nothing is told where a recipe computes with floats, and little where nothing was measured", () => {
  const view: RecipeView = { layers: {} };
  expect(integerFacts(layers, view, found).size).toBe(0);
  expect([...integerFacts(layers, { ...view, inference: "integer" }, undefined).values()].every(({ floats, warnings, alone }) => floats === undefined && !warnings.length && alone === undefined)).toBe(true);
});

test("what layers cost rests on all of a recipe but which of them stay float, and its training", () => {
  const recipe = { model: "./a.onnx", inference: "integer", layers: { a: { pin: "leave" } } }, basis = basisOf(JSON.stringify(recipe));
  for (const same of [{ ...recipe, tune: { steps: 3 } }, { ...recipe, integers: { agreement: 0.9, diagnose: true } }, { ...recipe, layers: { a: { pin: "leave", inference: "float" }, b: { inference: "float" } } }]) expect(basisOf(JSON.stringify(same))).toBe(basis);
  for (const other of [{ ...recipe, target: "30KB" }, { ...recipe, integers: { ranges: "minMax" } }, { ...recipe, layers: {} }, { ...recipe, data: { limit: 3 } }]) expect(basisOf(JSON.stringify(other))).not.toBe(basis);
  expect(basisOf("{")).toBeUndefined();
});

test("that no layer costs anything is told only where all were measured, and none is worse than compressed weights are", () => {
  const of = (...losses: (number | undefined)[]) => losses.map((loss, i) => ({ layer: layer(String(i)), warnings: [], alone: loss === undefined ? undefined : { loss } })), floor = { loss: 0.01 };
  expect(costsNothing(of(0.0101, 0.0095), floor)).toBe(true);
  expect(costsNothing(of(0.0101, 0.012), floor)).toBe(false);
  expect(costsNothing(of(0.0101, undefined), floor)).toBe(false);
  expect(costsNothing(of(), floor)).toBe(false);
  expect(costsNothing(of(0.0101), undefined)).toBe(false);
});
