import { mkdirSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { parseArgs } from "node:util";
import { compressModel } from "../src/compression/compress";
import { preprocessOf } from "../src/compression/data";
import { evaluateModel } from "../src/compression/evaluate";
import type { FittedLayer } from "../src/compression/fit";
import { calibrate, sourcesOf } from "../src/compression/integer/calibrate";
import { planIntegers } from "../src/compression/integer/plan";
import { quantizeActivations } from "../src/compression/integer/quantize";
import { readyForIntegers } from "../src/compression/integer/ready";
import { readRows } from "../src/compression/rows";
import { assemble } from "../src/compression/write";
import { openDataset } from "../src/evaluation/dataset";
import { batchesOf, dataInput } from "../src/evaluation/evaluate";
import { integerMethod, type PackedInteger } from "../src/methods/integer";
import { storeScale } from "../src/methods/scale";
import { zeroCode } from "../src/numeric/grid";
import { findLayers, type Layer } from "../src/onnx/layers";
import { editedModel } from "../src/onnx/memory";
import type { Model } from "../src/onnx/model";
import type { Runtime, Tensor } from "../src/runtime/runtime";
import { nodeHost, openModelFile } from "../src/worker/host";
import { cifar10 } from "./cifar10";
import { cacheFolder } from "./packages";
import { rescaled } from "./rescale";
import { writeDataset } from "./source";

/**
 * Integers of a network of depthwise convolutions that is made hard by rescaling its channels, which changes nothing that it computes: top-1 on all 10,000 test images of CIFAR-10 of the network of floats,
 * of naive integers of 8 bits (one grid for each weight tensor, least and largest value of activations, nothing equalised) and of Kernelscope's.
 * npm run bench:hard -- --model MODEL [--seed 1] [--largest 64] [--images 1000] [--threads 1]
 */
const { values } = parseArgs({ options: { model: { type: "string" }, seed: { type: "string", default: "1" }, largest: { type: "string", default: "64" }, images: { type: "string", default: "1000" }, threads: { type: "string", default: "1" } } });
const NAIVE_LOSES = 5, OURS_LOSES = 1, BITS = 8;

/** One scale for all of a weight. */
async function perTensor(model: Model, layer: Layer): Promise<FittedLayer> {
  const { values: rows, outputs } = await readRows(model, layer), zero = zeroCode(BITS), step = rows.reduce((most, v) => Math.max(most, Math.abs(v)), 0) / (2 ** (BITS - 1) - 1);
  const packed: PackedInteger = { method: "integer", options: { bits: BITS }, codes: Uint8Array.from(rows, (v) => zero + Math.round(v / step)), ...storeScale(new Float32Array(outputs).fill(step), false) };
  return { layer, packed, absorbed: [], sqnrDb: 0 };
}

/** Integers as one would make them without a thought. */
async function naive(original: Model, input: string, batches: AsyncIterable<Tensor>, runtime: Runtime): Promise<Uint8Array> {
  const { model } = await readyForIntegers(original), layers = findLayers(model).filter(({ blocked }) => blocked === undefined), choices = layers.map((layer) => ({ layer, method: integerMethod.id, options: { bits: BITS } }));
  const packed = await editedModel(await assemble(model, choices, ({ layer }) => perTensor(model, layer), [], "{}", { form: "integers" })), plan = planIntegers(packed);
  return (await quantizeActivations(packed, plan, await calibrate(packed, plan, sourcesOf(plan), input, batches, runtime, { kind: "minMax" }), runtime)).toBytes();
}

async function main(): Promise<void> {
  if (!values.model) throw new Error("Give a model: --model PATH.");
  const work = path.join(cacheFolder, "hard"), threads = Number(values.threads), hard = path.join(work, "hard.onnx"), plain = path.join(work, "naive.onnx"), output = path.join(work, "integers.onnx");
  mkdirSync(work, { recursive: true });
  const evalData = writeDataset(work, "cifar10-test", cifar10, await cifar10.test()), data = writeDataset(work, `cifar10-${values.images}`, cifar10, await cifar10.train(Number(values.images)));
  const host = await nodeHost({ threads, scripts: path.resolve("dist"), checkpoint: path.join(work, "jobs") });
  try {
    const opened = await openModelFile(path.resolve(values.model)), { edit, values: count } = await rescaled(opened.model, { seed: Number(values.seed), largest: Number(values.largest) });
    writeFileSync(hard, await edit.toBytes());
    await opened.close();
    const { model, close } = await openModelFile(hard), input = dataInput(model), dataset = await openDataset(await host.openData(data), input, ...await preprocessOf({ model: hard }, undefined, host));
    async function* samples(): AsyncGenerator<Tensor> {
      for await (const { tensor } of batchesOf(dataset, Array.from({ length: dataset.size }, (_, i) => i), { size: 50, fixed: false })) yield tensor;
    }
    writeFileSync(plain, await naive(model, input.name, samples(), host.runtime));
    await close();
    const { notes } = await compressModel({ model: hard, inference: "integer", data, evalData: data, output, threads, force: true, device: "cpu" }, host);
    const top1 = async (file: string) => 100 * (await evaluateModel({ model: file, data: evalData, threads, device: "cpu" }, host)).top1!;
    const [floats, unchanged, simple, own] = [await top1(hard), await top1(path.resolve(values.model)), await top1(plain), await top1(output)];
    console.log(`${count} values rescaled; floats ${floats.toFixed(2)} % (${unchanged.toFixed(2)} % as trained)\nnaive ${simple.toFixed(2)} %: ${(floats - simple).toFixed(2)} points lost\nours  ${own.toFixed(2)} %: ${(floats - own).toFixed(2)} points lost (target ≤ ${OURS_LOSES})\n${notes?.join("\n") ?? ""}`);
    console.log(JSON.stringify({ bench: "hard", model: path.basename(values.model), seed: Number(values.seed), largest: Number(values.largest), images: Number(values.images), floats, unchanged, naive: simple, own, lost: floats - own }));
    if (floats - simple <= NAIVE_LOSES || floats - own > OURS_LOSES) process.exitCode = 1;
  } finally {
    await host.close();
  }
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
