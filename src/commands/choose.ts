import * as fs from "node:fs/promises";
import * as path from "node:path";
import * as vscode from "vscode";
import { openNpy } from "../evaluation/npy";
import type { PresetId, ValueFacts } from "../protocol/api";
import { KernelscopeError } from "../protocol/errors";
import { flipsAt, type PlanFacts, type PresetPlan } from "../protocol/plan";
import { outputOf } from "./recipes";
import { typedTarget, typedTunings } from "./typed";
import { numbers, percent, ratioText, sizeText } from "./words";

/** What the user is asked before a compression: how small, with which images, and whether to replace a file. Undefined means that the user left. */

/** How small: a preset, a size, or settings of one's own in a recipe. */
export type Goal = { preset: PresetId } | { target: string } | "own";

const compressTitle = (model: vscode.Uri): string => vscode.l10n.t("Compress {0}", path.basename(model.fsPath));

/** One without a goal only says what can be typed. */
type GoalItem = vscode.QuickPickItem & { goal?: Goal };

/**
 * Asks how small. What presets come to stands beside them as soon as it is known; a size can be typed.
 * @param title what is done with the model, which later questions say as well
 * @param images the folder that presets are worked out with; another, or none, may be chosen afterwards, so the title says what the figures are of
 * @param inputBytes of the model, where it is one: no larger size is offered
 * @param plan works out what presets come to, undefined where that would take long
 */
export function chooseGoal(title: string, images: string | undefined, inputBytes: number | undefined, plan: () => Promise<PlanFacts | undefined>): Promise<Goal | undefined> {
  const pick = vscode.window.createQuickPick<GoalItem>();
  pick.title = title;
  pick.placeholder = vscode.l10n.t("How small? Choose, or type a size like 300KB or 12x");
  pick.matchOnDetail = true;
  let facts: PlanFacts | undefined;
  const typed = (): GoalItem[] => {
    const target = typedTarget(pick.value, inputBytes);
    return target === undefined ? [] : [sizeItem(target)];
  };
  const fill = (): void => {
    const active = pick.activeItems[0]?.label, sizes = typed();
    pick.items = sizes.length ? sizes : [...presetItems(facts), ownItem(), ...hintItems(pick.value, vscode.l10n.t("A size smaller than the model is typed like 300KB, 1.5MB or 12x"))];
    const same = pick.items.find(({ label }) => label === active);
    if (same) pick.activeItems = [same];
  };
  fill();
  return new Promise((resolve) => {
    pick.onDidChangeValue(fill);
    pick.onDidAccept(() => {
      const goal = meant(pick, typed())?.goal;
      if (!goal) return;
      resolve(goal);
      pick.hide();
    });
    pick.onDidHide(() => { resolve(undefined); pick.dispose(); });
    pick.show();
    pick.busy = true;
    plan().then((known) => {
      if (!known) return;
      facts = known;
      pick.title = images === undefined ? vscode.l10n.t("{0}: predicted without images", title) : vscode.l10n.t("{0}: predicted with the images of {1}", title, path.basename(images));
      fill();
    }, () => undefined).finally(() => { pick.busy = false; });
  });
}

const presetItems = (facts: PlanFacts | undefined): GoalItem[] => ([
  ["nearly-lossless", vscode.l10n.t("Nearly Lossless"), vscode.l10n.t("The smallest file that keeps 99 % of predictions on the images that it is fitted to")],
  ["balanced", vscode.l10n.t("Balanced"), vscode.l10n.t("Where making it smaller begins to cost noticeably more")],
  ["smallest", vscode.l10n.t("Smallest"), vscode.l10n.t("The smallest file that is predicted to lose 3 points of accuracy at most")],
] as const).map(([preset, label, detail]) => {
  const known = facts?.presets.find(({ id }) => id === preset);
  return { goal: { preset }, label, detail, description: known && facts && figuresText(facts, known) };
});

/** "36.6 to 126 KB": a line in a list of VS Code's has room for little more than 80 characters. */
function rangeText(ends: readonly [number, number]): string {
  const [low, high] = ends.map(sizeText), unit = /\s\S+$/.exec(high)![0];
  return vscode.l10n.t("{0} to {1}", low.endsWith(unit) ? low.slice(0, -unit.length) : low, high);
}

/** "96.4 KB · 12 times smaller · agreement 99.1 %": the title says that it is predicted. */
function figuresText({ input, prediction }: PlanFacts, { bytes, loss, range }: PresetPlan): string {
  const times = ratioText(input.bytes, bytes);
  const size = range ? vscode.l10n.t("about {0} ({1}) · {2}", sizeText(bytes), rangeText(range), times) : `${sizeText(bytes)} · ${times}`;
  return prediction.of === "agreement" ? `${size} · ${vscode.l10n.t("agreement {0} %", percent(1 - flipsAt(prediction, loss)))}` : size;
}

const ownItem = (): GoalItem => ({ goal: "own", label: vscode.l10n.t("Own Settings…"), detail: vscode.l10n.t("Opens a recipe: every layer, the curve of sizes, pins") });
/** What is understood, under a text that may be nothing of it; choosing it does nothing. */
const hintItems = (typed: string, label: string): vscode.QuickPickItem[] => (typed.trim() === "" ? [] : [{ label: `$(info) ${label}`, alwaysShow: true }]);
const sizeItem = (target: string): GoalItem => ({ goal: { target }, label: /x$/i.test(target) ? vscode.l10n.t("{0} times smaller", target.slice(0, -1)) : vscode.l10n.t("At most {0}", target), detail: vscode.l10n.t("The most accurate file of that size"), alwaysShow: true });

/** The entry that Enter means. The list follows the keys a moment later: what was typed last may not stand in it yet, while what stood there before is chosen. */
function meant<Item extends vscode.QuickPickItem>(pick: vscode.QuickPick<Item>, typed: readonly Item[]): Item | undefined {
  const [chosen] = pick.selectedItems;
  return typed.find(({ label }) => label === chosen?.label) ?? typed[0] ?? chosen;
}

/** A data folder, or null for none where that is possible. @param used folders that are offered first */
export async function chooseData(model: vscode.Uri, used: readonly string[], isNeeded = false, title = compressTitle(model)): Promise<string | null | undefined> {
  type Item = vscode.QuickPickItem & { folder?: string | null };
  const found = await dataFoldersNear(path.dirname(model.fsPath));
  const known = [...new Set([...used, ...found])];
  const items: Item[] = [
    ...known.map((folder): Item => {
      const name = path.basename(folder), place = vscode.workspace.asRelativePath(folder);
      return { folder, label: `$(folder) ${name}`, ...(place !== name && { description: place }) };
    }),
    { folder: undefined, label: `$(folder-opened) ${vscode.l10n.t("Choose Folder…")}`, detail: vscode.l10n.t("A folder for each class, or images.npy with labels.npy") },
    ...(isNeeded ? [] : [{ folder: null, label: `$(circle-slash) ${vscode.l10n.t("Without Images")}`, detail: vscode.l10n.t("Faster; files are larger to be on the safe side, and no accuracy is measured") }]),
  ];
  const choice = await vscode.window.showQuickPick(items, {
    title,
    placeHolder: vscode.l10n.t("Images to fit and measure with"),
  });
  if (!choice) return undefined;
  if (choice.folder !== undefined) return choice.folder;
  const [folder] = await vscode.window.showOpenDialog({ canSelectFiles: false, canSelectFolders: true, openLabel: vscode.l10n.t("Use These Images"), defaultUri: vscode.Uri.joinPath(model, "..") }) ?? [];
  return folder?.fsPath;
}

/** How long to train, as a request has it: a time of the list, or a time or number of steps that is typed. */
export function chooseTuning(title: string): Promise<string | undefined> {
  type Item = vscode.QuickPickItem & { tune?: string };
  const pick = vscode.window.createQuickPick<Item>(), times = [5, 15, 30, 60].map((minutes): Item => ({ tune: `${minutes}m`, label: vscode.l10n.t("{0} Minutes", minutes) }));
  pick.title = title;
  pick.placeholder = vscode.l10n.t("How long? Choose, or type 45m, 2h or 2000 steps; it can be ended early");
  const typed = (): Item[] => typedTunings(pick.value).map((tune) => ({ tune, label: tune.endsWith("steps") ? stepsLabel(Number(tune.slice(0, -5))) : vscode.l10n.t("For {0}", tune), alwaysShow: true }));
  const fill = (): void => {
    const lengths = typed();
    pick.items = lengths.length ? lengths : [...times, ...hintItems(pick.value, vscode.l10n.t("A length is typed like 45m, 2h or 2000 steps"))];
  };
  fill();
  return new Promise((resolve) => {
    pick.onDidChangeValue(fill);
    pick.onDidAccept(() => {
      const tune = meant(pick, typed())?.tune;
      if (tune === undefined) return;
      resolve(tune);
      pick.hide();
    });
    pick.onDidHide(() => { resolve(undefined); pick.dispose(); });
    pick.show();
  });
}

const stepsLabel = (steps: number): string => (steps === 1 ? vscode.l10n.t("1 Step") : vscode.l10n.t("{0} Steps", numbers(0).format(steps)));

/** A file to write, and whether it may replace what is there. */
export interface Output { path: string; force: boolean }

/** Where the result goes: NAME.small.onnx beside the model where nothing else is wanted, or a place of the user's choice if that exists. */
export async function chooseOutput(model: vscode.Uri, wanted = outputOf(model.fsPath), title = compressTitle(model)): Promise<Output | undefined> {
  if (!await fs.access(wanted).then(() => true, () => false)) return { path: wanted, force: false };
  const replace: vscode.QuickPickItem = { label: `$(replace) ${vscode.l10n.t("Replace {0}", path.basename(wanted))}` };
  const other: vscode.QuickPickItem = { label: `$(save-as) ${vscode.l10n.t("Save As…")}` };
  const choice = await vscode.window.showQuickPick([replace, other], { title, placeHolder: vscode.l10n.t("{0} exists already.", path.basename(wanted)) });
  if (choice === replace) return { path: wanted, force: true };
  if (choice !== other) return undefined;
  const chosen = await vscode.window.showSaveDialog({ defaultUri: vscode.Uri.file(wanted), filters: { ONNX: ["onnx"] } });
  return chosen && { path: chosen.fsPath, force: true };
}

/** The first of these folders whose images may be a model's: an array of images has to have the size and channels that the model takes. */
export async function firstThatFits(folders: readonly string[], inputs: readonly ValueFacts[]): Promise<string | undefined> {
  const [, channels, ...sides] = inputs.length === 1 && inputs[0].shape.length === 4 ? inputs[0].shape : [];
  for (const folder of folders) {
    const images = await fs.open(path.join(folder, "images.npy")).catch(() => undefined);
    if (!images) return folder; // whatever size they have, they become the model's
    try {
      const read = async (offset: number, length: number) => (await images.read(new Uint8Array(length), 0, length, offset)).buffer;
      const [, ...own] = (await openNpy({ size: (await images.stat()).size, read }, "images.npy")).dims, [high, wide, deep] = own.length === 2 ? [...own, 1] : own[2] <= 4 ? own : [own[1], own[2], own[0]];
      if ([channels, ...sides].every((size, i) => typeof size !== "number" || size === [deep, high, wide][i])) return folder;
    } catch (error) {
      if (!(error instanceof KernelscopeError)) throw error; // no images at all
    } finally {
      await images.close();
    }
  }
  return undefined;
}

/** Folders beside a model that are marked as data: they hold a dataset.json, or an images.npy. */
export async function dataFoldersNear(folder: string): Promise<string[]> {
  const entries = await fs.readdir(folder, { withFileTypes: true }).catch(() => []);
  const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules").slice(0, 200).map((entry) => path.join(folder, entry.name));
  const marked = await Promise.all(folders.map(async (candidate) => {
    const names = await fs.readdir(candidate).catch((): string[] => []);
    return names.includes("dataset.json") || names.includes("images.npy") ? [candidate] : [];
  }));
  return marked.flat();
}
