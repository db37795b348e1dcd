import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { violations } from "./axe";
import { Workbench } from "./workbench";

/** Integer inference from a recipe's page to the file. */

const NAME = "integers.kernelscope.json", RESULT = "fashion-cnn.small.onnx";
let workbench: Workbench;
const at = (name: string) => path.join(workbench.folder, name);

beforeAll(async () => {
  workbench = await Workbench.start({ rated: true });
  writeFileSync(at(NAME), JSON.stringify({ version: 1, model: "./fashion-cnn.onnx", data: { folder: "./fashion-mnist", limit: 128 } }, null, 2));
}, 300_000);
afterAll(() => workbench?.stop());

async function open(name: string, entry: string): Promise<Frame> {
  await workbench.menu(name, entry);
  const page = await workbench.modelPage(name);
  await page.waitForSelector("body[data-ready=true]", { timeout: 240_000 });
  return page;
}

test("a recipe turns to integers of 8 bits everywhere, and its plan follows", async () => {
  const page = await open(NAME, "Open Recipe Editor"), goal = page.locator(".recipe-goal .select");
  await workbench.sideBar(false);
  await page.getByRole("combobox", { name: "Arithmetic" }).click();
  await page.getByRole("option", { name: "integers of 8 bits" }).click();
  await expect.poll(() => goal.evaluate((list: HTMLElement & { value: string }) => list.value)).toBe("whole");
  // layers are rated anew, for the network that integers are made of
  await expect.poll(() => page.locator(".plan-body .plan-method").allInnerTexts().then((all) => all.map((text) => text.replace(/\s+/g, " "))), { timeout: 240_000 }).toEqual(Array.from({ length: 7 }, () => expect.stringMatching(/8 bits/) as string));
  await workbench.picture("integers-recipe");
  expect(await violations(page)).toEqual([]);
  for (const theme of ["Default Light Modern", "Default High Contrast", "Default High Contrast Light"] as const) {
    await workbench.wear(theme);
    await workbench.picture(`integers-recipe-${theme.replace(/Default | /g, "")}`);
    expect(await violations(page)).toEqual([]);
  }
  await workbench.wear("Default Dark Modern");
  await workbench.page.keyboard.press("Control+s");
  await expect.poll(() => (JSON.parse(readFileSync(at(NAME), "utf8")) as { inference?: string }).inference).toBe("integer");
}, 400_000);

test("what is written runs on integers, and the model's graph shows its layers as before", async () => {
  const page = await workbench.front(NAME);
  await page.locator(".header .button", { hasText: "Compress" }).click();
  await workbench.modelPage(`fashion-cnn.onnx ↔ ${RESULT}`, 400_000);
  expect(existsSync(at(RESULT))).toBe(true);
  await workbench.picture("integers-compared");
  await workbench.tidy();
  await workbench.sideBar(true);
  const model = await workbench.open(RESULT);
  await model.waitForSelector("body[data-ready=true]");
  await workbench.picture("integers-graph");
  expect(await violations(model)).toEqual([]);
}, 600_000);
