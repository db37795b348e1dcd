import { expect, test } from "vitest";
import { channelFactors, relativeGains, sqnr, withFactors } from "../../../src/compression/seen";
import { findLayers } from "../../../src/onnx/layers";
import { buildModel } from "../../../src/onnx/build";
import { DataType } from "../../../src/onnx/tensor";
import { floats, open, wave } from "../onnx/models";

async function layerOf(dims: number[], group: number) {
  const model = await open(buildModel({
    nodes: [{ op: "Conv", inputs: ["x", "w"], outputs: ["y"], attributes: { group, kernel_shape: dims.slice(2) } }], initializers: [floats("w", dims, wave(dims.reduce((a, b) => a * b, 1)))],
    inputs: [{ name: "x", type: DataType.FLOAT, shape: [1, dims[1] * group, 8, 8] }], outputs: [{ name: "y", type: DataType.FLOAT }],
  }));
  return findLayers(model)[0];
}

test("rows whose channels were scaled are the original's up to these factors, and noise is told apart from them", async () => {
  const layer = await layerOf([6, 5, 3, 3], 1), original = wave(6 * 5 * 9, 4), outputs = [1, 2, 0.5, 8, 1, 3], inputs = [4, 0.25, 1, 16, 2];
  const scaled = withFactors(layer, original, { outputs, inputs }), factors = channelFactors(layer, original, scaled);
  expect(sqnr(original, scaled)).toBeLessThan(5);
  expect(sqnr(original, withFactors(layer, scaled, factors))).toBeGreaterThan(60);
  const noisy = scaled.map((v, i) => v * (1 + 0.02 * wave(1, i)[0])), found = sqnr(original, withFactors(layer, noisy, channelFactors(layer, original, noisy)));
  expect(found).toBeGreaterThan(35);
  expect(found).toBeLessThan(45);
});

test("a channel that training gave up does not drown the others: its gain of nearly nothing is no factor", () => {
  const original = wave(18, 2), gains = [0.5, 1e-6], folded = original.map((v, i) => v * gains[Math.floor(i / 9)] + 1e-3 * wave(1, i)[0]), found = relativeGains(folded, [1, 1], original, gains);
  expect(found[0]).toBe(2);
  const seen = folded.map((v, i) => v * found[Math.floor(i / 9)]), energy = original.reduce((sum, v) => sum + v * v, 0), given = original.slice(9).reduce((sum, v) => sum + v * v, 0);
  expect(sqnr(original, seen)).toBeGreaterThan(10 * Math.log10(energy / given) - 0.1); // no worse than without the channel
});

test("depthwise layers have factors of their outputs alone; what is silent keeps its own", async () => {
  const layer = await layerOf([4, 1, 3, 3], 4), original = wave(36, 2), scaled = withFactors(layer, original, { outputs: [1, 3, 9, 27], inputs: [1] });
  scaled.fill(0, 9, 18);
  const factors = channelFactors(layer, original, scaled);
  expect(factors.outputs[1]).toBe(1);
  expect(factors.outputs[3]).toBeCloseTo(1 / 27, 4);
  expect(factors.inputs).toEqual(Float64Array.of(1));
});
