import { KernelscopeError } from "../protocol/errors";
import type { Device, PresetId } from "../protocol/api";
import type { LayerSetting, RecipeChange, RecipeProblem, RecipeView } from "../protocol/recipe-page";
import type { Pruning } from "../protocol/pruning";
import { mannerOf, NOISE_KINDS, SCHEDULES, type Noise, type RecipeTuning } from "../protocol/tuning";
import { JsonTextError, parseJsonText, placeOf } from "../protocol/json-text";

/** A recipe as its text: what a page shows of it, where something is wrong in it, and what a page may change. The engine has the last word on whether it is one. */

export type Json = Record<string, unknown>;
export const isJson = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

/** The fields of a text that is JSON, of the right type or left out; without the model, which the text only names. */
export function readRecipe(text: string): { view?: Omit<RecipeView, "model"> & { modelPath?: string }; problem?: RecipeProblem } {
  let json: unknown;
  try {
    parseJsonText(text);
    json = JSON.parse(text);
  } catch (error) {
    const offset = error instanceof JsonTextError ? error.offset : 0;
    return { problem: { text: error instanceof Error ? error.message : String(error), line: lineOf(text, offset) } };
  }
  if (!isJson(json)) return { problem: { text: "A recipe is an object in braces." } };
  const { model, preset, target, bits, data, preprocess, tune, prune, inference, integers, device, seed, layers } = json;
  return {
    view: {
      modelPath: string(model), preset: string(preset) as PresetId | undefined, target: string(target), bits: number(bits),
      data: isJson(data) ? { folder: string(data.folder), evalFolder: string(data.evalFolder), limit: number(data.limit) } : undefined,
      preprocess: isJson(preprocess) ? preprocess : undefined, tune: tuningOf(tune), prune: pruningOf(prune), inference: inference === "integer" || inference === "float" ? inference : undefined, integers: isJson(integers) ? integers : undefined, device: string(device) as Device | undefined, seed: number(seed),
      layers: isJson(layers) ? Object.fromEntries(Object.entries(layers).flatMap(([name, setting]) => (isJson(setting) ? [[name, settingOf(setting)]] : []))) : {},
    },
  };
}

const string = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
const number = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);

/** How a text says to tune, if it says so in one of the ways there are. */
function tuningOf(tune: unknown): RecipeTuning | undefined {
  if (tune === "none") return tune;
  if (!isJson(tune)) return undefined;
  const duration = string(tune.duration), steps = number(tune.steps), manner = mannerOf({ labels: number(tune.labels), schedule: SCHEDULES.find((one) => one === tune.schedule), noise: noiseOf(tune.noise) });
  return duration !== undefined ? { duration, ...manner } : steps !== undefined ? { steps, ...manner } : undefined;
}

function pruningOf(prune: unknown): Pruning | undefined {
  const compute = isJson(prune) ? number(prune.compute) : undefined;
  return prune === "auto" || prune === false ? prune : compute === undefined ? undefined : { compute };
}

function noiseOf(noise: unknown): Noise | undefined {
  if (!isJson(noise)) return undefined;
  const kind = NOISE_KINDS.find((one) => one === noise.kind), p = number(noise.p);
  return kind && p !== undefined ? { kind, p } : undefined;
}

function settingOf({ method, options, pin, inference }: Json): LayerSetting {
  const least = isJson(pin) ? number(pin.atLeastBits) : undefined;
  return { method: string(method), options: isJson(options) ? options : undefined, pin: pin === "leave" || pin === "exact" ? pin : least === undefined ? undefined : { atLeastBits: least }, inference: inference === "float" ? inference : undefined };
}

/** What of a recipe decides what layers cost as integers: all but which of them stay float, and the training behind it. Undefined where the text is no recipe. */
export function basisOf(text: string): string | undefined {
  const { view } = readRecipe(text);
  if (!view) return undefined;
  const { integers, layers, ...rest } = view, own = Object.entries(layers).map(([name, setting]) => [name, { ...setting, inference: undefined }]).filter(([, setting]) => JSON.stringify(setting) !== "{}");
  return JSON.stringify([{ ...rest, tune: undefined, device: undefined }, { ...integers, agreement: undefined, diagnose: undefined, delay: undefined }, own]);
}

/** What the engine has against a recipe, with the line that it means; none where it is about the whole of it. */
export function problemOf(error: unknown, text: string): RecipeProblem {
  const message = (error instanceof Error ? error.message : String(error)).replace(/^\S+\.json: /, ""), path = error instanceof KernelscopeError ? error.details.path : undefined;
  if (typeof path !== "string") return { text: message };
  const root = parseJsonText(text), steps = JSON.parse(path) as (string | number)[], [field] = steps, place = placeOf(root, steps);
  return { text: message, ...(place !== root && { line: lineOf(text, place.start) }), ...(typeof field === "string" && { field }) };
}

/** The line of a layer's settings, where a text has any. */
export function layerLine(text: string, layer: string): number | undefined {
  const root = parseJsonText(text), layers = root.kind === "object" ? root.properties.find(({ key }) => key === "layers")?.value : undefined;
  const own = layers?.kind === "object" ? layers.properties.find(({ key }) => key === layer) : undefined;
  return own && lineOf(text, own.start);
}

/** From 1. */
const lineOf = (text: string, offset: number): number => text.slice(0, offset).split("\n").length;

const CHANGED = ["model", "preset", "target", "bits", "data", "preprocess", "tune", "prune", "inference", "integers", "device", "seed", "layers"];
const LARGEST_CHANGE = 100_000;

/** What a page asks for is a stranger's: only a recipe's own fields can be changed. @throws KernelscopeError "usage" */
export function checkChanges(changes: unknown): RecipeChange[] {
  const good = Array.isArray(changes) && changes.length > 0 && JSON.stringify(changes).length < LARGEST_CHANGE && changes.every((change: unknown) =>
    isJson(change) && Array.isArray(change.path) && change.path.length > 0 && change.path.every((step) => typeof step === "string") && CHANGED.includes(change.path[0] as string)
    && (change.instead === undefined || Array.isArray(change.instead) && change.instead.every((key) => typeof key === "string")));
  if (!good) throw new KernelscopeError("usage", "The page asked for a change that a recipe does not have.");
  return changes as RecipeChange[];
}
