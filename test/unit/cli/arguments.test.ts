import { expect, test } from "vitest";
import { hintFor } from "../../../src/cli/arguments";

test("an unknown option is answered by the command's own name for it, or by the commands that have it", () => {
  expect(hintFor("integers", "compress")).toBe(" Did you mean --inference integer?");
  expect(hintFor("epochs", "prepare")).toBe(" Did you mean --tune LENGTH?");
  expect(hintFor("latency", "compress")).toBe(" It belongs to kernelscope evaluate.");
  expect(hintFor("epochs", "inspect")).toBe("");
  expect(hintFor("no-such-thing", "compress")).toBe("");
});

test("a misspelt name is answered by the nearest one, where it is near enough", () => {
  for (const [typed, meant] of [["taget", "target"], ["tagret", "target"], ["taarget", "target"], ["ouput", "output"], ["sede", "seed"], ["bit", "bits"]]) expect(hintFor(typed, "compress"), typed).toBe(` Did you mean --${meant}?`);
  for (const far of ["tgt", "bid", "x", ""]) expect(hintFor(far, "compress"), far).toBe("");
});
