import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { decode, encode, isTrainingState } from "../src/compression/checkpoint";
import { nodeRuntime } from "../src/runtime/node";
import { countOf } from "../src/training/graph";
import type { TrainingState } from "../src/training/trainer";
import { cifar10 } from "./cifar10";
import { trainClassifier, type Settings } from "./classifier";
import { deviceNamed } from "./device";
import { Examples } from "./examples";
import { mnist } from "./mnist";
import { encodeClassifier, FOR_DIGITS, isNetworkName, NETWORKS } from "./networks";
import { cacheFolder } from "./packages";
import type { Images, Source } from "./source";

/**
 * Trains a network from its beginning on CIFAR-10, or mlp and lenet on MNIST, with the product's engine, and tells its accuracy on all 10,000 test images after every epoch.
 * Minutes become a number of steps once the first ones have been timed, so let it run alone. One that was ended goes on where it was; a finished one leaves its ONNX file and a line in `results.jsonl` in the cache.
 * Target: resnet18 in 90 minutes on two cores alone, ≥ 85 % (--target 85).
 * npm run bench:train -- [--model resnet18|vgg-small|vgg-tiny|resnet8|mobilenet-small|preresnet8|mlp|lenet] [--minutes 90 | --steps N] [--threads N] [--batch 128] [--rate 0.2] [--decay 5e-4] [--smoothing 0] [--seed 1] [--examples 50000] [--tests 10000] [--target PERCENT] [--output FILE] [--device cpu|webgpu]
 */
const { values } = parseArgs({ options: {
  model: { type: "string", default: "resnet18" }, minutes: { type: "string", default: "90" }, steps: { type: "string" }, threads: { type: "string", default: String(os.availableParallelism()) }, batch: { type: "string", default: "128" }, rate: { type: "string", default: "0.2" },
  decay: { type: "string", default: "5e-4" }, smoothing: { type: "string", default: "0" }, seed: { type: "string", default: "1" }, examples: { type: "string", default: "50000" }, tests: { type: "string", default: "10000" }, output: { type: "string" }, target: { type: "string" }, device: { type: "string" },
} });

const home = path.join(cacheFolder, "train");

const asExamples = ({ shape, classes, mean, deviation }: Source, { images, labels }: Images): Examples => new Examples({ images, labels, shape, classes: classes.length, mean, deviation });

/** What a training keeps in a file. */
function checkpointIn(file: string) {
  return {
    /** The step after which this run goes on. */
    from: 0,
    async load(): Promise<TrainingState | undefined> {
      const known = existsSync(file) ? decode(readFileSync(file)) : undefined;
      if (!isTrainingState(known)) return undefined;
      this.from = known.step;
      console.log(`Going on after step ${known.step.toLocaleString("en")} of ${known.steps.toLocaleString("en")}.`);
      return known;
    },
    async save(state: TrainingState): Promise<void> {
      writeFileSync(`${file}.part`, encode(state));
      renameSync(`${file}.part`, file);
    },
  };
}

/** The first interrupt ends the training after its step. */
function interrupted(): AbortSignal {
  const stop = new AbortController();
  process.once("SIGINT", () => { stop.abort(); });
  return stop.signal;
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

function number(name: Exclude<keyof typeof values, "model" | "output">): number {
  const value = Number(values[name]);
  if (!(value >= 0)) throw new Error(`--${name} is a number.`);
  return value;
}

async function main(): Promise<void> {
  const { model, output } = values, threads = number("threads"), source = FOR_DIGITS.includes(model) ? mnist : cifar10, target = values.target === undefined ? undefined : number("target");
  const device = deviceNamed(values.device);
  if (device === "auto") throw new Error("A training from the beginning tries no devices: give --device cpu, webgpu, cuda, dml or coreml.");
  if (!isNetworkName(model)) throw new Error(`--model is one of ${Object.keys(NETWORKS).join(", ")}.`);
  const settings: Settings = { batch: number("batch"), rate: number("rate"), decay: number("decay"), smoothing: number("smoothing"), augmentation: source.augmentation, seed: number("seed") };
  const length = values.steps === undefined ? { seconds: 60 * number("minutes") } : { steps: number("steps") }, task = { model, ...settings, length, ...(device && { device }), examples: Math.min(number("examples"), source.trained) };
  const name = `${model}-${createHash("sha256").update(JSON.stringify(task)).digest("hex").slice(0, 8)}`, state = path.join(home, `${name}.state`), file = output ?? path.join(home, `${name}.onnx`);
  mkdirSync(home, { recursive: true });
  const { shape, classes } = source, test = await source.test(), count = number("tests"), classifier = NETWORKS[model]({ shape, classes: classes.length, seed: settings.seed });
  const checkpoint = checkpointIn(state), started = performance.now();
  const { result, step, steps, loss } = await trainClassifier({
    runtime: nodeRuntime, threads, device, classifier, settings, length, checkpoint, stop: interrupted(),
    examples: asExamples(source, await source.train(task.examples)), tests: asExamples(source, { images: test.images.subarray(0, count * countOf(shape)), labels: test.labels.subarray(0, count) }),
    onEpoch: ({ step, steps, epoch, epochs, loss, test }) => {
      console.log(`epoch ${epoch.toFixed(1)} of ${epochs.toFixed(1)}, step ${step} of ${steps}: loss ${loss.toFixed(4)}, test ${percent(test.accuracy)} (loss ${test.loss.toFixed(4)}), ${((performance.now() - started) / 60_000).toFixed(1)} min`);
    },
  });
  if (!result) {
    console.log(`Ended after step ${step.toLocaleString("en")} of ${steps.toLocaleString("en")}; the same command goes on from there.`);
    return;
  }
  writeFileSync(file, encodeClassifier(result.classifier));
  const seconds = Math.round((performance.now() - started) / 1000), { accuracy } = result.test;
  appendFileSync(path.join(home, "results.jsonl"), `${JSON.stringify({ ...task, tests: count, threads, steps, loss, test: result.test, file, seconds, from: checkpoint.from })}\n`);
  rmSync(state, { force: true });
  console.log(`${file}: ${percent(accuracy)} of ${count.toLocaleString("en")} test images${target === undefined ? "" : ` (target ≥ ${target} %)`}`);
  if (target !== undefined && 100 * accuracy < target) process.exitCode = 1;
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
