import { expect, test } from "vitest";
import type { BlockChoice, ChosenBlocks, CodebookFacts, UmapPlaces } from "../../../src/protocol/api";
import { has, Selection, wantedOf, type Wanted } from "../../../webview/codebook/selection";
import { Shelf } from "../../../webview/codebook/shelf";

const shelf = (some: Partial<CodebookFacts> = {}): Shelf => new Shelf({
  id: 1, layer: "w", method: "Kernel codebook", codewords: 3, block: [1, 3], kernel: 9, indexBits: 2, bytes: 10, bitsPerWeight: 1, outputs: 2,
  values: new Float32Array(9), uses: Uint32Array.from([2, 1, 3]), index: Uint16Array.from([0, 2, 1, 2, 0, 2]), places: { shares: [0.5, 0.3], words: new Float32Array(6), blocks: new Float32Array(), which: new Uint32Array() }, ...some,
});
const answer = (id: number): ChosenBlocks => ({ id, count: 2, inside: Uint8Array.of(0b100001), channels: Uint32Array.of(1, 1), words: Uint32Array.of(1, 0, 1), listed: 2 });
const square = (left: number, low: number, side: number): number[] => [left, low, left + side, low, left + side, low + side, left, low + side];
const settle = () => new Promise((resolve) => { setTimeout(resolve); });

/** A selection whose questions are answered by hand, in any order. */
function selection(wanted?: Wanted) {
  const asked: { codebook: number; choice: BlockChoice; answer: (facts: ChosenBlocks | undefined) => void }[] = [], saved: (Wanted | undefined)[] = [];
  let changes = 0;
  const own = new Selection((codebook, choice) => new Promise((answer) => { asked.push({ codebook, choice, answer }); }), () => { changes++; }, (kept) => { saved.push(kept); }, wanted);
  return { own, asked, saved, changes: () => changes };
}

test("an outline is counted, kept with the page, and added to by the next one in the same plane", async () => {
  const { own, asked, saved } = selection(), one = { points: square(0, 0, 1) }, two = { points: square(2, 2, 1), takes: true };
  own.show(shelf());
  own.draw(two, "take", "principal", undefined); // there is nothing to take away from
  expect(asked).toEqual([]);
  own.draw(one, "new", "principal", undefined);
  expect(asked[0]).toMatchObject({ codebook: 1, choice: { outlines: [one] } });
  asked[0].answer(answer(7));
  await settle();
  expect(own.chosen).toMatchObject({ facts: { id: 7 }, wanted: { layer: "w", size: 3 } });
  expect([0, 1, 4, 5].map((b) => has(own.chosen!, b))).toEqual([true, false, false, true]);
  own.draw(two, "take", "principal", undefined);
  expect(asked[1].choice).toEqual({ outlines: [one, two] });
  expect(saved[1]).toMatchObject({ layer: "w", size: 3, plane: "principal", outlines: [one, two] });
  expect(JSON.parse(JSON.stringify(saved[1]))).toEqual(saved[1]); // as VS Code keeps it
  own.draw(one, "add", "umap", { which: Uint32Array.of(4), blocks: Float32Array.of(0.5, 0.5), words: new Float32Array(6) });
  expect(asked[2].choice).toEqual({ blocks: Uint32Array.of(4) }); // another plane begins anew
  own.clear();
  expect([own.chosen, own.present, saved[saved.length - 1]]).toEqual([undefined, undefined, undefined]);
});

test("of several questions the last one is answered, whatever comes when", async () => {
  const { own, asked, changes } = selection();
  own.show(shelf());
  own.draw({ points: square(0, 0, 1) }, "new", "principal", undefined);
  own.draw({ points: square(0, 0, 2) }, "new", "principal", undefined);
  asked[1].answer(answer(2));
  await settle();
  asked[0].answer(answer(1));
  await settle();
  expect([own.chosen?.facts.id, changes()]).toEqual([2, 1]);
});

test("what was chosen is counted anew in another codebook of the same blocks, and rests while another layer is looked at", async () => {
  const wanted: Wanted = { layer: "w", size: 3, plane: "principal", outlines: [{ points: square(0, 0, 1) }] }, { own, asked } = selection(wantedOf(JSON.parse(JSON.stringify(wanted))));
  own.show(shelf());
  asked[0].answer(answer(1));
  await settle();
  own.show(shelf({ id: 2, codewords: 9 }));
  expect(own.chosen?.facts.id).toBe(1); // until the new counts are there
  asked[1].answer(answer(2));
  await settle();
  expect([asked[1].codebook, own.chosen?.facts.id]).toEqual([2, 2]);
  own.show(shelf({ id: 3, layer: "v" }));
  expect([own.chosen, asked.length]).toEqual([undefined, 2]);
  own.show(shelf({ id: 4, block: [1, 1] }));
  expect(own.present).toBeUndefined();
  own.show(shelf({ id: 5 }));
  expect(asked.length).toBe(3);
});

test("several codewords are a choice, one is none; other codewords are others", () => {
  const { own, asked } = selection();
  own.show(shelf());
  own.words([1]);
  expect(asked).toEqual([]);
  own.words([0, 2]);
  expect(asked[0].choice).toEqual({ words: Uint32Array.of(0, 2) });
  own.show(shelf({ id: 2, codewords: 4 }));
  expect(own.present).toBeUndefined();
  own.show(shelf());
  own.words([2]);
  expect(own.present).toBeUndefined();
  own.draw({ points: square(0, 0, 1) }, "new", "principal", undefined);
  own.words([2]); // a lasso stays while codewords are looked at
  expect(own.present?.outlines).toHaveLength(1);
});

test("in a UMAP the sample is chosen, or codewords where it has no blocks", () => {
  const { own, asked } = selection(), umap: UmapPlaces = { which: Uint32Array.of(1, 3, 5), blocks: Float32Array.of(0.5, 0.5, 4, 4, 0.2, 0.9), words: Float32Array.of(0.5, 0.5, 9, 9, NaN, NaN) };
  own.show(shelf());
  own.draw({ points: square(0, 0, 1) }, "new", "umap", umap);
  expect(asked[0].choice).toEqual({ blocks: Uint32Array.of(1, 5) });
  expect(own.present?.blocks).toEqual({ list: [1, 5], of: 3 });
  own.draw({ points: square(0, 0, 1) }, "new", "umap", { ...umap, which: new Uint32Array(), blocks: new Float32Array() });
  expect(asked[1].choice).toEqual({ words: Uint32Array.of(0) });
});

test("a page that kept nothing sensible has no choice", () => {
  for (const saved of [undefined, null, 3, "x", {}, { layer: 3, size: 9 }]) expect(wantedOf(saved)).toBeUndefined();
});
