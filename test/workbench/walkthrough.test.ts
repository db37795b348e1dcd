import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
// @ts-expect-error A script of the project, in plain JavaScript.
import { openWhenShown } from "../../scripts/workbench.mjs";
import { Workbench } from "./workbench";

let workbench: Workbench;
beforeAll(async () => { workbench = await Workbench.start(); });
afterAll(() => workbench?.stop());

test("the walkthrough has four steps, and its first opens the bundled sample", async () => {
  const { page } = workbench;
  await workbench.command("Welcome: Open Walkthrough");
  await page.locator(".quick-input-list .monaco-list-row", { hasText: "Make a Network Small" }).click();
  const steps = page.locator(".gettingStartedContainer .getting-started-step");
  await steps.nth(3).waitFor();
  expect(await steps.locator(".step-title").allInnerTexts()).toEqual(["Open a model", "Compress it", "See what was done", "Plan it yourself"]);
  for (const [i, name] of ["open", "compress", "inspect", "plan"].entries()) {
    await steps.nth(i).click();
    await page.waitForTimeout(800);
    expect(await steps.nth(i).innerText()).not.toContain("`"); // such a text has no code
    await workbench.picture(`walkthrough-${name}`);
  }
  // texts that VS Code gives so many lines stand in these, also in a window of medium width
  const cut = () => page.locator(".gettingStartedContainer").first().evaluate((container) => [...container.querySelectorAll("*")].filter((one) => getComputedStyle(one).webkitLineClamp !== "none" && one.scrollHeight > one.clientHeight + 2 && one.clientHeight > 0).map((one) => one.textContent));
  for (const width of [1440, 1000, 800]) {
    await page.setViewportSize({ width, height: 900 });
    await page.waitForTimeout(500);
    expect(await cut(), String(width)).toEqual([]);
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  await steps.nth(0).click();
  await page.locator(".getting-started-step.expanded .monaco-button", { hasText: "Open Sample Model" }).click();
  const model = await workbench.modelPage("fashion-cnn.onnx");
  await model.waitForSelector(".side[data-layer]");
  await page.locator(".tab", { hasText: "Walkthrough" }).or(page.locator(".tab", { hasText: "Make a Network Small" })).first().click();
  await page.locator(".getting-started-step .codicon-getting-started-step-checked.complete").first().waitFor();
});

test("files that a script wants shown open by themselves in the window of their folder", async () => {
  const entry = process.env.KERNELSCOPE_WORKBENCH, profile = path.join(workbench.home, "profile");
  await workbench.tidy();
  if (entry) await openWhenShown(entry, profile, { exitCode: null }, ["fashion-cnn.onnx", "resnet20-cifar10.onnx"].map((name) => path.join(workbench.folder, name))); // VS Code itself takes files on its command line
  else await workbench.open("resnet20-cifar10.onnx");
  const page = await workbench.modelPage("resnet20-cifar10.onnx");
  await page.waitForSelector("body[data-ready=true]");
  if (entry) await expect.poll(() => workbench.page.locator(".tab").allInnerTexts()).toEqual(["fashion-cnn.onnx", "resnet20-cifar10.onnx"]);
});
