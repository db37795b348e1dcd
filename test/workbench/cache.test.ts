import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Workbench } from "./workbench";

let workbench: Workbench;
beforeAll(async () => { workbench = await Workbench.start(); });
afterAll(() => workbench?.stop());
beforeEach(() => workbench.tidy());

const dialog = () => workbench.page.locator(".monaco-dialog-box");
const toasts = () => workbench.page.locator(".notification-toast").allInnerTexts().then((all) => all.join(" "));
/** Never the user's own. */
const kept = (name: string): string => path.join(workbench.cache, "kernelscope", name);
function fill(): void {
  for (const [name, size] of [["ratings/a/ratings", 3_000_000], ["jobs/b/layer1-0", 2_000_000]] as const) {
    mkdirSync(path.dirname(kept(name)), { recursive: true });
    writeFileSync(kept(name), Buffer.alloc(size));
  }
  mkdirSync(kept("other"), { recursive: true });
}

test.skipIf(process.platform !== "linux")("Clear Cache says how much is kept, takes it away when that was read, and nothing else", async () => {
  fill();
  await workbench.command("Kernelscope: Clear Cache");
  await dialog().waitFor();
  expect(await dialog().innerText()).toMatch(/Clear what Kernelscope keeps to save time\?[^]*Ratings of layers[^]*: 3\.00 MB[^]*Checkpoints of the command line[^]*: 2\.00 MB/);
  await workbench.picture("clear-cache");
  await workbench.page.keyboard.press("Escape");
  await dialog().waitFor({ state: "detached" });
  expect(existsSync(kept("ratings/a/ratings"))).toBe(true);
  await workbench.command("Kernelscope: Clear Cache");
  await dialog().locator(".monaco-button", { hasText: "Clear 5.00 MB" }).click();
  await expect.poll(toasts).toContain("5.00 MB cleared.");
  expect(["ratings", "jobs", "other"].map((name) => existsSync(kept(name)))).toEqual([false, false, true]);
  await workbench.tidy();
  await workbench.command("Kernelscope: Clear Cache");
  await expect.poll(toasts).toContain("The cache is empty.");
});
