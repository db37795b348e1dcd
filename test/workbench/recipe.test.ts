import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { overlaps } from "./overlaps";
import { Workbench } from "./workbench";

let workbench: Workbench;
const at = (name: string) => path.join(workbench.folder, name);
const recipe = (fields: object, name = "fashion.kernelscope.json") => writeFileSync(at(name), `${JSON.stringify({ version: 1, model: "./fashion-cnn.onnx", ...fields }, null, 2)}\n`);

beforeAll(async () => {
  workbench = await Workbench.start();
  recipe({ preset: "balanced", data: { folder: "./fashion-mnist" } });
}, 300_000);
afterAll(() => workbench?.stop());
beforeEach(async () => {
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
  await workbench.tidy();
});

/** The visual editor of a recipe, with its plan, the side bar out of the way. */
async function open(name = "fashion.kernelscope.json"): Promise<Frame> {
  await workbench.menu(name, "Open Recipe Editor");
  const page = await workbench.modelPage(name);
  await page.waitForSelector("body[data-ready=true]", { timeout: 120_000 });
  if (await workbench.page.locator(".part.sidebar").isVisible()) await workbench.command("View: Toggle Primary Side Bar Visibility");
  return page;
}

test("a recipe opens in its visual editor", async () => {
  const page = await open();
  await workbench.page.waitForTimeout(800);
  await workbench.picture("recipe-dark");
  console.log(await page.locator(".header").innerText(), await overlaps(page));
});
