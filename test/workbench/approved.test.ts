import { writeFileSync } from "node:fs";
import path from "node:path";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test, type TestContext } from "vitest";
import { MOST_UNLIKE, unlikeApproved } from "./approved";
import { compress } from "./made";
import { Workbench } from "./workbench";

/** Views beside pictures of them that somebody has looked at, where nothing in them differs from one machine to another but fonts. */

/** Pixels that a line takes in the fonts of the approved pictures; with others nothing can be said. */
const LINE = "Share of bytes, per layer 0123456789", LINE_WIDTH = 248;

let workbench: Workbench;
const at = (name: string) => path.join(workbench.folder, name);
beforeAll(async () => {
  workbench = await Workbench.start();
  const words = (block: number, count: number) => ({ method: "kernel", options: { block, words: count } }), layers = { "10.weight": words(9, 64), "14.weight": words(3, 64), "17.weight": words(9, 128), "22.weight": { method: "integer", options: { bits: 8 } } };
  writeFileSync(at("fixed.kernelscope.json"), JSON.stringify({ layers }));
  compress(at("fashion-cnn.onnx"), "--recipe", at("fixed.kernelscope.json"));
}, 300_000);
afterAll(() => workbench?.stop());
beforeEach(() => workbench.afresh());

/** The page as it stands once nothing moves any more, beside the approved one. */
async function look(page: Frame, name: string, { skip }: TestContext): Promise<void> {
  const width = await page.evaluate((text) => {
    const context = document.createElement("canvas").getContext("2d")!, { fontSize, fontFamily } = getComputedStyle(document.body);
    context.font = `${fontSize} ${fontFamily}`;
    return Math.round(context.measureText(text).width);
  }, LINE);
  if (width !== LINE_WIDTH && process.env.KERNELSCOPE_APPROVE !== "1") return skip(`The approved pictures are in other fonts: ${width} pixels, not ${LINE_WIDTH}.`);
  if (width !== LINE_WIDTH) throw new Error(`LINE_WIDTH is ${width} here.`);
  await workbench.page.mouse.move(700, 5);
  let last = await page.locator("#page").screenshot();
  await expect.poll(async () => {
    const now = await page.locator("#page").screenshot(), same = now.equals(last);
    last = now;
    return same;
  }, { interval: 400 }).toBe(true);
  expect(unlikeApproved(name, last), name).toBeLessThan(MOST_UNLIKE);
}

for (const [theme, name] of [["Default Dark Modern", "dark"], ["Default High Contrast Light", "hc-light"]] as const) test(`in ${theme}: a graph, all codebooks, a comparison`, { timeout: 240_000 }, async (context) => {
  await workbench.wear(theme);
  const graph = await workbench.open("resnet20-cifar10.onnx");
  await graph.waitForSelector(".side[data-layer]", { state: "attached" });
  await workbench.sideBar(false);
  await look(graph, `graph-${name}`, context);
  await workbench.tidy();
  await workbench.sideBar(true);

  const model = await workbench.open("fashion-cnn.small.onnx");
  await model.waitForSelector(".side[data-layer]", { state: "attached" });
  await workbench.sideBar(false);
  await model.locator("#tab-codebooks").click();
  await model.getByRole("button", { name: "All Codebooks" }).click();
  await expect.poll(() => model.locator(".atlas-words canvas").count()).toBeGreaterThan(2);
  await look(model, `atlas-${name}`, context);
  await workbench.tidy();
  await workbench.sideBar(true);

  const comparison = await workbench.compare("fashion-cnn.onnx", "fashion-cnn.small.onnx");
  await comparison.waitForSelector("#page[data-filled]");
  await workbench.sideBar(false);
  await comparison.locator(".cmp-row[data-layer='17.weight']").click();
  await comparison.waitForSelector(".cmp-pane[data-layer='17.weight']:not([data-stale]) canvas.heatmaps");
  await look(comparison, `compare-${name}`, context);
});
