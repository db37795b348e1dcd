import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { overlaps } from "./overlaps";
import { englishOn, PSEUDO, pseudo } from "./pseudo";
import { compress } from "./made";
import { Workbench } from "./workbench";

/** Every view in a language of longer words: nothing is left in English, and nothing lies on another or stands out. */

/** Of files, classes, layers, operators and their attributes, types, methods, devices and keys. */
const NAMES = new RegExp(`^(${[
  "fashion|mnist|cnn|small|onnx|plan|kernelscope|json", "shirt|Pullover|Dress|Coat|Shirt|Bag|Ankle|boot|Sneaker|Trouser|Sandal", "pytorch|input|logits|weight|batch", "Conv|Relu|MaxPool|Pool|Flatten|Gemm|BatchNormalization|GlobalAveragePool", "strides|pads|dilations|group",
  "float", "Kernel|codebook|Product|quantization|Integers|per|channel", "CPU|WebGPU|CUDA|DirectML|Core", "RGB|BGR", "Alt",
].join("|")})$`);

let workbench: Workbench;
beforeAll(async () => {
  workbench = await Workbench.start({
    rated: true, language: PSEUDO, prepare: (folder) => {
      const at = (...names: string[]) => path.join(folder, ...names);
      writeFileSync(at("plan.kernelscope.json"), JSON.stringify({ version: 1, model: "./fashion-cnn.onnx", target: "32KB", data: { folder: "./fashion-mnist" } }));
      mkdirSync(at(".vscode"));
      writeFileSync(at(".vscode/settings.json"), JSON.stringify({ "kernelscope.dataFolder": "fashion-mnist" }));
      compress(at("fashion-cnn.onnx"), "--target", "60KB");
    },
  });
}, 300_000);
afterAll(() => workbench?.stop());

async function look(name: string, page: Frame): Promise<void> {
  await page.waitForTimeout(1500);
  await workbench.picture(`pseudo-${name}`);
  expect(await englishOn(page, NAMES)).toEqual([]);
  expect(await overlaps(page)).toEqual([]);
}

test("a model: graph, layers, codebooks, accuracy", { timeout: 240_000 }, async () => {
  const page = await workbench.open("fashion-cnn.small.onnx");
  await page.waitForSelector(".side[data-layer]");
  for (const tab of ["graph", "layers", "codebooks", "accuracy"]) {
    await page.locator(`#tab-${tab}`).click();
    if (tab === "accuracy") await page.locator(".accuracy .state .button.primary").click();
    if (tab === "accuracy") await page.waitForSelector(".acc-trace[data-sample]:not([data-stale])");
    await look(tab, page);
    if (tab === "codebooks") {
      await page.locator(".codeword").nth(1).click();
      await page.locator(".codeword").nth(4).click({ modifiers: ["Shift"] });
      await page.waitForSelector(".codebook[data-chosen]");
      await look("codewords-chosen", page);
    }
  }
});

test("a recipe", async () => {
  await workbench.tidy();
  await workbench.menu("plan.kernelscope.json", pseudo("Open Recipe Editor"));
  const page = await workbench.modelPage("plan.kernelscope.json");
  await page.waitForSelector("body[data-ready=true]", { timeout: 120_000 });
  await look("recipe", page);
});

test("a comparison", async () => {
  await workbench.tidy();
  const page = await workbench.compare("fashion-cnn.onnx", "fashion-cnn.small.onnx", pseudo("Compare Models"));
  await page.waitForSelector("#page[data-filled]");
  await look("comparison", page);
  await page.locator(".cmp-row[data-layer='22.weight']").click(); // a matrix
  await page.waitForSelector(".cmp-pane[data-layer='22.weight']:not([data-stale])");
  await look("comparison-linear", page);
});
