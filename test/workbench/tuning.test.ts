import { existsSync, rmSync, statSync } from "node:fs";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { violations } from "./axe";
import { readPng } from "../helpers/png";
import { contrast } from "../helpers/contrast";
import { overlaps } from "./overlaps";
import { NAME, Recipe, RESULT, withImages } from "./recipes";
import { Workbench } from "./workbench";

let workbench: Workbench, recipe: Recipe;
const write = (fields: object): void => recipe.write({ target: "9KB", ...fields });

beforeAll(async () => {
  workbench = await Workbench.start({ rated: true, small: true });
  recipe = new Recipe(workbench);
}, 300_000);
afterAll(() => workbench?.stop());
beforeEach(async () => {
  await workbench.afresh();
  rmSync(recipe.at(RESULT), { force: true });
});

/** Waits until layers are rated on the images. */
const rated = (page: Frame) => expect.poll(() => page.locator(".candidate").innerText(), { timeout: 120_000 }).toMatch(/agreement( untrained)?, predicted/);
async function compress(page: Frame): Promise<void> {
  await rated(page);
  await page.locator(".plan-row[aria-selected=true]").focus();
  await workbench.page.keyboard.press("Control+Enter");
  await page.locator(".training").waitFor({ timeout: 240_000 }).catch(async (error: unknown) => { await workbench.picture("failure"); throw error; });
}
/** Saves and waits until the recipe's training is what is wanted. */
async function saved(tune: unknown): Promise<void> {
  await expect.poll(async () => { await workbench.page.keyboard.press("Control+s"); return recipe.read().tune; }, { timeout: 20_000, interval: 500 }).toEqual(tune);
  await workbench.page.waitForTimeout(1000); // the last Ctrl+S writes a clean document once more, which must not cross what a test writes next
}
const list = (page: Frame) => page.locator(".tuning-choice .select");
const chosen = (page: Frame) => list(page).evaluate((element: HTMLElement & { value: string }) => element.value);
async function choose(page: Frame, text: string, name = "Fine-tune"): Promise<void> {
  const box = name === "Fine-tune" ? list(page) : page.getByRole("combobox", { name, exact: true });
  await box.scrollIntoViewIfNeeded();
  await box.click();
  await page.locator(".tuning [role=option]:visible", { hasText: text }).click();
}
/** A command of the model's menu, without a recipe beside it, up to the question how long. Images of a job before are taken without asking. */
async function askFor(command: string): Promise<void> {
  rmSync(recipe.at(NAME), { force: true });
  await expect.poll(() => workbench.row(NAME).count()).toBe(0); // rows move up
  await workbench.menu("fashion-cnn.onnx", command);
  await expect.poll(() => workbench.page.locator(".quick-input-title").innerText()).toMatch(command === "Make Compressible…" ? /^Make fashion-cnn\.onnx Compressible/ : /^Fine-Tune fashion-cnn\.onnx/);
  await recipe.asked.filter({ hasText: /lose\s3\spoints/ }).click();
  const next = recipe.asked.filter({ hasText: /fashion-mnist|15 Minutes/ }).first();
  await next.waitFor();
  if ((await next.innerText()).includes("fashion-mnist")) await next.click();
  await recipe.asked.filter({ hasText: "15 Minutes" }).waitFor();
  const typed = workbench.page.locator(".quick-input-box input");
  await typed.fill("soon");
  await recipe.asked.filter({ hasText: "A length is typed like 45m, 2h or 2000 steps" }).waitFor();
  await typed.fill("2 hours");
  await recipe.asked.filter({ hasText: "For 2h" }).waitFor();
  await typed.fill("");
}
/** Whether the end of what is done stands out in the bar of a training, in its own colours. */
async function isTold(page: Frame): Promise<boolean> {
  // one beside it, because the next step moves it
  await page.locator(".training progress").evaluate((bar) => bar.after(Object.assign(bar.cloneNode(), { value: 0.5, id: "half" })));
  const half = page.locator("#half"), { pixels, width, height } = readPng(await half.screenshot()), at = (x: number) => pixels.subarray(3 * (Math.floor(height / 2) * width + x), 3 * (Math.floor(height / 2) * width + x) + 3);
  const [done, open] = [at(Math.floor(width / 8)), at(Math.floor(7 * width / 8))].map((colour) => [...colour]);
  await half.evaluate((bar) => bar.remove());
  return contrast(done, open) >= 3;
}
const stepOf = async (page: Frame) => Number(/step ([\d,]+) of/.exec(await page.locator(".training-far").innerText())?.[1].replace(",", ""));
const MEASURED = "agreement [\\d.]+ → [\\d.]+ % on the \\d+ images held out \\([−+]?[\\d.]+ to [−+]?[\\d.]+ points\\)\\.", VERDICT = "(gained:|brought outputs nearer to the original's, though too little for predictions to show it:|made no measurable difference:|did harm: outputs are farther from the original's,)";
const GAINED = `Fine-tuning (${VERDICT} ${MEASURED} Step [\\d,]+ of [\\d,]+ was the best on \\d+ other images, which choose it: loss [\\d.]+ → [\\d.]+\\.|gained nothing in [\\d,]+ steps: on the \\d+ images that choose the best step, loss was never below the [\\d.]+ before it\\. What was before is kept\\.)`;
const gained = new RegExp(`Written: fashion-cnn\\.small\\.onnx, [\\d.]+ KB, \\d+ times smaller\\. Agreement [\\d.]+ % (?:± [\\d.]+|\\([\\d.]+ to [\\d.]+\\)) on \\d+ images\\. ${GAINED}`);
/** The same of one that was ended. */
const ENDED = "nded at step [\\d,]+ of [23]0,000", ended = new RegExp(`Written: fashion-cnn\\.small\\.onnx, .* images\\. Fine-tuning (${VERDICT} ${MEASURED} E${ENDED}; step [\\d,]+ was the best on \\d+ other images, which choose it: loss [\\d.]+ → [\\d.]+\\.|was e${ENDED} and had gained nothing: on the \\d+ images that choose the best step, loss was never below)`);

test("a recipe's page sets the training, and never says anything else than its text", async () => {
  write({});
  const page = await recipe.open(), { keyboard } = workbench.page;
  await list(page).scrollIntoViewIfNeeded();
  expect(await list(page).getAttribute("disabled")).not.toBeNull();
  expect(await page.locator(".tuning-note").innerText()).toBe("Training needs images: choose a folder first.");
  await workbench.picture("tuning-no-images");
  write(withImages);
  await expect.poll(() => list(page).getAttribute("disabled")).toBeNull();
  await rated(page);
  const labels = page.getByRole("combobox", { name: "Labels" });
  expect(await labels.count()).toBe(0); // nothing is trained

  await choose(page, "30 minutes");
  await saved({ duration: "30m" });
  await choose(page, "Own Time");
  const own = page.locator(".tuning-own input");
  await own.fill("soon");
  await own.press("Enter");
  await page.locator(".tuning-own.wrong").waitFor();
  expect(await page.locator(".tuning-note.bad").innerText()).toBe('"soon" is no length of fine-tuning. Give a time like 30m, steps like 2000steps, or none.');
  const compress = page.locator(".header .button", { hasText: "Compress" });
  expect(await compress.getAttribute("disabled")).not.toBeNull();
  expect(await compress.getAttribute("title")).toContain('"soon" is no length');
  await workbench.picture("tuning-wrong");
  expect(recipe.read().tune).toEqual({ duration: "30m" });
  await own.fill("45m");
  await own.press("Enter");
  await saved({ duration: "45m" });
  await choose(page, "Number of Steps");
  await own.fill("2000");
  await own.press("Enter");
  await saved({ steps: 2000 });
  expect(await chosen(page)).toBe("steps");
  await workbench.picture("tuning-steps");
  expect(await overlaps(page)).toEqual([]);
  await labels.scrollIntoViewIfNeeded();
  await labels.click();
  await page.getByRole("option", { name: "10 % of the loss" }).click();
  await saved({ steps: 2000, labels: 0.1 });
  await choose(page, "one after another", "Layers");
  await saved({ steps: 2000, labels: 0.1, schedule: "iterative" });
  await choose(page, "codewords, 10 %", "Noise");
  const manner = { labels: 0.1, schedule: "iterative", noise: { kind: "codeword", p: 0.1 } };
  await saved({ steps: 2000, ...manner });
  for (const [theme, name] of [["Default Light Modern", "light"], ["Default High Contrast", "hc"], ["Default High Contrast Light", "hc-light"], ["Default Dark Modern", "dark"]] as const) {
    await workbench.wear(theme);
    await workbench.picture(`tuning-manner-${name}`);
    expect(await violations(page), name).toEqual([]);
  }
  expect(await overlaps(page)).toEqual([]);
  await list(page).scrollIntoViewIfNeeded();
  await own.fill("3000");
  await own.press("Enter");
  await saved({ steps: 3000, ...manner });
  await page.locator(".plan-row[aria-selected=true]").focus();
  for (let i = 0; i < 6; i++) await keyboard.press("Control+z");
  await expect.poll(() => chosen(page)).toBe("30m");
  await choose(page, "Off");
  await saved(undefined);

  write({ ...withImages, tune: { duration: "an hour" } });
  await expect.poll(() => page.locator(".recipe-problem").innerText(), { timeout: 20_000 }).toMatch(/^Line \d+: tune\.duration: give a time like 90s, 30m or 1h30m\./);
  write({ tune: { steps: 100 } });
  await expect.poll(() => page.locator(".tuning-note.bad").innerText(), { timeout: 20_000 }).toBe("Training needs images: choose a folder, or turn this off.");
  expect(await page.locator(".header .primary").getAttribute("disabled")).not.toBeNull();
});

test("a training shows its course in every theme and width, is read as a table, and ends early with its best", { timeout: 600_000 }, async () => {
  write({ ...withImages, tune: { steps: 20_000 } });
  const page = await recipe.open();
  await compress(page);
  await expect.poll(() => page.locator(".training-best").count()).toBe(1);
  const early = await stepOf(page);
  await expect.poll(() => page.locator(".training-decides .training-look").count(), { timeout: 240_000 }).toBeGreaterThan(3);
  expect(await stepOf(page)).toBeGreaterThan(early);
  expect(await page.locator(".training-held figcaption").innerText()).toMatch(/^Agreement on 61 images that choose the step\s+[\d.]+ → [\d.]+ %$/);
  expect(await page.locator(".training-told").textContent()).toMatch(/^chosen so far: (step \d+|before training)$/);
  expect(await page.locator(".training-decides figcaption").innerText()).toMatch(/^Loss on 61 images that choose the step\s+[\d.]+ → [\d.]+$/);
  const [line, dots, best] = await page.locator(".training-decides").evaluate((figure) => {
    const place = (circle: Element): number[] => ["cx", "cy"].map((name) => Number(circle.getAttribute(name)));
    return [figure.querySelector(".training-line")!.getAttribute("d")!, Array.from(figure.querySelectorAll(".training-look"), place), place(figure.querySelector(".training-best")!)] as const;
  });
  expect(line.startsWith("M52,")).toBe(true); // from before the first step
  expect(best[1]).toBeGreaterThanOrEqual(dots[0][1]); // never above what was before
  expect(dots.some(([x]) => Math.abs(x - best[0]) < 0.01)).toBe(true);
  expect(await workbench.page.locator(".statusbar-item", { hasText: /Fine-tuning \d+ %/ }).count()).toBe(1);
  for (const [theme, name] of [["Default Light Modern", "light"], ["Default High Contrast", "hc"], ["Default High Contrast Light", "hc-light"], ["Default Dark Modern", "dark"]] as const) {
    await workbench.wear(theme);
    await workbench.picture(`tuning-${name}`);
    expect(await isTold(page), name).toBe(true);
    expect(await violations(page), name).toEqual([]);
  }
  for (const width of [1000, 700, 520, 340]) {
    await workbench.page.setViewportSize({ width: width + 48, height: 900 });
    await workbench.page.waitForTimeout(400);
    await workbench.picture(`tuning-width-${width}`);
    // in one column the training stays at the bottom while the rest is scrolled behind it
    if (width > 799) expect(await overlaps(page), String(width)).toEqual([]);
    expect(await page.locator(".training").evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth), String(width)).toBeLessThanOrEqual(1); // a fraction of a pixel is rounded up
    expect(await page.locator(".training figcaption > *").evaluateAll((all) => all.filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth + 1).map(({ textContent }) => textContent)), String(width)).toEqual([]);
  }
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
  const table = page.locator(".training .icon-button");
  await table.click();
  expect(await page.locator(".training-table tbody tr").first().innerText()).toMatch(/^0\s+[\d.]+\s+[\d.]+\s+–$/);
  expect(await violations(page)).toEqual([]);
  await workbench.picture("tuning-table");
  await table.click();

  await workbench.sideBar(true);
  const model = await workbench.open("fashion-cnn.onnx");
  await model.locator(".foot .training").waitFor();
  await workbench.page.waitForTimeout(1000);
  await workbench.picture("tuning-model");
  expect(await violations(model)).toEqual([]);
  const finish = model.locator(".training .button", { hasText: "Finish Now, Keep the Best" });
  await finish.focus();
  await workbench.page.waitForTimeout(1500);
  expect(await finish.evaluate((button) => document.activeElement === button)).toBe(true); // it stays the same button
  await finish.press("Enter");
  await workbench.modelPage(`fashion-cnn.onnx ↔ ${RESULT}`, 120_000); // the result comes to the front
  const again = await workbench.front("fashion-cnn.onnx");
  await expect.poll(() => again.locator(".foot-end").innerText()).toMatch(ended);
  expect(statSync(recipe.at(RESULT)).size).toBeLessThanOrEqual(9_000);
  await again.locator(".foot .button", { hasText: "Compare" }).click();
  const comparison = await workbench.modelPage(`fashion-cnn.onnx ↔ ${RESULT}`);
  await expect.poll(() => comparison.locator(".cmp-tuned").innerText()).toMatch(/^([\d.]+ → [\d.]+ %\s*(by fine-tuning|fine-tuned, within noise)|Training gained nothing\s*what was before is kept)$/);
  await workbench.picture("tuning-comparison");
  await workbench.page.setViewportSize({ width: 1100, height: 900 });
  await workbench.page.waitForTimeout(400);
  await workbench.picture("tuning-comparison-1100");
  for (const kept of [".cmp-tuned", ".cmp-step .control, .cmp-measured"]) expect(await comparison.locator(kept).first().isVisible(), kept).toBe(true);
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
});

test("a training that was ended is told to be, in its sentence and of the file in the recipe's header", { timeout: 600_000 }, async () => {
  write({ ...withImages, tune: { steps: 30_000 } });
  const page = await recipe.open();
  await compress(page);
  await expect.poll(() => stepOf(page), { timeout: 240_000 }).toBeGreaterThan(3);
  await page.getByRole("button", { name: "Show as Table" }).click();
  expect(await page.locator(".training-table th").allInnerTexts()).toEqual(["Step", "Loss, choosing the step", "Agreement, %", "Loss, trained on"]);
  await page.locator(".training .button", { hasText: "Finish Now, Keep the Best" }).click();
  await workbench.modelPage(`fashion-cnn.onnx ↔ ${RESULT}`, 120_000);
  const again = await workbench.front(NAME);
  await again.locator(".job-end .codicon-pass-filled").waitFor();
  expect(await again.locator(".recipe-left .job").innerText()).toMatch(ended);
  await workbench.sideBar(false);
  await expect.poll(() => again.locator(".figure-size small").textContent()).toBe("file, now → written; training ended early");
  await workbench.picture("tuning-ended");
  const hover = /The file’s training was ended at step [\d,]+ of 30,000; trained to the end, this recipe comes to another file\.\s*$/;
  for (const figure of [".figure-size", ".figure-predicted"]) expect(await again.locator(figure).getAttribute("title"), figure).toMatch(hover);
  expect(await overlaps(again)).toEqual([]);
  await workbench.page.setViewportSize({ width: 700, height: 900 });
  await workbench.page.waitForTimeout(500);
  await workbench.picture("tuning-ended-narrow");
  expect(await again.locator(".told-range").innerText()).toMatch(hover); // the header has no room for it there
});

test("a training whose process is killed goes on from its checkpoint and ends well", { timeout: 600_000 }, async () => {
  write({ ...withImages, tune: { steps: 150 } });
  const page = await recipe.open(), before = workbench.workers.map(({ pid }) => pid), started = () => workbench.workers.map(({ pid }) => pid).filter((pid) => !before.includes(pid));
  await compress(page);
  await expect.poll(() => stepOf(page), { timeout: 240_000 }).toBeGreaterThan(10);
  const [job] = started();
  process.kill(job, "SIGKILL");
  await expect.poll(() => started().filter((pid) => pid !== job).length).toBe(1);
  await page.locator(".training").waitFor({ timeout: 240_000 });
  await workbench.modelPage(`fashion-cnn.onnx ↔ ${RESULT}`, 400_000);
  const again = await workbench.front(NAME);
  await again.locator(".job-end .codicon-pass-filled").waitFor();
  expect(await again.locator(".recipe-left .job").innerText()).toMatch(gained);
  expect(existsSync(recipe.at(RESULT))).toBe(true);
  // what was measured stays on the curve of another training, or of none, and says what it is
  const others = (ending: RegExp) => again.locator(".curve-measured.other title", { hasText: ending }).count(), before150 = await others(/ images; fine-tuned otherwise$/);
  write({ ...withImages, tune: { steps: 60 } });
  await expect.poll(() => others(/ images; fine-tuned otherwise$/)).toBe(before150 + 1);
  await workbench.picture("tuning-otherwise");
  write(withImages);
  await expect.poll(() => others(/ images; fine-tuned$/)).toBe(before150 + 1);
});

test("Make Compressible… trains the model itself, says what that is worth, and leads to compressing it", { timeout: 600_000 }, async () => {
  await askFor("Make Compressible…");
  expect(await workbench.page.locator(".quick-input-title").innerText()).toBe("Make fashion-cnn.onnx Compressible");
  const { page: window } = workbench, session = await window.context().newCDPSession(window);
  await session.send("Emulation.setCPUThrottlingRate", { rate: 8 }); // Enter comes before the list has followed
  await window.keyboard.type("6 steps");
  await window.keyboard.press("Enter");
  await session.send("Emulation.setCPUThrottlingRate", { rate: 1 });
  await expect.poll(() => window.locator(".notification-toast", { hasText: "Making fashion-cnn.onnx compressible" }).innerText(), { timeout: 120_000 }).toMatch(/step \d of 6\b/);
  const toast = workbench.page.locator(".notification-toast", { hasText: "Written: fashion-cnn.ready.onnx" });
  await toast.waitFor({ timeout: 400_000 });
  const text = await toast.innerText(), [, verdict, before, after] = /the same model with trained weights\. Preparing (gained|did harm|made no measurable difference): compressed as asked for, agreement with the original is ([\d.]+) → ([\d.]+) % on 61 images kept from training \([+−]?[\d.]+ to [+−]?[\d.]+ points\)\./.exec(text)!, isGain = verdict === "gained";
  await workbench.picture("tuning-ready");
  if (verdict !== "made no measurable difference") expect(Number(after) > Number(before)).toBe(isGain);
  expect(/Compress the original(,| instead)/.test(text)).toBe(!isGain); // it may be, after six steps
  expect(Math.abs(statSync(recipe.at("fashion-cnn.ready.onnx")).size / statSync(recipe.at("fashion-cnn.onnx")).size - 1)).toBeLessThan(0.01);
  if (!isGain) {
    expect(await toast.locator(".monaco-button").allInnerTexts()).toEqual(["Train Longer…", "Compress the Original…"]);
  } else {
    await (await workbench.modelPage("fashion-cnn.ready.onnx")).waitForSelector("body[data-ready=true]");
  }
  await toast.locator(".monaco-button", { hasText: /^Compress/ }).click();
  await recipe.asked.filter({ hasText: /Nearly Lossless/ }).waitFor();
  await workbench.page.keyboard.press("Escape");
});

test("Fine-Tune… asks how small, for images and how long, and its result leads to a recipe that says so", { timeout: 600_000 }, async () => {
  await askFor("Fine-Tune…");
  await workbench.page.keyboard.type("30 steps");
  await recipe.asked.filter({ hasText: "30 Steps" }).waitFor();
  await workbench.picture("tuning-how-long");
  await workbench.page.keyboard.press("Enter");
  await workbench.page.locator(".notification-toast", { hasText: "Fine-tuning fashion-cnn.onnx" }).waitFor();
  // once its model shows the job, nothing lies on it
  const model = await workbench.open("fashion-cnn.onnx");
  await model.locator(".foot", { hasText: "Fine-tuning" }).waitFor({ timeout: 120_000 });
  await expect.poll(() => workbench.page.locator(".notification-toast").count()).toBe(0);
  await workbench.picture("tuning-seen");
  await workbench.modelPage(`fashion-cnn.onnx ↔ ${RESULT}`, 400_000);
  await expect.poll(() => workbench.page.locator(".notification-toast").allInnerTexts().then((all) => all.join(" "))).toMatch(/Written: .* Fine-tuning/);
  await workbench.page.locator(".notification-toast .monaco-button", { hasText: "Open Recipe" }).click();
  const page = await workbench.modelPage("fashion-cnn.kernelscope.json");
  await page.waitForSelector("body[data-ready=true]", { timeout: 120_000 });
  expect(await chosen(page)).toBe("steps");
  expect(await page.locator(".tuning-own input").inputValue()).toBe("30");
});

test("images that one model was used with are no other's until somebody says so", async () => {
  await workbench.menu("resnet20-cifar10.onnx", "Fine-Tune…");
  await expect.poll(() => workbench.page.locator(".quick-input-title").innerText()).toMatch(/^Fine-Tune resnet20-cifar10\.onnx/);
  await recipe.asked.filter({ hasText: /lose\s3\spoints/ }).click();
  await recipe.asked.filter({ hasText: "fashion-mnist" }).waitFor().catch(async (error: unknown) => { await workbench.picture("failure"); throw error; }); // asked for
  await workbench.page.keyboard.press("Escape");
  await workbench.menu("resnet20-cifar10.onnx", "Plan…");
  const page = await workbench.modelPage("resnet20-cifar10.kernelscope.json");
  await page.waitForSelector("body[data-ready=true]", { timeout: 120_000 });
  expect(await page.locator(".recipe-data").innerText()).toBe("No Images"); // those beside it are of another size
});
