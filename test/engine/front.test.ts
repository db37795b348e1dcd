import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compressModel } from "../../src/compression/compress";
import { mergeRecipe } from "../../src/compression/goal";
import { outcomeKey } from "../../src/compression/promise";
import type { Outcome } from "../../src/compression/ratings";
import { frontOf } from "../../src/compression/front";
import { rateModel, rateRounding, type RatedModel } from "../../src/compression/rated";
import { tryWholePlans } from "../../src/compression/whole-plans";
import { CancelledError, KernelscopeError } from "../../src/protocol/errors";
import type { PresetId } from "../../src/protocol/api";
import { nodeHost, type NodeHost } from "../../src/worker/host";
import { flipsAt, lostTogether, type PlanFacts } from "../../src/protocol/plan";
import { compressWith } from "../helpers/compress";
import { npy } from "../helpers/npy";

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-front-")), model = path.resolve("samples/fashion-cnn.onnx"), data = path.resolve("samples/fashion-mnist");
let host: NodeHost, rated: RatedModel;
const jobOf = (recipe: object) => mergeRecipe({ model, data, recipe: path.join(folder, "a.kernelscope.json"), recipeText: JSON.stringify(recipe) }, host);
const front = async (recipe: object): Promise<PlanFacts> => frontOf(rated, await jobOf(recipe));

beforeAll(async () => {
  host = await nodeHost({ threads: 1, ratings: path.join(folder, "ratings"), scripts: path.resolve("dist") });
  const job = await jobOf({});
  rated = (await rateModel(job, await host.openModel(model), host, false, () => undefined))!;
  cpSync(path.join(folder, "ratings"), path.join(folder, "fresh"), { recursive: true });
});
afterAll(async () => {
  await rated.opened.close();
  await host.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A folder of ratings in which nothing has been carried out yet. */
function freshRatings(name: string): string {
  cpSync(path.join(folder, "fresh"), path.join(folder, name), { recursive: true });
  return path.join(folder, name);
}

const agreement = ({ prediction }: PlanFacts, loss: number): number => 1 - flipsAt(prediction, loss);

test("a front leads from the smallest file to the largest, always better; its first plan and steps give every plan", async () => {
  const { front: { first, layer, choice, bytes, bits, loss }, layers, input, preparation } = await front({ preset: "balanced" }), now = [...first];
  expect(preparation).toEqual({ channels: "gray", mean: [0.286], std: [0.353], scale: 1 / 255, resize: undefined, crop: undefined }); // as the folder has it
  expect(bytes.length).toBeGreaterThan(60);
  expect(bytes[0]).toBeLessThan(20_000);
  expect(bytes[bytes.length - 1]).toBeLessThanOrEqual(input.bytes + 20_000);
  layer.forEach((l, k) => {
    expect(layers[l].choices[choice[k]].bytes).toBeGreaterThan(layers[l].choices[now[l]].bytes);
    now[l] = choice[k];
    expect(bytes[k + 1]).toBeGreaterThanOrEqual(bytes[k]);
    expect(bits[k + 1]).toBeGreaterThanOrEqual(bits[k]);
    expect(loss[k + 1]).toBeLessThan(loss[k]);
    expect(loss[k + 1]).toBeCloseTo(now.reduce((sum, c, i) => sum + layers[i].choices[c].loss, 0), 9);
  });
  expect(now).toEqual(layers.map(({ choices }) => choices.length - 1)); // everything left as it is
});

test("a target's candidate is what a compression writes, byte for byte, and what the front says of that size", async () => {
  const recipe = { target: "80KB", layers: { "22.weight": { pin: "leave" }, "3.weight": { method: "kernel", options: { block: 9, words: 100 } } } };
  const { candidate, layers, front: { bytes, loss } } = await front(recipe), output = path.join(folder, "out.onnx"), file = path.join(folder, "b.kernelscope.json");
  writeFileSync(file, JSON.stringify(recipe));
  const report = await compressWith(path.join(folder, "jobs"), { model, data, recipe: file, output }, path.join(folder, "ratings"));
  expect(report.output.bytes).toBe(candidate.bytes);
  expect(candidate.bytes).toBeLessThanOrEqual(80_000);
  expect(report.convBitsPerWeight).toBeCloseTo(candidate.bits, 6);
  expect(report.layers.map(({ codewords, codebookBits, method }) => (method === "integer" ? codebookBits : codewords))).toEqual(candidate.choices.map((c, i) => layers[i].choices[c].options?.words ?? layers[i].choices[c].options?.bits));
  const near = bytes.findIndex((size) => size > candidate.bytes);
  expect(candidate.loss).toBeLessThan(1.05 * loss[near - 1]);
  expect(candidate.loss).toBeGreaterThan(0.8 * loss[near]);
});

test("presets stand where they promise", async () => {
  const facts = await front({}), at = Object.fromEntries(facts.presets.map((preset) => [preset.id, preset]));
  expect(facts.prediction).toMatchObject({ of: "agreement", samples: 256 });
  expect(agreement(facts, at["nearly-lossless"].loss)).toBeGreaterThanOrEqual(0.99);
  expect(at["nearly-lossless"].bytes).toBeGreaterThan(at.balanced.bytes);
  expect(at.balanced.bytes).toBeGreaterThan(at.smallest.bytes);
  expect(at.balanced.bytes).toBeLessThan(100_000); // ratings that take noise for worse than it is would show here
  expect(facts.candidate.bytes).toBe(at.balanced.bytes);
});

test("presets stay in order where one was carried out and its layers did less together than each by itself", async () => {
  const job = await jobOf({}), [, { loss }] = (await frontOf(rated, job)).presets, outcome: Outcome = { missed: [{ predicted: loss, disagreement: 0.005 }], written: { predicted: 16 * loss, disagreement: 0.02 } };
  const after = (known: PresetId) => frontOf({ ...rated, record: Object.create(rated.record, { outcome: { value: (key: string) => Promise.resolve(key === outcomeKey(known, job.recipe) ? outcome : undefined) } }) as typeof rated.record }, job);
  for (const known of ["balanced", "nearly-lossless"] as const) {
    const { presets } = await after(known), at = presets.findIndex(({ id }) => id === known);
    expect(presets[at].range).toBeUndefined();
    for (const [i, { id, bytes, range }] of presets.entries()) {
      if (i > at) expect(bytes, id).toBeLessThan(presets[at].bytes);
      if (i < at) expect(bytes, id).toBeGreaterThan(presets[at].bytes);
      if (i > at) expect(range![1], id).toBeLessThanOrEqual(presets[at].bytes);
      if (i < at) expect(range![0], id).toBeGreaterThanOrEqual(presets[at].bytes);
    }
  }
});

test("presets are told as they come out when they are chosen, whatever size a recipe asks for", async () => {
  const sizes = ({ presets }: PlanFacts) => presets.map(({ bytes }) => bytes), [chosen, ...sized] = [await front({}), await front({ target: "40KB" }), await front({ target: "200KB" })];
  for (const facts of sized) for (const [i, bytes] of sizes(facts).entries()) expect(Math.abs(bytes - sizes(chosen)[i])).toBeLessThan(64); // the recipe's own text in the file
  expect([chosen, ...sized, await front({ trim: true })].map(({ presetsLeaveGraph }) => presetsLeaveGraph)).toEqual([true, true, true, false]);
});

test("presets count what channels that are gone have lost already", async () => {
  const job = await jobOf({}), plain = await frontOf(rated, job), lost = plain.presets.find(({ id }) => id === "nearly-lossless")!.loss / 2;
  const facts = await frontOf({ ...rated, pruning: { before: { macs: 2, weights: 2 }, after: { macs: 1, weights: 1 }, effect: { loss: lost, agreement: 0.99 }, groups: [] } }, job);
  for (const [i, { id, bytes, loss }] of facts.presets.entries()) {
    expect(bytes, id).toBeGreaterThan(plain.presets[i].bytes);
    if (id === "nearly-lossless") expect(loss, id).toBeLessThan(1.1 * plain.presets[i].loss);
  }
});

test("pins hold at every size, and what they make impossible is said with the smallest that is left", async () => {
  const { front: { first, layer }, layers, problem, candidate } = await front({ target: "40KB", layers: { "17.weight": { pin: { atLeastBits: 4 } }, "14.weight": { method: "integer", options: { bits: 8 }, pin: "exact" } } });
  expect(problem).toMatch(/^40.0 KB cannot be reached\. The smallest possible is [\d.]+ KB with the pins as they are\.$/);
  expect(candidate.bytes).toBeGreaterThan(100_000);
  const at = layers.findIndex(({ id }) => id === "17.weight"), exact = layers.findIndex(({ id }) => id === "14.weight");
  expect(layers[at].choices[first[at]].bits).toBeGreaterThanOrEqual(4);
  expect(layers[exact].choices[first[exact]]).toMatchObject({ method: "integer", options: { bits: 8 } });
  expect(layers[exact].choices[first[exact]].loss).toBeGreaterThan(0); // it counts in the prediction
  expect([...layer]).not.toContain(exact);
});

test("a layer that a recipe gives wavelets is rated with them: they count in the prediction, and are not offered without being asked for", async () => {
  const rate = async (recipe: object): Promise<PlanFacts> => {
    const job = await jobOf(recipe), opened = await host.openModel(model), own = (await rateModel(job, opened, host, false, () => undefined))!, facts = await frontOf(own, job);
    await opened.close();
    return facts;
  };
  const wavelets = ({ layers }: PlanFacts) => layers.flatMap(({ id, choices }) => choices.filter(({ method }) => method === "wavelet").map(({ loss }) => ({ id, loss })));
  const pinned = await rate({ target: "60KB", layers: { "22.weight": { method: "wavelet", options: {} } } }), open = await rate({ target: "60KB", layers: { "22.weight": { method: "wavelet" } } }), plain = await rate({ target: "60KB" });
  expect([pinned, open, plain].map(({ notes }) => notes)).toEqual([[], [], []]);
  expect(wavelets(pinned).every(({ id, loss }) => id === "22.weight" && loss > 0)).toBe(true);
  expect(wavelets(pinned).length).toBeGreaterThan(0);
  expect(wavelets(open).length).toBeGreaterThan(0);
  expect(wavelets(plain)).toEqual([]);
  expect(pinned.candidate.loss).toBeGreaterThan(0.5 * wavelets(pinned)[0].loss);
  expect(plain.front.loss).toEqual((await front({ target: "60KB" })).front.loss); // ratings of other methods are what they were
});

test("a recipe that does not fit the model or its own rules is refused with its place", async () => {
  const placeOf = (recipe: object) => front(recipe).then(() => undefined, (error: unknown) => (error instanceof KernelscopeError ? error.details.path : error));
  expect(await placeOf({ layers: { nosuch: { pin: "leave" } } })).toBe('["layers","nosuch"]');
  expect(await placeOf({ target: "12 apples" })).toBe('["target"]');
  expect(await placeOf({ layers: { "3.weight": { method: "kernel", options: { block: 9, words: 1 } } } })).toBe('["layers","3.weight","options","words"]');
});

test("ratings are found again by another process, and not made where only known ones are wanted", async () => {
  const again = await nodeHost({ threads: 1, ratings: path.join(folder, "ratings"), scripts: path.resolve("dist") }), opened = await again.openModel(model), heard: string[] = [];
  const rate = async (request: object) => rateModel(await mergeRecipe({ model, ...request }, again), opened, again, true, ({ text }) => { heard.push(text); });
  expect((await rate({ data }))?.ratings).toEqual(rated.ratings.map((rating) => expect.objectContaining({ response: rating.response })));
  expect(await rate({ data, seed: 7 })).toBeUndefined();
  expect(heard).toEqual([]);
  await opened.close();
  await again.close();
});

test("without images nothing is run, and the prediction is of the weights", async () => {
  const job = await mergeRecipe({ model, recipeText: "{\"bits\":3}", recipe: path.join(folder, "c.kernelscope.json") }, host), opened = await host.openModel(model);
  const plain = (await rateModel(job, opened, host, false, () => undefined))!, facts = await frontOf(plain, job);
  expect((await frontOf(plain, await mergeRecipe({ model, recipeText: "{\"target\":\"1KB\"}", recipe: path.join(folder, "d.kernelscope.json") }, host))).problem).toMatch(/ cannot be reached\. .*\. With images \(--data\) fewer channels make smaller files\.$/); // which --prune wants, too
  await opened.close();
  expect(facts.prediction).toMatchObject({ of: "weights" });
  expect(facts.prediction.samples).toBeUndefined();
  expect(facts.candidate.bits).toBeLessThanOrEqual(3);
  expect(-10 * Math.log10(facts.candidate.loss)).toBeGreaterThan(8);
  expect(-10 * Math.log10(facts.candidate.loss)).toBeLessThan(25);
});

test("a preset says between which sizes a compression ends, and once one has been there, what it writes", async () => {
  const own = path.join(folder, "own"), recipe = { preset: "smallest" }, file = path.join(folder, "d.kernelscope.json");
  const host = await nodeHost({ threads: 1, ratings: path.join(folder, "ratings"), checkpoint: own, scripts: path.resolve("dist") });
  const smallest = ({ presets }: PlanFacts) => presets.find(({ id }) => id === "smallest")!;
  writeFileSync(file, JSON.stringify(recipe));
  let fitted = 0;
  const told: string[] = [], compress = () => compressModel({ model, data, recipe: file, output: path.join(folder, "preset.onnx"), force: true, threads: 1 }, host, ({ layers, text }) => { told.push(text); if (layers?.finished) fitted++; });
  try {
    const before = await front(recipe), { range } = smallest(before), report = await compress(), after = await front(recipe);
    expect(before.candidateRange).toEqual(range);
    expect(report.output.bytes).toBeGreaterThanOrEqual(range![0]);
    expect(report.output.bytes).toBeLessThanOrEqual(range![1]);
    expect(before.candidate.bytes).not.toBe(report.output.bytes); // its layers do less together than each by itself
    expect(told.findIndex((text) => text.startsWith("fitting layer 0, 1 of 7"))).toBeLessThan(told.findIndex((text) => text.startsWith("fitting again, by another plan: layer 0, 1 of 7"))); // whoever watches knows why layers come again
    expect(after.candidate.bytes).toBe(report.output.bytes);
    expect(after.candidateRange).toBeUndefined();
    expect(smallest(after)).toEqual({ id: "smallest", bytes: report.output.bytes, loss: after.candidate.loss, range: undefined });
    // with pins it is another plan, and another preset was never there
    expect((await front({ ...recipe, layers: { "22.weight": { pin: "leave" } } })).candidateRange).toBeDefined();
    expect(after.presets.find(({ id }) => id === "balanced")!.range).toBeDefined();
    const first = fitted, again = await compress();
    expect(again.output.sha256).toBe(report.output.sha256);
    expect(fitted - first).toBeLessThan(first); // plans that missed are not tried again
    // what cannot be read is found out anew
    for (const key of readdirSync(path.join(folder, "ratings"))) writeFileSync(path.join(folder, "ratings", key, "outcomes"), "{");
    expect((await front(recipe)).candidateRange).toEqual(range);
  } finally {
    await host.close();
  }
});

test("a preset of integers leaves room for what rounding costs, in a compression as on its page", async () => {
  const ratings = path.join(folder, "roomy"), own = await nodeHost({ threads: 1, ratings, scripts: path.resolve("dist") }), file = path.join(folder, "roomy.kernelscope.json"), output = path.join(folder, "roomy.onnx");
  const recipe = { inference: "integer", preset: "balanced", integers: { ranges: "percentile", percentile: 98 }, data: { limit: 128 } }, recipeText = JSON.stringify(recipe);
  writeFileSync(file, recipeText);
  // the job measures by itself what nobody has measured before
  const { layers, output: { bytes } } = await compressWith(path.join(folder, "jobs"), { model, data, recipe: file, output }, ratings), job = await mergeRecipe({ model, data, threads: 1, recipe: file, recipeText }, own), opened = await own.openModel(model);
  const rated = (await rateModel(job, opened, own, true, () => undefined))!;
  expect(await rateRounding(rated, job, own, true, () => undefined)).toBe(true);
  const facts = await frontOf(rated, job);
  expect(Math.abs(facts.candidate.bytes - bytes)).toBeLessThan(0.02 * bytes);
  for (const [i, { name, bytes: size }] of layers.entries()) expect(Math.abs(facts.candidate.layerBytes![i] - size), name).toBeLessThanOrEqual(4);
  await opened.close();
  await own.close();
});

test("what layers share is part of every plan, and read off the file for the recipe's own", async () => {
  const { candidate, layers, front: { shared, bytes } } = await front({ target: "60KB" }), chosen = candidate.choices.map((c, i) => layers[i].choices[c]);
  const output = path.join(folder, "shared.onnx"), { layers: written } = await compressWith(path.join(folder, "jobs"), { model, data, target: "60KB", output }, path.join(folder, "ratings"));
  const own = chosen.reduce((sum, { bytes }) => sum + bytes, 0), inFile = written.reduce((sum, { bytes }) => sum + bytes, 0);
  expect(candidate.shared).toBeGreaterThan(0);
  expect(Math.abs(own + candidate.shared - inFile)).toBeLessThan(0.01 * inFile);
  expect(shared.length).toBe(bytes.length);
  // of each layer, also of one that alone has codes of its width
  for (const [i, { name, bytes: size }] of written.entries()) expect(Math.abs(candidate.layerBytes![i] - size), name).toBeLessThanOrEqual(4);
  expect(shared.at(-1)).toBe(0); // everything is left as it is
});

test("the prediction of integers counts what rounding activations costs, measured once for what a recipe says of it", async () => {
  const own = await nodeHost({ threads: 1, ratings: path.join(folder, "integers"), scripts: path.resolve("dist") }), heard: string[] = [], file = path.join(folder, "integers.kernelscope.json");
  // ranges that cut off so much cost the network much
  const recipe = { inference: "integer", integers: { ranges: "percentile", percentile: 95, diagnose: true }, data: { limit: 128 } }, job = await mergeRecipe({ model, data, threads: 1, recipe: file, recipeText: JSON.stringify(recipe) }, own), other = await mergeRecipe({ model, data, threads: 1, recipe: file, recipeText: JSON.stringify({ ...recipe, integers: { ranges: "minMax" } }) }, own);
  const opened = await own.openModel(model), whole = (await rateModel(job, opened, own, false, () => undefined))!, before = await frontOf(whole, job), tell = ({ text }: { text: string }) => { heard.push(text); };
  expect(before.prediction.rounding).toBeUndefined();
  expect(before.notes).toEqual([expect.stringContaining("is of the weights alone")]);
  expect(await rateRounding(whole, job, own, true, tell)).toBe(false); // only looked up
  for (let time = 0; time < 2; time++) expect(await rateRounding(whole, job, own, false, tell)).toBe(true);
  expect(heard).toEqual(["measuring what rounding activations costs"]);
  const facts = await frontOf(whole, job), added = facts.prediction.rounding!;
  expect(facts.candidate.loss - before.candidate.loss).toBeCloseTo(added, 9);
  expect(facts.front.loss[0] - before.front.loss[0]).toBeCloseTo(added, 9);
  expect(facts.notes).toEqual([expect.stringContaining("counts what rounding activations costs, as measured with weights of 8 bits on 128 images")]);
  // presets promise what weights and rounding come to together
  expect(facts.presets.map(({ bytes }, i) => bytes >= before.presets[i].bytes)).toEqual([true, true, true]);
  expect(facts.presets[2].bytes).toBeGreaterThan(before.presets[2].bytes);
  await rateRounding(whole, other, own, false, tell);
  expect((await frontOf(whole, other)).prediction.rounding).toBeLessThan(0.2 * added);
  await opened.close();
  await own.close();
  writeFileSync(file, JSON.stringify(recipe));
  const { integers } = await compressWith(path.join(folder, "jobs"), { model, data, recipe: file, output: path.join(folder, "integers.onnx") }, path.join(folder, "integers"));
  expect(Math.abs(Math.log2(facts.candidate.loss / integers!.loss!))).toBeLessThan(0.5);
  expect(Math.abs(agreement(facts, facts.candidate.loss) - integers!.agreement!)).toBeLessThan(0.05);
  expect(Math.abs(agreement(before, before.candidate.loss) - integers!.agreement!)).toBeGreaterThan(0.05); // what weights alone would have said
});

test("what a file has lost goes into what is predicted from then on", async () => {
  const ratings = freshRatings("learning"), own = await nodeHost({ threads: 1, ratings, scripts: path.resolve("dist") }), recipe = { target: "30KB" }, file = path.join(folder, "learning.kernelscope.json"), job = await jobOf(recipe);
  writeFileSync(file, JSON.stringify(recipe));
  try {
    const rated = (await rateModel(job, await own.openModel(model), own, false, () => undefined))!, before = await frontOf(rated, job), { fidelity } = await compressWith(path.join(folder, "jobs"), { model, data, recipe: file, output: path.join(folder, "learning.onnx") }, ratings), after = await frontOf(rated, job);
    const agreements = [before, after].map((facts) => agreement(facts, facts.candidate.loss));
    expect(before.prediction.together).toEqual([]);
    expect(after.prediction.together).toEqual([{ predicted: expect.closeTo(after.candidate.loss, 9) as number, measured: expect.any(Number) as number }]);
    expect(agreements[1]).not.toBe(agreements[0]);
    expect(Math.abs(agreements[1] - fidelity!.agreement!)).toBeLessThanOrEqual(Math.abs(agreements[0] - fidelity!.agreement!));
    expect(after.candidate).toEqual(before.candidate);
    await rated.opened.close();
  } finally {
    await own.close();
  }
});

test("whole plans are tried once for the images that a report is measured on, and predictions follow what they lost", async () => {
  const own = await nodeHost({ threads: 1, ratings: freshRatings("whole"), scripts: path.resolve("dist") }), heard: { text: string; fraction?: number }[] = [], job = await jobOf({ target: "30KB" });
  const rated = (await rateModel(job, await own.openModel(model), own, false, () => undefined))!, other = { ...job, request: { ...job.request, evalData: data } }, tell = (one: typeof heard[number]): void => { heard.push(one); };
  try {
    const before = await frontOf(rated, job), stopped = new AbortController();
    await expect(tryWholePlans(rated, job, own, () => stopped.abort(), stopped.signal)).rejects.toThrow(CancelledError);
    expect((await frontOf(rated, job)).prediction.together).toEqual([]);
    expect(await tryWholePlans(rated, job, own, tell)).toBe(true);
    expect(heard.map(({ fraction = -1 }) => fraction)).toEqual([...heard.map(({ fraction = -1 }) => fraction)].sort((a, b) => a - b));
    expect(new Set(heard.map(({ text }) => text.split(":")[0]))).toEqual(new Set(["trying a whole plan, 1 of 2", "trying a whole plan, 2 of 2"]));
    const { prediction, candidate } = await frontOf(rated, job), [mild, strong] = prediction.together!;
    expect(prediction.together).toHaveLength(2);
    expect(mild.predicted).toBeLessThan(strong.predicted);
    expect(lostTogether(prediction, candidate.loss)).not.toBe(candidate.loss);
    expect(candidate).toEqual(before.candidate);
    expect(await tryWholePlans(rated, job, own, tell)).toBe(false); // known
    const preset = await jobOf({}), told = (await frontOf(rated, preset)), [, plain] = before.presets, [, balanced] = told.presets, widthOf = ([least, most]: readonly [number, number]): number => most / least;
    expect(widthOf(told.prediction.slopes)).toBeLessThan(widthOf(before.prediction.slopes));
    expect(widthOf(balanced.range!)).toBeLessThan(0.5 * widthOf(plain.range!)); // how many times as large the largest is as the smallest
    expect(told.candidate.bytes).toBe(balanced.bytes);
    const { output: { bytes } } = await compressModel({ ...preset.request, output: path.join(folder, "foreseen.onnx"), force: true }, own), off = (size: number): number => Math.abs(Math.log(size / bytes));
    expect(bytes).toBeGreaterThanOrEqual(balanced.range![0]);
    expect(bytes).toBeLessThanOrEqual(balanced.range![1]);
    expect(off(balanced.bytes)).toBeLessThan(off(plain.bytes));
    expect((await frontOf(rated, other)).prediction.together).toEqual([]); // of other images nothing is known
    await rated.opened.close();
  } finally {
    await own.close();
  }
});

test("whole plans of integers tell of the weights beside what rounding costs; where nothing but integers is asked for none is tried", async () => {
  const own = await nodeHost({ threads: 1, ratings: path.join(folder, "whole-integers"), scripts: path.resolve("dist") }), integers = { inference: "integer", integers: { ranges: "percentile", percentile: 99.9 } };
  const [preset, size, alone] = await Promise.all([{ preset: "balanced" }, { target: "40KB" }, {}].map((goal) => jobOf({ ...integers, ...goal }))), rated = (await rateModel(preset, await own.openModel(model), own, false, () => undefined))!;
  try {
    await rateRounding(rated, preset, own, false, () => undefined);
    expect(await tryWholePlans(rated, alone, own, () => undefined)).toBe(false);
    const before = [await frontOf(rated, preset), await frontOf(rated, size)];
    expect(await tryWholePlans(rated, preset, own, () => undefined)).toBe(true);
    const after = [await frontOf(rated, preset), await frontOf(rated, size)], { prediction, prediction: { rounding = 0 } } = after[1];
    // nothing is said to cost less than rounding alone does
    expect(rounding).toBeGreaterThan(0.0001);
    expect(lostTogether(prediction, rounding)).toBe(rounding);
    expect(lostTogether(prediction, 1.001 * rounding)).toBeGreaterThan(rounding);
    const ends: number[] = [], agreements: number[] = [];
    for (const [i, { request }] of [preset, size].entries()) {
      const { output: { bytes }, fidelity } = await compressModel({ ...request, output: path.join(folder, `whole-integers${i}.onnx`), force: true }, own);
      ends.push(bytes);
      agreements.push(fidelity!.agreement!);
    }
    const [least, most] = after[0].candidateRange!, widthOf = ([low, high]: readonly [number, number]): number => high / low;
    expect(widthOf([least, most])).toBeLessThan(0.6 * widthOf(before[0].candidateRange!));
    expect(ends[0]).toBeGreaterThanOrEqual(0.98 * least);
    expect(ends[0]).toBeLessThanOrEqual(1.02 * most);
    const [was, is] = [before, after].map(([, facts]) => Math.abs(agreement(facts, facts.candidate.loss) - agreements[1]));
    expect(is).toBeLessThan(was);
    await rated.opened.close();
  } finally {
    await own.close();
  }
});

test("with too few images no plan is tried, and not looked for again", async () => {
  const own = await nodeHost({ threads: 1, ratings: path.join(folder, "few"), scripts: path.resolve("dist") }), few = path.join(folder, "few-images"), job = await mergeRecipe({ model, data: few, threads: 1 }, own);
  const all = readFileSync(path.join(data, "images.npy")), from = 10 + all.readUInt16LE(8);
  mkdirSync(few, { recursive: true });
  cpSync(path.join(data, "dataset.json"), path.join(few, "dataset.json"));
  writeFileSync(path.join(few, "images.npy"), npy([200, 28, 28, 1], Uint8Array.from(all.subarray(from, from + 200 * 784)))); // a fifth of them is held out
  try {
    const rated = (await rateModel(job, await own.openModel(model), own, false, () => undefined))!;
    expect(await tryWholePlans(rated, job, own, () => undefined)).toBe(false);
    expect(await rated.record.hasTried()).toBe(true);
    expect((await frontOf(rated, job)).prediction.together).toEqual([]);
    await rated.opened.close();
  } finally {
    await own.close();
  }
});
