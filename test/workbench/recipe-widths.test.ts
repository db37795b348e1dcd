import { writeFileSync } from "node:fs";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { violations } from "./axe";
import { overlaps } from "./overlaps";
import { Recipe, unfold, withImages } from "./recipes";
import { THEMES, Workbench } from "./workbench";

/** A recipe's page from a wide editor to the narrowest. */

let workbench: Workbench, recipe: Recipe;
beforeAll(async () => {
  workbench = await Workbench.start({ rated: true });
  recipe = new Recipe(workbench);
}, 300_000);
afterAll(() => workbench?.stop());
beforeEach(() => workbench.afresh());

const row = (page: Frame, layer: string) => page.locator(`.plan-row[data-id="${layer}.weight"]`);
/** Fields whose inside is wider than the place that they have. */
const tightFields = (page: Frame) => page.locator(".field").evaluateAll((all) => all.flatMap((field) => (field.shadowRoot!.querySelector(".root")!.getBoundingClientRect().width > field.getBoundingClientRect().width + 1 ? [field.className] : [])));
/** Methods that are cut. */
const cutMethods = (page: Frame) => page.locator(".plan-method span").evaluateAll((all) => all.filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).map(({ textContent }) => textContent));

test("at every width nothing is cut, lies on another, or hides what always stays", async () => {
  recipe.write({ preset: "balanced", ...withImages, layers: { "17.weight": { pin: { atLeastBits: 2 } } } });
  const page = await recipe.open();
  for (const [width, height] of [[1240, 800], [1000, 900], [860, 900], [700, 900], [690, 900], [600, 900], [552, 900], [520, 900], [400, 900], [340, 800], [1104, 560]]) {
    await workbench.page.setViewportSize({ width: width + 48, height });
    await workbench.page.waitForTimeout(400);
    await workbench.picture(`recipe-width-${width}`);
    expect(await cutMethods(page), String(width)).toEqual([]);
    // what the header has no room for is told under the curve
    const told = await page.locator(".curve-told").innerText().then((text) => text.replace(/\s+/g, " ").trim());
    if (width >= 1180) expect(await page.locator(".candidate .figure-more").allInnerTexts(), String(width)).toEqual([expect.stringMatching(/^; ends between/), expect.stringMatching(/^; top-1\s−\d/)]);
    else expect(told, String(width)).toMatch(width < 480 ? /^9\d\.\d % ± \d\.\d agreement, predicted; top-1 −\d\.\d\. The file ends between [\d.]+ KB and [\d.]+ KB\.$/ : /^Predicted to lose \d\.\d points of top-1 accuracy\. The file ends between [\d.]+ KB and [\d.]+ KB\.$/);
    expect(await page.locator(".curve-told").isVisible(), String(width)).toBe(width < 1180);
    // figures stand there whole or not at all, layers are in sight, and settings can be reached
    if (height > 600) expect(await page.locator(".plan-body .plan-row").nth(2).evaluate((row) => row.getBoundingClientRect().bottom <= innerHeight), `layers at ${width}`).toBe(true);
    expect(await page.locator(".candidate .figure").evaluateAll((all) => all.filter((figure) => {
      const { right, top, bottom } = figure.getBoundingClientRect(), box = figure.parentElement!.getBoundingClientRect();
      return top < box.bottom && (right > box.right + 1 || bottom > box.bottom + 1);
    }).map(({ textContent }) => textContent)), String(width)).toEqual([]);
    await unfold(page);
    await page.getByRole("textbox", { name: "Mean" }).scrollIntoViewIfNeeded({ timeout: 5000 });
    await workbench.picture(`recipe-width-${width}-settings`);
    expect(await overlaps(page), String(width)).toEqual([]);
    expect(await page.locator("#page, .recipe-panes, .plan-scroll").evaluateAll((all) => all.map(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)), String(width)).toEqual([0, 0, 0]);
    if (width >= 520) expect(await page.locator(".figure-predicted").evaluate((figure) => figure.getBoundingClientRect().top < figure.parentElement!.getBoundingClientRect().bottom), `the prediction at ${width}`).toBe(true);
    for (const part of [".figure-size", ".header .primary"]) expect(await page.locator(part).isVisible(), `${part} at ${width}`).toBe(true);
    expect(await page.locator(".figure-bits").evaluate((figure) => figure.checkVisibility() && figure.getBoundingClientRect().top < figure.parentElement!.getBoundingClientRect().bottom), `bits at ${width}`).toBe(true);
    if (await page.locator(".settings-toggle").isVisible()) await page.locator(".settings-toggle").click();
    await page.locator(".recipe-panes").evaluate((panes) => { panes.scrollTop = 0; });
  }
});

test("names of layers are whole where a row has room for them, and different where they are cut", async () => {
  writeFileSync(recipe.at("r20.kernelscope.json"), JSON.stringify({ version: 1, model: "./resnet20-cifar10.onnx", target: "90KB" }));
  const page = await recipe.open("r20.kernelscope.json");
  const names = () => page.locator(".plan-body .tail").evaluateAll((all) => all.map((tail) => ({ text: tail.querySelector("[aria-hidden]")?.textContent ?? tail.textContent, cut: tail.scrollWidth > tail.clientWidth })));
  for (const [width, side] of [[1440, true], [1416, true], [1440, false], [1240, false], [1000, false], [860, false], [700, false], [600, false], [520, false], [400, false], [340, false]] as const) {
    await workbench.sideBar(side);
    await workbench.page.setViewportSize({ width: width + (side ? 0 : 48), height: 900 });
    const at = `${width}${side ? " beside a side bar" : ""}`;
    await expect.poll(async () => { const all = await names(); return { all: all.length, different: new Set(all.map(({ text }) => text)).size, cut: all.filter(({ cut }) => cut) }; }, { message: at }).toEqual({ all: 20, different: 20, cut: [] });
    await workbench.picture(`recipe-names-${at.replaceAll(" ", "-")}`);
    if (width >= 1240) expect((await names()).map(({ text }) => text), at).toContain("layer1.0.conv1");
    expect(await page.locator(".plan-row").evaluateAll((all) => all.filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).map((one) => `${one.className} ${one.scrollWidth} ${one.clientWidth} ${getComputedStyle(one).gridTemplateColumns}`)), at).toEqual([]);
    expect(await page.locator(".plan-head .plan-cell, .plan-body :is(.plan-step > *, .plan-c5, .plan-c4)").evaluateAll((all) => all.filter((cell) => cell.clientWidth > 1 && cell.scrollWidth > cell.clientWidth).map(({ textContent }) => textContent)), at).toEqual([]);
  }
});

test("in one column settings are a line that says what they come to, and unfold", async () => {
  recipe.write({ target: "40KB", tune: { steps: 300 }, inference: "integer", ...withImages });
  await workbench.page.setViewportSize({ width: 748, height: 900 });
  const page = await recipe.open(), toggle = page.locator(".settings-toggle"), tuning = page.locator(".tuning"), last = page.locator(".plan-total");
  expect((await toggle.innerText()).replace(/\s+/g, " ")).toBe("Settings integers of 8 bits · fewer channels if the size is small · fine-tuned in 300 steps");
  expect(await tuning.isVisible()).toBe(false);
  const below = () => page.evaluate(() => [".recipe-target", ".settings-fold", ".recipe-right", ".recipe-bytes"].map((part) => document.querySelector(part)!.getBoundingClientRect().top));
  expect(await below()).toEqual([...await below()].sort((a, b) => a - b));
  for (const [theme, name] of [["Default Light Modern", "light"], ["Default High Contrast", "hc"], ["Default High Contrast Light", "hc-light"], ["Default Dark Modern", "dark"]] as const) {
    await workbench.wear(theme);
    await workbench.picture(`recipe-folded-${name}`);
    expect(await violations(page), name).toEqual([]);
  }
  await toggle.click();
  await tuning.waitFor();
  await last.scrollIntoViewIfNeeded();
  await workbench.picture("recipe-unfolded");
  // as it was left, also once the page was wide in between, where settings always are
  await toggle.click();
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
  await tuning.waitFor();
  expect(await toggle.isVisible()).toBe(false);
});

test("with a side bar beside it a recipe's table keeps what a step saves and costs; where it has no room for that, the selected layer's reason does it", async () => {
  recipe.write({ preset: "balanced", ...withImages });
  const page = await recipe.open();
  const seen = () => page.evaluate(() => ({
    heads: [...document.querySelectorAll<HTMLElement>(".plan-head .plan-c7, .plan-head .plan-c8")].filter(({ offsetWidth }) => offsetWidth > 0).map(({ innerText }) => innerText), links: [...document.querySelectorAll<HTMLElement>(".why-one-step")].filter(({ offsetWidth }) => offsetWidth > 0).length,
    cut: [...document.querySelectorAll<HTMLElement>(".plan-head .plan-cell, .plan-body .plan-step > *, .plan-body .plan-step, .plan-body .plan-c5")].filter(({ offsetWidth, scrollWidth, clientWidth }) => offsetWidth > 1 && scrollWidth > clientWidth).map(({ innerText }) => innerText),
  }));
  await workbench.sideBar(true);
  for (const width of [1600, 1440, 1416]) {
    await workbench.page.setViewportSize({ width, height: 900 });
    await expect.poll(seen, { message: String(width) }).toEqual({ heads: ["Step down", "Step up"], links: 0, cut: [] });
    expect(await tightFields(page), String(width)).toEqual([]);
    expect(await cutMethods(page), String(width)).toEqual([]);
    await workbench.picture(`recipe-side-bar-${width}`);
  }
  await workbench.page.setViewportSize({ width: 1200, height: 900 });
  await expect.poll(async () => { const { heads, links } = await seen(); return [heads.length, links]; }).toEqual([0, 2]);
  await workbench.picture("recipe-side-bar-1200");
  const down = page.locator(".why-one-step").first(), before = await row(page, "17").locator(".plan-c5").innerText();
  expect(await down.innerText()).toMatch(/^One Step Down: −[\d.]+ KB, [−±][\d.]+$/);
  await down.click();
  await expect.poll(() => row(page, "17").locator(".plan-c5").innerText()).not.toBe(before);
  await recipe.saved(({ layers }) => expect(layers).toMatchObject({ "17.weight": { pin: "exact" } }));
});

test("the focus of the slider lies on no label of the curve, in every theme", async () => {
  recipe.write({ preset: "balanced", ...withImages });
  const page = await recipe.open();
  for (const [theme, kind] of Object.entries(THEMES)) {
    await workbench.wear(theme as keyof typeof THEMES);
    await page.locator(".recipe-size input").focus();
    await workbench.page.keyboard.press("Tab"); // the list of presets
    await workbench.page.keyboard.press("Tab");
    for (const end of ["Home", "End"]) {
      await workbench.page.keyboard.down(end);
      expect(await page.evaluate(() => {
        const slider = document.querySelector(".curve-slider")!, thumb = slider.querySelector(".curve-thumb")!, { outlineStyle, outlineWidth, outlineOffset } = getComputedStyle(thumb), around = parseFloat(outlineWidth) + parseFloat(outlineOffset), box = thumb.getBoundingClientRect(), round = box.width / 2 + around, x = box.left + box.width / 2, y = box.top + box.height / 2;
        const under = [...document.querySelectorAll(".curve-chart text, .curve-axis span")].filter((label) => { const { left, right, top, bottom } = label.getBoundingClientRect(); return Math.hypot(Math.max(left - x, 0, x - right), Math.max(top - y, 0, y - bottom)) < round; });
        return { focused: slider.matches(":focus-visible"), frame: getComputedStyle(slider).outlineStyle, ring: outlineStyle, under: under.map(({ textContent }) => textContent) };
      }), `${theme}, ${end}`).toEqual({ focused: true, frame: "none", ring: "solid", under: [] });
      // at its ends steps are as long as they get
      expect(await page.locator(".plan-body .plan-step > *").evaluateAll((all) => all.filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).map(({ textContent }) => textContent)), `${theme}, ${end}`).toEqual([]);
      expect(await page.locator(".plan-body .plan-step").evaluateAll((all) => all.filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).map(({ textContent }) => textContent)), `${theme}, ${end}`).toEqual([]);
      await workbench.picture(`recipe-slider-focus-${kind}-${end}`);
      await workbench.page.keyboard.press("Escape");
      await workbench.page.keyboard.up(end);
    }
  }
  await workbench.wear("Default Dark Modern");
});

test("the list of a layer's methods is whole at every width, in every theme", async () => {
  recipe.write({ preset: "balanced", ...withImages });
  const page = await recipe.open();
  for (const [theme, kind] of Object.entries(THEMES)) {
    await workbench.wear(theme as keyof typeof THEMES);
    for (const width of [1440, 748, 388]) {
      await workbench.page.setViewportSize({ width, height: 900 });
      await expect.poll(async () => {
        if (!await page.locator(".chooser").isVisible()) await row(page, "10").locator(".plan-method").click();
        return page.locator(".chooser-item small").first().isVisible();
      }).toBe(true);
      await workbench.picture(`recipe-choices-${kind}-${width}`);
      expect(await page.locator(".chooser").evaluate((box) => { const { left, right, top, bottom } = box.getBoundingClientRect(), list = box.querySelector(".chooser-list")!; return left >= 0 && right <= innerWidth && top >= 0 && bottom <= innerHeight && list.scrollWidth <= list.clientWidth; }), `${theme}, ${width}`).toBe(true);
      expect(await violations(page), `${theme}, ${width}`).toEqual([]);
      await workbench.page.keyboard.press("Escape");
    }
    await workbench.page.setViewportSize({ width: 1440, height: 900 });
  }
  await workbench.wear("Default Dark Modern");
});
