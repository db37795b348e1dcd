import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Workbench } from "./workbench";

let workbench: Workbench;
const cache = mkdtempSync(path.join(os.tmpdir(), "kernelscope-cache-")), kept = path.join(cache, "kernelscope"), before = process.env.XDG_CACHE_HOME;
beforeAll(async () => {
  process.env.XDG_CACHE_HOME = cache; // never the user's own
  workbench = await Workbench.start();
});
afterAll(async () => {
  await workbench?.stop();
  if (before === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = before;
  rmSync(cache, { recursive: true, force: true });
});
beforeEach(() => workbench.tidy());

const dialog = () => workbench.page.locator(".monaco-dialog-box");
const toasts = () => workbench.page.locator(".notification-toast").allInnerTexts().then((all) => all.join(" "));
function fill(): void {
  for (const [name, size] of [["ratings/a/ratings", 3_000_000], ["jobs/b/layer1-0", 2_000_000]] as const) {
    mkdirSync(path.dirname(path.join(kept, name)), { recursive: true });
    writeFileSync(path.join(kept, name), Buffer.alloc(size));
  }
  mkdirSync(path.join(kept, "other"), { recursive: true });
}

test.skipIf(process.platform !== "linux")("Clear Cache says how much is kept, takes it away when that was read, and nothing else", async () => {
  fill();
  await workbench.command("Kernelscope: Clear Cache");
  await dialog().waitFor();
  expect(await dialog().innerText()).toMatch(/Clear what Kernelscope keeps to save time\?[^]*Ratings of layers[^]*: 3\.00 MB[^]*Checkpoints of the command line[^]*: 2\.00 MB/);
  await workbench.picture("clear-cache");
  await workbench.page.keyboard.press("Escape");
  await dialog().waitFor({ state: "detached" });
  expect(existsSync(path.join(kept, "ratings/a/ratings"))).toBe(true);
  await workbench.command("Kernelscope: Clear Cache");
  await dialog().locator(".monaco-button", { hasText: "Clear 5.00 MB" }).click();
  await expect.poll(toasts).toContain("5.00 MB cleared.");
  expect(["ratings", "jobs", "other"].map((name) => existsSync(path.join(kept, name)))).toEqual([false, false, true]);
  await workbench.tidy();
  await workbench.command("Kernelscope: Clear Cache");
  await expect.poll(toasts).toContain("The cache is empty.");
});
