import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { generatedModel } from "../helpers/generated-graph";
import { branching, modelBytes, value } from "../unit/onnx/models";
import { overlaps } from "./overlaps";
import { THEMES, Workbench } from "./workbench";

let workbench: Workbench;
beforeAll(async () => {
  workbench = await Workbench.start({ rated: true });
  writeFileSync(path.join(workbench.folder, "branching.onnx"), branching());
  const shape = [1, 3, 8, 8];
  writeFileSync(path.join(workbench.folder, "unused.onnx"), modelBytes({ inputs: ["x", "spare", "idle"].map((name) => value(name, shape)), outputs: [value("y", shape)], nodes: [{ op: "Relu", inputs: ["x"], outputs: ["y"] }] }));
  writeFileSync(path.join(workbench.folder, "large.onnx"), generatedModel(10_000, 1));
  writeFileSync(path.join(workbench.folder, "nameless.onnx"), generatedModel(1000, 2, false));
  await workbench.page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
});
afterAll(() => workbench?.stop());
beforeEach(async () => {
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
  await workbench.tidy();
});

async function open(name: string): Promise<Frame> {
  const page = await workbench.open(name);
  await page.waitForSelector(".graph[data-ready]", { state: "attached" });
  return page;
}
const selected = (page: Frame) => page.locator(".spine [aria-selected=true]").getAttribute("aria-label");
const items = (page: Frame) => page.locator(".spine-row .spine-name").allInnerTexts();
const clipboard = () => workbench.page.evaluate(() => navigator.clipboard.readText());
const search = async (page: Frame, text: string) => {
  await page.locator(".spine").focus();
  for (const key of ["/", "Escape", "/"]) { // what was searched for before goes away
    await workbench.page.keyboard.press(key);
    await workbench.page.waitForTimeout(100);
  }
  await workbench.page.keyboard.type(text);
  await workbench.page.keyboard.press("Enter");
};

test("10,000 nodes open in parts, which unfold and are searched", async () => {
  const page = await open("large.onnx");
  expect((await items(page)).length).toBeLessThan(200);
  expect(await page.locator(".spine-row", { hasText: "part 2" }).first().getAttribute("aria-label")).toMatch(/[1-9],\d{3} nodes, \d+ layers/);
  await workbench.picture("graph-large");
  await page.locator(".spine").focus();
  for (const key of ["Home", "ArrowDown", "ArrowRight", "ArrowRight"]) await workbench.page.keyboard.press(key);
  await workbench.page.waitForTimeout(400);
  expect(await selected(page)).toMatch(/ of \d+ in /);
  await workbench.picture("graph-large-unfolded");
  await search(page, "conv9987");
  await expect.poll(() => selected(page)).toContain("conv9987");
  await page.locator("#tab-layers").click();
  await expect.poll(() => page.locator("tbody tr[data-id]").count()).toBe(1);
  await page.locator(".unfound .button, .field").first().waitFor({ state: "attached" });
});

test("a long table holds only what is in sight", async () => {
  const page = await open("large.onnx");
  await page.locator("#tab-layers").click();
  await page.waitForSelector("tbody tr[data-id]");
  await expect.poll(() => page.locator("tbody tr[data-id]").count()).toBeLessThan(120);
  expect(await page.locator("tbody tr[data-id]").first().evaluate((row) => row.getBoundingClientRect().height)).toBe(26);
  await page.locator(".table-pane").evaluate((pane) => { pane.scrollTop = pane.scrollHeight; });
  await expect.poll(() => page.locator("tbody tr[data-id]").last().innerText()).toContain("conv99");
  await workbench.picture("table-large");
});

test("what nobody has named is folded where it is built alike", async () => {
  const page = await open("nameless.onnx");
  expect(await page.locator(".spine-row").evaluateAll((rows) => rows.map((row) => row.getAttribute("aria-label")).join("\n"))).toMatch(/ ×\d/);
  await workbench.picture("graph-nameless");
});

test("a search finds sizes, attributes and tensors", async () => {
  const page = await open("resnet20-cifar10.onnx");
  await search(page, "strides=2 32x");
  await expect.poll(() => selected(page)).toContain("layer2.0.conv1");
  await search(page, "layer3.1.conv2.weight");
  await expect.poll(() => selected(page)).toContain("layer3.1.conv2");
  await page.locator(".unfound").waitFor({ state: "hidden" });
});

test("all ways between two nodes stand out", async () => {
  const page = await open("resnet20-cifar10.onnx");
  await search(page, "layer3.0.conv1");
  await workbench.command("Kernelscope: Find Path To");
  await expect.poll(() => page.locator(".unfound").innerText()).toMatch(/Choose where the path from layer3\.0\.conv1 leads\.\s+Cancel/);
  await page.locator(".spine-row", { hasText: "linear" }).evaluate((row) => (row as HTMLElement).click());
  await expect.poll(() => page.locator(".unfound").innerText()).toMatch(/8 nodes between layer3\.0\.conv1 and linear, 5 steps at least\./);
  await workbench.picture("graph-path");
  await page.locator(".unfound .button").click();
  expect(await page.locator(".unfound").isVisible()).toBe(false);
});

test("a copied link opens the model at its node, in a branch too", async () => {
  const page = await open("resnet20-cifar10.onnx");
  await search(page, "layer3.1.conv2");
  await workbench.command("Kernelscope: Copy Link");
  await expect.poll(clipboard).toMatch(/^[\w+.-]+:\/\/kernelscope\.kernelscope\/open\?file=resnet20-cifar10\.onnx&node=/);
  await workbench.tidy();
  await workbench.command("Kernelscope: Open Link to a Node");
  await workbench.page.waitForTimeout(500);
  await workbench.page.keyboard.press("Enter");
  const again = await workbench.modelPage("resnet20-cifar10.onnx");
  await expect.poll(() => selected(again)).toContain("layer3.1.conv2");
  const other = await open("branching.onnx");
  await other.locator(".spine").focus();
  await search(other, "choice");
  await other.locator(".details-actions .button", { hasText: "Enter then_branch" }).click();
  await expect.poll(() => items(other)).toEqual(["x", "inner", "then_branch.y"]);
  await other.locator(".spine-row", { hasText: "inner" }).evaluate((row) => (row as HTMLElement).click());
  await other.waitForSelector(".side[data-layer='choice/then_branch/inner']");
  await other.locator(".details-head .icon-button", { has: other.locator(".codicon-link") }).click();
  await expect.poll(clipboard).toMatch(/file=branching\.onnx&node=p&graph=choice%2Fthen_branch$/);
  await other.locator(".graph-trail .link").click();
  await workbench.command("Kernelscope: Open Link to a Node");
  await workbench.page.waitForTimeout(500);
  await workbench.page.keyboard.press("Enter");
  await expect.poll(() => other.locator(".graph-trail").innerText()).toMatch(/then_branch/);
});

test("the graph inside a node is entered and left again", async () => {
  const page = await open("branching.onnx");
  await page.locator(".spine-row", { hasText: "If" }).evaluate((row) => (row as HTMLElement).click());
  expect(await page.locator(".details .details-actions").innerText()).toMatch(/Enter then_branch\s+Enter else_branch/);
  // the node stands for the layer inside it
  expect(await selected(page)).toBe("choice, If · 1 layer, 455 B, 100.0 % of the layers’ bytes");
  expect(await page.locator(".details").innerText()).toMatch(/layers\s+1\s+bytes\s+455 B\s+of layers\s+100\.0 %/);
  expect(await page.locator(".legend").isVisible()).toBe(true);
  await workbench.picture("graph-if");
  await page.locator(".spine").focus();
  await workbench.page.keyboard.press("Enter");
  await expect.poll(() => page.locator(".graph-trail").innerText()).toMatch(/Main graph\s*choice · then_branch/);
  await workbench.page.waitForTimeout(400);
  await workbench.picture("graph-branch");
  expect(await overlaps(page)).toEqual([]);
  await page.locator(".graph-trail .link").click();
  await expect.poll(() => items(page)).toContain("choice");
  expect(await page.locator(".graph-trail").isVisible()).toBe(false);
  // the strip leads to a layer, wherever it is
  const strip = (await page.locator(".strip-twin").boundingBox())!;
  await page.locator(".strip-twin").click({ position: { x: strip.width / 2, y: 8 } });
  await page.waitForSelector(".side[data-layer='choice/then_branch/inner']");
  await workbench.page.setViewportSize({ width: 700, height: 900 });
  await workbench.page.waitForTimeout(500);
  await workbench.picture("graph-branch-narrow");
});

test("the keyboard stays in the graph while it enters and leaves bodies, in a narrow editor too, and passes unused inputs", async () => {
  const { keyboard } = workbench.page;
  for (const width of [1440, 860]) {
    const page = await open("branching.onnx"), trail = page.locator(".graph-trail"), isHere = () => page.locator(".spine").evaluate((spine) => document.activeElement === spine);
    await workbench.page.setViewportSize({ width, height: 900 });
    await page.locator(".spine-row", { hasText: "If" }).evaluate((row) => (row as HTMLElement).click());
    await page.locator(".spine").focus();
    for (const leave of ["Alt+ArrowLeft", "Backspace"]) {
      await keyboard.press("Enter");
      await expect.poll(() => trail.innerText()).toMatch(/then_branch/);
      expect(await isHere()).toBe(true);
      if (leave === "Backspace") { // out, not one step back
        await keyboard.press("ArrowDown");
        await expect.poll(() => selected(page)).toMatch(/^inner/);
      }
      await keyboard.press(leave);
      await expect.poll(() => selected(page)).toMatch(/^choice/);
      expect(await isHere(), leave).toBe(true);
    }
    await page.locator(".details-actions .button", { hasText: "Enter else_branch" }).click();
    await expect.poll(() => trail.innerText()).toMatch(/else_branch/);
    await expect.poll(isHere).toBe(true);
    await trail.locator(".link").click();
    await expect.poll(() => selected(page)).toMatch(/^choice/);
    await expect.poll(isHere).toBe(true);
    await workbench.tidy();
    await workbench.page.setViewportSize({ width: 1440, height: 900 });
  }
  const page = await open("unused.onnx");
  expect(await page.locator(".legend").isVisible()).toBe(false); // it has no weights
  await page.locator(".spine").focus();
  await page.locator(".spine-row", { hasText: "spare" }).evaluate((row) => (row as HTMLElement).click());
  await keyboard.press("ArrowDown");
  expect(await selected(page)).toMatch(/^idle/);
  await keyboard.press("ArrowDown");
  expect(await selected(page)).toMatch(/^(Relu|y)/);
  await page.locator(".spine-row", { hasText: "idle" }).evaluate((row) => (row as HTMLElement).click());
  await keyboard.press("ArrowUp");
  expect(await selected(page)).toMatch(/^spare/);
});

test("a search finds what lies inside a body, and Enter leads into it and out again", async () => {
  const page = await open("branching.onnx"), trail = page.locator(".graph-trail");
  await search(page, "inner");
  await expect.poll(() => trail.innerText()).toMatch(/choice · then_branch/);
  await expect.poll(() => selected(page)).toContain("inner");
  expect(await page.locator(".unfound").isVisible()).toBe(false);
  await workbench.picture("graph-search-body");
  await search(page, "choice If");
  await expect.poll(() => selected(page)).toMatch(/^choice/);
  expect(await trail.isVisible()).toBe(false);
  await workbench.page.keyboard.type("x");
  await expect.poll(() => page.locator(".unfound").innerText()).toMatch(/^Nothing matches “choice Ifx”\./);
  await page.locator(".unfound .button").click();
});

test("nodes and tables are copied as text", async () => {
  const page = await open("resnet20-cifar10.onnx");
  await search(page, "layer1.0.conv2");
  await workbench.command("Kernelscope: Copy as Text");
  await expect.poll(clipboard).toMatch(/^layer1\.0\.conv2\nConv 3×3 · 16→16[^]*bytes: 9,\d{3} · 32(\.\d+)? bits per weight[^]*\nfrom: layer1\.0\.conv1/);
  await workbench.command("Kernelscope: Copy Table of Layers");
  await expect.poll(clipboard).toMatch(/^layer\toperator\tweight\t/);
  expect((await clipboard()).trim().split("\n")).toHaveLength(21);
});

/** Chooses what to export and where to; `meanwhile` answers what is asked between. */
async function write(entry: string, file: string, meanwhile?: () => Promise<void>): Promise<Buffer> {
  await workbench.choose("Kernelscope: Export", entry);
  await meanwhile?.();
  const input = workbench.page.locator(".quick-input-widget input").first();
  await expect.poll(() => input.inputValue()).toContain(".");
  await input.fill(path.join(workbench.folder, file));
  await workbench.page.waitForTimeout(300);
  await workbench.page.keyboard.press("Enter");
  await expect.poll(() => existsSync(path.join(workbench.folder, file))).toBe(true);
  await workbench.page.waitForTimeout(300);
  return readFileSync(path.join(workbench.folder, file));
}
const size = (png: Buffer) => [png.readUInt32BE(16), png.readUInt32BE(20)];

test("the graph is written as PNG and SVG, what is in sight and all of it, the table as TSV", async () => {
  await open("resnet20-cifar10.onnx");
  const [part, all] = [size(await write("What Is in Sight as PNG", "part.png")), size(await write("Whole Graph as PNG", "all.png"))];
  expect(part[0]).toBeGreaterThan(800);
  expect(all[1]).toBeGreaterThan(part[1] / 2);
  const svg = (await write("Whole Graph as SVG", "all.svg")).toString();
  expect(svg).toMatch(/^<svg [^]*>layer1<[^]*<\/svg>\n$/);
  writeFileSync("test-results/graph-all.svg", svg);
  writeFileSync("test-results/graph-all.png", readFileSync(path.join(workbench.folder, "all.png")));
  expect((await write("What Is in Sight as SVG", "part.svg")).toString()).toContain("viewBox");
  expect((await write("Table of Layers as TSV", "table.tsv")).toString().split("\n")[1]).toMatch(/^conv1\tConv\t16×3×3×3\t/);
});

test("before a PNG in which nothing can be read, an SVG is offered, and its size is told after it", async () => {
  const page = await open("large.onnx"), dialog = workbench.page.locator(".monaco-dialog-box"), message = (text: string) => workbench.page.locator(".notification-list-item-message", { hasText: text }).first().innerText();
  await page.locator(".spine").focus();
  await workbench.page.keyboard.press("*");
  await expect.poll(() => page.locator(".spine-row").first().getAttribute("aria-setsize")).not.toBe("12");
  await workbench.page.waitForTimeout(3000);
  const answer = (choice: string) => async () => {
    await expect.poll(() => dialog.innerText()).toMatch(/too large for a PNG that can be read[^]*[\d,]+ × 16,384 pixels, at \d(\.\d)? %/);
    await workbench.picture("graph-export-small");
    await dialog.locator(".monaco-button", { hasText: choice }).click();
  };
  expect((await write("Whole Graph as PNG", "large.svg", answer("Write SVG"))).toString()).toMatch(/^<svg [^]*>conv9987<[^]*<\/svg>\n$/);
  const [width, height] = size(await write("Whole Graph as PNG", "large.png", answer("Write PNG Anyway")));
  expect(height).toBe(16_384);
  expect(await message("large.png")).toMatch(new RegExp(`^Written: large\\.png, ${width} × 16,384 pixels, at \\d(\\.\\d)? %$`));
  await workbench.picture("graph-export-told");
});

test("layers are coloured by compute, and by sensitivity once a plan has measured it", async () => {
  const page = await open("fashion-cnn.onnx"), choose = async (name: string) => {
    await workbench.page.waitForTimeout(500);
    await page.locator(".bar .select").click();
    await page.locator(".bar [role=option]", { hasText: name }).click();
  };
  await choose("Compute");
  expect(await page.locator(".legend").innerText()).toMatch(/Share of multiply-accumulates/);
  await workbench.picture("graph-compute");
  await page.locator(".bar .select").press("End");
  expect(await page.locator(".legend").innerText()).toMatch(/What noise in a layer does to the outputs/);
  await workbench.page.waitForTimeout(3000);
  await workbench.picture("graph-sensitivity");
  await expect.poll(() => page.locator(".strip-twin").innerText()).toMatch(/100\.0 % of the worst/);
});

test("the graph wears a theme that came while another tab was shown", async () => {
  await workbench.wear("Default Dark Modern");
  const page = await open("resnet20-cifar10.onnx"), legend = () => page.locator(".legend-bar .swatch").evaluateAll((swatches) => swatches.map((swatch) => getComputedStyle(swatch).backgroundColor));
  const dark = await legend();
  await page.locator("#tab-layers").click();
  await workbench.wear("Default Light Modern");
  await page.waitForSelector("body.vscode-light");
  await page.locator("#tab-graph").click();
  const light = await legend(), brightness = (colour: string): number => (colour.match(/\d+/g) ?? []).reduce((sum, part) => sum + Number(part), 0);
  await workbench.picture("graph-theme-switch");
  expect(brightness(dark[0])).toBeLessThan(brightness(dark[4])); // from the ground's colour to the full one
  expect(brightness(light[0])).toBeGreaterThan(brightness(light[4]));
  await workbench.wear("Default Dark Modern");
});

test("in all themes, a path and a body can be read", async () => {
  for (const theme of Object.keys(THEMES) as (keyof typeof THEMES)[]) {
    await workbench.wear(theme);
    const page = await open("resnet20-cifar10.onnx");
    await search(page, "layer3.0.conv1");
    await workbench.command("Kernelscope: Find Path To");
    await page.locator(".unfound[data-lost]").waitFor();
    await page.locator(".spine-row", { hasText: "linear" }).evaluate((row) => (row as HTMLElement).click());
    await workbench.page.waitForTimeout(400);
    expect(await overlaps(page)).toEqual([]);
    await workbench.picture(`graph-path-${THEMES[theme]}`);
    await workbench.tidy();
  }
});
