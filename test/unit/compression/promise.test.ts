import { expect, test } from "vitest";
import { flipsFor, isOffTarget, keepPromise, lossFor, nearest, trialOf } from "../../../src/compression/promise";

test("a preset's promise is missed when too many predictions flip, or far fewer than it allows", () => {
  const off = (preset: "nearly-lossless" | "balanced" | "smallest", disagreement: number) => isOffTarget(preset, { predicted: 1, disagreement });
  expect([0.002, 0.008, 0.011, 0.02].map((d) => off("nearly-lossless", d))).toEqual([true, false, false, true]);
  expect([0.008, 0.011, 0.025, 0.04].map((d) => off("balanced", d))).toEqual([true, false, false, true]);
  expect([0.01, 0.04, 0.055, 0.08].map((d) => off("smallest", d))).toEqual([true, false, false, true]);
  expect(off("smallest", 0)).toBe(false);
});

test("a trial of few samples believes their flips little, of many it believes them alone; one of no classifier teaches nothing", () => {
  const of = (flips: number, samples: number, loss = 0.0004) => trialOf(3, { loss, disagreement: flips / samples, lost: 0, samples }, 0.5).disagreement;
  // by its loss one in a hundred flips
  expect(of(4, 400)).toBeCloseTo(0.01, 12);
  expect(of(0, 400)).toBeCloseTo(0.008, 12);
  expect(of(12, 400)).toBeCloseTo(0.014, 12);
  expect(of(30_000, 1_000_000)).toBeCloseTo(0.03, 4);
  expect(trialOf(3, { loss: 0.1, disagreement: 0, lost: 0, samples: 0 }, 0.5)).toEqual({ predicted: 3, disagreement: 0 });
  // of 64 samples that all agree, one more would be 1.6 %: as if nothing could ever be nearly lossless
  expect(isOffTarget("nearly-lossless", { predicted: 3, disagreement: of(0, 64) })).toBe(false);
  expect(isOffTarget("nearly-lossless", { predicted: 3, disagreement: of(1, 64, 0.01) })).toBe(true);
});

test("without any flip in the ratings, a trial counts one more than it saw", () => {
  expect(trialOf(3, { loss: 0.1, disagreement: 0.02, lost: 0.01, samples: 400 }).disagreement).toBeCloseTo(0.0225, 12);
  expect(trialOf(3, { loss: 0, disagreement: 0, lost: 0, samples: 400 }, 0.5).disagreement).toBe(1 / 400);
});

test("of plans that were carried out, the one that makes the most of a promise without breaking it is kept", () => {
  const of = (...flips: number[]) => nearest("smallest", flips.map((disagreement) => ({ predicted: 1, disagreement })));
  expect(of(0.11, 0.017, 0.12)).toBe(1);
  expect(of(0.02, 0.055, 0.01)).toBe(1);
  expect(of(0.2, 0.09, 0.12)).toBe(1);
});

test("what a plan may lose lies between what two trials lost, and beyond them follows from the nearest", () => {
  const trials = [{ predicted: 0.4, disagreement: 0.08 }, { predicted: 0.1, disagreement: 0.02 }];
  expect(lossFor(0.04, trials)).toBeCloseTo(0.2, 12);
  expect(lossFor(0.02, trials)).toBeCloseTo(0.1, 12);
  expect(lossFor(0.01, trials)).toBeCloseTo(0.025, 12);
  expect(lossFor(0.16, trials)).toBeCloseTo(1.6, 12);
  // one trial is believed only so far
  expect(lossFor(0.5, trials.slice(1))).toBeCloseTo(1.6, 12);
  // trials that contradict each other lead to between them
  expect(lossFor(0.04, [{ predicted: 0.1, disagreement: 0.08 }, { predicted: 0.4, disagreement: 0.02 }])).toBeCloseTo(0.2, 12);
});

test("flips follow a line of logarithms through the nearest trials, beyond them no less steep than a root, as losses do", () => {
  const trials = [{ predicted: 0.4, disagreement: 0.08 }, { predicted: 0.1, disagreement: 0.02 }];
  for (const flips of [0.02, 0.03, 0.05, 0.08]) expect(flipsFor(lossFor(flips, trials), trials)).toBeCloseTo(flips, 12);
  expect(flipsFor(0.05, trials)).toBeCloseTo(0.01, 12);
  expect(flipsFor(0.8, trials)).toBeCloseTo(0.16, 12);
  expect(flipsFor(1e9, trials)).toBe(1);
  // a single trial, or two that say more flips for less, leave the root
  expect(flipsFor(0.025, trials.slice(1))).toBeCloseTo(0.01, 12);
  expect(flipsFor(0.025, [{ predicted: 0.1, disagreement: 0.02 }, { predicted: 0.4, disagreement: 0.01 }])).toBeCloseTo(0.01, 12);
});

test("plans are carried out until one keeps the promise, three at most, and the one that keeps it best is told with those before it", async () => {
  const carriedOut: number[] = [], keep = (flips: readonly (number | undefined)[]) => {
    carriedOut.length = 0;
    return keepPromise("balanced", async (missed) => {
      carriedOut.push(missed.length);
      const disagreement = flips[missed.length];
      return disagreement === undefined ? undefined : { predicted: 1 + missed.length, disagreement };
    });
  };
  expect(await keep([0.02])).toEqual({ missed: [], written: { predicted: 1, disagreement: 0.02 } });
  expect(await keep([0.005, 0.02])).toEqual({ missed: [{ predicted: 1, disagreement: 0.005 }], written: { predicted: 2, disagreement: 0.02 } });
  expect(carriedOut).toEqual([0, 1]);
  expect(await keep([0.005, 0.008, 0.1])).toMatchObject({ missed: [{ disagreement: 0.005 }], written: { disagreement: 0.008 } });
  expect(carriedOut).toEqual([0, 1, 2]);
  expect(await keep([0.005, undefined])).toBeUndefined(); // no images
});
