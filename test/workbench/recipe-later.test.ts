import type { Frame } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { NAME, Recipe, withImages } from "./recipes";
import { THEMES, Workbench } from "./workbench";

/** A recipe's page whose recipe becomes another: images are chosen later, a size becomes one that is wrong. */

let workbench: Workbench, recipe: Recipe;
beforeAll(async () => {
  workbench = await Workbench.start({ rated: true, small: true });
  recipe = new Recipe(workbench);
}, 300_000);
afterAll(() => workbench?.stop());
beforeEach(() => workbench.afresh());

/** The column of sensitivities, row by row: what stands there, and how long its bar is. */
const sensitivities = (page: Frame) => page.locator(".plan-body .plan-row[data-id]").evaluateAll((rows) => rows.map((row) => {
  const cell = row.querySelector(".plan-c6"), bar = cell?.querySelector(".plan-sensitivity > span");
  return { text: cell?.textContent, width: bar ? bar.getBoundingClientRect().width : undefined };
}));

test("the column of sensitivities follows images that are chosen later, and goes with them", { timeout: 240_000 }, async () => {
  recipe.write({ target: "20KB" });
  const page = await recipe.open(), none = Array.from({ length: 7 }, () => ({ text: "–", width: undefined }));
  expect(await sensitivities(page)).toEqual(none);
  await page.locator(".recipe-data").click();
  await recipe.asked.filter({ hasText: "fashion-mnist" }).first().click();
  await expect.poll(async () => (await sensitivities(page)).filter(({ width }) => width !== undefined && width > 1).length, { timeout: 60_000 }).toBe(7);
  const widths = (await sensitivities(page)).map(({ width }) => Math.round(width!));
  expect(new Set(widths).size).toBeGreaterThan(3); // each its own
  await workbench.picture("recipe-later-images");
  await workbench.command("Undo");
  await expect.poll(() => sensitivities(page), { timeout: 60_000 }).toEqual(none);
});

test("what is wrong with a recipe has a sign before its words, in every theme; what there is to know has none", async () => {
  recipe.write({ target: "20KB", ...withImages });
  const page = await recipe.open(), note = page.locator(".recipe-target .recipe-note");
  const sign = () => note.evaluate((element) => {
    const { content, fontFamily, color, display } = getComputedStyle(element, "::before");
    return { text: element.textContent, isBad: element.classList.contains("bad"), content, fontFamily, isSeen: display !== "none" && color !== getComputedStyle(document.body).backgroundColor };
  });
  expect(await sign()).toMatchObject({ isBad: false, content: "none" });
  await recipe.aim(page, "10 apples");
  for (const [theme, kind] of Object.entries(THEMES)) {
    await workbench.wear(theme as keyof typeof THEMES);
    await expect.poll(sign).toMatchObject({ text: expect.stringContaining('"10 apples" is no size') as string, isBad: true, content: expect.stringMatching(/^"\uea6c"/) as string, fontFamily: "codicon", isSeen: true });
    await workbench.picture(`recipe-wrong-${kind}`);
  }
  await workbench.wear("Default Dark Modern");
  await recipe.aim(page, "25KB");
  await expect.poll(sign).toMatchObject({ isBad: false, content: "none" });
  expect(recipe.read(NAME).target).toBe("20KB"); // not saved
});
