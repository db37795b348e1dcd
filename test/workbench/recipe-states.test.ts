import type { Frame } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { violations } from "./axe";
import { overlaps } from "./overlaps";
import { Recipe, withImages } from "./recipes";
import { THEMES, Workbench } from "./workbench";

/** What a recipe's page makes of states that last too short, or come too seldom, to be waited for: they are told to it as its host does. */

let workbench: Workbench, recipe: Recipe;
beforeAll(async () => {
  workbench = await Workbench.start({ rated: true, small: true });
  recipe = new Recipe(workbench);
}, 300_000);
afterAll(() => workbench?.stop());
beforeEach(() => workbench.afresh());

interface Told { method: string; args: { value: unknown }[] }
/** Says something to the page. */
const tell = (page: Frame, method: string, value: unknown): Promise<void> => page.evaluate(({ method, args }: Told) => {
  window.dispatchEvent(new MessageEvent("message", { data: { kernelscope: { jsonrpc: "2.0", id: `told ${Math.random()}`, method, params: { args } } } }));
}, { method, args: [{ value }] });
/** Every theme, wide and narrow. */
async function inAll(page: Frame, name: string, check: (where: string) => Promise<void> = () => Promise.resolve()): Promise<void> {
  for (const [theme, kind] of Object.entries(THEMES)) {
    await workbench.wear(theme as keyof typeof THEMES);
    for (const width of [1440, 700, 388]) {
      await workbench.page.setViewportSize({ width, height: 900 });
      await workbench.page.waitForTimeout(400);
      await workbench.picture(`${name}-${kind}-${width}`);
      await check(`${theme}, ${width} pixels`);
    }
    await workbench.page.setViewportSize({ width: 1440, height: 900 });
    expect(await violations(page), theme).toEqual([]);
  }
}

test("a bar that is full stands for nothing that goes on; how far a rating is stands where no time can be told", async () => {
  recipe.write({ target: "30KB", ...withImages });
  const page = await recipe.open(), note = page.locator(".job-head:visible small");
  await tell(page, "planning", { state: "busy", text: "choosing channels, 2 of 5", fraction: 0.4 });
  await expect.poll(() => note.innerText()).toBe("40 % done");
  await tell(page, "planning", { state: "busy", text: "rating layer features.3, 3 of 7", fraction: 0.4, secondsLeft: 200 });
  await expect.poll(() => note.innerText()).toBe("about\u00a03\u00a0min\u00a0left");
  // beside a side bar, and as narrow as a table leaves it
  await workbench.sideBar(true);
  for (const width of [1440, 1300, 1200]) {
    await workbench.page.setViewportSize({ width, height: 900 });
    await expect.poll(() => page.locator(".job").evaluate((job) => ({ lines: Math.round(job.querySelector<HTMLElement>(".job-head small")!.offsetHeight / 18), isOut: job.querySelector(".job-head .button")!.getBoundingClientRect().right > job.getBoundingClientRect().right - 12 })), { message: String(width) }).toEqual({ lines: 1, isOut: false });
    await workbench.picture(`recipe-rating-side-bar-${width}`);
  }
  await workbench.sideBar(false);
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
  await tell(page, "planning", { state: "busy", text: "measuring what rounding activations costs", fraction: 1 });
  await expect.poll(() => page.locator(".job-last").innerText()).toBe("measuring what rounding activations costs");
  expect(await page.locator(".job progress").count()).toBe(0);
  await inAll(page, "recipe-rounding");
});

test("before a training begins it is told in about what time it does; what runs covers nothing that cannot be scrolled to", async () => {
  recipe.write({ target: "30KB", tune: { duration: "30m" }, ...withImages });
  const page = await recipe.open();
  await tell(page, "job", { state: "running", title: "Compressing fashion-cnn.onnx", stage: "fit", text: "features.14, 4 of 7", fraction: 0.12, secondsToTraining: 75, layers: { done: 3, of: 7 }, finished: ["0", "3", "7"].map((name) => ({ label: `features.${name}`, sqnrDb: 12.3 })) });
  await expect.poll(() => page.locator(".job-head:visible small").innerText()).toBe("3 of 7 layers · training\u00a0begins\u00a0in\u00a0about\u00a075\u00a0s");
  await inAll(page, "recipe-before-training", async (where) => {
    const legend = page.locator(".curve-legend");
    await legend.evaluate((element) => { element.scrollIntoView({ block: "center" }); });
    const [low, high, all] = await page.locator(".job").evaluate((job) => [document.querySelector(".curve-legend")!.getBoundingClientRect().bottom, job.getBoundingClientRect().top, document.querySelector(".recipe-panes")!.getBoundingClientRect().height - job.getBoundingClientRect().height]);
    expect(await page.locator(".job-head:visible small").evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth), where).toBeLessThanOrEqual(1);
    expect(await legend.isVisible(), where).toBe(true);
    expect(low, where).toBeLessThanOrEqual(high + 0.5);
    expect(all, where).toBeGreaterThan(300); // most of the page is to be seen
  });
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
  expect(await overlaps(page)).toEqual([]);
});

test("beside a doubt of the images what is predicted is weak, and other images come first", async () => {
  recipe.write({ target: "30KB", ...withImages });
  const page = await recipe.open();
  await page.evaluate(() => window.addEventListener("message", ({ data: { kernelscope: message } }: MessageEvent<{ kernelscope?: { method?: string; params?: { args: { value: { state: string; facts?: object } }[] } } }>) => {
    const planning = message?.params?.args[0].value;
    if (message?.method === "planning" && planning?.state === "ready") Object.assign(window, { planned: planning.facts });
  }));
  await recipe.aim(page, "29KB");
  await page.waitForFunction(() => "planned" in window).catch(() => undefined);
  await expect.poll(() => page.evaluate(() => "planned" in window), { timeout: 20_000 }).toBe(true);
  const look = () => page.evaluate(() => {
    const figure = document.querySelector<HTMLElement>(".figure-predicted")!, size = document.querySelector(".figure-size b")!, { fontWeight, color } = getComputedStyle(figure.querySelector("b")!);
    return { filled: Array.from(document.querySelectorAll(".header .primary"), ({ textContent }) => textContent.trim()), weight: fontWeight, isLikeTheSize: color === getComputedStyle(size).color, name: figure.querySelector(":scope > small")!.textContent };
  });
  expect(await look()).toMatchObject({ filled: ["Compress"], weight: "600", isLikeTheSize: true });
  await page.evaluate(() => {
    const { planned } = window as unknown as { planned: object }, value = { state: "ready", facts: { ...planned, doubts: ["The original is right about only 3.1 % of the 64 images that were tried. If that is less than it should be, check labels and preparation."] } };
    window.dispatchEvent(new MessageEvent("message", { data: { kernelscope: { jsonrpc: "2.0", id: "doubted", method: "planning", params: { args: [{ value }] } } } }));
  });
  await expect.poll(look).toMatchObject({ filled: ["fashion-mnist"], weight: "400" });
  expect((await look()).name).toMatch(/^agreement, doubtful/);
  expect(await page.locator(".header .button", { hasText: "Compress" }).getAttribute("disabled")).toBeNull(); // it is a doubt, no refusal
  await inAll(page, "recipe-doubt", async (where) => {
    expect(await page.locator(".recipe-data .codicon").isVisible(), where).toBe(true);
    expect(await page.locator(".recipe-data").evaluate(({ clientHeight }) => clientHeight), where).toBeGreaterThanOrEqual(22);
  });
});

test("the charts of a training of few steps have all of them on their axis, and say what a line is the mean of", async () => {
  recipe.write({ target: "30KB", tune: { steps: 5 }, ...withImages });
  const page = await recipe.open(), first = { loss: 0.41, agreement: 0.795 };
  const train = (done: number, of: number, looks: readonly number[]) => {
    const held = looks.map((step) => ({ step, loss: 0.4 - 0.03 * step / of, agreement: 0.8 + 0.02 * step / of })), best = held.at(-1) ?? { ...first, step: 0 };
    return tell(page, "job", { state: "running", title: "Fine-tuning fashion-cnn.onnx", stage: "tune", text: "step", fraction: done / of, finished: [], tuning: { step: done, steps: of, samples: 100, loss: 0.4, first, best }, course: { losses: Array.from({ length: done }, (_, i) => [i + 1, 0.42 - 0.1 * i / of]), held, first, best, samples: 100 } });
  };
  const key = page.locator(".training-key.on"), labels = () => page.locator(".training-decides text").allTextContents(), isWhole = () => page.locator(".training-decides").evaluate((chart) => [...chart.querySelectorAll("text")].every((text) => text.getBoundingClientRect().left >= chart.getBoundingClientRect().left));
  // told again where its host says later that nothing runs
  await expect.poll(async () => { await train(0, 5, []); await workbench.page.waitForTimeout(1000); return labels(); }).toEqual(["0.400", "0.405", "0.410", "0.415", "0.420", "0", "step 5", "before", "chosen so far: before training"]);
  expect(await key.isVisible()).toBe(false); // nothing is trained yet
  await train(3, 5, [1, 3]);
  await expect.poll(() => key.innerText()).toBe("trained on, mean of all steps so far");
  expect(await isWhole()).toBe(true);
  await inAll(page, "training-few-steps");
  await train(7, 40, [1, 3, 7]);
  await expect.poll(labels).toContain("step 40");
  await train(60, 300, [1, 20, 60]);
  await expect.poll(() => key.innerText()).toBe("trained on, mean of 50 steps");
});

test("what preparing a model was worth is a verdict under it and on its recipe, with a sign and what to do, in every theme", async () => {
  const model = await workbench.open("fashion-cnn.onnx");
  await model.waitForSelector("body[data-ready=true]");
  const sentence = "Written: fashion-cnn.ready.onnx, the same model with trained weights. Preparing did harm: compressed as asked for, agreement with the original is 95.1 → 60.7 % on 61 images kept from training (−46.9 to −20.1 points). Compress the original instead, or prepare it for longer.";
  const job = (prepared: string) => ({ title: "Making fashion-cnn.onnx compressible", state: "done", stage: "done", text: "", fraction: 1, finished: [], sentence, prepared });
  await tell(model, "job", job("harm"));
  const foot = model.locator(".foot"), buttons = () => foot.locator(".button").evaluateAll((all) => all.map((button) => button.getAttribute("aria-label")));
  await expect.poll(() => foot.innerText()).toContain("Preparing did harm");
  expect(await foot.locator(".foot-verdict .codicon").getAttribute("class")).toContain("codicon-warning");
  expect(await buttons()).toEqual(["Compress the Original…", "Train Longer…", "Close"]);
  await workbench.sideBar(false);
  await inAll(model, "prepared-harm", async (where) => {
    const { words, all } = await foot.evaluate((foot) => ({ words: foot.querySelector(".foot-end")!.getBoundingClientRect().width, all: foot.getBoundingClientRect().width }));
    expect(words / all, where).toBeGreaterThan(0.5); // buttons leave it its room
  });
  expect(await overlaps(model)).toEqual([]);
  await tell(model, "job", job("gain"));
  await expect.poll(buttons).toEqual(["Close"]);
  recipe.write({ target: "30KB", ...withImages });
  const page = await recipe.open();
  await tell(page, "job", job("harm"));
  await expect.poll(() => page.locator(".job-end").innerText()).toContain("Preparing did harm");
  expect(await page.locator(".job .button").evaluateAll((all) => all.map((button) => button.getAttribute("aria-label")))).toEqual(["Close"]); // there is nothing of the recipe to open or compare
  await workbench.picture("prepared-harm-recipe");
});

test("agreements of single layers as integers have intervals, and those that the images cannot tell apart say so, in every theme", async () => {
  recipe.write({ target: "60KB", inference: "integer", ...withImages });
  const page = await recipe.open(), ids = await page.locator(".plan-body .plan-row").evaluateAll((all) => all.map((row) => (row as HTMLElement).dataset.id)), cells = page.locator(".integers-row[data-id] > :is(.integers-c2, .integers-c3)");
  const layers = ids.map((layer, i) => ({ layer, alone: { loss: 0.03 - 0.004 * i, agreement: i === 0 ? 0.8 : 0.98 }, without: { loss: 0.02, agreement: i === 0 ? 0.985 : 0.865 } }));
  const diagnose = (samples: number) => tell(page, "diagnosis", { found: { layers, floor: { loss: 0.008, agreement: 0.988 }, left: [], warnings: [], agreement: 0.86, samples, loss: 0.04, isEarlier: false } });
  // told again where its host says later that it knows nothing
  await expect.poll(async () => { await diagnose(256); await workbench.page.waitForTimeout(1000); return cells.allInnerTexts(); }).toEqual(["80.0 %", "98.5 %", ...ids.slice(1).flatMap(() => ["≈\u200998.0 %", "≈\u200986.5 %"])]);
  expect(await cells.nth(0).getAttribute("title")).toMatch(/^Agreement 80\.0 % on 256 images; 95 %: 74\.7 to 84\.4\.\ndivergence/);
  expect(await cells.nth(2).getAttribute("title")).toContain("So many images cannot tell it from 98.8 %.");
  expect(await page.locator(".integers-resolution").innerText()).toBe("≈ Not told apart by 256 images: it alone from no layer in integers, all but it from all layers.");
  await page.locator(".integers").evaluate((section) => { section.scrollIntoView(); });
  await inAll(page, "integers-untold");
  expect(await overlaps(page)).toEqual([]);
  await diagnose(100_000);
  await expect.poll(() => page.locator(".integers-resolution").count()).toBe(0);
});

test("how far whole plans are tried is whole wherever it stands, on one line as what it comes to, in every theme", async () => {
  recipe.write({ target: "30KB", ...withImages });
  const page = await recipe.open(), basis = page.locator(".recipe-images small"), line = page.locator(".curve-basis");
  await expect.poll(() => line.innerText()).toMatch(/^Rated on \d+ images, corrected by 2 whole plans\.$/);
  const height = () => line.evaluate((element) => element.getBoundingClientRect().height);
  for (const [theme, kind] of Object.entries(THEMES)) {
    await workbench.wear(theme as keyof typeof THEMES);
    for (const width of [1440, 1100, 900]) {
      await workbench.page.setViewportSize({ width, height: 900 });
      await tell(page, "trying", 1);
      await expect.poll(() => basis.innerText()).toBe("trying whole plans, 100 %");
      expect(await basis.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth), `${theme}, ${width}`).toBeLessThanOrEqual(0);
      const before = await height();
      await workbench.picture(`recipe-trying-${kind}-${width}`);
      await page.evaluate(() => window.dispatchEvent(new MessageEvent("message", { data: { kernelscope: { jsonrpc: "2.0", id: "tried", method: "trying", params: { args: [{}] } } } })));
      await expect.poll(() => line.innerText()).toContain("corrected by");
      expect(await height(), `${theme}, ${width}`).toBe(before); // nothing moves
    }
    expect(await overlaps(page), theme).toEqual([]);
  }
});
