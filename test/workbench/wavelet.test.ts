import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { assemble } from "../../src/compression/write";
import { waveletMethod } from "../../src/methods/wavelet";
import { WaveletOptions } from "../../src/methods/wavelet-shape";
import { filterBank, settled } from "../../src/numeric/filter-bank";
import { findLayers } from "../../src/onnx/layers";
import { open, wave } from "../unit/onnx/models";
import { Workbench } from "./workbench";

let workbench: Workbench;
beforeAll(async () => {
  workbench = await Workbench.start();
  const model = await open(readFileSync(path.join(workbench.folder, "fashion-cnn.onnx"))), layer = findLayers(model).find(({ id }) => id === "22.weight")!, options = WaveletOptions.parse({ levels: 3, summed: 2 });
  const blank = waveletMethod.blank(layer, options, false), filters = settled(filterBank("daubechies", 6).map((v, i) => v + 0.06 * Math.cos(3 * i)));
  const packed = { ...blank, filters, before: wave(blank.before.length, 1), between: wave(blank.between.length, 2), after: wave(blank.after.length, 3) };
  const edit = await assemble(model, [{ layer, method: "wavelet", options }], async () => ({ layer, packed, absorbed: [], sqnrDb: 0 }), [], "{}");
  writeFileSync(path.join(workbench.folder, "wavelets.onnx"), await edit.toBytes());
});
afterAll(() => workbench?.stop());

test("a wavelet layer is one layer of the table, with its filters and what they pass", async () => {
  const page = await workbench.open("wavelets.onnx");
  await page.waitForSelector(".graph[data-ready]");
  await page.locator("#tab-layers").click();
  const row = page.locator("tbody tr", { hasText: "learned numbers in wavelets" });
  expect(await row.count()).toBe(1);
  await row.click();
  await page.waitForSelector(".side[data-layer='22.weight']");
  const details = page.locator(".details");
  await expect.poll(() => details.innerText()).toMatch(/6 taps, 2 × 3 levels/);
  expect(await details.innerText()).not.toContain("Preview Codebook");
  for (const [kind, words] of [["taps", "daubechies"], ["response", "daubechies"]]) {
    const chart = details.locator(`.${kind}`);
    expect(await chart.getAttribute("aria-label")).toContain(words);
    const painted = await chart.locator("canvas").evaluate((canvas: HTMLCanvasElement) => canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height).data.filter((v, i) => i % 4 === 3 && v > 0).length);
    expect(painted).toBeGreaterThan(200);
  }
  // the taps in figures
  await details.locator(".part-filters").hover();
  await details.locator(".part-filters .as-table").click();
  expect(await details.locator(".part-filters tbody tr").count()).toBe(6);
  await details.locator(".part-filters .as-table").click();
});
