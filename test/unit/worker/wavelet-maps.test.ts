import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import ort from "onnxruntime-node";
import { afterAll, describe, expect, test } from "vitest";
import { assemble } from "../../../src/compression/write";
import { waveletMethod } from "../../../src/methods/wavelet";
import { WaveletOptions } from "../../../src/methods/wavelet-shape";
import { filterBank } from "../../../src/numeric/filter-bank";
import { findLayers } from "../../../src/onnx/layers";
import { viewer } from "../../../src/worker/viewer";
import { waveletMap } from "../../../src/worker/wavelet-maps";
import { floats, modelBytes, open, value, wave } from "../onnx/models";
import { held } from "../../helpers/compared";

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-maps-")), worker = viewer();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bank = filterBank("daubechies", 4), sum = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0);

describe("a map of coefficients", () => {
  test("of what changes nowhere has all energy in the coarsest scales, of what changes at each step along one axis in its finest", () => {
    const even = waveletMap({ values: new Float32Array(32 * 64).fill(1), outputs: 32, inputs: 64 }, 3, bank), fast = waveletMap({ values: Float32Array.from({ length: 32 * 64 }, (_, i) => (i % 2 ? 1 : -1)), outputs: 32, inputs: 64 }, 3, bank);
    expect(even.energy[0][0]).toBeCloseTo(1, 5);
    expect(fast.energy[0][3]).toBeCloseTo(1, 5);
    expect([even.rowScales, even.columnScales]).toEqual([[0, 1 / 8, 1 / 4, 1 / 2], [0, 1 / 8, 1 / 4, 1 / 2]]);
  });

  test("of orthonormal filters holds the weight's energy, also where zeros fill it up and cells hold many coefficients", () => {
    const outputs = 10, inputs = 500, values = wave(outputs * inputs, 4), { rows, columns, cells, energy, rowScales } = waveletMap({ values, outputs, inputs }, 5, bank);
    expect([rows, columns, rowScales.length]).toEqual([16, 192, 4]); // ten outputs have room for three levels
    expect(sum(energy.flat())).toBeCloseTo(1, 5);
    const total = sum(cells.map((v, i) => v * v * Math.round((Math.ceil((i % columns + 1) * 512 / columns) - Math.ceil(i % columns * 512 / columns)))));
    expect(total).toBeCloseTo(sum(values.map((v) => v * v)), 1);
  });
});

/** A linear layer as transforms, in a file beside its original. */
async function files(op: "Gemm" | "MatMul"): Promise<{ original: string; compressed: string; rows: Float32Array }> {
  const [inputs, outputs] = [64, 40], original = path.join(folder, `${op}.onnx`), compressed = path.join(folder, `${op}.small.onnx`), values = wave(inputs * outputs, 5);
  const bytes = modelBytes({ opset: 17, nodes: [{ op, inputs: ["x", "fc.weight", ...(op === "Gemm" ? ["bias"] : [])], outputs: ["y"] }], initializers: [floats("fc.weight", [inputs, outputs], values), ...(op === "Gemm" ? [floats("bias", [outputs], new Float32Array(outputs))] : [])], inputs: [value("x", ["n", inputs])], outputs: [value("y")] });
  writeFileSync(original, bytes);
  const model = await open(bytes), [layer] = findLayers(model), options = WaveletOptions.parse({ levels: 3, summed: 2 }), blank = waveletMethod.blank(layer, options, false);
  const packed = { ...blank, filters: filterBank("symlet", 6), before: wave(blank.before.length, 1), between: wave(blank.between.length, 2), after: wave(blank.after.length, 3) };
  writeFileSync(compressed, await (await assemble(model, [{ layer, method: "wavelet", options }], async () => ({ layer, packed, absorbed: [], sqnrDb: 0 }), [], "{}")).toBytes());
  // what onnxruntime makes of unit vectors is the matrix, an input a row
  const session = await ort.InferenceSession.create(compressed, { logSeverityLevel: 3 }), unit = Float32Array.from({ length: inputs * inputs }, (_, i) => (i % (inputs + 1) ? 0 : 1)), { y } = await session.run({ x: new ort.Tensor("float32", unit, [inputs, inputs]) });
  await session.release();
  return { original, compressed, rows: y.data as Float32Array };
}

describe.each(["Gemm", "MatMul"] as const)("a %s that transforms compute", (op) => {
  test("is compared with its original as the matrix that onnxruntime shows it to be, and its scales stand beside the original's", async () => {
    const { original, compressed, rows } = await files(op), weight = wave(64 * 40, 5), found = held(await worker.comparedWeights(original, compressed, "fc.weight", 3000));
    expect(found.total).toBe(weight.length);
    found.order.forEach((at, i) => {
      expect(found.before[i]).toBe(weight[at]);
      expect(found.after[i]).toBeCloseTo(rows[at], 3);
    });
    const lost = 10 * Math.log10(sum(weight.map((v) => v * v)) / sum(weight.map((v, i) => (rows[i] - v) ** 2)));
    expect(found.sqnrDb).toBeCloseTo(lost, 2);
    const maps = (await worker.wavelets(compressed, "fc.weight"))!;
    expect(maps).toMatchObject({ layer: "fc.weight", made: { rows: 40, columns: 64 }, original: { rows: 40, columns: 64 } });
    expect(maps.sqnrDb).toBeCloseTo(lost, 2);
    expect(maps.original!.energy).not.toEqual(maps.made.energy);
    expect(await worker.wavelets(original, "fc.weight")).toBeUndefined();
    // all its nodes are one in the graph, as before
    const drawn = async (file: string) => { const { nodes, edges } = await worker.graph(file); return [nodes.map(({ op, layer, caption }) => [op, layer, caption]), edges.map(({ from, to, tensor }) => [from, to, tensor])]; };
    expect(await drawn(compressed)).toEqual(await drawn(original));
  });
});

test("without its original a layer shows its own scales, and says what is missing", async () => {
  const { original, compressed } = await files("Gemm");
  rmSync(original);
  expect(await worker.wavelets(compressed, "fc.weight")).toMatchObject({ missing: { file: "Gemm.onnx", differs: false }, made: { columns: 64 } });
});
