import { rmSync } from "node:fs";
import * as path from "node:path";
import { parseArgs } from "node:util";
import { compressModel } from "../src/compression/compress";
import type { CompressRequest, Progress } from "../src/protocol/api";
import { nodeHost, openModelFile } from "../src/worker/host";
import { hashFile } from "../src/runtime/node";
import { cacheFolder, testImages, trainImages, writeDataset } from "./cifar10";

/**
 * Accuracy on all of CIFAR-10's 10,000 test images after compression, with the first training images for calibration and training (their labels unused) or without any:
 * in closed form, or trained for a time or a number of steps.
 * npm run bench:accuracy -- --model MODEL [--preprocess FILE] [--bits 4,3,2] [--target 40x,60x] [--seeds 1,2,3] [--images 1000] [--no-data] [--tune 60m]
 */
const { values } = parseArgs({ options: {
  model: { type: "string" }, preprocess: { type: "string" }, bits: { type: "string", default: "" }, target: { type: "string", default: "" },
  seeds: { type: "string", default: "1,2,3" }, images: { type: "string", default: "1000" }, "no-data": { type: "boolean", default: false }, tune: { type: "string" }, threads: { type: "string" },
} });

const list = (text: string): string[] => text.split(",").filter(Boolean);
const mean = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0) / numbers.length;
/** A line now and then. */
const tell = ({ tuning }: Progress): void => {
  if (tuning?.held) process.stderr.write(`  step ${tuning.step} of ${tuning.steps}: loss ${tuning.loss.toFixed(4)}, held out ${tuning.held.loss.toFixed(4)}, agreement ${(100 * (tuning.held.agreement ?? 0)).toFixed(2)} %\n`);
};
const work = path.join(cacheFolder, "accuracy");

async function main(): Promise<void> {
  if (!values.model) throw new Error("Give a model: --model PATH.");
  const goals: Partial<CompressRequest>[] = [...list(values.bits).map((bits) => ({ bits: Number(bits) })), ...list(values.target).map((target) => ({ target }))];
  if (!goals.length) throw new Error("Give --bits or --target.");
  const model = path.resolve(values.model), threads = values.threads === undefined ? undefined : Number(values.threads);
  const evalData = writeDataset(work, "test", await testImages()), data = values["no-data"] ? undefined : writeDataset(work, `train-${values.images}`, await trainImages(Number(values.images)));
  const opened = await openModelFile(model);
  console.log(`${path.basename(model)}, ${opened.bytes.toLocaleString("en")} bytes, sha256 ${(await hashFile(model)).slice(0, 16)}…; ${data ? `${Number(values.images).toLocaleString("en")} training images without labels` : "no data"}; ${values.tune === undefined ? "" : `trained ${values.tune}; `}10,000 test images`);
  await opened.close();
  console.log("asked for    bits/conv weight  smaller   top-1 of each seed       mean    lost  of float");
  const output = path.join(work, `compressed-${process.pid}.onnx`);
  const ratings = path.join(work, "ratings");
  for (const goal of goals) {
    const runs: { bits: number; ratio: number; top1: number; float: number }[] = [];
    for (const seed of list(values.seeds).map(Number)) {
      const host = await nodeHost({ threads, scripts: path.resolve("dist"), checkpoint: path.join(work, "jobs"), ratings });
      try {
        const started = performance.now();
        const report = await compressModel({ ...goal, model, output, data, evalData, preprocess: values.preprocess, seed, threads, tune: values.tune, force: true }, host, tell);
        const { reference, compressed } = report.fidelity!;
        runs.push({ bits: report.convBitsPerWeight!, ratio: report.ratio, top1: 100 * compressed.top1!, float: 100 * reference.top1! });
        process.stderr.write(`  seed ${seed}: ${runs[runs.length - 1].top1.toFixed(2)} % in ${((performance.now() - started) / 1000).toFixed(0)} s\n`);
      } finally {
        await host.close();
      }
    }
    const name = "bits" in goal ? `${goal.bits} bits` : goal.target!;
    console.log(`${name.padEnd(13)}${mean(runs.map(({ bits }) => bits)).toFixed(3).padStart(16)}${mean(runs.map(({ ratio }) => ratio)).toFixed(1).padStart(8)}×  ${runs.map(({ top1 }) => top1.toFixed(2)).join(" / ").padEnd(24)}${mean(runs.map(({ top1 }) => top1)).toFixed(2).padStart(6)}${mean(runs.map(({ float, top1 }) => float - top1)).toFixed(2).padStart(8)}${mean(runs.map(({ float }) => float)).toFixed(2).padStart(10)}`);
  }
  rmSync(output, { force: true });
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
