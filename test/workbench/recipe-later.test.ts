import type { Frame } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { NAME, Recipe, withImages } from "./recipes";
import { THEMES, Workbench } from "./workbench";

/** A recipe's page whose recipe becomes another: images are chosen later, a size becomes one that is wrong, a seed is one that nothing was rated for. */

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

test("whole plans are tried behind a plan that can be worked with already; the prediction follows what they lost", { timeout: 300_000 }, async () => {
  recipe.write({ target: "30KB", ...withImages });
  const page = await recipe.open(), basis = page.locator(".recipe-images small");
  await page.evaluate(() => {
    const seen: string[] = [], shown = (selector: string): string => document.querySelector<HTMLElement>(selector)?.innerText ?? "";
    Object.assign(window, { seen });
    new MutationObserver(() => seen.push([document.body.dataset.ready, shown(".recipe-images small"), shown(".figure-predicted b"), shown(".curve-basis")].join("|"))).observe(document.body, { childList: true, characterData: true, subtree: true });
  });
  recipe.write({ target: "30KB", seed: 7, ...withImages }); // nothing was rated for this seed
  const seen = (): Promise<string[]> => page.evaluate(() => (window as unknown as { seen: string[] }).seen), of = (all: readonly string[], text: RegExp): string[] => all.filter((one) => text.test(one));
  await expect.poll(async () => of(await seen(), /^true\|trying whole plans, \d+ %\|/).length, { timeout: 240_000 }).toBeGreaterThan(1);
  const before = of(await seen(), /^true\|trying/).at(-1)!.split("|")[2];
  expect((await seen()).at(-1)).toMatch(/\|Rated on 256 images(; whole plans are being tried|, corrected by 2 whole plans)\.$/);
  await expect.poll(() => basis.getAttribute("title"), { timeout: 240_000 }).toBe("Layer by layer; 2 whole plans have told what they do together.");
  expect(await basis.innerText()).toBe("rated on 256 images");
  expect(await page.locator(".curve-basis").innerText()).toBe("Rated on 256 images, corrected by 2 whole plans.");
  await expect.poll(() => page.locator(".figure-predicted b").innerText()).not.toBe(before);
});

test("lists show what the recipe says of its images and device, and fields are called what they are for", async () => {
  recipe.write({ preset: "balanced", ...withImages, preprocess: { channels: "gray" }, device: "cpu", tune: { steps: 100, labels: 0.3, schedule: "iterative", noise: { kind: "int4", p: 0.25 } } });
  const page = await recipe.open(), shown = (name: string) => page.getByRole("combobox", { name, exact: true }).locator(".selected-value").innerText();
  expect(await Promise.all(["Channels", "Device", "Labels", "Layers", "Noise", "Fine-tune"].map(shown))).toEqual(["grey", "CPU", "30 % of the loss", "one after another", "4 bits, 25 %", "Number of Steps"]);
  recipe.write({ preset: "balanced", ...withImages, device: "auto", tune: { steps: 100 } });
  await expect.poll(() => shown("Device")).toBe("automatic");
  expect(await Promise.all(["Labels", "Layers", "Noise"].map(shown))).toEqual(["not used", "all at once", "none"]);
  await expect.poll(() => shown("Channels")).toBe("grey (automatic)"); // what folder and model come to
  for (const name of ["Mean", "Deviation", "Seed", "Size, like 300KB or 12x", "Filter…"]) expect(await page.getByRole("textbox", { name, exact: true }).count(), name).toBe(1);
  expect(await page.getByRole("textbox", { name: "Text field" }).count()).toBe(0);
  // where a field is empty it says what its folder, or its model, has
  const hints = () => Promise.all(["Mean", "Deviation", "Scale"].map((name) => page.getByRole("textbox", { name, exact: true }).getAttribute("placeholder")));
  await expect.poll(hints).toEqual(["0.286", "0.353", "1/255"]);
  recipe.write({ preset: "balanced", tune: { steps: 100 } });
  await expect.poll(hints).toEqual(Array.from({ length: 3 }, () => "as the folder says"));
  expect(await shown("Device")).toBe("automatic (setting)");
  recipe.settings({ "kernelscope.device": "cpu" });
  await expect.poll(() => shown("Device")).toBe("CPU (setting)");
  recipe.settings({});
});
