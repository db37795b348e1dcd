import { describe, expect, test } from "vitest";
import { Lessons } from "../../../src/compression/lessons";
import type { Dataset } from "../../../src/evaluation/dataset";
import type { Session } from "../../../src/runtime/runtime";

const CLASSES = 4, SIZE = 40, BATCH = 8, WATCHED = 10;
/** Samples of one number, which says the class. */
const classOf = (position: number): number => (position * 7) % CLASSES;
const datasetWith = (labels?: Int32Array): Dataset => ({ size: SIZE, shape: [1], labels, notes: [], batch: async (positions) => Float32Array.from(positions, classOf), nameOf: String });
/** An original that knows the classes of all samples. */
const teacher: Session = {
  inputNames: ["x"], outputNames: ["y"], device: "cpu", release: async () => undefined,
  run: async ({ x: { data } }) => ({ y: { dims: [data.length, CLASSES], data: Float32Array.from({ length: data.length * CLASSES }, (_, i) => (i % CLASSES === Number(data[Math.floor(i / CLASSES)]) ? 5 : 0)) } }),
};
const labels = (of: (position: number) => number): Int32Array => Int32Array.from({ length: SIZE }, (_, i) => of(i));
const positions = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
const lessonsOn = (dataset: Dataset) => new Lessons({ dataset, trained: positions(WATCHED, SIZE), watched: positions(0, WATCHED), batch: BATCH, seed: 1, input: "x", teacher, outputs: ["y"] });

test("a step's samples come with what the original makes of them, and with their labels where asked for", async () => {
  const lessons = lessonsOn(datasetWith(labels(classOf)));
  for (let step = 0; step < 5; step++) {
    const { samples, teacher: [predicted], labels: rows } = await lessons.batch(step, true);
    expect(samples.dims).toEqual([BATCH, 1]);
    expect(rows!.dims).toEqual([BATCH, CLASSES]);
    expect(Array.from(rows!.data)).toEqual(Array.from(predicted.data, (v) => v / 5));
  }
  expect((await lessons.batch(0)).labels).toBeUndefined();
  expect(await lessons.batch(2, true)).toEqual(await lessons.batch(2, true));
});

describe("labels are not learned from", () => {
  const problemOf = async (of?: (position: number) => number) => {
    const lessons = lessonsOn(datasetWith(of && labels(of)));
    return lessons.problemWithLabels(await lessons.heldOut());
  };
  test("unless the original knows them", async () => {
    expect(await problemOf(classOf)).toBeUndefined();
    expect(await problemOf((i) => (classOf(i) + 1) % CLASSES)).toBe("Labels were not learned from, because the original predicts 0 % of them: they seem to be of other classes, or in another order.");
  });
  test("where there are none, or too many", async () => {
    expect(await problemOf()).toContain("the images have none");
    expect(await problemOf((i) => classOf(i) + (i === 33 ? CLASSES : 0))).toContain("classes that this model does not have: it has 4.");
  });
});
