import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import type { ChosenBlocks, CodebookFacts } from "../../../src/protocol/api";
import { CancelledError } from "../../../src/protocol/errors";
import { viewer } from "../../../src/worker/viewer";
import { floats, ints, modelBytes, type ModelParts, value, wave } from "../onnx/models";

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-chosen-")), view = viewer(), never = new AbortController().signal;
afterAll(async () => {
  await Promise.all(readdirSync(folder).map((name) => view.close(path.join(folder, name))));
  rmSync(folder, { recursive: true });
});

// channels of very different size, so that an error counts differently in each
const OUTPUTS = 160, INPUTS = 96, KERNELS = OUTPUTS * INPUTS, WORDS = 7;
const words = wave(WORDS * 9, 7), scales = Array.from({ length: OUTPUTS }, (_, m) => 0.1 + (m * 37 % 11)), which = Array.from({ length: KERNELS }, (_, i) => [0, 1, 1, 3, 4, 6][i * i * 7 % 6]);
const restored = Float32Array.from({ length: KERNELS * 9 }, (_, i) => words[which[Math.floor(i / 9)] * 9 + i % 9] * scales[Math.floor(i / 9 / INPUTS)]);
const noise = wave(KERNELS * 9, 11), original = restored.map((v, i) => v + 0.1 * (1 + i % 5) * scales[Math.floor(i / 9 / INPUTS)] * noise[i]);
const conv = { op: "Conv", inputs: ["x", "w"], outputs: ["y"] };
const write = (name: string, parts: ModelParts): string => {
  const file = path.join(folder, name);
  writeFileSync(file, modelBytes({ inputs: [value("x", [1, INPUTS, 8, 8])], outputs: [value("y")], ...parts }));
  return file;
};
const packed: ModelParts = {
  initializers: [floats("words", [WORDS, 9], words), ints("which", which), ints("shape", [OUTPUTS, INPUTS, 3, 3]), floats("scale", [OUTPUTS, 1, 1, 1], scales)],
  nodes: [{ op: "Gather", inputs: ["words", "which"], outputs: ["flat"] }, { op: "Reshape", inputs: ["flat", "shape"], outputs: ["unscaled"] }, { op: "Mul", inputs: ["unscaled", "scale"], outputs: ["w"] }, conv],
};
write("a.onnx", { initializers: [floats("w", [OUTPUTS, INPUTS, 3, 3], original)], nodes: [conv] });
const file = write("a.small.onnx", packed), lone = write("lone.small.onnx", packed);

const blocksIn = ({ inside }: ChosenBlocks): number[] => [...Array(KERNELS).keys()].filter((b) => inside[b >> 3] >> (b & 7) & 1);
const energyOf = (values: Float32Array, b: number): number => values.subarray(9 * b, 9 * b + 9).reduce((sum, v) => sum + v * v, 0);
const lossOf = (b: number): number => restored.subarray(9 * b, 9 * b + 9).reduce((sum, v, j) => sum + (v - original[9 * b + j]) ** 2, 0);
const sum = (list: number[], of: (b: number) => number): number => list.reduce((all, b) => all + of(b), 0), all = [...Array(KERNELS).keys()];

/** A triangle around about a third of the plane. */
function triangle({ places: { blocks } }: CodebookFacts): number[] {
  const x = [...blocks].filter((_, i) => i % 2 === 0).sort((a, b) => a - b), y = [...blocks].filter((_, i) => i % 2).sort((a, b) => a - b), [left, right, low, high] = [x[0] - 0.1, x[Math.floor(x.length * 0.9)], y[0] - 0.1, y[Math.floor(y.length * 0.9)]];
  return [left, low, right, low, left, high];
}

test("an outline chooses of all kernels those whose place lies inside, counted by channel and codeword, and ranks them by what they lose", async () => {
  const facts = (await view.codebook(file, "w"))!, points = triangle(facts), [left, low, right, , , high] = points;
  expect(facts.places.which.length).toBeLessThan(KERNELS); // the picture shows a sample, the counts do not
  const found = (await view.choose(file, facts.id, { outlines: [{ points }] }))!, chosen = blocksIn(found);
  expect(found.count).toBe(chosen.length);
  expect(chosen.length).toBeGreaterThan(KERNELS / 20);
  expect(chosen.length).toBeLessThan(KERNELS / 2);
  const set = new Set(chosen);
  // the dots that are seen are chosen where they stand inside
  facts.places.which.forEach((b, i) => {
    const x = facts.places.blocks[2 * i], y = facts.places.blocks[2 * i + 1];
    expect(set.has(b)).toBe(x > left && y > low && (x - left) / (right - left) + (y - low) / (high - low) < 1);
  });
  for (let m = 0; m < OUTPUTS; m++) expect(found.channels[m]).toBe(chosen.filter((b) => Math.floor(b / INPUTS) === m).length);
  for (let w = 0; w < WORDS; w++) expect(found.words[w]).toBe(chosen.filter((b) => which[b] === w).length);
  expect(found.original!.energy).toBeCloseTo(sum(chosen, (b) => energyOf(original, b)) / sum(all, (b) => energyOf(original, b)), 5);
  expect(found.original!.lost).toBeCloseTo(sum(chosen, lossOf) / sum(chosen, (b) => energyOf(original, b)), 4);
  expect(found.original!.ofLoss).toBeCloseTo(sum(chosen, lossOf) / sum(all, lossOf), 4);

  const ranked = chosen.sort((a, b) => lossOf(b) - lossOf(a)), page = (await view.blocks(file, facts.id, { chosen: found.id, first: 3, count: 20 }))!, mean = sum(all, (b) => energyOf(original, b)) / KERNELS;
  expect([...page.which]).toEqual(ranked.slice(3, 23));
  page.errors.forEach((error, i) => expect(error).toBeCloseTo(lossOf(ranked[3 + i]) / mean, 4));
  expect(page.values.length).toBe(20 * 9);
  expect((await view.blocks(file, facts.id, { chosen: found.id, first: found.listed - 2, count: 20 }))!.which.length).toBe(2);
  await view.choose(file, facts.id, { words: Uint32Array.of(1) });
  expect(await view.blocks(file, facts.id, { chosen: found.id, first: 0, count: 1 })).toBeUndefined();
});

test("outlines add and take away; codewords and lists choose too", async () => {
  const facts = (await view.codebook(file, "w"))!, points = triangle(facts), choose = async (choice: Parameters<typeof view.choose>[2]) => blocksIn((await view.choose(file, facts.id, choice))!);
  const one = new Set(await choose({ outlines: [{ points }] })), everything = [-1e3, -1e3, 1e3, -1e3, 1e3, 1e3, -1e3, 1e3];
  expect(await choose({ outlines: [{ points: everything }] })).toEqual(all);
  expect(await choose({ outlines: [{ points: everything }, { points, takes: true }] })).toEqual(all.filter((b) => !one.has(b)));
  expect(await choose({ outlines: [{ points, takes: true }] })).toEqual([]);
  expect(await choose({ words: Uint32Array.of(3, 6) })).toEqual(all.filter((b) => which[b] === 3 || which[b] === 6));
  expect(await choose({ blocks: Uint32Array.of(9, 2, 9, KERNELS + 5) })).toEqual([2, 9]);
  expect(await view.choose(file, facts.id + 99, { words: Uint32Array.of(1) })).toBeUndefined();
});

test("without the original, kernels stand where their codewords do", async () => {
  const facts = (await view.codebook(lone, "w"))!, { words: places } = facts.places, x = places[2], y = places[3], points = [x - 1e-3, y - 1e-3, x + 1e-3, y - 1e-3, x + 1e-3, y + 1e-3, x - 1e-3, y + 1e-3];
  const found = (await view.choose(lone, facts.id, { outlines: [{ points }] }))!;
  expect(blocksIn(found)).toEqual(all.filter((b) => which[b] === 1));
  expect(found.original).toBeUndefined();
  expect((await view.blocks(lone, facts.id, { chosen: found.id, first: 0, count: 3 }))!.values.length).toBe(0);
});

test("UMAP of a sample stops between two epochs", async () => {
  const facts = (await view.codebook(file, "w"))!, stop = new AbortController(), told: number[] = [];
  const running = view.umap(file, facts.id, ({ epoch, blocks }) => { told.push(epoch); expect(blocks).toBe(3000); if (epoch === 5) stop.abort(); }, stop.signal);
  await expect(running).rejects.toThrow(CancelledError);
  expect(told).toEqual([0, 1, 2, 3, 4, 5]);
});

test("UMAP places kernels and all codewords, the same each time, neighbours beside each other", async () => {
  const channels = 8, kernels = channels * INPUTS;
  write("few.onnx", { initializers: [floats("w", [channels, INPUTS, 3, 3], original.slice(0, 9 * kernels))], nodes: [conv] });
  const few = write("few.small.onnx", { ...packed, initializers: [floats("words", [WORDS, 9], words), ints("which", which.slice(0, kernels)), ints("shape", [channels, INPUTS, 3, 3]), floats("scale", [channels, 1, 1, 1], scales.slice(0, channels))] });
  const facts = (await view.codebook(few, "w"))!, told: number[] = [], umap = () => view.umap(few, facts.id, ({ epoch }) => { told.push(epoch); }, never);
  const first = (await umap())!;
  expect(told).toEqual([...Array(201).keys()]); // also after one that was stopped
  expect(await umap()).toEqual(first);
  expect([first.blocks.length, first.words.length]).toEqual([2 * kernels, 2 * WORDS]);
  expect([...first.which]).toEqual([...Array(kernels).keys()]);
  expect([...first.blocks, ...first.words].every(Number.isFinite)).toBe(true);
  // the nearest in the picture serve much more often the same codeword than chance would have it
  const at = (i: number, j: number) => (first.blocks[2 * i] - first.blocks[2 * j]) ** 2 + (first.blocks[2 * i + 1] - first.blocks[2 * j + 1]) ** 2;
  let same = 0, chance = 0;
  for (let i = 0; i < kernels; i++) {
    let nearest = -1, least = Infinity;
    for (let j = 0; j < kernels; j++) if (j !== i && at(i, j) < least) { least = at(i, j); nearest = j; }
    same += Number(which[i] === which[nearest]) / kernels;
  }
  for (const n of facts.uses) chance += (n / kernels) ** 2;
  expect(same).toBeGreaterThan((1 + chance) / 2);
});

test("UMAP of codewords alone, where the original is missing, and of next to nothing", async () => {
  const facts = (await view.codebook(lone, "w"))!, found = (await view.umap(lone, facts.id, () => undefined, never))!;
  expect([found.which.length, [...found.words].every(Number.isFinite)]).toEqual([0, true]);
});
