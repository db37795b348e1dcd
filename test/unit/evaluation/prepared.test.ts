import { expect, test } from "vitest";
import { preparedVerdict, preparedWords } from "../../../src/evaluation/prepared";
import { changeOf } from "../../../src/protocol/estimates";
import type { Speech } from "../../../src/protocol/tuning-words";

const worth = (before: number, after: number, samples: number) => ({ before: { loss: 1, agreement: before }, after: { loss: 1, agreement: after }, samples });
const speech: Speech = { t: (message, ...args) => message.replace(/\{(\d)\}/g, (_, i: string) => String(args[Number(i)])), whole: String, percent: (share) => (100 * share).toFixed(1), loss: String, points: (share) => `${share > 0 ? "+" : ""}${(100 * share).toFixed(1)}` };

test("so few images cannot tell a small difference, and many can", () => {
  expect(preparedVerdict(worth(0.95, 0.93, 61))).toBe("unsure");
  expect(preparedVerdict(worth(0.95, 0.93, 5000))).toBe("harm");
  expect(preparedVerdict(worth(0.93, 0.95, 5000))).toBe("gain");
  expect(preparedVerdict(worth(0.95, 0.6, 61))).toBe("harm");
  expect(preparedVerdict(worth(0.9, 0.9, 1e6))).toBe("unsure");
});

test("errors of outputs that are no classes are told apart where they clearly differ", () => {
  const of = (before: number, after: number) => preparedVerdict({ before: { loss: before }, after: { loss: after }, samples: 100 });
  expect([of(0.02, 0.0201), of(0.02, 0.03), of(0.02, 0.01), of(0, 0)]).toEqual(["unsure", "harm", "gain", "unsure"]);
});

test("what is no gain says what to do, and a gain does not", () => {
  expect(preparedWords({ ...worth(0.95, 0.6, 61), steps: 15, planned: 60 }, speech)).toMatch(/^Its training was ended at step 15 of 60\. Preparing did harm: /);
  expect(preparedWords(worth(0.95, 0.6, 61), speech)).toMatch(/^Preparing did harm: compressed as asked for, agreement with the original is 95\.0 → 60\.0 % on 61 images kept from training \(-\d+\.\d to -\d+\.\d points\)\. Compress the original instead, or prepare it for longer\.$/);
  expect(preparedWords(worth(0.95, 0.93, 61), speech)).toMatch(/^Preparing made no measurable difference: .* \(-\d+\.\d to \+\d+\.\d points\)\. Compress the original, or prepare it for longer or with more images\.$/);
  expect(preparedWords(worth(0.6, 0.95, 61), speech)).toMatch(/^Preparing gained: compressed as asked for, agreement with the original is 60\.0 → 95\.0 % on 61 images kept from training \(\+\d+\.\d to \+\d+\.\d points\)\.$/);
});

test("the interval of a difference holds it, and nothing, to both sides, where nothing changed", () => {
  const [low, high] = changeOf(0.9, 0.95, 200);
  expect(low).toBeLessThan(0.05);
  expect(high).toBeGreaterThan(0.05);
  expect(changeOf(0.5, 0.5, 100)[0]).toBeCloseTo(-changeOf(0.5, 0.5, 100)[1], 10);
  expect(changeOf(1, 1, 50)[0]).toBeLessThan(0); // of so few images all right is not sure
});
