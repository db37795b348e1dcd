import { expect, test } from "vitest";
import { samplesThatFit } from "../../../src/compression/data";
import type { Model } from "../../../src/onnx/model";
import { DataType } from "../../../src/onnx/tensor";
import { floats, modelBytes, open, value } from "../onnx/models";

/** One convolution on colour images. */
function network(size: number | string, channels: number, isHalf = false): Promise<Model> {
  const weight = isHalf ? { name: "w", dims: [channels, 3, 1, 1], type: DataType.FLOAT16, raw: new Uint8Array(2 * 3 * channels) } : floats("w", [channels, 3, 1, 1], new Float32Array(3 * channels));
  return open(modelBytes({
    inputs: [value("x", ["n", 3, size, size])], outputs: [value("y", ["n", channels, size, size])], initializers: [weight],
    nodes: [{ op: "Conv", inputs: ["x", "w"], outputs: ["y"] }],
  }));
}
const fitted = async (size: number, channels: number, isHalf = false): Promise<number> => samplesThatFit(await network(size, channels, isHalf), [3, size, size]);

test("as many samples are fitted to as plans are rated on, where memory has room for them", async () => {
  expect(await fitted(224, 24)).toBe(256);
});

test("of large maps no more than memory has room for, in floats", async () => {
  const held = async (size: number, channels: number): Promise<number> => 2 * await fitted(size, channels) * (3 + channels) * 4 * size ** 2;
  for (const [size, channels] of [[224, 96], [512, 64], [640, 32]]) {
    expect(await held(size, channels)).toBeGreaterThan(2.7e9);
    expect(await held(size, channels)).toBeLessThanOrEqual(3e9);
  }
  expect(await fitted(512, 64, true)).toBe(Math.floor(await fitted(512, 64) / 2)); // floats are what halves are fitted with
  expect(await fitted(4096, 64)).toBe(4); // whatever they take
});

test("of small ones more, and where sizes are open what inputs tell", async () => {
  expect(await fitted(32, 16)).toBe(953);
  expect(await fitted(32, 64)).toBe(953);
  expect(samplesThatFit(await network("s", 64), [3, 32, 32])).toBe(953);
  expect(samplesThatFit(await network("s", 64), [3, 640, 640])).toBe(16);
});
