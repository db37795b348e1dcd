import { copyFileSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { floats, modelBytes, value, wave } from "../unit/onnx/models";
import { violations } from "./axe";
import { compress } from "./made";
import { lengthen, overlaps } from "./overlaps";
import { Workbench } from "./workbench";

let workbench: Workbench;
const at = (name: string) => path.join(workbench.folder, name);
beforeAll(async () => {
  workbench = await Workbench.start();
  writeFileSync(at("fixed.json"), JSON.stringify({ target: "130KB", layers: { "3.weight": { pin: "leave" } } }));
  compress(at("fashion-cnn.onnx"), "--recipe", at("fixed.json"));
  compress(at("resnet20-cifar10.onnx"), "--target", "60KB");
  copyFileSync(at("resnet20-cifar10.small.onnx"), at("tiny.onnx"));
  // rows and columns of growing size, and a part that is nearly silent
  const linear = (error: number) => modelBytes({
    initializers: [floats("fc.weight", [640, 768], wave(640 * 768, 3).map((v, i) => v * (0.2 + Math.floor(i / 768) / 640) * (Math.abs(i % 768 - 384) < 60 ? 0.1 : 1) * (1 + error * Math.cos(i)) / 8))],
    nodes: [{ op: "Gemm", inputs: ["x", "fc.weight"], outputs: ["y"], attributes: { transB: 1 } }], inputs: [value("x", [1, 768])], outputs: [value("y")],
  });
  writeFileSync(at("linear.onnx"), linear(0));
  writeFileSync(at("linear-rough.onnx"), linear(0.2));
  mkdirSync(at(".vscode"));
  writeFileSync(at(".vscode/settings.json"), JSON.stringify({ "kernelscope.dataFolder": "fashion-mnist" }));
}, 300_000);
afterAll(() => workbench?.stop());
beforeEach(() => workbench.afresh());

const filled = (page: Frame) => page.waitForSelector("#page[data-filled]");

const compare = (first: string, second: string): Promise<Frame> => workbench.compare(first, second);
const figures = (page: Frame) => page.locator(".cmp-figures").innerText().then((text) => text.replace(/\s+/g, " "));
const cells = (page: Frame, kind: string) => page.locator(`.cmp-rows .cmp-${kind}`).allInnerTexts();

test("two selected files stand side by side: sizes, layers, kernels; then accuracy", { timeout: 240_000 }, async () => {
  const page = await compare("fashion-cnn.small.onnx", "fashion-cnn.onnx"), before = statSync(at("fashion-cnn.onnx")).size, after = statSync(at("fashion-cnn.small.onnx")).size;
  await filled(page);
  await workbench.sideBar(false);
  expect(await figures(page)).toMatch(/[\d.]+× smaller on disk 6 \/ 1 changed \/ left as before 32 → [\d.]+ bits per conv. weight [\d.]+ → 0\.\d\d MB as gzip 1\.16 → 1\.15 MB in memory/);
  expect(Number(/([\d.]+)×/.exec(await figures(page))![1])).toBeCloseTo(before / after, 0);
  expect(await workbench.page.locator(".statusbar-item", { hasText: "1 thread" }).isVisible()).toBe(true);
  expect(await cells(page, "name")).toEqual(["0", "3", "7", "10", "14", "17", "22"]);
  expect(await page.locator(".cmp-row[data-layer='3.weight'] .cmp-method").innerText()).toMatch(/^The recipe leaves it alone\.\s+BN folded$/);
  const noise = await cells(page, "weights");
  expect(noise[1]).toBe("∞");
  expect(noise.filter((_, i) => i !== 1).map(Number).every((db) => db > 0 && db < 60)).toBe(true);
  expect((await cells(page, "outputs")).join("")).toBe("");
  expect(await page.locator(".cmp-heads .cmp-outputs").isVisible()).toBe(false); // an empty column takes room from all others
  await page.locator(".cmp-step .button", { hasText: "Measure Accuracy" }).click();
  await page.waitForSelector(".cmp-measured");
  await expect.poll(() => figures(page), { timeout: 60_000 }).toMatch(/[\d.]+ % (?:± [\d.]+|\([\d.]+ to [\d.]+\)) agreement, 500 images [\d.]+ → [\d.]+ % top-1/);
  await expect.poll(async () => (await cells(page, "outputs")).map(Number).filter((db) => db > 0).length).toBe(7);
  await workbench.page.waitForTimeout(500);
  await workbench.picture("compare-dark");
  expect(await overlaps(page)).toEqual([]);
});

/** What each frame of a page shows from its start. */
type Watched = typeof globalThis & { seen?: Set<string> };

test("while weights are compared rows, head and header say so; nothing stands for a figure that is not known yet", async () => {
  await workbench.page.addInitScript(() => {
    const seen = (globalThis as Watched).seen = new Set<string>(), look = (): void => {
      const rows = document.querySelectorAll(".cmp-rows .cmp-weights"), bar = document.querySelector<HTMLProgressElement>(".cmp-heads .cmp-weights progress");
      if (rows.length) seen.add(JSON.stringify({ texts: [...new Set(Array.from(rows, ({ textContent }) => (/^[\d.−]+$/.test(textContent) ? "a figure" : textContent)))].sort(), bar: bar && bar.max, figures: Array.from(document.querySelectorAll(".cmp-figures small"), ({ textContent }) => textContent).filter((text) => text.startsWith("comparing")), sizes: Array.from(document.querySelectorAll(".cmp-figures .figure"), ({ textContent }) => textContent).filter((text) => /as gzip|in memory/.test(text)) }));
    };
    setInterval(look, 2);
  });
  const page = await compare("resnet20-cifar10.onnx", "tiny.onnx");
  await filled(page);
  const seen = await page.evaluate(() => [...(globalThis as Watched).seen ?? []]), states = seen.map((text) => JSON.parse(text) as { texts: string[]; bar: number | null; figures: string[]; sizes: string[] }), during = states.filter(({ texts }) => texts.includes("…"));
  expect(during.length).toBeGreaterThan(2);
  for (const { texts, bar, figures: [text] } of during) {
    expect(texts).not.toContain("–");
    expect(bar).toBe(20);
    expect(text).toMatch(/^comparing weights, \d+ of 20$/);
  }
  expect(states.flatMap(({ sizes }) => sizes).filter((text) => text.startsWith("–"))).toEqual([]); // what is still worked out is no figure that there is none of
  expect(states[0].sizes).toEqual(["…as gzip", "…in memory"]);
  expect(new Set(during.map(({ figures: [text] }) => text)).size).toBeGreaterThan(2); // it counts
  expect(await page.locator(".cmp-weights progress, [data-open]").count()).toBe(0);
  expect(await page.locator("#page > [role=status]").innerText()).toBe("The weights of all layers are compared.");
});

test("sides are swapped by one click, and swapped back; the selected layer stays", async () => {
  let page = await compare("resnet20-cifar10.onnx", "tiny.onnx");
  await filled(page);
  await workbench.sideBar(false);
  await page.locator(".cmp-row[data-layer='layer2.0.conv1.weight']").click();
  const names = () => page.locator(".cmp-header .cmp-name").evaluateAll((all) => all.map((one) => [one.querySelector("b")!.textContent, one.querySelector("small")!.textContent.split(" · ")[1]])), before = await names();
  expect(before).toEqual([["resnet20-cifar10.onnx", "original"], ["tiny.onnx", "compressed"]]);
  const swap = () => workbench.page.locator(".editor-actions .action-label[aria-label^='Swap Sides']").first().click();
  await swap();
  page = await workbench.modelPage("tiny.onnx ↔ resnet20-cifar10.onnx");
  await filled(page);
  expect(await names()).toEqual([["tiny.onnx", "compressed"], ["resnet20-cifar10.onnx", "original"]]);
  expect((await figures(page))).toMatch(/^[\d.]+× larger on disk/);
  expect(await page.locator(".cmp-row[aria-selected='true']").getAttribute("data-layer")).toBe("layer2.0.conv1.weight");
  await workbench.picture("compare-swapped");
  await swap();
  page = await workbench.modelPage("resnet20-cifar10.onnx ↔ tiny.onnx");
  await filled(page);
  expect(await names()).toEqual(before);
  expect(await page.locator(".cmp-row[aria-selected='true']").getAttribute("data-layer")).toBe("layer2.0.conv1.weight");
  expect(await workbench.page.locator(".tab", { hasText: "↔" }).count()).toBe(1);
});

test("of two that were both compressed neither is called the original, and each layer says how it was stored before", async () => {
  compress(at("resnet20-cifar10.onnx"), "--target", "61KB", "--method", "product", "-o", at("product.onnx"));
  const page = await compare("product.onnx", "tiny.onnx");
  await filled(page);
  await workbench.sideBar(false);
  expect(await page.locator(".cmp-header .cmp-name small").allInnerTexts()).toEqual([expect.stringMatching(/ · compressed$/), expect.stringMatching(/ · compressed$/)]);
  const was = await page.locator(".cmp-row .cmp-was").allInnerTexts();
  expect(was.length).toBeGreaterThan(3);
  for (const text of was) expect(text).toMatch(/^was (int \d bits|\d×\d [\d,]+ codewords)( · \w+)?$/);
  // none is told of a layer that is stored as it was
  const [row] = await page.locator(".cmp-row:has(.cmp-was)").all();
  await row.click();
  await expect.poll(() => page.locator(".cmp-facts").innerText()).toMatch(/stored as\s.*\s+before\s+(int|\d×)/);
  await workbench.picture("compare-both-compressed");
  expect(await overlaps(page)).toEqual([]);
  expect(await violations(page)).toEqual([]);
});

test("in a narrow comparison names of layers take the room that there is", async () => {
  await workbench.page.setViewportSize({ width: 648, height: 900 });
  const page = await compare("resnet20-cifar10.onnx", "tiny.onnx");
  await filled(page);
  await workbench.sideBar(false);
  await workbench.page.waitForTimeout(500);
  expect(await page.locator(".cmp-rows .cmp-name").evaluateAll((all) => all.filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).map(({ textContent }) => textContent))).toEqual([]);
});

test("in the narrowest comparison names of layers differ and their methods can be read, also beside flips", async () => {
  const page = await compare("resnet20-cifar10.onnx", "tiny.onnx");
  await filled(page);
  await workbench.sideBar(false);
  await workbench.page.setViewportSize({ width: 388, height: 900 });
  for (const flips of [false, true]) {
    await page.locator(".cmp-scroll").evaluate((scroll, flips) => scroll.toggleAttribute("data-flips", flips), flips);
    await expect.poll(() => page.locator(".cmp-scroll").evaluate((scroll) => {
      const names = [...scroll.querySelectorAll(".cmp-rows .cmp-name .tail")], tags = [...scroll.querySelectorAll(".cmp-rows .cmp-tag")];
      return {
        width: document.body.clientWidth, different: new Set(names.map(({ textContent }) => textContent)).size, cut: names.filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).length,
        short: tags.filter((tag) => tag.scrollWidth > 88 && tag.parentElement!.getBoundingClientRect().width < 88).length, wide: [...scroll.querySelectorAll(".cmp-row")].filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).length,
      };
    }), { message: String(flips) }).toMatchObject({ different: 20, cut: 0, short: 0, wide: 0 });
    await workbench.picture(`compare-names-340${flips ? "-flips" : ""}`);
    expect(await overlaps(page), String(flips)).toEqual([]);
  }
});

test("graphs have what names and bytes in them want, and heads of columns stand on one line", async () => {
  const page = await compare("resnet20-cifar10.onnx", "tiny.onnx");
  await filled(page);
  await workbench.sideBar(false);
  for (const width of [1440, 1240, 1160, 1040, 860, 700, 520, 340]) {
    await workbench.page.setViewportSize({ width: width + 48, height: 620 });
    await workbench.page.waitForTimeout(300);
    const [wished, sides, wrapped] = await page.locator(".cmp-scroll").evaluate((scroll) => {
      const linesOf = (head: Element): number => { const range = document.createRange(); range.selectNodeContents(head); return new Set(Array.from(range.getClientRects(), ({ top }) => Math.round(top))).size; };
      return [parseFloat(getComputedStyle(scroll).getPropertyValue("--wish")), Array.from(scroll.querySelectorAll(".cmp-graph"), ({ clientWidth }) => clientWidth), Array.from(scroll.querySelectorAll(".cmp-heads > span")).filter((head) => linesOf(head) > 1).map(({ textContent }) => textContent)] as const;
    });
    expect(wrapped, String(width)).toEqual([]);
    if (width >= 800) expect(Math.min(...sides), String(width)).toBeGreaterThanOrEqual(wished);
    await page.locator(".cmp-scroll").evaluate((scroll) => { scroll.scrollTop = 0; });
    await workbench.page.waitForTimeout(100);
    expect(await overlaps(page), String(width)).toEqual([]);
    if (width >= 520) expect(await page.locator(".cmp-rows .cmp-name").evaluateAll((all) => all.filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).length), String(width)).toBe(0);
  }
});

test("a button whose words have no room has its icon in its middle", async () => {
  await workbench.page.setViewportSize({ width: 1048, height: 900 });
  const page = await compare("resnet20-cifar10.onnx", "tiny.onnx");
  await filled(page);
  await workbench.sideBar(false);
  const [button, icon] = await Promise.all([page.locator(".cmp-clock").boundingBox(), page.locator(".cmp-clock .codicon").boundingBox()]);
  expect(await page.locator(".cmp-clock .label").isVisible()).toBe(false);
  expect(Math.abs(icon!.x + icon!.width / 2 - button!.x - button!.width / 2)).toBeLessThanOrEqual(1);
});

test("a model that has a result can be compared with any other one, too", async () => {
  await expect.poll(() => workbench.entries("fashion-cnn.onnx")).toContain("Compare Model with…");
  await workbench.menu("fashion-cnn.onnx", "Compare Model with…");
  await workbench.page.locator(".quick-input-list .monaco-list-row", { hasText: "tiny.onnx" }).click();
  const page = await workbench.modelPage("fashion-cnn.onnx ↔ tiny.onnx");
  await filled(page);
  expect(await page.locator(".cmp-nothing").innerText()).toMatch(/two different networks/);
});

test("the selected layer is in sight from the start, however low the editor is", async () => {
  await workbench.page.setViewportSize({ width: 1440, height: 620 });
  const page = await compare("resnet20-cifar10.onnx", "tiny.onnx");
  await filled(page);
  const inSight = () => page.evaluate(() => {
    const row = document.querySelector(".cmp-row[aria-selected='true']")!.getBoundingClientRect(), scroll = document.querySelector(".cmp-scroll")!.getBoundingClientRect();
    return row.top >= scroll.top && row.bottom <= scroll.bottom;
  });
  await expect.poll(inSight).toBe(true);
  await workbench.picture("compare-low");
  // and where the editor becomes lower still
  await workbench.page.setViewportSize({ width: 1440, height: 560 });
  await workbench.page.waitForTimeout(500);
  expect(await inSight()).toBe(true);
});

test("how long both take is measured here, on request, and stays", { timeout: 400_000 }, async () => {
  const page = await compare("fashion-cnn.small.onnx", "fashion-cnn.onnx"), figure = page.locator(".cmp-latency");
  await filled(page);
  await workbench.sideBar(false);
  await page.getByRole("button", { name: "Measure Latency" }).click();
  await page.locator(".cmp-timing", { hasText: /Measuring latency: \d+ pairs of runs/ }).waitFor();
  await workbench.picture("compare-timing");
  await page.locator(".cmp-timing .button", { hasText: "Cancel" }).click();
  await page.getByRole("button", { name: "Measure Latency" }).click();
  await figure.waitFor({ timeout: 60_000 });
  expect((await figure.innerText()).replace(/\s+/g, " ")).toMatch(/^[\d.]+ → [\d.]+ ms measured here$/);
  expect(await figure.getAttribute("title")).toMatch(/^For one image, before and after\.\n.*95 %: .*\nMedians of \d+ pairs of runs that alternate, on CPU with 1 thread\.\nMeasured on this machine;/);
  await workbench.picture("compare-latency");
  expect(await overlaps(page)).toEqual([]);
  expect(await violations(page)).toEqual([]);
  for (const theme of ["Default High Contrast", "Default High Contrast Light"] as const) {
    await workbench.wear(theme);
    await workbench.picture(`compare-latency-${theme.replace(/Default | /g, "")}`);
    expect(await violations(page)).toEqual([]);
  }
  await workbench.wear("Default Dark Modern");
  await workbench.tidy();
  await workbench.sideBar(true);
  await (await compare("fashion-cnn.small.onnx", "fashion-cnn.onnx")).locator(".cmp-latency").waitFor();
});

test("layers are found by name and by how they are stored; their rows stay beside their nodes", async () => {
  const page = await compare("resnet20-cifar10.onnx", "tiny.onnx"), { keyboard } = workbench.page, count = () => page.locator(".cmp-find .count").innerText();
  await filled(page);
  await workbench.sideBar(false);
  await page.locator(".cmp-row[data-layer='conv1.weight']").click();
  await keyboard.press("/");
  await page.locator(".cmp-find .field").waitFor();
  await keyboard.type("layer3");
  await expect.poll(count).toBe("6 found");
  expect(await page.locator(".cmp-rows .cmp-row").count()).toBe(20);
  expect(await page.locator(".cmp-row[data-found]").count()).toBe(6);
  await keyboard.press("Enter");
  await expect.poll(count).toBe("1 of 6");
  expect(await page.locator(".cmp-row[aria-selected='true']").getAttribute("data-layer")).toBe("layer3.0.conv1.weight");
  await keyboard.press("Shift+Enter");
  await expect.poll(count).toBe("6 of 6");
  for (const [theme, name] of [["Default Light Modern", "light"], ["Default High Contrast", "hc"], ["Default High Contrast Light", "hc-light"], ["Default Dark Modern", "dark"]] as const) {
    await workbench.wear(theme);
    await workbench.picture(`compare-find-${name}`);
    expect(await violations(page), name).toEqual([]);
  }
  await keyboard.press("Control+A");
  await keyboard.type("nothing of this name");
  await expect.poll(count).toBe("none");
  await keyboard.press("Escape");
  await page.locator(".cmp-find").waitFor({ state: "hidden" });
  expect(await page.locator(".cmp-row[data-found]").count()).toBe(0);
  // its icon in the editor's title opens it, too
  await workbench.page.locator(".editor-actions .action-label[aria-label^='Find']").first().click();
  await page.locator(".cmp-find .field").waitFor();
  await keyboard.press("Escape");
});

test("rows stand beside their nodes in both graphs, at every zoom; one selection moves all", async () => {
  const page = await compare("resnet20-cifar10.onnx", "tiny.onnx"), { keyboard, mouse } = workbench.page;
  await filled(page);
  await workbench.sideBar(false);
  await workbench.page.waitForTimeout(500);
  await workbench.picture("compare-resnet", true);
  const selected = () => page.locator(".cmp-row[aria-selected=true]").getAttribute("data-layer");
  for (const row of [3, 12]) for (const side of [".original", ".compressed"]) {
    const layer = page.locator(".cmp-rows .cmp-row").nth(row), box = (await layer.boundingBox())!, graph = (await page.locator(`.cmp-graph${side}`).boundingBox())!;
    await mouse.click(graph.x + graph.width / 2, box.y + box.height / 2);
    expect(await selected()).toBe(await layer.getAttribute("data-layer"));
  }
  await expect.poll(() => page.locator(".cmp-pane").getAttribute("data-layer")).toBe(await selected());
  await page.waitForSelector(".cmp-pane:not([data-stale]) canvas.heatmaps");
  expect(await page.locator(".cmp-kernels canvas.heatmaps").count()).toBe(3);
  const shown = async (): Promise<number[]> => (/kernels shown\s+([\d,]+)–([\d,]+) of ([\d,]+)/.exec(await page.locator(".cmp-facts").innerText()) ?? []).slice(1).map((text) => Number(text.replace(/,/g, ""))), pictures = () => page.locator(".cmp-kernels canvas.heatmaps").evaluateAll((all) => all.map((one) => (one as HTMLCanvasElement).toDataURL()));
  const [begin, end, all] = await shown(), before = await pictures(), [larger, smaller] = ["Larger Kernels", "Smaller Kernels"].map((name) => page.locator(`.cmp-turns .icon-button[aria-label='${name}']`));
  expect([begin, end < all]).toEqual([1, true]);
  expect(await larger.getAttribute("disabled")).not.toBeNull();
  await smaller.click();
  await expect.poll(shown).toEqual([end + 1, Math.min(2 * end, all), all]);
  expect(await pictures()).not.toEqual(before);
  await larger.click();
  await expect.poll(shown).toEqual([1, end, all]);
  expect(await pictures()).toEqual(before);
  await page.locator(".cmp-rows").focus();
  await keyboard.press("Home");
  await keyboard.press("ArrowDown");
  expect(await selected()).toBe(await page.locator(".cmp-rows .cmp-row").nth(1).getAttribute("data-layer"));
  await keyboard.press("+");
  await keyboard.press("+");
  const [row, graph] = [page.locator(".cmp-rows .cmp-row").nth(5), page.locator(".cmp-graph.compressed")], [rowBox, graphBox] = [(await row.boundingBox())!, (await graph.boundingBox())!];
  expect(rowBox.height).toBe(28);
  await mouse.click(graphBox.x + graphBox.width / 2, rowBox.y + rowBox.height / 2);
  expect(await selected()).toBe(await row.getAttribute("data-layer"));
  await page.locator(".cmp-rows").focus();
  await keyboard.press("0");
});

test("a linear layer is its matrix before, after and their difference, as mean sizes where it is large", async () => {
  const page = await compare("fashion-cnn.onnx", "fashion-cnn.small.onnx");
  await filled(page);
  await workbench.sideBar(false);
  await page.locator(".cmp-row[data-layer='22.weight']").click();
  await page.waitForSelector(".cmp-pane[data-layer='22.weight']:not([data-stale]) .matrix-map canvas");
  expect(await page.locator(".cmp-kernels .matrix-map").count()).toBe(3);
  expect((await page.locator(".cmp-facts").innerText()).replace(/\s+/g, " ")).toMatch(/a cell one weight −[\d.]+ \+[\d.]+/);
  expect(await page.locator(".cmp-axes").allInnerTexts()).toEqual(["outputs ↓ inputs →", expect.stringMatching(/^up to 0\.0\d+$/)]);
  const map = (await page.locator(".matrix-map").nth(1).boundingBox())!;
  await workbench.page.mouse.move(map.x + 20, map.y + 20);
  expect(await page.locator(".matrix-map").nth(1).getAttribute("title")).toMatch(/^Output \d, input \d+, after: −?[\d.]+$/);
  await workbench.page.waitForTimeout(400);
  await workbench.picture("compare-linear-small");
  await workbench.sideBar(true);
  const large = await compare("linear.onnx", "linear-rough.onnx");
  await filled(large);
  await workbench.sideBar(false);
  await large.locator(".cmp-rows .cmp-row").first().click();
  await large.waitForSelector(".cmp-pane:not([data-stale]) .matrix-map canvas");
  expect((await large.locator(".cmp-facts").innerText()).replace(/\s+/g, " ")).toMatch(/a cell 4×3 weights 0 [\d.]+ mean size/);
  const cells = (await large.locator(".matrix-map").first().boundingBox())!;
  await workbench.page.mouse.move(cells.x + 1, cells.y + 1);
  expect(await large.locator(".matrix-map").first().getAttribute("title")).toMatch(/^Outputs 0–3, inputs 0–2, before: mean size [\d.]+$/);
  for (const [theme, name] of [["Default Light Modern", "light"], ["Default High Contrast", "hc"], ["Default High Contrast Light", "hc-light"], ["Default Dark Modern", "dark"]] as const) {
    await workbench.wear(theme);
    await workbench.picture(`compare-linear-${name}`);
    expect(await violations(large), name).toEqual([]);
    expect(await overlaps(large), name).toEqual([]);
  }
  for (const width of [860, 520]) {
    await workbench.page.setViewportSize({ width: width + 48, height: 900 });
    await workbench.page.waitForTimeout(500);
    await workbench.picture(`compare-linear-${width}`);
    expect(await overlaps(large), String(width)).toEqual([]);
  }
  writeFileSync(at(".vscode/settings.json"), JSON.stringify({ "kernelscope.dataFolder": "fashion-mnist" })); // as it was before the themes
});

test("where measuring fails, the comparison says why and how to go on", { timeout: 120_000 }, async () => {
  const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 2, 8, 8), }".padEnd(117) + "\n";
  mkdirSync(at("pairs"), { recursive: true });
  writeFileSync(at("pairs/images.npy"), Buffer.concat([Buffer.from("\x93NUMPY\x01\x00\x76\x00", "latin1"), Buffer.from(header), Buffer.alloc(4 * 2 * 8 * 8 * 4)])); // images of two channels
  writeFileSync(at(".vscode/settings.json"), JSON.stringify({ "kernelscope.dataFolder": "pairs" }));
  const page = await compare("resnet20-cifar10.onnx", "tiny.onnx");
  await page.locator(".cmp-step .button", { hasText: "Measure Accuracy" }).click();
  expect(await page.locator(".cmp-notice [role=alert]").innerText()).toMatch(/channels/);
  for (const way of ["Choose Data Folder…", "Try Again", "Show Log"]) expect(await page.locator(".cmp-notice .button", { hasText: way }).isVisible(), way).toBe(true);
  await workbench.picture("compare-failed");
  expect(await overlaps(page)).toEqual([]);
  writeFileSync(at(".vscode/settings.json"), JSON.stringify({ "kernelscope.dataFolder": "fashion-mnist" }));
  await page.locator(".cmp-step .button", { hasText: "Measure Accuracy" }).waitFor();
  expect(await page.locator(".cmp-notice").isVisible()).toBe(false);
});

test("an open model follows the comparison's selection, and the other way round", async () => {
  const model = await workbench.open("fashion-cnn.onnx");
  await model.waitForSelector(".side[data-layer]");
  await model.locator(".header .button", { hasText: "Compare" }).click();
  const page = await workbench.modelPage("fashion-cnn.onnx ↔ fashion-cnn.small.onnx");
  await page.locator(".cmp-row[data-layer='10.weight']").click();
  await page.locator(".cmp-name").first().click();
  const again = await workbench.modelPage("fashion-cnn.onnx");
  await again.waitForSelector(".side[data-layer='10.weight']");
  await again.locator("#tab-layers").click();
  await again.locator("tbody tr").first().click();
  await workbench.page.locator(".tab", { hasText: "↔" }).click();
  await (await workbench.modelPage("fashion-cnn.onnx ↔ fashion-cnn.small.onnx")).waitForSelector(".cmp-row[data-layer='0.weight'][aria-selected=true]");
});

test("a layer of a comparison is opened in its model, which was not open: there it is selected, and here it stays so", async () => {
  const page = await compare("resnet20-cifar10.onnx", "tiny.onnx"), name = "resnet20-cifar10.onnx ↔ tiny.onnx", row = ".cmp-row[data-layer='layer2.0.conv1.weight']";
  await page.locator(row).click();
  await page.locator(".cmp-facts .button", { hasText: "Open Layer" }).click();
  await (await workbench.modelPage("tiny.onnx")).waitForSelector(".side[data-layer='layer2.0.conv1.weight']");
  await (await workbench.front(name)).waitForSelector(`${row}[aria-selected=true]`);
  // a page that has been behind others, too
  await (await workbench.modelPage(name)).locator(".cmp-row[data-layer='conv1.weight']").click();
  await (await workbench.modelPage(name)).locator(".cmp-facts .button", { hasText: "Open Layer" }).click();
  await (await workbench.modelPage("tiny.onnx")).waitForSelector(".side[data-layer='conv1.weight']");
});

test("the comparison comes back when the window is loaded again", async () => {
  const page = await compare("fashion-cnn.onnx", "fashion-cnn.small.onnx");
  await page.locator(".cmp-row[data-layer='7.weight']").click();
  await workbench.page.waitForTimeout(1000); // for VS Code to keep the panel's state
  await workbench.command("Developer: Reload Window");
  await workbench.page.waitForTimeout(2000);
  await workbench.page.waitForSelector(".explorer-folders-view .monaco-list-row", { timeout: 90_000 });
  const again = await workbench.modelPage("fashion-cnn.onnx ↔ fashion-cnn.small.onnx", 90_000);
  await again.waitForSelector(".cmp-row[data-layer='7.weight'][aria-selected=true]");
});

test("texts may be a third longer", async () => {
  const page = await compare("fashion-cnn.onnx", "fashion-cnn.small.onnx");
  await filled(page);
  await workbench.sideBar(false);
  expect(await lengthen(page)).toBeGreaterThan(30);
  await workbench.picture("compare-longer");
  expect(await overlaps(page)).toEqual([]);
});

test("at every width nothing is cut or lies on another", async () => {
  const page = await compare("fashion-cnn.onnx", "fashion-cnn.small.onnx");
  await filled(page);
  await workbench.sideBar(false);
  const step = page.locator(".cmp-step .button", { hasText: "Measure Accuracy" }), measured = page.locator(".cmp-measured", { hasText: /agreement|top-1|measured here/ });
  await step.or(measured).first().waitFor();
  if (await step.isVisible()) await step.click();
  await measured.nth(2).waitFor();
  await page.waitForSelector(".cmp-notice", { state: "hidden" });
  for (const [width, height] of [[1360, 900], [1240, 900], [1160, 900], [1000, 900], [860, 900], [700, 900], [520, 900], [400, 900], [1104, 720]]) {
    await workbench.page.setViewportSize({ width: width + 48, height });
    await workbench.page.waitForTimeout(500);
    await page.locator(".cmp-scroll").evaluate((scroll) => { scroll.scrollTop = 0; }); // rows go on below the line of names
    await workbench.page.waitForTimeout(100);
    await workbench.picture(`compare-width-${width}`);
    expect(await overlaps(page), String(width)).toEqual([]);
    expect(await page.locator(".cmp-row").evaluateAll((all) => all.filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).length), `rows at ${width}`).toBe(0);
    const cut = await measured.evaluateAll((all) => all.filter((one) => {
      const { left, right } = one.getBoundingClientRect(), around = one.parentElement!.getBoundingClientRect();
      return left < around.left - 1 || right > around.right + 1 || right <= left;
    }).map(({ textContent }) => textContent));
    expect(cut, String(width)).toEqual([]);
    // sizes stand there whole or not at all, captions whole
    expect(await page.locator(".cmp-figures .folding .figure").evaluateAll((all) => all.filter((figure) => {
      const { right, top } = figure.getBoundingClientRect(), box = figure.parentElement!.getBoundingClientRect();
      return top < box.bottom && right > box.right + 1;
    }).map(({ textContent }) => textContent)), String(width)).toEqual([]);
    expect(await page.locator(".cmp-pane figcaption span:visible").evaluateAll((all) => all.filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth + 1).map(({ textContent }) => textContent)), String(width)).toEqual([]);
    if (width === 1104) expect(await page.locator(".cmp-figures .more[data-folded]").count()).toBe(0); // all has room
    expect(await page.locator(".cmp-scroll").evaluateAll((all) => all.map(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)), String(width)).toEqual([0]);
  }
});

test.each([["Default Dark Modern", "dark-again"], ["Default Light Modern", "light"], ["Default High Contrast", "hc"], ["Default High Contrast Light", "hc-light"]])("in %s", async (theme, name) => {
  writeFileSync(at(".vscode/settings.json"), JSON.stringify({ "workbench.colorTheme": theme, "kernelscope.dataFolder": "fashion-mnist" }));
  const page = await compare("resnet20-cifar10.onnx", "tiny.onnx");
  await page.waitForSelector(name.startsWith("dark") ? "body.vscode-dark" : name === "light" ? "body.vscode-light" : name === "hc" ? "body.vscode-high-contrast" : "body.vscode-high-contrast-light");
  await filled(page);
  await workbench.sideBar(false);
  await workbench.page.waitForTimeout(600);
  await workbench.picture(`compare-${name}`);
  expect(await overlaps(page)).toEqual([]);
  expect(await violations(page)).toEqual([]);
});
