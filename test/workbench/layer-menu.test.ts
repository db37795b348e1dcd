import { readFileSync } from "node:fs";
import path from "node:path";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { overlaps } from "./overlaps";
import { Workbench } from "./workbench";

let workbench: Workbench;
beforeAll(async () => { workbench = await Workbench.start({ rated: true }); });
afterAll(() => workbench?.stop());

/** Opens a layer's context menu by a right click, or by the keyboard, and takes an entry. */
async function take(entry: string): Promise<void> {
  const item = workbench.page.locator(".monaco-menu .action-menu-item", { hasText: entry });
  await item.waitFor();
  await workbench.page.waitForTimeout(300); // a menu takes no click right after it opens
  await item.click();
}
const row = (page: Frame, layer: string) => page.locator(`tbody tr[data-id='${layer}']`);

test("a layer's menu shows its codebook, and writes pins into the model's recipe", async () => {
  const page = await workbench.open("fashion-cnn.onnx");
  await page.waitForSelector(".side[data-layer]");
  await page.locator("#tab-layers").click();
  await row(page, "10.weight").click({ button: "right" });
  await workbench.page.waitForTimeout(300);
  await workbench.picture("layer-menu");
  await take("Show Codebook");
  await page.waitForSelector(".codebook[data-layer='10.weight']");

  await page.locator("#tab-graph").click();
  await page.locator(".spine").focus();
  await workbench.page.keyboard.press("Shift+F10");
  await take("Leave Alone");
  const recipe = await workbench.modelPage("fashion-cnn.kernelscope.json");
  const planned = (layer: string) => recipe.locator(`.plan-row[data-id='${layer}']`);
  await planned("10.weight").locator(".plan-pin[aria-pressed='true'], .plan-pin.pinned, .plan-pin .codicon").first().waitFor();
  await planned("14.weight").click({ button: "right" });
  await take("At Least 6 Bits");
  await recipe.waitForFunction(() => Number.parseFloat(document.querySelector(".plan-row[data-id='14.weight'] .plan-bits .number")?.textContent ?? "0") >= 6);
  await workbench.picture("layer-pinned");
  expect(await planned("10.weight").locator(".plan-bits .number").innerText()).toMatch(/^32/);
  await workbench.page.waitForTimeout(2000);
  expect(await overlaps(recipe)).toEqual([]);
  await planned("10.weight").click({ button: "right" });
  await take("Let the Plan Decide");
  await recipe.waitForFunction(() => Number.parseFloat(document.querySelector(".plan-row[data-id='10.weight'] .plan-bits .number")?.textContent ?? "99") < 32);
  await planned("14.weight").click({ button: "right" });
  await take("Keep in Floats");
  const saved = async () => { await workbench.page.keyboard.press("Control+s"); return (JSON.parse(readFileSync(path.join(workbench.folder, "fashion-cnn.kernelscope.json"), "utf8")) as { layers?: object }).layers; };
  await expect.poll(saved).toEqual({ "14.weight": { pin: { atLeastBits: 6 }, inference: "float" } });
});

test("Compress Layer… beside a layer's name offers what its menu does, and the way to its own settings", async () => {
  await workbench.tidy();
  const choices = workbench.page.locator(".quick-input-list .monaco-list-row"), press = (page: Frame) => page.locator(".side .button", { hasText: "Compress Layer…" }).click();
  let page = await workbench.open("fashion-cnn.onnx");
  await page.waitForSelector(".side[data-layer]");
  await page.locator("#tab-layers").click();
  await row(page, "7.weight").click();
  await page.waitForSelector(".side[data-layer='7.weight']");
  await press(page);
  await expect.poll(() => choices.evaluateAll((rows) => rows.map((one) => one.querySelector(".label-name")?.textContent))).toEqual(["Leave Alone", "At Least 6 Bits", "Keep in Floats", "Let the Plan Decide", "Own Settings…"]);
  await workbench.picture("compress-layer");
  await choices.filter({ hasText: "Leave Alone" }).click();
  const recipe = await workbench.modelPage("fashion-cnn.kernelscope.json");
  await recipe.locator(".plan-row[data-id='7.weight'] .plan-bits .number", { hasText: "32" }).waitFor();
  page = await workbench.front("fashion-cnn.onnx");
  await row(page, "3.weight").click();
  await page.waitForSelector(".side[data-layer='3.weight']");
  await press(page);
  await choices.filter({ hasText: "Own Settings…" }).click();
  const own = await workbench.modelPage("fashion-cnn.kernelscope.json");
  await own.locator(".plan-row[data-id='3.weight'][aria-selected=true]").waitFor();
});
