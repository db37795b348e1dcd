import { expect, test, vi } from "vitest";
import { formatChange } from "../../src/protocol/sizes";

// the page's start is read off its document
vi.stubGlobal("document", { body: { dataset: { start: JSON.stringify({ language: "en", strings: {} }) } } });
vi.stubGlobal("acquireVsCodeApi", () => ({}));
const format = await import("../../webview/format");

test("an open dimension has the name that somebody gave it, or a question mark", () => {
  expect(format.caption(["p2o.DynamicDimension.0", 3, "p2o.DynamicDimension.1", "p2o.DynamicDimension.2"])).toBe("3×?×?");
  expect(format.shape(["unk__12", 128, "input_dynamic_axes_1", "Addoutput_dim_2"])).toBe("?×128×?×?");
  expect(format.shape(["batch", "N", "height", "dim", "seq_len", 7])).toBe("batch×N×height×dim×seq_len×7");
});

test("a block is a kernel, some of them or a part of one", () => {
  expect([9, 18, 3, 1].map((size) => format.block([3, 3], size))).toEqual(["3×3", "2×3×3", "1×3", "1×1"]);
  expect([format.block([], 8), format.block([1, 1], 4), format.block([7], 7)]).toEqual(["1×8", "1×4", "7"]);
});

test("a relative error beside nearly nothing is no number", () => {
  expect(format.relative(0.18)).toBe("18.0 %");
  expect(format.relative(10)).toBe("1,000.0 %");
  expect(format.relative(198886.489)).toBe("> 1,000 %");
});

test("an interval is as exact as the share beside it", () => {
  expect([0.016, 0.0006, 0.000197, 0].map(format.margin)).toEqual(["± 1.6", "± 0.1", "± < 0.1", "± 0.0"]);
  expect([format.range(0.9993, 0.9988, 0.9998), format.range(0.9997, 0.9995, 0.9999), format.range(0.9997, 0.9992, 1, 0.0004)]).toEqual(["± 0.1", "± < 0.1", "(99.9 to 100.0)"]);
});

test("losses beside each other have as many digits", () => {
  expect([0.00779, 0.0078, 0.012, 1.5, 0].map(format.loss)).toEqual(["0.00779", "0.00780", "0.0120", "1.50", "0"]);
});

test("two sizes have one unit, the larger one's, unless it leaves too little of the smaller one", () => {
  const pairs = [[44_700_000, 1_860_000], [44_700_000, 910_000], [910_000, 44_700_000], [589_800, 13_040], [1_160_000, 7_920], [900, 120], [999_600, 20_000], [5_000, 0]] as const, told = ["44.7 → 1.86 MB", "44.7 → 0.91 MB", "0.91 → 44.7 MB", "590 → 13.0 KB", "1.16 MB → 7.92 KB", "900 → 120 B", "1.00 MB → 20.0 KB", "5.00 KB → 0 B"];
  expect(pairs.map(([from, to]) => format.change(from, to))).toEqual(told);
  expect(pairs.map(([from, to]) => formatChange(from, to))).toEqual(told); // as the command line says it
});

test("nothing is less than zero by rounding alone", () => {
  expect([format.points(-0.0004), format.points(-0.006), format.points(0.003)]).toEqual(["0.0", "−0.6", "+0.3"]);
  expect([format.tenths(-0.02), format.decibels(-0.04), format.hundredths(-0.004), format.tick(-1e-12, 0.1)]).toEqual(["0.0", "0.0 dB", "0.00", "0.0"]);
});
