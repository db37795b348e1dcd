import { copyFileSync, utimesSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Workbench } from "./workbench";

const MODELS = 20, SETTLED = 8;

let workbench: Workbench;
beforeAll(async () => {
  workbench = await Workbench.start({ prepare: (folder) => {
    for (let i = 1; i <= MODELS; i++) copyFileSync(`samples/${i % 2 ? "resnet20-cifar10" : "fashion-cnn"}.onnx`, path.join(folder, `model-${i}.onnx`));
  } });
});
afterAll(() => workbench?.stop());

test("twenty models, one after the other, take no more memory than a few", async () => {
  const seen: number[] = [];
  for (let i = 1; i <= MODELS; i++) {
    const page = await workbench.open(`model-${i}.onnx`);
    await page.waitForSelector(".side[data-layer]");
    await page.locator("#tab-codebooks").click();
    await page.waitForSelector(".codebook[data-codebook]");
    const all = workbench.workers;
    expect(all.length).toBe(1);
    seen.push(all[0].memory);
    // one stays open beside the next, so that the process lives on
    if (i > 1) await workbench.command("View: Close Other Editors in Group");
  }
  expect(Math.max(...seen.slice(SETTLED))).toBeLessThan(1.25 * Math.max(...seen.slice(0, SETTLED)));
});

test("opening a model sends its page far less than the model", async () => {
  const file = path.join(workbench.folder, "resnet20-cifar10.onnx"), page = await workbench.open("resnet20-cifar10.onnx");
  await page.waitForSelector(".side[data-layer]");
  await page.evaluate(`addEventListener("message", ({ data }) => {
    const size = (value) => ArrayBuffer.isView(value) ? value.byteLength : typeof value === "string" ? value.length : value && typeof value === "object" ? Object.entries(value).reduce((sum, [key, inner]) => sum + key.length + size(inner), 0) : 8;
    globalThis.received = (globalThis.received ?? 0) + size(data);
  }, true)`);
  // a changed file is read again, as when it is opened
  utimesSync(file, new Date(), new Date());
  const received = () => page.evaluate<number>("globalThis.received ?? 0");
  await expect.poll(received, { timeout: 20_000 }).toBeGreaterThan(10_000);
  await page.waitForTimeout(2000);
  expect(await received()).toBeLessThan(200_000);
});
