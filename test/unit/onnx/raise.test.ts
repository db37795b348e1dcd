import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import type { NodeSpec, TensorData } from "../../../src/onnx/encode";
import type { Model } from "../../../src/onnx/model";
import { LEAST_RAISED, OLDEST_OPSET, RAISED_OPSET, raiseNode } from "../../../src/onnx/raise";
import { inferShapes } from "../../../src/onnx/shapes";
import { DataType, readRaw } from "../../../src/onnx/tensor";
import { floats, modelBytes, open, value, wave } from "./models";
import { difference, isTestable, knownRun, run } from "./running";
import { nameOf, testdataModels } from "./testdata";

const models = testdataModels();

/** The model with all nodes raised; undefined where one cannot be. */
async function raised(model: Model, to = RAISED_OPSET): Promise<Uint8Array | undefined> {
  const { graph } = model, shapes = inferShapes(model), nodes: NodeSpec[] = [], initializers: TensorData[] = [];
  let count = 0;
  for (const node of graph.nodes) {
    const result = raiseNode(node, model.opset, () => `fresh ${count++}`, (name) => shapes.get(name), to);
    if (!result) return undefined;
    nodes.push(...result.nodes);
    initializers.push(...result.constants);
  }
  for (const tensor of graph.initializers.values()) initializers.push({ name: tensor.name, dims: tensor.dims, type: tensor.type, raw: await readRaw(model, tensor) });
  const border = ({ name, elemType, shape }: Model["graph"]["inputs"][number]) => ({ name, type: elemType ?? DataType.FLOAT, shape });
  return modelBytes({ opset: to, nodes, initializers, inputs: graph.inputs.filter(({ name }) => !graph.initializers.has(name)).map(border), outputs: graph.outputs.map(border) });
}

describe.skipIf(!models.length)("raised models of libonnx-testdata", () => {
  test("give what the original gives", async () => {
    const wrong: string[] = [], compared = new Map<string, number>();
    for (const file of models) {
      const bytes = new Uint8Array(readFileSync(file)), model = await open(bytes), { graph, opset } = model;
      if (opset < OLDEST_OPSET || opset >= RAISED_OPSET || !graph.nodes.every(isTestable) || model.functions.length) continue;
      const known = await knownRun(file, bytes, model);
      if (!known) continue;
      for (const to of [LEAST_RAISED, RAISED_OPSET].filter((to) => opset < to)) {
        const built = await raised(model, to), label = `${nameOf(file)} (${graph.nodes.map(({ op }) => op).join()}, opset ${opset} to ${to})`;
        if (!built) continue;
        try {
          const problem = difference(known.want, await run(built, known.feeds));
          if (problem) wrong.push(`${label}: ${problem}`);
        } catch (error) {
          wrong.push(`${label}: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
      for (const { op } of graph.nodes) compared.set(op, (compared.get(op) ?? 0) + 1);
    }
    expect(wrong).toEqual([]);
    for (const op of ["Clip", "Pad", "Softmax", "LogSoftmax", "Resize", "BatchNormalization", "Dropout", "Scatter", "Squeeze", "Unsqueeze", "Split", "Slice", "ReduceMean", "ReduceMax", "ReduceSumSquare", "LeakyRelu"]) expect(compared.get(op), op).toBeGreaterThan(0);
  });
});

/** Forms that attributes had in older operator sets, on x [2, 3, 4, 6]. */
interface OldForm { opset: number; op: string; attributes?: NodeSpec["attributes"]; inputs?: string[]; outputs?: string[] }
const OLD: OldForm[] = [
  ...[7, 10].flatMap((opset): OldForm[] => [{ opset, op: "Clip", attributes: { min: { float: -0.2 }, max: { float: 0.4 } } }, { opset, op: "Clip", attributes: { max: { float: 0.1 } } }, { opset, op: "Pad", attributes: { pads: [0, 0, 1, 2, 0, 0, 0, 1], value: { float: 1.5 } } }]),
  ...[7, 9].map((opset): OldForm => ({ opset, op: "Slice", attributes: { starts: [1, -3], ends: [9, -1], axes: [1, 3] } })), { opset: 9, op: "Slice", attributes: { starts: [1, 1], ends: [2, 3] } },
  ...[7, 11].flatMap((opset): OldForm[] => [{ opset, op: "ReduceMean", attributes: { axes: [1, 3], keepdims: 0 } }, { opset, op: "ReduceSum", attributes: { axes: [2] } }, { opset, op: "ReduceMax" }, { opset, op: "ReduceL2", attributes: { axes: [0] } }, { opset, op: "Unsqueeze", attributes: { axes: [0, 3] } }, { opset, op: "Split", attributes: { axis: 1, split: [1, 2] }, outputs: ["y", "z"] }, { opset, op: "Split", attributes: { axis: 3 }, outputs: ["y", "z", "w"] }]),
  ...[7, 11].flatMap((opset) => ["Softmax", "LogSoftmax"].flatMap((op): OldForm[] => [{ opset, op }, { opset, op, attributes: { axis: 2 } }, { opset, op, attributes: { axis: 3 } }])),
  { opset: 7, op: "Upsample", attributes: { scales: { floats: [1, 1, 2, 3] } } }, { opset: 9, op: "Upsample", inputs: ["x", "scales"] }, { opset: 9, op: "Upsample", inputs: ["x", "scales"], attributes: { mode: "linear" } }, { opset: 10, op: "Resize", inputs: ["x", "scales"] },
  ...[7, 9].map((opset): OldForm => ({ opset, op: "BatchNormalization", inputs: ["x", "three", "three", "three", "three"] })), { opset: 8, op: "Dropout", attributes: { ratio: { float: 0.3 } } },
];

test.each(OLD.map((one) => [`${one.op} of opset ${one.opset} ${JSON.stringify(one.attributes ?? {})}`, one] as const))("%s is raised", async (_name, { opset, op, attributes, inputs = ["x"], outputs = ["y"] }) => {
  const used = new Set(inputs), constants = [floats("scales", [4], [1, 1, 2, 2]), floats("three", [3], [0.5, 1, 2])].filter(({ name }) => used.has(name));
  const bytes = modelBytes({ opset, nodes: [{ op, inputs, outputs, attributes }], initializers: constants, inputs: [value("x", [2, 3, 4, 6])], outputs: outputs.map((name) => value(name)) });
  const feeds = { x: new ort.Tensor("float32", wave(144), [2, 3, 4, 6]) };
  for (const to of [LEAST_RAISED, RAISED_OPSET]) expect(difference(await run(bytes, feeds), await run((await raised(await open(bytes), to))!, feeds))).toBeUndefined();
});
