import * as ort from "onnxruntime-node";
import { expect, test } from "vitest";
import { countOf, GraphBuilder, PIXELS, TAPS } from "../../../src/training/graph";
import { plain } from "../../../src/training/operators/convolution/plain";
import { linesOf, separable } from "../../../src/training/operators/convolution/separable";
import { outputOf, type ConvolutionShape } from "../../../src/training/operators/convolution/shape";
import { unfolded } from "../../../src/training/operators/convolution/unfolded";
import { wave } from "../onnx/models";

/** Every way to convolve gives what onnxruntime's own operators give, whichever way a layer would take. */

const layer = (n: number, c: number, m: number, size: [number, number], kernel: [number, number], strides: [number, number] = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1]): ConvolutionShape =>
  ({ input: [n, c, ...size], weight: [m, c, ...kernel], groups: 1, kernel, strides, pads, dilations });

const LAYERS = [
  ...[1, 2, 3, 4, 5, 7, 8, 14, 28, 32].map((side) => layer(3, 4, 5, [side, side], [3, 3])), ...[1, 2, 4, 5, 7, 8, 14].map((side) => layer(2, 4, 5, [side, side], [3, 3], [2, 2])),
  layer(1, 6, 4, [56, 40], [3, 3]), layer(70, 2, 3, [32, 16], [3, 3]), layer(2, 4, 5, [9, 13], [3, 3], [1, 1], [0, 2, 1, 0]), layer(2, 4, 5, [2, 2], [3, 3], [1, 1], [0, 1, 1, 0]), layer(2, 4, 5, [9, 9], [3, 3], [3, 2], [2, 0, 0, 1]),
  layer(2, 4, 5, [9, 8], [1, 1], [1, 1], [0, 0, 0, 0]), layer(2, 4, 5, [9, 8], [1, 1], [2, 3], [0, 0, 0, 0]), layer(2, 4, 5, [12, 9], [5, 5], [1, 1], [2, 2, 2, 2]), layer(2, 4, 5, [12, 15], [7, 7], [2, 2], [3, 3, 3, 3]), layer(2, 4, 5, [12, 9], [1, 3], [1, 1], [0, 1, 0, 1]), layer(2, 4, 5, [9, 9], [2, 2], [2, 2], [0, 0, 0, 0]),
  layer(2, 3, 5, [9, 9], [3, 3], [1, 2], [2, 2, 2, 2], [2, 2]),
];
const LABELLED = LAYERS.map((shape) => [`${shape.input.join("×")} by ${shape.weight.join("×")}, strides ${shape.strides.join()}, pads ${shape.pads.join()}`, shape] as const);

test.each(LABELLED)("%s", async (_name, shape) => {
  const g = new GraphBuilder(), x = g.input("x", shape.input, PIXELS), w = g.input("w", shape.weight, TAPS), dims = outputOf(shape), dy = g.input("dy", dims, PIXELS);
  const ways = { plain, unfolded, ...(linesOf(shape) ? { separable } : {}) };
  for (const [name, formulation] of Object.entries(ways)) {
    const { output, backward } = formulation(g, shape, x, w), { dx, dw } = backward(dy, formulation !== unfolded, true);
    for (const [key, value] of Object.entries({ output, dx, dw })) if (value) g.output(`${name} ${key}`, g.plain(value));
  }
  const stored = (sizes: readonly number[], order: readonly number[], seed: number) => new ort.Tensor("float32", wave(countOf(sizes), seed), order.map((axis) => sizes[axis]));
  const results = await (await ort.InferenceSession.create(g.build(), { logSeverityLevel: 3 })).run({ x: stored(shape.input, PIXELS, 1), w: stored(shape.weight, TAPS, 2), dy: stored(dims, PIXELS, 3) });
  for (const name of Object.keys(ways).slice(1)) for (const key of ["output", "dw", ...(name === "unfolded" ? [] : ["dx"])]) {
    const a = results[`${name} ${key}`].data as Float32Array, b = results[`plain ${key}`].data as Float32Array;
    const energy = b.reduce((sum, value) => sum + value ** 2, 0), difference = a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0);
    expect(a.length).toBe(b.length);
    expect(Math.sqrt(difference / energy), `${name} ${key}`).toBeLessThan(1e-5);
  }
});
