import ort from "onnxruntime-node";
import { expect, test } from "vitest";
import { inspectLayers } from "../../../src/compression/report";
import { assemble } from "../../../src/compression/write";
import { bookBytes } from "../../../src/methods/codebook";
import type { FitContext, Member, PackedWeight } from "../../../src/methods/method";
import { methodById } from "../../../src/methods/registry";
import { fromRows, toRows } from "../../../src/methods/rows";
import { inlinePool } from "../../../src/numeric/tasks";
import { evaluateConstant } from "../../../src/onnx/constants";
import { findLayers, readWeight } from "../../../src/onnx/layers";
import { collect, floats, modelBytes, open, value, wave } from "../onnx/models";

const CONTEXT: FitContext = { seed: 1, pool: inlinePool, scaleIsFree: false }, SHAPES = [[12, 8, 3, 3], [8, 12, 3, 3], [10, 8, 3, 3]], PRUNED = 5;

/** Three convolutions in a row; a channel of the second has no weight. */
function network(weights: readonly Float32Array[]): Uint8Array {
  return modelBytes({
    nodes: SHAPES.map((_, i) => ({ op: "Conv", inputs: [`x${i}`, `w${i}`], outputs: [`x${i + 1}`], attributes: { pads: [1, 1, 1, 1] } })),
    initializers: SHAPES.map((dims, i) => floats(`w${i}`, dims, weights[i])), inputs: [value("x0", [1, 8, 5, 5])], outputs: [value("x3")],
  });
}

const size = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);
const weights = SHAPES.map((dims, i) => wave(size(dims), i).map((v, at) => (i === 1 && Math.floor(at / 108) === PRUNED ? 0 : v * 10 ** (i - 1))));

async function run(bytes: Uint8Array): Promise<number[]> {
  const session = await ort.InferenceSession.create(bytes), { x3 } = await session.run({ x0: new ort.Tensor("float32", wave(200, 9), [1, 8, 5, 5]) });
  await session.release();
  return Array.from(x3.data as Float32Array);
}

/** All layers with these options, their codewords learned together where they name a book. */
async function compress(method: string, options: { block: number; words: number; valueBits: number; book?: string; scale?: string }): Promise<{ bytes: Uint8Array; packed: PackedWeight[] }> {
  const model = await open(network(weights)), layers = findLayers(model), own = methodById(method), members: Member[] = [];
  for (const layer of layers) members.push({ rows: toRows(layer, (await readWeight(model, layer))!), context: CONTEXT, stress: 1 });
  const book = options.book === undefined ? undefined : await own.learn!(members, options), packed = await Promise.all(layers.map((layer, i) => own.compress(layer, members[i].rows, options, { ...CONTEXT, book })));
  const edit = await assemble(model, layers.map((layer) => ({ layer, method, options })), async ({ layer }) => ({ layer, packed: packed[layers.indexOf(layer)], absorbed: [], sqnrDb: 0 }), [], "{}"), sink = collect();
  await edit.write(sink, { external: "inline" });
  return { bytes: sink.bytes(), packed };
}

test.each([["kernel", { block: 9, words: 16, valueBits: 6 }], ["kernel", { block: 3, words: 8, valueBits: 6 }], ["product", { block: 18, words: 8, valueBits: 6, scale: "layer" }], ["product", { block: 9, words: 16, valueBits: 8, scale: "channel" }]])("%s codebooks in common: %j lie in the file once, and it is what onnxruntime computes with", async (method, options) => {
  const { bytes, packed } = await compress(method, { ...options, book: "b" }), written = await open(bytes), layers = findLayers(written), restored = layers.map((layer, i) => fromRows(layer, methodById(method).restore(packed[i])));
  for (const [i, { graph, weight }] of layers.entries()) expect((await evaluateConstant(written, graph, weight))?.data).toEqual(restored[i]);
  expect(restored[1].subarray(PRUNED * 108, (PRUNED + 1) * 108).every((v) => v === 0)).toBe(true);
  expect(await run(bytes)).toEqual(await run(network(restored)));
  const { shared, layers: rows } = await inspectLayers(written), names = layers.map(({ id }) => id), saved = 2 * bookBytes(options);
  expect(shared).toEqual([{ layers: names, codewords: options.words, blockSize: options.block, savedBytes: saved }]);
  expect(rows.map(({ sharedWith }) => sharedWith)).toEqual(names.map((name) => names.filter((other) => other !== name)));
  const own = await compress(method, options);
  expect(own.bytes.length - bytes.length).toBeGreaterThanOrEqual(saved);
  expect((await inspectLayers(await open(own.bytes))).shared).toBeUndefined();
});
