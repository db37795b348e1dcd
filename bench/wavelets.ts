import { existsSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { compressModel } from "../src/compression/compress";
import type { Progress } from "../src/protocol/api";
import { hashFile } from "../src/runtime/node";
import { findLayers } from "../src/onnx/layers";
import { nodeHost, openModelFile } from "../src/worker/host";
import { Cells } from "./cells";
import { mnist } from "./mnist";
import { cacheFolder } from "./packages";
import { writeDataset, type Images } from "./source";

/**
 * Linear layers of a network for MNIST by wavelet transforms, with filters that are learned and with fixed Haar filters: parameters of all linear layers, and top-1 of all 10,000
 * test images, a mean of seeds. The network is trained by `npm run bench:train -- --model lenet --steps 3000 --rate 0.05`. A cell that is in the results already is not measured again.
 * Targets: ≥ 35 times fewer parameters at ≤ 0.3 points lost, and less lost than with fixed Haar filters (--target 35,0.3).
 * npm run bench:wavelets -- --model PATH [--layers fc1.weight] [--filters daubechies,haar-fixed] [--summed 1,2,4] [--length 6] [--levels 5] [--tune 4000steps] [--images 60000] [--seeds 1,2,3] [--threads N] [--target TIMES,POINTS] [--results bench/results/wavelets.jsonl]
 */
const { values } = parseArgs({ options: {
  model: { type: "string" }, layers: { type: "string", default: "fc1.weight" }, filters: { type: "string", default: "daubechies,haar-fixed" }, summed: { type: "string", default: "1,2,4" }, length: { type: "string", default: "6" }, levels: { type: "string", default: "5" },
  tune: { type: "string", default: "4000steps" }, images: { type: "string", default: "60000" }, seeds: { type: "string", default: "1,2,3" }, threads: { type: "string" }, target: { type: "string" }, results: { type: "string" },
} });

const list = (text: string): string[] => text.split(",").filter(Boolean);
const mean = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0) / numbers.length;
const work = path.join(cacheFolder, "wavelets");

/** Numbers of all linear layers and their biases before and after, percent, divergence from the original on the test images, and what the filters miss. */
interface Run { before: number; parameters: number; bytes: number; top1: number; float: number; kl: number; reconstruction: number; moved: boolean; seconds: number }
const isRun = (value: object): value is Run => "parameters" in value && "kl" in value && "float" in value;

interface Way { filters: string; summed: number }

/** A line now and then. */
const tell = ({ tuning }: Progress): void => {
  if (tuning?.held) process.stderr.write(`  step ${tuning.step} of ${tuning.steps}: loss ${tuning.loss.toFixed(4)}, held out ${tuning.held.loss.toFixed(4)}, agreement ${(100 * (tuning.held.agreement ?? 0)).toFixed(2)} %\n`);
};

function optionsOf({ filters, summed }: Way): object {
  const [wavelet, fixed] = filters.split("-");
  return { wavelet, length: wavelet === "haar" && fixed ? 2 : Number(values.length), levels: Number(values.levels), summed, ...(fixed && { fixed: true }) };
}

async function measure(model: string, way: Way, seed: number): Promise<Run> {
  const images = Number(values.images), data = await folderOf(`mnist-${images}`, () => mnist.train(images)), evalData = await folderOf("mnist-test", () => mnist.test());
  const recipe = path.join(work, `recipe-${process.pid}.json`), output = path.join(work, `compressed-${process.pid}.onnx`), threads = values.threads === undefined ? undefined : Number(values.threads), started = performance.now();
  writeFileSync(recipe, JSON.stringify({ layers: Object.fromEntries(list(values.layers).map((name) => [name, { method: "wavelet", options: optionsOf(way) }])) }));
  const host = await nodeHost({ threads, scripts: path.resolve("dist"), checkpoint: path.join(work, "jobs"), ratings: path.join(work, "ratings") });
  try {
    const report = await compressModel({ model, recipe, output, data, evalData, tune: values.tune, seed, threads, force: true }, host, tell), { reference, compressed } = report.fidelity!;
    const own = report.layers.flatMap(({ wavelet }) => wavelet ?? []), before = await linearParameters(model);
    return {
      before: before.reduce((sum, { weights, outputs }) => sum + weights + outputs, 0), parameters: before.reduce((sum, { name, weights, outputs }) => sum + (report.layers.find((layer) => layer.name === name)?.wavelet?.parameters ?? weights) + outputs, 0),
      bytes: report.output.bytes, top1: 100 * compressed.top1!, float: 100 * reference.top1!, kl: report.fidelity!.kl!, reconstruction: Math.max(...own.map(({ reconstructionError }) => reconstructionError)), moved: own.some(({ filters }) => Math.abs(Math.abs(filters[0][0]) - Math.abs(filters[2][0])) > 1e-4), seconds: (performance.now() - started) / 1000,
    };
  } finally {
    await host.close();
    for (const file of [output, recipe]) rmSync(file, { force: true });
  }
}

/** A data set that is written once: benchmarks beside this one may be reading it. */
async function folderOf(name: string, images: () => Promise<Images>): Promise<string> {
  return existsSync(path.join(work, name, "dataset.json")) ? path.join(work, name) : writeDataset(work, name, mnist, await images());
}

/** Weights and biases of a model's linear layers. */
async function linearParameters(model: string): Promise<{ name: string; weights: number; outputs: number }[]> {
  const opened = await openModelFile(model);
  try {
    return findLayers(opened.model).filter(({ op }) => op === "Gemm").map(({ id, parameters, dims, outputAxis }) => ({ name: id, weights: parameters, outputs: dims[outputAxis] }));
  } finally {
    await opened.close();
  }
}

async function main(): Promise<void> {
  if (!values.model) throw new Error("Give a model: --model PATH.");
  const model = path.resolve(values.model), sha256 = (await hashFile(model)).slice(0, 16), cells = new Cells(values.results, isRun), [times, points] = list(values.target ?? "").map(Number);
  console.log(`${path.basename(model)}, sha256 ${sha256}…; ${list(values.layers).join(", ")} by wavelets, ${values.tune}, ${values.images} images without labels; 10,000 test images`);
  console.log("filters           summed   linear parameters      fewer      bytes   top-1 of each seed          mean    lost       KL   W⁻¹Wx−x");
  const found: { filters: string; fewer: number; lost: number }[] = [];
  for (const filters of list(values.filters)) for (const summed of list(values.summed).map(Number)) {
    const runs: Run[] = [];
    for (const seed of list(values.seeds).map(Number)) runs.push(await cells.get({ model: path.basename(model), sha256, layers: values.layers, ...optionsOf({ filters, summed }), images: Number(values.images), tune: values.tune, seed }, () => measure(model, { filters, summed }, seed)));
    const [{ before, parameters, bytes }] = runs, lost = mean(runs.map(({ float, top1 }) => float - top1));
    found.push({ filters, fewer: before / parameters, lost });
    console.log(`${filters.padEnd(18)}${String(summed).padStart(6)}${`${before.toLocaleString("en")} → ${parameters.toLocaleString("en")}`.padStart(20)}${(before / parameters).toFixed(1).padStart(10)}×${bytes.toLocaleString("en").padStart(11)}   ${runs.map(({ top1 }) => top1.toFixed(2)).join(" / ").padEnd(24)}${mean(runs.map(({ top1 }) => top1)).toFixed(3).padStart(8)}${lost.toFixed(3).padStart(8)}${mean(runs.map(({ kl }) => kl)).toFixed(5).padStart(9)}   ${Math.max(...runs.map(({ reconstruction }) => reconstruction)).toExponential(1)}`);
  }
  if (times === undefined) return;
  const learned = found.filter(({ filters, fewer, lost }) => !filters.endsWith("-fixed") && fewer >= times && lost <= points), isReached = learned.some(({ fewer, lost }) => found.some((other) => other.filters === "haar-fixed" && Math.abs(other.fewer / fewer - 1) < 0.02 && other.lost > lost));
  console.log(`target ≥ ${times} times fewer at ≤ ${points} points lost, and less than with fixed Haar filters: ${isReached ? "reached" : "missed"}`);
  if (!isReached) process.exitCode = 1;
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.stack : error);
  process.exitCode = 1;
});
