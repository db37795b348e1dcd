import { existsSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { compressModel } from "../src/compression/compress";
import type { CompressRequest } from "../src/protocol/api";
import { hashFile } from "../src/runtime/node";
import { nodeHost } from "../src/worker/host";
import { Cells } from "./cells";
import { mnist } from "./mnist";
import { cacheFolder } from "./packages";
import { writeDataset, type Images } from "./source";

/**
 * A network of linear layers, 784-1024-1024-10 on MNIST, by wavelet transforms, by product quantization, and by both (the first layer by wavelets, the others by codewords),
 * in files of one size: bytes and top-1 of all 10,000 test images. The network is trained by `npm run bench:train -- --model mlp --steps 6000 --rate 0.1`. A cell that is in the results already is not measured again.
 * npm run bench:linear -- --model PATH [--summed 1,4] [--tune 300steps] [--images 10000] [--seed 1] [--threads N] [--results bench/results/wavelets.jsonl]
 */
const { values } = parseArgs({ options: { model: { type: "string" }, summed: { type: "string", default: "1,4" }, tune: { type: "string", default: "300steps" }, images: { type: "string", default: "10000" }, seed: { type: "string", default: "1" }, threads: { type: "string" }, results: { type: "string" } } });

/** Weights of the network's layers, the first first. */
const LAYERS = ["layers.0.weight", "layers.2.weight", "layers.4.weight"];
const work = path.join(cacheFolder, "wavelets");

interface Run { bytes: number; ratio: number; top1: number; float: number; seconds: number }
const isRun = (value: object): value is Run => "bytes" in value && "top1" in value && "float" in value;

/** A data set that is written once: benchmarks beside this one may be reading it. */
async function folderOf(name: string, images: () => Promise<Images>): Promise<string> {
  return existsSync(path.join(work, name, "dataset.json")) ? path.join(work, name) : writeDataset(work, name, mnist, await images());
}

async function measure(model: string, layers: object, request: Partial<CompressRequest>): Promise<Run> {
  const images = Number(values.images), data = await folderOf(`mnist-${images}`, () => mnist.train(images)), evalData = await folderOf("mnist-test", () => mnist.test());
  const recipe = path.join(work, `recipe-${process.pid}.json`), output = path.join(work, `compressed-${process.pid}.onnx`), threads = values.threads === undefined ? undefined : Number(values.threads), started = performance.now();
  writeFileSync(recipe, JSON.stringify({ layers }));
  const host = await nodeHost({ threads, scripts: path.resolve("dist"), checkpoint: path.join(work, "jobs"), ratings: path.join(work, "ratings") });
  try {
    const report = await compressModel({ model, recipe, output, data, evalData, tune: values.tune, prune: false, seed: Number(values.seed), threads, force: true, ...request }, host), { reference, compressed } = report.fidelity!;
    return { bytes: report.output.bytes, ratio: report.ratio, top1: 100 * compressed.top1!, float: 100 * reference.top1!, seconds: (performance.now() - started) / 1000 };
  } finally {
    await host.close();
    for (const file of [output, recipe]) rmSync(file, { force: true });
  }
}

async function main(): Promise<void> {
  if (!values.model) throw new Error("Give a model: --model PATH.");
  const model = path.resolve(values.model), sha256 = (await hashFile(model)).slice(0, 16), cells = new Cells(values.results, isRun);
  console.log(`${path.basename(model)}, sha256 ${sha256}…, ${values.tune}, ${values.images} images without labels; 10,000 test images\nsummed  stored as               bytes  smaller    top-1     lost`);
  for (const summed of values.summed.split(",").map(Number)) {
    const wavelet = { method: "wavelet", options: { summed } }, [first, second, last] = LAYERS;
    let target: string | undefined;
    for (const [way, layers, request] of [
      ["wavelets", { [first]: wavelet, [second]: wavelet, [last]: { method: "integer", options: { bits: 8 } } }, {}],
      ["product quantization", {}, { method: "product" }],
      ["both", { [first]: wavelet }, { method: "product" }],
    ] as const) {
      const { bytes, ratio, top1, float } = await cells.get({ model: path.basename(model), sha256, way, summed, images: Number(values.images), tune: values.tune, seed: Number(values.seed) }, () => measure(model, layers, { ...request, ...(target !== undefined && { target }) }));
      target ??= `${bytes}B`;
      console.log(`${String(summed).padStart(6)}  ${way.padEnd(22)}${bytes.toLocaleString("en").padStart(8)}${ratio.toFixed(1).padStart(8)}×${top1.toFixed(2).padStart(9)}${(float - top1).toFixed(2).padStart(9)}`);
    }
  }
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
