import { expect, test } from "vitest";
import { parseRecipe } from "../../../src/compression/recipe";

test.each([
  [{ presett: "balanced" }, 'r.json: There is no field "presett" here.'],
  [{ preset: "tiny" }, 'r.json: preset: give "nearly-lossless", "balanced" or "smallest".'],
  [{ bits: "2" }, "r.json: bits: give a number."],
  [{ seed: -1 }, "r.json: seed: give a number from 0."],
  [{ data: { limit: 2.5 } }, "r.json: data.limit: give a whole number."],
  [{ preset: "balanced", bits: 2 }, "r.json: Give one of preset, target and bits."],
  [{ layers: { conv: { pin: "keep" } } }, 'r.json: layers.conv.pin: give "leave" or "exact" or an object in braces.'],
  [{ layers: { conv: { pin: { atLeastBits: 99 } } } }, "r.json: layers.conv.pin.atLeastBits: give a number up to 32."],
  [{ prune: "much" }, 'r.json: prune: give "auto", false or { "compute": 0.25 }.'],
  [{ prune: { compute: 1 } }, "r.json: prune.compute: give a number up to 0.95."],
  [{ layers: { fc: { method: "wavelet", options: { length: 5 } } } }, 'layers["fc"].options: length: give a multiple of 2.'],
  [[], "r.json: Give an object in braces."],
])("a recipe %j is refused in words of its own", (recipe, message) => {
  expect(() => parseRecipe(JSON.stringify(recipe), "r.json")).toThrow(message);
});
