import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { Random } from "../src/numeric/random";
import { encodeNode, encodeValueInfo, type NodeSpec } from "../src/onnx/encode";
import { DataType } from "../src/onnx/tensor";
import { concat, intField, lenField, textField } from "../src/onnx/wire";
import { peakOf } from "./peak";

/**
 * Peak memory of a compression ÷ size of the model: 3×3 convolutions of 1,024 channels, a gigabyte of weights in external data, no samples.
 * npm run bench:memory -- [GIGABYTES] [options of compress]
 */
const CHANNELS = 1024, LAYER_FLOATS = CHANNELS * CHANNELS * 9, TARGET = 0.35;

/** Writes the model, the same every time. @returns its path and bytes */
function makeModel(folder: string, gigabytes: number): { model: string; bytes: number } {
  const layers = Math.ceil(gigabytes * 1e9 / (4 * LAYER_FLOATS)), model = path.join(folder, "large.onnx"), data = openSync(`${model}.data`, "w");
  const values = new Float32Array(LAYER_FLOATS);
  const nodes: NodeSpec[] = [], initializers: Uint8Array[] = [];
  for (let layer = 0; layer < layers; layer++) {
    const random = new Random(layer, 1), deviation = Math.sqrt(2 / (9 * CHANNELS));
    // the sum of three even numbers is near enough to a bell
    for (let i = 0; i < values.length; i++) values[i] = 2 * deviation * (random.next() + random.next() + random.next() - 1.5);
    writeSync(data, new Uint8Array(values.buffer));
    const entry = (key: string, text: string) => lenField(13, textField(1, key), textField(2, text));
    initializers.push(concat([
      ...[CHANNELS, CHANNELS, 3, 3].map((dim) => intField(1, dim)), intField(2, DataType.FLOAT), textField(8, `w${layer}`),
      entry("location", "large.onnx.data"), entry("offset", String(layer * values.byteLength)), entry("length", String(values.byteLength)), intField(14, 1),
    ]));
    nodes.push({ op: "Conv", inputs: [layer ? `r${layer - 1}` : "x", `w${layer}`], outputs: [`c${layer}`], attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] } }, { op: "Relu", inputs: [`c${layer}`], outputs: [`r${layer}`] });
  }
  closeSync(data);
  const shape = ["N", CHANNELS, 8, 8], border = (name: string) => encodeValueInfo({ name, type: DataType.FLOAT, shape });
  const graph = concat([
    ...nodes.map((node) => lenField(1, encodeNode(node))), textField(2, "large"), ...initializers.map((tensor) => lenField(5, tensor)), lenField(11, border("x")), lenField(12, border(`r${layers - 1}`)),
  ]);
  writeFileSync(model, concat([intField(1, 8), lenField(7, graph), lenField(8, textField(1, ""), intField(2, 17))]));
  return { model, bytes: statSync(model).size + statSync(`${model}.data`).size };
}

async function main(): Promise<void> {
  const [gigabytes = "1", ...options] = process.argv.slice(2), folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-memory-"));
  try {
    const { model, bytes } = makeModel(folder, Number(gigabytes)), started = performance.now();
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
