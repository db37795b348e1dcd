import { describe, expect, test } from "vitest";
import { parseRecipe } from "../../../src/compression/recipe";
import { checkChanges, layerLine, problemOf, readRecipe } from "../../../src/editor/recipe-text";
import { KernelscopeError } from "../../../src/protocol/errors";

const text = `{
  "model": "./a.onnx",
  "target": 12,
  "data": { "folder": "./images", "limit": "many" },
  "layers": {
    "a": { "pin": { "atLeastBits": 4 } },
    "b": 7
  }
}
`;

describe("a recipe's text", () => {
  test("is shown as far as its fields are of the right type", () => {
    expect(readRecipe(text).view).toMatchObject({ modelPath: "./a.onnx", target: undefined, data: { folder: "./images", limit: undefined }, layers: { a: { pin: { atLeastBits: 4 } } } });
  });
  test("says whether to tune in one of the ways there are", () => {
    const tuneOf = (tune: unknown) => readRecipe(JSON.stringify({ tune })).view?.tune;
    expect([tuneOf("none"), tuneOf({ duration: "30m" }), tuneOf({ steps: 2000 }), tuneOf("soon"), tuneOf({ steps: "many" }), tuneOf(3), tuneOf({ steps: 5, labels: 0.2 })]).toEqual(["none", { duration: "30m" }, { steps: 2000 }, undefined, undefined, undefined, { steps: 5, labels: 0.2 }]);
  });
  test("says how much to prune in one of the ways there are", () => {
    const pruneOf = (prune: unknown) => readRecipe(JSON.stringify({ prune })).view?.prune;
    expect([pruneOf("auto"), pruneOf(false), pruneOf({ compute: 0.25 }), pruneOf("much"), pruneOf({ compute: "much" }), pruneOf(undefined)]).toEqual(["auto", false, { compute: 0.25 }, undefined, undefined, undefined]);
  });
  test("that tunes in no way there is says where and how it may", () => {
    const wrong = (tune: string) => { const text = `{\n  "version": 1,\n  "tune": ${tune}\n}`; try { return parseRecipe(text, "a.kernelscope.json"); } catch (error) { return problemOf(error, text); } };
    expect(wrong('"soon"')).toEqual({ field: "tune", line: 3, text: 'tune: give "none", { "duration": "30m" } or { "steps": 2000 }.' });
    expect(wrong('{ "steps": 1.5 }')).toEqual({ field: "tune", line: 3, text: 'tune: give "none", { "duration": "30m" } or { "steps": 2000 }.' });
    expect(wrong('{\n    "duration": "soon"\n  }')).toEqual({ field: "tune", line: 4, text: "tune.duration: give a time like 90s, 30m or 1h30m." });
  });
  test("that is no JSON, or no object, says where", () => {
    expect(readRecipe('{\n  "model" "a"\n}')).toEqual({ problem: { text: expect.stringMatching(/^A colon is missing/) as string, line: 2 } });
    expect(readRecipe("[]").problem).toEqual({ text: "A recipe is an object in braces." });
  });
  test("tells the line that the engine means, or of a layer", () => {
    const error = (path: unknown) => new KernelscopeError("bad-recipe", "a.kernelscope.json: No.", { path: JSON.stringify(path) });
    expect(problemOf(error(["layers", "b"]), text)).toEqual({ text: "No.", line: 7, field: "layers" });
    expect(problemOf(error(["data", "limit"]), text)).toEqual({ text: "No.", line: 4, field: "data" });
    expect(problemOf(error([]), text)).toEqual({ text: "No." }); // it is about the whole text
    expect(problemOf(new Error("Else."), text)).toEqual({ text: "Else." });
    expect([layerLine(text, "a"), layerLine(text, "c")]).toEqual([6, undefined]);
  });
});

test("a page changes a recipe's own fields and nothing else", () => {
  expect(checkChanges([{ path: ["target"], value: "1MB", instead: ["preset"] }])).toHaveLength(1);
  for (const wrong of [[], "target", [{ path: [] }], [{ path: ["$schema"], value: "x" }], [{ path: ["__proto__", "x"], value: 1 }], [{ path: ["target"], instead: [1] }], [{ path: ["layers", 3] }], [{ path: ["target"], value: "x".repeat(200_000) }]]) {
    expect(() => checkChanges(wrong)).toThrow(KernelscopeError);
  }
});
