import * as vscode from "vscode";
import { ModelEditors } from "../editor/model-editor";

const MODEL = "fashion-cnn.onnx", IMAGES = "fashion-mnist";

/** Opens the bundled network, from a copy beside which results can be written. */
export async function openSample({ extensionUri, globalStorageUri }: vscode.ExtensionContext): Promise<void> {
  const bundled = vscode.Uri.joinPath(extensionUri, "samples"), own = vscode.Uri.joinPath(globalStorageUri, "sample");
  for (const name of [MODEL, IMAGES]) {
    const target = vscode.Uri.joinPath(own, name);
    const there = await vscode.workspace.fs.stat(target).then(() => true, () => false);
    if (!there) await vscode.workspace.fs.copy(vscode.Uri.joinPath(bundled, name), target);
  }
  await vscode.commands.executeCommand("vscode.openWith", vscode.Uri.joinPath(own, MODEL), ModelEditors.viewType);
}
