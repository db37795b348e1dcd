import { expect, test } from "vitest";
import { errorLine, recipeError } from "../../../src/cli/recipe-error";
import { parseRecipe } from "../../../src/compression/recipe";
import { KernelscopeError } from "../../../src/protocol/errors";

const none = (): boolean => false;
const thrown = (text: string): unknown => {
  try {
    parseRecipe(text, "r.kernelscope.json");
  } catch (error) {
    return error;
  }
  return undefined;
};

test("what is wrong in a recipe is told with its line and column", () => {
  const text = '{\n  "target": "120KB",\n  "layers": {\n    "a": { "method": "magic", "options": {} }\n  }\n}\n';
  expect(errorLine("a/r.kernelscope.json", recipeError(thrown(text), text, none)!)).toMatch(/^a\/r\.kernelscope\.json:4:12: error: layers\.a\.method: give "kernel", /);
  const broken = '{\n  "target" 3\n}';
  expect(errorLine("r.json", recipeError(thrown(broken), broken, none)!)).toBe('r.json:2:12: error: This is no valid JSON. A colon is missing: there is "3".');
});

test("a target that cannot be met and images that do not fit are the recipe's where it says them", () => {
  const text = '{ "data": { "folder": "images" },\n  "target": "1KB" }', unreachable = new KernelscopeError("target-unreachable", "The smallest is 11 KB.");
  expect(recipeError(unreachable, text, none)).toEqual({ line: 2, column: 3, message: "The smallest is 11 KB." });
  expect(recipeError(new KernelscopeError("bad-data", "No images."), text, none)).toEqual({ line: 1, column: 13, message: "No images." });
  expect(recipeError(unreachable, text, (option) => option === "target")).toBeUndefined();
  expect(recipeError(unreachable, '{ "bits": 2 }', none)).toBeUndefined();
  expect(recipeError(new KernelscopeError("file-exists", "It is there."), text, none)).toBeUndefined();
  expect(recipeError(new Error("Something"), text, none)).toBeUndefined();
});
