import { describe, expect, test } from "vitest";
import { inspectLayers, weightBytes } from "../../../src/compression/report";
import { sizesOf, type WeightForm } from "../../../src/compression/write";
import { methodById } from "../../../src/methods/registry";
import { dividedBytes } from "../../../src/methods/shares";
import { findLayers } from "../../../src/onnx/layers";
import { floats, modelBytes, open, value, wave } from "../onnx/models";
import { size } from "./cases";

describe("what several layers use", () => {
  const users = new Set(["a", "b"]);
  const divided = (bytes: number, pools?: ReadonlyMap<string, number>[], all = users) => Object.fromEntries(dividedBytes([{ bytes, users: all, pools: new Set(pools) }]));

  test("is divided by how much of a pool each has", () => { expect(divided(120, [new Map([["a", 30], ["b", 10]])])).toEqual({ a: 90, b: 30 }); });
  test("is divided evenly where no pool, several or others need it", () => {
    expect(divided(120)).toEqual({ a: 60, b: 60 });
    expect(divided(120, [new Map([["a", 30], ["b", 10]]), new Map([["b", 1]])])).toEqual({ a: 60, b: 60 });
    expect(divided(120, [new Map([["a", 30], ["b", 10]])], new Set(["a", "b", "c"]))).toEqual({ a: 40, b: 40, c: 40 });
  });
  test("adds up to all of it, though nobody has anything in a pool", () => { expect(divided(120, [new Map([["a", 0], ["b", 0]])])).toEqual({ a: 60, b: 60 }); });
});

/** Convolutions and a linear layer, the last as large as the others together. */
const WEIGHTS = [["Conv", [12, 8, 3, 3]], ["Conv", [8, 12, 3, 3]], ["Conv", [10, 8, 3, 3]], ["Conv", [8, 10, 1, 1]], ["Gemm", [40, 72]]] as const;
const network = (opset: number): Uint8Array => modelBytes({
  opset, inputs: [value("x0", [1, 8, 3, 3])], outputs: [value("y")],
  nodes: [...WEIGHTS.slice(0, -1).map(([op, [, , edge = 0]], i) => ({ op, inputs: [`x${i}`, `w${i}`], outputs: [`x${i + 1}`], attributes: { pads: edge > 1 ? [1, 1, 1, 1] : [0, 0, 0, 0] } })),
    { op: "Flatten", inputs: ["x4"], outputs: ["flat"] }, { op: "Gemm", inputs: ["flat", "w4"], outputs: ["y"], attributes: { transB: 1 } }],
  initializers: WEIGHTS.map(([, dims], i) => floats(`w${i}`, [...dims], wave(size([...dims]), i))),
});

const BOOK = { method: "kernel", options: { block: 9, words: 16, valueBits: 6, book: "b" } }, OWN = { method: "kernel", options: { block: 3, words: 8, valueBits: 6 } };
const INTEGER = { method: "integer", options: { bits: 5 } }, WHOLE = { method: "integer", options: { bits: 8 } }, PRODUCT = { method: "product", options: { block: 4, words: 16, valueBits: 8, scale: "channel" } }, SPARSE = { method: "sparse", options: { bits: 5, block: 1, density: 0.25 } };
const PLANS: Record<string, (typeof BOOK | typeof OWN | typeof INTEGER | typeof PRODUCT | typeof SPARSE | undefined)[]> = {
  "of integers of one width": [INTEGER, INTEGER, INTEGER, INTEGER, INTEGER], "of integers of two widths": [INTEGER, WHOLE, INTEGER, WHOLE, WHOLE], "of one layer": [undefined, undefined, OWN, undefined, undefined],
  "of codebooks": [OWN, OWN, OWN, PRODUCT, PRODUCT], "of a codebook in common": [BOOK, BOOK, BOOK, undefined, INTEGER], "of everything": [BOOK, BOOK, SPARSE, INTEGER, PRODUCT], "of a layer by itself and others": [WHOLE, undefined, OWN, undefined, PRODUCT],
};
const FORMS: Record<string, { opset: number; form?: WeightForm }> = { "packed": { opset: 13 }, "of an old operator set": { opset: 12 }, "in whole bytes": { opset: 13, form: { layout: "bytes" } }, "as integers": { opset: 13, form: { form: "integers" } } };

describe.each(Object.entries(FORMS))("bytes %s", (_, { opset, form }) => {
  test.each(Object.entries(PLANS))("%s are those of the file, layer by layer", async (_, plan) => {
    const model = await open(network(opset)), layers = findLayers(model), untouched = await weightBytes(model, layers);
    const blanks = layers.flatMap((layer, i) => {
      const choice = plan[i];
      if (!choice) return [];
      const method = methodById(choice.method);
      return [{ layer, packed: method.blank(layer, method.options.parse(choice.options), false) }];
    });
    const { packed, written } = sizesOf(model, blanks, "{}", form), file = await written(), found = findLayers(file), inFile = await weightBytes(file, found);
    const planned = layers.map((layer) => packed.layers.get(layer) ?? untouched.get(layer.id)!);
    for (const [i, layer] of layers.entries()) expect(planned[i], layer.id).toBeCloseTo(inFile.get(layer.id)!, 6);
    const convolutions = layers.filter(({ convolution }) => convolution), weights = convolutions.reduce((sum, { parameters }) => sum + parameters, 0);
    expect((await inspectLayers(file)).convBitsPerWeight).toBeCloseTo(8 * convolutions.reduce((sum, layer) => sum + planned[layers.indexOf(layer)], 0) / weights, 9);
  });
});
