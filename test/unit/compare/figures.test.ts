import { expect, test, vi } from "vitest";

// the page's start is read off its document
vi.stubGlobal("document", { body: { dataset: { start: JSON.stringify({ language: "en", strings: {} }) } } });
vi.stubGlobal("acquireVsCodeApi", () => ({}));
vi.stubGlobal("matchMedia", () => ({ matches: false }));
const { sizeFigures } = await import("../../../webview/compare/figures");

const size = (bytes: number) => ({ bytes, gzipBytes: bytes, loadedWeightBytes: 2 * bytes });

test("sizes that are still worked out are not the same as sizes that there are none of", () => {
  expect(sizeFigures({}).map(([value]) => value)).toEqual(["…", "…"]);
  expect(sizeFigures({ original: size(1000) }).map(([value]) => value)).toEqual(["…", "…"]);
  expect(sizeFigures({ original: "unknown", compressed: size(1000) }).map(([value]) => value)).toEqual(["–", "–"]);
  expect(sizeFigures({ original: size(4000), compressed: size(1000) }).map(([value, name]) => [value, name])).toEqual([["4.00 → 1.00 KB", "as gzip"], ["8.00 → 2.00 KB", "in memory"]]);
  expect(sizeFigures({ original: size(4000), compressed: size(4000) })[1].slice(0, 2)).toEqual(["8.00 KB", "in memory, as before"]);
});
