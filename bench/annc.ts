import { rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { readJobData } from "../src/compression/data";
import { evaluateModel } from "../src/compression/evaluate";
import { fitWithoutData, type FitTools, type FittedLayer, type LayerChoice } from "../src/compression/fit";
import { hasFreeScale } from "../src/compression/follow";
import { mergeRecipe } from "../src/compression/goal";
import { readRows } from "../src/compression/rows";
import { tune } from "../src/compression/tune";
import { assemble, sizesOf } from "../src/compression/write";
import { integerMethod } from "../src/methods/integer";
import { methodById } from "../src/methods/registry";
import { sparseMethod } from "../src/methods/sparse";
import { kernelSize } from "../src/methods/rows";
import { findLayers, type Layer } from "../src/onnx/layers";
import type { Model } from "../src/onnx/model";
import type { CompressRequest } from "../src/protocol/api";
import { parseTarget, targetBytes } from "../src/protocol/sizes";
import { parseTuning } from "../src/protocol/tuning";
import { hashFile } from "../src/runtime/node";
import { Products } from "../src/runtime/products";
import { nodeHost } from "../src/worker/host";
import { Cells } from "./cells";
import { cifar10 } from "./cifar10";
import { compressed } from "./compressed";
import { mnist } from "./mnist";
import { cacheFolder } from "./packages";
import { writeDataset } from "./source";

/**
 * Sparsity and quantization learned jointly (Yang et al.: arXiv 1910.05897; the schedule "joint") against magnitude pruning followed by quantization, in files of the same
 * size and with the same steps of training: the weights of largest magnitude of the whole network stay, by themselves or whole kernels of them, as 4 bits; the first and
 * the last layer keep 8 bits of every weight. Beside them what is the product's own without the schedule. Top-1 on all 10,000 test images.
 * Target: better by 0.5 points at two of three sizes.
 * npm run bench:annc -- --model MODEL [--preprocess FILE] [--source cifar10|mnist] --targets 8x,10x,12x [--tune 400steps] [--images 10000] [--seed 1] [--ways "joint,weights by magnitude"] [--results FILE]
 */
const { values } = parseArgs({ options: {
  model: { type: "string" }, preprocess: { type: "string" }, source: { type: "string", default: "cifar10" }, targets: { type: "string", default: "8x,10x,12x" }, tune: { type: "string", default: "400steps" },
  images: { type: "string", default: "10000" }, seed: { type: "string", default: "1" }, threads: { type: "string" }, ways: { type: "string" }, results: { type: "string" },
} });

interface Run { bytes: number; top1: number; float: number }
const isRun = (value: object): value is Run => "bytes" in value && "top1" in value && "float" in value;
const ALL_WAYS = ["weights by magnitude", "kernels by magnitude", "joint", "at once"] as const;
type Way = (typeof ALL_WAYS)[number];
const WAYS = ALL_WAYS.filter((way) => values.ways?.split(",").includes(way) ?? true);
/** Bits of what stays, and of layers that are not pruned. */
const BITS = { pruned: 4, whole: 8 };

const work = path.join(cacheFolder, "accuracy"), source = values.source === "mnist" ? mnist : cifar10;

async function main(): Promise<void> {
  if (!values.model) throw new Error("Give a model: --model PATH.");
  const model = path.resolve(values.model), images = Number(values.images), sha256 = (await hashFile(model)).slice(0, 16), cells = new Cells(values.results, isRun);
  const evalData = writeDataset(work, `${source.name}-test`, source, await source.test()), data = writeDataset(work, `${source.name}-${images}`, source, await source.train(images));
  const request: CompressRequest = { model, data, evalData, preprocess: values.preprocess, seed: Number(values.seed), threads: values.threads === undefined ? undefined : Number(values.threads), tune: values.tune, trim: false, output: path.join(work, `annc-${process.pid}.onnx`), force: true };
  console.log(`top-1 of the same bytes, trained for ${values.tune}\n${"size".padEnd(10)}${WAYS.map((way) => way.padEnd(26)).join("")}joint is better by`);
  for (const target of values.targets.split(",")) {
    const runs = new Map<Way, Run>();
    for (const way of WAYS) runs.set(way, await cells.get({ model: path.basename(model), sha256, target, way, tune: values.tune, images, seed: request.seed }, () => (way === "joint" || way === "at once" ? planned({ ...request, target, method: "sparse", schedule: way === "joint" ? "joint" : undefined }) : byMagnitude({ ...request, target }, way === "kernels by magnitude"))));
    const best = Math.max(...ALL_WAYS.slice(0, 2).map((way) => runs.get(way)?.top1 ?? NaN)), joint = runs.get("joint")?.top1 ?? NaN;
    console.log(`${target.padEnd(10)}${WAYS.map((way) => `${runs.get(way)!.bytes} B ${runs.get(way)!.top1.toFixed(2)} %`.padEnd(26)).join("")}${(joint - best).toFixed(2)}`);
  }
}

const planned = (request: CompressRequest): Promise<Run> => compressed(work, request, ({ report: { fidelity, output: { bytes } } }) => ({ bytes, top1: 100 * fidelity!.compressed.top1!, float: 100 * fidelity!.reference.top1! }));

/** Prunes by one threshold for the whole network, rounds what stays, and trains that by the same tuner. */
async function byMagnitude(request: CompressRequest, areKernels: boolean): Promise<Run> {
  const host = await nodeHost({ threads: request.threads, scripts: path.resolve("dist"), checkpoint: path.join(work, "jobs"), ratings: path.join(work, "ratings") }), job = await mergeRecipe(request, host), opened = await host.openModel(request.model), { model } = opened, products = new Products(host.runtime, request.threads);
  try {
    const { input, dataset, trained, watched } = await readJobData(job, model, host), limit = targetBytes(parseTarget(request.target!), opened.bytes), choices = await pruned(model, findLayers(model), limit, job.embedded, areKernels);
    const tools: FitTools = { runtime: host.runtime, pool: host.pool, products, seed: request.seed!, threads: request.threads }, layers: FittedLayer[] = [];
    await fitWithoutData(model, choices, tools, (fitted) => layers.push(fitted));
    const ordered = choices.map(({ layer }) => layers.find((fitted) => fitted.layer === layer)!), refits = { known: async () => undefined, make: async () => ordered };
    const tuned = await tune({ model, layers: ordered, input, dataset, trained, watched, length: parseTuning(request.tune)!, seed: request.seed!, threads: request.threads, device: "cpu", runtime: host.runtime, refits });
    const edit = await assemble(model, choices, async ({ layer }) => tuned.layers.find((fitted) => fitted.layer === layer)!, tuned.vectors, job.embedded), bytes = await edit.toBytes();
    writeFileSync(request.output!, bytes);
    const evaluated = { data: request.evalData, preprocess: request.preprocess, threads: request.threads };
    const [{ top1 }, { top1: float }] = [await evaluateModel({ ...evaluated, model: request.output! }, host), await evaluateModel({ ...evaluated, model: request.model }, host)];
    return { bytes: bytes.length, top1: 100 * top1!, float: 100 * float! };
  } finally {
    await products.close();
    await opened.close();
    await host.close();
    rmSync(request.output!, { force: true });
  }
}

/** The lowest threshold whose file is within the limit, as a choice for each layer: the share of its weights, or kernels, above it. */
async function pruned(model: Model, all: readonly Layer[], limit: number, recipe: string, areKernels: boolean): Promise<LayerChoice[]> {
  const layers = all.filter(({ blocked }) => blocked === undefined), ends = new Set([layers[0], layers[layers.length - 1]]), magnitudes = new Map<Layer, Float32Array>();
  const blockOf = (layer: Layer): number => (areKernels && kernelSize(layer) > 1 ? kernelSize(layer) : 1);
  for (const layer of layers) {
    const { values: rows } = await readRows(model, layer), block = blockOf(layer);
    magnitudes.set(layer, Float32Array.from({ length: rows.length / block }, (_, i) => Math.sqrt(rows.subarray(i * block, (i + 1) * block).reduce((sum, v) => sum + v * v, 0) / block)).sort());
  }
  const choicesAt = (threshold: number): LayerChoice[] => layers.map((layer) => {
    const sorted = magnitudes.get(layer)!, below = sorted.findIndex((v) => v >= threshold), options = { density: Math.max(0.001, (below < 0 ? 0 : sorted.length - below) / sorted.length), bits: BITS.pruned, block: blockOf(layer) };
    return ends.has(layer) || sparseMethod.accepts(layer, options) !== true ? { layer, method: "integer", options: { ...integerMethod.candidates(layer, false)[0].options, bits: BITS.whole } } : { layer, method: "sparse", options };
  });
  const free = new Map<Layer, boolean>();
  for (const layer of layers) free.set(layer, await hasFreeScale(model, layer));
  const bytesAt = (threshold: number): number => sizesOf(model, choicesAt(threshold).map(({ layer, method, options }) => ({ layer, packed: methodById(method).blank(layer, options, free.get(layer)!) })), recipe).fileBytes();
  let low = 0, high = Math.max(...Array.from(magnitudes.values(), (sorted) => sorted[sorted.length - 1]));
  if (bytesAt(high) > limit) throw new Error("So small a file cannot be reached by pruning alone.");
  for (let round = 0; round < 40; round++) {
    const middle = (low + high) / 2;
    if (bytesAt(middle) > limit) low = middle;
    else high = middle;
  }
  return choicesAt(high);
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
