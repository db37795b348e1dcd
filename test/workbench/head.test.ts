import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { floats, modelBytes, value, wave } from "../unit/onnx/models";
import { Workbench } from "./workbench";

/** A model beside what it was in the last commit. */

let workbench: Workbench;
const net = (seed: number) => modelBytes({
  nodes: [{ op: "Conv", inputs: ["x", "first"], outputs: ["h"] }, { op: "Conv", inputs: ["h", "second"], outputs: ["y"] }], inputs: [value("x", ["n", 3, 8, 8])], outputs: [value("y")],
  initializers: [floats("first", [8, 3, 3, 3], wave(216, 1)), floats("second", [4, 8, 3, 3], wave(288, seed))],
});
const POINTER = `version https://git-lfs.github.com/spec/v1\noid sha256:${"ab".repeat(32)}\nsize 1234567\n`;

beforeAll(async () => {
  workbench = await Workbench.start({ prepare: (folder) => {
    const git = (...args: string[]) => execFileSync("git", ["-C", folder, "-c", "user.name=Test", "-c", "user.email=test@example.org", ...args]), write = (name: string, content: Uint8Array | string) => writeFileSync(path.join(folder, name), content);
    git("init", "-q");
    write("net.onnx", net(2));
    write("stored.onnx", POINTER);
    write("same.onnx", net(4));
    git("add", "net.onnx", "stored.onnx", "same.onnx");
    git("commit", "-q", "-m", "Models");
    write("net.onnx", net(3));
    write("stored.onnx", net(5));
    write("new.onnx", net(6));
  } });
}, 300_000);
afterAll(() => workbench?.stop());

const ENTRY = "Compare Model with HEAD";

test("a changed model stands beside what it was", async () => {
  await expect.poll(async () => {
    await workbench.row("net.onnx").click({ button: "right" });
    await workbench.page.locator(".monaco-menu .action-menu-item").first().waitFor();
    const there = await workbench.page.locator(".monaco-menu .action-menu-item", { hasText: ENTRY }).count();
    await workbench.page.keyboard.press("Escape");
    return there;
  }, { timeout: 60_000 }).toBe(1); // once Git has looked at the folder
  await workbench.menu("net.onnx", ENTRY);
  const tab = workbench.page.locator(".tab", { hasText: "↔" });
  await tab.waitFor();
  const title = (await tab.innerText()).trim();
  expect(title).toMatch(/^net \([0-9a-f]{7,}\)\.onnx ↔ net\.onnx/);
  const page = await workbench.modelPage(title.split("\n")[0]);
  await page.waitForSelector("#page[data-filled]");
  await workbench.sideBar(false);
  const noise = () => page.locator(".cmp-rows .cmp-weights").allInnerTexts();
  await expect.poll(async () => (await page.locator(".cmp-figures").innerText()).replace(/\s+/g, " ")).toContain("1 / 1 changed / left as before");
  await expect.poll(noise).toEqual(["∞", expect.stringMatching(/^−?[\d.]+$/)]);
  await workbench.picture("compare-head");
  await workbench.sideBar(true);
});

test("so it does from Source Control", async () => {
  await workbench.tidy();
  await workbench.command("View: Show Source Control");
  const row = workbench.page.locator(".scm-view .monaco-list-row", { hasText: "net.onnx" });
  await row.click({ button: "right" });
  const item = workbench.page.locator(".monaco-menu .action-menu-item", { hasText: ENTRY });
  await item.hover();
  await workbench.page.waitForTimeout(300);
  await item.click();
  await workbench.page.locator(".tab", { hasText: "↔ net.onnx" }).waitFor();
  await workbench.command("View: Show Explorer");
});

test("where Git has no such model it says so in one sentence", async () => {
  const toasts = () => workbench.page.locator(".notification-toast").allInnerTexts().then((all) => all.join(" "));
  for (const [name, sentence] of [["same.onnx", "same.onnx is as it is in HEAD."], ["new.onnx", "HEAD has no new.onnx: it is not committed yet."], ["stored.onnx", "In HEAD stored.onnx is a pointer of Git LFS."]]) {
    await workbench.tidy();
    await workbench.menu(name, ENTRY);
    await expect.poll(toasts, { message: name }).toContain(sentence);
  }
  await workbench.picture("compare-head-pointer");
});
