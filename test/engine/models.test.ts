import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { InferenceSession } from "onnxruntime-node";
import { afterAll, describe, expect, test } from "vitest";
import { evaluateModel } from "../../src/compression/evaluate";
import type { CompressRequest } from "../../src/protocol/api";
import { nodeHost, openModelFile } from "../../src/worker/host";
import { compressWith } from "../helpers/compress";
import { python } from "../helpers/python";
import { TRAINED } from "../helpers/trained";

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-models-"));
const at = (name: string) => path.join(folder, name), { model: small, data: images } = TRAINED;
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const compress = (request: CompressRequest) => compressWith(at("jobs"), request);

/** The operators that onnxruntime runs once it has optimised a model, in order. */
async function optimised(model: string): Promise<string[]> {
  const file = at("optimised.onnx");
  await (await InferenceSession.create(model, { graphOptimizationLevel: "all", optimizedModelFilePath: file, logSeverityLevel: 3 })).release();
  const opened = await openModelFile(file);
  try {
    return opened.model.graph.nodes.map(({ op, domain }) => `${domain}:${op}`);
  } finally {
    await opened.close();
  }
}

describe("what onnxruntime makes of a compressed model", () => {
  test.each([["fashion-cnn", 1.5], ["resnet20-cifar10", 3.5]])("is what it makes of %s, fusions included", async (name, bits) => {
    const model = path.resolve(`samples/${name}.onnx`);
    await compress({ model, output: at(`${name}.onnx`), bits });
    const plain = await optimised(model);
    expect(plain.length).toBeGreaterThan(6);
    expect(await optimised(at(`${name}.onnx`))).toEqual(plain);
  });
});

const onnx = python("onnx", "numpy");
describe.skipIf(!onnx)("a model in half precision", () => {
  test("is calibrated, and stays in half precision", async () => {
    onnx!(`
import onnx, numpy as np
from onnx import numpy_helper, TensorProto
m = onnx.load(${JSON.stringify(small)})
for t in m.graph.initializer:
    if t.data_type == TensorProto.FLOAT: t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(t).astype(np.float16), t.name))
for v in list(m.graph.input) + list(m.graph.output) + list(m.graph.value_info):
    if v.type.tensor_type.elem_type == TensorProto.FLOAT: v.type.tensor_type.elem_type = TensorProto.FLOAT16
onnx.save(m, ${JSON.stringify(at("half.onnx"))})`);
    writeFileSync(at("half.kernelscope.json"), JSON.stringify({ bits: 3, data: { limit: 64 } }));
    const report = await compress({ model: at("half.onnx"), output: at("small.onnx"), recipe: at("half.kernelscope.json"), data: images });
    expect(report.convBitsPerWeight).toBeLessThanOrEqual(3);
    expect(report.fidelity?.agreement).toBeGreaterThan(0.93);
    onnx!(`import onnx; onnx.checker.check_model(${JSON.stringify(at("small.onnx"))}, full_check=True)`);
  });
});

test("the preprocessing beside a model is used, and what a recipe says comes before it", async () => {
  copyFileSync(small, at("net.onnx"));
  /** The original's accuracy, which tells how the images were prepared. */
  const top1With = async (beside: object, recipe: object): Promise<number> => {
    writeFileSync(at("net.preprocess.json"), JSON.stringify(beside));
    writeFileSync(at("net.kernelscope.json"), JSON.stringify({ bits: 8, data: { limit: 16 }, ...recipe }));
    return (await compress({ model: at("net.onnx"), output: at("net.small.onnx"), recipe: at("net.kernelscope.json"), data: images, force: true })).fidelity!.reference.top1!;
  };
  const own: { mean: number[]; std: number[] } = JSON.parse(readFileSync(path.join(images, "dataset.json"), "utf8")) as typeof own;
  const wrong = { mean: [3], std: [0.2] }, right = await top1With({}, {});
  expect(right).toBeGreaterThan(0.85);
  expect(await top1With(wrong, {})).toBeLessThan(0.5);
  expect(await top1With(wrong, { preprocess: { mean: own.mean, std: own.std } })).toBe(right);
  // a result under another name is evaluated with its recipe's, another model with what is beside its reference
  const host = await nodeHost({ threads: 1 }), top1Of = async (model: string) => (await evaluateModel({ model, reference: at("net.onnx"), data: images, limit: 64, device: "cpu" }, host)).top1!;
  renameSync(at("net.small.onnx"), at("renamed.onnx"));
  copyFileSync(small, at("other.onnx"));
  expect(await top1Of(at("renamed.onnx"))).toBeGreaterThan(0.85);
  expect(await top1Of(at("other.onnx"))).toBeLessThan(0.5);
  await host.close();
});
