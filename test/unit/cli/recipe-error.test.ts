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

test("fields that do not exist, and options of several layers, are told one by one", () => {
  const fields = '{ "a": 1,\n"b": 2 }', options = '{ "layers": {\n"x": { "method": "kernel", "options": { "words": 3 } },\n"y": { "method": "integer",\n"options": {\n"bits": 99 } } } }';
  const lines = (text: string) => recipeErrors(thrown(text), text, none)!.map(({ line, message }) => [line, message]);
  expect(lines(fields)).toEqual([[1, 'There is no field "a" here.'], [2, 'There is no field "b" here.']]);
  expect(lines(options)).toEqual([[2, expect.stringMatching(/^layers\["x"\]\.options: /)], [5, expect.stringMatching(/^layers\["y"\]\.options: bits: /)]]);
});

test("what is wrong with the model's file is told where the recipe names it, and a target that is too large where it says it", () => {
  const text = '{ "target": "12x",\n  "model": "half.onnx" }', large = new KernelscopeError("usage", "Give a smaller target.", { path: '["target"]' });
  for (const code of ["truncated", "external-data", "unsupported", "nothing-to-compress"] as const) expect(recipeErrors(new KernelscopeError(code, "Not so."), text, none)).toEqual([{ line: 2, column: 3, message: "Not so." }]);
  expect(recipeErrors(large, text, none)).toEqual([{ line: 1, column: 3, message: "Give a smaller target." }]);
  expect(recipeErrors(large, text, (option) => option === "target")).toBeUndefined();
  expect(recipeErrors(new KernelscopeError("usage", "--bits x"), text, none)).toBeUndefined();
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

test("images for the report that are not there are blamed where the recipe names them, also where the other images are the command line's", () => {
  const text = '{ "data": { "folder": "a",\n"evalFolder": "b" } }', missing = new KernelscopeError("bad-data", "There is no data at b.", { path: '["data","evalFolder"]' });
  for (const given of [none, (option: string) => option === "data"]) expect(recipeErrors(missing, text, given)).toEqual([{ line: 2, column: 1, message: "There is no data at b." }]);
  expect(recipeErrors(missing, text, (option) => option === "eval-data")).toBeUndefined();
});
