import * as vscode from "vscode";
import { CancelledError } from "../protocol/errors";
import { sentenceOf } from "../editor/log";

/** Registers a command whose failure becomes one sentence and a way to the log. */
export function registerCommand(log: vscode.LogOutputChannel, id: string, run: (...args: unknown[]) => Promise<void>): vscode.Disposable {
  return vscode.commands.registerCommand(id, async (...args: unknown[]) => {
    try {
      await run(...args);
    } catch (error) {
      if (error instanceof CancelledError) return;
      await showError(log, error);
    }
  });
}

/** Shows an error with *Show Log* and, where given, one more action. Returns whether that action was chosen. */
export async function showError(log: vscode.LogOutputChannel, error: unknown, action?: string): Promise<boolean> {
  log.error(error instanceof Error ? error.stack ?? error.message : String(error));
  const showLog = vscode.l10n.t("Show Log");
  const choice = await vscode.window.showErrorMessage(sentenceOf(error), ...(action ? [action] : []), showLog);
  if (choice === showLog) log.show();
  return choice !== undefined && choice === action;
}

/** A message with actions; what a chosen one does. */
export function showMessage(message: string, actions: Record<string, () => unknown>): void {
  void vscode.window.showInformationMessage(message, ...Object.keys(actions)).then((choice) => { if (choice !== undefined) void actions[choice](); });
}

/** The models a command is meant for: the Explorer's selection, else the editor in front, else what the user picks. */
export async function modelsOf(args: unknown[], active: vscode.Uri | undefined): Promise<vscode.Uri[]> {
  const [first, selection] = args;
  const chosen = Array.isArray(selection) ? selection.filter((uri): uri is vscode.Uri => uri instanceof vscode.Uri) : [];
  const models = (chosen.length ? chosen : first instanceof vscode.Uri ? [first] : active ? [active] : []).filter((uri) => uri.path.endsWith(".onnx"));
  if (models.length) return models;
  return await vscode.window.showOpenDialog({ canSelectMany: true, filters: { "ONNX": ["onnx"] }, openLabel: vscode.l10n.t("Compress"), title: vscode.l10n.t("Compress Model") }) ?? [];
}
