import { expect, test } from "vitest";
import { alikeDoubt, doubtOf, labelsOf } from "../../../src/evaluation/labels";

const nameOf = (position: number): string => `image ${position}`, set = { labels: Int32Array.of(0, 9, 77, -1), nameOf };

test("labels are those of the samples that are asked for, and none where the data has none", () => {
  expect(labelsOf(set, [1, 0], 10)).toEqual([9, 0]);
  expect(labelsOf({ nameOf }, [0], 10)).toBeUndefined();
});

test("a class that the model does not have is an error that names label, sample and number of classes", () => {
  expect(() => labelsOf(set, [0, 2], 10)).toThrow("The label of image 2 is 77, but this model has 10 classes, 0 to 9.");
  expect(() => labelsOf(set, [3], 10)).toThrow(expect.objectContaining({ code: "bad-data" }));
  expect(labelsOf(set, [2], 78)).toEqual([77]);
});

test("images that a model is hardly ever right about are doubted, unless there are too few to tell or no labels", () => {
  expect(doubtOf(0.1, 500, "The original")).toEqual([expect.stringMatching(/^The original is right about only 10\.0 % of these images\./)]);
  for (const [right, samples] of [[0.1, 6], [0.4, 500], [0.24, 500], [undefined, 500]] as const) expect(doubtOf(right, samples, "The original")).toEqual([]);
});

test("images without labels are doubted where a model gives nearly all the same class", () => {
  expect(alikeDoubt(1, "The original", "the 64 that were tried")).toEqual([expect.stringMatching(/^The original gives all of the 64 that were tried the same class\./)]);
  expect(alikeDoubt(0.97, "The original", "them")).toEqual([expect.stringContaining("gives nearly all of them")]);
  expect(alikeDoubt(0.9, "The original", "them")).toEqual([]);
});
