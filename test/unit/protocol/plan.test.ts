import { expect, test } from "vitest";
import { flipsAt, lostTogether, type Prediction, type Together } from "../../../src/protocol/plan";

const prediction = (...together: Together[]): Prediction => ({ of: "agreement", slope: 0.2, slopes: [0.1, 0.4], bend: 0.5, together });

test("without a file that was written layers lose what each does by itself", () => {
  expect(lostTogether(prediction(), 0.3)).toBe(0.3);
  expect(flipsAt(prediction(), 0.04)).toBeCloseTo(0.2 * 0.2 * 1.04 ** 0.5, 12);
});

test("what files have shown holds at their losses, in between on a line of logarithms, beyond as the nearest has it", () => {
  const known = prediction({ predicted: 0.01, measured: 0.001 }, { predicted: 1, measured: 0.4 });
  for (const [sum, lost] of [[0.01, 0.001], [1, 0.4], [0.1, 0.02], [0.001, 0.0001], [10, 4]]) expect(lostTogether(known, sum)).toBeCloseTo(lost, 12);
  expect(lostTogether(prediction({ predicted: 0.01, measured: 0.001 }), 0.5)).toBeCloseTo(0.05, 12);
  expect(lostTogether(known, 0)).toBe(0);
  expect(flipsAt(known, 1)).toBeCloseTo(0.2 * Math.sqrt(0.4) * 1.4 ** 0.5, 12);
});

test("what rounding activations costs is nothing that layers make up for", () => {
  const known = { ...prediction({ predicted: 0.01, measured: 0.001 }), rounding: 0.02 };
  expect(lostTogether(known, 0.02)).toBe(0.02);
  expect(lostTogether(known, 0.03)).toBeCloseTo(0.021, 12);
});

test("more is never predicted to lose less", () => {
  const known = prediction({ predicted: 0.001, measured: 0.0009 }, { predicted: 0.01, measured: 0.001 }, { predicted: 0.02, measured: 0.03 });
  const losses = Array.from({ length: 200 }, (_, i) => lostTogether(known, 1e-4 * 1.05 ** i));
  for (const [i, loss] of losses.entries()) expect(loss).toBeGreaterThan(i ? losses[i - 1] : 0);
});
