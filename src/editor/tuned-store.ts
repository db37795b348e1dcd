import * as fs from "node:fs/promises";
import type * as vscode from "vscode";
import type { TuningReport } from "../protocol/report";

/** What trainings of this workspace came to, for as long as their files are what they were. */

interface Kept { stamp: string; report: TuningReport }

export async function keepTuning(state: vscode.Memento, file: string, report: TuningReport | undefined): Promise<void> {
  const stamp = await stampOf(file);
  await state.update(keyOf(file), report && stamp !== undefined ? { stamp, report } satisfies Kept : undefined);
}

export async function keptTuning(state: vscode.Memento, file: string): Promise<TuningReport | undefined> {
  const kept = state.get<Kept>(keyOf(file));
  return kept && kept.stamp === await stampOf(file) ? kept.report : undefined;
}

const keyOf = (file: string): string => `tuning ${file}`;
/** Size and time of a file; undefined where there is none. */
export const stampOf = (file: string): Promise<string | undefined> => fs.stat(file).then(({ size, mtimeMs }) => `${size} ${mtimeMs}`, () => undefined);
