import { expect, test } from "vitest";
import { openDataset, type ImageAccess } from "../../../src/evaluation/dataset";
import { memorySource } from "../../../src/onnx/memory";
import type { ValueFacts } from "../../../src/protocol/api";
import { npy } from "../../helpers/npy";
import { png } from "../../helpers/png";

const input = (channels: number): ValueFacts => ({ name: "x", type: "float32", shape: ["n", channels, 2, 2] });
const folderOf = (files: Record<string, Uint8Array>): ImageAccess => ({ name: "images", list: async (of) => (of === "" ? Object.keys(files).map((name) => ({ name, folder: false })) : []), open: async (name) => memorySource(files[name]) });
const image = (colour: readonly [number, number, number]): Uint8Array => png(Uint8Array.from({ length: 12 }, (_, i) => colour[i % 3]), 2, 2);
const doubtsOf = async (files: Record<string, Uint8Array>, channels: number) => (await openDataset(folderOf(files), input(channels))).doubts;

test("grey images are doubted for a model that takes colours, and for no other", async () => {
  const grey = { "a.png": image([9, 9, 9]), "b.png": image([200, 200, 200]) }, array = { "images.npy": npy([3, 2, 2, 1], new Uint8Array(12)) };
  for (const files of [grey, array]) {
    expect(await doubtsOf(files, 3)).toEqual(["The images are grey and the model takes colours, so each grey goes into all three channels."]);
    expect(await doubtsOf(files, 1)).toEqual([]);
  }
});

test("one image in colour is enough", async () => {
  expect(await doubtsOf({ "a.png": image([9, 9, 9]), "b.png": image([9, 9, 9]), "c.png": image([9, 80, 9]) }, 3)).toEqual([]);
  expect(await doubtsOf({ "images.npy": npy([2, 2, 2, 3], new Uint8Array(24)) }, 3)).toEqual([]);
});
