import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { InferenceSession } from "onnxruntime-node";
import { afterAll, describe, expect, test } from "vitest";
import type { CompressRequest } from "../../src/protocol/api";
import { openModelFile } from "../../src/worker/host";
import { viewer } from "../../src/worker/viewer";
import { held } from "../helpers/compared";
import { compressWith } from "../helpers/compress";
import { disguised } from "../helpers/disguise";
import { python } from "../helpers/python";
import { TRAINED } from "../helpers/trained";

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-lean-")), at = (name: string) => path.join(folder, name), onnx = python("onnx");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TARGET = 30_000;
const compress = (request: Partial<CompressRequest>) => compressWith(at("jobs"), { model: path.resolve("samples/fashion-cnn.onnx"), data: path.resolve("samples/fashion-mnist"), target: "30KB", force: true, ...request });

async function operators(file: string): Promise<string[]> {
  const opened = await openModelFile(file);
  try {
    return opened.model.graph.nodes.map(({ op }) => op);
  } finally {
    await opened.close();
  }
}

describe("a file with a limit in bytes", () => {
  test("spends on its weights what normalizations and names would take, and is the original's network once it is loaded", async () => {
    const [lean, plain] = [await compress({ output: at("lean.onnx") }), await compress({ output: at("plain.onnx"), trim: false })];
    for (const { output: { path: file, bytes } } of [lean, plain]) {
      expect(statSync(file).size).toBe(bytes);
      expect(bytes).toBeLessThanOrEqual(TARGET);
      expect(bytes).toBeGreaterThan(0.97 * TARGET);
    }
    expect(plain.trims).toBeUndefined();
    expect(lean.trims!.map(({ what }) => what)).toEqual(["normalizations", "names", "biases"]);
    const saved = lean.trims!.reduce((sum, { savedBytes }) => sum + savedBytes, 0), weightBytes = ({ layers }: typeof lean) => layers.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(weightBytes(lean) - weightBytes(plain)).toBeGreaterThan(0.8 * saved);
    expect(lean.fidelity!.kl!).toBeLessThan(plain.fidelity!.kl!);
    onnx?.(`import onnx; onnx.checker.check_model(${JSON.stringify(at("lean.onnx"))}, full_check=True)`);
    // beside the original its normalizations are folded, not gone, whatever its names are
    const view = viewer(), other = disguised(readFileSync(at("lean.onnx")), 1), original = path.resolve("samples/fashion-cnn.onnx");
    if (other) writeFileSync(at("retold.onnx"), other.bytes);
    for (const file of ["lean.onnx", ...(other ? ["retold.onnx"] : [])]) {
      const { layers, nodes } = await view.compared(original, at(file));
      expect(layers.map(({ before, after, folded }) => [before?.shape.join(), after?.shape.join() === before?.shape.join(), folded?.ops.join() ?? ""])).toEqual(layers.map(({ before }, i) => [before!.shape.join(), true, i < 6 ? "BatchNormalization" : ""]));
      expect([layers.length, nodes]).toEqual([7, { added: [], removed: [] }]);
      for (const [i, { id }] of layers.entries()) expect(held(await view.comparedWeights(original, at(file), id, 0)).sqnrDb).toBeCloseTo(held(await view.comparedWeights(original, at("lean.onnx"), layers[i].id, 0)).sqnrDb!, 6);
      await view.close(at(file));
    }
    await view.close(original);
    await (await InferenceSession.create(at("lean.onnx"), { graphOptimizationLevel: "all", optimizedModelFilePath: at("optimised.onnx"), logSeverityLevel: 3 })).release();
    expect((await operators(at("optimised.onnx"))).filter((op) => !["Conv", "FusedConv", "MaxPool", "GlobalAveragePool", "Flatten", "Gemm", "ReorderInput", "ReorderOutput"].includes(op))).toEqual([]);
  });

  test("can be trained, its biases of 16 bits too", async () => {
    const { tuning, output: { bytes } } = await compress({ ...TRAINED, output: at("tuned.onnx"), target: "7KB", tune: "10steps" });
    expect(bytes).toBeLessThanOrEqual(7_000);
    expect(tuning!.after.loss).toBeLessThan(tuning!.before.loss);
  });

  test("is trimmed without a limit where that is asked for", async () => {
    const { trims } = await compress({ output: at("asked.onnx"), target: undefined, bits: 4, trim: true });
    expect(trims!.length).toBeGreaterThan(0);
    expect(await operators(at("asked.onnx"))).not.toContain("BatchNormalization");
  });
});
