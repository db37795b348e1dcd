import { expect, test, vi } from "vitest";
import { methodById } from "../../../src/methods/registry";
import { findLayers } from "../../../src/onnx/layers";
import { floats, modelBytes, open, value, wave } from "../onnx/models";

// the page's start is read off its document
vi.stubGlobal("document", { body: { dataset: { start: JSON.stringify({ language: "en", strings: {} }) } } });
vi.stubGlobal("acquireVsCodeApi", () => ({}));
const { choiceParts } = await import("../../../webview/recipe/choice-text");

const model = await open(modelBytes({ inputs: [value("x", [1, 16, 8, 8])], outputs: [value("y")], initializers: [floats("w", [32, 16, 3, 3], wave(4608))], nodes: [{ op: "Conv", inputs: ["x", "w"], outputs: ["y"] }] }));
const [layer] = findLayers(model);

test.each([
  ["kernel", { block: 9, words: 64, valueBits: 6 }, "3×3 · 64 codewords"],
  ["kernel", { block: 18, words: 2048, valueBits: 6, book: "a" }, "2×3×3 · 2,048 codewords · shared"],
  ["product", { block: 1, words: 16, valueBits: 8, scale: "layer" }, "single · 16 codewords · one scale"],
  ["integer", { bits: 5 }, "int · 5 bits"],
  ["sparse", { density: 0.25, bits: 4, block: 9 }, "3×3 · 25 % · int 4 bits"],
  ["sparse", { density: 0.052, bits: 4, block: 1 }, "5.2 % · int 4 bits"],
  ["wavelet", { wavelet: "db2", length: 4, levels: 3, summed: 2, fixed: false }, "2 × 3 levels · 4 taps, from db2"],
  ["wavelet", { wavelet: "haar", length: 2, levels: 3, summed: 1, fixed: true }, "1 × 3 levels · 2 taps, haar"],
])("%s with %j is told as %s", (id, options, told) => {
  expect(choiceParts({ traits: methodById(id).traits(layer, options) }).join(" · ")).toBe(told);
});
