import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import * as vscode from "vscode";

/** Tests inside VS Code's own extension host, where worker processes are Electron's: what no server can show. */

const tests: [name: string, run: () => Promise<void>][] = [];
const test = (name: string, run: () => Promise<void>): void => { tests.push([name, run]); };
const at = (name: string): vscode.Uri => vscode.Uri.joinPath(vscode.workspace.workspaceFolders![0].uri, name);
const viewOf = (): string | undefined => { const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input; return input instanceof vscode.TabInputCustom ? input.viewType : undefined; };

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 120_000; Date.now() < end;) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`Waited in vain for ${what}.`);
}

test("every command of the manifest is there once the extension is", async () => {
  const extension = vscode.extensions.all.find(({ id }) => id.toLowerCase() === "kernelscope.kernelscope");
  assert.ok(extension);
  await extension.activate();
  const { contributes } = extension.packageJSON as { contributes: { commands: { command: string }[] } }, known = await vscode.commands.getCommands(true);
  assert.deepEqual(contributes.commands.map(({ command }) => command).filter((command) => !known.includes(command)), []);
});

test("a model opens in its editor", async () => {
  await vscode.commands.executeCommand("vscode.open", at("fashion-cnn.onnx"));
  await until("the model's editor", () => viewOf() === "kernelscope.model");
});

test("a recipe is compressed by a process of Electron's own, with images, and its file opens", async () => {
  const recipe = at("fashion-cnn.kernelscope.json"), output = at("fashion-cnn.small.onnx").fsPath;
  fs.writeFileSync(recipe.fsPath, JSON.stringify({ version: 1, model: "./fashion-cnn.onnx", target: "100KB", data: { folder: "./fashion-mnist" } }));
  await vscode.commands.executeCommand("vscode.openWith", recipe, "kernelscope.recipe");
  await until("the recipe's page", () => viewOf() === "kernelscope.recipe");
  await until("the written file", async () => {
    if (fs.existsSync(output)) return true;
    await vscode.commands.executeCommand("kernelscope.compressRecipe"); // ends with its job, or at once while the page still reads
    return false;
  });
  assert.ok(fs.statSync(output).size <= 100_000);
  await vscode.commands.executeCommand("vscode.open", vscode.Uri.file(output));
  await until("the result's editor", () => path.basename(vscode.window.tabGroups.activeTabGroup.activeTab?.label ?? "") === "fashion-cnn.small.onnx" && viewOf() === "kernelscope.model");
});

/** What @vscode/test-electron calls. */
export async function run(): Promise<void> {
  const failed: string[] = [];
  for (const [name, body] of tests) {
    try {
      await body();
      console.log(`✓ ${name}`);
    } catch (error) {
      failed.push(name);
      console.error(`× ${name}\n${error instanceof Error ? error.stack ?? error.message : String(error)}`);
    }
  }
  if (failed.length) throw new Error(`${failed.length} of ${tests.length} tests failed.`);
}
