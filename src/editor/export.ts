import * as vscode from "vscode";
import { KernelscopeError } from "../protocol/errors";
import type { PictureSize } from "../protocol/page";

/** What pages write as files. */

const number = (value: number, digits = 0): string => value.toLocaleString(vscode.env.language, { maximumFractionDigits: digits });

/** "44 × 16,384 pixels, at 2.1 %" */
function sizeOf({ width, height, scale }: PictureSize): string {
  const [across, down] = [width, height].map((side) => number(side)), percent = number(100 * scale, scale < 0.1 ? 1 : 0);
  return vscode.l10n.t("{0} × {1} pixels, at {2} %", across, down, percent);
}

/** Says that words in a picture will be too small to be read. Undefined where nothing is to be written. */
export async function askOfSmall(size: PictureSize): Promise<"svg" | "png" | undefined> {
  const svg = vscode.l10n.t("Write SVG"), png = vscode.l10n.t("Write PNG Anyway");
  const answer = await vscode.window.showWarningMessage(vscode.l10n.t("The graph is too large for a PNG that can be read."), {
    modal: true, detail: vscode.l10n.t("The PNG would have {0}: its words cannot be read. An SVG can be enlarged as far as you like. Folded groups make the picture smaller, too.", sizeOf(size)),
  }, svg, png);
  return answer === svg ? "svg" : answer === png ? "png" : undefined;
}

/** Asks where to, and writes a file that a page has made; a click on the message opens it. */
export async function save(model: vscode.Uri, name: string, bytes: Uint8Array, size?: PictureSize): Promise<void> {
  const ending = /\.(png|svg|tsv)$/.exec(name)?.[1];
  if (!ending || !(bytes instanceof Uint8Array)) throw new KernelscopeError("usage", "The page sent no picture.");
  const target = await vscode.window.showSaveDialog({ defaultUri: vscode.Uri.joinPath(model, "..", name.replace(/[\\/]/g, "-")), filters: { [ending.toUpperCase()]: [ending] }, title: vscode.l10n.t("Export") });
  if (!target) return;
  await vscode.workspace.fs.writeFile(target, bytes);
  const show = vscode.l10n.t("Open"), file = vscode.workspace.asRelativePath(target);
  const message = size ? vscode.l10n.t("Written: {0}, {1}", file, sizeOf(size)) : vscode.l10n.t("Written: {0}", file);
  if (await vscode.window.showInformationMessage(message, show) === show) await vscode.commands.executeCommand("vscode.open", target);
}
