import { expect, test } from "vitest";
import { EffectMeter } from "../../../src/compression/effect";

const logits = (...shares: number[][]): { data: Float32Array; dims: number[] } => ({ data: Float32Array.from(shares.flat(), Math.log), dims: [shares.length, shares[0].length] });
const sure = [0.8, 0.1, 0.1], unsure = [0.4, 0.35, 0.25], other = [0.1, 0.8, 0.1], third = [0.1, 0.1, 0.8];

test("flips cost what the original's probabilities say, or what labels do where they are known", () => {
  const reference = new Map([["y", [logits(sure, unsure), logits(unsure, sure)]]]);
  const effectOf = (labels?: Int32Array[]) => {
    const meter = new EffectMeter(reference, labels);
    meter.add(0, { y: logits(sure, other) });
    meter.add(1, { y: logits(third, other) });
    return meter.effect;
  };
  expect(effectOf()).toMatchObject({ disagreement: 3 / 4, samples: 4 });
  expect(effectOf().lost).toBeCloseTo((0.05 + 0.15 + 0.7) / 4, 6);
  expect(effectOf([Int32Array.of(0, 0), Int32Array.of(2, 0)]).lost).toBe((1 - 1 + 1) / 4); // from right to wrong, from wrong to right, from right to wrong
  expect(effectOf([Int32Array.of(0, 2), Int32Array.of(1, 1)]).lost).toBe(-1 / 4); // from wrong to wrong twice, from wrong to right
});

test("outputs that are no classifier's have their error, relative to their energy", () => {
  const meter = new EffectMeter(new Map([["y", [{ data: Float32Array.of(3, 4), dims: [1, 2, 1] }]]]));
  meter.add(0, { y: { data: Float32Array.of(3, 3), dims: [1, 2, 1] } });
  expect(meter.effect).toEqual({ loss: 1 / 25, disagreement: 0, lost: 0, samples: 0 });
});
