import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { evaluateModel } from "../src/compression/evaluate";
import { openDataset, readPreprocess } from "../src/evaluation/dataset";
import { batchSize, dataInput, readBatches } from "../src/evaluation/evaluate";
import { nodeRuntime, openData } from "../src/runtime/node";
import { nodeHost, openModelFile } from "../src/worker/host";
import { png } from "../test/helpers/png";
import { cifar10 } from "./cifar10";
import { cacheFolder } from "./packages";

/**
 * Images a second of an evaluation from PNG files ÷ those of onnxruntime alone on the same tensors in memory, in alternating runs.
 * npm run bench:throughput -- [IMAGES] [THREADS]
 */
const MODEL = "samples/resnet20-cifar10.onnx", PREPROCESS = "samples/resnet20-cifar10.preprocess.json", BATCH = 64, PAIRS = 7, TARGET = 0.8;

/** The first test images as class folders of PNGs, made once. */
async function imageFolder(count: number): Promise<string> {
  const folder = path.join(cacheFolder, `cifar10-test-${count}`), working = `${folder}.making`;
  if (existsSync(folder)) return folder;
  const { images, labels } = await cifar10.test(), size = images.length / labels.length;
  rmSync(working, { recursive: true, force: true });
  for (const name of cifar10.classes) mkdirSync(path.join(working, name), { recursive: true });
  for (let i = 0; i < count; i++) writeFileSync(path.join(working, cifar10.classes[labels[i]], `${String(i).padStart(5, "0")}.png`), png(images.subarray(i * size, (i + 1) * size), 32, 32));
  renameSync(working, folder);
  return folder;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1];

/** Images a second, and processor time of all threads, which tells more where others use the machine, too. */
async function timed(run: () => Promise<number>): Promise<{ speed: number; cpu: number }> {
  const before = process.cpuUsage(), speed = await run(), { user, system } = process.cpuUsage(before);
  return { speed, cpu: user + system };
}

async function main(): Promise<void> {
  const count = Number(process.argv[2] ?? 2000), threads = process.argv[3] === undefined ? undefined : Number(process.argv[3]);
  const data = await imageFolder(count), host = await nodeHost({ threads, scripts: path.resolve("dist") });
  const opened = await openModelFile(MODEL), input = dataInput(opened.model);
  await opened.close();
  const preprocess = await readPreprocess(await (await openData(path.dirname(PREPROCESS))).open(path.basename(PREPROCESS)), PREPROCESS);
  const dataset = await openDataset(await openData(data), input, preprocess);
  const batches = await readBatches(dataset, Array.from({ length: count }, (_, i) => i), batchSize(input, BATCH)), session = await nodeRuntime.open(MODEL, { threads });
  const alone = async (): Promise<number> => {
    const started = performance.now();
    for (const batch of batches) await session.run({ [input.name]: batch });
    return count / (performance.now() - started) * 1000;
  };
  const whole = async (): Promise<number> => {
    const { samplesPerSecond, top1 } = await evaluateModel({ model: MODEL, data, preprocess: PREPROCESS, threads }, host);
    if (!(top1! > 0.9)) throw new Error(`The top-1 is ${top1}, so something is wrong with images or labels.`);
    return samplesPerSecond;
  };
  await alone();
  await whole();
  const ratios: number[] = [], work: number[] = [], speeds: number[] = [];
  for (let i = 0; i < PAIRS; i++) {
    const first = await timed(i % 2 ? whole : alone), second = await timed(i % 2 ? alone : whole), [bare, evaluation] = i % 2 ? [second, first] : [first, second];
    ratios.push(evaluation.speed / bare.speed);
    work.push(bare.cpu / evaluation.cpu);
    speeds.push(bare.speed);
  }
  const ratio = median(ratios);
  console.log(`processor time of onnxruntime alone ÷ evaluation: ${median(work).toFixed(3)}, what the ratio can be where every core is busy`);
  console.log(`${count} PNGs, batch ${BATCH}: evaluation ÷ onnxruntime alone (${Math.round(median(speeds))} images/s): ${ratio.toFixed(3)}, from ${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)} (target ≥ ${TARGET})`);
  await session.release();
  await host.close();
  if (ratio < TARGET) process.exitCode = 1;
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
