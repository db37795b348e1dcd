import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { violations } from "./axe";
import { lengthen, overlaps } from "./overlaps";
import { Workbench } from "./workbench";

/** Every view in the four kinds of themes: axe finds nothing. */

let workbench: Workbench;
beforeAll(async () => { workbench = await Workbench.start(); });
afterAll(() => workbench?.stop());

describe.each(["Default Dark Modern", "Default Light Modern", "Default High Contrast", "Default High Contrast Light"] as const)("%s", (theme) => {
  test("a model: graph, layers, codebooks", async () => {
    await workbench.wear(theme);
    await workbench.tidy();
    const page = await workbench.open("resnet20-cifar10.onnx");
    await page.waitForSelector(".side[data-layer]");
    const found = { graph: await violations(page), layers: [] as string[], codebooks: [] as string[] };
    await page.locator("#tab-layers").click();
    await page.waitForSelector("tbody tr");
    found.layers = await violations(page);
    await page.locator("#tab-codebooks").click();
    await page.waitForSelector(".codebook canvas");
    await page.waitForTimeout(1000);
    found.codebooks = await violations(page);
    expect(found).toEqual({ graph: [], layers: [], codebooks: [] });
  });
});

test("F6 goes from pane to pane and then on to VS Code, Shift+F6 back", async () => {
  await workbench.tidy();
  const page = await workbench.open("resnet20-cifar10.onnx");
  await page.waitForSelector(".side[data-layer]");
  await page.locator("#tab-graph").click();
  const pane = () => page.evaluate(() => document.activeElement?.closest(".header, nav.bar, .strip, .body, .side")?.classList[0]);
  await page.locator("#tab-graph").focus();
  await workbench.page.keyboard.press("Shift+F6");
  const seen: (string | undefined)[] = [await pane()];
  for (let i = 0; i < 4; i++) {
    await workbench.page.keyboard.press("F6");
    seen.push(await pane());
  }
  expect(seen).toEqual(["header", "bar", "strip", "body", "side"]);
  expect(await workbench.page.evaluate(() => document.activeElement?.tagName)).toBe("IFRAME");
  await workbench.page.keyboard.press("F6");
  await workbench.page.waitForFunction(() => document.activeElement?.tagName !== "IFRAME");
});

test("a language with longer words fits", async () => {
  await workbench.tidy();
  const page = await workbench.open("resnet20-cifar10.onnx");
  await page.waitForSelector(".side[data-layer]");
  for (const tab of ["graph", "layers", "codebooks"]) {
    await page.locator(`#tab-${tab}`).click();
    await page.waitForTimeout(800);
    expect(await lengthen(page), tab).toBeGreaterThan(20);
    await workbench.picture(`long-words-${tab}`);
    expect(await overlaps(page), tab).toEqual([]);
  }
});
