import { expect, test } from "vitest";
import { chooseWay, triesPruning, type Way } from "../../../src/compression/prune/choose";
import { Recipe } from "../../../src/compression/recipe";
import type { JobData } from "../../../src/compression/data";
import type { FitTools } from "../../../src/compression/fit";
import type { CompressRequest } from "../../../src/protocol/api";
import { KernelscopeError } from "../../../src/protocol/errors";
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

test("a size that no way reaches is tried with still fewer channels, and refused with the smallest of all that were tried", async () => {
  const tried: number[] = [], smallest = [7000, 6000, 5000, 4500, 3900], data: Partial<JobData> = { unseen: [] }, tools: Partial<FitTools> = {};
  const carryOut = async (pruning: { compute: number } | undefined): Promise<Way> => {
    tried.push(pruning?.compute ?? 0);
    throw new KernelscopeError("target-unreachable", `${smallest[tried.length - 1]} is the smallest`, { smallest: smallest[tried.length - 1] });
  };
  await expect(chooseWay(carryOut, model, data as JobData, tools as FitTools)).rejects.toThrow("3900 is the smallest");
  expect(tried).toEqual([0, 0.25, 0.5, 0.75, 0.9]);
});
