import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { layerBytes, writeLargeModel } from "./large-model";
import { peakOf } from "./peak";

/**
 * Peak memory of a compression ÷ size of the model: 3×3 convolutions of 1,024 channels, a gigabyte of weights in external data, no samples.
 * npm run bench:memory -- [GIGABYTES] [options of compress]
 */
const TARGET = 0.35, CHANNELS = 1024;

async function main(): Promise<void> {
  const [gigabytes = "1", ...options] = process.argv.slice(2), folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-memory-"));
  try {
    const { model, bytes } = writeLargeModel(folder, { name: "large", channels: CHANNELS, layers: Math.ceil(Number(gigabytes) * 1e9 / layerBytes(CHANNELS)) }), started = performance.now();
    const peak = await peakOf(["compress", model, "-o", path.join(folder, "small.onnx"), "--checkpoint", path.join(folder, "jobs"), ...options], folder);
    const seconds = (performance.now() - started) / 1000, ratio = peak / bytes;
    console.log(`\npeak memory ${(peak / 1e6).toFixed(0)} MB ÷ file ${(bytes / 1e6).toFixed(0)} MB: ${ratio.toFixed(3)} (target ≤ ${TARGET}), ${seconds.toFixed(0)} s`);
    if (ratio > TARGET) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
