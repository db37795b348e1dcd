import { expect, test, vi } from "vitest";
import type { PlanChoice } from "../../../src/protocol/plan";

// the page's start is read off its document
vi.stubGlobal("document", { body: { dataset: { start: JSON.stringify({ language: "en", strings: {} }) } } });
vi.stubGlobal("acquireVsCodeApi", () => ({}));
const { staysText } = await import("../../../webview/recipe/stays-text");

const choice = (bytes: number, method?: string): PlanChoice => ({ method, traits: [], bytes, bits: 8, loss: 0, parts: { indices: 0, codebook: 0, values: 0 }, step: true });

test("why a layer stays in floats is told truly: there is nothing smaller, the limit does not need it, or a preset finds that it does not pay", () => {
  const smaller = { bytes: 400, choices: [choice(100, "integer"), choice(400)] };
  expect(staysText(smaller, undefined)).toBe("Nothing smaller pays here.");
  expect(staysText(smaller, "8 bits per weight")).toBe("It stays as it is, because all fits into 8 bits per weight without making it smaller.");
  expect(staysText({ bytes: 400, choices: [choice(500, "kernel"), choice(400)] }, "8 bits per weight")).toBe("Nothing that it could become is smaller.");
});
