import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Workbench } from "./workbench";

/** Recipes as tasks, run by VS Code as its own are; what is wrong in a recipe is among the problems. */

let workbench: Workbench;
const at = (name: string) => path.join(workbench.folder, name);
beforeAll(async () => {
  workbench = await Workbench.start({ prepare: (folder) => {
    const write = (name: string, content: object) => writeFileSync(path.join(folder, name), JSON.stringify(content, undefined, 2));
    write("small.kernelscope.json", { model: "fashion-cnn.onnx", target: "120KB" });
    write("wrong.kernelscope.json", { model: "fashion-cnn.onnx", target: "120KB", layers: { "3.weight": { pin: "leave" }, "nothing.weight": { pin: "exact" }, "none.weight": { pin: "leave" } } });
    write("lost.kernelscope.json", { target: "120KB", model: "lost.onnx" });
    mkdirSync(path.join(folder, ".vscode"), { recursive: true });
    write(".vscode/tasks.json", { version: "2.0.0", tasks: [{ type: "kernelscope", label: "the smallest", recipe: "${workspaceFolder}/small.kernelscope.json", output: "out.onnx", problemMatcher: "$kernelscope" }] });
  } });
}, 300_000);
afterAll(() => workbench?.stop());

const rows = () => workbench.page.locator(".quick-input-list .monaco-list-row"), input = () => workbench.page.locator(".quick-input-widget input").first();

/** The list of tasks. */
async function list(): Promise<void> {
  await expect.poll(async () => {
    await workbench.page.keyboard.press("F1");
    await input().fill(">Tasks: Run Task", { timeout: 5000 });
    await workbench.page.getByRole("option", { name: /^Tasks: Run Task(,|$)/ }).first().click({ timeout: 5000 });
    return rows().filter({ hasText: "kernelscope" }).first().waitFor({ timeout: 20_000 }).then(() => true);
  }, { timeout: 90_000 }).toBe(true);
}

test("a task of tasks.json compresses in the terminal", { timeout: 240_000 }, async () => {
  await list();
  await workbench.picture("task-kinds");
  await rows().filter({ hasText: "the smallest" }).first().click();
  await expect.poll(() => existsSync(at("out.onnx")), { timeout: 120_000 }).toBe(true);
  expect(statSync(at("out.onnx")).size).toBeLessThanOrEqual(120_000);
  await workbench.page.locator(".terminal-wrapper.active").waitFor();
  await workbench.page.waitForTimeout(1500);
  await workbench.picture("task-terminal");
});

test("each recipe of the workspace is a task; what is wrong in one stands among the problems, at its line", { timeout: 240_000 }, async () => {
  await list();
  await rows().filter({ hasText: "kernelscope" }).last().click();
  await rows().filter({ hasText: "compress small.kernelscope.json" }).first().waitFor({ timeout: 30_000 });
  await workbench.picture("task-list");
  await rows().filter({ hasText: "compress wrong.kernelscope.json" }).first().click();
  const text = readFileSync(at("wrong.kernelscope.json"), "utf8"), line = text.slice(0, text.indexOf('"nothing.weight"')).split("\n").length;
  await expect.poll(() => workbench.page.locator("#status\\.problems").innerText(), { timeout: 60_000 }).toMatch(/2/);
  await workbench.command("Problems: Focus on Problems View");
  const found = workbench.page.locator(".markers-panel .monaco-list-row", { hasText: "the model has no layer of this name" }), problem = found.first();
  await problem.waitFor({ timeout: 60_000 });
  expect((await problem.innerText()).replace(/\s+/g, " ")).toContain(`[Ln ${line}, Col`);
  expect(await problem.innerText()).toContain("kernelscope");
  expect(await found.count()).toBe(2);
  await list();
  await rows().filter({ hasText: "kernelscope" }).last().click();
  await rows().filter({ hasText: "compress lost.kernelscope.json" }).first().click();
  await workbench.page.locator(".terminal-wrapper.active").waitFor();
  await workbench.page.waitForTimeout(1500);
  await workbench.command("Problems: Focus on Problems View");
  const lost = workbench.page.locator(".markers-panel .monaco-list-row", { hasText: /There is no file .*lost\.onnx/ });
  await lost.waitFor({ timeout: 60_000 });
  expect((await lost.innerText()).replace(/\s+/g, " ")).toContain("[Ln 3, Col 3]");
  await workbench.picture("task-problem");
});
