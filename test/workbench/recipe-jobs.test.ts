import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { violations } from "./axe";
import { compress } from "./made";
import { overlaps } from "./overlaps";
import { bytesNow, NAME, Recipe, RESULT, withImages } from "./recipes";
import { THEMES, Workbench } from "./workbench";

/** Compressions that recipes ask for, from the first click to the file. */

let workbench: Workbench, recipe: Recipe;
beforeAll(async () => {
  workbench = await Workbench.start({ rated: true, small: true, prepare: (folder) => {
    mkdirSync(path.join(folder, "pics"));
    writeFileSync(path.join(folder, "pics", "dataset.json"), "{}");
  } });
  recipe = new Recipe(workbench);
}, 300_000);
afterAll(() => workbench?.stop());
beforeEach(async () => {
  await workbench.afresh();
  for (const name of [RESULT, OTHER]) rmSync(recipe.at(name), { force: true });
});

/** Another recipe of the same model. */
const OTHER = "other.kernelscope.json";

/** Compresses from the recipe in front, with its key. */
async function compressFrom(page: Frame): Promise<void> {
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

test("compressing from a recipe: progress with layers on its page, and a file of the size that it said", { timeout: 300_000 }, async () => {
  recipe.write({ target: "25KB", ...withImages });
  let page = await recipe.open();
  const said = await bytesNow(page);
  await compressFrom(page);
  await page.locator(".job-segments").waitFor({ timeout: 30_000 });
  await expect.poll(() => page.locator(".job-layers .codicon-check").count(), { timeout: 60_000 }).toBeGreaterThan(0);
  expect(await card(page).innerText()).toMatch(/^Compressing\s+\d of \d layers( · (about\s\d+\ss\sleft|\d+ % done))?\s+Cancel/);
  expect(await page.locator(".job-layers li").first().innerText()).toMatch(/\d+\s+[\d.]+ dB/);
  const cancel = await card(page).locator(".button", { hasText: "Cancel" }).elementHandle(), progress = await card(page).innerText();
  await expect.poll(() => card(page).innerText(), { interval: 50 }).not.toBe(progress);
  expect(await cancel!.evaluate((button) => button.isConnected)).toBe(true); // a click on it is not lost
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
  expect(await card(page).innerText()).toMatch(/Written: fashion-cnn\.small\.onnx, [\d.]+ KB, 12 times smaller\. Agreement [\d.]+ % (?:± \d\.\d|\([\d.]+ to [\d.]+\)) on 98 images\./);
  expect(recipe.size(RESULT)).toBe(said);
  await expect.poll(() => page.locator(".curve-measured").count()).toBe(1);
  expect(await page.locator(".bytes-sizes").innerText()).toMatch(/^on disk [\d.]+ KB · as gzip [\d.]+ KB · in memory \d+ KB · activations [\d.]+ KB at once$/);
  await workbench.picture("recipe-written");
  // what was measured of just this recipe stands in the place of a prediction
  expect(await page.locator(".candidate").innerText().then((text) => text.replace(/\s+/g, " "))).toMatch(/KB file, now → written [\d.]+× smaller [\d.]+ % (± [\d.]+|\([\d.]+ to [\d.]+\)) agreement, measured on 98 images/);

  // another target is one press away, and the card says that it is not of that: the own result is replaced without a question
  expect(await page.locator(".job-earlier").count()).toBe(0);
  await recipe.aim(page, "18KB");
  await expect.poll(() => bytesNow(page)).toBeLessThanOrEqual(18_000);
  expect(await page.locator(".job-earlier").innerText()).toBe("It is of an earlier recipe, not of the one shown here.");
  await workbench.picture("recipe-written-earlier");
  expect(await page.locator(".candidate").innerText()).not.toContain("measured");
  // on another recipe of the model it names the one that it is of
  recipe.write({ target: "60KB", prune: false, ...withImages }, "other.kernelscope.json");
  await workbench.sideBar(true);
  const other = await recipe.open("other.kernelscope.json");
  expect(await other.locator(".job-earlier").innerText()).toBe("It is of fashion.kernelscope.json, not of the recipe shown here.");
  await expect.poll(() => other.locator(".curve-measured.other title").textContent()).toMatch(/^[\d.]+ KB, agreement [\d.]+ % on 98 images; ([\d.]+ % less to compute; )?other channels$/);
  await workbench.picture("recipe-of-another");
  page = await workbench.front(NAME);
  await page.locator(".header .primary").click();
  await expect.poll(() => recipe.size(RESULT), { timeout: 240_000 }).toBeLessThanOrEqual(18_000);
  page = await written();
  await expect.poll(() => page.locator(".curve-measured").count()).toBe(2);
  expect(await page.locator(".job-earlier").count()).toBe(0);

  // what another recipe has made is asked about
  recipe.write({ target: "50KB", ...withImages }, OTHER);
  await (await recipe.open(OTHER)).locator(".header .primary").click();
  await recipe.asked.filter({ hasText: "Replace fashion-cnn.small.onnx" }).waitFor();
  await workbench.picture("recipe-replace-other");
  await workbench.page.keyboard.press("Escape");
  expect(recipe.size(RESULT)).toBeLessThanOrEqual(18_000);

  // what is finished is not shown beside an error, and is closed for good
  const last = await workbench.modelPage(OTHER);
  await card(last).waitFor();
  recipe.write({ target: "50 apples", ...withImages }, OTHER);
  await last.locator(".recipe-problem").waitFor();
  await card(last).waitFor({ state: "hidden" });
  recipe.write({ target: "50KB", ...withImages }, OTHER);
  await card(last).waitFor();
  await card(last).locator(".button", { hasText: "Close" }).click();
  await card(last).waitFor({ state: "hidden" });
});

test("a cancelled compression says what it keeps, and goes on from there", { timeout: 300_000 }, async () => {
  recipe.write({ target: "22KB", ...withImages });
  const page = await recipe.open();
  await compressFrom(page);
  await expect.poll(() => page.locator(".job-layers .codicon-check").count(), { timeout: 30_000 }).toBeGreaterThan(1);
  await card(page).locator(".button", { hasText: "Cancel" }).click();
  await page.locator(".job-end").waitFor({ timeout: 3000 });
  const [, done] = /Cancelled after (\d) of \d layers\. No file was written; the \1 are kept\./.exec(await card(page).innerText()) ?? [];
  expect(Number(done)).toBeGreaterThan(1);
  await workbench.picture("recipe-cancelled");
  expect(existsSync(recipe.at(RESULT))).toBe(false);
  await expect.poll(() => workbench.workers.length).toBe(1); // the one that plans

  // with another recipe on the page it says that it is of an earlier one, until the text is that again
  expect(await page.locator(".job-earlier").count()).toBe(0);
  await recipe.aim(page, "50KB");
  await page.locator(".job-earlier").waitFor();
  await card(page).locator(".button", { hasText: "Resume Earlier Recipe" }).waitFor();
  await workbench.picture("recipe-earlier");
  await recipe.aim(page, "22KB");
  await page.locator(".job-earlier").waitFor({ state: "detached" });

  // a file that came there meanwhile is not replaced without a question
  writeFileSync(recipe.at(RESULT), "another's");
  const resume = card(page).locator(".button", { hasText: "Resume" }), replace = recipe.asked.filter({ hasText: "Replace fashion-cnn.small.onnx" });
  await resume.click();
  await replace.waitFor();
  await workbench.page.keyboard.press("Escape");
  await replace.waitFor({ state: "hidden" });
  expect(readFileSync(recipe.at(RESULT), "utf8")).toBe("another's");
  expect(await card(page).innerText()).not.toContain("is as it was");
  await resume.click();
  await replace.click();
  await card(page).locator(".button", { hasText: "Cancel" }).click();
  await expect.poll(() => card(page).innerText()).toMatch(/Cancelled .*fashion-cnn\.small\.onnx is as it was\./s);
  expect(readFileSync(recipe.at(RESULT), "utf8")).toBe("another's");
  await resume.click(); // that it may be replaced has been said
  await written();
  expect(recipe.size(RESULT)).toBeGreaterThan(1000);
  expect(recipe.size(RESULT)).toBeLessThanOrEqual(22_000);
});

test("a job whose process is killed goes on from its checkpoint by itself", { timeout: 300_000 }, async () => {
  recipe.write({ target: "28KB", ...withImages });
  const page = await recipe.open(), before = workbench.workers.map(({ pid }) => pid), started = () => workbench.workers.map(({ pid }) => pid).filter((pid) => !before.includes(pid));
  await compressFrom(page);
  await expect.poll(() => page.locator(".job-layers .codicon-check").count(), { timeout: 30_000 }).toBeGreaterThan(1);
  const [job] = started();
  process.kill(job, "SIGKILL");
  await expect.poll(() => started().filter((pid) => pid !== job).length).toBe(1);
  await written();
  expect(recipe.size(RESULT)).toBeLessThanOrEqual(28_000);
});

test("after a reload of the window a job goes on, and so does one whose tab is hidden", { timeout: 300_000 }, async () => {
  recipe.write({ target: "30KB", ...withImages });
  const page = await recipe.open();
  await compressFrom(page);
  await expect.poll(() => page.locator(".job-layers .codicon-check").count(), { timeout: 30_000 }).toBeGreaterThan(1);
  await workbench.reload();
  await written();
  expect(recipe.size(RESULT)).toBeLessThanOrEqual(30_000);
});

const toasts = () => workbench.page.locator(".notification-toast").allInnerTexts().then((all) => all.join(" "));

test("Compress Model… says what presets come to, takes a typed size, and its result leads to a recipe", { timeout: 300_000 }, async () => {
  for (const name of ["fashion-cnn.kernelscope.json", NAME]) rmSync(recipe.at(name), { force: true });
  await workbench.menu("fashion-cnn.onnx", "Compress Model");
  await expect.poll(() => recipe.asked.filter({ hasText: "Balanced" }).innerText(), { timeout: 20_000 }).toMatch(/about [\d.]+ KB \([\d.]+ to [\d.]+ KB\) · [\d.]+ times smaller · agreement 9\d\.\d %$/m);
  const cut = () => workbench.page.locator(".quick-input-list .monaco-icon-label-container, .quick-input-list .quick-input-list-label-meta").evaluateAll((all) => all.flatMap((one) => [one, ...one.querySelectorAll("*")]).filter(({ scrollWidth, clientWidth }) => clientWidth > 0 && scrollWidth > clientWidth + 1).map(({ textContent }) => textContent));
  expect(await cut()).toEqual([]);
  expect(await recipe.asked.allInnerTexts().then((all) => all.map((text) => text.split("\n")[0].trim()))).toEqual([expect.stringContaining("Nearly Lossless"), expect.stringContaining("Balanced"), expect.stringContaining("Smallest"), expect.stringContaining("Own Settings…")]);
  expect(await workbench.page.locator(".quick-input-title").innerText()).toBe("Compress fashion-cnn.onnx: predicted with the images of fashion-mnist");
  await workbench.picture("compress-presets");
  const said = () => recipe.asked.allInnerTexts().then((all) => all.map((text) => text.split("\n")[0].trim()));
  for (const nothing of ["12 kilobytes", "0.5x", "99999GB"]) {
    await workbench.page.locator(".quick-input-box input").fill(nothing);
    await expect.poll(said).toEqual([expect.stringContaining("A size smaller than the model is typed like 300KB, 1.5MB or 12x")]);
    await workbench.page.keyboard.press("Enter");
    expect(await recipe.asked.count()).toBe(1); // it still asks
  }
  await workbench.picture("compress-hint");
  await workbench.page.locator(".quick-input-box input").fill("12,5KB");
  await recipe.asked.filter({ hasText: "At most 12.5KB" }).waitFor();
  await workbench.page.locator(".quick-input-box input").fill("");
  await workbench.page.keyboard.type("25KB");
  await recipe.asked.filter({ hasText: "At most 25KB" }).click();
  await recipe.asked.filter({ hasText: "pics" }).click(); // there are no images in it
  await workbench.page.locator(".notification-toast", { hasText: "pics holds no JPEG or PNG images" }).locator(".monaco-button", { hasText: "Choose Folder…" }).click();
  await recipe.asked.filter({ hasText: "fashion-mnist" }).click();
  await workbench.page.locator(".notification-toast", { hasText: "Compressing fashion-cnn.onnx" }).waitFor();
  await workbench.modelPage("fashion-cnn.onnx ↔ fashion-cnn.small.onnx", 240_000);
  await expect.poll(toasts).toMatch(/Written: fashion-cnn\.small\.onnx, [\d.]+ KB, 12 times smaller\. Agreement [\d.]+ % (?:± [\d.]+|\([\d.]+ to [\d.]+\)) on 98 images\./);
  expect(recipe.size(RESULT)).toBeLessThanOrEqual(25_000);
  await workbench.page.locator(".notification-toast .monaco-button", { hasText: "Open Recipe" }).click();
  const page = await workbench.modelPage("fashion-cnn.kernelscope.json");
  await page.waitForSelector("body[data-ready=true]", { timeout: 60_000 });
  expect(await bytesNow(page)).toBe(recipe.size(RESULT));
  expect(existsSync(recipe.at("fashion-cnn.kernelscope.json"))).toBe(false); // it is not saved yet
  expect(await workbench.page.locator(".breadcrumbs-control .monaco-breadcrumb-item").allInnerTexts()).toEqual(["fashion-cnn.kernelscope.json"]); // not all folders that it will lie in
  for (const [theme, kind] of Object.entries(THEMES)) {
    await workbench.wear(theme as keyof typeof THEMES);
    await workbench.picture(`recipe-untitled-${kind}`);
    expect(await violations(page), theme).toEqual([]);
  }
  await workbench.wear("Default Dark Modern");
  const tabs = () => workbench.page.locator(".tab").filter({ has: workbench.page.getByText("fashion-cnn.kernelscope.json", { exact: true }) }), texts = () => workbench.page.locator(".monaco-editor[data-uri$='fashion-cnn.kernelscope.json']");
  await page.locator(".plan-row[data-id='features.10.weight']").click();
  await workbench.page.waitForTimeout(1500); // VS Code opens texts of untitled documents within a second
  expect(await tabs().count()).toBe(1);
  await recipe.save();
  await expect.poll(() => existsSync(recipe.at("fashion-cnn.kernelscope.json")) && recipe.size("fashion-cnn.kernelscope.json")).toBeGreaterThan(0);
  expect(recipe.read("fashion-cnn.kernelscope.json")).toEqual({ version: 1, model: "./fashion-cnn.onnx", target: "25KB", ...withImages });
  await workbench.page.waitForTimeout(1000);
  expect(await page.locator(".plan-row[data-id='features.10.weight']").getAttribute("aria-selected")).toBe("true"); // the page is the one that it was
  recipe.write({ target: "30KB", ...withImages }, "fashion-cnn.kernelscope.json");
  await expect.poll(() => page.locator(".recipe-size input").inputValue()).toBe("30KB");
  expect([await tabs().count(), await texts().count()]).toEqual([1, 0]);
  const model = await workbench.open("fashion-cnn.onnx"); // its bar still leads to a comparison when the toast is gone
  await model.locator(".foot-end").waitFor();
  expect(await model.locator(".foot-end ~ .button").allInnerTexts()).toEqual(["Compare", "Open Recipe", "Close"]);
});

test("Plan… opens the recipe beside a model, and a compressed file's own recipe from the file alone", async () => {
  compress(recipe.at("fashion-cnn.onnx"), "--target", "25KB");
  recipe.write({ preset: "smallest", ...withImages }, "fashion-cnn.kernelscope.json");
  await workbench.menu("fashion-cnn.onnx", "Plan…");
  const page = await workbench.modelPage("fashion-cnn.kernelscope.json");
  await page.waitForSelector("body[data-ready=true]", { timeout: 60_000 });
  expect(await page.locator(".recipe-goal .select").evaluate((element: HTMLSelectElement) => element.value)).toBe("smallest");
  await workbench.tidy();
  rmSync(recipe.at("fashion-cnn.kernelscope.json"));
  await workbench.reload(); // whatever this session knows of the file is gone
  await workbench.menu(RESULT, "Plan…");
  const again = await workbench.modelPage("fashion-cnn.kernelscope.json");
  await again.waitForSelector("body[data-ready=true]", { timeout: 60_000 });
  expect(await again.locator(".recipe-size input").inputValue()).toBe("25KB");
});

test("a recipe is measured before anything is saved, on the images that its fit does not see", { timeout: 240_000 }, async () => {
  const name = "try.kernelscope.json";
  recipe.write({ target: "20KB", ...withImages }, name);
  const before = readdirSync(workbench.folder);
  const shown = await recipe.open(name), points = await shown.locator(".curve-measured").count();
  await shown.locator(".button", { hasText: "Measure" }).click();
  const page = await workbench.modelPage("Accuracy of try");
  await page.waitForSelector(".accuracy[data-shown=figures]", { timeout: 120_000 });
  await page.waitForSelector(".acc-trace[data-sample]:not([data-stale])", { timeout: 60_000 });
  await workbench.picture("accuracy-candidate");
  const samples = Number(await page.locator(".accuracy").getAttribute("data-samples"));
  expect(await page.locator(".acc-all-images").isVisible()).toBe(false); // those of the fit are left out
  expect(samples).toBeGreaterThan(80);
  expect(samples).toBeLessThan(125);
  expect(await page.locator("[data-figure=agreement]").innerText()).toMatch(/9\d\.\d %/);
  expect(readdirSync(workbench.folder)).toEqual(before);
  await shown.locator(".curve-measured").nth(points).waitFor(); // and the figure stands beside the curve
  expect(await page.locator(".acc-before-tuning").isVisible()).toBe(false);

  // a training that the recipe asks for is not run, and the page says so
  recipe.write({ target: "20KB", ...withImages, tune: { duration: "2h" } }, name);
  await expect.poll(() => shown.locator(".tuning-own input").inputValue()).toBe("2h");
  await shown.locator(".button", { hasText: "Measure" }).click();
  const untuned = await workbench.modelPage("Accuracy of try before fine-tuning");
  await untuned.waitForSelector(".accuracy[data-shown=figures]", { timeout: 120_000 });
  expect(await untuned.locator(".acc-before-tuning").innerText()).toBe("Before fine-tuning: the training that the recipe asks for is not part of this.");
  await shown.waitForSelector(".curve-measured.before");
  expect(await shown.locator(".curve-measured").count()).toBe(points + 2); // neither takes the other's place
  await untuned.waitForSelector(".acc-trace[data-sample]:not([data-stale])", { timeout: 60_000 });
  await workbench.picture("accuracy-before-tuning");
  expect(await overlaps(untuned)).toEqual([]);
});
