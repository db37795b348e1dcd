import path from "node:path";
import { parseArgs } from "node:util";
import { mergeRecipe } from "../src/compression/goal";
import { rateModel } from "../src/compression/rated";
import { readJobData } from "../src/compression/data";
import type { CompressRequest, Progress } from "../src/protocol/api";
import { nodeHost } from "../src/worker/host";
import { cifar10 } from "./cifar10";
import { cacheFolder } from "./packages";
import { writeDataset } from "./source";

/**
 * How long it takes to rate all layers of a model, every choice of each of them, on 256 training images of CIFAR-10, as a multiple of the time that onnxruntime takes to
 * run the model on these images (the best of five; same threads).
 * Target: 150 times at most.
 * npm run bench:sensitivity -- --model MODEL [--preprocess FILE] [--threads N]
 */
const { values } = parseArgs({ options: { model: { type: "string" }, preprocess: { type: "string" }, threads: { type: "string" } } });
const IMAGES = 256, RUNS = 5;

async function main(): Promise<void> {
  if (!values.model) throw new Error("Give a model: --model PATH.");
  const threads = values.threads === undefined ? undefined : Number(values.threads), data = writeDataset(path.join(cacheFolder, "accuracy"), `${cifar10.name}-${IMAGES}`, cifar10, await cifar10.train(IMAGES));
  const host = await nodeHost({ threads, scripts: path.resolve("dist") }), request: CompressRequest = { model: path.resolve(values.model), data, evalData: data, preprocess: values.preprocess, threads };
  const job = await mergeRecipe(request, host), opened = await host.openModel(request.model);
  try {
    const { rating } = await readJobData(job, opened.model, host), session = await host.runtime.open(request.model, { threads, device: "cpu" }), texts = new Set<string>(), before: number[] = [];
    for (let run = 0; run < RUNS; run++) before.push(await seconds(async () => { for (const batch of rating.batches) await session.run({ [rating.input]: batch }); }));
    await session.release();
    let layers = 0, choices = 0;
    const rated = await seconds(async () => {
      const { ratings } = (await rateModel(job, opened, host, false, ({ text }: Progress) => texts.add(text)))!;
      layers = ratings.length;
      choices = ratings.reduce((sum, { candidates }) => sum + candidates.length, 0);
    });
    console.log(`${path.basename(request.model)}: ${choices} choices of ${layers} layers rated in ${rated.toFixed(1)} s, told in ${texts.size} steps; ${rating.batches.reduce((sum, { dims: [count] }) => sum + count, 0)} images alone ${Math.min(...before).toFixed(3)} s: ${(rated / Math.min(...before)).toFixed(0)} times`);
  } finally {
    await opened.close();
    await host.close();
  }
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
