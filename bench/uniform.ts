import path from "node:path";
import { parseArgs } from "node:util";
import { hasFreeScale } from "../src/compression/follow";
import { leanModel } from "../src/compression/lean/lean";
import { sizesOf } from "../src/compression/write";
import { methodById } from "../src/methods/registry";
import { kernelSize } from "../src/methods/rows";
import type { Layer } from "../src/onnx/layers";
import type { CompressRequest } from "../src/protocol/api";
import { formatBytes } from "../src/protocol/sizes";
import { hashFile } from "../src/runtime/node";
import { openModelFile } from "../src/worker/host";
import { Cells } from "./cells";
import { cifar10 } from "./cifar10";
import { compressed } from "./compressed";
import { cacheFolder } from "./packages";
import { writeDataset } from "./source";

/**
 * Plans against uniform settings: each method with one setting for all layers (so many codewords for k×k kernels, so many bits), the largest file of each method that a
 * size holds, and a plan within the bytes of the largest of these files; top-1 on all 10,000 test images of CIFAR-10, the mean of all seeds. Everything is trimmed alike.
 * Sizes are named by the codewords of the uniform kernel codebooks that have them. Finished cells are kept with --results.
 * Target: never worse than the best uniform setting by 0.1 points, better by 0.5 at the two smallest sizes.
 * npm run bench:uniform -- --model MODEL [--preprocess FILE] [--words 8,16,32,64,128] [--images 10000] [--tune none,400steps] [--seeds 1,2,3] [--results FILE]
 */
const { values } = parseArgs({ options: {
  model: { type: "string" }, preprocess: { type: "string" }, words: { type: "string", default: "8,16,32,64,128" }, images: { type: "string", default: "10000" }, tune: { type: "string", default: "none" },
  seeds: { type: "string", default: "1" }, threads: { type: "string" }, results: { type: "string" },
} });

type Settings = Record<string, { method: string; options: object }>;
interface Uniform { method: Method; level: number; layers: Settings; bytes: number }
interface Run { bytes: number; top1: number; float: number }
const isRun = (value: object): value is Run => "bytes" in value && "top1" in value && "float" in value;

/** What the file of a plan says of how it was made: settings of all layers, told one by one, would weigh more than they have to. */
const PLAIN_RECIPE = JSON.stringify({ version: 1, target: "100000B", trim: true, seed: 1, tune: "none" });
const METHODS = { kernel: "words", product: "words", integer: "bits" } as const;
type Method = keyof typeof METHODS;
const list = (text: string): string[] => text.split(",").filter(Boolean);
const work = path.join(cacheFolder, "accuracy");

async function main(): Promise<void> {
  if (!values.model) throw new Error("Give a model: --model PATH.");
  const model = path.resolve(values.model), images = Number(values.images), sha256 = (await hashFile(model)).slice(0, 16), cells = new Cells(values.results, isRun), settings = await uniformSettings(model);
  const evalData = writeDataset(work, `${cifar10.name}-test`, cifar10, await cifar10.test()), data = writeDataset(work, `${cifar10.name}-${images}`, cifar10, await cifar10.train(images));
  const request: CompressRequest = { model, data, evalData, preprocess: values.preprocess, threads: values.threads === undefined ? undefined : Number(values.threads), trim: true, force: true };
  for (const tune of list(values.tune)) {
    console.log(`trained: ${tune}\nsize               plan                     ${Object.keys(METHODS).map((id) => id.padEnd(27)).join("")}plan is better by`);
    for (const words of list(values.words).map(Number)) {
      const size = settings.find(({ method, level }) => method === "kernel" && level === words)?.bytes;
      if (size === undefined) throw new Error(`There are no uniform codebooks of ${words} words. Give powers of two.`);
      const chosen = Object.keys(METHODS).flatMap((id) => settings.filter(({ method, bytes }) => method === id && bytes <= size).sort((a, b) => b.bytes - a.bytes).slice(0, 1)), target = `${Math.max(...chosen.map(({ bytes }) => bytes))}B`;
      const over = (own: object, more: Partial<CompressRequest>): Promise<Run> => meanOf(list(values.seeds).map(Number), (seed) => cells.get({ model: path.basename(model), sha256, images, tune, seed, ...own }, () => measure({ ...request, tune, seed, ...more })));
      const plan = await over({ target }, { target }), uniform: Run[] = [];
      for (const { method, level, layers } of chosen) uniform.push(await over({ method, level }, { recipe: path.join(work, "uniform.kernelscope.json"), recipeText: JSON.stringify({ version: 1, layers }) }));
      console.log(`${`${words} words`.padEnd(19)}${`${formatBytes(plan.bytes)} ${plan.top1.toFixed(2)}`.padEnd(25)}${uniform.map(({ top1 }, i) => `${chosen[i].level} ${METHODS[chosen[i].method]} ${formatBytes(chosen[i].bytes)} ${top1.toFixed(2)}`.padEnd(27)).join("")}${(plan.top1 - Math.max(...uniform.map(({ top1 }) => top1))).toFixed(2)}`);
    }
  }
}

/** Every method's settings for all layers alike, with the bytes of their files; a layer that has no such setting takes its nearest below. */
async function uniformSettings(file: string): Promise<Uniform[]> {
  const opened = await openModelFile(file);
  try {
    const { model, layers } = await leanModel(opened.model, 0), open = layers.filter(({ blocked }) => blocked === undefined), found: Uniform[] = [];
    for (const method of Object.keys(METHODS) as Method[]) {
      for (const level of method === "integer" ? [2, 3, 4, 5, 6, 7, 8] : [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]) {
        const chosen: Settings = {}, blanks = [];
        for (const layer of open) {
          const isFree = await hasFreeScale(model, layer), options = optionsOf(layer, method, level, isFree);
          if (!options) continue;
          chosen[layer.id] = { method, options };
          blanks.push({ layer, packed: methodById(method).blank(layer, options, isFree) });
        }
        found.push({ method, level, layers: chosen, bytes: sizesOf(model, blanks, PLAIN_RECIPE).fileBytes() });
      }
    }
    return found;
  } finally {
    await opened.close();
  }
}

/** A method's own kind of blocks, whole kernels or four inputs, at a level or the nearest below; undefined where the layer has none. */
function optionsOf(layer: Layer, method: Method, level: number, isFree: boolean): object | undefined {
  const key = METHODS[method], size = kernelSize(layer), block = size > 1 ? size : 4;
  const levels = methodById(method).candidates(layer, isFree).flatMap(({ options }) => (key in options && (!("block" in options) || options.block === block) && (!("scale" in options) || options.scale === "layer") ? [{ options, level: Number((options as Record<string, unknown>)[key]) }] : []));
  return levels.filter((one) => one.level <= level).sort((a, b) => b.level - a.level)[0]?.options;
}

/** One run for each seed, one after the other: the largest file, and the mean of their top-1. */
async function meanOf(seeds: readonly number[], run: (seed: number) => Promise<Run>): Promise<Run> {
  const runs: Run[] = [];
  for (const seed of seeds) runs.push(await run(seed));
  return { bytes: Math.max(...runs.map(({ bytes }) => bytes)), top1: runs.reduce((sum, { top1 }) => sum + top1, 0) / runs.length, float: runs[0].float };
}

const measure = (request: CompressRequest): Promise<Run> => compressed(work, request, ({ report: { fidelity, output } }) => ({ bytes: output.bytes, top1: 100 * fidelity!.compressed.top1!, float: 100 * fidelity!.reference.top1! }));

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
