import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { frontOf } from "../../src/compression/front";
import { mergeRecipe } from "../../src/compression/goal";
import { pinsProblem } from "../../src/compression/pins";
import { rateModel, type RatedModel } from "../../src/compression/rated";
import { parseTarget, targetBytes } from "../../src/protocol/sizes";
import { nodeHost, type NodeHost } from "../../src/worker/host";

vi.stubGlobal("document", { body: { dataset: { start: JSON.stringify({ language: "en", strings: {} }) } } });
vi.stubGlobal("acquireVsCodeApi", () => ({}));
vi.stubGlobal("window", { addEventListener() {}, removeEventListener() {} });
const { Plans, targetText } = await import("../../webview/recipe/plans");

/** What keys on a recipe's slider come to, with the plans of the sample: every one is a new target, and that a new plan. */

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-slider-")), model = path.resolve("samples/fashion-cnn.onnx"), data = path.resolve("samples/fashion-mnist");
let host: NodeHost, rated: RatedModel;
const jobOf = (recipe: object) => mergeRecipe({ model, data, recipe: path.join(folder, "a.kernelscope.json"), recipeText: JSON.stringify(recipe) }, host);
const plansOf = async (recipe: object) => new Plans(await frontOf(rated, await jobOf(recipe)));

beforeAll(async () => {
  host = await nodeHost({ threads: 1, ratings: path.join(folder, "ratings"), scripts: path.resolve("dist") });
  rated = (await rateModel(await jobOf({}), await host.openModel(model), host, false, () => undefined))!;
});
afterAll(async () => {
  await rated.opened.close();
  await host.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Targets and sizes that so many keys come to. */
async function walk(from: { preset?: string; target?: string }, by: number, keys: number): Promise<{ text: string; bytes: number }[]> {
  const found: { text: string; bytes: number }[] = [];
  let recipe = from;
  for (let i = 0; i < keys; i++) {
    const { slides, facts: { candidate, input } } = await plansOf(recipe), limit = recipe.target === undefined ? undefined : targetBytes(parseTarget(recipe.target), input.bytes);
    const { bytes } = slides.at(slides.rankFrom({ bytes: candidate.bytes, limit }, by)), text = targetText(bytes, Math.min(slides.after(bytes), bytes < candidate.bytes ? candidate.bytes : Infinity));
    recipe = { target: text };
    found.push({ text, bytes: (await plansOf(recipe)).facts.candidate.bytes });
  }
  return found;
}

test("each key to the right leads to a larger file and each to the left to a smaller one, also where names begin to be worth their bytes", async () => {
  for (const from of [{ target: "7.1KB" }, { target: "54KB" }, { preset: "balanced" }]) {
    const up = await walk(from, 1, 6), down = await walk(from, -1, 6), sizes = (all: typeof up) => all.map(({ bytes }) => bytes);
    expect(sizes(up), JSON.stringify(up)).toEqual([...new Set(sizes(up))].sort((a, b) => a - b));
    if (from.target !== "7.1KB") expect(sizes(down), JSON.stringify(down)).toEqual([...new Set(sizes(down))].sort((a, b) => b - a));
  }
});

test("the slider's smallest size is the smallest of all, from wherever it is asked for", async () => {
  const least = (await Promise.all([{ preset: "balanced" }, { target: "30KB" }, { target: "200KB" }].map(plansOf))).map(({ slides }) => slides.ends[0]);
  expect(Math.max(...least) - Math.min(...least)).toBeLessThanOrEqual(64); // a target's own text, and names that are counted anew
  const { facts: { candidate, problem } } = await plansOf({ target: targetText(least[0]) });
  expect(problem).toBeUndefined();
  expect(candidate.bytes).toBeLessThan(1.01 * least[0]);
});

test("a size that is no smaller than the model is a problem, and not the end of its plans; pins tell at once what they make impossible", async () => {
  const { problem, front: { bytes } } = await frontOf(rated, await jobOf({ target: "2MB" }));
  expect(problem).toBe("The model takes 1.16 MB, no more than the 2.00 MB asked for. Give a smaller target.");
  expect(bytes.length).toBeGreaterThan(60);
  const pins = async (recipe: object): Promise<string | undefined> => pinsProblem(await jobOf(recipe), { model: rated.original, bytes: rated.opened.bytes });
  expect(await pins({ target: "20KB", layers: { "17.weight": { pin: "leave" } } })).toMatch(/^20\.0 KB cannot be reached: what the recipe pins takes 590 KB by itself \(17\)\. Unpin a layer, or give a larger size\.$/);
  expect(await pins({ target: "40KB", layers: { "17.weight": { pin: { atLeastBits: 4 } } } })).toMatch(/takes 73\.7 KB by itself/);
  expect(await Promise.all([{ target: "20KB", layers: { "17.weight": { pin: { atLeastBits: 4 } } } }, { target: "700KB", layers: { "17.weight": { pin: "leave" } } }, { preset: "balanced", layers: { "17.weight": { pin: "leave" } } }].map(pins))).toEqual([undefined, undefined, undefined]); // channels may go
});

test("where a compression tries fewer channels its plans say so, and what all channels do not reach is no problem", async () => {
  const of = async (recipe: object) => (await plansOf(recipe)).facts, small = await of({ target: "5KB" });
  expect(small.fewerChannels).toEqual({ below: expect.closeTo(0.75 / 8 * 287_264, -3) as number, isTried: true });
  expect(small.problem).toBeUndefined();
  expect(small.notes.join()).toMatch(/^With all its channels the smallest file takes [\d.]+ KB\. Whether fewer come to 5\.00 KB is found out by compressing\.$/);
  expect((await of({ target: "1KB" })).problem).toMatch(/^1\.00 KB cannot be reached\. The smallest possible is [\d.]+ KB with all its channels\. Fewer channels make smaller files: --prune 50%/);
  expect((await of({ target: "80KB" })).fewerChannels?.isTried).toBe(false);
  expect((await of({ target: "8KB", prune: false })).fewerChannels).toBeUndefined();
  expect((await of({ preset: "balanced", prune: "auto" })).fewerChannels).toEqual({ below: 1_160_215, isTried: true });
});
