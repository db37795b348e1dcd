import { expect, test } from "vitest";
import { affineFrom } from "../../../src/compression/follow";
import { channelMoments } from "../../../src/compression/moments";
import { wave } from "../onnx/models";

const CHANNELS = 3, COUNT = 500;
const original = wave(CHANNELS * COUNT), outputs = (map: (v: number, channel: number) => number) => [{ dims: [COUNT, CHANNELS], data: original.map((v, i) => map(v, i % CHANNELS)) }];
const plain = outputs((v) => v);

test("a factor and an offset for each channel bring back its mean and variance", () => {
  const { factor, offset } = affineFrom(channelMoments(plain, outputs((v, m) => (v - m) / (m + 0.5)), CHANNELS, true));
  for (let m = 0; m < CHANNELS; m++) {
    expect(factor[m]).toBeCloseTo(m + 0.5, 4);
    expect(offset[m]).toBeCloseTo(m, 4);
  }
});

test("one factor for all channels brings back the variance that they have together, and every mean", () => {
  const noisy = outputs((v, m) => (v - m) / (m + 0.5)), moments = channelMoments(plain, noisy, CHANNELS, true), { factor, offset } = affineFrom(moments, true), mean = (sum: Float64Array, m: number) => sum[m] / COUNT;
  expect(new Set(factor).size).toBe(1);
  const variance = (squares: Float64Array, sum: Float64Array) => squares.reduce((all, s, m) => all + s / COUNT - mean(sum, m) ** 2, 0);
  expect(factor[0] ** 2 * variance(moments.zz, moments.z)).toBeCloseTo(variance(moments.yy, moments.y), 6);
  for (let m = 0; m < CHANNELS; m++) expect(factor[m] * mean(moments.z, m) + offset[m]).toBeCloseTo(mean(moments.y, m), 6);
});
