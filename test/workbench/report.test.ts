import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { violations } from "./axe";

/** Pages of HTML that the command line writes, in a browser. */

const LOOKS = { light: { colorScheme: "light" }, dark: { colorScheme: "dark" }, contrast: { colorScheme: "dark", forcedColors: "active" }, "contrast-light": { colorScheme: "light", forcedColors: "active" } } as const;
const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-report-")), at = (name: string) => path.join(folder, name), hasBrowser = process.env.KERNELSCOPE_CHROMIUM !== undefined;
let browser: Browser | undefined, page: Page;
beforeAll(async () => {
  if (!hasBrowser) return;
  const run = (...args: string[]) => execFileSync(process.execPath, ["dist/cli.js", ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  copyFileSync("samples/resnet20-cifar10.onnx", at("resnet20-cifar10.onnx"));
  run("compress", at("resnet20-cifar10.onnx"), "--target", "60KB", "--quiet");
  writeFileSync(at("diff.html"), run("diff", at("resnet20-cifar10.onnx"), at("resnet20-cifar10.small.onnx"), "--html", "--quiet"));
  writeFileSync(at("inspect.html"), run("inspect", at("resnet20-cifar10.small.onnx"), "--html"));
  mkdirSync("test-results", { recursive: true });
  browser = await chromium.launch({ executablePath: process.env.KERNELSCOPE_CHROMIUM, ignoreDefaultArgs: ["--hide-scrollbars"], args: ["--no-sandbox", "--disable-gpu", ...process.env.KERNELSCOPE_CHROMIUM_FLAGS?.split(" ") ?? []] });
  page = await browser.newPage();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function show(name: string, look: keyof typeof LOOKS, width: number): Promise<void> {
  await page.emulateMedia({ forcedColors: "none", ...LOOKS[look] });
  await page.setViewportSize({ width, height: 900 });
  await page.goto(pathToFileURL(at(`${name}.html`)).href);
  for (const summary of await page.locator("summary").all()) await summary.click();
  await page.screenshot({ path: `test-results/report-${name}-${look}-${width}.png` });
}

test.skipIf(!hasBrowser).each(["diff", "inspect"])("the page of %s fits its window, or its table scrolls where that is seen", async (name) => {
  for (const [width, fits] of [[1440, true], [1024, true], [820, true], [640, false], [400, false]] as const) {
    await show(name, "light", width);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth), `${width}`).toBe(true);
    for (const table of await page.locator(".scroll").all()) {
      const [hidden, bar] = await table.evaluate((box: HTMLElement) => [box.scrollWidth - box.clientWidth, box.offsetHeight - box.clientHeight]);
      if (fits) expect(hidden, `${name} at ${width}`).toBeLessThanOrEqual(0);
      else if (hidden > 0) expect(bar, `${name} at ${width}`).toBeGreaterThanOrEqual(8);
    }
    // figures are not torn from their units
    expect(await page.locator("td.figure").evaluateAll((cells) => cells.filter(({ textContent }) => /\d (KB|MB|B|dB|%)/.test(textContent)).length)).toBe(0);
  }
});

test.skipIf(!hasBrowser)("in every look bars and lines are seen, and axe finds nothing", async () => {
  for (const look of Object.keys(LOOKS) as (keyof typeof LOOKS)[]) for (const name of ["diff", "inspect"]) {
    await show(name, look, 1024);
    expect(await violations(page.mainFrame()), `${name}, ${look}`).toEqual([]);
    const colours = await page.locator(".bar i").evaluateAll((bars) => [...new Set(bars.map((bar) => getComputedStyle(bar).backgroundColor))]), ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    expect(colours.length).toBe(1);
    expect(colours[0]).not.toBe(ground);
    if (LOOKS[look].colorScheme === "dark" && "forcedColors" in LOOKS[look]) expect(colours[0]).toBe(await page.evaluate(() => getComputedStyle(document.body).color));
  }
});
