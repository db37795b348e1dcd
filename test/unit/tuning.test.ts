import { expect, test } from "vitest";
import { parseNoise, parseTuning, recipeTuning, tuningText, withMannerOf } from "../../src/protocol/tuning";

test("a length of tuning reads the same as a request, as a recipe and as a number", () => {
  for (const [text, length, recipe] of [["90s", { seconds: 90 }, { duration: "90s" }], ["1.5h", { seconds: 5400 }, { duration: "1.5h" }], ["1h30m", { seconds: 5400 }, { duration: "1h30m" }], ["2000steps", { steps: 2000 }, { steps: 2000 }], ["none", undefined, "none"]] as const) {
    expect(parseTuning(text)).toEqual(length);
    expect(recipeTuning(text)).toEqual(recipe);
    expect(tuningText(recipe)).toBe(text);
  }
  for (const wrong of ["", "soon", "30", "0m", "1.5steps", "-3m", "30m1", "h30m"]) expect(() => parseTuning(wrong), wrong).toThrow("no length of fine-tuning");
});

test("the manner of a training stays when its length changes", () => {
  const noise = { kind: "int8", p: 0.5 } as const;
  expect(withMannerOf({ steps: 5 }, { duration: "30m", schedule: "iterative", noise })).toEqual({ steps: 5, schedule: "iterative", noise });
});

test("noise is read as kind and share, and anything else refused with what there is", () => {
  expect(parseNoise("codeword:0.1")).toEqual({ kind: "codeword", p: 0.1 });
  expect(parseNoise("zero:1")).toEqual({ kind: "zero", p: 1 });
  for (const wrong of ["codeword", "codeword:0", "int8:1.5", "int3:0.1", "zero:x", ""]) expect(() => parseNoise(wrong), wrong).toThrow("codeword, zero, int8, int4");
});

test("labels stay when the length changes, and go with the training", () => {
  expect(withMannerOf({ steps: 5 }, { duration: "30m", labels: 0.3 })).toEqual({ steps: 5, labels: 0.3 });
  expect(withMannerOf({ steps: 5 }, { duration: "30m" })).toEqual({ steps: 5 });
  expect(withMannerOf({ steps: 5 }, undefined)).toEqual({ steps: 5 });
  expect(withMannerOf("none", { steps: 3, labels: 0.3 })).toBe("none");
});

test("a bare number is asked about", () => {
  expect(() => parseTuning("100")).toThrow('"100" is no length of fine-tuning. Did you mean 100steps or 100m? Give a time like 30m, steps like 2000steps, or none.');
});
