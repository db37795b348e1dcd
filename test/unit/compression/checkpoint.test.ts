import { expect, test } from "vitest";
import { decode, encode, isTrainingState, JobRecord, type CheckpointStore } from "../../../src/compression/checkpoint";
import type { TunerState } from "../../../src/training/tuner";

const state: TunerState = {
  step: 3, steps: 10, loss: 0.25, arrays: [Float32Array.of(1, 2.5), Int32Array.of(7)], first: { loss: 2, agreement: 0.5 },
  best: { held: { loss: 1, agreement: 0.75 }, step: 2, arrays: [Float32Array.of(0, -1), Int32Array.of(6)] },
  device: "webgpu", every: 2, lowered: 1,
};

function storeOf(): CheckpointStore {
  const kept = new Map<string, Uint8Array>();
  return { load: async (key) => kept.get(key), save: async (key, value) => { kept.set(key, value); }, clear: async () => kept.clear() };
}

test("a training that was kept is found as it was", async () => {
  const store = storeOf();
  await new JobRecord(store, "stamp").training([]).save(state);
  expect(await new JobRecord(store, "stamp").training([]).load()).toEqual(state);
  expect(await new JobRecord(store, "another").training([]).load()).toBeUndefined();
});

test.each<[string, object]>([["arrays", { ...state, arrays: [[1, 2]] }], ["a number", { ...state, step: "3" }], ["a best", { ...state, best: undefined }], ["a first look", { ...state, first: {} }]])("one without %s is none", async (_name, broken) => {
  const store = storeOf(), record = new JobRecord(store, "stamp");
  await record.training([]).save(broken as TunerState);
  expect(await record.training([]).load()).toBeUndefined();
});

test("a training without a best is one all the same", () => {
  const { step, steps, loss, arrays } = state;
  expect(isTrainingState(decode(encode({ step, steps, loss, arrays })))).toBe(true);
  expect(isTrainingState(decode(encode({ step, steps, arrays })))).toBe(false);
});

test("arrays are read out of Node's buffers too, wherever they lie in them", () => {
  const arrays = [Float32Array.of(1, 2.5), Uint8Array.of(3, 4, 5), Int32Array.of(7)], bytes = encode(arrays, 8);
  expect(decode(Buffer.from(bytes).subarray(8))).toEqual(arrays);
});
