import { copyFileSync, existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { violations } from "./axe";
import { floats, modelBytes, value, wave } from "../unit/onnx/models";
import { lengthen, overlaps } from "./overlaps";
import { contrast } from "../helpers/contrast";
import { npy } from "../helpers/npy";
import { compress } from "./made";
import { Workbench } from "./workbench";

let workbench: Workbench;
const at = (name: string) => path.join(workbench.folder, name);
beforeAll(async () => {
  workbench = await Workbench.start();
  // small enough for predictions to flip
  compress(at("fashion-cnn.onnx"), "--target", "60KB");
  copyFileSync(at("fashion-cnn.small.onnx"), at("lone.onnx"));
}, 300_000);
afterAll(() => workbench?.stop());
beforeEach(() => workbench.afresh());

async function open(name: string): Promise<Frame> {
  const page = await workbench.open(name);
  await page.waitForSelector(".side[data-layer]", { state: "attached" });
  await page.locator("#tab-accuracy").click();
  await page.waitForSelector(".accuracy[data-shown]");
  return page;
}
const measured = async (page: Frame) => {
  await page.waitForSelector(".accuracy[data-samples='500']");
  await page.waitForSelector(".acc-trace[data-sample]:not([data-stale])");
};
const counts = (page: Frame) => page.locator(".acc-filter").evaluateAll((all) => Object.fromEntries(all.map((filter) => [filter.getAttribute("data-kind"), Number(filter.querySelector(".acc-count")?.textContent)])));

/** The pixels at the height of each interval in the figures, opaque: beyond the mark, which takes 10 of them, the line is to be seen. */
const intervals = (page: Frame) => page.locator(".acc-figure").evaluateAll((all) => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true })!;
  context.fillStyle = getComputedStyle(document.body).backgroundColor;
  context.fillRect(0, 0, 1, 1);
  const ground = [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  return all.map((figure) => {
    const canvas = figure.querySelector("canvas")!, hasBefore = /top/.test((figure as HTMLElement).dataset.figure ?? ""), ratio = devicePixelRatio;
    const rows = (hasBefore ? [6.5, 17.5] : [12.5]).map((y) => {
      const { data, width } = canvas.getContext("2d")!.getImageData(0, Math.floor(y * ratio), canvas.width, 1);
      return Array.from({ length: width }, (_, x) => [0, 1, 2].map((c) => ground[c] + (data[4 * x + c] - ground[c]) * data[4 * x + 3] / 255));
    });
    return { id: (figure as HTMLElement).dataset.figure, ground, rows };
  });
});

test("without a data folder one step leads to one, which no settings are written for; then to figures", { timeout: 240_000 }, async () => {
  const page = await open("fashion-cnn.small.onnx");
  expect(await page.locator(".accuracy .state .button").allInnerTexts()).toEqual(["Choose Data Folder…"]);
  expect(await page.locator(".accuracy .state").innerText()).toContain("fashion-cnn.onnx and fashion-cnn.small.onnx");
  await workbench.picture("accuracy-no-data");
  await page.locator(".accuracy .state .button").click();
  await workbench.page.locator(".quick-input-list .monaco-list-row", { hasText: "fashion-mnist" }).click();
  await page.locator(".accuracy .state h1", { hasText: "Nothing is measured yet" }).waitFor();
  expect(existsSync(at(".vscode/settings.json"))).toBe(false);
  await workbench.picture("accuracy-ready");
  expect(await page.locator(".button.primary", { hasText: "Measure" }).count()).toBe(1);
  await page.locator(".accuracy .state .button.primary").click();
  await measured(page);
  await workbench.sideBar(false);
  await workbench.page.waitForTimeout(600);
  await workbench.picture("accuracy-dark", true);
  expect(await page.locator(".acc-figure").allInnerTexts().then((all) => all.map((text) => text.replace(/\s+/g, " ")))).toEqual([
    expect.stringMatching(/^Top-1 [\d.]+ % (?:± [\d.]+|\([\d.]+ to [\d.]+\)) was [\d.]+ % [−+]?[\d.]+ points$/), expect.stringMatching(/^Top-5 [\d.]+ % (?:± [\d.]+|\([\d.]+ to [\d.]+\)) was [\d.]+ % [−+]?[\d.]+ points$/),
    expect.stringMatching(/^Agreement with the original [\d.]+ % (?:± [\d.]+|\([\d.]+ to [\d.]+\)) \d+ of 500$/), expect.stringMatching(/^KL divergence, nats [\d.]+ ± [\d.]+ 0 = same outputs$/),
  ]);
  expect(await page.locator(".acc-all-images").innerText()).toContain("All images of fashion-mnist count");
  expect(await overlaps(page)).toEqual([]);
});

test("figures outlive the window, as long as both files are the same", { timeout: 180_000 }, async () => {
  const page = await open("fashion-cnn.small.onnx"), figures = (shown: Frame) => shown.locator(".acc-figure").allInnerTexts();
  await measured(page);
  const before = await figures(page), counted = await counts(page);
  await workbench.reload();
  const again = await open("fashion-cnn.small.onnx");
  await measured(again); // without a click
  expect(await figures(again)).toEqual(before);
  expect(await counts(again)).toEqual(counted);
  utimesSync(at("fashion-cnn.small.onnx"), new Date(), new Date(Date.now() + 5000));
  await workbench.reload();
  await (await open("fashion-cnn.small.onnx")).locator(".accuracy .state h1", { hasText: "Nothing is measured yet" }).waitFor();
  // the tests that follow look at figures
  const last = await open("fashion-cnn.small.onnx");
  await last.locator(".accuracy .state .button.primary").click();
  await measured(last);
});

test("lost, gained and other add up; filters, classes and orders show what they say", async () => {
  const page = await open("fashion-cnn.small.onnx");
  await measured(page);
  const { all, lost, gained, other } = await counts(page);
  expect(lost + gained + other).toBe(all);
  expect(all).toBe(500 - Number(/(\d+) of 500/.exec(await page.locator("[data-figure=agreement]").innerText())![1]));
  expect(await page.locator(".acc-card").count()).toBe(all);
  for (const [kind, count] of [["lost", lost], ["gained", gained], ["other", other]] as const) {
    await page.locator(`.acc-filter[data-kind=${kind}]`).click();
    expect(await page.locator(".acc-card").count()).toBe(count);
    expect(await page.locator(".acc-card .before .acc-right").count()).toBe(kind === "lost" ? count : 0);
    expect(await page.locator(".acc-card .after .acc-right").count()).toBe(kind === "gained" ? count : 0);
  }
  await page.locator(".acc-filter[data-kind=all]").click();
  await page.locator(".acc-order .select").click();
  await page.locator("[role=option]", { hasText: "Most sure now" }).click();
  const sure = (await page.locator(".acc-card .after .number").allInnerTexts()).map(Number);
  expect(sure).toEqual([...sure].sort((a, b) => b - a));
  await page.locator(".acc-classes .select").click();
  await page.locator(".acc-classes [role=option]", { hasText: "Shirt" }).last().click();
  const shown = await page.locator(".acc-card .acc-is b").allInnerTexts();
  expect(shown.length).toBeGreaterThan(0);
  expect(new Set(shown)).toEqual(new Set(["Shirt"]));
});

test("arrows walk samples, with picture, classes and noise; Enter goes to the layer at fault", async () => {
  const page = await open("fashion-cnn.small.onnx"), { keyboard } = workbench.page;
  await measured(page);
  const selected = () => page.locator(".acc-card[aria-selected=true]").getAttribute("data-sample");
  await page.locator(".acc-card").first().click();
  const first = await selected();
  await keyboard.press("ArrowRight");
  const second = await selected();
  expect(second).not.toBe(first);
  await page.waitForSelector(`.acc-trace[data-sample='${second}']:not([data-stale])`);
  const name = await page.locator(".acc-portrait figcaption").innerText();
  expect(name).toBe(`image ${second}`);
  expect(await page.locator(".acc-trace-key .one").innerText()).toBe(name);
  // pixels are the sample's: 28 × 28, drawn larger without smoothing
  expect(await page.locator(".acc-portrait canvas").evaluate((canvas: HTMLCanvasElement) => [canvas.width, canvas.height, getComputedStyle(canvas).imageRendering])).toEqual([28, 28, "pixelated"]);
  expect(await page.locator(".acc-card[aria-selected=true]").getAttribute("aria-label")).toMatch(/^image \d+, is [\w -]+, original [\w -]+ 0\.\d\d, compressed [\w -]+ 0\.\d\d$/);
  for (let tries = 0; tries < 20 && await page.locator(".acc-row[data-outside]").count() === 0; tries++) {
    await keyboard.press("ArrowRight");
    await page.waitForSelector(`.acc-trace[data-sample='${await selected()}']:not([data-stale])`);
  }
  expect(await page.locator(".acc-row[data-outside] .acc-row-note").innerText()).toMatch(/dB, first outside$/);
  const fault = await page.locator(".acc-row[data-outside]").getAttribute("data-layer");
  await keyboard.press("Enter");
  await page.waitForSelector("#tab-graph[aria-selected=true]");
  await page.waitForSelector(`.side[data-layer='${fault}']`);
});

test("figures survive going away and coming back", async () => {
  const page = await open("fashion-cnn.small.onnx");
  await measured(page);
  await workbench.tidy();
  await measured(await open("fashion-cnn.small.onnx"));
});

test("figures come while images run, and stay when they are cancelled", async () => {
  // the same images many times over
  const { classes } = JSON.parse(readFileSync(at("fashion-mnist/dataset.json"), "utf8")) as { classes: string[] }, pixels = readFileSync(at("fashion-mnist/images.npy")).subarray(-500 * 784), times = 60;
  for (const folder of ["many", ".vscode"]) mkdirSync(at(folder), { recursive: true });
  writeFileSync(at("many/images.npy"), npy([500 * times, 28, 28], Uint8Array.from({ length: times * pixels.length }, (_, i) => pixels[i % pixels.length])));
  writeFileSync(at("many/dataset.json"), JSON.stringify({ mean: [0.286], std: [0.353], classes }));
  onTestFinished(() => writeFileSync(at(".vscode/settings.json"), JSON.stringify({ "kernelscope.dataFolder": "fashion-mnist" })));
  writeFileSync(at(".vscode/settings.json"), JSON.stringify({ "kernelscope.dataFolder": "many" }));
  const page = await open("fashion-cnn.small.onnx"), samples = () => page.locator(".accuracy").getAttribute("data-samples").then(Number);
  await page.locator(".acc-controls .button", { hasText: "many" }).waitFor();
  await page.evaluate(() => { // what is told first, however late a busy machine looks
    const view = document.querySelector<HTMLElement>(".accuracy")!;
    new MutationObserver(() => { view.dataset.first ??= view.dataset.samples; }).observe(view, { attributeFilter: ["data-samples"] });
  });
  await page.locator(".accuracy .state .button.primary").click();
  await page.waitForSelector(".acc-notice progress");
  await page.waitForSelector(".accuracy[data-first]");
  expect(Number(await page.locator(".accuracy").getAttribute("data-first"))).toBeLessThanOrEqual(256);
  const first = await samples(), cancel = await page.locator(".acc-controls .button", { hasText: "Cancel" }).elementHandle();
  await expect.poll(samples).toBeGreaterThan(first);
  expect(await cancel!.evaluate((button) => button.isConnected)).toBe(true); // a click on it is not lost
  await workbench.picture("accuracy-running");
  await page.locator(".acc-controls .button", { hasText: "Cancel" }).click();
  await page.locator(".acc-controls .button", { hasText: "Run Again" }).waitFor();
  expect(await page.locator(".acc-notice").innerText()).toBe(`Cancelled after ${(await samples()).toLocaleString("en")} of 30,000 images. The figures are of these.`);
  expect(await page.locator("[data-figure=agreement]").innerText()).toMatch(/\d %/);
  await page.waitForSelector(".acc-trace[data-sample]:not([data-stale])");
  await workbench.picture("accuracy-cancelled");
});

test("a model of another name asks for its original and remembers it", async () => {
  const page = await open("lone.onnx");
  expect(await page.locator(".accuracy .state .button").allInnerTexts()).toEqual(["Choose Original…"]);
  await page.locator(".accuracy .state .button").click();
  await workbench.page.locator(".quick-input-list .monaco-list-row", { hasText: "fashion-cnn.onnx" }).click();
  await page.locator(".acc-controls .button", { hasText: "Measure" }).click();
  await measured(page);
  await workbench.command("View: Close All Editors");
  const again = await open("lone.onnx");
  expect(await again.locator(".acc-controls").innerText()).toContain("fashion-cnn.onnx");
});

test("a model that makes pictures has errors by output and place instead, and its worst images", async () => {
  const blur = (gain: number, side = 0.1): Uint8Array => modelBytes({
    initializers: [floats("soft.weight", [4, 1, 3, 3], wave(36).map((v) => 0.2 + 0.1 * v)), floats("sharp.weight", [1, 4, 3, 3], wave(36, 2).map((v, i) => (i % 9 === 4 ? gain : side * v)))],
    nodes: [
      { op: "Conv", inputs: ["x", "soft.weight"], outputs: ["soft"], attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] } }, { op: "Relu", inputs: ["soft"], outputs: ["warm"] },
      { op: "Conv", inputs: ["warm", "sharp.weight"], outputs: ["picture"], attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] } },
    ],
    inputs: [value("x", ["N", 1, 28, 28])], outputs: [value("picture", ["N", 1, 28, 28])],
  });
  writeFileSync(at("blur.onnx"), blur(0.5));
  writeFileSync(at("blur.small.onnx"), blur(0.45));
  const page = await open("blur.small.onnx");
  await page.locator(".acc-controls .button", { hasText: "Measure" }).click();
  await measured(page);
  await workbench.sideBar(false);
  await workbench.page.waitForTimeout(600);
  await workbench.picture("accuracy-outputs");
  expect(await page.locator("[data-figure=error]").innerText()).toMatch(/Relative error of picture\s+[\d.]+ %\s+± (?:< )?[\d.]+\s+on 500 samples/);
  expect((await page.locator(".acc-output-table tbody td").allInnerTexts()).slice(0, 2)).toEqual(["picture", "1×28×28"]);
  expect(await page.locator(".acc-map figcaption").allInnerTexts()).toEqual([expect.stringMatching(/^Mean difference by place/), expect.stringMatching(/^original/), expect.stringMatching(/^compressed/), expect.stringMatching(/^difference/)]);
  const errors = (await page.locator(".acc-card .number").allInnerTexts()).map(parseFloat);
  expect(errors.length).toBe(200);
  expect(errors).toEqual([...errors].sort((a, b) => b - a));
  expect(await page.locator(".acc-row").allInnerTexts()).toEqual([expect.stringContaining("soft"), expect.stringContaining("sharp")]);
  expect(await overlaps(page)).toEqual([]);
  expect(await violations(page)).toEqual([]);
  // beside outputs of nearly nothing no share says anything
  await workbench.sideBar(true);
  await workbench.tidy();
  writeFileSync(at("blur.onnx"), blur(1e-9, 0));
  const faint = await open("blur.small.onnx");
  await faint.locator(".acc-controls .button", { hasText: "Measure" }).click();
  await measured(faint);
  expect(await faint.locator("[data-figure=error]").innerText()).toMatch(/> 1,000 %\s+on 500 samples\s+The original's outputs are nearly zero/);
  expect(await faint.locator(".acc-card .number").first().innerText()).toBe("> 1,000 %");
  for (const width of [1440, 648]) {
    await workbench.sideBar(false);
    await workbench.page.setViewportSize({ width, height: 900 });
    await workbench.page.waitForTimeout(500);
    await workbench.picture(`accuracy-faint-${width}`);
    expect(await overlaps(faint), String(width)).toEqual([]);
  }
});

test("texts may be a third longer", async () => {
  const page = await open("fashion-cnn.small.onnx");
  await measured(page);
  await workbench.sideBar(false);
  expect(await lengthen(page)).toBeGreaterThan(50);
  await workbench.picture("accuracy-longer");
  expect(await overlaps(page)).toEqual([]);
});

test("at every width figures stand in view and nothing is cut or lies on another", async () => {
  const page = await open("fashion-cnn.small.onnx");
  await measured(page);
  await workbench.sideBar(false);
  for (const [width, height] of [[1160, 900], [1000, 900], [860, 900], [700, 900], [520, 900], [400, 900], [1104, 720], [672, 450]]) {
    await workbench.page.setViewportSize({ width: width + 48, height });
    await workbench.page.waitForTimeout(500);
    await workbench.picture(`accuracy-width-${width}`);
    expect(await overlaps(page), String(width)).toEqual([]);
    const cut = await page.locator(".acc-choice .button").evaluateAll((all) => all.filter((one) => { // a name too long ends in "…" inside its button
      const label = one.querySelector(".label");
      return label?.clientWidth && label.getBoundingClientRect().right > one.getBoundingClientRect().right - 4;
    }).map(({ textContent }) => textContent));
    expect(cut, String(width)).toEqual([]);
    expect(await page.locator(".accuracy, .acc-panes, .acc-cards").evaluateAll((all) => all.map(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)), String(width)).toEqual([0, 0, 0]);
  }
});

test("in a narrow editor all buttons of the header are whole, and what changed stands in a second line", { timeout: 240_000 }, async () => {
  mkdirSync(at(".vscode"), { recursive: true });
  writeFileSync(at(".vscode/settings.json"), JSON.stringify({ "kernelscope.dataFolder": "fashion-mnist" }));
  const page = await open("fashion-cnn.small.onnx"), buttons = page.locator(".acc-controls .button");
  await page.locator(".acc-choice .button[aria-label='fashion-mnist']").waitFor();
  if (await page.locator(".accuracy[data-shown='state']").count()) await page.locator(".state .button", { hasText: "Measure" }).click();
  await measured(page);
  for (const [name, width, sideBar] of [["340", 388, false], ["420", 468, false], ["700-side-bar", 700, true]] as const) {
    await workbench.sideBar(sideBar);
    await workbench.page.setViewportSize({ width, height: 900 });
    await workbench.page.waitForTimeout(500);
    await workbench.picture(`accuracy-narrow-${name}`);
    expect(await buttons.evaluateAll((all) => all.map((one) => one.getAttribute("aria-label"))), name).toEqual(["fashion-mnist", "fashion-cnn.onnx", "Run Again"]);
    const wrong = await buttons.evaluateAll((all) => all.filter((one) => {
      const box = one.getBoundingClientRect(), icon = one.querySelector(".codicon")?.getBoundingClientRect();
      const isSeen = icon && icon.width >= 12 && icon.left >= box.left && icon.right <= box.right && icon.top >= box.top && icon.bottom <= box.bottom;
      return box.width < 22 || box.height < 22 || box.right > innerWidth || !isSeen || !one.getAttribute("title");
    }).map((one) => one.getAttribute("aria-label")));
    expect(wrong, name).toEqual([]);
    const lines = await page.locator("[data-figure='top1'] .acc-figure-head").evaluate((head) => {
      const boxes = [".acc-value", ".acc-was", ".acc-change"].map((one) => head.querySelector(one)!.getBoundingClientRect()), room = head.getBoundingClientRect();
      return { text: head.textContent, isBelow: boxes[1].top >= boxes[0].bottom - 4, isInside: boxes.every(({ width, right, bottom }) => width > 0 && right <= room.right + 1 && bottom <= room.bottom + 1) };
    });
    expect(lines, name).toEqual({ text: expect.stringMatching(/was [\d.]+ %.*points/) as string, isBelow: true, isInside: true });
    expect(await overlaps(page), name).toEqual([]);
  }
});

test.each([["Default Dark Modern", "dark-again"], ["Default Light Modern", "light"], ["Default High Contrast", "hc"], ["Default High Contrast Light", "hc-light"]])("in %s", async (theme, name) => {
  const settings = at(".vscode/settings.json");
  mkdirSync(path.dirname(settings), { recursive: true });
  writeFileSync(settings, JSON.stringify({ "workbench.colorTheme": theme, "kernelscope.dataFolder": "fashion-mnist" }));
  const page = await open("fashion-cnn.small.onnx");
  await page.waitForSelector(name.startsWith("dark") ? "body.vscode-dark" : name === "light" ? "body.vscode-light" : name === "hc" ? "body.vscode-high-contrast" : "body.vscode-high-contrast-light");
  await measured(page);
  await workbench.sideBar(false);
  await workbench.page.waitForTimeout(600);
  await workbench.picture(`accuracy-${name}`);
  expect(await overlaps(page)).toEqual([]);
  expect(await violations(page)).toEqual([]);
  for (const { id, ground, rows } of await intervals(page)) for (const row of rows) expect(row.filter((pixel) => contrast(pixel, ground) >= 3).length, `interval of ${id}`).toBeGreaterThan(20);
});
