import { writeFileSync } from "node:fs";
import path from "node:path";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { modelBytes, value } from "../unit/onnx/models";
import { violations } from "./axe";
import { cutTexts, overlaps } from "./overlaps";
import { compress } from "./made";
import { Workbench, type THEMES } from "./workbench";

/** Views as they are at 150 and 200 %, where an editor has as many pixels of its own as a window of two thirds and half the size; in light, too. */

const SIZES = [[960, 600], [720, 450]] as const, LOOKS: readonly (keyof typeof THEMES)[] = ["Default Light Modern", "Default High Contrast Light", "Default Dark Modern"];
let workbench: Workbench;
const at = (name: string) => path.join(workbench.folder, name);
beforeAll(async () => {
  workbench = await Workbench.start();
  compress(at("fashion-cnn.onnx"), "--target", "60KB");
  writeFileSync(at("bare.onnx"), modelBytes({ nodes: [{ op: "Relu", inputs: ["x"], outputs: ["y"] }], inputs: [value("x", [1, 3, 8, 8])], outputs: [value("y")] }));
}, 300_000);
afterAll(() => workbench?.stop());

/** What is cut at a size is folded into a hover in places that have one; anything else is named. */
async function look(page: Frame, name: string): Promise<void> {
  await workbench.sideBar(false);
  for (const theme of LOOKS) {
    await workbench.wear(theme);
    for (const [width, height] of SIZES) {
      await workbench.page.setViewportSize({ width, height });
      await workbench.page.waitForTimeout(500);
      const where = `${name}-${theme.replace(/Default | Modern/g, "").replaceAll(" ", "-").toLowerCase()}-${width}`;
      await workbench.picture(`zoom-${where}`);
      await page.locator(".cmp-scroll").evaluateAll((all) => { for (const rows of all) rows.scrollTop = 0; }); // below their head rows are out of sight, not on it
      expect(await overlaps(page), where).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), where).toBe(0);
      if (width === SIZES[0][0]) expect(await violations(page), where).toEqual([]);
    }
  }
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
  await workbench.sideBar(true);
}

test("a codebook, all codebooks, and accuracy", { timeout: 240_000 }, async () => {
  const page = await workbench.open("fashion-cnn.small.onnx");
  await page.waitForSelector(".side[data-layer]", { state: "attached" });
  await page.locator("#tab-codebooks").click();
  await page.waitForSelector(".codebook[data-codebook]:not([data-stale])");
  await look(page, "codebook");
  await page.getByRole("button", { name: "All Codebooks" }).click();
  await page.waitForSelector(".atlas[data-filled]");
  await look(page, "atlas");
  await page.locator("#tab-accuracy").click();
  await look(page, "accuracy");
});

test("a comparison", { timeout: 240_000 }, async () => {
  await workbench.tidy();
  const page = await workbench.compare("fashion-cnn.onnx", "fashion-cnn.small.onnx");
  await page.waitForSelector("#page[data-filled]");
  await look(page, "compare");
});

test("a model without weights says in one sentence why nothing is listed, and leads to its graph", { timeout: 240_000 }, async () => {
  await workbench.tidy();
  const page = await workbench.open("bare.onnx"), state = page.locator(".body .state");
  await page.waitForSelector("body[data-ready=true]");
  for (const [tab, title] of [["layers", "No layers in this model"], ["codebooks", "No codebooks in this model"]] as const) {
    await page.locator(`#tab-${tab}`).click();
    expect(await state.locator("h1").innerText()).toBe(title);
    expect(await state.locator("p").innerText()).toBe("No convolution or linear layer here has a weight in the file, so there is nothing to compress; what the model computes stands in its graph.");
  }
  const tree = workbench.page.locator(".pane", { has: workbench.page.locator(".pane-header", { hasText: "Layers" }) }), head = tree.locator(".pane-header");
  if (await head.getAttribute("aria-expanded") !== "true") await head.click();
  await tree.getByText("No layer of this model has a weight in the file; what it computes stands in its graph.").waitFor();
  await page.locator("#tab-layers").click();
  await look(page, "bare-layers");
  await state.locator(".button", { hasText: "Show Graph" }).click();
  await page.waitForSelector(".graph[data-ready]");
  expect(await cutTexts(page)).toEqual([]);
});
