import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { parseArgs } from "node:util";
import { compressModel } from "../src/compression/compress";
import { preprocessOf } from "../src/compression/data";
import { evaluateModel } from "../src/compression/evaluate";
import { openDataset } from "../src/evaluation/dataset";
import { dataInput } from "../src/evaluation/evaluate";
import { encodeNpy } from "../src/evaluation/npz-write";
import { nodeHost, openModelFile } from "../src/worker/host";
import { cifar10 } from "./cifar10";
import { cacheFolder } from "./packages";
import { pythonWith } from "./python";
import { writeDataset } from "./source";

/**
 * Integers of 8 bits: time to calibrate and write, and top-1 on all 10,000 test images of CIFAR-10, of Kernelscope and of Python onnxruntime's `quantize_static` (per channel; least and largest value, percentile)
 * on the same model and images; times are the least of some rounds, in which both take turns. onnxruntime and onnx come from PyPI into a virtual environment in the user's cache; without them the benchmark says so and ends.
 * npm run bench:quantize -- --model MODEL [--preprocess FILE] [--images 1000] [--threads 2] [--rounds 3]
 */
const { values } = parseArgs({ options: { model: { type: "string" }, preprocess: { type: "string" }, images: { type: "string", default: "1000" }, threads: { type: "string", default: "2" }, rounds: { type: "string", default: "3" } } });
const PACKAGES = ["onnxruntime==1.22.1", "onnx==1.18.0"], BATCH = 50;
const work = path.join(cacheFolder, "quantize");

const PROGRAM = `
import sys, time, json, numpy as np, onnxruntime
from onnxruntime.quantization import quantize_static, CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType
from onnxruntime.quantization.shape_inference import quant_pre_process
model, file, input, batch, out, threads = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5], int(sys.argv[6])
plain = onnxruntime.SessionOptions
def options():
    made = plain()
    made.intra_op_num_threads = threads
    return made
onnxruntime.SessionOptions = options
class Reader(CalibrationDataReader):
    def __init__(self): self.at = 0
    def get_next(self):
        if self.at >= len(images): return None
        self.at += batch
        return {input: images[self.at - batch : self.at]}
seconds = {}
for name, method in (("minMax", CalibrationMethod.MinMax), ("percentile", CalibrationMethod.Percentile)):
    start = time.time()
    images = np.load(file)
    quant_pre_process(model, out + "-ready.onnx", skip_symbolic_shape=True)
    quantize_static(out + "-ready.onnx", f"{out}-{name}.onnx", Reader(), quant_format=QuantFormat.QDQ, per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, calibrate_method=method)
    seconds[name] = time.time() - start
print("\\n" + json.dumps(seconds))
`;

async function main(): Promise<void> {
  if (!values.model) throw new Error("Give a model: --model PATH.");
  const model = path.resolve(values.model), threads = Number(values.threads), python = pythonWith(work, PACKAGES, ["onnxruntime", "onnx"]);
  if (!python) { console.log("Skipped: onnxruntime could not be installed from PyPI."); return; }
  mkdirSync(work, { recursive: true });
  const evalData = writeDataset(work, "cifar10-test", cifar10, await cifar10.test()), data = writeDataset(work, `cifar10-${values.images}`, cifar10, await cifar10.train(Number(values.images)));
  const few = writeDataset(work, "cifar10-few", cifar10, await cifar10.train(64)); // what the report is measured on is no part of the job
  const host = await nodeHost({ threads, scripts: path.resolve("dist"), checkpoint: path.join(work, "jobs") }), opened = await openModelFile(model), input = dataInput(opened.model);
  try {
    const dataset = await openDataset(await host.openData(data), input, ...await preprocessOf({ preprocess: values.preprocess, model }, undefined, host)), positions = Array.from({ length: dataset.size }, (_, i) => i);
    // both get the images as the model takes them, and a model without a file beside it that would prepare them again
    const prepared = path.join(work, "prepared"), copy = path.join(work, "model.onnx");
    mkdirSync(prepared, { recursive: true });
    writeFileSync(path.join(prepared, "images.npy"), encodeNpy({ dims: [dataset.size, ...dataset.shape], data: await dataset.batch(positions) }));
    copyFileSync(model, copy);
    const quantizeStatic = () => JSON.parse(execFileSync(python, ["-c", PROGRAM, copy, path.join(prepared, "images.npy"), input.name, String(BATCH), path.join(work, "theirs"), values.threads], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trimEnd().split("\n").at(-1)!) as Record<string, number>; // it prints what it does, too
    const compress = async (ranges: string) => {
      const recipe = path.join(work, `${ranges}.kernelscope.json`);
      writeFileSync(recipe, JSON.stringify({ inference: "integer", integers: { ranges, percentile: ranges === "percentile" ? 99.999 : undefined } }));
      const { seconds } = await compressModel({ model: copy, recipe, data: prepared, evalData: few, output: path.join(work, `ours-${ranges}.onnx`), threads, force: true, device: "cpu" }, host);
      return seconds.written; // the report is no part of calibrating and writing
    };
    const top1 = async (file: string) => (await evaluateModel({ model: file, data: evalData, preprocess: values.preprocess, threads, device: "cpu" }, host)).top1!;
    const least: Record<string, { own: number; known: number }> = {};
    for (let round = 0; round < Number(values.rounds); round++) for (const [ranges, seconds] of Object.entries(quantizeStatic())) {
      const { own, known } = least[ranges] ?? { own: Infinity, known: Infinity };
      least[ranges] = { own: Math.min(own, await compress(ranges)), known: Math.min(known, seconds) };
    }
    console.log("ranges      Kernelscope: s   top-1     quantize_static: s   top-1     time ratio");
    for (const [ranges, { own, known }] of Object.entries(least)) {
      const [ours, theirs] = [await top1(path.join(work, `ours-${ranges}.onnx`)), await top1(path.join(work, `theirs-${ranges}.onnx`))];
      console.log(`${ranges.padEnd(12)}${own.toFixed(1).padStart(14)}${(100 * ours).toFixed(2).padStart(8)}${known.toFixed(1).padStart(23)}${(100 * theirs).toFixed(2).padStart(8)}${(own / known).toFixed(2).padStart(15)}`);
      console.log(JSON.stringify({ bench: "quantize", model: path.basename(model), ranges, images: Number(values.images), threads, own, known, ratio: own / known, top1: ours, knownTop1: theirs }));
    }
  } finally {
    await opened.close();
    await host.close();
  }
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
