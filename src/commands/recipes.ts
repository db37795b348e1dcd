import * as path from "node:path";
import * as vscode from "vscode";
import type { Device, PresetId } from "../protocol/api";
import { pairOf } from "../editor/data-folder";
import { draftOf, exists, openDraft } from "../editor/drafts";
import { RecipeEditors, relative } from "../editor/recipe-editor";
import { readRecipe } from "../editor/recipe-text";
import { recipeTuning } from "../protocol/tuning";

/** Where recipes come from: beside a model, out of a compressed file, or new. */

/** What a new recipe begins with. */
export interface RecipeStart { preset?: PresetId; target?: string; data?: string | null; tune?: string; embedded?: string }

/** Opens the recipe of a model in its visual editor: the one beside it, or a new one that is not saved yet. */
export async function openRecipe(model: vscode.Uri, start: RecipeStart, fresh = false): Promise<void> {
  const own = recipeOf(model), isThere = await exists(own);
  if (isThere && !fresh) return showRecipe(own);
  const file = isThere ? await unused(model) : own, text = newRecipe(model, file.fsPath, start), draft = openDraft(file);
  if (!draft) return showRecipe(draftOf(file, text));
  if (fresh) {
    const edit = new vscode.WorkspaceEdit();
    edit.replace(draft.uri, new vscode.Range(0, 0, draft.lineCount, 0), text);
    await vscode.workspace.applyEdit(edit);
  }
  await showRecipe(draft.uri);
}

/** The visual editor of a recipe, also where it is open as the draft that it was. */
export const showRecipe = (uri: vscode.Uri): Thenable<void> => vscode.commands.executeCommand("vscode.openWith", openDraft(uri)?.uri ?? uri, RecipeEditors.viewType);

/** NAME.kernelscope.json beside NAME.onnx. */
export const recipeOf = (model: vscode.Uri): vscode.Uri => model.with({ path: `${model.path.replace(/\.onnx$/i, "")}.kernelscope.json` });

/** The recipe beside a model, in the words of its open document where it has one. */
export async function recipeBeside(model: vscode.Uri): Promise<{ file: string; text: string } | undefined> {
  const file = recipeOf(model);
  return await exists(file) ? { file: file.fsPath, text: (await vscode.workspace.openTextDocument(file)).getText() } : undefined;
}

/** The folder of images that a recipe names, absolute, and its device. */
export function settingsIn(file: string, text: string): { folder?: string; device?: Device } {
  const { data, device } = readRecipe(text).view ?? {};
  return { folder: data?.folder === undefined ? undefined : path.resolve(path.dirname(file), data.folder), device };
}

/** A name beside the model that no recipe has yet. */
async function unused(model: vscode.Uri): Promise<vscode.Uri> {
  for (let n = 2; ; n++) {
    const file = model.with({ path: `${model.path.replace(/\.onnx$/i, "")}-${n}.kernelscope.json` });
    if (!await exists(file)) return file;
  }
}

/** A recipe's first text: what a compressed file was made with, or a preset. */
function newRecipe(model: vscode.Uri, file: string, { preset, target, data, tune, embedded }: RecipeStart): string {
  const known = embedded === undefined ? {} : JSON.parse(embedded) as Record<string, unknown>;
  const kept = Object.fromEntries(Object.entries(known).filter(([key, value]) => KEPT.includes(key) || key in DEFAULTS && value !== DEFAULTS[key]));
  const goal = target !== undefined ? { target } : preset !== undefined ? { preset } : ["preset", "target", "bits"].some((key) => key in kept) || kept.inference === "integer" ? {} : { preset: "balanced" };
  return `${JSON.stringify({ version: 1, model: relative(file, model.fsPath), ...goal, ...(data ? { data: { folder: relative(file, data) } } : {}), ...(tune === undefined || tune === "none" ? {} : { tune: recipeTuning(tune) }), ...kept }, null, 2)}\n`;
}

/** What a compressed file's recipe hands on, always or where it is not what it would be anyway. */
const KEPT = ["preset", "target", "bits", "preprocess", "integers", "layers"], DEFAULTS: Record<string, unknown> = { seed: 1, device: "auto", tune: "none", inference: "float" };

/** The model that a compressed one was made from, by what the user said, its name, or what was noted by whoever made it, the command line too. */
export async function originalOf(model: vscode.Uri, state: vscode.Memento): Promise<vscode.Uri> {
  const { original, compressed } = await pairOf(model, state);
  return original === undefined || compressed !== model.fsPath ? model : model.with({ path: vscode.Uri.file(original).path });
}

/** Whether a file is a recipe by its name. */
export const isRecipe = (uri: vscode.Uri): boolean => /\.kernelscope\.json$/i.test(uri.path);

export const outputOf = (model: string, isPrepared = false): string => path.join(path.dirname(model), `${path.basename(model).replace(/(\.small)?\.onnx$/i, "")}.${isPrepared ? "ready" : "small"}.onnx`);
