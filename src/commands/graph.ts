import * as path from "node:path";
import * as vscode from "vscode";
import { KernelscopeError } from "../protocol/errors";
import type { GraphCommand } from "../protocol/page";
import { readLink, type NodeLink } from "../editor/link";
import type { ModelEditors } from "../editor/model-editor";
import { registerCommand, showError } from "./command";

/** Commands on the graph of the model in front, and links that lead into it. */
export function registerGraphCommands(log: vscode.LogOutputChannel, editors: ModelEditors): vscode.Disposable {
  const command = (id: string, what: GraphCommand) => registerCommand(log, `kernelscope.graph.${id}`, () => editors.run(what));
  return vscode.Disposable.from(
    command("path", "path"), command("copyLink", "copy-link"), command("copyText", "copy-text"), command("copyTable", "copy-table"),
    registerCommand(log, "kernelscope.graph.export", async () => { const what = await choosePicture(); if (what) await editors.run(what); }),
    registerCommand(log, "kernelscope.openLink", () => askForLink(editors)),
    vscode.window.registerUriHandler({ handleUri: async (uri) => {
      try {
        await openLink(uri.toString(true), editors);
      } catch (error) {
        await showError(log, error);
      }
    } }),
  );
}

async function choosePicture(): Promise<GraphCommand | undefined> {
  const { t } = vscode.l10n, items: (vscode.QuickPickItem & { what: GraphCommand })[] = [
    { what: "view-png", label: t("What Is in Sight as PNG"), description: t("twice as sharp as on the screen") }, { what: "view-svg", label: t("What Is in Sight as SVG"), description: t("lines and text that can be edited") },
    { what: "graph-png", label: t("Whole Graph as PNG"), description: t("as it is unfolded now") }, { what: "graph-svg", label: t("Whole Graph as SVG"), description: t("as it is unfolded now, of any size") },
    { what: "table-tsv", label: t("Table of Layers as TSV"), description: t("for a spreadsheet") },
  ];
  return (await vscode.window.showQuickPick(items, { title: t("Export"), placeHolder: t("What is to be saved") }))?.what;
}

/** Where a link cannot be clicked, as in a browser, it can be pasted. */
async function askForLink(editors: ModelEditors): Promise<void> {
  const copied = (await vscode.env.clipboard.readText()).trim(), { t } = vscode.l10n;
  const link = await vscode.window.showInputBox({ title: t("Open Link to a Node"), prompt: t("A link that Copy Link has made"), value: readLink(copied) ? copied : "", validateInput: (text) => (text && !readLink(text) ? t("This is no link to a node of a model.") : undefined) });
  if (link) await openLink(link, editors);
}

async function openLink(text: string, editors: ModelEditors): Promise<void> {
  const link = readLink(text);
  if (!link) throw new KernelscopeError("usage", vscode.l10n.t("This is no link to a node of a model."));
  await editors.reveal(await modelOf(link), link);
}

/** The model that a link names: below a folder of the workspace, or where it lay when the link was made. */
async function modelOf({ file }: NodeLink): Promise<vscode.Uri> {
  const candidates = path.isAbsolute(file) ? [vscode.Uri.file(file)] : (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => vscode.Uri.joinPath(uri, file));
  for (const uri of candidates) if (uri.path.endsWith(".onnx") && await vscode.workspace.fs.stat(uri).then(() => true, () => false)) return uri;
  throw new KernelscopeError("usage", vscode.l10n.t("{0} is not in this workspace. Open the folder that it is in, then the link again.", file));
}
