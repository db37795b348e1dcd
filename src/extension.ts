import * as vscode from "vscode";
import { registerCommand } from "./commands/command";
import { CompareCommand } from "./commands/compare";
import { CompressCommand } from "./commands/compress";
import { Accuracy } from "./editor/accuracy";
import { ComparePanels } from "./editor/compare-panel";
import { LayersTree } from "./editor/layers-tree";
import { createLog } from "./editor/log";
import { ModelEditors } from "./editor/model-editor";
import { Status } from "./editor/status";
import { ViewingWorker } from "./worker/process";

/** Registers and returns; processes start when a model is opened. */
export function activate(context: vscode.ExtensionContext): void {
  const log = createLog();
  const status = new Status();
  const viewing = new ViewingWorker(context.asAbsolutePath("dist/worker.js"), (line) => log.info(line));
  const accuracy = new Accuracy(context, log);
  const editors = new ModelEditors(context.extensionUri, viewing, status, accuracy, log);
  const compress = new CompressCommand(context, editors, log);
  const panels = new ComparePanels(context.extensionUri, viewing, editors, accuracy, log);
  const compare = new CompareCommand(context, editors, panels);
  context.subscriptions.push(
    log, status, editors.register(), panels.register(), LayersTree.register(editors),
    { dispose: () => viewing.stop() },
    { dispose: () => { void compress.cancel(); } },
    vscode.workspace.onDidChangeConfiguration((change) => { if (change.affectsConfiguration("kernelscope")) status.show(); }),
    registerCommand(log, "kernelscope.compress", (...args) => compress.run(...args)),
    registerCommand(log, "kernelscope.compare", (...args) => compare.run(...args)),
    registerCommand(log, "kernelscope.cancel", (...args) => compress.cancel(...args)),
    registerCommand(log, "kernelscope.find", () => editors.find()),
    registerCommand(log, "kernelscope.showLog", async () => log.show()),
  );
}
