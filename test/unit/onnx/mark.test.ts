import { describe, expect, test } from "vitest";
import { encodeClassifier, NETWORKS } from "../../../bench/networks";
import { findChannels } from "../../../src/onnx/channels/channels";
import { leftOver, markChannels, originalWeights, spreadRows } from "../../../src/onnx/channels/mark";
import { keptOf, removeChannels } from "../../../src/onnx/channels/remove";
import { ModelEdit } from "../../../src/onnx/edit";
import { findLayers } from "../../../src/onnx/layers";
import { open, wave } from "./models";

/** LeNet without some channels of its convolutions, and one of its first linear layer. */
async function pruned(lie = false) {
  const model = await open(encodeClassifier(NETWORKS.lenet({ shape: [1, 28, 28], classes: 10, seed: 3 }))), layers = findLayers(model), channels = findChannels(model, { layers }), [first, second, third] = channels.groups;
  const gone = new Set([...first.channels.slice(3, 9), second.channels[0], ...second.channels.slice(40, 45), third.channels[799]]), edit = new ModelEdit(model);
  await removeChannels(channels, gone, edit);
  markChannels(edit, layers, channels, lie ? new Set([...gone, first.channels[19]]) : gone);
  return { model, channels, gone, small: await open(await edit.toBytes()) };
}

describe("what a model says of the channels that it has lost", () => {
  test("gives each layer the shape that it had, and the places of what is left", async () => {
    const { model, channels, gone, small } = await pruned(), left = leftOver(small, findLayers(small));
    for (const layer of findLayers(model)) {
      const own = [...channels.layers].find(([{ id }]) => id === layer.id)![1], found = left.get(layer.id), kept = (some: Int32Array | undefined) => (some?.some((channel) => gone.has(channel)) ? keptOf(some, gone) : undefined);
      expect(found).toEqual({ dims: layer.dims, outputs: kept(own.outputs), inputs: kept(own.inputs) });
    }
    const fc1 = findLayers(small)[2];
    expect(fc1.dims).toEqual([799, 44 * 16]);
    expect(originalWeights(fc1, left)).toBe(800 * 50 * 16);
    // sixteen places of the map for each channel take no more than one
    expect(small.metadata.get("kernelscope.channels")!.length).toBeLessThan(300);
  });

  test("is not believed where it does not fit the weights", async () => {
    const { small } = await pruned(true);
    expect(leftOver(small, findLayers(small)).size).toBe(0);
    expect(leftOver({ metadata: new Map() }, findLayers(small)).size).toBe(0);
  });

  test("puts rows into the places that they came from", () => {
    const left = { dims: [4, 3, 1, 2], outputs: [0, 2, 3], inputs: [1, 2] }, whole = wave(24), part = spreadRows(left, 0, whole, "cut");
    expect(part.length).toBe(12);
    const back = spreadRows(left, 0, part);
    back.forEach((v, i) => {
      const m = Math.floor(i / 6), c = Math.floor(i / 2) % 3;
      expect(v).toBe(m === 1 || c === 0 ? 0 : whole[i]);
    });
  });
});
