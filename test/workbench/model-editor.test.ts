import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { modelBytes, value } from "../unit/onnx/models";
import { overlaps } from "./overlaps";
import { Workbench } from "./workbench";

let workbench: Workbench;
beforeAll(async () => {
  workbench = await Workbench.start({ rated: true });
  const model = readFileSync(path.join(workbench.folder, "fashion-cnn.onnx"));
  writeFileSync(path.join(workbench.folder, "cut.onnx"), model.subarray(0, 700_000));
  writeFileSync(path.join(workbench.folder, "page.onnx"), "<!DOCTYPE html><html><body>Not found</body></html>");
});
afterAll(() => workbench?.stop());

test("opens a model: facts, graph, details of the largest layer", async () => {
  const page = await workbench.open("fashion-cnn.onnx");
  await page.waitForSelector(".graph[data-ready]");
  await page.waitForSelector(".side[data-layer]");
  expect(await page.locator(".header").innerText()).toContain("1.16 MB");
  expect(await page.locator(".details h2").innerText()).toBe("17");
  expect(await page.locator(".details").innerText()).toContain("128×128×3×3");
  await workbench.picture("model-graph-plain");
});

test("selecting a row of the table selects the layer everywhere", async () => {
  const page = await workbench.modelPage("fashion-cnn.onnx");
  await page.locator("#tab-layers").click();
  await page.locator("tbody tr").nth(3).click();
  await page.waitForSelector(".side[data-layer='10.weight']");
  expect(await page.locator(".details h2").innerText()).toBe("10");
  await workbench.picture("model-layers-dark");
  await page.locator("#tab-graph").click();
  expect(await page.locator(".spine [aria-selected=true]").getAttribute("aria-label")).toContain("64→64");
});

test("the Layers tree in the Explorer has the editor's selection, both ways", async () => {
  const page = await workbench.open("resnet20-cifar10.onnx");
  await page.waitForSelector(".side[data-layer]");
  const tree = workbench.page.locator(".pane", { has: workbench.page.locator(".pane-header", { hasText: "Layers" }) });
  const row = (name: string) => tree.locator(".monaco-list-row", { has: workbench.page.locator(".label-name", { hasText: new RegExp(`^${name}$`) }) });
  const head = tree.locator(".pane-header");
  if (await head.getAttribute("aria-expanded") !== "true") await head.click();
  // the largest layer is selected, and its groups were unfolded for it
  await tree.locator(".monaco-list-row.selected", { hasText: "KB" }).waitFor();
  expect(await tree.locator(".monaco-list-row.selected").innerText()).toContain("147 KB");
  await row("conv1").first().click();
  await page.waitForSelector(".side[data-layer$='conv1.weight']");
  await page.locator("#tab-layers").click();
  await page.locator("tbody tr").last().click();
  await tree.locator(".monaco-list-row.selected", { hasText: "linear" }).waitFor();
  await workbench.picture("layers-tree");
  await page.locator("#tab-graph").click();
});

test("right-click, Compress Model…, a preset and images: the result opens in comparison and says what it costs", { timeout: 300_000 }, async () => {
  await workbench.menu("fashion-cnn.onnx", "Compress Model");
  const quick = workbench.page.locator(".quick-input-list .monaco-list-row");
  await quick.filter({ hasText: "Balanced" }).click();
  await quick.filter({ hasText: "fashion-mnist" }).click();
  const page = await workbench.modelPage("fashion-cnn.onnx ↔ fashion-cnn.small.onnx", 240_000);
  const file = path.join(workbench.folder, "fashion-cnn.small.onnx");
  expect(statSync(file).size).toBeLessThan(300_000);
  expect(await workbench.page.locator(".notification-toast").allInnerTexts().then((all) => all.join(" "))).toMatch(/times smaller/);
  expect(await page.locator(".header").innerText()).toContain("KB");
  const said = Number(/Agreement ([\d.]+) %/.exec((await workbench.page.locator(".notification-toast").allInnerTexts()).join(" "))?.[1]);
  expect(said).toBeGreaterThan(93); // Balanced costs little
  // what the compression has measured stands there until somebody measures anew
  const agreement = new RegExp(`${said.toFixed(1)} % (?:± [\\d.]+|\\([\\d.]+ to [\\d.]+\\))\\s+agreement, 98 held-out images`);
  await expect.poll(() => page.locator(".cmp-header").innerText()).toMatch(agreement);
  expect(await page.locator(".cmp-header").innerText()).toMatch(/× *\s+smaller on disk[^]*as gzip[^]*in memory[^]*[\d.]+ → [\d.]+ %\s+top-1/);
  expect(await page.locator(".cmp-step .icon-button").first().getAttribute("title")).toBe("Measure on All Images of fashion-mnist");
  await workbench.command("Notifications: Clear All Notifications");
  await workbench.sideBar(false);
  for (const width of [1440, 1060, 648, 448]) {
    await workbench.page.setViewportSize({ width, height: 900 });
    await workbench.page.waitForTimeout(400);
    await workbench.picture(`compare-reported-${width}`);
    expect(await overlaps(page), String(width)).toEqual([]);
    expect(await page.locator(".cmp-step, .cmp-measured").evaluateAll((all) => all.filter((one) => one.getBoundingClientRect().right > innerWidth - 8).length), String(width)).toBe(0);
  }
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
  await workbench.sideBar(true);
  await workbench.tidy();
  const wide = await workbench.open("fashion-cnn.small.onnx");
  // the nodes that unpack the weights are inside their layers
  const rows = () => wide.locator(".spine-name").allInnerTexts();
  expect(await rows()).toEqual(["input", "0", "3", "MaxPool", "7", "10", "MaxPool", "14", "17", "22", "logits"]);
  await wide.waitForSelector(".side[data-layer]");
  expect(await wide.locator(".details").innerText()).toMatch(/stored as\s+\d+ codewords of \d+, [\d.]+ bits a weight/);
  await wide.locator("#tab-codebooks").click();
  await wide.waitForSelector(".codeword canvas");
  await wide.locator("#tab-accuracy").click();
  await expect.poll(() => wide.locator(".accuracy .state").innerText()).toMatch(agreement);
  await workbench.picture("accuracy-reported");
  // most of these images were fitted to
  const again = await workbench.compare("fashion-cnn.onnx", "fashion-cnn.small.onnx"), fitted = again.locator(".cmp-fitted");
  expect(await fitted.isVisible()).toBe(false);
  await again.locator(".cmp-step .icon-button").first().click();
  await expect.poll(() => again.locator(".cmp-header").innerText(), { timeout: 60_000 }).toMatch(/agreement, 500 images/);
  await expect.poll(() => fitted.innerText()).toMatch(/^All images of fashion-mnist count, also any that a compression was fitted on;/);
  await workbench.picture("compare-fitted");
  await workbench.page.setViewportSize({ width: 448, height: 900 });
  await workbench.page.waitForTimeout(400);
  await workbench.picture("compare-fitted-448");
  expect(await overlaps(again)).toEqual([]);
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
});

test("a model without layers is refused before anything is asked", async () => {
  const shape = [1, 3];
  writeFileSync(path.join(workbench.folder, "plain.onnx"), modelBytes({ inputs: [value("x", shape)], outputs: [value("y", shape)], nodes: [{ op: "Relu", inputs: ["x"], outputs: ["y"] }] }));
  await workbench.row("plain.onnx").waitFor();
  await workbench.menu("plain.onnx", "Compress Model");
  await workbench.page.locator(".notification-toast", { hasText: "no convolution and no linear layer" }).waitFor();
  expect(await workbench.page.locator(".quick-input-widget").isVisible()).toBe(false);
  await workbench.tidy();
});

test("a cancelled compression leaves no file", async () => {
  copyFileSync(path.join(workbench.folder, "fashion-cnn.onnx"), path.join(workbench.folder, "other.onnx"));
  await workbench.menu("other.onnx", "Compress Model");
  const quick = workbench.page.locator(".quick-input-list .monaco-list-row");
  await quick.filter({ hasText: "Balanced" }).click();
  await quick.filter({ hasText: "fashion-mnist" }).click();
  await workbench.page.locator(".notification-toast", { hasText: "Compressing other.onnx" }).waitFor();
  await workbench.command("Kernelscope: Cancel Compression");
  await workbench.page.locator(".notification-toast", { hasText: "No file was written" }).waitFor();
  await workbench.picture("cancelled");
  expect(existsSync(path.join(workbench.folder, "other.small.onnx"))).toBe(false);
});

test("a job whose images do not fit leads to other images, under its model too", { timeout: 180_000 }, async () => {
  const { page } = workbench, pics = path.join(workbench.folder, "pics"), quick = page.locator(".quick-input-list .monaco-list-row");
  mkdirSync(pics);
  writeFileSync(path.join(pics, "dataset.json"), "{}");
  await workbench.tidy();
  const model = await workbench.open("other.onnx"), ways = () => model.locator(".foot .button").allInnerTexts();
  await model.waitForSelector(".side[data-layer]");
  const start = async (folder: string) => { await quick.filter({ hasText: folder }).click(); };
  await workbench.menu("other.onnx", "Compress Model");
  await quick.filter({ hasText: "Balanced" }).click();
  await start("pics");
  await expect.poll(() => model.locator(".foot-end").innerText()).toContain("pics holds no JPEG or PNG images");
  expect(await ways()).toEqual(["Choose Folder…", "Try Again", "Discard"]); // the same images again would be refused again
  await workbench.picture("model-no-such-images");
  expect(await overlaps(model)).toEqual([]);
  await model.locator(".foot .button", { hasText: "Choose Folder…" }).click();
  await start("fashion-mnist");
  await model.locator(".foot progress").waitFor();
  await model.locator(".foot .button", { hasText: "Cancel" }).click();
  await expect.poll(ways).toEqual(["Resume", "Discard"]);
  await model.locator(".foot .button", { hasText: "Discard" }).click();
  await model.locator(".foot").waitFor({ state: "hidden" });
});

test("a killed viewing process does no harm: the next model opens", async () => {
  const page = await workbench.open("resnet20-cifar10.onnx");
  expect(await page.locator(".header").innerText()).toContain("1.11 MB");
  for (const { pid } of workbench.workers) process.kill(pid, "SIGKILL");
  await workbench.page.waitForTimeout(500);
  const again = await workbench.open("other.onnx");
  expect(await again.locator(".header").innerText()).toContain("1.16 MB");
});

test("damaged files say what is the matter", async () => {
  const cut = await workbench.open("cut.onnx");
  expect(await cut.locator(".state").innerText()).toContain("ends too early");
  await workbench.picture("state-cut");
  const html = await workbench.open("page.onnx");
  expect(await html.locator(".state").innerText()).toMatch(/web page|HTML/i);
});

test.each([["Default Light Modern", "light"], ["Default High Contrast", "hc"], ["Default High Contrast Light", "hc-light"]])("in %s", async (theme, name) => {
  const settings = path.join(workbench.folder, ".vscode", "settings.json");
  mkdirSync(path.dirname(settings), { recursive: true });
  writeFileSync(settings, JSON.stringify({ "workbench.colorTheme": theme }));
  await workbench.tidy();
  const page = await workbench.open("fashion-cnn.onnx");
  await page.waitForSelector(name === "light" ? "body.vscode-light" : name === "hc" ? "body.vscode-high-contrast" : "body.vscode-high-contrast-light");
  await page.waitForSelector(".graph[data-ready]");
  await page.waitForSelector(".side[data-layer]");
  await workbench.page.waitForTimeout(400);
  await workbench.picture(`model-graph-${name}`);
});
