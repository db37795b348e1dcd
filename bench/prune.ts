import * as path from "node:path";
import { parseArgs } from "node:util";
import { measureLatency } from "../src/compression/latency";
import { type CompressRequest, PRESETS } from "../src/protocol/api";
import { parsePruning } from "../src/protocol/pruning";
import { hashFile } from "../src/runtime/node";
import { Cells } from "./cells";
import { cifar10 } from "./cifar10";
import { compressed } from "./compressed";
import { cacheFolder } from "./packages";
import { writeDataset } from "./source";

/**
 * What a network does without some of its channels: accuracy on images that nothing was fitted to, bytes, and how long one image takes beside the original on one thread here; before and after a training.
 * Images are those of CIFAR-10 (all 10,000 test images), or a folder's, a fifth of which is measured on. Goals are sizes, or presets, for what is left.
 * npm run bench:prune -- --model MODEL [--data DIR] [--levels none,25%,50%] [--tune none,60steps] [--goals 60KB,nearly-lossless] [--images 5000] [--results FILE]
 */
const { values } = parseArgs({ options: {
  model: { type: "string" }, data: { type: "string" }, levels: { type: "string", default: "none,25%,50%" }, tune: { type: "string", default: "none" }, goals: { type: "string", default: "60KB" }, images: { type: "string", default: "5000" }, results: { type: "string" },
} });

/** Shares of the original's compute and weights, accuracies and agreement in percent, and the time of one image beside the original's. */
interface Run { macs: number; weights: number; bytes: number; top1: number; float: number; agreement: number; kl: number; samples: number; ratio: number; interval: [number, number]; seconds: number }
const isRun = (value: object): value is Run => "macs" in value && "top1" in value && "interval" in value;
const work = path.join(cacheFolder, "accuracy");

async function main(): Promise<void> {
  if (!values.model) throw new Error("Give a model: --model PATH.");
  const model = path.resolve(values.model), sha256 = (await hashFile(model)).slice(0, 16), cells = new Cells(values.results, isRun), images = values.data === undefined ? Number(values.images) : 0;
  const samples = values.data === undefined ? { data: writeDataset(work, `cifar10-${images}`, cifar10, await cifar10.train(images)), evalData: writeDataset(work, "cifar10-test", cifar10, await cifar10.test()) } : { data: path.resolve(values.data) };
  console.log(`${path.basename(model)}\ngoal             pruned    trained    compute  weights  bytes      top-1   lost   agreement  KL       time beside the original`);
  for (const goal of values.goals.split(",")) for (const level of values.levels.split(",")) for (const tune of values.tune.split(",")) {
    const cell = { model: path.basename(model), sha256, goal, prune: level, images, tune }, preset = PRESETS.find((one) => one === goal);
    const { macs, weights, bytes, top1, float, agreement, kl, ratio, interval } = await cells.get(cell, () => measure({ model, ...samples, ...(preset ? { preset } : { target: goal }), tune, prune: level !== "none" && parsePruning(level) }));
    console.log(`${goal.padEnd(17)}${level.padEnd(10)}${tune.padEnd(11)}${macs.toFixed(3).padStart(7)}${weights.toFixed(3).padStart(9)}${String(bytes).padStart(9)}${top1.toFixed(2).padStart(9)}${(float - top1).toFixed(2).padStart(7)}${agreement.toFixed(2).padStart(11)}${kl.toFixed(4).padStart(9)}  ${ratio.toFixed(2)} (${interval.map((end) => end.toFixed(2)).join(" to ")})`);
  }
}

const measure = (request: CompressRequest): Promise<Run> => compressed(work, { ...request, threads: 1, device: "cpu" }, async ({ report: { pruning, output, fidelity }, seconds, host }) => {
  const { ratio, interval } = await measureLatency({ original: request.model, compressed: output.path, threads: 1 }, host), { samples, agreement, kl, reference, compressed: own } = fidelity!;
  const share = (of: "macs" | "weights"): number => (pruning ? pruning.after[of] / pruning.before[of] : 1);
  return { macs: share("macs"), weights: share("weights"), bytes: output.bytes, top1: 100 * own.top1!, float: 100 * reference.top1!, agreement: 100 * agreement!, kl: kl!, samples, ratio, interval, seconds };
});

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
