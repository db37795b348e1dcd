import * as fs from "node:fs/promises";
import * as path from "node:path";
import * as vscode from "vscode";
import { dataFoldersNear } from "../commands/choose";
import { MadeFiles } from "../worker/made";

/** The folder of images for a model: the setting's, else the one that was last used with it or with what it was made of. Another model's images may be of another size, or show something else. */
export function dataFolderOf(model: vscode.Uri, state: vscode.Memento): string | undefined {
  const setting = vscode.workspace.getConfiguration("kernelscope", model).get<string>("dataFolder", "");
  if (!setting) return usedFolders(state)[firstOf(model.fsPath, state)];
  return path.resolve(vscode.workspace.getWorkspaceFolder(model)?.uri.fsPath ?? path.dirname(model.fsPath), setting);
}

/** The folders of images that were used here, by the models that they were used with. */
export const usedFolders = (state: vscode.Memento): Record<string, string> => state.get<Record<string, string>>("folders", {});

/** Keeps which folder of images a model was used with. */
export async function rememberFolder(model: vscode.Uri, folder: string, state: vscode.Memento): Promise<void> {
  await state.update("folders", { ...usedFolders(state), [firstOf(model.fsPath, state)]: folder });
}

/** The model that this one was made of, by what the user has said or by its name. */
const firstOf = (file: string, state: vscode.Memento): string => (chosenOriginals(state)[file] ?? file).replace(/(\.(small|ready))*\.onnx$/i, "");

/** Asks for a folder of images, and remembers it for the model; a setting, which would go before that, is changed and said to be. Returns whether one was chosen. */
export async function chooseDataFolder(model: vscode.Uri, state: vscode.Memento): Promise<boolean> {
  const chosen = await pick(model), settings = vscode.workspace.getConfiguration("kernelscope", model);
  if (chosen === undefined) return false;
  if (!settings.get("dataFolder")) {
    await rememberFolder(model, chosen, state);
    return true;
  }
  const root = vscode.workspace.getWorkspaceFolder(model), inside = root && path.relative(root.uri.fsPath, chosen), kept = inside && !inside.startsWith("..") && !path.isAbsolute(inside) ? inside.split(path.sep).join("/") : chosen;
  await settings.update("dataFolder", kept, root ? vscode.ConfigurationTarget.WorkspaceFolder : vscode.ConfigurationTarget.Global);
  void vscode.window.showInformationMessage(vscode.l10n.t("The setting kernelscope.dataFolder says which images are used here. It is {0} now.", kept));
  return true;
}

async function pick(model: vscode.Uri): Promise<string | undefined> {
  type Item = vscode.QuickPickItem & { folder?: string };
  const found = await dataFoldersNear(path.dirname(model.fsPath)), browse: Item = { label: `$(folder-opened) ${vscode.l10n.t("Browse…")}`, detail: vscode.l10n.t("A folder for each class, or images.npy with labels.npy") };
  if (found.length) {
    const items = found.map((folder): Item => ({ folder, label: `$(folder) ${path.basename(folder)}`, description: vscode.workspace.asRelativePath(folder) }));
    const choice = await vscode.window.showQuickPick([...items, browse], { title: vscode.l10n.t("Choose Data Folder"), placeHolder: vscode.l10n.t("Images to measure with") });
    if (choice !== browse) return choice?.folder;
  }
  const [folder] = await vscode.window.showOpenDialog({ canSelectFiles: false, canSelectFolders: true, openLabel: vscode.l10n.t("Use These Images"), defaultUri: vscode.Uri.joinPath(model, "..") }) ?? [];
  return folder?.fsPath;
}

/** The model that another one was made of: as chosen, NAME.onnx for NAME.small.onnx, or as the command line has noted; and the other way round, what was made of this one. */
export async function pairOf(model: vscode.Uri, state: vscode.Memento): Promise<{ original?: string; compressed: string }> {
  const file = model.fsPath, chosen = chosenOriginals(state)[file], exists = (candidate: string) => fs.access(candidate).then(() => true, () => false);
  if (chosen !== undefined && await exists(chosen)) return { original: chosen, compressed: file };
  const original = file.replace(/\.small(?=\.onnx$)/i, ""), small = file.replace(/\.onnx$/i, ".small.onnx");
  if (original !== file) return { original: await exists(original) ? original : undefined, compressed: file };
  const made = await new MadeFiles().of(file);
  if (made && !made.isPrepared && await exists(made.original.path)) return { original: made.original.path, compressed: file };
  return await exists(small) ? { original: file, compressed: small } : { compressed: file };
}

/** Asks which model another one was made of, and remembers it. Returns whether one was chosen. */
export async function chooseOriginal(compressed: string, state: vscode.Memento): Promise<boolean> {
  type Item = vscode.QuickPickItem & { file?: string };
  const folder = path.dirname(compressed), names = await fs.readdir(folder).catch((): string[] => []);
  const near = names.filter((name) => name.endsWith(".onnx") && name !== path.basename(compressed)).map((name): Item => ({ file: path.join(folder, name), label: `$(layers) ${name}` }));
  const browse: Item = { label: `$(folder-opened) ${vscode.l10n.t("Browse…")}` };
  const choice = near.length ? await vscode.window.showQuickPick([...near, browse], { title: vscode.l10n.t("Choose Original"), placeHolder: vscode.l10n.t("The model that {0} was made of", path.basename(compressed)) }) : browse;
  if (!choice) return false;
  const file = choice === browse ? (await vscode.window.showOpenDialog({ filters: { ONNX: ["onnx"] }, openLabel: vscode.l10n.t("Compare With This"), defaultUri: vscode.Uri.file(folder) }))?.[0]?.fsPath : choice.file;
  if (file === undefined) return false;
  await rememberOriginal(compressed, file, state);
  return true;
}

/** Which model another one was made of, where their names do not tell it. */
export async function rememberOriginal(compressed: string, original: string, state: vscode.Memento): Promise<void> {
  const known = chosenOriginals(state)[compressed] ?? compressed.replace(/\.small(?=\.onnx$)/i, "");
  if (known !== original) await state.update("originals", { ...chosenOriginals(state), [compressed]: original });
}

/** The originals that were chosen, by the models that were made of them. */
export const chosenOriginals = (state: vscode.Memento): Record<string, string> => state.get<Record<string, string>>("originals", {});
