import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { floats, modelBytes, value, wave } from "../unit/onnx/models";
import { cutTexts, overlaps } from "./overlaps";
import { Workbench } from "./workbench";

const LAYERS = 1000;

/** One convolution after the other, every second pair with a skip. */
function longNetwork(): Uint8Array {
  const nodes = [], initializers = [];
  let last = "x";
  for (let i = 0; i < LAYERS; i++) {
    const skips = i % 4 === 3;
    initializers.push(floats(`conv${i}.weight`, [4, 4, 3, 3], wave(144, i)));
    nodes.push({ op: "Conv", inputs: [i ? `t${i - 1}` : "x", `conv${i}.weight`], outputs: [skips ? `c${i}` : `t${i}`], attributes: { pads: [1, 1, 1, 1] } });
    if (skips) nodes.push({ op: "Add", inputs: [`c${i}`, `t${i - 2}`], outputs: [`t${i}`] });
    last = `t${i}`;
  }
  return modelBytes({ nodes, initializers, inputs: [value("x", [1, 4, 8, 8])], outputs: [value(last, [1, 4, 8, 8])] });
}

let workbench: Workbench;
beforeAll(async () => {
  workbench = await Workbench.start();
  writeFileSync(path.join(workbench.folder, "long.onnx"), longNetwork());
});
afterAll(() => workbench?.stop());
beforeEach(async () => {
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
  await workbench.tidy();
});

const open = (name: string): Promise<Frame> => workbench.openGraph(name);
const selected = (page: Frame) => page.locator(".spine [aria-selected=true]").getAttribute("aria-label");
const items = (page: Frame) => page.locator(".spine-row").evaluateAll((rows) => rows.map((row) => `${"  ".repeat(Number(row.getAttribute("aria-level")) - 1)}${row.querySelector(".spine-name")?.textContent}`));

test("repeated blocks are folded, unfold in place, and all views show one selection", async () => {
  const page = await open("resnet20-cifar10.onnx");
  expect(await items(page)).toEqual(["input", "conv1", "layer1", "layer2", "layer3.0", "  Slice", "  conv1", "  conv2", "  Add", "layer3.1", "layer3.2", "linear", "logits"]);
  expect(await page.locator(".spine-row", { hasText: "layer1" }).getAttribute("aria-label")).toMatch(/residual block ×3 · 16 ch.*55\.5 KB.*5\.2 %/);
  await workbench.picture("model-graph-dark", true);
  const strip = page.locator(".strip-twin"), box = (await strip.boundingBox())!;
  await strip.click({ position: { x: box.width / 2, y: box.height * 1.5 / 20 } });
  await page.waitForSelector(".side[data-layer='layer1.0.conv1.weight']");
  expect(await items(page)).toEqual(["input", "conv1", "layer1.0", "  conv1", "  conv2", "  Add", "layer1.1", "layer1.2", "layer2", "layer3", "linear", "logits"]);
  expect(await selected(page)).toContain("layer1.0.conv1");
  expect(await strip.locator("[aria-selected=true]").textContent()).toContain("layer1.0.conv1");
  // a layer inside a group that was folded over it comes out again
  await page.locator(".spine").focus();
  for (const key of ["ArrowLeft", "ArrowLeft", "ArrowLeft"]) await workbench.page.keyboard.press(key);
  expect(await items(page)).toContain("layer1");
  await strip.click({ position: { x: box.width / 2, y: box.height * 1.5 / 20 } });
  expect(await selected(page)).toContain("layer1.0.conv1");
  await page.locator("#tab-layers").click();
  expect(await page.locator("tr[aria-selected=true]").textContent()).toContain("layer1.0.conv1");
});

test("the keyboard walks along edges, folds and unfolds, and goes back without VS Code noticing", async () => {
  const page = await open("resnet20-cifar10.onnx"), { keyboard } = workbench.page, press = async (...keys: string[]) => { for (const key of keys) await keyboard.press(key); };
  await page.locator(".spine").focus();
  await press("Home", "ArrowDown", "ArrowDown");
  expect(await selected(page)).toMatch(/^layer1, residual block ×3/);
  await press("ArrowRight"); // the row gives way to its blocks
  expect(await items(page)).toContain("layer1.0");
  await press("ArrowUp");
  expect(await selected(page)).toMatch(/^conv1/);
  await press("ArrowDown", "ArrowRight", "ArrowRight");
  expect(await selected(page)).toMatch(/^layer1\.0\.conv1/);
  await press("ArrowUp", "Alt+ArrowDown"); // the other way leads to the addition
  expect(await selected(page)).toMatch(/^layer1\.0\.Add/);
  await press("Backspace");
  expect(await selected(page)).toMatch(/^conv1/);
  await press("Alt+ArrowLeft");
  expect(await selected(page)).toMatch(/^layer1\.0\.conv1/);
  await press("Alt+ArrowRight", "Alt+ArrowRight");
  expect(await selected(page)).toMatch(/^layer1\.0\.Add/);
  await press("ArrowLeft");
  expect(await selected(page)).toMatch(/^layer1\.0, residual block/);
  await press("ArrowLeft", "ArrowLeft"); // folds the block, then the row
  expect(await items(page)).toContain("layer1");
  expect(await workbench.page.locator(".tab.active").innerText()).toContain("resnet20-cifar10.onnx");
});

test("search marks what it finds, Enter goes on to the next", async () => {
  const page = await open("resnet20-cifar10.onnx"), { keyboard } = workbench.page;
  const count = page.locator(".count[role=status]");
  await page.locator(".spine").focus();
  await keyboard.press("Home");
  await keyboard.press("/");
  await keyboard.type("conv2");
  await expect.poll(() => count.innerText()).toBe("9 found");
  await keyboard.press("Enter");
  expect(await selected(page)).toContain("layer1.0.conv2");
  await expect.poll(() => count.innerText()).toBe("1 of 9");
  await keyboard.press("Enter");
  expect(await selected(page)).toContain("layer1.1.conv2");
  await expect.poll(() => count.innerText()).toBe("2 of 9");
  expect(await overlaps(page)).toEqual([]);
  await keyboard.press("Shift+Enter");
  expect(await selected(page)).toContain("layer1.0.conv2");
  // a block that folds as its hit is left stays marked
  const marked = () => page.locator(".spine-row.hit .spine-name").allInnerTexts();
  await expect.poll(marked).toEqual(["conv2", "layer1.1", "layer1.2", "layer2", "layer3"]);
  await keyboard.press("Enter");
  await expect.poll(marked).toEqual(["layer1.0", "conv2", "layer1.2", "layer2", "layer3"]);
  await keyboard.press("Shift+Enter");
  await workbench.picture("model-graph-search");
  // what is not there is said, in the table too, and goes away by a click
  const lost = page.locator(".unfound");
  expect(await lost.isVisible()).toBe(false);
  await keyboard.type("x");
  expect(await count.innerText()).toBe("");
  expect(await lost.innerText()).toMatch(/^Nothing matches “conv2x”\.\s+Clear$/);
  await workbench.picture("model-graph-not-found");
  await page.locator("#tab-layers").click();
  expect(await page.locator("tbody tr").count()).toBe(0);
  expect(await lost.isVisible()).toBe(true);
  expect(await overlaps(page)).toEqual([]);
  await lost.locator(".button").click();
  expect(await page.locator("tbody tr").count()).toBe(20);
  expect(await lost.isVisible()).toBe(false);
  await page.locator("#tab-graph").click();
});

test("layers are coloured by what was chosen, and the legend says so", async () => {
  const page = await open("fashion-cnn.onnx");
  expect(await page.locator(".legend").innerText()).toMatch(/Share of bytes[^]*51\.3 %/);
  await page.locator(".bar .select").click();
  await page.locator("[role=option]", { hasText: "Operator" }).click();
  expect(await page.locator(".legend-kind").allInnerTexts()).toEqual(["Conv", "Gemm"]);
  await workbench.picture("model-graph-operators");
});

test("links in the details lead to the neighbours, an operator without weights has details too", async () => {
  const page = await open("resnet20-cifar10.onnx");
  expect(await page.locator(".ways .link").allInnerTexts()).toEqual(["layer3.0.conv1", "layer3.0.Add"]);
  await page.locator(".ways .link").last().click();
  expect(await page.locator(".details").innerText()).toMatch(/Add · Relu[^]*layer3\.0\.conv2[^]*layer3\.1\.conv1/);
});

test("all of a convolution fits beside the graph at 900 pixels", async () => {
  const page = await open("resnet20-cifar10.onnx");
  await page.waitForSelector(".kernels canvas");
  expect(await page.locator(".side").evaluate((side) => side.scrollHeight - side.clientHeight)).toBe(0);
  expect(await page.locator(".details h3:visible").allInnerTexts()).toEqual([expect.stringMatching(/Weights\s+mean −?[\d.]+ · σ [\d.]+ · \d+ zeros/), expect.stringContaining("Range per output channel"), expect.stringContaining("by norm")]);
  expect(await overlaps(page)).toEqual([]);
});

test("charts can be read as tables, kernels are turned over", async () => {
  const page = await open("resnet20-cifar10.onnx"), first = page.locator(".kernels .turn small");
  await page.waitForSelector(".kernels canvas");
  const [, to, total] = /^1–(\d+) of ([\d,]+)$/.exec(await first.innerText()) ?? [];
  expect(total).toBe("4,096");
  await page.locator(".kernels canvas").hover({ position: { x: 9, y: 9 } });
  await expect.poll(() => page.locator(".kernels canvas").getAttribute("title")).toMatch(/^Output \d+, input \d+\n(−?[\d.]+ {2}−?[\d.]+ {2}−?[\d.]+\n?){3}$/);
  await page.locator(".kernels .icon-button").last().click();
  await expect.poll(() => first.innerText()).toMatch(new RegExp(`^${Number(to) + 1}–`));
  await page.locator(".part-ranges").hover();
  await page.locator(".part-ranges .as-table").click();
  expect(await page.locator(".part-ranges tbody tr").count()).toBe(64);
  await page.locator(".part-ranges .as-table").click();
  expect(await page.locator(".part-ranges canvas").count()).toBe(1);
});

test(`a network of ${LAYERS} layers opens, is panned and searched`, async () => {
  const page = await open("long.onnx"), stage = (await page.locator(".graph-stage").boundingBox())!;
  expect(await page.locator(".strip-twin [role=option]").count()).toBe(LAYERS);
  await page.locator(".strip-twin").focus();
  await workbench.page.keyboard.press("End");
  await page.waitForSelector(`.side[data-layer='conv${LAYERS - 1}.weight']`);
  expect(await selected(page)).toContain(`conv${LAYERS - 1}`);
  const before = await workbench.page.screenshot({ clip: stage });
  await workbench.page.mouse.move(stage.x + stage.width / 2, stage.y + stage.height / 2);
  for (let i = 0; i < 20; i++) await workbench.page.mouse.wheel(0, -120);
  await workbench.page.waitForTimeout(300);
  expect((await workbench.page.screenshot({ clip: stage })).equals(before)).toBe(false);
  await workbench.picture("model-graph-long");
});

test("at every width nothing overlaps and the button stays; in a narrow editor the graph is a spine", async () => {
  await open("resnet20-cifar10.onnx");
  await workbench.command("View: Toggle Primary Side Bar Visibility");
  // widths of the editor, and windows of 1440 by 900 at 125 and 200 %
  for (const [width, height, name] of [[1160, 900, "wide"], [1000, 800, "1000"], [700, 800, "700"], [600, 900, "600"], [520, 900, "520"], [400, 800, "400"], [340, 800, "340"], [1104, 720, "125-percent"], [672, 450, "200-percent"]] as const) {
    await workbench.page.setViewportSize({ width: width + 48, height });
    const page = await workbench.modelPage("resnet20-cifar10.onnx");
    await workbench.page.waitForTimeout(500);
    await workbench.picture(`model-graph-width-${name}`);
    expect(await overlaps(page), name).toEqual([]);
    expect(await page.locator(".button.primary").isVisible(), name).toBe(true);
    // facts are whole or folded away, and "…" says them then
    expect(await page.locator(".header > .figures").evaluate((row) => {
      const { right, bottom } = row.getBoundingClientRect(), shown = [...row.children].filter((figure) => figure.clientHeight && figure.getBoundingClientRect().top < bottom);
      return { cut: shown.filter((figure) => figure.getBoundingClientRect().right > right + 1 || [...figure.children].some((text) => text.scrollWidth > text.clientWidth)).map(({ textContent }) => textContent), some: shown.length > 0, said: shown.length === row.children.length || innerWidth < 360 || getComputedStyle(row.nextElementSibling!).visibility === "visible" };
    }), name).toEqual({ cut: [], some: true, said: true });
    const bar = await page.locator("nav.bar > *:visible").evaluateAll((parts) => Math.max(...parts.map((part) => part.getBoundingClientRect().right)));
    expect(bar, name).toBeLessThanOrEqual(width - 8);
    const spine = width < 600;
    expect(await page.locator(".spine").evaluate((element) => getComputedStyle(element).opacity === "1"), name).toBe(spine);
    expect(await page.locator(".graph-stage").isVisible(), name).toBe(!spine);
    expect(await page.locator(".side").isVisible(), name).toBe(width >= 360);
  }
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
  await workbench.command("View: Toggle Primary Side Bar Visibility");
});

test("at 150 and 200 % nothing lies on the graph, and columns and notes are folded, not cut", async () => {
  await open("resnet20-cifar10.onnx");
  await workbench.sideBar(false);
  for (const [width, height] of [[960, 600], [720, 450], [1100, 700], [620, 900]] as const) {
    await workbench.page.setViewportSize({ width, height });
    const page = await workbench.modelPage("resnet20-cifar10.onnx"), name = `${width} × ${height}`;
    await page.locator("#tab-graph").click();
    await workbench.page.waitForTimeout(500);
    await workbench.picture(`model-graph-zoomed-${width}`);
    expect(await cutTexts(page), name).toEqual([]);
    const stage = await page.locator(".graph-stage").boundingBox(); // a narrow editor has a spine in its place
    for (const part of [".graph-steps", ".legend", ".graph-buttons"]) {
      const box = await page.locator(part).boundingBox();
      if (box && stage && (stage.width <= 640 || stage.height <= 388)) expect(box.y + box.height, `${part} at ${name}`).toBeLessThanOrEqual(stage.y + 1);
    }
    await page.locator("#tab-layers").click();
    await workbench.picture(`layers-zoomed-${width}`);
    expect(await cutTexts(page), name).toEqual([]);
    expect(await page.locator(".table-pane").evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth), name).toBe(0);
    expect((await page.locator("th:visible").allInnerTexts()).map((text) => text.trim()), name).toEqual(expect.arrayContaining(["Layer", "Bits per weight", "Size"]));
  }
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
  await workbench.sideBar(true);
});

test("the spine unfolds by its boxes and selects by its rows, in high contrast too", async () => {
  const settings = path.join(workbench.folder, ".vscode", "settings.json");
  mkdirSync(path.dirname(settings), { recursive: true });
  writeFileSync(settings, JSON.stringify({ "workbench.colorTheme": "Default High Contrast" }));
  await workbench.command("View: Toggle Primary Side Bar Visibility");
  await workbench.command("View: Toggle Primary Side Bar Visibility");
  const page = await open("resnet20-cifar10.onnx");
  await workbench.command("View: Toggle Primary Side Bar Visibility");
  await workbench.page.setViewportSize({ width: 568, height: 900 });
  await page.waitForSelector("body.vscode-high-contrast");
  await page.locator(".spine-row", { hasText: "layer2" }).click({ position: { x: 24, y: 12 } });
  expect(await items(page)).toEqual(expect.arrayContaining(["layer2.0", "layer2.1", "layer2.2"]));
  await page.locator(".spine-row", { hasText: "layer2.1" }).click({ position: { x: 24, y: 12 } });
  await page.locator(".spine-row", { hasText: "conv2" }).first().click();
  await page.waitForSelector(".side[data-layer='layer2.1.conv2.weight']");
  await workbench.page.waitForTimeout(300);
  expect(await overlaps(page)).toEqual([]);
  await workbench.picture("model-graph-narrow-hc");
});
