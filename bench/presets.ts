import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { compressModel } from "../src/compression/compress";
import { frontOf } from "../src/compression/front";
import { mergeRecipe } from "../src/compression/goal";
import { rateModel, rateRounding } from "../src/compression/rated";
import { tryWholePlans } from "../src/compression/whole-plans";
import { type CompressRequest, PRESETS } from "../src/protocol/api";
import type { PresetPlan } from "../src/protocol/plan";
import { formatBytes } from "../src/protocol/sizes";
import { nodeHost } from "../src/worker/host";
import { cifar10 } from "./cifar10";
import { cacheFolder } from "./packages";
import { writeDataset } from "./source";

/**
 * Where a recipe's page says that presets end, as single layers tell it and once two whole plans were tried, against where they do when they are carried out; all is noted before anything is compressed.
 * Images are those of CIFAR-10 that networks are trained on, or of a folder.
 * npm run bench:presets -- --model MODEL [--data FOLDER] [--images 1000] [--integers] [--threads 2]
 */
const { values } = parseArgs({ options: { model: { type: "string" }, data: { type: "string" }, images: { type: "string", default: "1000" }, integers: { type: "boolean" }, threads: { type: "string" } } });

async function main(): Promise<void> {
  if (!values.model) throw new Error("Give a model: --model PATH.");
  const work = path.join(cacheFolder, "accuracy"), images = Number(values.images), data = values.data ?? writeDataset(work, `${cifar10.name}-${images}`, cifar10, await cifar10.train(images));
  mkdirSync(work, { recursive: true });
  const folder = mkdtempSync(path.join(work, "presets-")), request: CompressRequest = { model: path.resolve(values.model), data, threads: values.threads === undefined ? undefined : Number(values.threads), ...(values.integers && { inference: "integer", preset: PRESETS[0] }) };
  const hostOf = (ratings: string) => nodeHost({ threads: request.threads, scripts: path.resolve("dist"), checkpoint: path.join(folder, "jobs"), ratings: path.join(folder, ratings) });
  try {
    const host = await hostOf("rated"), job = await mergeRecipe(request, host), opened = await host.openModel(request.model), rated = (await rateModel(job, opened, host, false, () => undefined))!;
    await rateRounding(rated, job, host, false, () => undefined);
    const before = (await frontOf(rated, job)).presets, begun = performance.now();
    await tryWholePlans(rated, job, host, () => undefined);
    const seconds = (performance.now() - begun) / 1000, after = (await frontOf(rated, job)).presets;
    await opened.close();
    await host.close();
    console.log(`whole plans tried in ${seconds.toFixed(0)} s\npreset            by layers                        by whole plans                   ends with`);
    for (const [i, preset] of PRESETS.entries()) {
      const own = await hostOf(preset); // no preset tells of another
      const { output: { bytes } } = await compressModel({ ...request, preset, output: path.join(folder, "preset.onnx"), force: true }, own);
      await own.close();
      console.log(`${preset.padEnd(18)}${[before[i], after[i]].map((told) => said(told).padEnd(33)).join("")}${formatBytes(bytes)}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const said = ({ bytes, range }: PresetPlan): string => `${formatBytes(bytes)}${range ? ` (${range.map(formatBytes).join(" to ")})` : ""}`;

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
