import fc from "fast-check";
import { expect, test } from "vitest";
import type { Choice } from "../../../src/compression/planner";
import type { LayerSensitivity, RatedCandidate } from "../../../src/compression/sensitivity";
import { classesOf } from "../../../src/compression/share-ratings";
import { bookNames, groupOf, isClearlyLess, priceOf, type Sharer } from "../../../src/compression/sharing";
import { bookBytes } from "../../../src/methods/codebook";
import { findLayers } from "../../../src/onnx/layers";
import { floats, modelBytes, open, value, wave } from "../onnx/models";

const LAYERS = 4, WORDS = [16, 64], PRICE = 0.01;
const layers = findLayers(await open(modelBytes({
  nodes: Array.from({ length: LAYERS }, (_, i) => ({ op: "Conv", inputs: [`x${i}`, `w${i}`], outputs: [`x${i + 1}`], attributes: { pads: [1, 1, 1, 1] } })),
  initializers: Array.from({ length: LAYERS }, (_, i) => floats(`w${i}`, [8, 8, 3, 3], wave(576, i))), inputs: [value("x0", [1, 8, 5, 5])], outputs: [value(`x${LAYERS}`)],
})));

const optionsOf = (words: number, book?: string) => ({ block: 9, words, valueBits: 6, ...(book !== undefined && { book }) });
const costOf = ({ bytes, loss }: Choice): number => loss + PRICE * bytes;

/** Layers that lose so much alone, and with common codebooks of 16 and of 64 words, at the same bytes for codes. */
const sharers = (losses: readonly { own: number; shared: readonly number[] }[]): Sharer<Choice>[] => losses.map(({ own, shared }, i) => ({
  layer: layers[i], choices: [{ bytes: 100 + bookBytes(optionsOf(16)), loss: own }, { bytes: 2304, loss: 0 }],
  shared: shared.map((loss, k): RatedCandidate => ({ layer: layers[i], method: "kernel", options: optionsOf(WORDS[k], "?"), bytes: 100 + 20 * k, bits: 1.5, noise: 0.1, loss })),
}));

const loss = fc.double({ min: 0, max: 5, noNaN: true });
const shapes = fc.array(fc.record({ own: loss, shared: fc.tuple(loss, loss) }), { minLength: 2, maxLength: LAYERS }).map(sharers);

test("layers join where each of them gains, and where together they pay for the codebook: no other set of such layers gains more", () => {
  fc.assert(fc.property(shapes, (shape) => {
    const gain = (i: number, k: number): number => Math.min(...shape[i].choices.map(costOf)) - costOf(shape[i].shared[k]), bookCost = (k: number): number => PRICE * bookBytes(optionsOf(WORDS[k]));
    let most = 0;
    for (let set = 0; set < 2 ** shape.length; set++) for (const k of WORDS.keys()) {
      const gains = [...shape.keys()].filter((i) => set >> i & 1).map((i) => gain(i, k));
      if (gains.length > 1 && gains.every((one) => one > 0)) most = Math.max(most, gains.reduce((sum, one) => sum + one, -bookCost(k)));
    }
    const group = groupOf(shape, PRICE, "A"), alone = shape.reduce((sum, { layer, choices }) => (group?.layers.includes(layer) ? sum + Math.min(...choices.map(costOf)) : sum), 0);
    expect(group !== undefined).toBe(most > 0);
    if (group) expect(alone - Math.min(...group.choices.map(costOf))).toBeGreaterThanOrEqual(most - 1e-9);
  }));
});

test("a group counts its codebook once, in shares of its layers, and names it in all of them", () => {
  const group = groupOf(sharers(Array.from({ length: LAYERS }, () => ({ own: 4, shared: [2, 1] as const }))), PRICE, "A")!;
  expect(group.layers).toEqual(layers);
  expect(group.choices.map(({ joined }) => joined.map(({ options }) => options))).toEqual(WORDS.map((words) => layers.map(() => optionsOf(words, "A"))));
  group.choices.forEach(({ bytes, joined }, k) => {
    expect(bytes).toBe(LAYERS * (100 + 20 * k) + bookBytes(optionsOf(WORDS[k])));
    expect(joined.reduce((sum, one) => sum + one.bytes, 0)).toBeCloseTo(bytes, 9);
  });
});

test("the price of a byte is what the best further step saves", () => {
  const items = [{ choices: [{ bytes: 10, loss: 5 }, { bytes: 20, loss: 4 }] }, { choices: [{ bytes: 10, loss: 9 }, { bytes: 14, loss: 1 }, { bytes: 30, loss: 0 }] }];
  expect(priceOf(items, [items[0].choices[0], items[1].choices[0]])).toBe(2);
  expect(priceOf(items, [items[0].choices[0], items[1].choices[1]])).toBe(0.1);
  expect(priceOf(items, [items[0].choices[1], items[1].choices[2]])).toBe(0);
});

test("books have names that no recipe has given", () => {
  const names = bookNames([{ options: optionsOf(16, "B") }, { options: { bits: 8 } }]);
  expect([1, 2, 3].map(() => names.next().value)).toEqual(["A", "C", "D"]);
});

test("layers of one shape could share, unless they are a small part of the network", async () => {
  const network = findLayers(await open(modelBytes({
    nodes: [8, 8, 8, 64].map((_, i) => ({ op: "Conv", inputs: [`x${i}`, `w${i}`], outputs: [`x${i + 1}`], attributes: { pads: [1, 1, 1, 1] } })),
    initializers: [8, 8, 8, 64].map((outputs, i) => floats(`w${i}`, [outputs, 8, 3, 3], wave(outputs * 72, i))), inputs: [value("x0", [1, 8, 5, 5])], outputs: [value("x4")],
  })));
  const rated = (some: typeof network): LayerSensitivity[] => some.map((layer) => ({ layer, response: [], candidates: [{ layer, method: "kernel", options: optionsOf(16), bytes: 100, bits: 1, noise: 0.1, loss: 1 }] }));
  expect(classesOf(rated(network)).map((shape) => shape.map(({ layer: { weight } }) => weight))).toEqual([["w0", "w1", "w2"]]);
  expect(classesOf(rated(network.slice(2)))).toEqual([]);
  const large = { ...network[3], parameters: 50 * network[0].parameters };
  expect(classesOf(rated([...network.slice(0, 3), large]))).toEqual([]);
});

test("less is clearly less where chance would hardly make it so", () => {
  const before = wave(64, 1).map((v) => 1 + 0.5 * v), noise = wave(64, 2), changed = (change: number, spread: number) => Array.from(before, (v, i) => v + change + spread * noise[i]);
  expect(isClearlyLess(changed(-0.2, 0.1), [...before], 1)).toBe(true);
  expect(isClearlyLess(changed(-0.02, 1), [...before], 1)).toBe(false);
  expect(isClearlyLess(changed(0.2, 0.1), [...before], 1)).toBe(false);
  expect(isClearlyLess(changed(-0.2, 0.1), [...before], 0.7)).toBe(false); // fewer bytes of the other would do
  expect(isClearlyLess([0, 0, 0], [1, 1, 1], 1)).toBe(false); // too few to tell
});
