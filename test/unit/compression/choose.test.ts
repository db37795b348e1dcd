import { expect, test } from "vitest";
import { triesPruning } from "../../../src/compression/prune/choose";
import { Recipe } from "../../../src/compression/recipe";
import type { CompressRequest } from "../../../src/protocol/api";
import { floats, modelBytes, open, value, wave } from "../onnx/models";

const CHANNELS = 64, WEIGHTS = CHANNELS * CHANNELS * 9;
const model = await open(modelBytes({
  initializers: [floats("w", [CHANNELS, CHANNELS, 3, 3], wave(WEIGHTS))], nodes: [{ op: "Conv", inputs: ["x", "w"], outputs: ["y"] }], inputs: [value("x", [1, CHANNELS, 8, 8])], outputs: [value("y")],
}));
const tries = (request: Partial<CompressRequest>, layers = {}) => triesPruning({ request: { model: "m.onnx", data: "images", ...request }, recipe: Recipe.parse({ layers }), embedded: "" }, { model, bytes: 4 * WEIGHTS });
/** So many bits for each weight. */
const target = (bits: number) => `${Math.floor(bits * WEIGHTS / 8)}B`;

test("a size that leaves few bits for each weight is tried with fewer channels, a larger one is not", () => {
  expect([tries({ target: target(0.7) }), tries({ target: target(0.8) }), tries({ target: "50x" }), tries({ target: "40x" })]).toEqual([true, false, true, false]);
});

test("what a job says of pruning holds at any size", () => {
  expect([tries({ prune: "auto", target: target(4) }), tries({ prune: false, target: target(0.2) }), tries({ prune: { compute: 0.25 }, target: target(0.2) })]).toEqual([true, false, false]);
});

test("nothing is tried by itself without a size or images, where the graph is to stay, or where something else is learned", () => {
  const small = { target: target(0.2) };
  expect([{ bits: 0.2 }, { preset: "smallest" as const }, { ...small, data: undefined }, { ...small, trim: false }, { ...small, layout: "dense" as const }, { ...small, prepare: true }, { ...small, schedule: "joint" as const }, { ...small, method: "wavelet" }].map((request) => tries(request))).toEqual(Array.from({ length: 8 }, () => false));
  expect([tries(small, { w: { method: "wavelet" } }), tries(small, { w: { method: "kernel" } })]).toEqual([false, true]);
});
