import type { Frame } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { violations } from "./axe";
import { figures, LARGE, makeBooks, openBook } from "./books";
import { overlaps } from "./overlaps";
import { Workbench } from "./workbench";

/** The clusters of a codebook: lassos, codewords chosen together, UMAP, and more kernels than are drawn. */

let workbench: Workbench;
beforeAll(async () => {
  workbench = await Workbench.start();
  makeBooks(workbench);
}, 300_000);
afterAll(() => workbench?.stop());
beforeEach(() => workbench.afresh());

const open = (name: string, layer: string): Promise<Frame> => openBook(workbench, name, layer);

const chosen = (page: Frame) => page.locator(".codebook").getAttribute("data-chosen").then(Number);
const members = (page: Frame) => page.locator(".book-members h3").innerText();
const counted = async (page: Frame) => (await page.locator(".filters b").allInnerTexts()).reduce((sum, text) => sum + Number(text.replace(/,/g, "")), 0);
/** Draws around a part of the clusters, in shares of their stage. */
async function drawAround(page: Frame, [left, top, right, bottom]: readonly [number, number, number, number]): Promise<void> {
  const stage = (await page.locator(".book-scatter .book-stage").boundingBox())!, { mouse } = workbench.page, at = (x: number, y: number) => [stage.x + x * stage.width, stage.y + y * stage.height] as const;
  const [x, y] = [(left + right) / 2, (top + bottom) / 2], corners = Array.from({ length: 25 }, (_, i) => at(x + (right - left) / 2 * Math.cos(i * Math.PI / 12), y + (bottom - top) / 2 * Math.sin(i * Math.PI / 12)));
  await mouse.move(...corners[0]);
  await mouse.down();
  for (const corner of corners.slice(1)) await mouse.move(...corner);
  await mouse.up();
}
const THEMES = [["Default Light Modern", "light"], ["Default High Contrast", "hc"], ["Default High Contrast Light", "hc-light"], ["Default Dark Modern", "dark"]] as const;

test("a lasso in the clusters counts the kernels inside, adds, takes away, and shows the worst served and their filters", { timeout: 240_000 }, async () => {
  await workbench.page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  const page = await open("fashion-cnn.small.onnx", "17"), { keyboard } = workbench.page, clipboard = () => workbench.page.evaluate(() => navigator.clipboard.readText());
  await workbench.sideBar(false);
  await page.waitForSelector(".member");
  await page.getByRole("button", { name: /^Lasso/ }).click();
  await drawAround(page, [0.2, 0.2, 0.5, 0.55]);
  await page.waitForSelector(".codebook[data-chosen]");
  const first = await chosen(page), whole = (n: number) => n.toLocaleString("en-US");
  expect(first).toBeGreaterThan(20);
  expect(first).toBeLessThan(16384);
  expect(await members(page)).toBe(`${whole(first)} kernels in the lasso`);
  expect(await page.locator(".book-scatter .book-caption").innerText()).toMatch(new RegExp(`^${whole(first)} of 16,384 kernels \\([\\d.]+ %\\), [\\d.]+ % of the energy$`));
  expect(await page.locator(".book-scatter .book-caption").getAttribute("title")).toMatch(/^They have [\d.]+ % of the layer’s Σw², and lose [\d.]+ % of it, which is [\d.]+ % of all that the layer loses$/);
  expect(await page.locator(".book-uses").isHidden()).toBe(true);
  expect(await counted(page)).toBe(first);
  expect(await page.locator(".book-filters .book-title small").innerText()).toMatch(/^\d+ of 128 filters · most first$/);
  await expect.poll(() => page.locator(".member").count()).toBeGreaterThan(4);
  const errors = (await page.locator(".member small").allInnerTexts()).map((text) => parseInt(text, 10));
  expect(errors).toEqual([...errors].sort((a, b) => b - a));
  // the next ones are served no worse
  await page.getByRole("button", { name: "Better Served" }).click();
  await expect.poll(async () => parseInt(await page.locator(".member small").first().innerText(), 10)).toBeLessThanOrEqual(errors[errors.length - 1]);
  await page.getByRole("button", { name: "Copy Kernels as Table" }).click();
  await expect.poll(clipboard).toMatch(/^output\tinput\tlast input\trow\tcodeword\terror\n/);
  expect((await clipboard()).trim().split("\n").length).toBe(Math.min(4096, first) + 1);
  await page.getByRole("button", { name: "Copy Filters as Table" }).click();
  await expect.poll(clipboard).toMatch(/^filter\tchosen\tof\n\d+\t\d+\t128\n/);

  await keyboard.down("Shift");
  await drawAround(page, [0.6, 0.55, 0.8, 0.8]);
  await keyboard.up("Shift");
  await expect.poll(() => chosen(page)).toBeGreaterThan(first);
  const both = await chosen(page);
  await keyboard.down("Alt");
  await drawAround(page, [0.3, 0.3, 0.45, 0.45]);
  await keyboard.up("Alt");
  await expect.poll(() => chosen(page)).toBeLessThan(both);
  const left = await chosen(page);
  await workbench.page.waitForTimeout(400);
  for (const [theme, name] of THEMES) {
    await workbench.wear(theme);
    await workbench.picture(`codebook-lasso-${name}`);
    expect(await violations(page), name).toEqual([]);
    expect(await overlaps(page), name).toEqual([]);
  }
  for (const width of [1104, 860, 520, 360]) {
    await workbench.page.setViewportSize({ width: width + 48, height: 900 });
    await workbench.page.waitForTimeout(400);
    await page.locator(".book-scatter").evaluate((pane) => pane.scrollIntoView());
    await workbench.picture(`codebook-lasso-${width}`);
    expect(await overlaps(page), String(width)).toEqual([]);
    expect(await page.locator(".book-pane:not([hidden])").evaluateAll((panes) => panes.filter(({ scrollWidth, clientWidth, scrollHeight, clientHeight }) => scrollWidth > clientWidth || scrollHeight > clientHeight + 1).map(({ className }) => className)), String(width)).toEqual([]);
  }
  await workbench.page.setViewportSize({ width: 1440, height: 900 });

  // it is there again where the page was hidden, and where the window is loaded again
  await workbench.sideBar(true);
  await workbench.open("dead.onnx");
  await workbench.front("fashion-cnn.small.onnx");
  await (await workbench.modelPage("fashion-cnn.small.onnx")).waitForSelector(`.codebook[data-chosen='${left}']`);
  await workbench.page.waitForTimeout(1000); // for VS Code to keep the page's state
  await workbench.command("Developer: Reload Window");
  await workbench.page.waitForTimeout(2000);
  await workbench.page.waitForSelector(".explorer-folders-view .monaco-list-row", { timeout: 90_000 });
  const again = await workbench.modelPage("fashion-cnn.small.onnx", 90_000);
  await again.waitForSelector(`.codebook[data-chosen='${left}']`);
  await again.locator(".book-scatter .book-stage").focus();
  await keyboard.press("Escape");
  await again.waitForSelector(".codebook:not([data-chosen])");
  expect(await again.locator(".book-uses").isVisible()).toBe(true);
  expect(await members(again)).toMatch(/of codeword \d+$/);
});

test("codewords are chosen together by Shift and arrows, by Shift and Ctrl with a click", async () => {
  const page = await open("fashion-cnn.small.onnx", "17"), { keyboard } = workbench.page, cells = page.locator(".codeword"), uses = (await page.locator(".codeword small").allInnerTexts()).map((text) => Number(text.replace(/,/g, "")));
  await workbench.sideBar(false);
  await cells.first().click();
  await keyboard.press("Shift+ArrowRight");
  await keyboard.press("Shift+ArrowRight");
  await expect.poll(() => chosen(page)).toBe(uses[0] + uses[1] + uses[2]);
  expect(await members(page)).toBe(`${(uses[0] + uses[1] + uses[2]).toLocaleString("en-US")} kernels of 3 codewords`);
  expect(await page.locator(".codeword[aria-selected=true]").count()).toBe(3);
  expect(await counted(page)).toBe(uses[0] + uses[1] + uses[2]);
  await workbench.picture("codebook-words-chosen");
  await keyboard.press("Shift+ArrowLeft");
  await expect.poll(() => chosen(page)).toBe(uses[0] + uses[1]);
  await cells.nth(5).click({ modifiers: ["Control"] });
  await expect.poll(() => chosen(page)).toBe(uses[0] + uses[1] + uses[5]);
  await cells.nth(0).click({ modifiers: ["Control"] });
  await expect.poll(() => chosen(page)).toBe(uses[1] + uses[5]);
  await cells.nth(3).click();
  await page.waitForSelector(".codebook:not([data-chosen])");
  expect(await page.locator(".codeword[aria-selected=true]").count()).toBe(1);
  await keyboard.press("Shift+End");
  await expect.poll(() => chosen(page)).toBe(uses.slice(3).reduce((a, b) => a + b));
  await keyboard.press("Escape");
  await page.waitForSelector(".codebook:not([data-chosen])");
});

test("UMAP is made on request, can be cancelled, and has a lasso of its own", { timeout: 240_000 }, async () => {
  const page = await open("fashion-cnn.small.onnx", "17"), umap = page.getByRole("radio", { name: "UMAP" }), principal = page.getByRole("radio", { name: "Principal axes" }), note = page.locator(".book-scatter .book-title small");
  await workbench.sideBar(false);
  await umap.click();
  await page.locator(".book-making", { hasText: /UMAP of 3,000 of 16,384 kernels, epoch \d+ of 200/ }).waitFor();
  await workbench.picture("codebook-umap-making");
  expect(await note.innerText()).toMatch(/^PCA/); // the clusters stay until it is there
  await page.locator(".book-making .button", { hasText: "Cancel" }).click();
  expect(await principal.getAttribute("aria-checked")).toBe("true");
  expect(await page.locator(".book-making").isHidden()).toBe(true);
  await umap.click();
  await expect.poll(() => note.innerText(), { timeout: 90_000 }).toBe("UMAP of 3,000 of 16,384 kernels");
  expect(await page.locator(".book-scatter .book-caption").innerText()).toMatch(/^3,000 of 16,384 kernels as dots, \d+ codewords as discs sized by use$/);
  await principal.click();
  await umap.click(); // it is kept
  expect(await note.innerText()).toBe("UMAP of 3,000 of 16,384 kernels");
  if (await page.getByRole("button", { name: /^Lasso/ }).getAttribute("aria-pressed") !== "true") await page.getByRole("button", { name: /^Lasso/ }).click();
  await drawAround(page, [0.1, 0.1, 0.55, 0.55]);
  await page.waitForSelector(".codebook[data-chosen]");
  const count = await chosen(page);
  expect(count).toBeGreaterThan(20);
  expect(count).toBeLessThan(3000);
  expect(await page.locator(".book-scatter .book-caption").innerText()).toMatch(new RegExp(`^${count.toLocaleString("en-US")} of 3,000 kernels in the UMAP \\([\\d.]+ %\\)$`));
  expect(await page.locator(".book-filters .book-title").innerText()).toContain("in a sample of 3,000");
  expect((await page.locator(".book-filters li small").allInnerTexts()).join("")).toBe("");
  expect(await counted(page)).toBe(count);
  for (const [theme, name] of THEMES) {
    await workbench.wear(theme);
    await workbench.picture(`codebook-umap-${name}`);
    expect(await violations(page), name).toEqual([]);
    expect(await overlaps(page), name).toEqual([]);
  }
  await principal.click();
  await workbench.picture("codebook-umap-chosen-in-pca");
  expect(await chosen(page)).toBe(count);
});

test("a lasso works in a preview, follows its slider, and counts all kernels of a layer that is drawn as a sample", { timeout: 240_000 }, async () => {
  const page = await open("large.onnx", "conv");
  await workbench.sideBar(false);
  if (await page.getByRole("button", { name: /^Lasso/ }).getAttribute("aria-pressed") !== "true") await page.getByRole("button", { name: /^Lasso/ }).click();
  await drawAround(page, [0.02, 0.02, 0.98, 0.85]);
  await page.waitForSelector(".codebook[data-chosen]");
  expect(await chosen(page)).toBeGreaterThan(100_000);
  expect(await page.locator(".book-scatter .book-caption").innerText()).toMatch(/^[\d,]+ of 262,144 kernels \([\d.]+ %\), [\d.]+ % of the energy$/);
  expect(await counted(page)).toBe(await chosen(page));
  await workbench.picture("codebook-lasso-large");
  await page.locator(".book-slider").focus();
  await workbench.page.keyboard.press("ArrowRight");
  await expect.poll(() => figures(page)).toContain("128 × 3×3");
  await page.waitForSelector(".codebook[data-chosen]:not([data-stale])");
  expect(await members(page)).toMatch(/kernels in the lasso$/);
  await page.locator(".book-block .select").click();
  await page.locator(".book-block [role=option]", { hasText: "1×3" }).click();
  await page.waitForSelector(".codebook:not([data-chosen])"); // other blocks, another plane
  await workbench.sideBar(true);
  const lone = await open("lone.small.onnx", "17");
  if (await lone.getByRole("button", { name: /^Lasso/ }).getAttribute("aria-pressed") !== "true") await lone.getByRole("button", { name: /^Lasso/ }).click();
  await drawAround(lone, [0, 0, 0.6, 1]);
  await lone.waitForSelector(".codebook[data-chosen]");
  expect(await lone.locator(".book-scatter .book-caption").innerText()).toMatch(/^[\d,]+ of 16,384 kernels \([\d.]+ %\)$/);
  await workbench.picture("codebook-lasso-lone");
});

test(`${LARGE * LARGE} kernels are clustered, drawn as a sample, and moved`, async () => {
  const page = await open("large.onnx", "conv");
  expect(await page.locator(".book-scatter .book-caption").innerText()).toBe("12,288 of 262,144 kernels as dots, 64 codewords as discs sized by use");
  await workbench.sideBar(false);
  const stage = (await page.locator(".book-scatter .book-stage").boundingBox())!, { mouse } = workbench.page;
  await mouse.move(stage.x + 200, stage.y + 200);
  await mouse.down();
  const before = await workbench.page.screenshot({ clip: stage });
  for (let i = 0; i < 20; i++) await mouse.move(stage.x + 200 + 3 * i, stage.y + 200);
  await mouse.up();
  await workbench.page.waitForTimeout(200);
  expect((await workbench.page.screenshot({ clip: stage })).equals(before)).toBe(false);
  await workbench.picture("codebook-large");
  // below each other, all words of a small codebook are whole
  await workbench.page.setViewportSize({ width: 648, height: 900 });
  await workbench.page.waitForTimeout(500);
  expect(await page.locator(".codewords").evaluate((list) => list.scrollHeight - list.clientHeight)).toBe(0);
  await workbench.picture("codebook-large-600");
});
