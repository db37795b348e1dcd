import * as fs from "node:fs/promises";
import * as path from "node:path";
import * as vscode from "vscode";
import type { PresetId } from "../protocol/api";

/** What the user is asked before a compression: how small, with which images, and whether to replace a file. Undefined means that the user left. */

export async function choosePreset(name: string): Promise<PresetId | undefined> {
  const presets: (vscode.QuickPickItem & { id: PresetId })[] = [
    { id: "nearly-lossless", label: vscode.l10n.t("Nearly Lossless"), detail: vscode.l10n.t("Smallest file that is predicted to agree with the original on 99 % of images") },
    { id: "balanced", label: vscode.l10n.t("Balanced"), detail: vscode.l10n.t("Where making it smaller begins to cost noticeably more") },
    { id: "smallest", label: vscode.l10n.t("Smallest"), detail: vscode.l10n.t("Up to 3 points of accuracy given away, as predicted") },
  ];
  const choice = await vscode.window.showQuickPick(presets, { title: vscode.l10n.t("Compress {0}", name), placeHolder: vscode.l10n.t("How small?"), matchOnDetail: true });
  return choice?.id;
}

/** A data folder, or null for none. */
export async function chooseData(model: vscode.Uri, remembered: string | undefined): Promise<string | null | undefined> {
  type Item = vscode.QuickPickItem & { folder?: string | null };
  const found = await dataFoldersNear(path.dirname(model.fsPath));
  const known = [...new Set([...(remembered ? [remembered] : []), ...found])];
  const items: Item[] = [
    ...known.map((folder): Item => ({ folder, label: `$(folder) ${path.basename(folder)}`, description: vscode.workspace.asRelativePath(folder) })),
    { folder: undefined, label: `$(folder-opened) ${vscode.l10n.t("Choose Folder…")}`, detail: vscode.l10n.t("A folder for each class, or images.npy with labels.npy") },
    { folder: null, label: `$(circle-slash) ${vscode.l10n.t("Without Images")}`, detail: vscode.l10n.t("Faster and more careful; nothing is run, so no accuracy is measured") },
  ];
  const choice = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t("Compress {0}", path.basename(model.fsPath)),
    placeHolder: vscode.l10n.t("Images to fit and measure with"),
  });
  if (!choice) return undefined;
  if (choice.folder !== undefined) return choice.folder;
  const [folder] = await vscode.window.showOpenDialog({ canSelectFiles: false, canSelectFolders: true, openLabel: vscode.l10n.t("Use These Images"), defaultUri: vscode.Uri.joinPath(model, "..") }) ?? [];
  return folder?.fsPath;
}

/** Where the result goes: NAME.small.onnx beside the model, or a place of the user's choice if that exists. */
export async function chooseOutput(model: vscode.Uri): Promise<{ path: string; force: boolean } | undefined> {
  const wanted = path.join(path.dirname(model.fsPath), `${path.basename(model.fsPath, ".onnx")}.small.onnx`);
  if (!await fs.access(wanted).then(() => true, () => false)) return { path: wanted, force: false };
  const replace: vscode.QuickPickItem = { label: `$(replace) ${vscode.l10n.t("Replace {0}", path.basename(wanted))}` };
  const other: vscode.QuickPickItem = { label: `$(save-as) ${vscode.l10n.t("Save As…")}` };
  const choice = await vscode.window.showQuickPick([replace, other], { title: vscode.l10n.t("Compress {0}", path.basename(model.fsPath)), placeHolder: vscode.l10n.t("{0} exists already.", path.basename(wanted)) });
  if (choice === replace) return { path: wanted, force: true };
  if (choice !== other) return undefined;
  const chosen = await vscode.window.showSaveDialog({ defaultUri: vscode.Uri.file(wanted), filters: { ONNX: ["onnx"] } });
  return chosen && { path: chosen.fsPath, force: true };
}

/** Folders beside a model that are marked as data: they hold a dataset.json, or an images.npy. */
export async function dataFoldersNear(folder: string): Promise<string[]> {
  const entries = await fs.readdir(folder, { withFileTypes: true }).catch(() => []);
  const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules").slice(0, 200).map((entry) => path.join(folder, entry.name));
  const marked = await Promise.all(folders.map(async (candidate) => {
    const names = await fs.readdir(candidate).catch((): string[] => []);
    return names.includes("dataset.json") || names.includes("images.npy") ? [candidate] : [];
  }));
  return marked.flat();
}
