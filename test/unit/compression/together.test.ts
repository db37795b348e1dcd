import { expect, test } from "vitest";
import { halfOf, spreadOf, togetherOf, type Observed } from "../../../src/compression/together";
import { flipsAt, lostBy, type Prediction } from "../../../src/protocol/plan";

const prediction: Prediction = { of: "agreement", slope: 0.2, slopes: [0.1, 0.4], bend: 0.5 };
/** A plan as it comes out where its loss and its flips are of one mind. */
const observed = (predicted: number, loss: number, samples: number): Observed => ({ predicted, loss, disagreement: flipsAt(prediction, loss), samples });

test("the more samples a plan was seen on, the more it counts beside what is usual", () => {
  const measured = [10, 100, 1000, 1e5].map((samples) => togetherOf([observed(0.2, 0.02, samples)], prediction)[0].measured);
  for (const [i, one] of measured.entries()) {
    expect(one).toBeLessThan(i ? measured[i - 1] : 0.2);
    expect(one).toBeGreaterThan(0.02);
  }
  expect(measured[3]).toBeLessThan(1.05 * 0.02);
});

test("flips count beside the loss, so that a prediction of flips comes near to what flipped", () => {
  const [one] = togetherOf([{ predicted: 0.2, loss: 0.02, disagreement: 0.09, samples: 2000 }], prediction), by = { ...prediction, together: [one] };
  expect(flipsAt(by, 0.2)).toBeGreaterThan(0.08);
  expect(flipsAt(by, 0.2)).toBeLessThan(0.095);
});

test("flips among the samples that a plan was fitted to count as far as they can tell of others", () => {
  const few = { predicted: 0.02, loss: 0.005, disagreement: 0.02, samples: 100 }, of = (fitted?: Observed["fitted"]): number => togetherOf([{ ...few, fitted }], prediction)[0].measured, share = 0.5 * few.disagreement;
  expect(of({ disagreement: share, samples: 400 })).toBeLessThan(of());
  expect(of({ disagreement: share, samples: 4000 })).toBeLessThan(of({ disagreement: share, samples: 400 }));
  // however many they are, they stay flattered
  expect(of({ disagreement: share, samples: 1e8 })).toBeGreaterThan((share / prediction.slope) ** 2);
  expect(of({ disagreement: 0, samples: 0 })).toBe(of());
});

test("no flip at all is no proof of none, and of outputs that are no classes the loss alone tells", () => {
  const [still] = togetherOf([{ predicted: 0.01, loss: 0, disagreement: 0, samples: 100 }], prediction), [outputs] = togetherOf([{ predicted: 0.01, loss: 0.001, disagreement: 0, samples: 0 }], { ...prediction, of: "outputs" });
  expect(still.measured).toBeGreaterThan(0);
  expect(still.measured).toBeLessThan(0.01);
  expect(outputs.measured).toBeGreaterThan(0.001);
  expect(outputs.measured).toBeLessThan(0.0012);
});

test("plans stand in order, and one that would have more lose less is left out", () => {
  const all = togetherOf([observed(0.3, 0.05, 1e5), observed(0.1, 0.2, 1e5), observed(0.05, 0.01, 1e5)], prediction);
  expect(all.map(({ predicted }) => predicted)).toEqual([0.05, 0.1]);
});

test("of flips that change little the half rises to what was seen, as far as so many can tell; without labels it stays", () => {
  const half = 0.2, d = 0.1, lost = lostBy(d, half), of = (samples: number): number => halfOf([{ predicted: 1, loss: 1, disagreement: d, lost, samples }], 0.001);
  expect(of(1e5)).toBeGreaterThan(0.19);
  expect(of(1e5)).toBeLessThan(0.21);
  expect(of(300)).toBeGreaterThan(0.001);
  expect(of(300)).toBeLessThan(of(1e5));
  expect(halfOf([{ predicted: 1, loss: 1, disagreement: d, samples: 300 }], 0.05)).toBeCloseTo(0.05, 12);
  // that fewer are wrong than before is chance
  expect(halfOf([{ predicted: 1, loss: 1, disagreement: d, lost: -0.01, samples: 100 }], 0.05)).toBeGreaterThan(0.05);
});

test("good and bad cases come nearer the more samples plans were seen on, and never as near as if one plan were the other", () => {
  const spreads = [10, 100, 1000, 1e6].map((samples) => spreadOf([observed(0.2, 0.02, samples), observed(0.4, 0.04, 5)], prediction));
  for (const [i, spread] of spreads.entries()) if (i) expect(spread).toBeLessThan(spreads[i - 1]);
  expect(spreads[3]).toBeGreaterThan(1.4);
  expect(spreads[3]).toBeLessThan(1.6);
});
