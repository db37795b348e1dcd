import { expect, test, vi } from "vitest";

// the page's start is read off its document
vi.stubGlobal("document", { body: { dataset: { start: JSON.stringify({ language: "en", strings: {} }) } } });
vi.stubGlobal("acquireVsCodeApi", () => ({}));
vi.stubGlobal("matchMedia", () => ({ matches: false }));
const { convBits, sizeFigures } = await import("../../../webview/compare/figures");

const size = (bytes: number) => ({ bytes, gzipBytes: bytes, loadedWeightBytes: 2 * bytes });

test("sizes that are still worked out are not the same as sizes that there are none of", () => {
  expect(sizeFigures({}).map(([value]) => value)).toEqual(["…", "…"]);
  expect(sizeFigures({ original: size(1000) }).map(([value]) => value)).toEqual(["…", "…"]);
  expect(sizeFigures({ original: "unknown", compressed: size(1000) }).map(([value]) => value)).toEqual(["–", "–"]);
  expect(sizeFigures({ original: size(4000), compressed: size(1000) }).map(([value, name]) => [value, name])).toEqual([["4.00 → 1.00 KB", "as gzip"], ["8.00 → 2.00 KB", "in memory"]]);
  expect(sizeFigures({ original: size(4000), compressed: size(4000) })[1].slice(0, 2)).toEqual(["8.00 KB", "in memory, as before"]);
});

test("bits are those of convolutions, and of all weights where there are none", () => {
  const side = (op: string, bytes: number) => ({ op, bytes, parameters: 100, bitsPerWeight: 8 * bytes / 100 }), layer = (op: string, after: number) => ({ before: side(op, 400), after: side(op, after) });
  const of = (...layers: ReturnType<typeof layer>[]) => convBits(layers as unknown as Parameters<typeof convBits>[0]);
  expect(of(layer("Conv", 25), layer("Gemm", 400))).toEqual([["32 → 2", "bits per conv. weight"]]);
  expect(of(layer("Gemm", 25))).toEqual([["32 → 2", "bits per weight"]]);
  expect(of()).toEqual([]);
});
