import { closeSync, openSync, statSync, writeFileSync, writeSync } from "node:fs";
import path from "node:path";
import { Random } from "../src/numeric/random";
import { encodeNode, encodeValueInfo, type NodeSpec } from "../src/onnx/encode";
import { DataType } from "../src/onnx/tensor";
import { concat, intField, lenField, textField } from "../src/onnx/wire";

/** A model that is as large as one likes: 3×3 convolutions with as many channels in as out, weights in external data. */
export interface LargeModel { name: string; channels: number; layers: number }

/** Bytes of one layer. */
export const layerBytes = (channels: number): number => 4 * 9 * channels * channels;

/** Writes the model, the same every time. @returns its path and bytes */
export function writeLargeModel(folder: string, { name, channels, layers }: LargeModel): { model: string; bytes: number } {
  const model = path.join(folder, `${name}.onnx`), data = openSync(`${model}.data`, "w"), values = new Float32Array(layerBytes(channels) / 4);
  const nodes: NodeSpec[] = [], initializers: Uint8Array[] = [];
  for (let layer = 0; layer < layers; layer++) {
    const random = new Random(layer, 1), deviation = Math.sqrt(2 / (9 * channels));
    // the sum of three even numbers is near enough to a bell
    for (let i = 0; i < values.length; i++) values[i] = 2 * deviation * (random.next() + random.next() + random.next() - 1.5);
    writeSync(data, new Uint8Array(values.buffer));
    const entry = (key: string, text: string) => lenField(13, textField(1, key), textField(2, text));
    initializers.push(concat([
      ...[channels, channels, 3, 3].map((dim) => intField(1, dim)), intField(2, DataType.FLOAT), textField(8, `w${layer}`),
      entry("location", `${name}.onnx.data`), entry("offset", String(layer * values.byteLength)), entry("length", String(values.byteLength)), intField(14, 1),
    ]));
    nodes.push({ op: "Conv", inputs: [layer ? `r${layer - 1}` : "x", `w${layer}`], outputs: [`c${layer}`], attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] } }, { op: "Relu", inputs: [`c${layer}`], outputs: [`r${layer}`] });
  }
  closeSync(data);
  const shape = ["N", channels, 8, 8], border = (name: string) => encodeValueInfo({ name, type: DataType.FLOAT, shape });
  const graph = concat([
    ...nodes.map((node) => lenField(1, encodeNode(node))), textField(2, name), ...initializers.map((tensor) => lenField(5, tensor)), lenField(11, border("x")), lenField(12, border(`r${layers - 1}`)),
  ]);
  writeFileSync(model, concat([intField(1, 8), lenField(7, graph), lenField(8, textField(1, ""), intField(2, 17))]));
  return { model, bytes: statSync(model).size + statSync(`${model}.data`).size };
}
