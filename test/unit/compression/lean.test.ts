import { readFileSync } from "node:fs";
import path from "node:path";
import * as ort from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { encodeClassifier, NETWORKS } from "../../../bench/networks";
import { leanModel } from "../../../src/compression/lean/lean";
import { writeBiases } from "../../../src/compression/lean/biases";
import { ModelEdit } from "../../../src/onnx/edit";
import { findLayers } from "../../../src/onnx/layers";
import { memorySource } from "../../../src/onnx/memory";
import { readModel, type Model } from "../../../src/onnx/model";
import { bytesOf, floats, modelBytes, open, value, wave } from "../onnx/models";
import { difference, isTestable, knownRun, run } from "../onnx/running";
import { nameOf, testdataModels } from "../onnx/testdata";

/** A limit for whose sake everything is worth while. */
const LIMIT = 1;

async function leanBytes(model: Model): Promise<{ bytes: Uint8Array; model: Model; saved: string[] }> {
  const lean = await leanModel(model, LIMIT), edit = new ModelEdit(lean.model);
  writeBiases(edit, lean.biases);
  const bytes = await edit.toBytes();
  return { bytes, model: await readModel(memorySource(bytes)), saved: lean.trims.map(({ what }) => what) };
}

const outputOf = async (bytes: Uint8Array, x: ort.Tensor): Promise<Float32Array> => Object.values(await run(bytes, { input: x }))[0].data as Float32Array;

describe("the lean form of a network", () => {
  test.each(["resnet8", "mobilenet-small", "preresnet8", "vgg-small"] as const)("%s computes the same from fewer bytes, and its layers are known by the same names", async (name) => {
    const bytes = encodeClassifier(NETWORKS[name]({ shape: [3, 16, 16], classes: 10, seed: 3 })), model = await readModel(memorySource(bytes)), lean = await leanBytes(model);
    expect(lean.bytes.length).toBeLessThan(bytes.length);
    expect(lean.saved).toEqual(["normalizations", "names", "biases"]);
    const x = new ort.Tensor("float32", wave(4 * 3 * 16 * 16), [4, 3, 16, 16]), want = await outputOf(bytes, x), got = await outputOf(lean.bytes, x);
    const most = Math.max(...want.map(Math.abs));
    // biases have 11 bits
    for (let i = 0; i < want.length; i++) expect(Math.abs(got[i] - want[i])).toBeLessThan(3e-3 * most);
    expect(findLayers(lean.model).map(({ id, label, dims }) => [id, label, dims])).toEqual(findLayers(model).map(({ id, label, dims }) => [id, label, dims]));
    expect([lean.model.graph.inputs[0].name, lean.model.graph.outputs[0].name]).toEqual(["input", "logits"]);
    expect(lean.model.graph.nodes.filter(({ name }) => name)).toEqual([]);
  });

  test("saves exactly the bytes that it says", async () => {
    const bytes = readFileSync(path.resolve("samples/resnet20-cifar10.onnx")), model = await readModel(memorySource(bytes)), { trims, model: own, biases } = await leanModel(model, LIMIT), edit = new ModelEdit(own);
    writeBiases(edit, biases);
    expect(trims.map(({ what }) => what)).toEqual(["constants", "normalizations", "names", "biases"]);
    expect(bytes.length - (await edit.toBytes()).length).toBe(trims.reduce((sum, { savedBytes }) => sum + savedBytes, 0));
    // sizes and pads of its shortcuts are constants
    expect([...new Set(own.graph.nodes.map(({ op }) => op))].sort()).toEqual(["Add", "Conv", "Flatten", "Gemm", "GlobalAveragePool", "Pad", "Relu", "Slice"]);
  });

  test("keeps its names where they hardly matter", async () => {
    const bytes = readFileSync(path.resolve("samples/resnet20-cifar10.onnx")), model = await readModel(memorySource(bytes)), { trims, model: own } = await leanModel(model, 1_000_000);
    expect(trims.map(({ what }) => what)).toEqual(["constants", "normalizations", "biases"]);
    expect(own.graph.nodes.filter(({ op }) => op === "Conv").every(({ name }) => name.endsWith("Conv"))).toBe(true);
  });

  test("keeps the names of nodes that layers are known by", async () => {
    const bytes = modelBytes({
      nodes: [{ op: "Conv", name: "/stem/conv/Conv", inputs: ["x", "onnx::Conv_7"], outputs: ["a rather long name"] }, { op: "Relu", name: "/stem/relu/Relu", inputs: ["a rather long name"], outputs: ["y"] }],
      initializers: [floats("onnx::Conv_7", [4, 3, 3, 3], wave(108))], inputs: [value("x", ["n", 3, 8, 8])], outputs: [value("y", ["n", 4, 6, 6])],
    });
    const { model } = await leanBytes(await open(bytes));
    expect(model.graph.nodes.map(({ name }) => name)).toEqual(["/stem/conv/Conv", ""]);
    expect(findLayers(model)[0].label).toBe("stem.conv");
  });

  test("leaves biases in floats that 16 bits would not hold, and those that something else uses", async () => {
    const C = 64, conv = (bias: string, x: string, y: string) => ({ op: "Conv", inputs: [x, `${y}w`, bias], outputs: [y] });
    const weights = ["a", "b", "c"].map((name) => floats(`${name}w`, [C, C, 1, 1], wave(C * C))), halves = Float32Array.from({ length: C }, (_, i) => i / 4);
    const bytes = modelBytes({
      nodes: [conv("wide", "x", "a"), conv("narrow", "a", "b"), conv("twice", "b", "c"), { op: "Mul", inputs: ["c", "twice"], outputs: ["y"] }],
      initializers: [...weights, floats("wide", [C], halves.map((v, i) => (i ? v : 1e6))), floats("narrow", [C], halves), floats("twice", [C], halves)], inputs: [value("x", ["n", C, 4, C])], outputs: [value("y", ["n", C, 4, C])],
    });
    const { biases } = await leanModel(await open(bytes), LIMIT);
    expect([...biases.values()].map(({ values }) => values)).toEqual([halves]);
  });
});

const models = testdataModels();

describe.skipIf(!models.length)("lean models of libonnx-testdata", () => {
  test("give what the original gives", async () => {
    const wrong: string[] = [];
    let compared = 0;
    for (const file of models) {
      const bytes = bytesOf(readFileSync(file)), model = await open(bytes);
      if (!model.graph.nodes.every(isTestable)) continue;
      const lean = await leanBytes(model), known = lean.saved.length ? await knownRun(file, bytes, model) : undefined;
      if (!known) continue;
      try {
        const problem = difference(known.want, await run(lean.bytes, known.feeds));
        if (problem) wrong.push(`${nameOf(file)}: ${problem}`);
      } catch (error) {
        wrong.push(`${nameOf(file)}: ${error instanceof Error ? error.message : String(error)}`);
      }
      compared++;
    }
    expect(wrong).toEqual([]);
    expect(compared).toBeGreaterThan(100);
  });
});
