import { cpSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TensorData } from "../../src/onnx/encode";
import { DataType } from "../../src/onnx/tensor";
import { bytesOf, modelBytes, value, wave } from "../unit/onnx/models";
import { violations } from "./axe";
import { overlaps } from "./overlaps";
import { THEMES, Workbench } from "./workbench";

/** What a recipe's page says where its model cannot be compressed as the recipe asks, and what it offers. */

const DOUBLES = "double.kernelscope.json", EMPTY = "empty.kernelscope.json";
let workbench: Workbench;
const at = (name: string) => path.join(workbench.folder, name);

/** Weights in double precision, of which no integers are made. */
const doubles = (name: string, dims: number[]): TensorData => ({ name, dims, type: DataType.DOUBLE, raw: bytesOf(Float64Array.from(wave(dims.reduce((a, b) => a * b, 1)))) });

beforeAll(async () => {
  workbench = await Workbench.start();
  const double = (name: string, dims: (number | string)[]) => value(name, dims, DataType.DOUBLE);
  writeFileSync(at("double.onnx"), modelBytes({
    inputs: [double("x", ["n", 1, 28, 28])], outputs: [double("y", ["n", 10, 24, 24])], initializers: [doubles("first", [16, 1, 3, 3]), doubles("last", [10, 16, 3, 3])],
    nodes: [{ op: "Conv", inputs: ["x", "first"], outputs: ["a"] }, { op: "Conv", inputs: ["a", "last"], outputs: ["y"] }],
  }));
  writeFileSync(at(DOUBLES), `${JSON.stringify({ version: 1, model: "./double.onnx", inference: "integer" }, null, 2)}\n`);
  writeFileSync(at("empty.onnx"), modelBytes({ inputs: [value("x", ["n", 4])], outputs: [value("y", ["n", 4])], nodes: [{ op: "Relu", inputs: ["x"], outputs: ["y"] }] }));
  writeFileSync(at(EMPTY), `${JSON.stringify({ version: 1, model: "./empty.onnx", preset: "balanced" }, null, 2)}\n`);
});
afterAll(() => workbench?.stop());

async function failed(name: string): Promise<Frame> {
  await workbench.menu(name, "Open Recipe Editor");
  const page = await workbench.modelPage(name);
  await page.locator(".state .state-icon.error").waitFor({ timeout: 60_000 });
  return page;
}
const buttons = (page: Frame) => page.locator(".state .button").allInnerTexts();

/** In every theme: all is in sight, one filled button, nothing that axe finds. */
async function inEveryTheme(page: Frame, picture: string): Promise<void> {
  for (const [theme, name] of Object.entries(THEMES) as [keyof typeof THEMES, string][]) {
    await workbench.wear(theme);
    for (const width of [1440, 700]) {
      await workbench.page.setViewportSize({ width, height: 900 });
      await workbench.page.waitForTimeout(300);
      expect(await overlaps(page), `${theme}, ${width} pixels`).toEqual([]);
    }
    await workbench.page.setViewportSize({ width: 1440, height: 900 });
    expect(await page.locator(".state .button.primary").count()).toBe(1);
    expect(await violations(page), theme).toEqual([]);
    await workbench.picture(`${picture}-${name}`);
  }
  await workbench.wear("Default Dark Modern");
}

test("where no integers can be made of a model, floats are offered, then another model, in every theme; undo asks again", async () => {
  const page = await failed(DOUBLES), text = () => page.locator(".state").innerText();
  expect(await text()).toContain("There is no plan for double.onnx");
  expect(await text()).toMatch(/Integers are made of models in single precision \(float32\), and the weight of first is of type float64\. /);
  expect(await buttons(page)).toEqual(["Compute with Floats", "Choose Model…", "Open Text"]);
  expect(await page.locator(".state .button.primary").allInnerTexts()).toEqual(["Compute with Floats"]);
  expect(await page.locator(".header .button", { hasText: "Compress" }).getAttribute("disabled")).not.toBeNull();
  await inEveryTheme(page, "recipe-not-integers");
  await page.locator(".state .button", { hasText: "Compute with Floats" }).click();
  await page.waitForSelector("body[data-ready=true]", { timeout: 60_000 });
  expect(await page.locator(".plan-row[data-id]").count()).toBe(2);
  // with a plan in sight the same stands over it, and the plan stays
  await workbench.command("Undo");
  const banner = page.locator(".recipe-problem:not([hidden])");
  await banner.waitFor({ timeout: 20_000 });
  expect(await banner.locator(".button").allInnerTexts()).toEqual(["Compute with Floats", "Choose Model…", "Open Text"]);
  expect(await page.locator(".plan-row[data-id]").count()).toBe(2);
  expect(await overlaps(page)).toEqual([]);
  await banner.locator(".button", { hasText: "Compute with Floats" }).click();
  await banner.waitFor({ state: "hidden", timeout: 20_000 });
  await workbench.command("File: Save");
  await expect.poll(() => readFileSync(at(DOUBLES), "utf8")).not.toContain("inference");
});

test("a model with nothing to compress leads to another model, in every theme", async () => {
  const page = await failed(EMPTY);
  expect(await buttons(page)).toEqual(["Choose Model…", "Open Text"]);
  expect(await page.locator(".state .button.primary").allInnerTexts()).toEqual(["Choose Model…"]);
  await inEveryTheme(page, "recipe-nothing-to-compress");
  await page.locator(".state .button", { hasText: "Choose Model…" }).click();
  await workbench.page.locator(".quick-input-list .monaco-list-row", { hasText: "double.onnx" }).first().click();
  await page.waitForSelector("body[data-ready=true]", { timeout: 60_000 });
  expect(await page.locator(".plan-row[data-id]").count()).toBe(2);
});

test("that pins leave no room for a size is told before anything is rated", async () => {
  const name = "pinned.kernelscope.json";
  writeFileSync(at(name), JSON.stringify({ version: 1, model: "./fashion-cnn.onnx", data: { folder: "./fashion-mnist" }, target: "20KB", layers: { "17.weight": { pin: "leave" } } }));
  await workbench.menu(name, "Open Recipe Editor");
  const page = await workbench.modelPage(name), note = page.locator(".recipe-wait .recipe-note.bad");
  await note.waitFor({ timeout: 60_000 });
  expect(await note.innerText()).toBe("20.0 KB cannot be reached: what the recipe pins takes 590 KB by itself (17). Unpin a layer, or give a larger size.");
  expect(await page.locator(".recipe-wait .job-bar").count()).toBe(1); // while layers are rated all the same
  expect(await overlaps(page)).toEqual([]);
  await workbench.picture("recipe-pins-in-vain");
});

test("labels that the model is hardly ever right about are doubted beside the plan, and under the model while it is compressed", { timeout: 300_000 }, async () => {
  const name = "doubted.kernelscope.json", labels = readFileSync(at("fashion-mnist/labels.npy")), begin = 10 + labels.readUInt16LE(8);
  cpSync(at("fashion-mnist"), at("other-order"), { recursive: true });
  writeFileSync(at("other-order/labels.npy"), Buffer.concat([labels.subarray(0, begin), Uint8Array.from(labels.subarray(begin), (label) => (label + 1) % 10)]));
  writeFileSync(at(name), `${JSON.stringify({ version: 1, model: "./fashion-cnn.onnx", target: "60KB", data: { folder: "./other-order", limit: 64 } }, null, 2)}\n`);
  await workbench.menu(name, "Open Recipe Editor");
  const page = await workbench.modelPage(name), doubt = /^The original is right about only [\d.]+ % of the 64 images that were tried\. If that is less than it should be/;
  await page.waitForSelector("body[data-ready=true]", { timeout: 120_000 });
  await expect.poll(() => page.locator(".recipe-note.bad").innerText()).toMatch(doubt);
  expect(await page.locator(".header .button", { hasText: "Compress" }).getAttribute("disabled")).toBeNull(); // it is a doubt, no refusal
  expect(await violations(page)).toEqual([]);
  await workbench.picture("recipe-doubted");
  await page.locator(".header .button", { hasText: "Compress" }).click();
  const model = await workbench.open("fashion-cnn.onnx");
  await expect.poll(() => model.locator(".foot-warning").innerText(), { timeout: 60_000 }).toMatch(doubt);
  await workbench.picture("model-doubted");
  await model.locator(".foot .button", { hasText: "Cancel" }).click();
});

test("images with other channels than the model takes are prepared with its own by one click", { timeout: 300_000 }, async () => {
  const name = "channels.kernelscope.json";
  cpSync(at("fashion-mnist"), at("said-to-be-colours"), { recursive: true });
  writeFileSync(at("said-to-be-colours/dataset.json"), JSON.stringify({ channels: "rgb" }));
  writeFileSync(at(name), `${JSON.stringify({ version: 1, model: "./fashion-cnn.onnx", target: "60KB", data: { folder: "./said-to-be-colours", limit: 64 } }, null, 2)}\n`);
  const page = await failed(name), channels = () => page.getByRole("combobox", { name: "Channels", exact: true });
  expect(await page.locator(".state").innerText()).toContain("The model takes 1 channel, the data gives 3 (rgb).");
  expect(await buttons(page)).toEqual(["Set to Grey", "Choose Folder…", "Open Text", "Try Again"]);
  await inEveryTheme(page, "recipe-channels");
  await page.locator(".state .button", { hasText: "Set to Grey" }).click();
  await page.waitForSelector("body[data-ready=true]", { timeout: 120_000 });
  expect(await channels().evaluate((list: HTMLElement & { value: string }) => list.value)).toBe("gray");
  // over a plan that is there it is one click, too: a single undo leads back
  await workbench.command("Undo");
  const banner = page.locator(".recipe-problem:not([hidden])");
  await banner.waitFor({ timeout: 20_000 });
  expect(await banner.locator(".button").allInnerTexts()).toEqual(["Set to Grey", "Choose Folder…", "Try Again"]);
  expect(await overlaps(page)).toEqual([]);
  await workbench.picture("recipe-channels-over-plan");
  await banner.locator(".button", { hasText: "Set to Grey" }).click();
  await banner.waitFor({ state: "hidden", timeout: 60_000 });
  await workbench.command("File: Save");
  await expect.poll(() => (JSON.parse(readFileSync(at(name), "utf8")) as { preprocess?: unknown }).preprocess).toEqual({ channels: "gray" });
});
