import { existsSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packageExtension } from "../helpers/extension";
import { violations } from "./axe";
import { overlaps } from "./overlaps";
import { THEMES, Workbench } from "./workbench";

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

test("in every theme it is readable why *Compress…* is not to be had", { timeout: 120_000 }, async () => {
  await workbench.tidy();
  const page = await workbench.open("fashion-cnn.onnx"), compress = page.locator(".header .button.primary, .bar-end .button.primary");
  await page.waitForSelector(".side[data-layer]", { state: "attached" });
  await page.locator("#tab-graph").click();
  for (const [theme, kind] of Object.entries(THEMES)) {
    await workbench.page.locator(".tab", { hasText: "fashion-cnn.onnx" }).first().click();
    const asked = workbench.page.locator(".quick-input-widget input").first(), name = { "vs-dark": "Dark Modern", vs: "Light Modern", "hc-black": "Dark High Contrast", "hc-light": "Light High Contrast" }[kind]; // the folder cannot be written to, so no settings are
    await expect.poll(async () => {
      await workbench.page.keyboard.press("Control+K");
      await workbench.page.keyboard.press("Control+T");
      return asked.fill(name, { timeout: 5000 }).then(() => true, () => false);
    }, { timeout: 30_000 }).toBe(true);
    await workbench.page.waitForTimeout(700);
    await workbench.page.keyboard.press("Enter");
    await workbench.page.waitForSelector(`.monaco-workbench.${kind}`);
    await workbench.page.waitForTimeout(500);
    await workbench.picture(`virtual-${kind}`);
    expect(await violations(page), theme).toEqual([]);
    expect(await overlaps(page), theme).toEqual([]);
    expect(await compress.getAttribute("title"), theme).toBe("Compressing needs a file on a disk.");
    // what cannot be pressed can be read
    const contrast = await compress.evaluate((button) => {
      const control = button.shadowRoot?.querySelector("button") ?? button, { backgroundColor, color, opacity } = getComputedStyle(control), canvas = new OffscreenCanvas(1, 1).getContext("2d")!;
      const light = (...layers: [paint: string, alpha: number][]): number => {
        for (const [paint, alpha] of layers) { canvas.globalAlpha = alpha; canvas.fillStyle = paint; canvas.fillRect(0, 0, 1, 1); }
        const [r, g, b] = Array.from(canvas.getImageData(0, 0, 1, 1).data.slice(0, 3), (v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const page: [string, number] = [getComputedStyle(document.documentElement).getPropertyValue("--vscode-editor-background"), 1], faint = Number(opacity) * Number(getComputedStyle(button).opacity);
      const [one, other] = [light(page, [backgroundColor, faint]), light(page, [backgroundColor, faint], [color, faint])].sort((x, y) => x - y);
      return (other + 0.05) / (one + 0.05);
    });
    expect(contrast, theme).toBeGreaterThan(4.5);
  }
});

test("compressing says that it needs a disk, and writes nothing", async () => {
  await workbench.tidy();
  await workbench.menu("fashion-cnn.onnx", "Compress Model…");
  await workbench.page.locator(".notification-toast", { hasText: "fashion-cnn.onnx lies in a virtual workspace. Compressing needs a file on a disk: save a copy there, and open that." }).waitFor();
  expect(existsSync(path.join(workbench.folder, "fashion-cnn.small.onnx"))).toBe(false);
});
