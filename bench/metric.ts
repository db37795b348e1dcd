import * as path from "node:path";
import { parseArgs } from "node:util";
import { preprocessOf } from "../src/compression/data";
import { effectiveRows } from "../src/compression/fit";
import { readRows } from "../src/compression/rows";
import { Flow, Liveness, type Batches } from "../src/compression/flow";
import { followOf } from "../src/compression/follow";
import { hasGram, inputMoments } from "../src/compression/moments";
import { openDataset } from "../src/evaluation/dataset";
import { batchSize, dataInput, readBatches } from "../src/evaluation/evaluate";
import { productMethod } from "../src/methods/product";
import { inputsOf, kernelSize } from "../src/methods/rows";
import { findLayers, type Layer } from "../src/onnx/layers";
import type { Model } from "../src/onnx/model";
import { Products } from "../src/runtime/products";
import { nodeHost, type NodeHost } from "../src/worker/host";
import { cifar10 } from "./cifar10";
import { cacheFolder } from "./packages";
import { clusteredInSharedMetric, sharedGram } from "./shared-metric";
import { writeDataset, type Images } from "./source";

/**
 * Product quantization as the papers cluster it, in the metric of one Gram matrix that all blocks of a layer share, against the product's: what both leave on a layer's outputs, with as many
 * codewords of the same block. Both are fitted to the same training images of CIFAR-10 and measured on test images. The papers' codewords stay floats, the product's take 8 bits.
 * npm run bench:metric -- [--model MODEL] [--preprocess FILE] [--words 256] [--images 512]
 */
const { values } = parseArgs({ options: { model: { type: "string", default: "samples/resnet20-cifar10.onnx" }, preprocess: { type: "string" }, words: { type: "string", default: "256" }, images: { type: "string", default: "512" }, threads: { type: "string", default: "2" } } });
const THREADS = Number(values.threads), IMAGES = Number(values.images), SEED = 1;
/** The papers' blocks: a kernel, 4 weights where a kernel is a single one. */
const blockOf = (layer: Layer): number => (kernelSize(layer) > 1 ? kernelSize(layer) : 4);
/** Codewords are fewer where a layer has few blocks, as in the papers. */
const wordsOf = (layer: Layer): number => Math.min(Number(values.words), Math.floor(layer.parameters / blockOf(layer) / 4));

async function main(): Promise<void> {
  const file = path.resolve(values.model), host = await nodeHost({ threads: THREADS, scripts: path.resolve("dist") }), opened = await host.openModel(file), products = new Products(host.runtime, THREADS), { model } = opened;
  try {
    const [fit, test] = [await samples(model, file, `metric-fit-${IMAGES}`, await cifar10.train(IMAGES), host), await samples(model, file, `metric-test-${IMAGES}`, await firstOf(IMAGES), host)];
    const liveness = new Liveness(model, fit.input), flows = [fit, test].map((batches) => new Flow(liveness, host.runtime, batches, THREADS));
    const layers = findLayers(model).filter((layer) => layer.blocked === undefined && hasGram(layer) && inputsOf(layer) % blockOf(layer) === 0 && wordsOf(layer) > 1).sort((a, b) => a.consumers[0].index - b.consumers[0].index);
    console.log(`${path.basename(file)}, ${IMAGES} training images to fit to, ${IMAGES} test images to measure on\nlayer                     block  words   shared metric      product   ratio`);
    const ratios: number[] = [];
    for (const layer of layers) {
      const { shared, own } = await noiseOf(layer, model, flows, host, products), ratio = shared / own;
      ratios.push(ratio);
      console.log(`${layer.label.padEnd(24)}${String(blockOf(layer)).padStart(7)}${String(wordsOf(layer)).padStart(7)}${percent(shared).padStart(16)}${percent(own).padStart(13)}${ratio.toFixed(2).padStart(8)}`);
    }
    console.log(`${ratios.length} layers: the shared metric leaves ${Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length).toFixed(2)} times the noise of the product's (geometric mean)`);
  } finally {
    await products.close();
    await opened.close();
    await host.close();
  }
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

/** Noise on a layer's outputs as a share of their energy, on the second flow, of weights fitted to the first. */
async function noiseOf(layer: Layer, model: Model, flows: readonly Flow[], host: NodeHost, products: Products): Promise<{ shared: number; own: number }> {
  const [node] = layer.consumers, input = node.inputs[node.inputs[1] === layer.weight ? 0 : 1], rows = await readRows(model, layer), follow = await followOf(model, layer), block = blockOf(layer), words = wordsOf(layer);
  // an offset behind the layer takes the mean over
  const centred = follow?.normalization !== undefined || follow?.bias !== undefined;
  for (const flow of flows) await flow.advance(node);
  const gramOf = async (flow: Flow) => (await inputMoments(layer, { batches: flow.get(input), centred }, products, host.pool)).gram, fit = await gramOf(flows[0]), test = await gramOf(flows[1]);
  const energy = async (of: Float32Array): Promise<number> => (await test.energies(of)).reduce((sum, v) => sum + v, 0), signal = await energy(rows.values), noise = async (restored: Float32Array) => await energy(restored.map((v, i) => v - rows.values[i])) / signal;
  const packed = await productMethod.compress(layer, rows, { block, words, valueBits: 8, scale: "layer" }, { seed: SEED, pool: host.pool, scaleIsFree: false, gram: fit });
  return { shared: await noise(clusteredInSharedMetric(rows.values, sharedGram(fit.h, rows.inputs, block), block, words, SEED)), own: await noise(effectiveRows(packed)) };
}

/** The first test images. */
async function firstOf(count: number): Promise<Images> {
  const { images, labels } = await cifar10.test();
  return { images: images.subarray(0, count * images.length / labels.length), labels: labels.subarray(0, count) };
}

async function samples(model: Model, file: string, name: string, images: Images, host: NodeHost): Promise<Batches> {
  const input = dataInput(model), folder = writeDataset(path.join(cacheFolder, "metric"), name, cifar10, images);
  const dataset = await openDataset(await host.openData(folder), input, ...await preprocessOf({ preprocess: values.preprocess, model: file }, undefined, host));
  return { input: input.name, batches: await readBatches(dataset, Array.from({ length: dataset.size }, (_, i) => i), batchSize(input, 64)) };
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
