import { expect, test } from "vitest";
import { atTemperature, temperatureOf } from "../../../src/evaluation/temperature";
import { logProbabilities } from "../../../src/evaluation/metrics";
import { Random } from "../../../src/numeric/random";

const CLASSES = 5;

/** Outputs in batches, and labels drawn from their probabilities at a temperature. */
function drawn(temperature: number, samples = 4000): { outputs: { data: Float32Array; dims: number[] }[]; labels: number[] } {
  const random = new Random(11, 2), data = Float32Array.from({ length: samples * CLASSES }, () => 6 * random.next()), labels: number[] = [];
  for (let i = 0; i < samples; i++) {
    const at = random.next(), shares = atTemperature(logProbabilities(data.slice(i * CLASSES, (i + 1) * CLASSES)), temperature).map(Math.exp);
    let sum = 0;
    labels.push(Math.max(0, shares.findIndex((share) => (sum += share) > at)));
  }
  return { outputs: [0, 1].map((half) => ({ data: data.subarray(half * data.length / 2, (half + 1) * data.length / 2), dims: [samples / 2, CLASSES] })), labels };
}

test.each([0.7, 1, 2])("finds the temperature that labels were drawn at, %d", (temperature) => {
  const { outputs, labels } = drawn(temperature);
  expect(temperatureOf(outputs, labels)).toBeGreaterThan(0.9 * temperature);
  expect(temperatureOf(outputs, labels)).toBeLessThan(1.1 * temperature);
});

test("probabilities at another temperature are probabilities, in the same order", () => {
  const logs = logProbabilities([1, 4, 2, -3]), warm = atTemperature(logs, 3);
  expect(warm.reduce((sum, v) => sum + Math.exp(v), 0)).toBeCloseTo(1, 12);
  expect([...warm.keys()].sort((a, b) => warm[a] - warm[b])).toEqual([...logs.keys()].sort((a, b) => logs[a] - logs[b]));
  expect(warm[1]).toBeLessThan(logs[1]);
  expect(atTemperature(Float64Array.of(0, -Infinity), 2)[0]).toBe(0);
});

test("labels that the network does not know, and none, leave it as it is", () => {
  const { outputs, labels } = drawn(1);
  expect(temperatureOf(outputs, labels.map((label) => (label + 1) % CLASSES))).toBe(1);
  expect(temperatureOf(outputs, [])).toBe(1);
});
