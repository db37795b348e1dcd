import * as fs from "node:fs/promises";
import type * as vscode from "vscode";
import { wilson } from "../evaluation/metrics";
import type { Reported } from "../protocol/accuracy";
import type { IntegerCount } from "../protocol/compare";
import type { Fidelity, IntegerReport, LatencyReport, TuningReport } from "../protocol/report";
import { MadeFiles } from "../worker/made";

/** What jobs came to, of this workspace for as long as their files are what they were; of the command line and other windows what these left in the user's cache. */

interface Kept<Found> { stamp: string; report: Found }

export const keepTuning = (state: vscode.Memento, file: string, report: TuningReport | undefined): Promise<void> => keep(state, "tuning", [file], report);
export const keptTuning = async (state: vscode.Memento, file: string): Promise<TuningReport | undefined> => await kept<TuningReport>(state, "tuning", [file]) ?? (await new MadeFiles().of(file))?.tuning;

/** What a compression measured of its result on the images that its fit did not see. */
export async function keepFidelity(state: vscode.Memento, original: string, compressed: string, fidelity: Fidelity | undefined): Promise<void> {
  await keep(state, "fidelity", [compressed, original], fidelity && reportedOf(fidelity));
}
export async function keptFidelity(state: vscode.Memento, original: string, compressed: string): Promise<Reported | undefined> {
  const own = await kept<Reported>(state, "fidelity", [compressed, original]);
  if (own) return own;
  const { fidelity } = await new MadeFiles().madeOf(original, compressed) ?? {};
  return fidelity && reportedOf(fidelity);
}

function reportedOf(fidelity: Fidelity): Reported {
  const { agreement, samples } = fidelity, interval = agreement !== undefined && samples ? wilson(agreement, samples) : undefined;
  return { ...fidelity, ...(interval && { interval }) };
}

/** How much of a result runs on integers. */
export const keepIntegers = (state: vscode.Memento, file: string, report: IntegerCount | undefined): Promise<void> => keep(state, "integers", [file], report);
export const keptIntegers = async (state: vscode.Memento, file: string): Promise<IntegerCount | undefined> => await kept<IntegerCount>(state, "integers", [file]) ?? (await new MadeFiles().of(file))?.integers;

/** Whose a result is, so that another try may replace it without a question. */
interface Origin { recipe: string; isTrained: boolean }
/** @param recipe path of the recipe that asked for it: the same before and after that is saved for the first time */
export const keepOrigin = (state: vscode.Memento, file: string, recipe: string | undefined, isTrained: boolean): Promise<void> => keep(state, "origin", [file], recipe === undefined ? undefined : { recipe, isTrained } satisfies Origin);

/** Whether a recipe has made this file itself, as it still is, and no training that took its time is lost with it. */
export async function isOwnResult(state: vscode.Memento, file: string, recipe: string): Promise<boolean> {
  const origin = await kept<Origin>(state, "origin", [file]);
  return origin?.recipe === recipe && !origin.isTrained;
}

/** How long both models take on this machine. */
export const keepLatency = (state: vscode.Memento, original: string, compressed: string, found: LatencyReport): Promise<void> => keep(state, "latency", [compressed, original], found);
export const keptLatency = (state: vscode.Memento, original: string, compressed: string): Promise<LatencyReport | undefined> => kept(state, "latency", [compressed, original]);

/** What layers cost as integers, and what of the recipe that rests on, see `basisOf`. */
export interface KeptDiagnosis { integers: IntegerReport; basis: string | undefined }
export const keepDiagnosis = (state: vscode.Memento, model: string, found: KeptDiagnosis): Promise<void> => keep(state, "diagnosis", [model], found);
export const keptDiagnosis = (state: vscode.Memento, model: string): Promise<KeptDiagnosis | undefined> => kept(state, "diagnosis", [model]);

/** One report for each result; another job's takes its place. */
async function keep<Found>(state: vscode.Memento, what: string, files: readonly [result: string, ...others: string[]], report: Found | undefined): Promise<void> {
  const stamp = await stampsOf(files);
  await state.update(keyOf(what, files[0]), report && stamp !== undefined ? { stamp, report } satisfies Kept<Found> : undefined);
}

async function kept<Found>(state: vscode.Memento, what: string, files: readonly [result: string, ...others: string[]]): Promise<Found | undefined> {
  const found = state.get<Kept<Found>>(keyOf(what, files[0]));
  return found && found.stamp === await stampsOf(files) ? found.report : undefined;
}

const keyOf = (what: string, file: string): string => `${what} ${file}`;
/** Size and time of a file; undefined where there is none. */
export const stampOf = (file: string): Promise<string | undefined> => fs.stat(file).then(({ size, mtimeMs }) => `${size} ${mtimeMs}`, () => undefined);

async function stampsOf([result, ...others]: readonly [string, ...string[]]): Promise<string | undefined> {
  const stamps = await Promise.all([result, ...others].map(stampOf)), named = others.map((file, i) => `${file} ${stamps[i + 1] ?? ""}`);
  return stamps.includes(undefined) ? undefined : [stamps[0], ...named].join("|");
}
