import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Workbench } from "./workbench";

const MODELS = ["fashion-cnn", "resnet20-cifar10"];

let workbench: Workbench;
beforeAll(async () => { workbench = await Workbench.start(); });
afterAll(() => workbench?.stop());

const at = (name: string) => path.join(workbench.folder, name);
const quick = () => workbench.page.locator(".quick-input-list .monaco-list-row");

test("models selected together are compressed in turn, asked about once", { timeout: 300_000 }, async () => {
  const { page } = workbench, running = () => page.locator(".notification-toast", { hasText: /Compressing/ }).allInnerTexts();
  await workbench.row(`${MODELS[0]}.onnx`).click();
  await workbench.modelPage(`${MODELS[0]}.onnx`); // a file that opens is selected alone, by the Explorer itself
  await workbench.row(`${MODELS[1]}.onnx`).click({ modifiers: ["Control"] });
  for (const name of MODELS) await expect.poll(() => workbench.row(`${name}.onnx`).getAttribute("aria-selected")).toBe("true");
  await workbench.menu(`${MODELS[1]}.onnx`, "Compress Model");
  await expect.poll(() => page.locator(".quick-input-title").innerText()).toBe("Compress 2 models");
  // figures of one of them would be wrong of the other
  expect((await quick().allInnerTexts()).join(" ")).not.toMatch(/times smaller/);
  await quick().filter({ hasText: "lose 3 points" }).click();
  await quick().filter({ hasText: "Without Images" }).click();
  while (!MODELS.every((name) => existsSync(at(`${name}.small.onnx`)))) {
    expect((await running()).length).toBeLessThan(2); // one after the other
    await page.waitForTimeout(50);
  }
  const [first, second] = MODELS.map((name) => statSync(at(`${name}.small.onnx`)));
  expect(first.mtimeMs).toBeLessThan(second.mtimeMs);
  for (const name of MODELS) expect(statSync(at(`${name}.small.onnx`)).size).toBeLessThan(readFileSync(at(`${name}.onnx`)).length / 5);
  await workbench.modelPage(`${MODELS[1]}.onnx ↔ ${MODELS[1]}.small.onnx`);
});

test("a result opens in comparison, as wide as its original, so that both have their graphs", { timeout: 180_000 }, async () => {
  const { page } = workbench, [name] = MODELS;
  await workbench.tidy();
  rmSync(at(`${name}.small.onnx`));
  const model = await workbench.open(`${name}.onnx`);
  await model.waitForSelector(".side[data-layer]");
  await workbench.menu(`${name}.onnx`, "Compress Model");
  await quick().filter({ hasText: "lose 3 points" }).click();
  await quick().filter({ hasText: "Without Images" }).click();
  const comparison = await workbench.modelPage(`${name}.onnx ↔ ${name}.small.onnx`);
  expect(await page.locator(".editor-group-container").count()).toBe(1);
  expect(await page.locator(".tab").allInnerTexts().then((all) => all.map((text) => text.trim()))).toEqual([`${name}.onnx`, `${name}.small.onnx`, `${name}.onnx ↔ ${name}.small.onnx`]);
  for (const side of ["original", "compressed"]) await comparison.locator(`.cmp-graph.${side}`).waitFor();
  await workbench.picture("compare-after-compression");
});
