import { mkdirSync, writeFileSync } from "node:fs";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { violations } from "./axe";
import { overlaps } from "./overlaps";
import { NAME, Recipe, bytesNow, figures, slider, withImages } from "./recipes";
import { Workbench } from "./workbench";

let workbench: Workbench, recipe: Recipe;

beforeAll(async () => {
  workbench = await Workbench.start({ rated: true });
  recipe = new Recipe(workbench);
}, 300_000);
afterAll(() => workbench?.stop());
beforeEach(() => workbench.afresh());

const isDirty = () => workbench.page.locator(".tab.dirty").count();
const row = (page: Frame, layer: string) => page.locator(`.plan-row[data-id="${layer}.weight"]`);
const method = (page: Frame, layer: string) => row(page, layer).locator(".plan-method").innerText().then((text) => text.replace(/\s+/g, " "));

test("a recipe opens: candidate, curve, bytes that add up, every layer with its steps, the reason of the selected one", async () => {
  recipe.write({ preset: "balanced", ...withImages });
  const page = await recipe.open();
  await workbench.page.waitForTimeout(500);
  await workbench.picture("recipe-dark", true);
  expect(await page.locator(".plan-method span").evaluateAll((all) => all.filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).map(({ textContent }) => textContent))).toEqual([]);
  expect(await figures(page)).toMatch(/^1\.16 MB → [\d.]+ KB file, now → planned; ends between [\d.]+ KB and [\d.]+ KB [\d.]+× smaller 9\d\.\d % ± \d\.\d agreement, predicted; top-1 −\d\.\d [\d.]+ bits per conv\. weight$/);
  expect(await page.locator(".figure-predicted").getAttribute("title")).toMatch(/Balanced lets about 2 or 3 in 100 predictions change on the images that it is fitted to; on images that it has not seen, which are predicted here, it may be more\.$/);
  expect(await page.locator(".curve-legend span[title*='A size also folds batch normalizations']").innerText()).toBe("presets, which leave the graph as it is");
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
  expect(await page.locator(".why").innerText()).toMatch(/51\.3 % of the layers’ bytes but sensitivity rank \d of 7, so it pays for the others\. One step up, to .*, costs [\d.]+ KB for [\d.]+ points\./);
  expect(await overlaps(page)).toEqual([]);
});

test("an arrow leaves a preset for the next size, to either side", async () => {
  for (const key of ["ArrowLeft", "ArrowRight"]) {
    recipe.write({ preset: "balanced", ...withImages });
    const page = await recipe.open(), size = await bytesNow(page);
    await slider(page).press(key);
    await recipe.saved(({ target, preset }) => { expect(preset, key).toBeUndefined(); expect(target, key).toMatch(/^[\d.]+KB$/); });
    await expect.poll(() => bytesNow(page), { message: key }).not.toBe(size);
    await workbench.tidy();
  }
});

test("the slider moves everything at once by keys and by hand, and is one step of undo each time", async () => {
  recipe.write({ preset: "balanced", ...withImages });
  const page = await recipe.open(), { keyboard, mouse } = workbench.page, before = await figures(page), size = await bytesNow(page);
  await slider(page).focus();
  for (let i = 0; i < 5; i++) await keyboard.down("ArrowLeft");
  expect(await figures(page)).not.toBe(before);
  expect(await bytesNow(page)).toBeLessThan(size);
  expect(await page.locator(".figure-predicted").getAttribute("title")).not.toContain("Balanced");
  expect(await isDirty()).toBe(0); // nothing is written while it is held
  await keyboard.up("ArrowLeft");
  await expect.poll(isDirty).toBe(1);
  const smaller = await bytesNow(page);
  await recipe.saved(({ target, preset }) => { expect(target).toMatch(/^[\d.]+KB$/); expect(preset).toBeUndefined(); });
  expect(Object.keys(recipe.read())).toEqual(["version", "model", "target", "data"]); // in the place of the preset
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

  // keys faster than the text follows them
  await page.evaluate(() => window.addEventListener("message", ({ data: { kernelscope: message } }: MessageEvent<{ kernelscope?: { method?: string; params?: { args: { value: { state: string } }[] } } }>) => { if (message?.method === "planning" && message.params?.args[0].value.state === "ready") Object.assign(window, { planned: message }); }));
  await slider(page).evaluate((element) => { for (const key of ["Home", "End", "PageDown"]) for (const type of ["keydown", "keyup"]) element.dispatchEvent(new KeyboardEvent(type, { key, bubbles: true })); });
  await recipe.saved(({ preset }) => expect(preset).toBe("nearly-lossless"));
  // the plan of what the text said before, come late, moves nothing back
  await expect.poll(() => page.evaluate(() => "planned" in window && document.body.dataset.ready)).toBe("true");
  const shown = await slider(page).evaluate(async (element) => {
    const before = element.getAttribute("aria-valuetext"), texts: (string | null)[] = [], watching = new MutationObserver(() => texts.push(element.getAttribute("aria-valuetext")));
    watching.observe(element, { attributes: true, attributeFilter: ["aria-valuetext"] });
    for (const type of ["keydown", "keyup"]) element.dispatchEvent(new KeyboardEvent(type, { key: "End", bubbles: true }));
    window.dispatchEvent(new MessageEvent("message", { data: { kernelscope: { ...(window as unknown as { planned: object }).planned, id: "again" } } }));
    await new Promise((resolve) => { setTimeout(resolve, 3000); });
    watching.disconnect();
    return { texts, again: texts.filter((text) => text === before).length };
  });
  expect(shown.texts.length).toBeGreaterThan(0);
  expect(shown.again, shown.texts.join(" | ")).toBe(0);
  await recipe.saved(({ target, preset }) => { expect(target).toMatch(/^[\d.]+[KM]B$/); expect(preset).toBeUndefined(); });
  await slider(page).press("PageDown");
  await recipe.saved(({ preset }) => expect(preset).toBe("nearly-lossless"));
  // and where one comes while a key is down, it is the preset all the same
  await expect.poll(() => page.evaluate(() => document.body.dataset.ready)).toBe("true");
  await slider(page).evaluate(async (element) => {
    const press = (type: string) => element.dispatchEvent(new KeyboardEvent(type, { key: "PageDown", bubbles: true })), planned = (window as unknown as { planned: { params: { args: { value: { facts: { presets: { bytes: number }[] } } }[] } } }).planned, other = structuredClone(planned);
    for (const preset of other.params.args[0].value.facts.presets) preset.bytes *= 1.2;
    press("keydown");
    window.dispatchEvent(new MessageEvent("message", { data: { kernelscope: { ...other, id: "other" } } }));
    await new Promise((resolve) => { setTimeout(resolve, 100); });
    press("keyup");
  });
  await recipe.saved(({ preset }) => expect(preset).toBe("balanced"));
  await recipe.aim(page, "12x");
  await recipe.saved(({ target }) => expect(target).toBe("12x"));
  const most = 1_160_215 / 12;
  await expect.poll(() => bytesNow(page)).toBeGreaterThan(0.95 * most);
  expect(await bytesNow(page)).toBeLessThanOrEqual(most);
  await recipe.aim(page, "twelve");
  await page.locator(".recipe-size.wrong").waitFor();
  expect(await page.locator(".recipe-note.bad").innerText()).toBe('"twelve" is no size. Write it like 12x, 300KB or 1.5MB.');
  await workbench.picture("recipe-wrong-size");
  expect(recipe.read().target).toBe("12x");
  await page.locator(".recipe-size input").press("Escape");
  await expect.poll(() => page.locator(".recipe-size input").inputValue()).toBe("12x");
  // typed, taken and left faster than the text follows
  await page.locator(".recipe-size input").evaluate((input: HTMLInputElement) => {
    const press = (key: string) => input.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, composed: true })), type = (text: string) => { input.value = text; input.dispatchEvent(new Event("input", { bubbles: true, composed: true })); };
    type("30KB"); press("Enter"); type("twelve"); press("Escape");
  });
  await expect.poll(() => page.locator(".recipe-size input").inputValue()).toBe("30KB");
  expect(await page.locator(".recipe-size.wrong, .recipe-note.bad").count()).toBe(0);
});

test("images that do not fit lead to other images", async () => {
  mkdirSync(recipe.at("pics"), { recursive: true });
  writeFileSync(recipe.at("pics/dataset.json"), "{}");
  recipe.write({ preset: "balanced", data: { folder: "./pics" } });
  await workbench.menu(NAME, "Open Recipe Editor");
  const page = await workbench.modelPage(NAME);
  await page.locator(".state.error, .state-icon.error").first().waitFor({ timeout: 60_000 });
  expect(await page.locator(".state").innerText()).toContain("pics holds no JPEG or PNG images");
  await workbench.picture("recipe-no-such-images");
  expect(await page.locator(".state .button").allInnerTexts()).toEqual(["Choose Folder…", "Open Text", "Try Again"]);
  expect(await page.locator(".button.primary").allInnerTexts()).toEqual(["Choose Folder…"]);
  expect(await page.locator(".header .button", { hasText: "Compress" }).getAttribute("disabled")).not.toBeNull();
  await page.locator(".state .button", { hasText: "Choose Folder…" }).click();
  await recipe.asked.filter({ hasText: "fashion-mnist" }).click();
  await page.waitForSelector("body[data-ready=true]", { timeout: 60_000 });
  await recipe.saved(({ data }) => expect(data).toEqual(withImages.data));

  // what stood there before stays in sight, and its settings in reach
  await page.getByRole("combobox", { name: "Channels", exact: true }).click();
  await page.getByRole("option", { name: "RGB", exact: true }).click();
  await page.locator(".recipe-problem:not([hidden])").waitFor({ timeout: 20_000 });
  expect(await page.locator(".recipe-problem").innerText()).toMatch(/^The model takes 1 channel, the data gives 3 \(rgb\)\. .*\s+Set to Grey\s+Choose Folder…\s+Try Again$/);
  expect(await page.locator(".header .primary").getAttribute("disabled")).not.toBeNull();
  await workbench.picture("recipe-wrong-channels");
  expect(await overlaps(page)).toEqual([]);
  await page.getByRole("combobox", { name: "Channels", exact: true }).click();
  await page.getByRole("option", { name: "automatic", exact: true }).click();
  await page.locator(".recipe-problem").waitFor({ state: "hidden", timeout: 20_000 });
  expect(await page.locator(".header .primary").getAttribute("disabled")).toBeNull();
  await recipe.save();
});

test("F6 goes from the header to the curve and the layers", async () => {
  recipe.write({ preset: "balanced", ...withImages });
  const page = await recipe.open(), { keyboard } = workbench.page, pane = () => page.evaluate(() => [".header", ".curve", ".plan-table"].find((name) => document.activeElement?.closest(name)));
  await page.locator(".plan-row[tabindex='0']").first().focus();
  const seen = [];
  for (const key of ["Shift+F6", "Shift+F6", "F6", "F6"]) { await keyboard.press(key); seen.push(await pane()); }
  expect(seen).toEqual([".curve", ".header", ".curve", ".plan-table"]);
  // what is drawn again keeps the keyboard where it is
  for (const key of ["Shift+F6", "Shift+F6", "Tab"]) await keyboard.press(key);
  const focused = () => page.evaluate(() => document.activeElement?.closest(".header .button")?.textContent?.trim()), before = await figures(page);
  expect(await focused()).toBe("Measure");
  recipe.write({ preset: "smallest", ...withImages });
  await expect.poll(() => figures(page)).not.toBe(before);
  expect(await focused()).toBe("Measure");
});

test("Ctrl+S on the list of presets saves and chooses nothing", async () => {
  recipe.write({ preset: "balanced", ...withImages });
  const page = await recipe.open(), { keyboard } = workbench.page;
  await page.locator(".recipe-goal .select").focus();
  await keyboard.press("Control+s");
  await workbench.page.waitForTimeout(500);
  await keyboard.press("Control+s");
  await recipe.saved(({ preset }) => expect(preset).toBe("balanced"));
  expect(await page.locator(".recipe-goal .select").evaluate((list: HTMLElement & { value: string }) => list.value)).toBe("balanced");
});

test("pins hold at every size, by keys, by the list of all choices, and let go again", async () => {
  recipe.write({ preset: "balanced", ...withImages });
  const page = await recipe.open(), { keyboard } = workbench.page;
  await row(page, "10").click();
  await row(page, "10").focus();
  const was = await method(page, "10");
  await keyboard.press(" ");
  await recipe.saved(({ layers }) => expect(layers).toEqual({ "10.weight": { method: expect.any(String) as string, options: expect.any(Object) as object, pin: "exact" } }));
  await expect.poll(() => page.locator(".recipe-layers-head small").innerText()).toBe("7, of which 1 pinned");
  expect(await page.locator(".why").innerText()).toContain("Pinned: stays as it is, whatever the target.");
  await expect.poll(async () => { // a plan that comes meanwhile closes the list
    await page.locator(".why .select").click();
    return page.locator("[role=option]", { hasText: "At Least 6 Bits" }).click({ timeout: 1000 }).then(() => true, () => false);
  }).toBe(true);
  await recipe.saved(({ layers }) => expect(layers).toEqual({ "10.weight": { pin: { atLeastBits: 6 } } }));
  await expect.poll(async () => Number(await row(page, "10").locator(".plan-bits .number").innerText())).toBeGreaterThanOrEqual(6);
  await slider(page).press("Home");
  await recipe.saved(({ target }) => expect(target).toBeDefined());
  expect(Number(await row(page, "10").locator(".plan-bits .number").innerText())).toBeGreaterThanOrEqual(6);

  await row(page, "14").locator(".plan-method").click();
  await page.locator(".chooser").waitFor();
  await workbench.picture("recipe-choices");
  // why fewer bits may take more, and a size changes while its layer does not, is told where it is seen
  expect(await page.locator(".chooser p").innerText()).toMatch(/some 450 bytes, stands in the file once and is divided among the layers that have it; 8 bits need none of it\.$/);
  expect(await page.locator(".chooser-list").evaluate((list) => [...list.children].every(({ role }) => role === "option"))).toBe(true);
  expect(await page.locator(":is(.plan-head, .plan-row[data-id='14.weight']) > .plan-c5").evaluateAll((all) => all.map((cell) => cell.getAttribute("title")))).toEqual(Array.from({ length: 2 }, () => expect.stringMatching(/^What the layer takes in the file, with its part of what layers share, so that it also follows what other layers become\./) as string));
  expect(await page.locator(":is(.plan-head, .plan-row[data-id='14.weight']) > .plan-c4").evaluateAll((all) => all.map((cell) => cell.getAttribute("title")))).toEqual(Array.from({ length: 2 }, () => expect.stringMatching(/^What the layer takes in the file for each of its weights, with its part of what layers share.* some 450 bytes, stands in the file once/) as string));
  expect(await row(page, "14").locator(".plan-c8").getAttribute("title")).toMatch(/without its part of what layers share\.$/);
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
  await recipe.saved((recipe) => expect(recipe).toEqual({ version: 1, model: "./fashion-cnn.onnx", preset: "balanced", ...withImages }));
  await expect.poll(() => method(page, "10")).toBe(was);
});

test("a target that pins put out of reach says so, and nothing can be compressed then", async () => {
  recipe.write({ target: "60KB", ...withImages, layers: { "17.weight": { pin: "leave" } } });
  const page = await recipe.open();
  expect(await page.locator(".recipe-note.bad").innerText()).toMatch(/60\.0 KB cannot be reached\. The smallest possible is 5\d\d KB with the pins as they are\./);
  expect(await page.locator(".header .primary").getAttribute("disabled")).not.toBeNull();
  await workbench.picture("recipe-unreachable");
});

test("text and view stand side by side and never disagree; a broken text says where and why", async () => {
  recipe.write({ target: "100KB", ...withImages });
  await recipe.open();
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
  await keyboard.type(" app");
  await page.locator(".recipe-problem:not([hidden])").waitFor();
  await page.evaluate(() => {
    const banner = document.querySelector<HTMLElement>(".recipe-problem")!;
    new MutationObserver(() => { if (banner.hidden) document.body.dataset.blinked = ""; }).observe(banner, { attributes: true });
  });
  await keyboard.type("les ");
  await expect.poll(() => page.locator(".recipe-problem").innerText()).toMatch(/^Line 4: .*200 apples/);
  expect(await page.locator("body[data-blinked]").count(), "what is wrong does not blink with every key").toBe(0);
  expect(await page.locator(".recipe-panes[data-stale]").count()).toBe(1);
  expect(await page.locator(".plan-body .plan-row").count()).toBe(7);
  await workbench.picture("recipe-invalid");
  await press("Home", ...times(8, "ArrowRight"), "Delete");
  await expect.poll(() => page.locator(".recipe-problem").innerText()).toMatch(/^Line 4: A colon is missing/);
  await press("Control+Home");
  await page.locator(".recipe-problem .button").click({ delay: 100 }); // as long as a finger's: it has to be the same button when that goes up
  await expect.poll(() => workbench.page.locator(".statusbar-item", { hasText: /^Ln 4, Col 1/ }).count()).toBe(1);
  for (let i = 0; i < 12 && await bytesNow(page) > 150_000; i++) { await press("Control+z"); await workbench.page.waitForTimeout(500); }
  await expect.poll(() => bytesNow(page)).toBeLessThanOrEqual(100_000);
  expect(await page.locator(".recipe-problem:not([hidden])").count()).toBe(0);
  await recipe.save();
});

test("a text that is changed while its page is out of sight is planned when that comes back", async () => {
  recipe.write({ target: "100KB", ...withImages });
  await recipe.open();
  await workbench.command("View: Keep Editor");
  await workbench.sideBar(true);
  await workbench.open("fashion-cnn.onnx");
  for (const target of ["no size", "40KB"]) {
    recipe.write({ target, ...withImages });
    await workbench.page.waitForTimeout(1500); // until VS Code has read it
  }
  const page = await workbench.front(NAME);
  await expect.poll(() => bytesNow(page)).toBeLessThanOrEqual(40_000);
  expect(await bytesNow(page)).toBeGreaterThan(38_000);
  expect(await page.locator(".recipe-problem:not([hidden])").count()).toBe(0);
});

test("without images nothing is run, and the prediction says that it is of the weights", async () => {
  recipe.write({ bits: 3 });
  const page = await recipe.open();
  expect(await figures(page)).toMatch(/[\d.]+ dB of the weights, predicted/);
  expect(await page.locator(".curve-caption").innerText()).toContain("nothing is run without images");
  expect(await page.locator(".recipe-size input").inputValue()).toBe("3 bits");
  await workbench.picture("recipe-no-images");
});

test("the name of a preset on the curve lies on no other preset", async () => {
  for (const target of ["22KB", "60KB", "100KB"]) {
    recipe.write({ target, ...withImages });
    await workbench.tidy();
    await workbench.sideBar(true);
    const page = await recipe.open();
    await workbench.picture(`recipe-preset-name-${target}`);
    // at one go, for a plan that comes draws them anew
    const { name, marks } = await page.evaluate(() => {
      const boxes = (selector: string) => Array.from(document.querySelectorAll(selector), (element) => { const { left, right, top, bottom } = element.getBoundingClientRect(); return { left, right, top, bottom }; });
      return { name: boxes(".curve-name")[0], marks: boxes(".curve-preset") };
    });
    expect(marks.length, target).toBeGreaterThan(0);
    for (const { left, right, top, bottom } of marks) expect(left < name.right && right > name.left && top < name.bottom && bottom > name.top, target).toBe(false);
  }
});

test("a layer selected in the model is selected in its recipe, and the other way", async () => {
  recipe.write({ preset: "balanced", ...withImages });
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

test.each([["Default Light Modern", "light"], ["Default High Contrast", "hc"], ["Default High Contrast Light", "hc-light"]])("in %s", async (theme, name) => {
  recipe.settings({ "workbench.colorTheme": theme });
  recipe.write({ preset: "balanced", ...withImages });
  const page = await recipe.open();
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
