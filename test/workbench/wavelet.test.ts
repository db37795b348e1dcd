import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { assemble } from "../../src/compression/write";
import { waveletMethod } from "../../src/methods/wavelet";
import { WaveletOptions } from "../../src/methods/wavelet-shape";
import { filterBank, settled } from "../../src/numeric/filter-bank";
import { findLayers } from "../../src/onnx/layers";
import { floats, modelBytes, open, value, wave } from "../unit/onnx/models";
import { violations } from "./axe";
import { Workbench } from "./workbench";

let workbench: Workbench;
beforeAll(async () => {
  workbench = await Workbench.start();
  const model = await open(readFileSync(path.join(workbench.folder, "fashion-cnn.onnx"))), layer = findLayers(model).find(({ id }) => id === "22.weight")!, options = WaveletOptions.parse({ levels: 3, summed: 2 });
  const blank = waveletMethod.blank(layer, options, false), filters = settled(filterBank("daubechies", 6).map((v, i) => v + 0.06 * Math.cos(3 * i)));
  const packed = { ...blank, filters, before: wave(blank.before.length, 1), between: wave(blank.between.length, 2), after: wave(blank.after.length, 3) };
  const edit = await assemble(model, [{ layer, method: "wavelet", options }], async () => ({ layer, packed, absorbed: [], sqnrDb: 0 }), [], "{}");
  writeFileSync(path.join(workbench.folder, "wavelets.onnx"), await edit.toBytes());
  const smooth = smoothLayer();
  writeFileSync(path.join(workbench.folder, "smooth.onnx"), smooth);
  writeFileSync(path.join(workbench.folder, "smooth.small.onnx"), await asWavelets(smooth));
});
afterAll(() => workbench?.stop());

/** A linear layer whose weight changes slowly along its inputs and outputs, with some noise. */
const smoothLayer = (): Uint8Array => modelBytes({
  opset: 17, nodes: [{ op: "Gemm", inputs: ["x", "fc.weight", "fc.bias"], outputs: ["y"], attributes: { transB: 1 } }], inputs: [value("x", ["n", 256])], outputs: [value("y")],
  initializers: [floats("fc.weight", [192, 256], wave(192 * 256, 3).map((v, i) => Math.sin(i % 256 / 20) * Math.cos(Math.floor(i / 256) / 30) + 0.2 * v)), floats("fc.bias", [192], wave(192))],
});

async function asWavelets(file: Uint8Array): Promise<Uint8Array> {
  const model = await open(file), [layer] = findLayers(model), options = WaveletOptions.parse({}), blank = waveletMethod.blank(layer, options, false);
  const packed = { ...blank, filters: settled(filterBank("daubechies", 6).map((v, i) => v + 0.03 * Math.sin(i))), before: blank.before.fill(1), between: blank.between.map((_, i) => Math.exp(-i / 40)), after: blank.after.fill(1) };
  return (await assemble(model, [{ layer, method: "wavelet", options }], async () => ({ layer, packed, absorbed: [], sqnrDb: 0 }), [], "{}")).toBytes();
}

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
  expect(await details.innerText()).not.toContain("Show Codebook");
  expect(await details.locator(".whole dd").evaluateAll((all) => all.map(({ scrollWidth, clientWidth, textContent }) => [scrollWidth <= clientWidth, textContent]))).toEqual([[true, expect.stringMatching(/^[\d,]+ learned numbers in wavelets, [\d.]+ bits a weight$/)]]);
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

test("its transforms have a page: filters, and the scales in which its weight and the original's lie", async () => {
  const page = await workbench.open("smooth.small.onnx");
  await page.waitForSelector(".graph[data-ready]");
  await page.locator("#tab-layers").click();
  await page.locator("tbody tr", { hasText: "learned numbers in wavelets" }).click();
  await page.locator(".details .button", { hasText: "Show Transforms" }).click();
  await page.waitForSelector(".codebook[data-layer='fc.weight']:not([data-stale]) .wavelet-map");
  await workbench.sideBar(false);
  expect((await page.locator(".book-head").innerText()).replace(/\s+/g, " ")).toMatch(/fc Wavelet transforms [\d.]+ bits per weight 7\d\d learned numbers \d+× fewer −?[\d.]+ dB SQNR [\d.]+ KB in the file/);
  const maps = page.locator(".wavelet-map");
  expect(await maps.count()).toBe(2);
  // nearly all of a weight that changes slowly is coarse
  expect(Number(/([\d.]+) % of its energy/.exec((await maps.first().getAttribute("aria-label"))!)![1])).toBeGreaterThan(60);
  const box = (await maps.first().boundingBox())!;
  await maps.first().hover({ position: { x: 24, y: 24 } });
  expect(await maps.first().getAttribute("title")).toMatch(/^Outputs coarse, inputs coarse: [\d.]+ % of the energy$/);
  await maps.first().hover({ position: { x: 0.7 * Math.min(box.width, box.height), y: 24 } });
  expect(await maps.first().getAttribute("title")).toMatch(/^Outputs coarse, inputs detail 1: < 0.1 % of the energy$|^Outputs coarse, inputs detail 1: [\d.]+ % of the energy$/);
  await page.locator(".part-wavelet-original").hover();
  await page.locator(".part-wavelet-original .as-table").click();
  expect(await page.locator(".part-wavelet-original tbody tr").count()).toBe(6);
  await page.locator(".part-wavelet-original .as-table").click();
  for (const [theme, name] of [["Default Light Modern", "light"], ["Default High Contrast", "hc"], ["Default High Contrast Light", "hc-light"], ["Default Dark Modern", "dark"]] as const) {
    await workbench.wear(theme);
    await workbench.picture(`wavelets-${name}`);
    expect(await violations(page), name).toEqual([]);
  }
  for (const width of [1104, 800, 520]) {
    await workbench.page.setViewportSize({ width: width + 48, height: 900 });
    await workbench.page.waitForTimeout(400);
    await workbench.picture(`wavelets-${width}`);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth), String(width)).toBe(true);
  }
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
});

test("a comparison shows what the transforms compute as weights beside the original's", async () => {
  await workbench.sideBar(true);
  await workbench.row("smooth.onnx").click();
  const { keyboard } = workbench.page;
  await workbench.row("smooth.onnx").click();
  await workbench.page.locator(".tab", { hasText: "smooth.onnx" }).waitFor();
  await workbench.page.waitForTimeout(1000); // until the Explorer has revealed it
  await keyboard.down("Control");
  await workbench.row("smooth.small.onnx").click();
  await keyboard.up("Control");
  await workbench.menu("smooth.small.onnx", "Compare Models");
  const page = await workbench.modelPage("smooth.onnx ↔ smooth.small.onnx");
  await page.waitForSelector(".cmp-pane[data-total='49152']:not([data-stale])");
  await workbench.sideBar(false);
  expect((await page.locator(".cmp-facts").innerText()).replace(/\s+/g, " ")).toMatch(/SQNR, weights −?[\d.]+ dB/);
  await workbench.picture("wavelets-compared");
});
