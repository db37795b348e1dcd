import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Workbench } from "./workbench";

/** What the command line has measured of a file that it made stands in the editor, as if that had made it. */

let workbench: Workbench, agreement: string;
const at = (name: string) => path.join(workbench.folder, name);
beforeAll(async () => {
  workbench = await Workbench.start({ small: true, rated: true });
  writeFileSync(at("settled.kernelscope.json"), JSON.stringify({ version: 1, model: "./fashion-cnn.onnx", target: "21KB", data: { folder: "./fashion-mnist" } }));
  const made = (...args: string[]) => JSON.parse(execFileSync(process.execPath, ["dist/cli.js", "compress", at("fashion-cnn.onnx"), ...args, "--threads", "1", "--quiet", "--json"], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, XDG_CACHE_HOME: workbench.cache } })) as { fidelity: { agreement: number } };
  const report = made("--target", "20KB", "--data", at("fashion-mnist"), "-o", at("tiny.onnx"));
  made("--recipe", at("settled.kernelscope.json"), "-o", at("settled.onnx"));
  agreement = (100 * report.fidelity.agreement).toFixed(1);
}, 300_000);
afterAll(() => workbench?.stop());
beforeEach(() => workbench.afresh());

test.skipIf(process.platform !== "linux")("a comparison has the figures of the command line's compression, and offers to measure more", async () => {
  const page = await workbench.compare("fashion-cnn.onnx", "tiny.onnx");
  await page.waitForSelector("#page[data-filled]");
  await expect.poll(() => page.locator(".cmp-figures").innerText().then((text) => text.replace(/\s+/g, " "))).toMatch(new RegExp(`${agreement} % (?:± [\\d.]+|\\([\\d.]+ to [\\d.]+\\)) agreement, \\d+ held-out images [\\d.]+ → [\\d.]+ % top-1`));
  await workbench.picture("compare-made-elsewhere");
  // beside what was measured sizes as gzip and in memory have room, with a side bar and without
  for (const sideBar of [true, false]) for (const width of [1440, 1600]) {
    await workbench.sideBar(sideBar);
    await workbench.page.setViewportSize({ width, height: 900 });
    await expect.poll(() => page.evaluate(() => [...document.querySelectorAll<HTMLElement>(".header .figure")].filter((figure) => figure.getBoundingClientRect().top < document.querySelector(".header")!.getBoundingClientRect().bottom && figure.offsetWidth).map(({ innerText }) => innerText).join(" ")), { message: `${width}, ${sideBar}` }).toMatch(/as gzip.*in memory.*agreement/s);
    expect(await page.locator(".header .more").evaluate((more) => more.hasAttribute("data-folded"))).toBe(false);
    await workbench.picture(`compare-sizes-${width}${sideBar ? "-side-bar" : ""}`);
  }
  // what was measured stays in the narrowest
  await workbench.page.setViewportSize({ width: 388, height: 900 });
  await expect.poll(() => page.locator(".header .cmp-measured").evaluateAll((all) => all.map((figure) => (figure as HTMLElement).offsetHeight > 0 && figure.getBoundingClientRect().right <= innerWidth))).toEqual([true, true]);
  await workbench.picture("compare-measured-340");
});

test.skipIf(process.platform !== "linux")("the file by itself knows what it was made of, and its accuracy", async () => {
  const page = await workbench.open("tiny.onnx");
  await page.getByRole("tab", { name: "Accuracy" }).click();
  await expect.poll(() => page.locator(".acc-reported").innerText().then((text) => text.replace(/\s+/g, " "))).toContain(`${agreement} %`);
  await workbench.picture("accuracy-made-elsewhere");
});

test.skipIf(process.platform !== "linux")("Plan… on it opens a recipe of its original, as it was made and on its images; where a recipe has made it, that one", async () => {
  await workbench.menu("tiny.onnx", "Plan…");
  const page = await workbench.modelPage("fashion-cnn.kernelscope.json");
  await page.waitForSelector("body[data-ready=true]", { timeout: 120_000 });
  expect(await page.locator(".recipe-size input").inputValue()).toBe("20KB");
  expect(await page.locator(".recipe-data").innerText()).toContain("fashion-mnist");
  await workbench.picture("plan-made-elsewhere");
  await workbench.tidy();
  await workbench.menu("settled.onnx", "Plan…");
  const settled = await workbench.modelPage("settled.kernelscope.json");
  await settled.waitForSelector("body[data-ready=true]", { timeout: 120_000 });
  expect(await settled.locator(".recipe-size input").inputValue()).toBe("21KB");
});
