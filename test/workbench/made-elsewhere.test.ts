import { execFileSync } from "node:child_process";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Workbench } from "./workbench";

/** What the command line has measured of a file that it made stands in the editor, as if that had made it. */

let workbench: Workbench, agreement: string;
const at = (name: string) => path.join(workbench.folder, name);
beforeAll(async () => {
  workbench = await Workbench.start({ small: true });
  const report = JSON.parse(execFileSync(process.execPath, ["dist/cli.js", "compress", at("fashion-cnn.onnx"), "--target", "20KB", "--data", at("fashion-mnist"), "-o", at("tiny.onnx"), "--threads", "1", "--quiet", "--json"], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, XDG_CACHE_HOME: workbench.cache } })) as { fidelity: { agreement: number } };
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
