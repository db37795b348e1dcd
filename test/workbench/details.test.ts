import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { floatToHalf } from "../../src/numeric/half";
import type { NodeSpec, TensorData } from "../../src/onnx/encode";
import { DataType } from "../../src/onnx/tensor";
import { readPng } from "../helpers/png";
import { bytesOf, dynamicConv, dynamicValues, dynamicWeights, floats, modelBytes, value, wave } from "../unit/onnx/models";
import { violations } from "./axe";
import { compress } from "./made";
import { cutTexts, overlaps } from "./overlaps";
import { THEMES, Workbench } from "./workbench";

const WIDE = 1600;

/** Two residual blocks with gates, one after the other, of layers that are only numbered. */
function gated(): Uint8Array {
  const nodes: NodeSpec[] = [], initializers: TensorData[] = [];
  const add = (op: string, inputs: string[], attributes?: NodeSpec["attributes"]): string => { const name = `t${nodes.length}`; nodes.push({ op, inputs, outputs: [name], attributes }); return name; };
  const conv = (input: string, dims: number[], attributes: NodeSpec["attributes"] = {}): string => { const name = `conv2d_${initializers.length}.weight`; initializers.push(floats(name, dims, wave(dims.reduce((a, b) => a * b, 1)))); return add("Conv", [input, name], attributes); };
  const gate = (x: string): string => add("Mul", [x, add("HardSigmoid", [conv(add("Relu", [conv(add("GlobalAveragePool", [x]), [2, 8, 1, 1])]), [8, 2, 1, 1])])]);
  let x = conv("x", [8, 3, 3, 3], { pads: [1, 1, 1, 1] });
  for (let i = 0; i < 2; i++) x = add("Add", [x, conv(gate(conv(x, [8, 8, 3, 3], { pads: [1, 1, 1, 1] })), [8, 8, 3, 3], { pads: [1, 1, 1, 1] })]);
  const pooled = add("AveragePool", [x], { kernel_shape: [2, 2], strides: [2, 2], count_include_pad: 1, ceil_mode: 1 });
  return modelBytes({ nodes, initializers, inputs: [value("x", ["N", 3, "H", "W"])], outputs: [value(pooled)] });
}

/** A convolution between pairs that round values, and one that stays float. */
function rounded(): Uint8Array {
  const raw = (name: string, values: number[], dims: number[]): TensorData => ({ name, dims, type: DataType.UINT8, raw: Uint8Array.from(values) }), one = (name: string, v: number): TensorData => ({ name, dims: [], type: DataType.FLOAT, raw: bytesOf(Float32Array.of(v)) });
  return modelBytes({
    inputs: [value("x", ["N", 3, 8, 8])], outputs: [value("y")],
    nodes: [
      { op: "QuantizeLinear", inputs: ["x", "xs", "xz"], outputs: ["xq"] }, { op: "DequantizeLinear", inputs: ["xq", "xs", "xz"], outputs: ["xd"] }, { op: "DequantizeLinear", inputs: ["first.weight", "ws", "wz"], outputs: ["w"], attributes: { axis: 0 } },
      { op: "Conv", inputs: ["xd", "w"], outputs: ["a"], attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] } }, { op: "QuantizeLinear", inputs: ["a", "as", "xz"], outputs: ["aq"] }, { op: "DequantizeLinear", inputs: ["aq", "as", "xz"], outputs: ["ad"] },
      { op: "Conv", inputs: ["ad", "last.weight"], outputs: ["y"], attributes: { kernel_shape: [1, 1] } },
    ],
    initializers: [one("xs", 0.5), raw("xz", [3], []), raw("first.weight", Array.from({ length: 108 }, (_, i) => i % 200), [4, 3, 3, 3]), floats("ws", [4], [0.25, 0.125, 0.5, 2]), raw("wz", [128, 128, 128, 128], [4]), one("as", 0.0625), floats("last.weight", [2, 4, 1, 1], wave(8))],
  });
}

/** Two convolutions with a rectifier each, of the values that dynamic integers stand for; or these integers; or the values in half precision. */
function stored(as: "floats" | "dynamic" | "half"): Uint8Array {
  const names = ["first", "last"], flows = [["x", "first", "h"], ["h", "last", "y"]], parts = { inputs: [value("x", ["N", 4, 8, 8])], outputs: [value("y")] };
  if (as === "dynamic") return modelBytes({ ...parts, nodes: flows.flatMap(([from, name, to]) => dynamicConv(from, name, to)), initializers: names.flatMap(dynamicWeights) });
  const isHalf = as === "half", biases = names.flatMap(dynamicWeights).filter(({ name }) => name.endsWith(".bias")).map((bias) => ({ ...bias, dims: [4] }));
  return modelBytes({
    ...parts,
    nodes: flows.flatMap(([from, name, to]): NodeSpec[] => [
      ...(isHalf ? [{ op: "Cast", inputs: [`${name}.half`], outputs: [`${name}.weight`], attributes: { to: DataType.FLOAT } }] : []),
      { op: "Conv", name, inputs: [from, `${name}.weight`, `${name}.bias`], outputs: [`${name}.sum`], attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] } }, { op: "Relu", inputs: [`${name}.sum`], outputs: [to] },
    ]),
    initializers: [...biases, ...names.map((name) => (isHalf ? { name: `${name}.half`, dims: [4, 4, 3, 3], type: DataType.FLOAT16, raw: bytesOf(Uint16Array.from(dynamicValues, floatToHalf)) } : floats(`${name}.weight`, [4, 4, 3, 3], dynamicValues)))],
  });
}

let workbench: Workbench;
beforeAll(async () => {
  workbench = await Workbench.start({ prepare: (folder) => {
    const at = (name: string) => path.join(folder, name);
    writeFileSync(at("gated.onnx"), gated());
    writeFileSync(at("rounded.onnx"), rounded());
    for (const as of ["floats", "dynamic", "half"] as const) writeFileSync(at(`${as}.onnx`), stored(as));
    writeFileSync(at("wide.onnx"), modelBytes({ inputs: [value("x", ["N", WIDE])], outputs: [value("y")], nodes: [{ op: "MatMul", inputs: ["x", "small"], outputs: ["a"] }, { op: "MatMul", inputs: ["a", "large"], outputs: ["y"] }], initializers: [floats("small", [WIDE, WIDE], wave(WIDE * WIDE)), floats("large", [WIDE, WIDE + 1], wave(WIDE * (WIDE + 1)))] }));
    compress(at("resnet20-cifar10.onnx"), "--target", "10x", "--output", at("words.onnx"));
  } });
});
afterAll(() => workbench?.stop());
beforeEach(async () => {
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
  await workbench.tidy();
});

const open = (name: string): Promise<Frame> => workbench.openGraph(name);
const items = (page: Frame) => page.locator(".spine-row").evaluateAll((rows) => rows.map((row) => `${"  ".repeat(Number(row.getAttribute("aria-level")) - 1)}${row.querySelector(".spine-name")?.textContent}`));
const facts = async (page: Frame): Promise<Record<string, string>> => Object.fromEntries(await page.locator(".side .fact").evaluateAll((all) => all.map((one): [string, string] => [one.querySelector("dt")?.textContent ?? "", one.querySelector("dd")?.textContent ?? ""])));
async function select(page: Frame, layer: string): Promise<void> {
  await page.locator("#tab-layers").click();
  await page.locator(`tr[data-id="${layer}"]`).click();
  await page.waitForSelector(`.side[data-layer="${layer}"]`);
}

test("blocks of a network without names are called by what they are, numbered in the order of the graph, gates inside them", async () => {
  const page = await open("gated.onnx");
  await page.locator(".spine").focus();
  await workbench.page.keyboard.press("*"); // whatever the selection has unfolded, all of it
  expect(await items(page)).toEqual(["x", "conv2d_0", "residual 1", "  conv2d_1", "  gate 1", "    conv2d_2", "    conv2d_3", "    Mul", "  conv2d_4", "  Add", "residual 2", "  conv2d_5", "  gate 2", "    conv2d_6", "    conv2d_7", "    Mul", "  conv2d_8", "  Add", "AveragePool", "t19"]);
  await workbench.page.keyboard.press("*");
  await workbench.page.keyboard.press("Home");
  await expect.poll(() => items(page)).toEqual(["x", "conv2d_0", "residual 1–2", "AveragePool", "t19"]);
  expect(await page.locator(".spine-row", { hasText: "residual" }).getAttribute("aria-label")).toMatch(/^residual 1–2, residual block ×2 · 8 ch/);
});

test("the ring of the focus lies over all that is drawn, in every theme, also where everything is unfolded", async () => {
  const page = await open("gated.onnx"), { keyboard } = workbench.page;
  for (const theme of Object.keys(THEMES) as (keyof typeof THEMES)[]) {
    await workbench.wear(theme);
    await page.locator(".spine").focus();
    await keyboard.press("*");
    for (const key of ["+", "+", "+"]) await keyboard.press(key);
    await workbench.page.waitForTimeout(400);
    const box = (await page.locator(".graph").boundingBox())!, { pixels, width } = readPng(await workbench.page.screenshot({ clip: { ...box, y: Math.ceil(box.y), height: 1 } }));
    const colour = (await page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue("--vscode-focusBorder"))).trim(), wanted = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
    const ring = Array.from({ length: width }, (_, x) => wanted.every((level, c) => Math.abs(pixels[3 * x + c] - level) < 24)).filter(Boolean).length / width;
    expect(ring, theme).toBeGreaterThan(0.99);
    await keyboard.press("*");
  }
  await workbench.wear("Default Dark Modern");
});

test("what is known of a layer stands there while its weights are still read", async () => {
  const page = await open("wide.onnx");
  await page.evaluate(() => {
    const seen: string[] = [];
    Object.assign(window, { seen });
    new MutationObserver(() => { const side = document.querySelector(".side")!; seen.push(`${side.querySelector("h2")?.textContent} ${side.querySelector(".part-facts") ? "facts" : ""} ${side.querySelector(".part-weights") ? "weights" : ""}`.trim()); }).observe(document.querySelector(".side")!, { childList: true });
  });
  await select(page, "small");
  expect(await page.evaluate(() => (window as unknown as { seen: string[] }).seen)).toEqual(["small facts", "small facts weights"]);
});

test("a compressed layer says how it is stored and what it runs as, and stands in the pane without scrolling", async () => {
  const page = await open("words.onnx");
  await select(page, "layer3.0.conv1.weight");
  const known = await facts(page);
  expect(known["stored as"]).toMatch(/words of|-bit integers/);
  expect([known.type, known["runs as"]]).toEqual([undefined, "float32"]);
  await workbench.picture("details-words");
  const outOfSight = (frame: Frame) => frame.evaluate(() => { const side = document.querySelector(".side")!; return side.scrollHeight - side.clientHeight; });
  expect(await outOfSight(page)).toBe(0);
  expect(await overlaps(page)).toEqual([]);
  const plain = await open("resnet20-cifar10.onnx");
  await select(plain, "layer3.0.conv1.weight");
  expect(await outOfSight(plain)).toBe(0);
  // where icons have no room, words stand in the middle of their buttons
  expect(await plain.locator(".details-actions .button").evaluateAll((buttons) => buttons.filter((button) => getComputedStyle(button.querySelector("[slot=start]")!).display === "none").map((button) => {
    const [outer, label] = [button, button.querySelector(".label")!].map((one) => one.getBoundingClientRect());
    return Math.abs(outer.x + outer.width / 2 - label.x - label.width / 2) < 1;
  }))).toEqual([true, true]);
});

test("integers tell scales, axis and zero points, layers beside them that they stay float", async () => {
  const page = await open("rounded.onnx");
  await select(page, "w");
  expect(await page.locator("tr[aria-selected=true] td:nth-child(4)").innerText()).toBe("uint8 · 4 scales");
  expect((await facts(page)).type).toBeUndefined();
  expect(await facts(page)).toMatchObject({ "stored as": expect.stringMatching(/^uint8, [\d.]+ bits a weight$/) as string, "runs as": "integers", scales: "4 on axis 0, 0.125 – 2", input: "scale 0.5, zero point 3", output: "scale 0.0625, zero point 3", "zero point": "128", integers: "uint8" });
  expect(await cutTexts(page)).toEqual([]);
  await workbench.picture("details-integers");
  await select(page, "last.weight");
  expect((await facts(page)).arithmetic).toBe("floats, beside integers");
  expect(await page.locator("tr[data-id]").evaluateAll((rows) => rows.map((row) => row.querySelector(".float-mark")?.textContent ?? ""))).toEqual(["", "float"]);
  expect(await page.locator(".header .figure", { hasText: "layers in integers" }).locator("b").innerText()).toBe("1 of 2");
  expect(await cutTexts(page)).toEqual([]);
});

test.each(["dynamic", "half"] as const)("a model of %s values shows its weights, alone and beside the floats, in every theme", { timeout: 240_000 }, async (as) => {
  const page = await open(`${as}.onnx`);
  await page.locator("#tab-layers").click();
  const ids = await page.locator("tbody tr").evaluateAll((rows) => rows.map((row) => (row as HTMLElement).dataset.id!));
  expect(ids.length).toBe(2);
  await select(page, ids[0]);
  expect((await facts(page)).weight).toBe("4×4×3×3");
  expect(await facts(page)).toMatchObject(as === "half" ? { "stored as": expect.stringMatching(/^float16, [\d.]+ bits a weight$/) as string, "runs as": "float32" } : { "stored as": "uint8, 8 bits a weight", "runs as": "uint8" });
  expect(await page.locator("tr[aria-selected=true] td:nth-child(4)").innerText()).toBe(as === "half" ? "float16" : "uint8 · 1 scale");
  await page.locator(".side .part-weights").waitFor();
  expect(await cutTexts(page)).toEqual([]);
  for (const theme of Object.keys(THEMES) as (keyof typeof THEMES)[]) {
    await workbench.wear(theme);
    expect(await violations(page), theme).toEqual([]);
    await workbench.picture(`details-${as}-${THEMES[theme]}`);
  }
  const both = await workbench.compare(`${as}.onnx`, "floats.onnx");
  await both.waitForSelector("#page[data-filled]");
  // the same values, stored otherwise
  await expect.poll(async () => (await both.locator(".cmp-rows .cmp-weights").allTextContents()).map((text) => text.trim()).filter((text) => /^([−\d.]+|∞)$/.test(text)), { timeout: 60_000 }).toEqual(["∞", "∞"]);
  for (const theme of Object.keys(THEMES) as (keyof typeof THEMES)[]) {
    await workbench.wear(theme);
    expect(await violations(both), theme).toEqual([]);
    await workbench.picture(`compare-${as}-${THEMES[theme]}`);
  }
  await workbench.wear("Default Dark Modern");
});

test("where a model leaves sizes open it is said what its multiply-accumulates are counted for, or why they are not", async () => {
  const page = await open("gated.onnx"), figure = page.locator(".header .figure", { hasText: "MACs" });
  expect(await figure.innerText()).toMatch(/^[\d.]+ M\s+MACs of 3×224×224$/);
  expect(await figure.getAttribute("title")).toBe("Counted for an input of 3×224×224: the model leaves its sizes open. Others are taken where gated.preprocess.json beside it says so, as in { \"resize\": [48, 320] }.");
});

test("names of attributes are not cut, and sizes that a window leaves alone keep their names", async () => {
  const page = await open("gated.onnx");
  await page.locator(".spine").focus();
  await workbench.page.keyboard.press("End");
  await workbench.page.keyboard.press("ArrowUp");
  await expect.poll(() => facts(page)).toMatchObject({ count_include_pad: "1", ceil_mode: "1", kernel_shape: "2, 2" });
  expect(await cutTexts(page)).toEqual([]);
  expect(await page.locator(".side .ways").first().innerText()).toContain("8×H×W");
});

test("a compressed model that is cut off says so, how much is there and what to do; once it is whole again, all is where it was", async () => {
  const page = await open("words.onnx"), file = path.join(workbench.folder, "words.onnx"), whole = readFileSync(file);
  await select(page, "layer2.1.conv2.weight");
  writeFileSync(file, whole.subarray(0, Math.floor(0.7 * whole.length)));
  const state = page.locator(".state");
  await state.waitFor();
  expect(await state.locator("h1").innerText()).toBe("This file ends too early");
  expect(await state.locator("p").innerText()).toMatch(/^It stops at byte [\d,]+ of at least [\d,]+, inside the weights of .+\. The copy or download was probably cut off: copy, download or make it again\. It was not changed\.$/);
  for (const [theme, name] of Object.entries(THEMES) as [keyof typeof THEMES, string][]) {
    await workbench.wear(theme);
    expect(await state.locator(".axis").innerText()).toMatch(/^[\d.]+ KB read\s+[\d.]+ KB expected$/);
    const [bar, there] = [(await state.locator(".there").boundingBox())!, (await state.locator(".there span").boundingBox())!];
    expect(there.width / bar.width).toBeCloseTo(0.7, 1);
    expect(await overlaps(page)).toEqual([]);
    await workbench.picture(`state-cut-${name}`);
  }
  await workbench.wear("Default Dark Modern");
  writeFileSync(file, whole);
  await page.waitForSelector(".side[data-layer='layer2.1.conv2.weight']");
  expect(await page.locator("tr[aria-selected=true]").getAttribute("data-id")).toBe("layer2.1.conv2.weight");
});

test("at 360 to 400 pixels tabs and the size are whole, in every view", async () => {
  const page = await open("resnet20-cifar10.onnx"), { page: window } = workbench;
  await workbench.sideBar(false);
  for (const width of [360, 380, 400]) {
    await window.setViewportSize({ width: width + Math.round((await window.locator(".part.activitybar").boundingBox())!.width), height: 900 });
    for (const tab of ["graph", "layers", "codebooks", "accuracy"]) {
      await page.locator(`#tab-${tab}`).click();
      await window.waitForTimeout(400);
      expect(await page.evaluate(() => innerWidth)).toBe(width);
      expect((await cutTexts(page)).filter((text) => /^(Graph|Layers|Codebooks|Accuracy|Compress…|[\d.]+ MB)$/.test(text)), `${tab} at ${width}`).toEqual([]);
      expect((await overlaps(page)).filter((text) => !text.includes(" over ") || tab !== "layers"), `${tab} at ${width}`).toEqual([]); // a table's head lies over its rows
    }
  }
  await workbench.picture("model-narrowest");
  await window.setViewportSize({ width: 1440, height: 900 });
  await workbench.sideBar(true);
});

test("at 340 pixels the header has size, bits and Compress, whole, and tells the rest on a sign", async () => {
  const page = await open("resnet20-cifar10.onnx"), { page: window } = workbench;
  await workbench.sideBar(false);
  for (const theme of Object.keys(THEMES) as (keyof typeof THEMES)[]) {
    await workbench.wear(theme);
    await window.setViewportSize({ width: 340 + Math.round((await window.locator(".part.activitybar").boundingBox())!.width), height: 700 });
    await expect.poll(() => page.evaluate(() => innerWidth)).toBe(340);
    const shown = () => page.evaluate(() => [...document.querySelectorAll<HTMLElement>(".header :is(.figure, .more, .button)")].flatMap((part) => {
      const { left, right, top, bottom } = part.getBoundingClientRect(), header = document.querySelector(".header")!.getBoundingClientRect();
      return part.offsetWidth && top < header.bottom ? [{ text: part.innerText.replace(/\s+/g, " ").trim(), isWhole: left >= 0 && right <= innerWidth && bottom <= header.bottom && [part, ...part.querySelectorAll("*")].every(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth + 1) }] : [];
    }));
    await expect.poll(shown, { message: theme }).toEqual(["1.11 MB size", "32 bits per weight", "", "Compress…"].map((text) => ({ text, isWhole: true })));
    expect(await page.locator(".header .more").getAttribute("aria-label")).toContain("parameters: 268 K");
    expect(await overlaps(page), theme).toEqual([]);
    await workbench.picture(`model-340-${THEMES[theme]}`);
  }
  await workbench.wear("Default Dark Modern");
  await window.setViewportSize({ width: 1440, height: 900 });
  await workbench.sideBar(true);
});
