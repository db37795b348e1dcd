import { expect, test } from "vitest";
import { beforeAndAfter, Highest, RunningError, RunningMean, shareOf } from "../../../src/evaluation/estimates";
import { Random } from "../../../src/numeric/random";

test("a share has Wilson's interval, which stays between nothing and all", () => {
  expect(shareOf(0, 10)).toMatchObject({ value: 0, low: 0 });
  expect(shareOf(0, 10).high).toBeCloseTo(0.2775, 3);
  expect(shareOf(10, 10).value).toBe(1);
  expect(shareOf(10, 10).high).toBeCloseTo(1, 9);
  expect(shareOf(93, 100).low).toBeCloseTo(0.8625, 3);
});

test("a change between models that saw the same samples is surer than two shares by themselves", () => {
  const { before, after, change } = beforeAndAfter(800, 20, 10, 1000);
  expect(before.value).toBe(0.82);
  expect(after.value).toBe(0.81);
  expect(change.value).toBeCloseTo(-0.01, 12);
  expect(change.high - change.low).toBeCloseTo(2 * 1.96 * Math.sqrt((31 / 1002 - (10 / 1002) ** 2) / 1002), 4);
  expect(change.high - change.low).toBeLessThan(after.high - after.low);
});

test("that no sample changed does not rule out that others would", () => {
  const { change } = beforeAndAfter(98, 0, 0, 98);
  expect(change.value).toBe(0);
  expect(change.high).toBeCloseTo(1.96 * Math.sqrt(0.01 / 100), 4);
  expect(change.low).toBeCloseTo(-change.high, 12);
});

test("a running mean is the mean, with the normal interval", () => {
  const mean = new RunningMean(), values = [1, 4, 2, 8, 5];
  for (const value of values) mean.add(value);
  const { value, low, high } = mean.estimate, deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - 4) ** 2, 0) / 4);
  expect(value).toBeCloseTo(4, 12);
  expect(high - low).toBeCloseTo(2 * 1.96 * deviation / Math.sqrt(5), 3);
});

test("an error relative to its signal lies in the middle of an interval that holds the truth", () => {
  const random = new Random(5), truth = 0.2;
  let held = 0;
  for (let run = 0; run < 400; run++) {
    const error = new RunningError();
    for (let i = 0; i < 200; i++) {
      const signal = 1 + 4 * random.next();
      error.add(truth ** 2 * signal * 2 * random.next(), signal);
    }
    const { value, low, high } = error.estimate;
    expect(value - low).toBeCloseTo(high - value, 12);
    if (low <= truth && truth <= high) held++;
  }
  expect(held / 400).toBeGreaterThan(0.92);
  expect(held / 400).toBeLessThan(0.98);
});

test("a relative error is that of all samples together, never below nothing", () => {
  const error = new RunningError();
  error.add(1e12, 1e-6);
  for (let i = 0; i < 4; i++) error.add(0, 1);
  const { value, low, high } = error.estimate;
  expect(value).toBeCloseTo(Math.sqrt(1e12 / (4 + 1e-6)), 3);
  expect(low).toBeGreaterThanOrEqual(0);
  expect(high).toBeGreaterThan(value);
});

test("the highest of many are kept, whatever order they come in", () => {
  const ranks = Array.from({ length: 1000 }, (_, i) => i * 389 % 1000), kept = new Highest<number>(7);
  for (const rank of ranks) kept.add(rank, () => rank);
  expect(kept.values).toEqual([999, 998, 997, 996, 995, 994, 993]);
  kept.add(996.5, () => -1);
  expect(kept.values).toEqual([999, 998, 997, -1, 996, 995, 994]);
});
