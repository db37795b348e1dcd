import { writeFileSync } from "node:fs";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { violations } from "./axe";
import { overlaps } from "./overlaps";
import { NAME, Recipe, bytesNow, figures, slider, withImages } from "./recipes";
import { THEMES, Workbench } from "./workbench";

/** Sizes at their ends: so small that fewer channels are tried, too large, and what keys on the slider come to there. */

let workbench: Workbench, recipe: Recipe;
beforeAll(async () => {
  workbench = await Workbench.start({ rated: true });
  recipe = new Recipe(workbench);
}, 300_000);
afterAll(() => workbench?.stop());
beforeEach(() => workbench.afresh());

const note = (page: Frame) => page.locator(".recipe-target .recipe-note").innerText();
/** Says something to the page, as its host does. */
const tell = (page: Frame, method: string, ...values: unknown[]): Promise<void> => page.evaluate(({ method, args }) => {
  window.dispatchEvent(new MessageEvent("message", { data: { kernelscope: { jsonrpc: "2.0", id: `told ${Math.random()}`, method, params: { args } } } }));
}, { method, args: values.map((value) => ({ value })) });
const field = (page: Frame) => page.locator(".recipe-size input");

test("where fewer channels will be tried no vague figure of all channels stands in the header, and what is shown says of what it is", { timeout: 300_000 }, async () => {
  recipe.write({ target: "8KB", tune: { duration: "1m" }, ...withImages });
  const page = await recipe.open();
  expect(await figures(page)).toMatch(/^1\.16 MB → 7\.9\d KB file, now → candidate 14\d× smaller – agreement: fewer channels are tried [\d.]+ bits per conv\. weight$/);
  expect(await page.locator(".figure-predicted").getAttribute("title")).toMatch(/^With all channels, untrained, [\d.]+ to [\d.]+ % are predicted\. Fewer channels will be tried, and what loses less is written/);
  expect(await note(page)).toContain("So small a file is tried with fewer channels, too: what stands here is of all channels, untrained.");
  expect(await page.locator(".recipe-layers-head small").innerText()).toBe("7, with all channels");
  expect(await page.locator(".bytes-sizes").innerText()).toMatch(/in memory at most [\d.]+ MB · activations at most \d+ KB at once$/);
  expect(await page.locator(".why").innerText()).toContain("With all channels one step up");
  expect(await slider(page).getAttribute("aria-valuetext")).toMatch(/fewer channels will be tried$/);
  for (const [theme, kind] of Object.entries(THEMES)) {
    await workbench.wear(theme as keyof typeof THEMES);
    for (const width of [1440, 700]) {
      await workbench.page.setViewportSize({ width, height: 900 });
      await workbench.page.waitForTimeout(400);
      expect(await overlaps(page), `${theme}, ${width} pixels`).toEqual([]);
      expect(await page.locator(".curve-told").isVisible(), `${theme}, ${width} pixels`).toBe(false); // there is nothing to tell
      await workbench.picture(`recipe-fewer-channels-${kind}-${width}`);
    }
    await workbench.page.setViewportSize({ width: 1440, height: 900 });
    expect(await violations(page), theme).toEqual([]);
  }
  await workbench.wear("Default Dark Modern");
  // once it is written, the header has what was written, and the table says that it is of the plan
  await tell(page, "measured", [{ bytes: 7905, bits: 0.127, agreement: 0.881, interval: [0.86, 0.9], samples: 500, pruned: 0.43, isOwn: true, traits: [] }], [{ bytes: 7905, gzipBytes: 7000, isOwn: true }]);
  await expect.poll(() => figures(page)).toBe("1.16 MB → 7.91 KB file, now → written 147× smaller 88.1 % ± 2.0 agreement, measured on 500 images 0.13 bits per conv. weight");
  expect(await page.locator(".recipe-layers-head small").innerText()).toBe("7, planned with all channels");
  expect(await page.locator(".plan-total .plan-c1").innerText()).toBe("Plan");
  for (const width of [1440, 700, 388]) {
    await workbench.page.setViewportSize({ width, height: 900 });
    await workbench.page.waitForTimeout(400);
    await page.locator(".plan-total").scrollIntoViewIfNeeded();
    await workbench.picture(`recipe-pruned-${width}`);
    expect(await overlaps(page), String(width)).toEqual([]);
    expect(await page.locator(".recipe-order .select").evaluate((list) => list.getBoundingClientRect().right <= innerWidth), String(width)).toBe(true);
  }
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
  // what all channels do not reach may be reached by fewer
  await page.evaluate(() => {
    window.addEventListener("message", ({ data }: MessageEvent<{ kernelscope?: { method?: string } }>) => { if (data.kernelscope?.method) document.body.dataset.heard = `${document.body.dataset.heard ?? ""} ${data.kernelscope.method}`; });
  });
  await recipe.aim(page, "5KB");
  await expect.poll(() => note(page)).toMatch(/With all its channels the smallest file takes [\d.]+ KB\. Whether fewer come to 5\.00 KB is found out by compressing\./);
  await expect.poll(() => figures(page)).toMatch(/^1\.16 MB → 5\.00 KB file, now → at most/);
  const heard = (await page.locator("body").getAttribute("data-heard"))?.split(" ") ?? [];
  expect(heard.indexOf("measured"), "what was written by another text is known to be that before the new plan is shown").toBeLessThan(heard.indexOf("planning"));
  expect(heard.indexOf("measured")).toBeGreaterThanOrEqual(0);
  expect(await page.locator(".header .primary").getAttribute("disabled")).toBeNull();
  await recipe.aim(page, "1KB");
  await expect.poll(() => note(page)).toMatch(/^1\.00 KB cannot be reached\. The smallest possible is [\d.]+ KB with all its channels\. Fewer channels make smaller files: --prune 50%/);
  // with more bits all channels tell what is the least
  await recipe.aim(page, "26KB");
  await expect.poll(() => figures(page)).toMatch(/ 9\d\.\d % ± \d\.\d agreement, predicted with all channels; fewer are tried/);
  // a size of more bits is predicted, before its training
  await recipe.aim(page, "60KB");
  await expect.poll(() => figures(page)).toMatch(/agreement untrained, predicted; top-1/);
});

test("the legend tells of dashes where some are to be seen, and only there", async () => {
  recipe.write({ preset: "balanced", ...withImages });
  const page = await recipe.open(), looks = () => page.evaluate(() => {
    const path = document.querySelector<SVGPathElement>(".curve-line.open")!, bottom = 206, all = path.getAttribute("d") ? path.getTotalLength() : 0;
    return { told: document.querySelector(".curve-legend .key-open") !== null, seen: Array.from({ length: Math.floor(all) }, (_, i) => path.getPointAtLength(i)).filter(({ y }) => y < bottom).length };
  });
  const wide = await looks();
  expect(wide.seen).toBeGreaterThan(12);
  expect(wide.told).toBe(true);
  await recipe.aim(page, "200KB"); // what is shown begins above all that is dashed, or not: both have to agree
  await expect.poll(() => bytesNow(page)).toBeGreaterThan(150_000);
  const { told, seen } = await looks();
  expect(told).toBe(seen > 12);
  await recipe.saved((saved) => expect(saved.target).toBe("200KB"));
  await workbench.page.waitForTimeout(1000); // VS Code takes a change right behind its own save for that
  recipe.write({ preset: "balanced", prune: false, ...withImages });
  await expect.poll(async () => (await looks()).told, { timeout: 60_000 }).toBe(false);
  expect((await looks()).seen).toBe(0);
});

test("a size that is no smaller than the model is refused where it is typed, and mended where a text has it", async () => {
  recipe.write({ target: "60KB", ...withImages });
  const page = await recipe.open();
  for (const [size, words] of [["2MB", "2.00 MB"], ["99999GB", "100 TB"]]) {
    await recipe.aim(page, size);
    await page.locator(".recipe-size.wrong").waitFor();
    expect(await note(page)).toBe(`The model takes 1.16 MB, no more than the ${words} asked for. Give a smaller size.`);
  }
  expect(recipe.read().target).toBe("60KB");
  expect(await workbench.page.locator(".tab.dirty").count()).toBe(0);
  for (const [target, words] of [["2MB", "The model takes 1.16 MB, no more than the 2.00 MB asked for."], [300, 'target: give a size in quotes, like "300KB" or "12x".']]) {
    await page.locator(".recipe-size input").press("Escape");
    await workbench.page.waitForTimeout(1000); // VS Code takes a change right behind its own save for that
    recipe.write({ target, ...withImages });
    await expect.poll(async () => `${await note(page)} ${await page.locator(".recipe-problem").innerText().catch(() => "")}`, { timeout: 20_000 }).toContain(words);
    await recipe.aim(page, "50KB");
    await recipe.saved((saved) => expect(saved.target).toBe("50KB"));
    await page.locator(".recipe-problem").waitFor({ state: "hidden" });
    await expect.poll(() => bytesNow(page)).toBeLessThanOrEqual(50_000);
  }
});

test("a text with a wrong size is mended on its page before there is a plan", async () => {
  writeFileSync(recipe.at(NAME), JSON.stringify({ version: 1, model: "./fashion-cnn.onnx", target: 8, ...withImages }));
  await workbench.menu(NAME, "Open Recipe Editor");
  const page = await workbench.modelPage(NAME);
  await page.locator(".recipe-problem:not([hidden])").waitFor({ timeout: 60_000 });
  expect(await page.locator(".recipe-problem").innerText()).toContain('target: give a size in quotes, like "300KB" or "12x".');
  expect(await page.locator("body").innerText()).not.toContain("Working out what every size costs");
  const below = await page.evaluate(() => { const [box, size] = [".recipe-wait", ".recipe-wait .recipe-target"].map((selector) => document.querySelector(selector)!.getBoundingClientRect().top); return size - box; });
  expect(below, "it stands where it will beside a plan").toBeLessThan(40);
  await workbench.picture("recipe-wrong-text");
  await recipe.aim(page, "50KB");
  await page.waitForSelector("body[data-ready=true]", { timeout: 60_000 });
  expect(await page.locator(".recipe-scroll > .recipe-target").count()).toBe(1);
  expect(await bytesNow(page)).toBeLessThanOrEqual(50_000);
});

test("keys on the slider lead on to another size each time, from a preset to the smallest at once", async () => {
  recipe.write({ preset: "balanced", ...withImages });
  const page = await recipe.open(), press = async (key: string): Promise<[text: string, bytes: number]> => {
    const before = await field(page).inputValue();
    await slider(page).press(key);
    await workbench.page.waitForTimeout(200);
    await expect.poll(() => page.locator("body").getAttribute("data-ready")).toBe("true");
    await expect.poll(async () => { const now = await field(page).inputValue(); return /^[\d.]+[KM]B$/.test(now) && (now !== before || key === "Home"); }, { timeout: 20_000 }).toBe(true);
    await workbench.page.waitForTimeout(800);
    return [await field(page).inputValue(), await bytesNow(page)];
  };
  const home = await press("Home");
  expect(home[0]).toMatch(/^7\.\d+KB$/);
  expect(await press("Home")).toEqual(home);
  let last = home[1];
  for (let i = 0; i < 4; i++) {
    const [, bytes] = await press("ArrowRight");
    expect(bytes).toBeGreaterThan(last);
    last = bytes;
  }
  for (let i = 0; i < 3; i++) {
    const [, bytes] = await press("ArrowLeft");
    expect(bytes).toBeLessThan(last);
    last = bytes;
  }
});

test("with a large pin the axis has labels at both ends, and what it makes impossible is said", async () => {
  recipe.write({ target: "700KB", layers: { "17.weight": { pin: "leave" } }, ...withImages });
  const page = await recipe.open();
  expect(await page.locator(".curve-axis span").count()).toBeGreaterThan(1);
  await workbench.picture("recipe-pinned-axis");
  expect(await page.locator(".why").innerText()).not.toContain("pays for the others");
});
