import * as fs from "node:fs/promises";
import * as path from "node:path";
import * as vscode from "vscode";
import { committedFile } from "../editor/committed-file";
import type { ComparePanels } from "../editor/compare-panel";
import { pairOf } from "../editor/data-folder";
import type { ModelEditors } from "../editor/model-editor";
import { KernelscopeError } from "../protocol/errors";

/** Compare Models: two that are given or selected, or one with its partner. */
export class CompareCommand {
  constructor(private readonly context: vscode.ExtensionContext, private readonly editors: ModelEditors, private readonly panels: ComparePanels) {}

  /** @param args original and compressed, one by one or in an array; or what a menu gives: a file, and all that are selected */
  async run(...args: unknown[]): Promise<void> {
    const [first, second] = args, [original, compressed] = Array.isArray(first) ? first as unknown[] : args;
    if (original instanceof vscode.Uri && compressed instanceof vscode.Uri) { this.panels.show(original, compressed); return; }
    const selected = Array.isArray(second) ? second.filter((uri): uri is vscode.Uri => uri instanceof vscode.Uri && uri.path.endsWith(".onnx")) : [];
    if (selected.length === 2) { this.panels.show(...await inOrder(selected[0], selected[1])); return; }
    const model = first instanceof vscode.Uri ? first : this.editors.active ?? await choose(undefined);
    if (!model) return;
    const pair = await pairOf(model, this.context.workspaceState);
    if (pair.original !== undefined) { this.panels.show(vscode.Uri.file(pair.original), vscode.Uri.file(pair.compressed)); return; }
    await this.with(model);
  }

  /** Compare Model with…: any other model, also where this one has a partner. @param given a file; the model that is open where there is none */
  async with(given: unknown): Promise<void> {
    const model = given instanceof vscode.Uri ? given : this.editors.active ?? await choose(undefined), other = model && await choose(model);
    if (other) this.panels.show(...await inOrder(model, other));
  }
}

/** Compare with HEAD: a model as it was committed, and as it is now. @param model a file, or what Source Control gives for a change */
export async function compareWithHead(context: vscode.ExtensionContext, panels: ComparePanels, editors: ModelEditors, model: unknown): Promise<void> {
  const given = typeof model === "object" && model !== null && "resourceUri" in model ? model.resourceUri : model, file = given instanceof vscode.Uri ? given : editors.active;
  if (!file?.path.endsWith(".onnx")) throw new KernelscopeError("usage", vscode.l10n.t("Choose a model, a file NAME.onnx, to compare with what it was in HEAD."));
  const copy = await committedFile(file, path.join((context.storageUri ?? context.globalStorageUri).fsPath, "committed"));
  if (copy === undefined) void vscode.window.showInformationMessage(vscode.l10n.t("{0} is as it is in HEAD.", path.basename(file.fsPath)));
  else panels.show(vscode.Uri.file(copy), file);
}

/** What was made of the other comes second: the smaller file. */
async function inOrder(a: vscode.Uri, b: vscode.Uri): Promise<[original: vscode.Uri, compressed: vscode.Uri]> {
  if (a.fsPath.replace(/\.onnx$/i, ".small.onnx") === b.fsPath) return [a, b];
  if (b.fsPath.replace(/\.onnx$/i, ".small.onnx") === a.fsPath) return [b, a];
  const [{ size: sizeOfA }, { size: sizeOfB }] = await Promise.all([vscode.workspace.fs.stat(a), vscode.workspace.fs.stat(b)]);
  return sizeOfA >= sizeOfB ? [a, b] : [b, a];
}

/** Asks for a model, beside another one where there is one. */
async function choose(beside: vscode.Uri | undefined): Promise<vscode.Uri | undefined> {
  type Item = vscode.QuickPickItem & { uri?: vscode.Uri };
  const title = vscode.l10n.t("Compare Models"), folder = beside && path.dirname(beside.fsPath), names = folder === undefined ? [] : await fs.readdir(folder).catch((): string[] => []);
  const near = names.filter((name) => name.endsWith(".onnx") && name !== path.basename(beside?.fsPath ?? "")).map((name): Item => ({ uri: vscode.Uri.file(path.join(folder ?? "", name)), label: `$(layers) ${name}` }));
  const browse: Item = { label: `$(folder-opened) ${vscode.l10n.t("Browse…")}` };
  const choice = near.length ? await vscode.window.showQuickPick([...near, browse], { title, placeHolder: vscode.l10n.t("The model to stand beside {0}", path.basename(beside?.fsPath ?? "")) }) : browse;
  if (choice !== browse) return choice?.uri;
  return (await vscode.window.showOpenDialog({ filters: { ONNX: ["onnx"] }, title, openLabel: vscode.l10n.t("Compare"), defaultUri: folder === undefined ? undefined : vscode.Uri.file(folder) }))?.[0];
}
