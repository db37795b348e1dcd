import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-web";
import { afterAll, describe, expect, test } from "vitest";
import { compressModel } from "../../src/compression/compress";
import type { CompressRequest } from "../../src/protocol/api";
import { nodeRuntime } from "../../src/runtime/node";
import { nodeHost } from "../../src/worker/host";

/** A compressed file runs on onnxruntime's WebAssembly build, as in a web page. */

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-web-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Codebooks of odd widths and integers, so that every kind of pool is in the file. */
const layers = {
  "3.weight": { method: "kernel", options: { block: 3, words: 300, valueBits: 5 } }, "7.weight": { method: "integer", options: { bits: 5 } },
  "10.weight": { method: "integer", options: { bits: 8 } }, "14.weight": { method: "kernel", options: { block: 9, words: 200 } }, "17.weight": { method: "kernel", options: { block: 9, words: 64 } },
};

describe.each<[string, number[], Partial<CompressRequest>]>([
  ["fashion-cnn", [3, 1, 28, 28], { layout: "bits" }], ["fashion-cnn", [3, 1, 28, 28], { layout: "bytes" }], ["resnet20-cifar10", [3, 3, 32, 32], { bits: 8, method: "integer" }],
])("%s", (name, dims, options) => {
  test(`compressed with ${JSON.stringify(options)}`, async () => {
    const output = path.join(folder, `${name}.onnx`), recipe = path.join(folder, "r.kernelscope.json"), host = await nodeHost({ threads: 2, checkpoint: path.join(folder, "jobs") });
    writeFileSync(recipe, JSON.stringify(name === "fashion-cnn" ? { layers } : {}));
    await compressModel({ model: `samples/${name}.onnx`, output, recipe, threads: 2, force: true, ...options }, host);
    await host.close();
    const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 0.37));
    const web = await InferenceSession.create(readFileSync(output), { executionProviders: ["wasm"] }), native = await nodeRuntime.open(output);
    const [input] = web.inputNames, [result] = web.outputNames;
    const expected = (await native.run({ [input]: { dims, data } }))[result].data, found = (await web.run({ [input]: new Tensor("float32", data, dims) }))[result].data as Float32Array;
    const peak = Math.max(...expected.map(Math.abs));
    expect(peak).toBeGreaterThan(0.5);
    expect(found.length).toBe(expected.length);
    found.forEach((v, i) => expect(Math.abs(v - expected[i])).toBeLessThan(1e-4 * peak));
    await native.release();
    await web.release();
  });
});
