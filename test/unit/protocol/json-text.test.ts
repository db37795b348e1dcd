import { describe, expect, test } from "vitest";
import { KernelscopeError } from "../../../src/protocol/errors";
import { JsonTextError, parseJsonText, placeOf, readJson } from "../../../src/protocol/json-text";

const recipe = '{ "target": "0.92MB", "layers": { "a.weight": { "options": { "bits": 8 } } } }\n';

describe("the place of", () => {
  test("a value is that of its property, or of what is nearest around it", () => {
    const root = parseJsonText(recipe), at = (...path: string[]) => { const { start, end } = placeOf(root, path); return recipe.slice(start, end); };
    expect(at("target")).toBe('"target": "0.92MB"');
    expect(at("layers", "a.weight", "options", "words")).toBe('"options": { "bits": 8 }');
    expect(at("nowhere")).toBe(recipe.trim());
  });
  test("an error is where the text stops being JSON", () => {
    const failure = (text: string): unknown => { try { parseJsonText(text); return undefined; } catch (error) { return error instanceof JsonTextError ? [error.offset, error.message] : error; } };
    expect(failure('{"a": 1 "b": 2}')).toEqual([8, 'A comma or a closing brace is missing: there is "\\"".']);
    expect(failure('{"a": ')).toEqual([6, "A value is missing: the text ends."]);
    expect(failure("{'a': 1}")).toEqual([1, 'A name or text in double quotes is missing: there is "\'".']);
    expect(failure("{} x")).toEqual([3, "Something follows after the end."]);
  });
});

test("a file's text says in which line it stops being JSON", () => {
  const thrown = (text: string): unknown => { try { readJson(text, "dataset.json", "bad-data"); return undefined; } catch (error) { return error; } };
  expect(readJson('{ "a": [1] }', "dataset.json", "bad-data")).toEqual({ a: [1] });
  expect(thrown('{\n  "mean" 3\n}')).toEqual(new KernelscopeError("bad-data", 'dataset.json, line 2: this is no valid JSON. A colon is missing: there is "3".'));
  expect(thrown("")).toEqual(new KernelscopeError("bad-data", "dataset.json, line 1: this is no valid JSON. A value is missing: the text ends."));
});
