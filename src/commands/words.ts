import * as path from "node:path";
import * as vscode from "vscode";
import { wilson } from "../evaluation/metrics";
import { preparedWords } from "../evaluation/prepared";
import type { Progress } from "../protocol/api";
import type { CompressReport } from "../protocol/report";
import { sizeRatio } from "../protocol/sizes";
import { tuningWords, type Speech } from "../protocol/tuning-words";

/** Sentences about jobs, for people. */

export const numbers = (digits: number): Intl.NumberFormat => new Intl.NumberFormat(vscode.env.language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
/** 99.1 */
export const percent = (share: number): string => numbers(1).format(share * 100);

/** Three significant digits in units of 1,000 bytes. */
export function sizeText(bytes: number): string {
  const units = ["B", "KB", "MB", "GB"];
  let value = bytes, unit = 0;
  while (value >= 999.5 && unit < units.length - 1) { value /= 1000; unit++; }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${numbers(digits).format(value)} ${units[unit]}`;
}

/** 9.4, 49: how many times. */
const timesOf = (ratio: number): string => numbers(ratio < 9.95 ? 1 : 0).format(ratio);

/** "12 times smaller", "1.4 times larger" */
export function ratioText(before: number, after: number): string {
  const { times, isLarger } = sizeRatio(before, after);
  return isLarger ? vscode.l10n.t("{0} times larger", timesOf(times)) : vscode.l10n.t("{0} times smaller", timesOf(times));
}

export function secondsLeftText(seconds: number | undefined): string {
  if (seconds === undefined || !Number.isFinite(seconds)) return "";
  if (seconds < 90) return vscode.l10n.t("{0} s left", Math.max(1, Math.round(seconds)));
  return vscode.l10n.t("{0} min left", Math.round(seconds / 60));
}

/** 0.0120: three significant digits, also where the last are zeros. */
const lossText = (loss: number): string => new Intl.NumberFormat(vscode.env.language, { minimumSignificantDigits: 3, maximumSignificantDigits: 3 }).format(loss);

/** +1.2, −0.4: points of a share */
const pointsText = (share: number): string => new Intl.NumberFormat(vscode.env.language, { minimumFractionDigits: 1, maximumFractionDigits: 1, signDisplay: "exceptZero" }).format(100 * share).replace("-", "−");

/** How sentences of a training are told here. */
const speech: Speech = { t: (message, ...args) => vscode.l10n.t(message, ...args), whole: (count) => numbers(0).format(count), percent: (share) => percent(share), loss: lossText, points: pointsText };

/** With half of its range, or with both ends where half would lead beyond 100 %. */
function agreementSentence(agreement: number, samples: number): string {
  const [low, high] = wilson(agreement, samples), half = (high - low) / 2, images = numbers(0).format(samples);
  return agreement + half <= 1 ? vscode.l10n.t("Agreement {0} % ± {1} on {2} images.", percent(agreement), percent(half), images) : vscode.l10n.t("Agreement {0} % ({1} to {2}) on {3} images.", percent(agreement), percent(low), percent(high), images);
}

/** "Written: a.small.onnx, 92.1 KB, 12.6 times smaller. Agreement 99.1 % ± 0.6 on 500 images." */
export function reportSentence({ input, output, layers, fidelity, tuning, integers }: CompressReport): string {
  const parts = [vscode.l10n.t("Written: {0}, {1}, {2}.", path.basename(output.path), sizeText(output.bytes), ratioText(input.bytes, output.bytes))];
  if (integers) parts.push(vscode.l10n.t("{0} of {1} convolutions run on integers.", integers.convolutions - integers.floatConvolutions, integers.convolutions));
  if (fidelity?.agreement !== undefined) {
    parts.push(agreementSentence(fidelity.agreement, fidelity.samples));
  } else if (fidelity?.sqnrDb !== undefined) {
    parts.push(vscode.l10n.t("Outputs keep {0} dB SQNR on {1} samples.", numbers(1).format(fidelity.sqnrDb), numbers(0).format(fidelity.samples)));
  } else {
    parts.push(vscode.l10n.t("Nothing was run, so its accuracy is unknown."));
  }
  if (tuning) parts.push(tuningWords(tuning, speech));
  for (const { name, label, wavelet } of layers) if (wavelet?.speed && wavelet.speed.ratio > 1) parts.push(vscode.l10n.t("{0} is slower than it was: one sample takes {1} times as long.", label ?? name, timesOf(wavelet.speed.ratio)));
  return parts.join(" ");
}

/** "Written: a.ready.onnx, the same model with trained weights. Preparing gained: compressed as asked for, …" */
export function preparedSentence({ output, tuning }: CompressReport): string {
  const written = vscode.l10n.t("Written: {0}, the same model with trained weights.", path.basename(output.path));
  return tuning ? `${written} ${preparedWords(tuning, speech)}` : written;
}

interface Finished { finished: readonly unknown[]; of: number }

/** "Cancelled after 12 of 21 layers. No file was written; the 12 are kept. a.small.onnx is as it was." @param earlier a file of an earlier job that this one would have replaced */
export function cancelledSentence(last: Progress | undefined, layers: Finished, earlier: string | undefined): string {
  const sentence = whatIsKept(last, layers);
  return earlier === undefined ? sentence : `${sentence} ${vscode.l10n.t("{0} is as it was.", path.basename(earlier))}`;
}

function whatIsKept(last: Progress | undefined, { finished, of }: Finished): string {
  if (last?.stage === "sensitivity") return vscode.l10n.t("Cancelled at {0}. No file was written; what was rated is kept.", last.text);
  if (last?.tuning) return vscode.l10n.t("Cancelled at step {0} of {1}. No file was written; layers and the last checkpoint of the training are kept.", numbers(0).format(last.tuning.step), numbers(0).format(last.tuning.steps));
  if (of > 0 && finished.length > 0) return vscode.l10n.t("Cancelled after {0} of {1} layers. No file was written; the {0} are kept.", finished.length, of);
  return vscode.l10n.t("Cancelled before the first layer was done. No file was written.");
}
