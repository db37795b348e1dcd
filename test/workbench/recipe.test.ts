import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { violations } from "./axe";
import { overlaps } from "./overlaps";
import { Workbench } from "./workbench";

const NAME = "fashion.kernelscope.json";
let workbench: Workbench;
const at = (name: string) => path.join(workbench.folder, name);
const write = (fields: object, name = NAME) => writeFileSync(at(name), `${JSON.stringify({ version: 1, model: "./fashion-cnn.onnx", ...fields }, null, 2)}\n`);
const read = (name = NAME) => JSON.parse(readFileSync(at(name), "utf8")) as Record<string, unknown>;
const withImages = { data: { folder: "./fashion-mnist" } };

function settings(values: object): void {
  mkdirSync(at(".vscode"), { recursive: true });
  writeFileSync(at(".vscode/settings.json"), JSON.stringify(values));
}

beforeAll(async () => { workbench = await Workbench.start({ rated: true }); }, 300_000);
afterAll(() => workbench?.stop());
beforeEach(async () => {
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
  await workbench.tidy();
  await workbench.sideBar(true);
});

/** The visual editor of a recipe with its plan, the side bar out of the way. */
async function open(name = NAME): Promise<Frame> {
  await workbench.menu(name, "Open Recipe Editor");
  const page = await workbench.modelPage(name);
  await page.waitForSelector("body[data-ready=true]", { timeout: 120_000 });
  await workbench.sideBar(false);
  return page;
}
const save = () => workbench.page.keyboard.press("Control+s");
const isDirty = () => workbench.page.locator(".tab.dirty").count();
/** Saves and waits until the file holds what a check wants. */
async function saved(check: (recipe: Record<string, unknown>) => void, name = NAME): Promise<void> {
  await expect.poll(async () => { await save(); try { check(read(name)); return "as wanted"; } catch (error) { return `${String(error)}: ${JSON.stringify(read(name))}`; } }, { timeout: 20_000, interval: 500 }).toBe("as wanted");
}
const figures = (page: Frame) => page.locator(".candidate").innerText().then((text) => text.replace(/\s+/g, " "));
const row = (page: Frame, layer: string) => page.locator(`.plan-row[data-id="${layer}.weight"]`);
const method = (page: Frame, layer: string) => row(page, layer).locator(".plan-method").innerText().then((text) => text.replace(/\s+/g, " "));
const slider = (page: Frame) => page.locator("[role=slider]");
const bytesNow = async (page: Frame) => Number(await slider(page).getAttribute("aria-valuenow"));
/** Pids of this workbench's worker processes. */
const workers = (): number[] => execFileSync("ps", ["-eo", "pid,args"], { encoding: "utf8" }).split("\n").filter((line) => line.includes("dist/worker.js") && line.includes(workbench.home)).map((line) => Number(line.trim().split(" ")[0]));

test("a recipe opens: candidate, curve, bytes that add up, every layer with its steps, the reason of the selected one", async () => {
  write({ preset: "balanced", ...withImages });
  const page = await open();
  await workbench.page.waitForTimeout(500);
  await workbench.picture("recipe-dark", true);
  expect(await page.locator(".plan-method span").evaluateAll((all) => all.filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).map(({ textContent }) => textContent))).toEqual([]);
  expect(await figures(page)).toMatch(/^1\.16 MB → [\d.]+ KB file, now → about; [\d.]+ KB to [\d.]+ KB [\d.]+× smaller 9\d\.\d % ± \d\.\d agreement, predicted; top-1 −\d\.\d [\d.]+ bits per conv\. weight$/);
  expect(await page.locator(".recipe-images").innerText()).toMatch(/fashion-mnist\s+rated on 256 images/);
  const kinds = (await page.locator(".bytes-kinds dd").allInnerTexts()).map((text) => parseFloat(text) * (text.includes("KB") ? 1000 : 1));
  expect(Math.abs(kinds.reduce((a, b) => a + b, 0) - await bytesNow(page))).toBeLessThan(1000);
  expect(await page.locator(".plan-body .plan-row").count()).toBe(7);
  // rows, graph and all else add up to the file
  const inBytes = (text: string): number => parseFloat(text) * (text.includes("KB") ? 1000 : 1), sizes = (await page.locator(":is(.plan-body, .plan-rest) .plan-c5").allInnerTexts()).map(inBytes);
  expect(sizes.length).toBe(8);
  expect(Math.abs(sizes.reduce((a, b) => a + b, 0) - await bytesNow(page))).toBeLessThan(500);
  expect(inBytes(await page.locator(".plan-total .plan-c5").innerText())).toBeCloseTo(await bytesNow(page), -3);
  expect(await row(page, "17").locator(".plan-step").allInnerTexts()).toEqual([expect.stringMatching(/^−[\d.]+ K?B\s+[−±]\d/), expect.stringMatching(/^\+[\d.]+ K?B\s+[+±]\d/)]);
  expect(await page.locator(".why").innerText()).toMatch(/51\.3 % of the model’s bytes but sensitivity rank \d of 7, so it pays for the others\. One step up, to .*, costs [\d.]+ KB for [\d.]+ points\./);
  expect(await overlaps(page)).toEqual([]);
});

test("the slider moves everything at once by keys and by hand, and is one step of undo each time", async () => {
  write({ preset: "balanced", ...withImages });
  const page = await open(), { keyboard, mouse } = workbench.page, before = await figures(page), size = await bytesNow(page);
  await slider(page).focus();
  for (let i = 0; i < 5; i++) await keyboard.down("ArrowLeft");
  expect(await figures(page)).not.toBe(before);
  expect(await bytesNow(page)).toBeLessThan(size);
  expect(await isDirty()).toBe(0); // nothing is written while it is held
  await keyboard.up("ArrowLeft");
  await expect.poll(isDirty).toBe(1);
  const smaller = await bytesNow(page);
  await saved(({ target, preset }) => { expect(target).toMatch(/^[\d.]+KB$/); expect(preset).toBeUndefined(); });
  expect(Object.keys(read())).toEqual(["version", "model", "target", "data"]); // in the place of the preset
  expect(await slider(page).getAttribute("aria-valuetext")).toMatch(/^[\d.]+ KB, \d+ times smaller, agreement [\d.]+ percent predicted$/);

  const box = (await slider(page).boundingBox())!, thumb = (await page.locator(".curve-thumb").boundingBox())!;
  await mouse.move(thumb.x + 8, thumb.y + 8);
  await mouse.down();
  for (let i = 1; i <= 10; i++) await mouse.move(thumb.x + 8 + i * 8, box.y + 12);
  expect(await bytesNow(page)).toBeGreaterThan(smaller);
  await mouse.up();
  await expect.poll(() => bytesNow(page)).toBeGreaterThan(smaller * 1.1);
  await expect.poll(isDirty).toBe(1);
  await keyboard.press("Control+z");
  await expect.poll(() => bytesNow(page)).toBeLessThan(smaller * 1.01);
  await keyboard.press("Control+z");
  await expect.poll(() => figures(page)).toBe(before);
  await keyboard.press("Control+y");
  await expect.poll(() => bytesNow(page)).toBeLessThan(size);

  await slider(page).press("End");
  await saved(({ target }) => expect(target).toMatch(/^[\d.]+[KM]B$/));
  for (const id of ["nearly-lossless", "balanced"]) {
    await slider(page).press("PageDown");
    await saved(({ preset }) => expect(preset).toBe(id));
  }
  await page.locator(".recipe-size input").fill("12x");
  await page.locator(".recipe-size input").press("Enter");
  await saved(({ target }) => expect(target).toBe("12x"));
  await expect.poll(() => bytesNow(page)).toBeLessThanOrEqual(1_160_215 / 12);
  await page.locator(".recipe-size input").fill("twelve");
  await page.locator(".recipe-size input").press("Enter");
  await page.locator(".recipe-size.wrong").waitFor();
  expect(await page.locator(".recipe-note.bad").innerText()).toBe('"twelve" is no size. Write it like 12x, 300KB or 1.5MB.');
  await workbench.picture("recipe-wrong-size");
  expect(read().target).toBe("12x");
  await page.locator(".recipe-size input").press("Escape");
  await expect.poll(() => page.locator(".recipe-size input").inputValue()).toBe("12x");
  expect(await page.locator(".recipe-size.wrong, .recipe-note.bad").count()).toBe(0);
});

test("lists show what the recipe says of its images and device, and fields are called what they are for", async () => {
  write({ preset: "balanced", ...withImages, preprocess: { channels: "gray" }, device: "cpu", tune: { steps: 100, labels: 0.3, schedule: "iterative", noise: { kind: "int4", p: 0.25 } } });
  const page = await open(), shown = (name: string) => page.getByRole("combobox", { name, exact: true }).locator(".selected-value").innerText();
  expect(await Promise.all(["Channels", "Device", "Labels", "Layers", "Noise", "Fine-tune"].map(shown))).toEqual(["grey", "CPU", "30 % of the loss", "one after another", "4 bits, 25 %", "Number of Steps"]);
  write({ preset: "balanced", ...withImages, device: "auto", tune: { steps: 100 } });
  await expect.poll(() => shown("Device")).toBe("automatic");
  expect(await Promise.all(["Labels", "Layers", "Noise"].map(shown))).toEqual(["not used", "all at once", "none"]);
  await expect.poll(() => shown("Channels")).toBe("grey (automatic)"); // what folder and model come to
  for (const name of ["Mean", "Deviation", "Seed", "Size, like 300KB or 12x", "Filter…"]) expect(await page.getByRole("textbox", { name, exact: true }).count(), name).toBe(1);
  expect(await page.getByRole("textbox", { name: "Text field" }).count()).toBe(0);
  // where a field is empty it says what its folder, or its model, has
  const hints = () => Promise.all(["Mean", "Deviation", "Scale"].map((name) => page.getByRole("textbox", { name, exact: true }).getAttribute("placeholder")));
  await expect.poll(hints).toEqual(["0.286", "0.353", "1/255"]);
  write({ preset: "balanced", tune: { steps: 100 } });
  await expect.poll(hints).toEqual(Array.from({ length: 3 }, () => "as the folder says"));
  expect(await shown("Device")).toBe("automatic (setting)");
  settings({ "kernelscope.device": "cpu" });
  await expect.poll(() => shown("Device")).toBe("CPU (setting)");
  settings({});
});

test("images that do not fit lead to other images", async () => {
  mkdirSync(at("pics"), { recursive: true });
  writeFileSync(at("pics/dataset.json"), "{}");
  write({ preset: "balanced", data: { folder: "./pics" } });
  await workbench.menu(NAME, "Open Recipe Editor");
  const page = await workbench.modelPage(NAME);
  await page.locator(".state.error, .state-icon.error").first().waitFor({ timeout: 60_000 });
  expect(await page.locator(".state").innerText()).toContain("pics holds no JPEG or PNG images");
  await workbench.picture("recipe-no-such-images");
  expect(await page.locator(".state .button").allInnerTexts()).toEqual(["Choose Folder…", "Open Text", "Try Again"]);
  expect(await page.locator(".button.primary").allInnerTexts()).toEqual(["Choose Folder…"]);
  expect(await page.locator(".header .button", { hasText: "Compress" }).getAttribute("disabled")).not.toBeNull();
  await page.locator(".state .button", { hasText: "Choose Folder…" }).click();
  await quick().filter({ hasText: "fashion-mnist" }).click();
  await page.waitForSelector("body[data-ready=true]", { timeout: 60_000 });
  await saved(({ data }) => expect(data).toEqual(withImages.data));

  // what stood there before stays in sight, and its settings in reach
  await page.getByRole("combobox", { name: "Channels", exact: true }).click();
  await page.getByRole("option", { name: "RGB", exact: true }).click();
  await page.locator(".recipe-problem:not([hidden])").waitFor({ timeout: 20_000 });
  expect(await page.locator(".recipe-problem").innerText()).toMatch(/^The model takes 1 channels, the data gives 3 \(rgb\)\. .*\s+Choose Folder…\s+Try Again$/);
  expect(await page.locator(".header .primary").getAttribute("disabled")).not.toBeNull();
  await workbench.picture("recipe-wrong-channels");
  expect(await overlaps(page)).toEqual([]);
  await page.getByRole("combobox", { name: "Channels", exact: true }).click();
  await page.getByRole("option", { name: "automatic", exact: true }).click();
  await page.locator(".recipe-problem").waitFor({ state: "hidden", timeout: 20_000 });
  expect(await page.locator(".header .primary").getAttribute("disabled")).toBeNull();
  await save();
});

test("F6 goes from the header to the curve and the layers", async () => {
  write({ preset: "balanced", ...withImages });
  const page = await open(), { keyboard } = workbench.page, pane = () => page.evaluate(() => [".header", ".curve", ".plan-table"].find((name) => document.activeElement?.closest(name)));
  await page.locator(".plan-row[tabindex='0']").first().focus();
  const seen = [];
  for (const key of ["Shift+F6", "Shift+F6", "F6", "F6"]) { await keyboard.press(key); seen.push(await pane()); }
  expect(seen).toEqual([".curve", ".header", ".curve", ".plan-table"]);
});

test("Ctrl+S on the list of presets saves and chooses nothing", async () => {
  write({ preset: "balanced", ...withImages });
  const page = await open(), { keyboard } = workbench.page;
  await page.locator(".recipe-goal .select").focus();
  await keyboard.press("Control+s");
  await workbench.page.waitForTimeout(500);
  await keyboard.press("Control+s");
  await saved(({ preset }) => expect(preset).toBe("balanced"));
  expect(await page.locator(".recipe-goal .select").evaluate((list: HTMLElement & { value: string }) => list.value)).toBe("balanced");
});

test("pins hold at every size, by keys, by the list of all choices, and let go again", async () => {
  write({ preset: "balanced", ...withImages });
  const page = await open(), { keyboard } = workbench.page;
  await row(page, "10").click();
  await row(page, "10").focus();
  const was = await method(page, "10");
  await keyboard.press(" ");
  await saved(({ layers }) => expect(layers).toEqual({ "10.weight": { method: expect.any(String) as string, options: expect.any(Object) as object, pin: "exact" } }));
  await expect.poll(() => page.locator(".recipe-layers-head small").innerText()).toBe("7, of which 1 pinned");
  expect(await page.locator(".why").innerText()).toContain("Pinned: stays as it is, whatever the target.");
  await expect.poll(async () => { // a plan that comes meanwhile closes the list
    await page.locator(".why .select").click();
    return page.locator("[role=option]", { hasText: "At Least 6 Bits" }).click({ timeout: 1000 }).then(() => true, () => false);
  }).toBe(true);
  await saved(({ layers }) => expect(layers).toEqual({ "10.weight": { pin: { atLeastBits: 6 } } }));
  await expect.poll(async () => Number(await row(page, "10").locator(".plan-bits .number").innerText())).toBeGreaterThanOrEqual(6);
  await slider(page).press("Home");
  await saved(({ target }) => expect(target).toBeDefined());
  expect(Number(await row(page, "10").locator(".plan-bits .number").innerText())).toBeGreaterThanOrEqual(6);

  await row(page, "14").locator(".plan-method").click();
  await page.locator(".chooser").waitFor();
  await workbench.picture("recipe-choices");
  expect(await page.locator(".chooser-item", { hasText: "Leave Alone" }).innerText()).toContain("32.00 bits");
  // a plan that comes meanwhile makes the list anew
  await expect.poll(async () => {
    if (!await page.locator(".chooser").isVisible()) await row(page, "14").locator(".plan-method").click();
    await page.locator(".chooser-item", { hasText: "int · 8 bits" }).click({ timeout: 1000 }).catch(() => undefined);
    return method(page, "14");
  }).toBe("int 8 bits");
  await row(page, "3").click();
  await page.locator(".why .link", { hasText: "Leave Alone" }).click();
  await expect.poll(() => method(page, "3")).toBe("left as it is");
  expect(await row(page, "3").locator(".plan-bits .number").innerText()).toBe("32.00"); // as other views have it
  await expect.poll(() => page.locator(".recipe-layers-head small").innerText()).toBe("7, of which 3 pinned");
  await workbench.picture("recipe-pinned");
  for (const layer of ["3", "14", "10"]) { await row(page, layer).click(); await row(page, layer).focus(); await keyboard.press(" "); await expect.poll(() => row(page, layer).locator(".plan-pin.on").count()).toBe(0); }
  await expect.poll(() => page.locator(".recipe-layers-head small").innerText()).toBe("7");
  await page.locator(".recipe-goal .select").click();
  await page.locator(".recipe-goal [role=option]", { hasText: "Balanced" }).click();
  await saved((recipe) => expect(recipe).toEqual({ version: 1, model: "./fashion-cnn.onnx", preset: "balanced", ...withImages }));
  await expect.poll(() => method(page, "10")).toBe(was);
});

test("a target that pins put out of reach says so, and nothing can be compressed then", async () => {
  write({ target: "60KB", ...withImages, layers: { "17.weight": { pin: "leave" } } });
  const page = await open();
  expect(await page.locator(".recipe-note.bad").innerText()).toMatch(/60\.0 KB cannot be reached\. The smallest possible is 5\d\d KB with the pins as they are\./);
  expect(await page.locator(".header .primary").getAttribute("disabled")).not.toBeNull();
  await workbench.picture("recipe-unreachable");
});

test("text and view stand side by side and never disagree; a broken text says where and why", async () => {
  write({ target: "100KB", ...withImages });
  await open();
  const { keyboard } = workbench.page, press = async (...keys: string[]) => { for (const key of keys) await keyboard.press(key); }, times = (count: number, key: string) => Array.from({ length: count }, () => key);
  await workbench.command("Kernelscope: Open Recipe as Text");
  const text = workbench.page.locator(".editor-instance .monaco-editor").first();
  await text.waitFor();
  await workbench.command("View: Move Editor into Right Group");
  const page = await workbench.modelPage(NAME);
  await page.waitForSelector("body[data-ready=true]");
  await text.click();
  await press("Control+Home", ...times(3, "ArrowDown"), "End", ...times(4, "ArrowLeft"), ...times(3, "Backspace"));
  await keyboard.type("200");
  await expect.poll(() => bytesNow(page)).toBeGreaterThan(150_000);
  await workbench.picture("recipe-side-by-side");
  await keyboard.type(" apples ");
  await page.locator(".recipe-problem:not([hidden])").waitFor();
  await expect.poll(() => page.locator(".recipe-problem").innerText()).toMatch(/^Line 4: .*200 apples/);
  expect(await page.locator(".recipe-panes[data-stale]").count()).toBe(1);
  expect(await page.locator(".plan-body .plan-row").count()).toBe(7);
  await workbench.picture("recipe-invalid");
  await press("Home", ...times(8, "ArrowRight"), "Delete");
  await expect.poll(() => page.locator(".recipe-problem").innerText()).toMatch(/^Line 4: A colon is missing/);
  await press("Control+Home");
  await page.locator(".recipe-problem .button").click();
  await expect.poll(() => workbench.page.locator(".statusbar-item", { hasText: /^Ln 4, Col 1/ }).count()).toBe(1);
  for (let i = 0; i < 6 && await bytesNow(page) > 150_000; i++) { await press("Control+z"); await workbench.page.waitForTimeout(500); }
  await expect.poll(() => bytesNow(page)).toBeLessThanOrEqual(100_000);
  expect(await page.locator(".recipe-problem:not([hidden])").count()).toBe(0);
  await save();
});

test("without images nothing is run, and the prediction says that it is of the weights", async () => {
  write({ bits: 3 });
  const page = await open();
  expect(await figures(page)).toMatch(/[\d.]+ dB of the weights, predicted/);
  expect(await page.locator(".curve-caption").innerText()).toContain("nothing is run without images");
  expect(await page.locator(".recipe-size input").inputValue()).toBe("3 bits");
  await workbench.picture("recipe-no-images");
});

/** Compresses from the recipe in front, with its key. */
async function compress(page: Frame): Promise<void> {
  await page.locator(".plan-row[aria-selected=true]").focus();
  await workbench.page.keyboard.press("Control+Enter");
}
/** The result stands in front, in comparison with its original; back to the recipe's page, which says what came of it. */
async function written(goBack = () => workbench.front(NAME)): Promise<Frame> {
  await workbench.modelPage("fashion-cnn.onnx ↔ fashion-cnn.small.onnx", 240_000);
  const page = await goBack();
  await page.locator(".job-end .codicon-pass-filled").waitFor();
  await page.waitForSelector("body[data-ready=true]");
  return page;
}
const card = (page: Frame) => page.locator(".recipe-left .job:not([hidden])");
const size = (name: string) => statSync(at(name)).size;

test("compressing from a recipe: progress with layers on its page, and a file of the size that it said", { timeout: 300_000 }, async () => {
  write({ target: "100KB", ...withImages });
  let page = await open();
  const said = await bytesNow(page);
  await compress(page);
  await page.locator(".job-segments").waitFor({ timeout: 120_000 });
  await expect.poll(() => page.locator(".job-layers .codicon-check").count(), { timeout: 60_000 }).toBeGreaterThan(0);
  expect(await card(page).innerText()).toMatch(/^Compressing\s+\d of \d layers( · \d+ s left)?\s+Cancel/);
  expect(await page.locator(".job-layers li").first().innerText()).toMatch(/\d+\s+[\d.]+ dB/);
  await workbench.picture("recipe-compressing");
  expect(await workbench.page.locator(".statusbar-item", { hasText: /Compressing \d\/\d/ }).count()).toBe(1);
  expect(await workbench.page.locator(".notification-toast").count()).toBe(0); // the page shows it
  page = await written(async () => {
    const back = workbench.page.locator(".notification-toast .monaco-button", { hasText: "Open Recipe" });
    await back.waitFor();
    await workbench.picture("recipe-result");
    await back.click();
    return workbench.modelPage(NAME);
  });
  expect(await card(page).innerText()).toMatch(/Written: fashion-cnn\.small\.onnx, [\d.]+ KB, 12 times smaller\. Agreement [\d.]+ % ± \d\.\d on 98 images\./);
  expect(size("fashion-cnn.small.onnx")).toBe(said);
  await expect.poll(() => page.locator(".curve-measured").count()).toBe(1);
  expect(await page.locator(".bytes-sizes").innerText()).toMatch(/^on disk [\d.]+ KB · as gzip [\d.]+ KB · in memory 1\.15 MB · activations 201 KB at once$/);
  await workbench.picture("recipe-written");

  // another target is one press away, and the card says that it is not of that: the own result is replaced without a question
  expect(await page.locator(".job-earlier").count()).toBe(0);
  await page.locator(".recipe-size input").fill("70KB");
  await page.locator(".recipe-size input").press("Enter");
  await expect.poll(() => bytesNow(page)).toBeLessThanOrEqual(70_000);
  expect(await page.locator(".job-earlier").innerText()).toBe("It is of an earlier recipe, not of the one shown here.");
  await workbench.picture("recipe-written-earlier");
  await page.locator(".header .primary").click();
  await expect.poll(() => size("fashion-cnn.small.onnx"), { timeout: 240_000 }).toBeLessThanOrEqual(70_000);
  page = await written();
  await expect.poll(() => page.locator(".curve-measured").count()).toBe(2);
  expect(await page.locator(".job-earlier").count()).toBe(0);
});

test("a cancelled compression says what it keeps, and goes on from there", { timeout: 300_000 }, async () => {
  rmSync(at("fashion-cnn.small.onnx"), { force: true });
  write({ target: "90KB", ...withImages });
  const page = await open();
  await compress(page);
  await expect.poll(() => page.locator(".job-layers .codicon-check").count(), { timeout: 120_000 }).toBeGreaterThan(1);
  await card(page).locator(".button", { hasText: "Cancel" }).click();
  await page.locator(".job-end").waitFor({ timeout: 3000 });
  const [, done] = /Cancelled after (\d) of \d layers\. No file was written; the \1 are kept\./.exec(await card(page).innerText()) ?? [];
  expect(Number(done)).toBeGreaterThan(1);
  await workbench.picture("recipe-cancelled");
  expect(existsSync(at("fashion-cnn.small.onnx"))).toBe(false);
  expect(workers().length).toBe(1); // the one that plans

  // with another recipe on the page it says that it is of an earlier one, until the text is that again
  expect(await page.locator(".job-earlier").count()).toBe(0);
  await page.locator(".recipe-size input").fill("200KB");
  await page.locator(".recipe-size input").press("Enter");
  await page.locator(".job-earlier").waitFor();
  await card(page).locator(".button", { hasText: "Resume Earlier Recipe" }).waitFor();
  await workbench.picture("recipe-earlier");
  await page.locator(".recipe-size input").fill("90KB");
  await page.locator(".recipe-size input").press("Enter");
  await page.locator(".job-earlier").waitFor({ state: "detached" });

  // a file that came there meanwhile is not replaced without a question
  writeFileSync(at("fashion-cnn.small.onnx"), "another's");
  const resume = card(page).locator(".button", { hasText: "Resume" }), replace = quick().filter({ hasText: "Replace fashion-cnn.small.onnx" });
  await resume.click();
  await replace.waitFor();
  await workbench.page.keyboard.press("Escape");
  await replace.waitFor({ state: "hidden" });
  expect(readFileSync(at("fashion-cnn.small.onnx"), "utf8")).toBe("another's");
  await resume.click();
  await replace.click();
  await written();
  expect(size("fashion-cnn.small.onnx")).toBeGreaterThan(1000);
  expect(size("fashion-cnn.small.onnx")).toBeLessThanOrEqual(90_000);
});

test("a job whose process is killed goes on from its checkpoint by itself", { timeout: 300_000 }, async () => {
  rmSync(at("fashion-cnn.small.onnx"), { force: true });
  write({ target: "110KB", ...withImages });
  const page = await open(), before = new Set(workers());
  await compress(page);
  await expect.poll(() => page.locator(".job-layers .codicon-check").count(), { timeout: 120_000 }).toBeGreaterThan(1);
  const [job] = workers().filter((pid) => !before.has(pid));
  process.kill(job, "SIGKILL");
  await expect.poll(() => workers().filter((pid) => pid !== job && !before.has(pid)).length).toBe(1);
  await written();
  expect(size("fashion-cnn.small.onnx")).toBeLessThanOrEqual(110_000);
});

test("after a reload of the window a job goes on, and so does one whose tab is hidden", { timeout: 300_000 }, async () => {
  rmSync(at("fashion-cnn.small.onnx"), { force: true });
  write({ target: "120KB", ...withImages });
  const page = await open();
  await compress(page);
  await expect.poll(() => page.locator(".job-layers .codicon-check").count(), { timeout: 120_000 }).toBeGreaterThan(1);
  await workbench.reload();
  await written();
  expect(size("fashion-cnn.small.onnx")).toBeLessThanOrEqual(120_000);
});

test("the name of a preset on the curve lies on no other preset", async () => {
  for (const target of ["22KB", "60KB", "100KB"]) {
    write({ target, ...withImages });
    await workbench.tidy();
    await workbench.sideBar(true);
    const page = await open(), name = (await page.locator(".curve-name").boundingBox())!;
    await workbench.picture(`recipe-preset-name-${target}`);
    for (const mark of await page.locator(".curve-preset").all()) {
      const { x, y, width, height } = (await mark.boundingBox())!;
      expect(x < name.x + name.width && x + width > name.x && y < name.y + name.height && y + height > name.y, target).toBe(false);
    }
  }
});

const quick = () => workbench.page.locator(".quick-input-list .monaco-list-row");
const toasts = () => workbench.page.locator(".notification-toast").allInnerTexts().then((all) => all.join(" "));

test("Compress Model… says what presets come to, takes a typed size, and its result leads to a recipe", { timeout: 300_000 }, async () => {
  for (const name of ["fashion-cnn.small.onnx", "fashion-cnn.kernelscope.json", NAME]) rmSync(at(name), { force: true });
  await workbench.menu("fashion-cnn.onnx", "Compress Model");
  await expect.poll(() => quick().filter({ hasText: "Balanced" }).innerText(), { timeout: 20_000 }).toMatch(/about [\d.]+ KB \([\d.]+ to [\d.]+ KB\) · \d+ times smaller · agreement 9\d\.\d %$/m);
  const cut = () => workbench.page.locator(".quick-input-list .monaco-icon-label-container, .quick-input-list .quick-input-list-label-meta").evaluateAll((all) => all.flatMap((one) => [one, ...one.querySelectorAll("*")]).filter(({ scrollWidth, clientWidth }) => clientWidth > 0 && scrollWidth > clientWidth + 1).map(({ textContent }) => textContent));
  expect(await cut()).toEqual([]);
  expect(await quick().allInnerTexts().then((all) => all.map((text) => text.split("\n")[0].trim()))).toEqual([expect.stringContaining("Nearly Lossless"), expect.stringContaining("Balanced"), expect.stringContaining("Smallest"), expect.stringContaining("Own Settings…")]);
  expect(await workbench.page.locator(".quick-input-title").innerText()).toBe("Compress fashion-cnn.onnx: predicted with the images of fashion-mnist");
  await workbench.picture("compress-presets");
  await workbench.page.keyboard.type("100KB");
  await quick().filter({ hasText: "At most 100KB" }).click();
  await quick().filter({ hasText: "pics" }).click(); // there are no images in it
  await workbench.page.locator(".notification-toast", { hasText: "pics holds no JPEG or PNG images" }).locator(".monaco-button", { hasText: "Choose Folder…" }).click();
  await quick().filter({ hasText: "fashion-mnist" }).click();
  await workbench.page.locator(".notification-toast", { hasText: "Compressing fashion-cnn.onnx" }).waitFor();
  await workbench.modelPage("fashion-cnn.onnx ↔ fashion-cnn.small.onnx", 240_000);
  await expect.poll(toasts).toMatch(/Written: fashion-cnn\.small\.onnx, [\d.]+ KB, 12 times smaller\. Agreement [\d.]+ % ± [\d.]+ on 98 images\./);
  expect(size("fashion-cnn.small.onnx")).toBeLessThanOrEqual(100_000);
  await workbench.page.locator(".notification-toast .monaco-button", { hasText: "Open Recipe" }).click();
  const page = await workbench.modelPage("fashion-cnn.kernelscope.json");
  await page.waitForSelector("body[data-ready=true]", { timeout: 60_000 });
  expect(await bytesNow(page)).toBe(size("fashion-cnn.small.onnx"));
  expect(existsSync(at("fashion-cnn.kernelscope.json"))).toBe(false); // it is not saved yet
  await workbench.picture("recipe-untitled");
  await save();
  await expect.poll(() => existsSync(at("fashion-cnn.kernelscope.json")) && size("fashion-cnn.kernelscope.json")).toBeGreaterThan(0);
  expect(read("fashion-cnn.kernelscope.json")).toEqual({ version: 1, model: "./fashion-cnn.onnx", target: "100KB", ...withImages });
  const model = await workbench.open("fashion-cnn.onnx"); // its bar still leads to a comparison when the toast is gone
  await model.locator(".foot-end").waitFor();
  expect(await model.locator(".foot-end ~ .button").allInnerTexts()).toEqual(["Compare", "Open Recipe", "Close"]);
});

test("Plan… opens the recipe beside a model, and a compressed file's own recipe from the file alone", async () => {
  rmSync(at("fashion-cnn.kernelscope.json"), { force: true });
  write({ preset: "smallest", ...withImages }, "fashion-cnn.kernelscope.json");
  await workbench.menu("fashion-cnn.onnx", "Plan…");
  const page = await workbench.modelPage("fashion-cnn.kernelscope.json");
  await page.waitForSelector("body[data-ready=true]", { timeout: 60_000 });
  expect(await page.locator(".recipe-goal .select").evaluate((element: HTMLSelectElement) => element.value)).toBe("smallest");
  await workbench.tidy();
  rmSync(at("fashion-cnn.kernelscope.json"));
  await workbench.reload(); // whatever this session knows of the file is gone
  await workbench.menu("fashion-cnn.small.onnx", "Plan…");
  const again = await workbench.modelPage("fashion-cnn.kernelscope.json");
  await again.waitForSelector("body[data-ready=true]", { timeout: 60_000 });
  expect(await again.locator(".recipe-size input").inputValue()).toBe("100KB");
  await save();
});

test("a layer selected in the model is selected in its recipe, and the other way", async () => {
  write({ preset: "balanced", ...withImages });
  const model = await workbench.open("fashion-cnn.onnx");
  await model.waitForSelector(".side[data-layer]");
  await workbench.command("View: New Editor Group to the Right");
  await workbench.menu(NAME, "Open Recipe Editor");
  const page = await workbench.modelPage(NAME), left = await workbench.modelPage("fashion-cnn.onnx");
  await page.waitForSelector("body[data-ready=true]", { timeout: 60_000 });
  await row(page, "10").click();
  await left.waitForSelector(".side[data-layer='10.weight']");
  await left.locator("#tab-layers").click();
  await left.locator("tbody tr").nth(1).click();
  await page.waitForSelector('.plan-row[data-id="3.weight"][aria-selected=true]');
  await left.locator("#tab-graph").click();
});

test("at every width nothing is cut, lies on another, or hides what always stays", async () => {
  write({ preset: "balanced", ...withImages, layers: { "17.weight": { pin: { atLeastBits: 2 } } } });
  const page = await open();
  for (const [width, height] of [[1240, 800], [1000, 900], [860, 900], [700, 900], [600, 900], [552, 900], [520, 900], [400, 900], [340, 800], [1104, 560]]) {
    await workbench.page.setViewportSize({ width: width + 48, height });
    await workbench.page.waitForTimeout(400);
    await workbench.picture(`recipe-width-${width}`);
    // figures stand there whole or not at all, and settings can be reached
    expect(await page.locator(".candidate .figure").evaluateAll((all) => all.filter((figure) => {
      const { right, top, bottom } = figure.getBoundingClientRect(), box = figure.parentElement!.getBoundingClientRect();
      return top < box.bottom && (right > box.right + 1 || bottom > box.bottom + 1);
    }).map(({ textContent }) => textContent)), String(width)).toEqual([]);
    await page.getByRole("textbox", { name: "Mean" }).scrollIntoViewIfNeeded({ timeout: 5000 });
    await workbench.picture(`recipe-width-${width}-settings`);
    expect(await overlaps(page), String(width)).toEqual([]);
    expect(await page.locator("#page, .recipe-panes, .plan-scroll").evaluateAll((all) => all.map(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)), String(width)).toEqual([0, 0, 0]);
    if (width >= 520) expect(await page.locator(".figure-predicted").evaluate((figure) => figure.getBoundingClientRect().top < figure.parentElement!.getBoundingClientRect().bottom), `the prediction at ${width}`).toBe(true);
    for (const part of [".figure-size", ".header .primary"]) expect(await page.locator(part).isVisible(), `${part} at ${width}`).toBe(true);
  }
});

test.each([["Default Light Modern", "light"], ["Default High Contrast", "hc"], ["Default High Contrast Light", "hc-light"]])("in %s", async (theme, name) => {
  settings({ "workbench.colorTheme": theme });
  write({ preset: "balanced", ...withImages });
  const page = await open();
  await page.waitForSelector(name === "light" ? "body.vscode-light" : name === "hc" ? "body.vscode-high-contrast" : "body.vscode-high-contrast-light");
  await workbench.page.waitForTimeout(500);
  await workbench.picture(`recipe-${name}`);
  expect(await overlaps(page)).toEqual([]);
  expect(await violations(page)).toEqual([]);
  if (name !== "hc") return;
  await workbench.page.setViewportSize({ width: 568, height: 900 });
  await workbench.page.waitForTimeout(400);
  await workbench.picture("recipe-narrow-hc");
  expect(await overlaps(page)).toEqual([]);
});
