import { expect, test } from "vitest";
import { parseTuning, recipeTuning, tuningText, withMannerOf } from "../../src/protocol/tuning";

test("a length of tuning reads the same as a request, as a recipe and as a number", () => {
  for (const [text, length, recipe] of [["90s", { seconds: 90 }, { duration: "90s" }], ["1.5h", { seconds: 5400 }, { duration: "1.5h" }], ["2000steps", { steps: 2000 }, { steps: 2000 }], ["none", undefined, "none"]] as const) {
    expect(parseTuning(text)).toEqual(length);
    expect(recipeTuning(text)).toEqual(recipe);
    expect(tuningText(recipe)).toBe(text);
  }
  for (const wrong of ["", "soon", "30", "0m", "1.5steps", "-3m"]) expect(() => parseTuning(wrong), wrong).toThrow("no length of tuning");
});

test("labels stay when the length changes, and go with the training", () => {
  expect(withMannerOf({ steps: 5 }, { duration: "30m", labels: 0.3 })).toEqual({ steps: 5, labels: 0.3 });
  expect(withMannerOf({ steps: 5 }, { duration: "30m" })).toEqual({ steps: 5 });
  expect(withMannerOf({ steps: 5 }, undefined)).toEqual({ steps: 5 });
  expect(withMannerOf("none", { steps: 3, labels: 0.3 })).toBe("none");
});
