import * as path from "node:path";
import * as vscode from "vscode";
import type { CompressReport } from "../protocol/report";

/** Sentences about jobs, for people. */

const numbers = (digits: number): Intl.NumberFormat => new Intl.NumberFormat(vscode.env.language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
const percent = (share: number): string => numbers(1).format(share * 100);

/** Three significant digits in units of 1,000 bytes. */
export function sizeText(bytes: number): string {
  const units = ["B", "KB", "MB", "GB"];
  let value = bytes, unit = 0;
  while (value >= 999.5 && unit < units.length - 1) { value /= 1000; unit++; }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${numbers(digits).format(value)} ${units[unit]}`;
}

export function secondsLeftText(seconds: number | undefined): string {
  if (seconds === undefined || !Number.isFinite(seconds)) return "";
  if (seconds < 90) return vscode.l10n.t("{0} s left", Math.max(1, Math.round(seconds)));
  return vscode.l10n.t("{0} min left", Math.round(seconds / 60));
}

/** "Written: a.small.onnx, 92.1 KB, 12.6 times smaller. Top-1 90.7 → 90.2 % on 100 images." */
export function reportSentence(report: CompressReport): string {
  const { output, input, ratio, fidelity } = report;
  const parts = [vscode.l10n.t("Written: {0}, {1} instead of {2}, {3} times smaller.", path.basename(output.path), sizeText(output.bytes), sizeText(input.bytes), numbers(1).format(ratio))];
  if (fidelity?.reference.top1 !== undefined && fidelity.compressed.top1 !== undefined) {
    parts.push(vscode.l10n.t("Top-1 {0} → {1} % on {2} images.", percent(fidelity.reference.top1), percent(fidelity.compressed.top1), fidelity.samples));
  } else if (fidelity?.agreement !== undefined) {
    parts.push(vscode.l10n.t("Agreement with the original {0} % on {1} images.", percent(fidelity.agreement), fidelity.samples));
  } else if (fidelity?.sqnrDb !== undefined) {
    parts.push(vscode.l10n.t("Outputs keep {0} dB SQNR on {1} samples.", numbers(1).format(fidelity.sqnrDb), fidelity.samples));
  } else {
    parts.push(vscode.l10n.t("Nothing was run, so its accuracy is unknown."));
  }
  return parts.join(" ");
}
