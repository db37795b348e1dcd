import { existsSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packageExtension } from "../helpers/extension";
import { Workbench } from "./workbench";

/** A folder that lies on no disk, as far as VS Code knows: models in it are looked at, and what would run them says why it does not. */

/** Shows a folder as one of a file system of its own, which cannot be written to. */
const MAIN = `
const vscode = require("vscode"), fs = require("node:fs"), path = require("node:path");
exports.activate = (context) => {
  const none = new vscode.EventEmitter(), changed = none.event, find = ({ path: at }) => {
    try { return { at, stat: fs.statSync(at) }; } catch { throw vscode.FileSystemError.FileNotFound(at); }
  };
  context.subscriptions.push(vscode.workspace.registerFileSystemProvider("kept", {
    onDidChangeFile: changed, watch: () => new vscode.Disposable(() => undefined),
    stat: (uri) => { const { stat } = find(uri); return { type: stat.isDirectory() ? 2 : 1, size: stat.size, ctime: 0, mtime: stat.mtimeMs }; },
    readDirectory: (uri) => fs.readdirSync(find(uri).at, { withFileTypes: true }).map((entry) => [entry.name, entry.isDirectory() ? 2 : 1]),
    readFile: (uri) => fs.readFileSync(find(uri).at),
    writeFile() { throw vscode.FileSystemError.NoPermissions(); }, createDirectory() { throw vscode.FileSystemError.NoPermissions(); }, delete() { throw vscode.FileSystemError.NoPermissions(); }, rename() { throw vscode.FileSystemError.NoPermissions(); },
  }, { isReadonly: true }));
  context.subscriptions.push(vscode.commands.registerCommand("kept.open", () => {
    const [{ uri }] = vscode.workspace.workspaceFolders;
    return vscode.commands.executeCommand("vscode.openFolder", uri.with({ scheme: "kept", authority: "" }), { forceReuseWindow: true });
  }));
};`;

const home = mkdtempSync(path.join(os.tmpdir(), "kernelscope-virtual-"));
let workbench: Workbench;
beforeAll(async () => {
  const kept = packageExtension(home, "kept", { activationEvents: ["onFileSystem:kept"], contributes: { commands: [{ command: "kept.open", title: "Open Folder as a Virtual One" }] }, capabilities: { virtualWorkspaces: true } }, MAIN);
  workbench = await Workbench.start({ others: [kept] });
  await workbench.command("Open Folder as a Virtual One");
  await workbench.page.waitForURL(/kept/, { timeout: 60_000 });
  await workbench.page.waitForSelector(".explorer-folders-view .monaco-list-row", { timeout: 90_000 });
}, 300_000);
afterAll(async () => {
  await workbench?.stop();
  rmSync(home, { recursive: true, force: true });
});

test("a model is shown: graph, layers, codebooks", async () => {
  const page = await workbench.open("fashion-cnn.onnx");
  await page.waitForSelector(".side[data-layer]");
  await page.locator("#tab-layers").click();
  await expect.poll(() => page.locator("tbody tr").count()).toBe(7);
  await page.locator("#tab-codebooks").click();
  await page.waitForSelector(".codebook[data-codebook]");
  expect(await page.locator(".bar-end .button[disabled]").allInnerTexts()).toEqual(["Compress…"]);
  expect(await page.locator(".banner").innerText()).toBe("Virtual workspace: you can look at this model. Compressing needs a file on a disk: save a copy there, and open that.");
  await workbench.picture("virtual");
});

test("compressing says that it needs a disk, and writes nothing", async () => {
  await workbench.tidy();
  await workbench.menu("fashion-cnn.onnx", "Compress Model…");
  await workbench.page.locator(".notification-toast", { hasText: "fashion-cnn.onnx lies in a virtual workspace. Compressing needs a file on a disk: save a copy there, and open that." }).waitFor();
  expect(existsSync(path.join(workbench.folder, "fashion-cnn.small.onnx"))).toBe(false);
});
