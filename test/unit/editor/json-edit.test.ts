import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { difference, editJsonText } from "../../../src/editor/json-edit";
import { parseJsonText, type Value } from "../../../src/protocol/json-text";

const recipe = `{
    "version": 1,  "target": "0.92MB",
    "data": { "folder": "./images", "limit": 1000 },
    "layers": {
        "a.weight": {
            "method": "integer", "options": { "bits": 8 },
            "pin": "exact"
        }
    }
}
`;
const plain = (value: Value): unknown => (value.kind === "plain" ? value.value : value.kind === "array" ? value.items.map(plain) : Object.fromEntries(value.properties.map(({ key, value }) => [key, plain(value)])));

describe("a change of a JSON text", () => {
  test("replaces one value and leaves every other character", () => {
    expect(editJsonText(recipe, [{ path: ["target"], value: "300KB" }])).toBe(recipe.replace("0.92MB", "300KB"));
    expect(editJsonText(recipe, [{ path: ["data", "limit"], value: 20 }])).toBe(recipe.replace("1000", "20"));
  });
  test("adds where the neighbours stand, in their indentation", () => {
    expect(editJsonText(recipe, [{ path: ["layers", "b.weight", "pin"], value: { atLeastBits: 6 } }])).toBe(recipe.replace('"exact"\n        }', '"exact"\n        },\n        "b.weight": {\n            "pin": { "atLeastBits": 6 }\n        }'));
    expect(editJsonText(recipe, [{ path: ["data", "evalFolder"], value: "./more" }])).toBe(recipe.replace("1000 }", '1000, "evalFolder": "./more" }'));
    expect(editJsonText("{}\n", [{ path: ["seed"], value: 3 }])).toBe('{\n  "seed": 3\n}\n');
    expect(editJsonText("", [{ path: ["seed"], value: 3 }])).toBe('{\n  "seed": 3\n}\n');
    expect(editJsonText('{\r\n\t"seed": 3\r\n}', [{ path: ["device"], value: "cpu" }])).toBe('{\r\n\t"seed": 3,\r\n\t"device": "cpu"\r\n}');
  });
  test("takes away with one comma, and what is empty then", () => {
    expect(editJsonText(recipe, [{ path: ["version"], value: undefined }])).toBe(recipe.replace('"version": 1,  ', ""));
    expect(editJsonText(recipe, [{ path: ["layers", "a.weight", "pin"], value: undefined }])).toBe(recipe.replace(',\n            "pin": "exact"', ""));
    expect(editJsonText(recipe, [["layers", "a.weight", "method"], ["layers", "a.weight", "options"], ["layers", "a.weight", "pin"]].map((path) => ({ path, value: undefined })))).not.toContain("layers");
    expect(editJsonText(recipe, [{ path: ["nothing", "here"], value: undefined }])).toBe(recipe);
  });
  test("takes the place of neighbours that it excludes", () => {
    expect(editJsonText(recipe, [{ path: ["preset"], value: "balanced", instead: ["target", "bits"] }])).toBe(recipe.replace('"target": "0.92MB"', '"preset": "balanced"'));
    expect(editJsonText('{ "bits": 3, "target": "1MB", "seed": 1 }', [{ path: ["target"], value: "2MB", instead: ["preset", "bits"] }])).toBe('{ "target": "2MB", "seed": 1 }');
    expect(editJsonText('{ "bits": 3, "preset": "x" }', [{ path: ["target"], value: "2MB", instead: ["preset", "bits"] }])).toBe('{ "target": "2MB" }');
  });
  test("gives what the same change of the value gives, whatever the text looks like", () => {
    const key = fc.constantFrom("a", "b", "c\"\\", "é"), leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
    const value = fc.letrec((tie) => ({ any: fc.oneof({ depthSize: "small" }, leaf, fc.array(tie("any"), { maxLength: 3 }), fc.dictionary(key, tie("any"))) })).any;
    fc.assert(fc.property(fc.dictionary(key, value), fc.constantFrom(undefined, 1, 4, "\t"), fc.array(key, { minLength: 1, maxLength: 3 }), value, (before, space, path, put) => {
      const text = JSON.stringify(before, null, space), after = editJsonText(text, [{ path, value: put }]);
      expect(plain(parseJsonText(after))).toEqual(JSON.parse(after));
      let at: unknown = JSON.parse(after);
      for (const step of path) at = (at as Record<string, unknown>)[step];
      expect(at).toEqual(JSON.parse(JSON.stringify(put)));
      const gone = JSON.parse(editJsonText(after, [{ path, value: undefined }])) as Record<string, unknown>;
      for (const [name, own] of Object.entries(before)) if (name !== path[0]) expect(gone[name]).toEqual(own);
      const { start, end, text: now } = difference(text, after);
      expect(text.slice(0, start) + now + text.slice(end)).toBe(after);
    }));
  });
});
