import { copyFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Frame } from "playwright-core";
import { floats, ints, modelBytes, value, wave } from "../unit/onnx/models";
import { compress } from "./made";
import type { Workbench } from "./workbench";

/** Models whose codebooks are looked at, and their pages. */

/** Channels of the one layer of large.onnx, both ways. */
export const LARGE = 512;

/** A codebook of ten words, three of which stand for nothing. */
const withDeadWords = (): Uint8Array => modelBytes({
  initializers: [floats("words", [10, 9], wave(90)), ints("which", Array.from({ length: 32 * 16 }, (_, i) => [0, 1, 3, 4, 6, 7, 9][i * i % 7])), ints("shape", [32, 16, 3, 3])],
  nodes: [{ op: "Gather", inputs: ["words", "which"], outputs: ["flat"] }, { op: "Reshape", inputs: ["flat", "shape"], outputs: ["conv.weight"] }, { op: "Conv", inputs: ["x", "conv.weight"], outputs: ["y"] }],
  inputs: [value("x", [1, 16, 8, 8])], outputs: [value("y")],
});

/** Into the folder of a window: the sample compressed as fashion-cnn.small.onnx, the same as lone.small.onnx under a name that no original has, dead.onnx and large.onnx. */
export function makeBooks({ folder }: Workbench): void {
  const at = (name: string) => path.join(folder, name), words = (block: number, words: number) => ({ method: "kernel", options: { block, words } });
  writeFileSync(at("fixed.kernelscope.json"), JSON.stringify({ preset: "balanced", layers: { "14.weight": words(3, 32), "17.weight": words(9, 16), "22.weight": { method: "integer", options: { bits: 8 } } } }));
  compress(at("fashion-cnn.onnx"), "--recipe", at("fixed.kernelscope.json"), "--data", at("fashion-mnist"));
  copyFileSync(at("fashion-cnn.small.onnx"), at("lone.small.onnx"));
  writeFileSync(at("dead.onnx"), withDeadWords());
  writeFileSync(at("large.onnx"), modelBytes({
    initializers: [floats("conv.weight", [LARGE, LARGE, 3, 3], wave(LARGE * LARGE * 9))], nodes: [{ op: "Conv", inputs: ["x", "conv.weight"], outputs: ["y"] }], inputs: [value("x", [1, LARGE, 8, 8])], outputs: [value("y")],
  }));
}

/** The codebook of a layer. */
export async function openBook(workbench: Workbench, name: string, layer: string): Promise<Frame> {
  const page = await workbench.open(name);
  await page.waitForSelector(".side[data-layer]", { state: "attached" });
  await page.locator("#tab-layers").click();
  await page.locator("tbody tr").filter({ has: page.locator("td:first-child", { hasText: new RegExp(`^${layer}$`) }) }).click();
  await page.locator("#tab-codebooks").click();
  await ready(page, `${layer}.weight`);
  return page;
}

export const ready = (page: Frame, layer: string) => page.waitForSelector(`.codebook[data-layer='${layer}']:not([data-stale])`);
/** What stands in the header of a codebook, in one line. */
export const figures = (page: Frame) => page.locator(".book-head .figures").innerText().then((text) => text.replace(/\s+/g, " "));
