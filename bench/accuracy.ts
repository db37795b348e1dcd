import { readFileSync } from "node:fs";
import * as path from "node:path";
import { parseArgs } from "node:util";
import type { CompressRequest, Progress } from "../src/protocol/api";
import { parsePruning } from "../src/protocol/pruning";
import { parseNoise, SCHEDULES } from "../src/protocol/tuning";
import { openModelFile } from "../src/worker/host";
import { hashFile } from "../src/runtime/node";
import { Cells } from "./cells";
import { cifar10 } from "./cifar10";
import { mnist } from "./mnist";
import { compressed } from "./compressed";
import { deviceNamed } from "./device";
import { cacheFolder } from "./packages";
import { writeDataset } from "./source";

/**
 * Accuracy on all 10,000 test images of CIFAR-10, or MNIST, after compression, with the first training images for calibration and training (their labels unused) or without any:
 * in closed form ("none"), or trained for a time or a number of steps. With --results finished cells are kept, and not measured again.
 * npm run bench:accuracy -- --model MODEL [--preprocess FILE] [--bits 4,3,2] [--target 40x,60x] [--seeds 1,2,3] [--source cifar10|mnist] [--images 1000] [--no-data] [--tune none,60m] [--method kernel,product] [--schedule endToEnd,iterative] [--noise none,codeword:0.1] [--inference float,integer] [--prune none,25%] [--recipe FILE] [--delay 0] [--device cpu|webgpu] [--results FILE]
 * Small sizes decide by themselves how many channels stay, where --prune does not say that; "none" keeps all.
 * A delay is the share of a training's steps before activations of integers are rounded in it.
 */
const { values } = parseArgs({ options: {
  model: { type: "string" }, preprocess: { type: "string" }, bits: { type: "string", default: "" }, target: { type: "string", default: "" },
  seeds: { type: "string", default: "1,2,3" }, images: { type: "string", default: "1000" }, "no-data": { type: "boolean", default: false }, tune: { type: "string", default: "none" }, threads: { type: "string" }, results: { type: "string" },
  source: { type: "string", default: "cifar10" }, method: { type: "string", default: "" }, schedule: { type: "string", default: "" }, noise: { type: "string", default: "" }, inference: { type: "string", default: "" }, prune: { type: "string", default: "" }, recipe: { type: "string" }, delay: { type: "string" }, device: { type: "string" },
} });

const list = (text: string): string[] => text.split(",").filter(Boolean);
const orNone = (text: string): (string | undefined)[] => (text ? list(text) : [undefined]);
/** All ways to go about it that are asked for; what is a default is left out. */
const manners: Pick<CompressRequest, "method" | "schedule" | "noise" | "inference" | "prune">[] = orNone(values.prune).flatMap((prune) => orNone(values.inference).flatMap((inference) => orNone(values.method).flatMap((method) => orNone(values.schedule).flatMap((schedule) => orNone(values.noise).map((noise) => ({
  ...(prune && { prune: prune !== "none" && parsePruning(prune) }), ...(inference === "integer" && { inference }), ...(method && { method }), ...(schedule && schedule !== "endToEnd" && { schedule: SCHEDULES.find((one) => one === schedule) }), ...(noise && noise !== "none" && { noise: parseNoise(noise) }),
}))))));

/** What a cell says of channels: nothing where all of them stay, "small" where the size decides. */
const asCell = ({ prune, ...manner }: (typeof manners)[number], { target }: Partial<CompressRequest>): object => ({ ...manner, ...(prune === undefined ? target !== undefined && { prune: "small" } : prune && { prune }) });

/** Percent, seconds of the whole job, and what is read off the file. */
interface Run { bits: number; bytes: number; ratio: number; top1: number; float: number; seconds: number; trained: number }
const isRun = (value: object): value is Run => "bits" in value && "top1" in value && "float" in value;

const mean = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0) / numbers.length;
/** A line now and then. */
const tell = ({ tuning }: Progress): void => {
  if (tuning?.held) process.stderr.write(`  step ${tuning.step} of ${tuning.steps}: loss ${tuning.loss.toFixed(4)}, held out ${tuning.held.loss.toFixed(4)}, agreement ${(100 * (tuning.held.agreement ?? 0)).toFixed(2)} %\n`);
};
const work = path.join(cacheFolder, "accuracy"), source = values.source === "mnist" ? mnist : cifar10;

async function main(): Promise<void> {
  if (!values.model) throw new Error("Give a model: --model PATH.");
  const device = deviceNamed(values.device), goals: Partial<CompressRequest>[] = [...list(values.bits).map((bits) => ({ bits: Number(bits) })), ...list(values.target).map((target) => ({ target }))];
  if (values.inference === "integer" && !goals.length) goals.push({});
  if (!goals.length) throw new Error("Give --bits or --target, or --inference integer for 8 bits everywhere.");
  const model = path.resolve(values.model), images = values["no-data"] ? 0 : Number(values.images), sha256 = (await hashFile(model)).slice(0, 16), opened = await openModelFile(model), cells = new Cells(values.results, isRun);
  console.log(`${path.basename(model)}, ${opened.bytes.toLocaleString("en")} bytes, sha256 ${sha256}…; ${images ? `${images.toLocaleString("en")} training images without labels` : "no data"}; 10,000 test images`);
  await opened.close();
  console.log("asked for    trained                           bits/conv weight  smaller   top-1 of each seed       mean    lost  of float");
  for (const goal of goals) for (const tune of list(values.tune)) for (const manner of tune === "none" ? manners.filter(({ schedule, noise }) => !schedule && !noise) : manners) {
    const runs: Run[] = [];
    for (const seed of list(values.seeds).map(Number)) {
      runs.push(await cells.get({ model: path.basename(model), sha256, ...goal, ...(values.recipe && { recipe: path.basename(values.recipe) }), ...(values.delay && { delay: Number(values.delay) }), ...(device && { device }), images, tune, ...asCell(manner, goal), seed }, () => measure({ ...goal, ...manner, model, device, tune, seed }, images)));
      process.stderr.write(`  seed ${seed}: ${runs[runs.length - 1].top1.toFixed(2)} % in ${runs[runs.length - 1].seconds.toFixed(0)} s\n`);
    }
    const name = goal.bits !== undefined ? `${goal.bits} bits` : goal.target ?? "integers", average = (key: keyof Run) => mean(runs.map((run) => run[key]));
    console.log(`${name.padEnd(13)}${[tune, manner.prune && (manner.prune === "auto" ? "as serves" : `${100 * manner.prune.compute} % less`), manner.inference, manner.method, manner.schedule, manner.noise?.kind].filter(Boolean).join(" ").padEnd(34)}${average("bits").toFixed(3).padStart(16)}${average("ratio").toFixed(1).padStart(8)}×  ${runs.map(({ top1 }) => top1.toFixed(2)).join(" / ").padEnd(24)}${average("top1").toFixed(2).padStart(6)}${(average("float") - average("top1")).toFixed(2).padStart(8)}${average("float").toFixed(2).padStart(10)}`);
  }
}

/** The recipe that was given, with the delay. */
function recipeText(): string | undefined {
  if (!values.recipe) return undefined;
  const recipe = JSON.parse(readFileSync(values.recipe, "utf8")) as { integers?: object };
  return JSON.stringify({ ...recipe, ...(values.delay && { integers: { ...recipe.integers, delay: Number(values.delay) } }) });
}

/** Compresses once, and looks at all test images. */
async function measure(request: CompressRequest, images: number): Promise<Run> {
  const evalData = writeDataset(work, `${source.name}-test`, source, await source.test()), data = images ? writeDataset(work, `${source.name}-${images}`, source, await source.train(images)) : undefined;
  const threads = values.threads === undefined ? undefined : Number(values.threads);
  return compressed(work, { ...request, recipe: values.recipe && path.resolve(values.recipe), recipeText: recipeText(), data, evalData, preprocess: values.preprocess, threads }, ({ report: { convBitsPerWeight, output, ratio, fidelity, seconds: { tune = 0 } }, seconds }) => (
    { bits: convBitsPerWeight!, bytes: output.bytes, ratio, top1: 100 * fidelity!.compressed.top1!, float: 100 * fidelity!.reference.top1!, seconds, trained: tune }), tell);
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
