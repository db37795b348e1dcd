import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { blocks } from "../unit/onnx/blocks";
import { violations } from "./axe";
import { overlaps } from "./overlaps";
import { compress } from "./made";
import { Workbench } from "./workbench";

const THEMES = [["Default Dark Modern", "dark"], ["Default Light Modern", "light"], ["Default High Contrast", "hc"], ["Default High Contrast Light", "hc-light"]] as const;

let workbench: Workbench;
const at = (name: string) => path.join(workbench.folder, name);
beforeAll(async () => {
  workbench = await Workbench.start();
  // small enough that many predictions change, and not all
  compress(at("fashion-cnn.onnx"), "--target", "60KB");
  writeFileSync(at("net.onnx"), blocks(["a", "b", "c", "d", "e"], { normalized: true }));
  writeFileSync(at("net2.onnx"), blocks(["a", "new", "b", "c"], { prefix: "model/" }));
  writeFileSync(at("narrow.onnx"), blocks(["a", "b", "c", "d", "e"], { prefix: "model/", inner: 6 }));
  writeFileSync(at("other.onnx"), blocks(["a", "b", "c", "d", "e"], { inner: 6, seed: 3 }));
  mkdirSync(at(".vscode"));
  writeFileSync(at(".vscode/settings.json"), JSON.stringify({ "kernelscope.dataFolder": "fashion-mnist" }));
}, 300_000);
afterAll(() => workbench?.stop());
beforeEach(() => workbench.afresh());

/** A theme, and the images of before. */
async function wear(theme: (typeof THEMES)[number][0]): Promise<void> {
  writeFileSync(at(".vscode/settings.json"), JSON.stringify({ "workbench.colorTheme": theme, "kernelscope.dataFolder": "fashion-mnist" }));
  await workbench.page.waitForSelector(`.monaco-workbench.${{ "Default Dark Modern": "vs-dark", "Default Light Modern": "vs", "Default High Contrast": "hc-black", "Default High Contrast Light": "hc-light" }[theme]}`);
  await workbench.page.waitForTimeout(500);
}

async function compare(first: string, second: string): Promise<Frame> {
  const page = await workbench.compare(first, second);
  await page.waitForSelector("#page[data-filled]");
  return page;
}

test("a network under other names, with a block that was added and one that was removed, stands beside itself", async () => {
  const page = await compare("net.onnx", "net2.onnx"), cells = (kind: string) => page.locator(`.cmp-rows .cmp-${kind}`).allInnerTexts();
  await workbench.sideBar(false);
  expect(await cells("name")).toEqual(["stem", "a1", "a2", "new1", "new2", "b1", "b2", "c1", "c2", "d1", "d2", "e1", "e2", "head"]);
  expect((await cells("method")).map((text) => text.replace(/\s+/g, " ").trim())).toEqual(["float32", "float32 BN folded", "float32 BN folded", "float32 added", "float32 added", "float32 BN folded", "float32 BN folded", "float32 BN folded", "float32 BN folded", "float32 removed", "float32 removed", "float32 removed", "float32 removed", "float32"]);
  // one model alone knows them, and what it knows is told
  expect((await cells("bits")).map((text) => text.trim())).toEqual(Array.from({ length: 14 }, () => "32"));
  const removed = page.locator(".cmp-row[data-layer='d1']");
  expect(await removed.locator(".cmp-weights").innerText()).toBe("–");
  for (const kind of ["after", "ratio", "weights"]) expect(await removed.locator(`.cmp-${kind}`).getAttribute("title"), kind).toBe("One model alone has this layer.");
  expect((await page.locator(".cmp-figures").innerText()).replace(/\s+/g, " ")).toContain("+2 / −4 layers added / removed");
  await page.locator(".cmp-row[data-layer='b1']").click();
  expect((await page.locator(".cmp-facts").innerText()).replace(/\s+/g, " ")).toMatch(/renamed to model\/b1 .*Folded in: BatchNormalization/);
  for (const [theme, name] of THEMES) {
    await wear(theme);
    await workbench.page.waitForTimeout(500);
    await workbench.picture(`matching-${name}`);
    expect(await overlaps(page)).toEqual([]);
    expect(await violations(page)).toEqual([]);
  }
  await page.locator(".cmp-row[data-layer='d1']").click();
  expect(await page.locator(".cmp-note:visible").innerText()).toBe("This layer was removed, so there is nothing to compare it with.");
  expect((await page.locator(".cmp-facts").innerText()).replace(/\s+/g, " ")).toMatch(/stored as float32 bytes [\d.]+ KB → –/);
});

test("layers of fewer channels say how many are left", async () => {
  const page = await compare("net.onnx", "narrow.onnx"), row = page.locator(".cmp-row[data-layer='b1']");
  await workbench.sideBar(false);
  expect((await row.locator(".cmp-method").innerText()).replace(/\s+/g, " ")).toBe("float32 pruned 8 → 6");
  expect((await page.locator(".cmp-row[data-layer='b2'] .cmp-method").innerText()).replace(/\s+/g, " ")).toBe("float32 inputs 8 → 6");
  await row.click();
  await workbench.page.waitForTimeout(500);
  await workbench.picture("matching-pruned");
  // weights tell which channels are left
  await page.waitForSelector(".cmp-pane[data-layer='b1']:not([data-stale]) canvas.heatmaps");
  expect(Number(await row.locator(".cmp-weights").innerText())).toBeGreaterThan(90);
  expect(await page.locator(".cmp-facts").innerText()).toContain("Pruned: 6 of 8 output channels are left");
  const [pane, button] = await Promise.all([page.locator(".cmp-pane").boundingBox(), page.locator(".cmp-facts .button", { hasText: "Open Layer" }).boundingBox()]);
  expect(button!.y + button!.height).toBeLessThanOrEqual(pane!.y + pane!.height);
  expect(await overlaps(page)).toEqual([]);
  expect(await violations(page)).toEqual([]);
  for (const width of [1160, 860]) {
    await workbench.page.setViewportSize({ width: width + 48, height: 900 });
    await workbench.page.waitForTimeout(500);
    await workbench.picture(`matching-pruned-${width}`);
    expect(await overlaps(page), String(width)).toEqual([]);
  }
});

test("of pruned layers whose weights do not tell which channels are left it is said in one sentence why no kernels are compared", async () => {
  const page = await compare("net.onnx", "other.onnx");
  await workbench.sideBar(false);
  await page.locator(".cmp-row[data-layer='b1']").click();
  const why = "No kernels are compared: this layer was pruned, the file does not say which channels are left, and its weights do not tell them clearly.";
  await expect.poll(() => page.locator(".cmp-note:visible").allInnerTexts()).toEqual([why]);
  expect(await page.locator(".cmp-row[data-layer='b1'] .cmp-weights").innerText()).toBe("–");
  expect(await page.locator(".cmp-row[data-layer='b1'] .cmp-weights").getAttribute("title")).toBe(why);
  await workbench.picture("matching-unknown");
  expect(await overlaps(page)).toEqual([]);
});

test("flipped images stand below with the layer where each one's error begins; a click selects it", { timeout: 240_000 }, async () => {
  const page = await compare("fashion-cnn.onnx", "fashion-cnn.small.onnx"), cards = page.locator(".cmp-flips-pane .acc-card");
  await workbench.sideBar(false);
  await page.locator(".cmp-step .button", { hasText: "Measure Accuracy" }).click();
  await page.waitForSelector("#page[data-flips]", { timeout: 120_000 });
  await page.getByRole("tab", { name: /Flipped images/ }).click();
  await page.waitForSelector(".cmp-flips-pane[data-done]");
  const flips = await cards.count(), counts = (await page.locator(".cmp-rows .cmp-flips").allInnerTexts()).map(Number), begun = page.locator(".cmp-flips-pane .acc-card[data-begins]");
  expect(flips).toBeGreaterThan(1);
  expect(counts.reduce((a, b) => a + b, 0)).toBe(await begun.count());
  expect(counts.reduce((a, b) => a + b, Number(await page.locator(".cmp-foot:visible .cmp-count").innerText()))).toBe(flips);
  const layer = (await begun.first().getAttribute("data-begins"))!;
  await begun.first().click();
  expect(await page.locator(".cmp-row[aria-selected=true]").getAttribute("data-layer")).toBe(layer);
  expect(await page.locator(".acc-card[data-here]").count()).toBe(Number(await page.locator(`.cmp-row[data-layer='${layer}'] .cmp-flips`).innerText()));
  expect(await page.locator(`.cmp-row[data-layer='${layer}'] .cmp-flips`).getAttribute("title")).toMatch(/^\d+ of \d+ flips begin here$/);
  await page.locator(".acc-card canvas[data-ready]").first().waitFor();
  for (const [theme, name] of THEMES) {
    await wear(theme);
    await workbench.page.waitForTimeout(500);
    await workbench.picture(`flips-${name}`);
    expect(await overlaps(page)).toEqual([]);
    expect(await violations(page)).toEqual([]);
  }
  for (const width of [1160, 860, 520, 340]) {
    await workbench.page.setViewportSize({ width: width + 48, height: 900 });
    await workbench.page.waitForTimeout(500);
    await workbench.picture(`flips-width-${width}`);
    expect(await overlaps(page), String(width)).toEqual([]);
  }
});
