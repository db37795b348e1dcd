import { describe, expect, test } from "vitest";
import type { CodebookFacts } from "../../../src/protocol/api";
import { channelTicks, Shelf, nearlyAll, rankedFilters } from "../../../webview/codebook/shelf";

const facts = (some: Partial<CodebookFacts> = {}): CodebookFacts => ({
  id: 1, layer: "w", method: "Kernel codebook", codewords: 4, block: [1, 3], kernel: 9, indexBits: 2, bytes: 10, bitsPerWeight: 1, outputs: 2,
  values: Float32Array.from([1, 0, 0, 5, 5, 5, 1.1, 0, 0, 4, 5, 5]), uses: Uint32Array.from([3, 5, 0, 4]), index: Uint16Array.from([0, 1, 1, 3, 1, 3, 0, 3, 1, 3, 1, 0]),
  places: { shares: [0.5, 0.3], words: new Float32Array(8), blocks: new Float32Array(), which: new Uint32Array() }, ...some,
});

describe("codewords", () => {
  test("stand by use, norm or likeness, those without use last", () => {
    const shelf = new Shelf(facts());
    expect(shelf.order("use")).toEqual([1, 3, 0, 2]);
    expect(shelf.order("norm")).toEqual([1, 3, 0, 2]);
    const live = new Shelf(facts({ uses: Uint32Array.from([9, 2, 1, 1]) }));
    expect(live.order("norm")).toEqual([1, 3, 2, 0]);
    expect(live.order("similarity")).toEqual([0, 2, 3, 1]);
  });

  test("have counts and ranks", () => {
    const shelf = new Shelf(facts());
    expect([shelf.dead, shelf.mostUsed, shelf.leastUsed]).toEqual([1, 5, 3]);
    expect([0, 1, 2, 3].map((w) => shelf.rank(w))).toEqual([3, 1, 4, 2]);
    expect([...shelf.usesByChannel(1)]).toEqual([3, 2]);
  });
});

describe("a block", () => {
  test("is a row of a kernel", () => {
    const shelf = new Shelf(facts());
    expect(shelf.inputs).toBe(2);
    expect(shelf.place(0)).toEqual({ output: 0, input: 0, row: 0 });
    expect(shelf.place(10)).toEqual({ output: 1, input: 1, row: 1 });
  });

  test("is a whole kernel", () => expect(new Shelf(facts({ kernel: 3 })).place(7)).toEqual({ output: 1, input: 1 }));
  test("is a pair of kernels", () => {
    const shelf = new Shelf(facts({ block: [2, 3], kernel: 3, values: new Float32Array(24) }));
    expect([shelf.parts, shelf.height, shelf.width, shelf.size]).toEqual([2, 1, 3, 6]);
    expect(shelf.place(7)).toEqual({ output: 1, input: 2, lastInput: 3 });
  });
  test("is a run of inputs", () => expect(new Shelf(facts({ kernel: 1 })).place(2)).toEqual({ output: 0, input: 6, lastInput: 8 }));
});

test("ticks of a channel axis are round and end with the last channel", () => {
  expect(channelTicks(128, 5)).toEqual([0, 32, 64, 96, 127]);
  expect(channelTicks(64, 5)).toEqual([0, 16, 32, 48, 63]);
  expect(channelTicks(3, 5)).toEqual([0, 1, 2]);
  expect(channelTicks(1, 5)).toEqual([0]);
  expect(channelTicks(129, 5)).toEqual([0, 32, 64, 96, 128]);
  expect(channelTicks(100, 5)).toEqual([0, 32, 64, 99]);
});

test("the colour scale follows the weights: a word that is hardly used does not stretch it", () => {
  const values = Float32Array.of(0.5, -0.4, 0.3, 0.2, 9, -9);
  expect(nearlyAll(values, [1000, 1000, 2])).toBe(0.5);
  expect(nearlyAll(values, [1000, 1000, 500])).toBe(9);
  expect(nearlyAll(values, [0, 0, 0])).toBe(1);
});

test("filters stand by how many they have, those with none left out", () => {
  expect(rankedFilters(Uint32Array.of(2, 0, 5, 2))).toEqual([{ channel: 2, count: 5 }, { channel: 0, count: 2 }, { channel: 3, count: 2 }]);
});
