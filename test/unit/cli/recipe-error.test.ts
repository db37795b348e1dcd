import { expect, test } from "vitest";
import { errorLine, recipeErrors } from "../../../src/cli/recipe-error";
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
  expect(errorLine("a/r.kernelscope.json", recipeErrors(thrown(text), text, none)![0])).toMatch(/^a\/r\.kernelscope\.json:4:12: error: layers\.a\.method: give "kernel", /);
  const broken = '{\n  "target" 3\n}';
  expect(errorLine("r.json", recipeErrors(thrown(broken), broken, none)![0])).toBe('r.json:2:12: error: This is no valid JSON. A colon is missing: there is "3".');
});

test("each of several faults has its own line", () => {
  const text = '{\n  "target": "10 apples",\n  "seed": -4,\n  "inferense": "float"\n}';
  expect(recipeErrors(thrown(text), text, none)!.map(({ line, message }) => [line, message])).toEqual([
    [2, 'target: "10 apples" is no size. Write it like 12x, 300KB or 1.5MB.'], [3, "seed: give a number from 0."], [4, 'There is no field "inferense" here.'],
  ]);
});

test("a model that is not there is the recipe's where it names it, and the command line's where that does", () => {
  const text = '{\n  "model": "nothing.onnx" }', missing = new KernelscopeError("bad-model", "There is no file nothing.onnx.");
  expect(recipeErrors(missing, text, none)).toEqual([{ line: 2, column: 3, message: "There is no file nothing.onnx." }]);
  expect(recipeErrors(missing, text, (option) => option === "model")).toBeUndefined();
});

test("a target that cannot be met and images that do not fit are the recipe's where it says them", () => {
  const text = '{ "data": { "folder": "images" },\n  "target": "1KB" }', unreachable = new KernelscopeError("target-unreachable", "The smallest is 11 KB.");
  expect(recipeErrors(unreachable, text, none)).toEqual([{ line: 2, column: 3, message: "The smallest is 11 KB." }]);
  expect(recipeErrors(new KernelscopeError("bad-data", "No images."), text, none)).toEqual([{ line: 1, column: 13, message: "No images." }]);
  expect(recipeErrors(unreachable, text, (option) => option === "target")).toBeUndefined();
  expect(recipeErrors(unreachable, '{ "bits": 2 }', none)).toBeUndefined();
  expect(recipeErrors(new KernelscopeError("file-exists", "It is there."), text, none)).toBeUndefined();
  expect(recipeErrors(new Error("Something"), text, none)).toBeUndefined();
});
