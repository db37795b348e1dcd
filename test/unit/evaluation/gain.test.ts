import { expect, test } from "vitest";
import { GainMeter } from "../../../src/evaluation/gain";
import { divergence } from "../../../src/evaluation/metrics";
import { Random } from "../../../src/numeric/random";
import { verdictOf } from "../../../src/protocol/estimates";

/** Outputs of a classifier with three classes, and versions of it that are off by so much. */
function outputs(samples: number, ...off: number[]): Float32Array[] {
  const random = new Random(7), original = Float32Array.from({ length: 3 * samples }, () => 2 * (random.next() - random.next()));
  return [original, ...off.map((size) => original.map((v) => v + size * (random.next() - random.next())))];
}
function gainOf(samples: number, [original, before, after]: readonly Float32Array[], isClassifier = true) {
  const meter = new GainMeter(), half = 3 * Math.floor(samples / 2);
  for (const [from, to] of [[0, half], [half, 3 * samples]]) meter.add(original.subarray(from, to), before.subarray(from, to), after.subarray(from, to), (to - from) / 3, isClassifier);
  return meter.gain!;
}

test("a gain is that of each sample, whatever the batches", () => {
  const all = outputs(100, 1, 0.5), { samples, loss, agreement } = gainOf(100, all), [original, before, after] = all;
  const rows = (values: Float32Array) => Array.from({ length: 100 }, (_, i) => values.subarray(3 * i, 3 * i + 3)), best = (row: Float32Array) => row.indexOf(Math.max(...row));
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / 100, wanted = rows(original);
  expect(samples).toBe(100);
  for (const [side, values] of [["before", before], ["after", after]] as const) {
    expect(loss[side].value).toBeCloseTo(mean(rows(values).map((row, i) => divergence(wanted[i], row))), 6);
    expect(agreement![side].value).toBeCloseTo(mean(rows(values).map((row, i) => Number(best(row) === best(wanted[i])))), 9);
  }
  expect(agreement!.change.value).toBeCloseTo(agreement!.after.value - agreement!.before.value, 9);
  expect(loss.change.value).toBeCloseTo(loss.after.value - loss.before.value, 6);
});

test("what samples can tell decides what is said of it", () => {
  expect(verdictOf(gainOf(1000, outputs(1000, 1, 0.3)))).toBe("more");
  expect(verdictOf(gainOf(30, outputs(30, 0.6, 0.3)))).toBe("nearer"); // too few for predictions
  expect(verdictOf(gainOf(1000, outputs(1000, 0.3, 1)))).toBe("farther");
  expect(verdictOf(gainOf(1000, outputs(1000, 0.5, 0.5)))).toBe("unsure");
  const { loss, agreement, samples } = gainOf(1000, outputs(1000, 1, 0.3)), fewer = { ...agreement!, change: { value: -0.05, low: -0.07, high: -0.03 } };
  expect(verdictOf({ samples, loss, agreement: fewer })).toBe("farther"); // whatever the loss says
});

test("of a model that is no classifier it is the relative squared error", () => {
  const [original, before, after] = outputs(200, 0.2, 0.1), { loss, agreement } = gainOf(200, [original, before, after], false), energy = (values: Float32Array) => values.reduce((sum, v) => sum + v * v, 0);
  expect(agreement).toBeUndefined();
  expect(loss.before.value).toBeCloseTo(energy(before.map((v, i) => v - original[i])) / energy(original), 6);
  expect(loss.after.value).toBeCloseTo(energy(after.map((v, i) => v - original[i])) / energy(original), 6);
  expect(loss.change.high).toBeLessThan(0);
});

test("without samples there is none", () => expect(new GainMeter().gain).toBeUndefined());
