import { expect, test } from "vitest";
import { typedTarget, typedTunings } from "../../../src/commands/typed";

test("a size is understood with a comma, spaces and either sign, and only where the file would become smaller", () => {
  expect(["300 kb", "12,5KB", "1.5 MB", "12×", "1.2x"].map((text) => typedTarget(text, 2e6))).toEqual(["300kb", "12.5KB", "1.5MB", "12x", "1.2x"]);
  expect(["", "12 kilobytes", "0.5x", "1x", "99999GB", "2MB", "0KB"].map((text) => typedTarget(text, 2e6))).toEqual(Array(7).fill(undefined));
  expect(typedTarget("99999GB")).toBe("99999GB"); // of several models
});

test("a length of a training is understood in words, and a number alone as minutes or steps", () => {
  expect(["20m", "2 hours", "1.5 h", "1,5h", "90 seconds", "1 hour", "500 steps", "30 min"].map(typedTunings)).toEqual([["20m"], ["2h"], ["1.5h"], ["1.5h"], ["90s"], ["1h"], ["500steps"], ["30m"]]);
  expect(typedTunings("20")).toEqual(["20m", "20steps"]);
  expect(typedTunings("1.5")).toEqual(["1.5m"]);
  for (const wrong of ["", "soon", "0", "2 weeks", "-3m"]) expect(typedTunings(wrong), wrong).toEqual([]);
});
