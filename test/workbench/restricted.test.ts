import { existsSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Workbench } from "./workbench";

let workbench: Workbench;
beforeAll(async () => { workbench = await Workbench.start({ restricted: true }); });
afterAll(() => workbench?.stop());
beforeEach(() => workbench.tidy());

const at = (name: string) => path.join(workbench.folder, name);

test("in Restricted Mode everything that only looks works, and what runs the model says why it does not", async () => {
  const page = await workbench.open("fashion-cnn.onnx");
  await page.waitForSelector(".side[data-layer]");
  expect(await workbench.page.locator(".statusbar-item", { hasText: "Restricted Mode" }).count()).toBe(1);
  expect(await page.locator(".banner").innerText()).toMatch(/^Restricted Mode: you can look at this model\. Compressing and measuring run it, so they need a trusted folder\.\s+Manage Trust$/);
  expect(await page.locator(".header .button[disabled]").allInnerTexts()).toEqual(["Compress…"]);
  await workbench.picture("restricted");
  await page.locator("#tab-codebooks").click();
  await page.waitForSelector(".codebook[data-codebook]"); // a preview computes, but runs nothing
  await page.locator("#tab-accuracy").click();
  await page.locator(".accuracy .state .button", { hasText: "Manage Trust" }).waitFor();
  expect(await page.getByRole("button", { name: "Manage Trust" }).count()).toBe(1); // said once
  await workbench.picture("restricted-accuracy");
  expect(await page.locator(".accuracy .button.primary:not([disabled])", { hasText: "Measure" }).count()).toBe(0);
});

test("commands that would run a model are not offered", async () => {
  const rows = workbench.page.locator(".quick-input-list .monaco-list-row");
  await workbench.page.keyboard.press("F1");
  await workbench.page.locator(".quick-input-widget input").first().fill(">Kernelscope: ");
  await expect.poll(() => rows.allInnerTexts().then((all) => all.join("\n"))).toContain("Compare Models");
  expect((await rows.allInnerTexts()).filter((text) => /Compress Model|Measure/.test(text))).toEqual([]);
  await workbench.page.keyboard.press("Escape");
  await workbench.row("fashion-cnn.onnx").click({ button: "right" });
  const entry = workbench.page.locator(".monaco-menu .action-item", { hasText: "Compress Model" });
  await entry.waitFor();
  expect(await entry.getAttribute("class")).toContain("disabled");
  await workbench.page.keyboard.press("Escape");
});

test("the manifest's own sentence stands in the trust editor; once the folder is trusted the page follows", async () => {
  const page = await workbench.open("fashion-cnn.onnx");
  await page.waitForSelector(".side[data-layer]", { state: "attached" });
  await page.locator("#tab-graph").click();
  await page.locator(".banner .button").click();
  const editor = workbench.page.locator(".workspace-trust-editor");
  await editor.waitFor();
  await workbench.picture("restricted-trust");
  await editor.locator("a", { hasText: /extension/ }).first().click();
  const own = workbench.page.locator(".extension-list-item", { hasText: "Kernelscope" }).first();
  await own.click();
  await expect.poll(() => workbench.page.locator(".extension-editor").innerText(), { timeout: 10_000 }).toContain("Looking at models works in Restricted Mode. Compressing and measuring run a model, so they need a trusted folder.");
  await workbench.command("View: Show Explorer");
  await workbench.command("Workspaces: Manage Workspace Trust");
  await editor.locator(".monaco-button", { hasText: /^Trust$/ }).first().click();
  await workbench.page.locator(".statusbar-item", { hasText: "Restricted Mode" }).waitFor({ state: "detached" });
  const trusted = await workbench.open("fashion-cnn.onnx");
  await expect.poll(() => trusted.locator(".banner").count()).toBe(0);
  await expect.poll(() => trusted.locator(".header .button[disabled]").count()).toBe(0);
  expect(existsSync(at("fashion-cnn.small.onnx"))).toBe(false);
});
