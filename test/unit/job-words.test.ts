import { expect, test, vi } from "vitest";

// the page's start is read off its document
vi.stubGlobal("document", { body: { dataset: { start: JSON.stringify({ language: "en", strings: {} }) } } });
vi.stubGlobal("acquireVsCodeApi", () => ({}));
vi.stubGlobal("matchMedia", () => ({ matches: false }));
const { farText, leftText, timeLeft } = await import("../../webview/job-words");

test("no line ends inside a time", () => {
  const told = [leftText(6), leftText(200), timeLeft(0.2), timeLeft(90), farText({ fraction: 0.1, secondsToTraining: 75 }), farText({ fraction: 0.1, secondsToTraining: 600 })];
  expect(told.filter((text) => text.includes(" "))).toEqual([]);
  expect(told.map((text) => text.replaceAll("\u00a0", " "))).toEqual(["about 6 s left", "about 3 min left", "1 s left", "2 min left", "training begins in about 75 s", "training begins in about 10 min"]);
  expect(leftText(undefined)).toBe("");
});
