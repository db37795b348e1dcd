import { describe, expect, test } from "vitest";
import { changeText, evaluationLines, signed } from "../../../src/cli/intervals";
import { figures } from "../../../src/compression/evaluate";
import { beforeAndAfter, RunningMean } from "../../../src/evaluation/estimates";
import { Outcome } from "../../../src/evaluation/evaluate";
import { divergence } from "../../../src/evaluation/metrics";
import { Random } from "../../../src/numeric/random";

const SAMPLES = 120, CLASSES = 7, TIMES = { seconds: 1, samplesPerSecond: 120, device: "cpu" };
const random = new Random(3), reference = Float32Array.from({ length: SAMPLES * CLASSES }, () => 4 * random.next()), own = reference.map((v) => v + 1.5 * random.next());
const best = (row: Float32Array): number => row.indexOf(Math.max(...row)), row = (values: Float32Array, i: number): Float32Array => values.subarray(i * CLASSES, (i + 1) * CLASSES);
const labels = Array.from({ length: SAMPLES }, (_, i) => (i % 4 ? best(row(reference, i)) : i % CLASSES));

function evaluated(batch: number, isClassifier: boolean): ReturnType<typeof figures> {
  const outcome = new Outcome();
  for (let at = 0; at < SAMPLES; at += batch) {
    const of = (values: Float32Array) => ({ values: values.subarray(at * CLASSES, (at + batch) * CLASSES), count: batch, ...(isClassifier && { classes: CLASSES }) });
    outcome.add(of(own), isClassifier ? labels.slice(at, at + batch) : undefined, of(reference));
  }
  return figures(outcome, SAMPLES);
}

describe("two classifiers on the same images", () => {
  const found = evaluated(40, true), right = (values: Float32Array) => labels.map((label, i) => best(row(values, i)) === label);

  test("have a change of accuracy with the interval of pairs, and a mean divergence with that of images", () => {
    const before = right(reference), after = right(own), count = (wanted: [boolean, boolean]) => before.filter((one, i) => one === wanted[0] && after[i] === wanted[1]).length;
    expect(found.changes!.top1).toEqual(beforeAndAfter(count([true, true]), count([true, false]), count([false, true]), SAMPLES).change);
    expect(found.changes!.top1.high - found.changes!.top1.low).toBeLessThan(found.intervals!.top1[1] - found.intervals!.top1[0]); // surer than two shares
    const mean = new RunningMean();
    for (let i = 0; i < SAMPLES; i++) mean.add(divergence(row(reference, i), row(own, i)));
    const { value, low, high } = mean.estimate;
    expect([found.kl, ...found.intervals!.kl]).toEqual([value, low, high]);
  });

  test("are the same figures whatever the batches", () => { expect(evaluated(8, true)).toEqual(found); });

  test("say so line by line", () => {
    const lines = evaluationLines({ ...found, reference: { top1: 0.75, top5: 0.9 }, ...TIMES, notes: ["It rains."] });
    expect(lines[0]).toMatch(/^top-1 {6}[\d.]+ % \(95 %: [\d.]+ % to [\d.]+ %\), the reference 75\.00 %: −[\d.]+ points \(95 %: −[\d.]+ to [+−][\d.]+\)$/);
    expect(lines[1]).toMatch(/^top-5 {6}.*, the reference 90\.00 %: [+−][\d.]+ points \(95 %: /);
    expect(lines[3]).toMatch(/^KL {9}0\.\d{5} nats \(95 %: 0\.\d{5} to 0\.\d{5}\)$/);
    expect(lines.at(-1)).toBe("Note: It rains.");
  });
});

test("outputs that are no classes have an error and a ratio with intervals whose ends lie on both sides", () => {
  const { relativeError, sqnrDb, intervals, changes } = evaluated(40, false), [low, high] = intervals!.sqnrDb;
  expect(changes).toBeUndefined();
  expect(sqnrDb).toBeCloseTo(-20 * Math.log10(relativeError!), 6);
  expect(low).toBeLessThan(sqnrDb!);
  expect(high).toBeGreaterThan(sqnrDb!);
  expect(evaluationLines({ ...evaluated(40, false), ...TIMES })[0]).toMatch(/^error {6}[\d.]+e-1 \(95 %: [\d.]+e-1 to [\d.]+e-1\) of the outputs' size; SQNR [\d.]+ dB \(95 %: [\d.]+ to [\d.]+\)$/);
});

test("a change has its sign, a true minus among them", () => { expect(changeText({ value: -0.009, low: -0.014, high: 0.0012 })).toBe("−0.90 points (95 %: −1.40 to +0.12)"); });

test("figures that are negative have the sign that all others have", () => { expect([signed(-0.32), signed(20.06)]).toEqual(["−0.3", "20.1"]); });

test("a large network that takes seconds for an image says so", () => {
  const speed = (samplesPerSecond: number): string => evaluationLines({ ...evaluated(40, false), ...TIMES, samplesPerSecond })[1];
  expect([0.189, 12.34, 5123].map(speed)).toEqual(["120 images in 1.0 s, 0.189 a second on cpu.", "120 images in 1.0 s, 12.3 a second on cpu.", "120 images in 1.0 s, 5,120 a second on cpu."]);
});
