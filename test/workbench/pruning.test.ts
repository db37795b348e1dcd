import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { violations } from "./axe";
import { overlaps } from "./overlaps";
import { compress } from "./made";
import { THEMES, Workbench } from "./workbench";

const NAME = "fashion.kernelscope.json";
let workbench: Workbench;
const at = (name: string) => path.join(workbench.folder, name);
const read = () => JSON.parse(readFileSync(at(NAME), "utf8")) as Record<string, unknown>;
beforeAll(async () => {
  workbench = await Workbench.start({ rated: true });
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
}, 300_000);
afterAll(() => workbench?.stop());

/** Chooses from the list of how much is taken away. */
async function choose(page: Frame, text: string): Promise<void> {
  await page.locator(".pruning .select").click();
  await page.locator(".pruning [role=option]:visible", { hasText: text }).click();
}
const note = (page: Frame) => page.locator(".pruning-note").innerText();
async function saved(prune: unknown): Promise<void> {
  await expect.poll(async () => { await workbench.page.keyboard.press("Control+s"); return read().prune; }, { timeout: 30_000, interval: 500 }).toEqual(prune);
}

test("a recipe takes channels away: how much less is computed, what it costs, and a plan of what is left", { timeout: 900_000 }, async () => {
  writeFileSync(at(NAME), `${JSON.stringify({ version: 1, model: "./fashion-cnn.onnx", target: "40KB", data: { folder: "./fashion-mnist" } }, null, 2)}\n`);
  await workbench.menu(NAME, "Open Recipe Editor");
  const page = await workbench.modelPage(NAME);
  await page.waitForSelector("body[data-ready=true]", { timeout: 120_000 });
  await workbench.sideBar(false);
  const shapes = () => page.locator(".plan-body .plan-c2").allInnerTexts();
  const before = await shapes(), weights = await page.locator(".plan-total .plan-c2").innerText();
  await choose(page, "50 % Less to Compute");
  await saved({ compute: 0.5 });
  await expect.poll(() => note(page), { timeout: 600_000, interval: 1000 }).toMatch(/^\d+ channels leave: 5\d\.\d % less to compute, [\d.]+ % fewer weights\. That alone leaves [\d.]+ % of predictions as they were, on the images that the other weights are fitted to\.$/);
  await page.waitForSelector("body[data-ready=true]", { timeout: 120_000 });
  const size = (text: string) => text.split("×").reduce((product, dim) => product * Number(dim), 1), after = await shapes();
  expect(after.every((text, i) => size(text) < size(before[i]))).toBe(true);
  // bits are those of the original's weights
  expect(await page.locator(".plan-total .plan-c2").innerText()).toBe(weights);
  await page.locator(".pruning").scrollIntoViewIfNeeded();
  await workbench.page.waitForTimeout(500);
  await workbench.picture("recipe-pruning");
  expect(await overlaps(page)).toEqual([]);
  await choose(page, "As Serves the Size");
  await saved("auto");
  await expect.poll(() => note(page)).toMatch(/^Each size is tried with all channels and with fewer/);
  await workbench.picture("recipe-pruning-auto");
  await choose(page, "None");
  await saved(false);
  await choose(page, "If the Size Is Small");
  await saved(undefined);
  expect(await page.locator(".pruning-note").isVisible()).toBe(false);

  // a size that is small says what comes of that
  await page.locator(".recipe-size input").fill("24KB");
  await page.locator(".recipe-size input").press("Enter");
  await expect.poll(() => note(page)).toBe("So small a file is tried with all channels and with fewer, and what the outputs lose least by is taken; until then all are shown.");
  for (const [theme, kind] of Object.entries(THEMES)) {
    await workbench.wear(theme as keyof typeof THEMES);
    await page.locator(".pruning").scrollIntoViewIfNeeded();
    expect(await violations(page), theme).toEqual([]);
    const listed = page.locator(".pruning [role=option]:visible");
    await expect.poll(async () => {
      if (!await listed.count()) await page.locator(".pruning .select").click();
      return listed.allInnerTexts();
    }).toEqual(["If the Size Is Small", "As Serves the Size", "None", "15 % Less to Compute", "25 % Less to Compute", "50 % Less to Compute", "75 % Less to Compute"]);
    expect(await violations(page), theme).toEqual([]);
    await workbench.picture(`recipe-pruning-small-${kind}`);
    await workbench.page.keyboard.press("Escape");
  }
  await workbench.wear("Default Dark Modern");
});

test("a pruned model stands beside its original", { timeout: 400_000 }, async () => {
  writeFileSync(at("half.json"), JSON.stringify({ target: "40KB", prune: { compute: 0.5 }, layers: Object.fromEntries(["3", "7", "10", "14", "17"].map((id) => [`${id}.weight`, { method: "kernel", options: { block: 9, words: 64 } }])) }));
  compress(at("fashion-cnn.onnx"), "--recipe", at("half.json"), "--data", at("fashion-mnist"));
  await workbench.tidy();
  await workbench.sideBar(true);
  const page = await workbench.compare("fashion-cnn.small.onnx", "fashion-cnn.onnx");
  await page.waitForSelector("#page[data-filled]");
  await workbench.sideBar(false);
  await page.locator(".cmp-row[data-layer='7.weight']").click();
  await expect.poll(() => page.locator(".cmp-facts").innerText()).toMatch(/weight\s+\d+×\d+×3×3\s+original\s+64×32×3×3/);
  await expect.poll(async () => (await page.locator(".cmp-rows .cmp-weights").allTextContents()).filter((text) => /^([−\d.]+|∞)$/.test(text.trim())).length, { timeout: 60_000 }).toBe(7);
  await workbench.page.waitForTimeout(800);
  await workbench.picture("compare-pruned");
  await workbench.tidy();
  await workbench.sideBar(true);
  const model = await workbench.open("fashion-cnn.small.onnx");
  await model.waitForSelector("body[data-ready=true]");
  await workbench.page.waitForTimeout(1500);
  await workbench.picture("model-pruned");
});
