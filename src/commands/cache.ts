import * as fs from "node:fs/promises";
import * as vscode from "vscode";
import { cachedParts, sizeOf } from "../worker/cache";
import { showMessage } from "./command";
import { sizeText } from "./words";

/** Clear Cache: takes away what can be made again, once the user has read how much that is. @param measured folder of figures that outlive windows, where there is one */
export async function clearCache(measured: string | undefined): Promise<void> {
  const { ratings, jobs, made } = cachedParts();
  const parts = [
    { folder: ratings, name: vscode.l10n.t("Ratings of layers, so that another target needs no second look") },
    { folder: jobs, name: vscode.l10n.t("Checkpoints of the command line’s jobs that were cut short") },
    { folder: made, name: vscode.l10n.t("What compressions measured of the files that they made") },
    ...(measured === undefined ? [] : [{ folder: measured, name: vscode.l10n.t("Figures of accuracy measured in this workspace") }]),
  ];
  const sizes = await Promise.all(parts.map(({ folder }) => sizeOf(folder))), total = sizes.reduce((sum, size) => sum + size, 0);
  if (!total) { showMessage(vscode.l10n.t("The cache is empty."), {}); return; }
  const clear = vscode.l10n.t("Clear {0}", sizeText(total)), lines = parts.flatMap(({ name }, i) => (sizes[i] ? [`${name}: ${sizeText(sizes[i])}`] : []));
  const choice = await vscode.window.showWarningMessage(vscode.l10n.t("Clear what Kernelscope keeps to save time?"), { modal: true, detail: [...lines, vscode.l10n.t("Models, recipes and jobs of this window stay.")].join("\n") }, clear);
  if (choice !== clear) return;
  for (const { folder } of parts) await fs.rm(folder, { recursive: true, force: true });
  showMessage(vscode.l10n.t("{0} cleared.", sizeText(total)), {});
}
