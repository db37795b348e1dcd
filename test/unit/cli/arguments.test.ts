import { expect, test } from "vitest";
import { hintFor } from "../../../src/cli/arguments";

test("an unknown option is answered by the command's own name for it, or by the commands that have it", () => {
  expect(hintFor("integers", "compress")).toBe(" Did you mean --inference integer?");
  expect(hintFor("epochs", "prepare")).toBe(" Did you mean --tune LENGTH?");
  expect(hintFor("latency", "compress")).toBe(" It belongs to kernelscope evaluate.");
  expect(hintFor("epochs", "inspect")).toBe("");
  expect(hintFor("no-such-thing", "compress")).toBe("");
});
