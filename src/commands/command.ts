import * as vscode from "vscode";
import { CancelledError, KernelscopeError } from "../protocol/errors";
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

/** Shows an error with *Show Log*, where nobody has foreseen it with *Report Issue*, and where given with one more action. Returns whether that action was chosen. */
export async function showError(log: vscode.LogOutputChannel, error: unknown, action?: string): Promise<boolean> {
  log.error(error instanceof Error ? error.stack ?? error.message : String(error));
  const showLog = vscode.l10n.t("Show Log"), report = vscode.l10n.t("Report Issue");
  const choice = await vscode.window.showErrorMessage(sentenceOf(error), ...(action ? [action] : []), showLog, ...(isUnexpected(error) ? [report] : []));
  if (choice === showLog) log.show();
  if (choice === report) await writeReport(error);
  return choice !== undefined && choice === action;
}

/** Errors that say what the user can do are none to report. */
const isUnexpected = (error: unknown): boolean => !(error instanceof KernelscopeError) || error.code === "worker-died";

/** A text for whoever the user reports to. Nothing is sent: names of the user's files may stand in it. */
async function writeReport(error: unknown): Promise<void> {
  const content = [
    `# ${sentenceOf(error)}`, "", vscode.l10n.t("What did you do before? Take out what nobody else should read."), "",
    `- Kernelscope ${KERNELSCOPE_VERSION}, VS Code ${vscode.version}, ${process.platform} ${process.arch}, Node.js ${process.versions.node}`, "",
    "```", error instanceof Error ? error.stack ?? error.message : String(error), "```", "",
  ].join("\n");
  await vscode.window.showTextDocument(await vscode.workspace.openTextDocument({ language: "markdown", content }));
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
