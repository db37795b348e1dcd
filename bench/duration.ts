import { rmSync } from "node:fs";
import * as path from "node:path";
import { parseArgs } from "node:util";
import { compressModel } from "../src/compression/compress";
import { openDataset } from "../src/evaluation/dataset";
import { batchSize, dataInput, readBatches } from "../src/evaluation/evaluate";
import { nodeRuntime, openData } from "../src/runtime/node";
import { nodeHost, openModelFile } from "../src/worker/host";
import { cifar10 } from "./cifar10";
import { cacheFolder } from "./packages";
import { writeDataset } from "./source";

/**
 * Time of a whole `compress` with 1,000 calibration images, rating and plan included ÷ the time that onnxruntime alone takes for these images, in batches of 64, on two threads.
 * onnxruntime is timed before and after, and the mean of both counts.
 * npm run bench:duration -- --model MODEL [--bits 0.6]
 */
const { values: { model: file, bits } } = parseArgs({ options: { model: { type: "string" }, bits: { type: "string", default: "0.6" } } });
const THREADS = 2, IMAGES = 1000, BATCH = 64;

async function main(): Promise<void> {
  if (!file) throw new Error("Give a model: --model PATH.");
  const model = path.resolve(file), work = path.join(cacheFolder, "duration"), data = writeDataset(work, "calibration", cifar10, await cifar10.train(IMAGES));
  const opened = await openModelFile(model), input = dataInput(opened.model), dataset = await openDataset(await openData(data), input);
  const batches = await readBatches(dataset, Array.from({ length: IMAGES }, (_, i) => i), batchSize(input, BATCH));
  await opened.close();
  const plain = async (): Promise<number> => {
    const session = await nodeRuntime.open(model, { threads: THREADS });
    await session.run({ [input.name]: batches[0] });
    const start = performance.now();
    for (const batch of batches) await session.run({ [input.name]: batch });
    const seconds = (performance.now() - start) / 1000;
    await session.release();
    return seconds;
  };
  const before = await plain();
  const host = await nodeHost({ threads: THREADS, scripts: path.resolve("dist"), checkpoint: path.join(work, "jobs") });
  const start = performance.now(), output = path.join(work, "out.onnx");
  const report = await compressModel({ model, data, output, bits: Number(bits), threads: THREADS, force: true }, host);
  const seconds = (performance.now() - start) / 1000;
  await host.close();
  rmSync(output);
  const after = await plain(), alone = (before + after) / 2;
  console.log(`${path.basename(model)} to ${report.convBitsPerWeight?.toFixed(2)} bits: ${seconds.toFixed(1)} s (${Object.entries(report.seconds).filter(([name]) => name !== "total").map(([name, time]) => `${name} ${time.toFixed(1)}`).join(", ")})`);
  console.log(`onnxruntime alone, ${IMAGES.toLocaleString("en")} images: ${before.toFixed(2)} s before, ${after.toFixed(2)} s after; ratio ${(seconds / alone).toFixed(1)}`);
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
