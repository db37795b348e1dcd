import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildModel } from "../../src/onnx/build";
import type { NodeSpec } from "../../src/onnx/encode";
import { DataType } from "../../src/onnx/tensor";
import { floats, wave } from "../unit/onnx/models";
import { violations } from "./axe";
import { compress } from "./made";
import { bytesNow, figures, unfold } from "./recipes";
import { THEMES, Workbench } from "./workbench";

/** Integer inference from a recipe's page to the file. */

const NAME = "integers.kernelscope.json", PRESET = "preset.kernelscope.json", DETECTOR = "detector.kernelscope.json", RESULT = "fashion-cnn.small.onnx";
let workbench: Workbench;
const at = (name: string) => path.join(workbench.folder, name);

beforeAll(async () => {
  workbench = await Workbench.start({ small: true });
  writeFileSync(at(NAME), JSON.stringify({ version: 1, model: "./fashion-cnn.onnx", data: { folder: "./fashion-mnist", limit: 64 } }, null, 2));
  writeFileSync(at("detector.onnx"), detector());
  writeFileSync(at(DETECTOR), JSON.stringify({ version: 1, model: "./detector.onnx", inference: "integer", data: { folder: "./fashion-mnist", limit: 64 } }, null, 2));
}, 300_000);
afterAll(() => workbench?.stop());

/** Two layers side by side whose outputs of very different sizes lie on one grid, like a detector's boxes and scores, before a last layer looks at them. */
function detector(): Uint8Array {
  const nodes: NodeSpec[] = [
    { op: "Conv", inputs: ["x", "stem.w"], outputs: ["stem"], attributes: { kernel_shape: [3, 3], strides: [2, 2] } }, { op: "Relu", inputs: ["stem"], outputs: ["features"] },
    { op: "Conv", inputs: ["features", "boxes.w"], outputs: ["boxes"], attributes: { kernel_shape: [1, 1] } }, { op: "Conv", inputs: ["features", "scores.w"], outputs: ["scores"], attributes: { kernel_shape: [1, 1] } },
    { op: "Concat", inputs: ["boxes", "scores"], outputs: ["both"], attributes: { axis: 1 } }, { op: "Conv", inputs: ["both", "last.w"], outputs: ["y"], attributes: { kernel_shape: [1, 1] } },
  ];
  return buildModel({
    nodes, initializers: [floats("stem.w", [8, 1, 3, 3], wave(72, 1)), floats("boxes.w", [2, 8, 1, 1], wave(16, 2).map((v) => 300 * v)), floats("scores.w", [5, 8, 1, 1], wave(40, 3).map((v) => 0.1 * v)), floats("last.w", [4, 7, 1, 1], wave(28, 4))],
    opset: 14, inputs: [{ name: "x", type: DataType.FLOAT, shape: ["n", 1, 14, 14] }], outputs: [{ name: "y", type: DataType.FLOAT, shape: ["n", 4, 6, 6] }],
  });
}

const LAYERS = 12;
/** So many small convolutions, one after the other. */
function chain(layers: number): Uint8Array {
  const wide = 6, dims = (i: number) => [wide, i ? wide : 1, 3, 3], size = (i: number) => dims(i).reduce((a, b) => a * b, 1);
  return buildModel({
    nodes: Array.from({ length: layers }, (_, i): NodeSpec[] => [{ op: "Conv", inputs: [`x${i}`, `layer${i}.w`], outputs: [`a${i}`], attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] } }, { op: "Relu", inputs: [`a${i}`], outputs: [`x${i + 1}`] }]).flat(),
    initializers: Array.from({ length: layers }, (_, i) => floats(`layer${i}.w`, dims(i), wave(size(i), i + 1).map((v) => v * Math.sqrt(6 / size(i) * wide)))),
    opset: 14, inputs: [{ name: "x0", type: DataType.FLOAT, shape: ["n", 1, 14, 14] }], outputs: [{ name: `x${layers}`, type: DataType.FLOAT, shape: ["n", wide, 14, 14] }],
  });
}

async function open(name: string, entry: string): Promise<Frame> {
  await workbench.menu(name, entry);
  const page = await workbench.modelPage(name);
  await page.waitForSelector("body[data-ready=true]", { timeout: 240_000 });
  return page;
}

test("a recipe turns to integers of 8 bits everywhere, and its plan follows", async () => {
  const page = await open(NAME, "Open Recipe Editor"), goal = page.locator(".recipe-goal .select");
  await workbench.sideBar(false);
  await page.getByRole("combobox", { name: "Arithmetic" }).click();
  await page.getByRole("option", { name: "integers of 8 bits" }).click();
  await expect.poll(() => goal.evaluate((list: HTMLElement & { value: string }) => list.value)).toBe("whole");
  // layers are rated anew, for the network that integers are made of
  await expect.poll(() => page.locator(".plan-body .plan-method").allInnerTexts().then((all) => all.map((text) => text.replace(/\s+/g, " "))), { timeout: 240_000 }).toEqual(Array.from({ length: 7 }, () => expect.stringMatching(/8 bits/) as string));
  await workbench.picture("integers-recipe");
  // a preset asks for fewer bits; the way back to the plain network stands where integers were chosen
  const plain = page.locator(".arithmetic-note"), chosen = (value: string) => expect.poll(() => goal.evaluate((list: HTMLElement & { value: string }) => list.value)).toBe(value);
  expect(await plain.count()).toBe(0);
  await goal.click();
  await page.getByRole("option", { name: "Balanced" }).click();
  await chosen("balanced");
  expect(await plain.innerText()).toBe("Weights take fewer bits than 8 where that pays. For the plain 8-bit network: 8 Bits Everywhere");
  for (const [theme, kind] of Object.entries(THEMES)) {
    await workbench.wear(theme as keyof typeof THEMES);
    await plain.scrollIntoViewIfNeeded();
    await workbench.picture(`integers-plain-way-${kind}`);
    expect(await violations(page), theme).toEqual([]);
  }
  await plain.locator(".link").click();
  await chosen("whole");
  expect(await plain.count()).toBe(0);
  await workbench.page.keyboard.press("Control+s");
  await expect.poll(() => (JSON.parse(readFileSync(at(NAME), "utf8")) as { inference?: string }).inference).toBe("integer");
}, 400_000);

test("ranges and normalizations are chosen under the target size, and what the text says stands there", async () => {
  const page = await workbench.front(NAME), part = page.locator(".arithmetic"), list = (name: string) => part.getByRole("combobox", { name, exact: true }), { keyboard } = workbench.page;
  const text = () => (JSON.parse(readFileSync(at(NAME), "utf8")) as { integers?: unknown }).integers, save = () => keyboard.press("Control+s");
  await list("Ranges").click();
  await page.getByRole("option", { name: "percentile", exact: true }).click();
  const percent = part.locator(".field input");
  await percent.fill("99.9");
  await percent.press("Enter");
  await list("Normalizations").click();
  await page.getByRole("option", { name: "in fixed point" }).click();
  await expect.poll(async () => { await save(); return text(); }, { timeout: 20_000, interval: 500 }).toEqual({ ranges: "percentile", percentile: 99.9, normalizations: "fixedPoint" });
  for (const [theme, name] of [["Default Light Modern", "light"], ["Default High Contrast", "hc"], ["Default High Contrast Light", "hc-light"], ["Default Dark Modern", "dark"]] as const) {
    await workbench.wear(theme);
    await part.scrollIntoViewIfNeeded();
    await workbench.picture(`integers-arithmetic-${name}`);
    expect(await violations(page), name).toEqual([]);
  }
  await workbench.page.setViewportSize({ width: 568, height: 900 });
  await unfold(page);
  await part.scrollIntoViewIfNeeded();
  await workbench.picture("integers-arithmetic-520");
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
  await list("Ranges").click();
  await page.getByRole("option", { name: "least squared error" }).click();
  await list("Normalizations").click();
  await page.getByRole("option", { name: "in floats" }).click();
  await expect.poll(async () => { await save(); return text(); }, { timeout: 20_000, interval: 500 }).toBeUndefined();
}, 400_000);

test("a training of integers is told from when on it sees activations rounded", async () => {
  const page = await workbench.front(NAME), tuning = page.locator(".tuning"), text = () => JSON.parse(readFileSync(at(NAME), "utf8")) as { tune?: unknown; integers?: unknown };
  await tuning.getByRole("combobox", { name: "Fine-tune" }).click();
  await page.getByRole("option", { name: "5 minutes", exact: true }).click();
  await tuning.getByRole("combobox", { name: "Rounding" }).click();
  await page.getByRole("option", { name: "after 20 %" }).click();
  await expect.poll(() => tuning.getByRole("combobox", { name: "Rounding" }).evaluate((list: HTMLElement & { value: string }) => list.value)).toBe("2");
  await workbench.picture("integers-tuning");
  await workbench.page.keyboard.press("Control+s");
  await expect.poll(text).toMatchObject({ tune: { duration: "5m" }, integers: { delay: 0.2 } });
  await tuning.getByRole("combobox", { name: "Rounding" }).click();
  await page.getByRole("option", { name: "where it matters" }).click();
  await tuning.getByRole("combobox", { name: "Fine-tune" }).click();
  await page.getByRole("option", { name: "Off" }).click();
  await expect.poll(() => tuning.getByRole("combobox", { name: "Rounding" }).count()).toBe(0);
  await workbench.page.keyboard.press("Control+s");
  await expect.poll(() => Object.keys(text())).not.toContain("tune");
});

test("what each layer costs is measured, and a click keeps one in floats or takes it back", async () => {
  const page = await workbench.front(NAME), section = page.locator(".integers"), rows = section.locator(".integers-row:not(.integers-head)"), text = () => JSON.parse(readFileSync(at(NAME), "utf8")) as { layers?: unknown; integers?: unknown };
  const save = () => workbench.page.keyboard.press("Control+s");
  const least = section.locator(".integers-agreement input"), note = section.locator(".integers-note");
  await least.fill("lots");
  await least.press("Enter");
  await expect.poll(() => note.innerText()).toBe('"lots" is no agreement. Give percent up to 100, or nothing.');
  await workbench.picture("integers-no-agreement");
  await least.fill("");
  await least.press("Enter");
  await expect.poll(() => note.innerText()).toBe("Not measured yet which layers suffer from 8 bits.");
  await section.getByRole("button", { name: "Diagnose Layers" }).click();
  await section.getByRole("button", { name: "Cancel" }).click();
  await section.getByText("Cancelled before all layers were measured.").waitFor();
  expect(await rows.count()).toBe(0);
  await section.getByRole("button", { name: "Diagnose Layers" }).click();
  await section.getByText(/With all layers in integers the network agrees on [\d.]+ % of \d+ images\./).waitFor({ timeout: 240_000 });
  // what was measured of the recipe stands in the head for as long as it is of this recipe
  const head = page.locator(".figure-predicted"), measured = /^[\d.]+ %\s+agreement, measured on 64 images$/;
  await expect.poll(() => head.innerText()).toMatch(measured);
  await expect.poll(() => rows.count()).toBe(7); // one more than the first six is not worth a press
  const lengths = await rows.locator(".integers-bar span").evaluateAll((bars) => bars.map((bar) => bar.getBoundingClientRect().width));
  expect(lengths).toEqual([...lengths].sort((a, b) => b - a));
  // what weights of 8 bits cost by themselves is part of every bar
  expect(await section.locator(".integers-legend").innerText()).toMatch(/^Bar: how far predictions move when only this layer computes with integers\.\s+Line: how far they move when no layer does: compressed weights alone, [\d.]+ nats, agreement [\d.]+ %\.\s+Right of the line is what integers cost\. A bar that ends before it: [^\n]+\s+Sensitivity, in the table, is about fewer bits for the weights, so its order is another\.$/);
  for (const title of await rows.locator(".integers-c2, .integers-c3").evaluateAll((all) => all.map((cell) => cell.getAttribute("title")))) expect(title).toMatch(/^Agreement [\d.]+ % on \d+ images; 95 %: [\d.]+ to [\d.]+\.\n(So many images cannot tell it from [\d.]+ %\.\n)?divergence [\d.]+ nats$/);
  // what the order is by stands there as a figure, at any width
  const losses = (await rows.locator(".integers-loss").allInnerTexts()).map(Number);
  expect(losses.every((loss) => loss > 0)).toBe(true);
  expect(losses).toEqual([...losses].sort((a, b) => b - a));
  await workbench.page.setViewportSize({ width: 420, height: 900 });
  await unfold(page);
  await section.scrollIntoViewIfNeeded();
  expect(await section.locator(".integers-loss").first().isVisible()).toBe(true);
  expect(await section.locator(".integers-head").innerText()).toContain("divergence, nats");
  await workbench.picture("integers-diagnosed-420");
  await workbench.page.setViewportSize({ width: 960, height: 900 });
  await section.scrollIntoViewIfNeeded();
  await workbench.picture("integers-diagnosed-960");
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
  const marks = await rows.locator(".integers-bar i").evaluateAll((all) => all.map((mark) => mark.getBoundingClientRect().left));
  expect(new Set(marks).size).toBe(1);
  const worst = rows.first(), id = (await worst.getAttribute("data-id"))!;
  await worst.locator(".integers-toggle").click();
  await expect.poll(() => worst.locator(".integers-toggle").innerText()).toBe("In Floats");
  await expect.poll(() => head.innerText()).toMatch(/agreement, predicted/);
  await save();
  await expect.poll(() => text().layers).toEqual({ [id]: { inference: "float" } });
  await worst.locator(".integers-name").click();
  await expect.poll(() => page.locator(".why").innerText()).toMatch(/It is computed with floats\. As integers it alone leaves agreement at .*Back to Integers/s);
  expect(await page.locator(`.plan-row[data-id="${id}"] .float-mark`).innerText()).toBe("float");
  await workbench.picture("integers-diagnosed");
  expect(await violations(page)).toEqual([]);
  for (const theme of ["Default Light Modern", "Default High Contrast", "Default High Contrast Light"] as const) {
    await workbench.wear(theme);
    await workbench.picture(`integers-diagnosed-${theme.replace(/Default | /g, "")}`);
    expect(await violations(page)).toEqual([]);
  }
  await workbench.wear("Default Dark Modern");
  await page.locator(".why .link", { hasText: "Back to Integers" }).click();
  await expect.poll(() => worst.locator(".integers-toggle").innerText()).toBe("Keep in Floats");
  const agreement = section.locator(".integers-agreement input");
  await agreement.fill("99,5");
  await agreement.press("Enter");
  await agreement.blur();
  await expect.poll(async () => { await save(); return text(); }).toMatchObject({ integers: { agreement: 0.995 } });
  expect(text().layers).toBeUndefined();
  await agreement.fill("");
  await agreement.blur();
  await expect.poll(async () => { await save(); return text().integers; }).toBeUndefined();
  for (const width of [1100, 760, 560]) {
    await workbench.page.setViewportSize({ width, height: 900 });
    await unfold(page);
    await section.scrollIntoViewIfNeeded();
    await workbench.picture(`integers-diagnosed-${width}`);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  }
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
}, 600_000);

test("a warning of channels of extremely different ranges stands beside the layers that it concerns", async () => {
  await workbench.tidy();
  await workbench.sideBar(true);
  const page = await open(DETECTOR, "Open Recipe Editor"), section = page.locator(".integers");
  await workbench.sideBar(false);
  await section.getByRole("button", { name: "Diagnose Layers" }).click();
  await section.locator(".integers-row .integers-sign").first().waitFor({ timeout: 240_000 });
  expect(await page.locator(".plan-row:has(.integers-sign)").evaluateAll((rows) => rows.map((row) => (row as HTMLElement).dataset.id))).toEqual(["boxes.w", "scores.w"]);
  expect(await section.locator(".integers-sign").first().getAttribute("title")).toMatch(/^The channels of boxes have extremely different ranges on one grid/);
  await section.locator(".integers-name", { hasText: "boxes" }).click();
  await expect.poll(() => page.locator(".why").innerText()).toMatch(/As integers it alone puts the outputs .* off, all but it .*extremely different ranges/s);
  expect(await section.locator(".integers-goal").isVisible()).toBe(false); // its outputs are no classes
  await workbench.picture("integers-warned");
  expect(await violations(page)).toEqual([]);
  await workbench.wear("Default Light Modern");
  await workbench.picture("integers-warned-light");
  expect(await violations(page)).toEqual([]);
  await workbench.wear("Default Dark Modern");
  await workbench.tidy();
  await workbench.sideBar(true);
  await open(NAME, "Open Recipe Editor");
  await workbench.sideBar(false);
}, 600_000);

test("of many layers the most expensive are shown, and all of them at a press", { timeout: 600_000 }, async () => {
  await workbench.afresh();
  const name = "deep.kernelscope.json", section = (page: Frame) => page.locator(".integers"), rows = (page: Frame) => section(page).locator(".integers-row:not(.integers-head)");
  writeFileSync(at("deep.onnx"), chain(LAYERS));
  writeFileSync(at(name), JSON.stringify({ version: 1, model: "./deep.onnx", inference: "integer", data: { folder: "./fashion-mnist", limit: 64 } }, null, 2));
  const page = await open(name, "Open Recipe Editor"), losses = async () => (await rows(page).locator(".integers-loss").allInnerTexts()).map(Number);
  await workbench.sideBar(false);
  await section(page).getByRole("button", { name: "Diagnose Layers" }).click();
  const more = section(page).getByRole("button", { name: `Show All ${LAYERS} Layers` });
  await more.waitFor({ timeout: 240_000 });
  expect(await rows(page).count()).toBe(6);
  const first = await losses();
  await more.scrollIntoViewIfNeeded();
  await workbench.picture("integers-some-of-many");
  await more.click();
  await expect.poll(() => rows(page).count()).toBe(LAYERS);
  expect(await more.count()).toBe(0);
  const all = await losses();
  expect(all.slice(0, 6)).toEqual(first);
  expect(all).toEqual([...all].sort((a, b) => b - a));
  expect(new Set(await rows(page).evaluateAll((list) => list.map((row) => (row as HTMLElement).dataset.id))).size).toBe(LAYERS);
  await workbench.picture("integers-all-of-many");
  expect(await violations(page)).toEqual([]);
  await workbench.tidy();
  await workbench.sideBar(true);
  await open(NAME, "Open Recipe Editor");
  await workbench.sideBar(false);
});

test("what is written runs on integers, and the model's graph shows its layers as before", async () => {
  const page = await workbench.front(NAME);
  await page.locator(".header .button", { hasText: "Compress" }).click();
  await workbench.modelPage(`fashion-cnn.onnx ↔ ${RESULT}`, 400_000);
  expect(existsSync(at(RESULT))).toBe(true);
  const compared = await workbench.front(`fashion-cnn.onnx ↔ ${RESULT}`), inIntegers = compared.locator(".cmp-figures .figure", { hasText: "convolutions in integers" });
  expect((await inIntegers.innerText()).replace(/\s+/g, " ")).toBe("6 / 6 convolutions in integers");
  await workbench.picture("integers-compared");
  await workbench.tidy();
  await workbench.sideBar(true);
  const model = await workbench.open(RESULT);
  await model.waitForSelector("body[data-ready=true]");
  await workbench.picture("integers-graph");
  expect(await violations(model)).toEqual([]);
}, 600_000);

test("its own recipe, from the file alone, is one of integers", async () => {
  await workbench.tidy();
  rmSync(at(NAME)); // whose it is
  await workbench.reload(); // whatever this session knows of the file is gone
  await workbench.sideBar(true);
  await workbench.menu(RESULT, "Plan…");
  const page = await workbench.modelPage("fashion-cnn.kernelscope.json");
  await page.waitForSelector(".plan-row", { timeout: 240_000 });
  expect(await page.locator(".recipe-goal .select").evaluate((list: HTMLElement & { value: string }) => list.value)).toBe("whole");
  await page.locator(".integers", { hasText: "Diagnose Again" }).waitFor(); // what was found of the model outlives the window
}, 400_000);

test("a preset counts what rounding activations costs, and its file is what it said", async () => {
  await workbench.afresh();
  rmSync(at(RESULT), { force: true });
  writeFileSync(at(PRESET), JSON.stringify({ version: 1, model: "./fashion-cnn.onnx", preset: "nearly-lossless", data: { folder: "./fashion-mnist", limit: 64 } }, null, 2));
  const page = await open(PRESET, "Open Recipe Editor"), agreement = async () => Number(/([\d.]+) % (?:± (?:< )?[\d.]+|\([\d.]+ to [\d.]+\)) agreement, predicted/.exec(await figures(page))?.[1]), arithmetic = page.getByRole("combobox", { name: "Arithmetic" });
  const isReady = () => expect.poll(() => page.evaluate(() => document.body.dataset.ready), { timeout: 240_000 }).toBe("true");
  await workbench.sideBar(false);
  const floats = await bytesNow(page), counted = page.getByText(/^The prediction counts what rounding activations costs, as measured with weights of 8 bits on \d+ images\.$/);
  expect(await counted.count()).toBe(0);
  await arithmetic.click();
  await page.getByRole("option", { name: "integers of 8 bits" }).click();
  await expect.poll(() => bytesNow(page), { timeout: 240_000 }).not.toBe(floats);
  await isReady();
  await workbench.picture("integers-preset");
  await counted.waitFor();
  const [, least, most] = /ends between ([\d.]+) KB and ([\d.]+) KB/.exec(await figures(page))!.map(Number);
  expect(await agreement()).toBeGreaterThan(98.9);
  await page.locator(".header .button", { hasText: "Compress" }).click();
  await workbench.modelPage(`fashion-cnn.onnx ↔ ${RESULT}`, 400_000);
  const written = await workbench.front(PRESET);
  await written.locator(".job-end .codicon-pass-filled").waitFor();
  await workbench.picture("integers-preset-written");
  expect(statSync(at(RESULT)).size / 1000).toBeGreaterThan(least - 0.1);
  expect(statSync(at(RESULT)).size / 1000).toBeLessThan(most + 0.1);
  expect(Math.abs(await bytesNow(written) / statSync(at(RESULT)).size - 1)).toBeLessThan(0.01); // from now on the preset says what it wrote
}, 600_000);

test("a compressed layer that computes with floats beside integers is marked so, in its model and in a comparison", async () => {
  await workbench.afresh();
  writeFileSync(at("some.json"), JSON.stringify({ version: 1, inference: "integer", target: "60KB", data: { folder: "./fashion-mnist", limit: 64 }, layers: { "features.14.weight": { inference: "float" } } }));
  compress(at("fashion-cnn.onnx"), "--recipe", at("some.json"), "--output", at("some.onnx"));
  const page = await workbench.openGraph("some.onnx"), marks = (frame: Frame, rows: string) => frame.locator(rows).evaluateAll((all) => all.map((row) => row.querySelector(".float-mark")?.textContent ?? ""));
  expect(await page.locator(".header .figure", { hasText: "layers in integers" }).locator("b").innerText()).toBe("6 of 7");
  await page.getByRole("tab", { name: "Layers" }).click();
  expect(await marks(page, ".table-pane tr[data-id]")).toEqual(["", "", "", "", "float", "", ""]);
  for (const [theme, name] of [["Default Light Modern", "light"], ["Default High Contrast", "hc"], ["Default High Contrast Light", "hc-light"], ["Default Dark Modern", "dark"]] as const) {
    await workbench.wear(theme);
    await page.locator(".table-pane tr[data-id]", { hasText: "features.14" }).click(); // the mark on a selected row
    await workbench.picture(`integers-some-layers-${name}`);
    expect(await violations(page), theme).toEqual([]);
  }
  const compared = await workbench.compare("fashion-cnn.onnx", "some.onnx");
  await compared.waitForSelector(".cmp-row");
  expect(await marks(compared, ".cmp-row[data-layer]")).toEqual(["", "", "", "", "float", "", ""]);
  await workbench.picture("integers-some-compared");
}, 400_000);
