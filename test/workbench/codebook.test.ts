import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { floats, ints, modelBytes, value, wave } from "../unit/onnx/models";
import { violations } from "./axe";
import { figures, makeBooks, openBook, ready } from "./books";
import { overlaps } from "./overlaps";
import { compress } from "./made";
import { Workbench } from "./workbench";

/** The page of a layer's codebook, and that of all of them. */

let workbench: Workbench;
beforeAll(async () => {
  workbench = await Workbench.start();
  makeBooks(workbench);
  const at = (name: string) => path.join(workbench.folder, name), common = { method: "kernel", options: { block: 9, words: 64, book: "common" } };
  writeFileSync(at("common.kernelscope.json"), JSON.stringify({ layers: { "10.weight": common, "14.weight": common, "17.weight": common } }));
  compress(at("fashion-cnn.onnx"), "--recipe", at("common.kernelscope.json"), "-o", at("common.onnx"));
}, 300_000);
afterAll(() => workbench?.stop());
beforeEach(() => workbench.afresh());

const open = (name: string, layer: string): Promise<Frame> => openBook(workbench, name, layer);
const selected = (page: Frame) => page.locator(".codeword[aria-selected=true]").getAttribute("data-word");

test("a layer's codebook stands with its clusters, index map, worst kernels and uses beside the original", async () => {
  const page = await open("fashion-cnn.small.onnx", "17");
  await workbench.sideBar(false);
  await page.waitForSelector(".member");
  await workbench.page.waitForTimeout(500);
  await workbench.picture("codebook-dark", true);
  expect(await figures(page)).toMatch(/[\d.]+ bits per weight \d+ × 3×3 codewords, 6-bit values \d bits per index \d+ dead codewords [\d.]+ dB SQNR 590 → [\d.]+ KB \d+ times smaller/);
  expect(await page.locator(".bar-end .button").allInnerTexts()).toEqual(["Compare…", "Compress…"]);
  expect(await page.locator(".book-scatter").innerText()).toMatch(/Kernel clusters\s+PCA \d+ % \+ \d+ % of variance[^]*16,384 kernels as dots, \d+ codewords as discs sized by use/);
  expect(await page.locator(".book-map .book-caption").innerText()).toMatch(/^Highest distortion: output channel \d+, [\d.]+ % of its energy$/);
  const errors = (await page.locator(".member small").allInnerTexts()).map((text) => parseInt(text, 10));
  expect(errors.length).toBeGreaterThan(4);
  expect(errors).toEqual([...errors].sort((a, b) => b - a));
  expect(await overlaps(page)).toEqual([]);
});

test("one selected codeword is lit everywhere: by keys, by the map, by the clusters", async () => {
  const page = await open("fashion-cnn.small.onnx", "17"), { keyboard, mouse } = workbench.page;
  await workbench.sideBar(false);
  await page.locator(".codeword[aria-selected=true]").click();
  const first = await selected(page);
  await keyboard.press("ArrowRight");
  const second = await selected(page);
  expect(second).not.toBe(first);
  await expect.poll(() => page.locator(".book-members h3").innerText()).toMatch(new RegExp(`^[\\d,]+ kernels of codeword ${second}$`));
  expect(await page.locator(".book-uses h3").innerText()).toBe(`Where codeword ${second} is used`);
  expect(await page.locator(".codeword[aria-selected=true]").getAttribute("aria-label")).toMatch(/^Codeword \d+, used [\d,]+ times, rank 2 of \d+, largest value −?[\d.]+ in row \d, column \d$/);
  expect(await page.locator(".book-word .word-values span").count()).toBe(9);
  // the words that a channel uses add up to all that is used
  const listed = async () => (await page.locator(".book-uses li").allInnerTexts()).reduce((sum, text) => sum + parseInt(text.replace(/,/g, ""), 10), 0);
  await expect.poll(listed).toBe(Number((await page.locator(".book-members h3").innerText()).replace(/,/g, "").split(" ")[0]));
  await keyboard.press("End");
  await keyboard.press("Home");
  expect(await selected(page)).toBe(first);

  const map = (await page.locator(".book-map .book-stage").boundingBox())!;
  await mouse.move(map.x + 60, map.y + 60);
  await page.locator(".book-map .book-card").waitFor();
  expect(await page.locator(".book-card").innerText()).toMatch(/^Output \d+, input \d+ · codeword \d+\s+kernel\s+codeword\s+difference\s+error \d+ % of an average kernel’s energy/);
  const pointed = /codeword (\d+)/.exec(await page.locator(".book-card b").innerText())![1];
  expect(await page.locator(".codeword[data-lit]").getAttribute("data-word")).toBe(pointed);
  await workbench.page.screenshot({ path: "test-results/codebook-hover.png" });
  await mouse.click(map.x + 60, map.y + 60);
  expect(await selected(page)).toBe(pointed);

  const stage = page.locator(".book-scatter .book-stage"), before = await stage.screenshot();
  await stage.focus();
  await keyboard.press("+");
  await workbench.page.waitForTimeout(200);
  expect((await stage.screenshot()).equals(before)).toBe(false);
  await keyboard.press("0");
  await keyboard.press("ArrowRight");
  expect(await selected(page)).not.toBe(pointed);
});

test("brackets lead from layer to layer, words can be sorted, strips are strips", async () => {
  const page = await open("fashion-cnn.small.onnx", "17"), { keyboard } = workbench.page;
  await page.locator(".codeword").first().click();
  await keyboard.press("[");
  await ready(page, "14.weight");
  expect(await page.locator(".book-head h2:not(.atlas-title)").innerText()).toBe("14");
  expect(await figures(page)).toMatch(/\d+ × 1×3 codewords/);
  const box = (await page.locator(".codeword canvas").first().boundingBox())!;
  expect(Math.round(box.width / box.height)).toBe(3);
  const words = () => page.locator(".codeword").evaluateAll((cells) => cells.map((cell) => cell.getAttribute("data-word")));
  const byUse = await words();
  await page.locator(".book-sort .select").click();
  await page.locator("[role=option]", { hasText: "By similarity" }).click();
  const alike = await words();
  expect(alike).not.toEqual(byUse);
  expect([...alike].sort()).toEqual([...byUse].sort());
  await workbench.picture("codebook-strips");
  await page.getByRole("button", { name: "Next Layer" }).click();
  await ready(page, "17.weight");
  await keyboard.press("]"); // the button that was pressed has the focus still
  await page.waitForSelector(".codebook[data-layer='22.weight'] .book-message:not([hidden])");
  expect(await page.locator(".book-message").innerText()).toMatch(/^22 is stored as 8-bit integers, so it has no codebook\./);
});

test("without the original the codewords stand alone, and it is said what is missing", async () => {
  const page = await open("lone.small.onnx", "17");
  expect(await page.locator(".book-note span").first().innerText()).toBe("lone.onnx is missing. With it in the same folder, the original’s kernels, what they lost and other methods beside are shown.");
  const beside = page.locator(".book-pick .select");
  expect(await beside.getAttribute("disabled")).not.toBeNull();
  expect((await beside.locator(".selected-value").innerText()).trim()).toBe("Original missing");
  expect(await beside.getAttribute("aria-label")).toMatch(/^Compare with: lone.onnx is missing\./);
  expect(await page.locator(".book-pick").getAttribute("title")).toMatch(/^lone.onnx is missing\./);
  expect(await figures(page)).toMatch(/[\d.]+ KB in the file/);
  expect(await figures(page)).not.toContain("SQNR");
  expect(await page.locator(".book-scatter .book-caption").innerText()).toMatch(/^\d+ codewords as discs sized by use$/);
  await workbench.picture("codebook-lone");
});

test("of a result under any name the original can be chosen, and is remembered", async () => {
  copyFileSync(path.join(workbench.folder, "lone.small.onnx"), path.join(workbench.folder, "named.onnx"));
  const page = await open("named.onnx", "17"), note = page.locator(".book-note");
  expect(await note.locator("span").first().innerText()).toBe("Which model this one was made of is not known, so its codewords stand alone.");
  await note.locator(".button", { hasText: "Choose Original…" }).click();
  await workbench.page.locator(".quick-input-list .monaco-list-row", { hasText: "fashion-cnn.onnx" }).click();
  await expect.poll(() => figures(page)).toMatch(/[\d.]+ dB SQNR 590 → [\d.]+ KB/);
  expect(await note.isVisible()).toBe(false);
  // methods to compare with can be read whole
  await page.locator(".book-pick .select").click();
  const options = page.locator(".book-pick [role=option]");
  await options.nth(1).waitFor();
  expect(await options.evaluateAll((all) => all.map((one) => one.shadowRoot!.querySelector(".content")!).filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).length)).toBe(0);
  await workbench.picture("codebook-methods");
  await workbench.page.keyboard.press("Escape");
  await workbench.tidy();
  await workbench.sideBar(true);
  expect(await figures(await open("named.onnx", "17"))).toContain("SQNR");
});

test("a result that was saved under another name knows its original", { timeout: 240_000 }, async () => {
  const { page, folder } = workbench, entry = (text: string) => page.locator(".quick-input-list .monaco-list-row", { hasText: text }), input = page.locator(".quick-input-widget input").first();
  await workbench.menu("fashion-cnn.onnx", "Compress Model…");
  await entry("Nearly Lossless").waitFor();
  await page.keyboard.type("150KB");
  await entry("At most 150KB").click();
  await entry("Without Images").click();
  await entry("Save As…").click();
  await expect.poll(() => input.inputValue()).toContain("fashion-cnn.small.onnx");
  await input.fill(path.join(folder, "saved.onnx"));
  await page.keyboard.press("Enter");
  await workbench.modelPage("fashion-cnn.onnx ↔ saved.onnx", 120_000);
  const model = await open("saved.onnx", "17");
  expect(await figures(model)).toContain("SQNR");
  expect(await model.locator(".book-note").isVisible()).toBe(false);
});

test("another method's codebook stands beside the one that is tried out", async () => {
  const page = await workbench.open("resnet20-cifar10.onnx");
  await page.locator(".details-actions .button", { hasText: "Show Codebook" }).click();
  await page.waitForSelector(".codebook[data-layer]:not([data-stale])");
  await workbench.sideBar(false);
  expect(await page.locator(".book-beside").isHidden()).toBe(true);
  await page.locator(".book-pick .select").click();
  expect(await page.locator(".book-pick [role=option]").allInnerTexts()).not.toContain("3×3 · Kernel codebook"); // that stands there already
  await page.locator(".book-pick [role=option]", { hasText: "2×3×3 · Product quantization" }).click();
  const columns = page.locator(".beside-column"), other = columns.nth(1);
  await page.waitForSelector(".beside-column + .beside-column:not([data-stale]) .codeword");
  expect(await page.locator(".book-panes").isHidden()).toBe(true);
  expect(await columns.nth(0).innerText()).toMatch(/3×3 · Kernel codebook[^]*predicted[^]*bits per weight[^]*64\s+codewords[^]*dB\s+SQNR[^]*worst/i);
  expect(await other.innerText()).toMatch(/2×3×3 · Product quantization[^]*predicted[^]*bits per weight[^]*64\s+codewords[^]*dB\s+SQNR[^]*worst/i);
  const [wide, tall] = await other.locator(".codeword canvas").first().evaluate((canvas) => [(canvas as HTMLCanvasElement).width, (canvas as HTMLCanvasElement).height]);
  expect([wide, tall]).toEqual([7, 3]);
  for (const [theme, name] of [["Default Light Modern", "light"], ["Default High Contrast", "hc"], ["Default High Contrast Light", "hc-light"], ["Default Dark Modern", "dark"]] as const) {
    await workbench.wear(theme);
    await workbench.picture(`codebook-beside-${name}`);
    expect(await violations(page), name).toEqual([]);
  }
  for (const width of [800, 520]) {
    await workbench.page.setViewportSize({ width: width + 48, height: 900 });
    await workbench.page.waitForTimeout(400);
    await workbench.picture(`codebook-beside-${width}`);
    expect(await page.locator(".beside-column .figure, .beside-column .book-title small").evaluateAll((all) => all.filter((one) => one.getBoundingClientRect().right > one.closest(".beside-column")!.getBoundingClientRect().right || one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent)), String(width)).toEqual([]);
    expect(await overlaps(page), String(width)).toEqual([]);
  }
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
  await page.locator(".book-slider").focus();
  await workbench.page.keyboard.press("ArrowRight");
  await expect.poll(async () => (await other.locator(".figures").innerText()).replace(/\s+/g, " ")).toContain("128 codewords");
  await page.locator(".book-pick .select").click();
  await page.locator(".book-pick [role=option]", { hasText: "Nothing" }).click();
  expect(await page.locator(".book-panes").isVisible()).toBe(true);
});

test("another method's codebook, made of the original, stands beside the one that the file holds", async () => {
  const page = await open("fashion-cnn.small.onnx", "17");
  await workbench.sideBar(false);
  const own = await figures(page), columns = page.locator(".beside-column");
  await page.locator(".book-pick .select").click();
  await page.locator(".book-pick [role=option]", { hasText: "2×3×3 · Product quantization" }).click();
  await page.waitForSelector(".beside-column + .beside-column:not([data-stale]) .codeword");
  expect(await page.locator(".book-panes, .book-trial, .book-sort").filter({ visible: true }).count()).toBe(0);
  expect(await columns.nth(0).innerText()).toMatch(/^3×3 · Kernel codebook[^]*in the file[^]*bits per weight[^]*16\s+codewords[^]*dB\s+SQNR[^]*worst/i);
  expect(await columns.nth(1).innerText()).toMatch(/^2×3×3 · Product quantization[^]*predicted[^]*bits per weight[^]*16\s+codewords[^]*dB\s+SQNR[^]*worst/i);
  const noise = async (column: number) => /(−?[\d.]+) dB/.exec(await columns.nth(column).locator(".figures").innerText())![1];
  expect(own).toContain(`${await noise(0)} dB SQNR`);
  expect(await page.locator(".beside-note").innerText()).toMatch(/^The second is made of the original’s weights as they are;/);
  await page.locator(".book-pick .select").click();
  await page.locator(".book-pick [role=option]", { hasText: "1×3 · Kernel codebook" }).click();
  await expect.poll(async () => Number(await noise(1)) > Number(await noise(0))).toBe(true); // a third of the block
  for (const [theme, name] of [["Default Light Modern", "light"], ["Default High Contrast", "hc"], ["Default High Contrast Light", "hc-light"], ["Default Dark Modern", "dark"]] as const) {
    await workbench.wear(theme);
    await workbench.picture(`codebook-beside-file-${name}`);
    expect(await violations(page), name).toEqual([]);
  }
  for (const width of [1104, 800, 520, 360]) {
    await workbench.page.setViewportSize({ width: width + 48, height: 900 });
    await workbench.page.waitForTimeout(400);
    await workbench.picture(`codebook-beside-file-${width}`);
    expect(await overlaps(page), String(width)).toEqual([]);
  }
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
  // the next layer has nothing beside it until that is chosen
  await page.locator(".book-head .icon-button").first().click();
  await ready(page, "14.weight");
  expect(await page.locator(".book-beside").isHidden()).toBe(true);
  expect(await page.locator(".book-sort").isVisible()).toBe(true);
});

test("a codebook that layers have in common says with how many", async () => {
  const page = await open("common.onnx", "17");
  await workbench.sideBar(false);
  expect(await figures(page)).toMatch(/shared with 2 layers/);
  for (const theme of ["Default Light Modern", "Default High Contrast", "Default High Contrast Light", "Default Dark Modern"] as const) {
    await workbench.wear(theme);
    await workbench.picture(`codebook-common-${theme.replace(/Default | /g, "")}`);
    expect(await violations(page)).toEqual([]);
  }
});

test("a layer that is not compressed is tried out, and nothing is written", async () => {
  const before = readdirSync(workbench.folder), page = await workbench.open("resnet20-cifar10.onnx");
  await page.locator(".details-actions .button", { hasText: "Show Codebook" }).click();
  await page.waitForSelector(".codebook[data-layer]:not([data-stale])");
  await workbench.sideBar(false);
  expect(await page.locator(".book-trial").innerText()).toMatch(/Preview[^]*Block[^]*Codewords[^]*Nothing is written\./);
  const noise = async () => Number(/([\d.]+) dB/.exec(await figures(page))![1]), few = await noise();
  expect(await figures(page)).toMatch(/bits per weight, predicted 64 × 3×3/);
  await page.locator(".book-slider").focus();
  await workbench.page.keyboard.press("ArrowRight");
  await expect.poll(() => figures(page)).toContain("128 × 3×3");
  expect(await noise()).toBeGreaterThan(few);
  await workbench.picture("codebook-preview");
  // of many requests the newest one wins
  for (const key of ["ArrowRight", "ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowRight"]) await workbench.page.keyboard.press(key);
  await page.waitForSelector(".codebook:not([data-stale])");
  await expect.poll(() => figures(page)).toContain("64 × 3×3");
  await page.locator(".book-number input").fill("100");
  await expect.poll(() => figures(page)).toContain("100 × 3×3");
  await page.locator(".book-block .select").click();
  await page.locator(".book-block [role=option]", { hasText: "1×3" }).click();
  await expect.poll(() => figures(page)).toMatch(/100 × 1×3/);
  expect(readdirSync(workbench.folder)).toEqual(before);
});

test("dead words stand last as empty cells and are counted", async () => {
  const page = await open("dead.onnx", "conv"), dead = page.locator(".codeword:has(.dead)");
  const used = (await page.locator(".codeword small").allInnerTexts()).map(Number), count = used.filter((n) => n === 0).length;
  expect(count).toBeGreaterThan(2);
  expect(used).toEqual([...used].sort((a, b) => b - a));
  expect(await dead.count()).toBe(count);
  expect(await figures(page)).toContain(`${count} dead codewords`);
  expect(await page.locator(".book-words .book-title small").innerText()).toContain(`${count} dead`);
  await page.locator(".codeword").last().click();
  expect(await page.locator(".book-word").innerText()).toContain("not used");
  await workbench.picture("codebook-dead");
});

test("the details of a compressed layer lead to its codebook", async () => {
  const page = await workbench.open("fashion-cnn.small.onnx");
  await page.waitForSelector(".kernels canvas");
  expect(await page.locator(".details h3 > span").evaluateAll((titles) => titles.filter(({ scrollWidth, clientWidth }) => clientWidth && scrollWidth > clientWidth).map(({ textContent }) => textContent))).toEqual([]);
  expect(await page.locator(".details h3:visible > span").allInnerTexts()).toEqual(["Weights, in steps", "Range per output channel", "Kernels, in steps"]);
  expect(await page.locator(".part-weights h3 > span").getAttribute("title")).toMatch(/whole steps of a grid/);
  await page.locator(".details-actions .button", { hasText: "Show Codebook" }).click();
  const layer = await page.locator(".side").getAttribute("data-layer");
  await ready(page, layer!);
  // what is stored as integers has none to show
  await page.locator("#tab-layers").click();
  await page.locator("tbody tr").filter({ has: page.locator("td:first-child", { hasText: /^22$/ }) }).click();
  await expect.poll(() => page.locator(".side").getAttribute("data-layer")).toBe("22.weight");
  await expect.poll(() => page.locator(".details-head h2").innerText()).toBe("22");
  expect(await page.locator(".details-actions .button").allInnerTexts()).toEqual([expect.stringContaining("Compress Layer…")]);
});

test("at every width panes stack and nothing is cut or lies on another", async () => {
  const page = await open("fashion-cnn.small.onnx", "17");
  await workbench.sideBar(false);
  for (const [width, height] of [[1160, 900], [1000, 900], [860, 900], [700, 900], [520, 900], [400, 900], [340, 800], [1104, 720], [672, 450]]) {
    await workbench.page.setViewportSize({ width: width + 48, height });
    await workbench.page.waitForTimeout(500);
    await workbench.picture(`codebook-width-${width}`);
    expect(await overlaps(page), String(width)).toEqual([]);
    expect(await page.locator(".codebook, .book-panes").evaluateAll((all) => all.map(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)), String(width)).toEqual([0, 0]);
    expect(await page.locator(".book-pane").evaluateAll((panes) => panes.filter(({ scrollWidth, clientWidth, scrollHeight, clientHeight }) => scrollWidth > clientWidth || scrollHeight > clientHeight + 1).map(({ className }) => className)), String(width)).toEqual([]);
    for (const part of [".book-head h2:not(.atlas-title)", ".bar .button.primary"]) expect(await page.locator(part).isVisible(), `${part} at ${width}`).toBe(true);
  }
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
});

test("figures of a codebook's header are whole at every width", async () => {
  const page = await open("fashion-cnn.small.onnx", "17");
  await page.locator(".book-head h2:not(.atlas-title)").evaluate((title) => { title.textContent = "layer3.0.conv2.longer"; });
  await workbench.sideBar(false);
  for (const width of [1600, 1460, 1440, 1420, 1400, 1380, 1360, 1340, 1330, 1300, 1200, 1000]) {
    await workbench.page.setViewportSize({ width, height: 900 });
    await expect.poll(() => page.locator(".book-head").evaluate((head) => {
      const figures = head.querySelector(".figures")!, all = [...figures.querySelectorAll(".figure, .figure > *")];
      return { width: head.clientWidth, cut: [figures, ...all].filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).map(({ textContent }) => textContent), outside: all.filter((one) => one.getBoundingClientRect().right > figures.getBoundingClientRect().right + 0.5).length };
    }), { message: String(width) }).toEqual({ width: width - 48, cut: [], outside: 0 });
    await workbench.picture(`codebook-head-${width}`);
    expect(await overlaps(page), String(width)).toEqual([]);
  }
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
});

test.each([["Default Light Modern", "light"], ["Default High Contrast", "hc"], ["Default High Contrast Light", "hc-light"]])("in %s", async (theme, name) => {
  const settings = path.join(workbench.folder, ".vscode", "settings.json");
  mkdirSync(path.dirname(settings), { recursive: true });
  writeFileSync(settings, JSON.stringify({ "workbench.colorTheme": theme }));
  const page = await open("fashion-cnn.small.onnx", "17");
  await page.waitForSelector(name === "light" ? "body.vscode-light" : name === "hc" ? "body.vscode-high-contrast" : "body.vscode-high-contrast-light");
  await workbench.sideBar(false);
  await page.waitForSelector(".member");
  await workbench.page.waitForTimeout(400);
  await workbench.picture(`codebook-${name}`);
  expect(await overlaps(page)).toEqual([]);
});

test("layers are coloured by signal to noise beside the original, which is asked for where it is not known", async () => {
  const choose = async (page: Frame) => {
    await page.locator(".bar .select").click();
    await page.locator("[role=option]", { hasText: "Signal to noise" }).click();
  };
  const page = await workbench.open("fashion-cnn.small.onnx"), most = (shown: Frame) => shown.locator(".legend-ends span").last().innerText().then(parseFloat);
  await page.waitForSelector(".side[data-layer]", { state: "attached" });
  await page.locator("#tab-graph").click();
  await choose(page);
  await expect.poll(() => most(page)).toBeGreaterThan(10);
  expect(await page.locator(".legend").innerText()).toMatch(/Signal to noise of the weights, dB[^]*[\d.]+$/);
  await workbench.page.waitForTimeout(300);
  await workbench.picture("model-graph-noise");
  const lone = await workbench.open("lone.small.onnx");
  await lone.waitForSelector(".side[data-layer]", { state: "attached" });
  await lone.locator("#tab-graph").click();
  await choose(lone);
  await expect.poll(() => lone.locator(".unfound").innerText()).toMatch(/^Signal to noise needs the original, which is not known\.\s+Choose Original…$/);
  await workbench.picture("model-graph-noise-missing");
  await lone.locator(".unfound .button").click();
  await workbench.page.locator(".quick-input-list .monaco-list-row", { hasText: "fashion-cnn.onnx" }).click();
  await expect.poll(() => most(lone)).toBeGreaterThan(10);
  expect(await lone.locator(".unfound").isVisible()).toBe(false);
});

test("of a layer of many codewords the others are shown on request", async () => {
  const words = 1500, at = (name: string) => path.join(workbench.folder, name), book = (name: string, count: number) => ({
    initializers: [floats(`${name}.words`, [count, 9], wave(9 * count)), ints(`${name}.which`, Array.from({ length: 64 * 32 }, (_, i) => i % count)), ints(`${name}.shape`, [64, 32, 3, 3])],
    nodes: [{ op: "Gather", inputs: [`${name}.words`, `${name}.which`], outputs: [`${name}.flat`] }, { op: "Reshape", inputs: [`${name}.flat`, `${name}.shape`], outputs: [`${name}.weight`] }, { op: "Conv", inputs: [`x`, `${name}.weight`], outputs: [`${name}.y`] }],
  }), parts = [book("a", 32), book("b", words)];
  writeFileSync(at("many.onnx"), modelBytes({ initializers: parts.flatMap(({ initializers }) => initializers), nodes: parts.flatMap(({ nodes }) => nodes), inputs: [value("x", [1, 32, 8, 8])], outputs: [value("a.y"), value("b.y")] }));
  const page = await open("many.onnx", "b");
  await workbench.sideBar(false);
  await page.getByRole("button", { name: "All Codebooks" }).click();
  await page.waitForSelector(".atlas[data-filled]");
  const row = page.locator(".atlas-row").nth(1), painted = () => row.locator("canvas").getAttribute("aria-label");
  expect(await painted()).toBe("512 codewords by use");
  expect(await row.locator(".atlas-more").innerText()).toMatch(/^988 more are used less\s+Show All$/);
  await workbench.picture("atlas-more");
  await row.locator(".atlas-more .button").click();
  expect(await painted()).toBe("1,500 codewords by use");
  expect(await row.locator(".atlas-more").count()).toBe(0);
  expect(await page.locator(".atlas").isVisible()).toBe(true); // the layer was not opened by that
  expect(await violations(page)).toEqual([]);
});

test("no row of codewords is cut, and the one that is walked to is in sight", async () => {
  const page = await open("common.onnx", "17"), list = page.locator(".book-words .codewords");
  await workbench.sideBar(false);
  for (const height of [900, 870, 833, 800]) {
    await workbench.page.setViewportSize({ width: 1440, height });
    await workbench.page.waitForTimeout(300);
    await list.evaluate((one) => { one.scrollTop = 0; });
    const cut = () => list.evaluate((one) => { const { top, bottom } = one.getBoundingClientRect(); return [...one.children].filter((cell) => { const box = cell.getBoundingClientRect(); return box.bottom > top + 1 && box.top < bottom - 1 && (box.top < top - 1 || box.bottom > bottom + 1); }).length; });
    expect(await cut(), String(height)).toBe(0);
    await list.locator(".codeword").first().click();
    await workbench.page.keyboard.press("End");
    expect(await cut(), `${height}, at its end`).toBe(0);
    expect(await list.evaluate((one) => one.querySelector("[aria-selected='true']")!.getBoundingClientRect().bottom <= one.getBoundingClientRect().bottom)).toBe(true);
    await workbench.page.keyboard.press("Home");
  }
  await workbench.picture("codebook-low");
});

test("the codebooks of all layers stand on one page, in the order of the network, and a click opens one", async () => {
  const page = await open("fashion-cnn.small.onnx", "17");
  await workbench.sideBar(false);
  await page.getByRole("button", { name: "All Codebooks" }).click();
  await page.waitForSelector(".atlas[data-filled]");
  const rows = page.locator(".atlas-row"), names = await rows.locator("b").allInnerTexts();
  expect(names.length).toBeGreaterThan(3);
  expect(names.map(Number)).toEqual(names.map(Number).sort((a, b) => a - b));
  expect(await rows.filter({ has: page.locator("[aria-current=true]") }).count() + await page.locator(".atlas-row[aria-current=true] b", { hasText: "17" }).count()).toBe(1);
  // all on one scale, each as many pictures as it says
  for (const row of await rows.all()) {
    const words = Number(/([\d,]+) codewords/.exec(await row.innerText())![1].replace(",", "")), painted = await row.locator("canvas").getAttribute("aria-label");
    expect(painted).toBe(`${Math.min(512, words)} codewords by use`);
  }
  // it begins with the first layer, and its title where those of other views do
  expect(await page.locator(".atlas").evaluate(({ scrollTop }) => scrollTop)).toBe(0);
  expect((await page.locator(".atlas-title").boundingBox())!.x).toBe((await page.locator(".atlas > header").boundingBox())!.x);
  expect(await page.locator(".atlas .scale").innerText()).toMatch(/−3\s+\+3/);
  // and back: by its button, by Escape
  const back = page.getByRole("button", { name: "Back to the Layer" }), all = page.getByRole("button", { name: "All Codebooks" });
  expect(await all.isVisible()).toBe(false);
  await back.click();
  expect([await page.locator(".atlas").isVisible(), await page.locator(".book-panes").isVisible()]).toEqual([false, true]);
  await workbench.page.keyboard.press("Enter"); // the button that leads there again has the focus
  expect(await page.locator(".atlas").isVisible()).toBe(true);
  await workbench.page.keyboard.press("Escape");
  expect(await page.locator(".atlas").isVisible()).toBe(false);
  await all.click();
  await page.waitForSelector(".atlas[data-filled]");
  for (const [theme, name] of [["Default Light Modern", "light"], ["Default High Contrast", "hc"], ["Default High Contrast Light", "hc-light"], ["Default Dark Modern", "dark"]] as const) {
    await workbench.wear(theme);
    await workbench.picture(`atlas-${name}`);
    expect(await violations(page), name).toEqual([]);
  }
  for (const width of [800, 520]) {
    await workbench.page.setViewportSize({ width: width + 48, height: 900 });
    await workbench.page.waitForTimeout(400);
    await workbench.picture(`atlas-${width}`);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth), String(width)).toBe(true);
  }
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
  await rows.filter({ hasText: /^14/ }).click();
  await ready(page, "14.weight");
  expect(await page.locator(".atlas").isHidden()).toBe(true);
});
