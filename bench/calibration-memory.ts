import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { cifar10 } from "./cifar10";
import { peakOf } from "./peak";
import { writeDataset } from "./source";

/**
 * Peak memory of calibrating integers on 2,000 images ÷ that on 32, and on 272, behind which nothing is held any more; least of some runs that take turns, the report always measured on the same 32.
 * npm run bench:calibration-memory -- --model MODEL [--ranges percentile] [--rounds 3]
 */
const { values } = parseArgs({ options: { model: { type: "string" }, ranges: { type: "string", default: "percentile" }, rounds: { type: "string", default: "3" } } });
const COUNTS = [32, 272, 2000], TARGET = 1.25, AFTERWARDS = 1.1;

async function main(): Promise<void> {
  if (!values.model) throw new Error("Give a model: --model PATH.");
  const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-calibration-")), recipe = path.join(folder, "integers.kernelscope.json");
  writeFileSync(recipe, JSON.stringify({ inference: "integer", integers: { ranges: values.ranges } }));
  try {
    const sets: string[] = [], peaks = COUNTS.map(() => Infinity);
    for (const count of COUNTS) sets.push(writeDataset(folder, `images-${count}`, cifar10, await cifar10.train(count)));
    for (let round = 0; round < Number(values.rounds); round++) for (const [i, data] of sets.entries()) {
      const peak = await peakOf(["compress", path.resolve(values.model), "--recipe", recipe, "--data", data, "--eval-data", sets[0], "-o", path.join(folder, "integers.onnx"), "--checkpoint", path.join(folder, "jobs"), "--threads", "1", "--force", "--quiet", "--device", "cpu"], folder, "ignore");
      peaks[i] = Math.min(peaks[i], peak);
    }
    const ratio = peaks[2] / peaks[0], afterwards = peaks[2] / peaks[1];
    console.log(JSON.stringify({ bench: "calibration-memory", model: path.basename(values.model), ranges: values.ranges, images: COUNTS, peaks, ratio, afterwards }));
    console.log(`peak memory on ${COUNTS.map((count, i) => `${count} images ${(peaks[i] / 1e6).toFixed(0)} MB`).join(", ")}: ${ratio.toFixed(3)} (target ≤ ${TARGET}), ${afterwards.toFixed(3)} (target ≤ ${AFTERWARDS})`);
    if (ratio > TARGET || afterwards > AFTERWARDS) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
