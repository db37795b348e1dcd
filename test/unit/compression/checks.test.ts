import { describe, expect, test } from "vitest";
import { unusedSettings } from "../../../src/compression/checks";
import { Recipe } from "../../../src/compression/recipe";
import type { CompressRequest } from "../../../src/protocol/api";

const unused = (request: Partial<CompressRequest>, recipe: Parameters<typeof Recipe.parse>[0]) => unusedSettings({ request: { model: "m.onnx", ...request }, recipe: Recipe.parse(recipe) });

describe("what a recipe says of integers and nothing follows", () => {
  test("is everything where inference is float", () => {
    const sentence = "What the recipe says of integers is not used, because its inference is float. Set it to integer, or give --inference integer.";
    expect(unused({}, { integers: { agreement: 0.99 } })).toEqual([sentence]);
    expect(unused({ inference: "float" }, { inference: "float", layers: { w: { inference: "float" } } })).toEqual([sentence]);
    expect(unused({}, { integers: {}, layers: { w: { pin: "leave" } } })).toEqual([]);
  });

  test("is a percentile of other ranges, and a delay without a training", () => {
    const inference = "integer" as const;
    expect(unused({ inference }, { integers: { percentile: 99, delay: 0.5 } })).toEqual([
      "The recipe's percentile is not used: ranges are chosen by meanSquaredError. Set ranges to percentile, or leave it out.",
      "The recipe's delay is not used, because nothing is trained. Say how long with tune, or leave it out.",
    ]);
    expect(unused({ inference, tune: "20steps" }, { integers: { ranges: "percentile", percentile: 99, delay: 0.5 } })).toEqual([]);
  });
});
