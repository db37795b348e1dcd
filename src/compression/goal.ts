import type { CompressionMethod } from "../methods/method";
import { methods } from "../methods/registry";
import type { CompressRequest, PresetId } from "../protocol/api";
import { KernelscopeError } from "../protocol/errors";
import { formatBytes, parseTarget, targetBytes } from "../protocol/sizes";
import { mannerOf, parseTuning, tuningText } from "../protocol/tuning";
import type { Host } from "./host";
import { parseOptions, parseRecipe, Recipe } from "./recipe";

/** What a compression is to reach. */
export type Goal = { kind: "preset"; preset: PresetId } | { kind: "bytes"; bytes: number } | { kind: "bits"; bits: number } | { kind: "integers" };

/** A request with its recipe merged in, field by field, the command line first; paths absolute. */
export interface Job {
  request: CompressRequest;
  recipe: Recipe;
  /** For the copy in the file: without paths. */
  embedded: string;
}

/** Reads the recipe of a request and merges the two. @throws KernelscopeError "usage" for contradictions, "bad-recipe" */
export async function mergeRecipe(request: CompressRequest, host: Host): Promise<Job> {
  const given = [["--preset", request.preset], ["--target", request.target], ["--bits", request.bits]].filter(([, value]) => value !== undefined);
  if (given.length > 1) throw new KernelscopeError("usage", `${given.map(([name]) => name).join(" and ")} cannot be used together. Give one of them.`);
  if (request.bits !== undefined && !(request.bits > 0 && request.bits <= 32)) throw new KernelscopeError("usage", `--bits ${request.bits} is out of range. Give a number above 0, at most 32.`);
  const recipe = request.recipe === undefined ? Recipe.parse({}) : parseRecipe(request.recipeText ?? await host.readText(request.recipe), host.baseName(request.recipe));
  const beside = (path: string | undefined) => (path === undefined || request.recipe === undefined ? path : host.resolve(host.folderOf(request.recipe), path));
  const goalGiven = given.length > 0, tune = request.tune ?? tuningText(recipe.tune);
  const merged: CompressRequest = {
    ...request,
    preset: goalGiven ? request.preset : recipe.preset, target: goalGiven ? request.target : recipe.target, bits: goalGiven ? request.bits : recipe.bits,
    data: request.data ?? beside(recipe.data?.folder), evalData: request.evalData ?? beside(recipe.data?.evalFolder),
    seed: request.seed ?? recipe.seed, tune, ...(tune !== "none" && recipe.tune !== "none" && mannerOf(recipe.tune)), ...mannerOf(request), device: request.device ?? recipe.device, inference: request.inference ?? recipe.inference, prune: request.prune ?? recipe.prune, trim: request.trim ?? recipe.trim, keepOpset: request.keepOpset ?? recipe.keepOpset,
  };
  const embedded = JSON.stringify({ ...recipe, data: undefined, model: undefined, $schema: undefined, sweep: undefined, preset: undefined, target: undefined, bits: undefined, ...(merged.preset && { preset: merged.preset }), ...(merged.target && { target: merged.target }), ...(merged.bits && { bits: merged.bits }), inference: merged.inference, keepOpset: merged.keepOpset, prune: merged.prune, trim: merged.trim, seed: merged.seed, tune: tuningOf(merged) });
  return { request: merged, recipe, embedded };
}

/** Whether layers may have a codebook in common: where each stays codes from the first step of a training to the last, and lies in the file as codes. */
export const mayShare = ({ request: { layout, schedule, noise, prepare }, recipe: { shareCodebooks } }: Job): boolean =>
  shareCodebooks !== false && layout !== "dense" && (schedule ?? "endToEnd") === "endToEnd" && !noise && !prepare;

/** Whether a plan may find out by itself which layers have a codebook in common. */
export const triesToShare = (job: Job): boolean => job.recipe.shareCodebooks === "auto" && mayShare(job);

/** A method that plans do not have by themselves and a recipe gives a layer, by the layer's name there; with its settings where the recipe has them. */
export interface Asked { name: string; method: CompressionMethod; options?: object }

/** What a recipe asks for so. */
export const askedMethods = ({ request: { method: only, data, inference }, recipe: { layers = {} } }: Job): Asked[] =>
  data === undefined || inference === "integer" ? [] : Object.entries(layers).flatMap(([name, { method: id, options }]): Asked[] => methods.filter((method) => method.id === id && method.isAsked && id !== only).map((method) => ({ name, method, ...(options && { options: parseOptions(method.id, options, name) }) })));

/** Whether weights become integers of 8 bits and nothing else, as no samples need be held for. */
export const onlyRounds = ({ request, recipe: { layers = {} } }: Job): boolean =>
  isOnlyInteger(request) && !parseTuning(request.tune) && Object.values(layers).every(({ method }) => method === undefined);

/** Whether nothing but integer inference is asked for: no size and no other method. */
export const isOnlyInteger = ({ preset, target, bits, inference, method = "integer" }: CompressRequest): boolean =>
  inference === "integer" && method === "integer" && [preset, target, bits].every((wish) => wish === undefined);

/** What the merged request asks for, for a model of `inputBytes`. */
export function goalOf(request: CompressRequest, inputBytes: number): Goal {
  const { preset, target, bits } = request;
  if (bits !== undefined) return { kind: "bits", bits };
  if (target !== undefined) {
    const bytes = targetBytes(parseTarget(target), inputBytes);
    if (bytes >= inputBytes) throw new KernelscopeError("usage", `The model takes ${formatBytes(inputBytes)}, no more than the ${formatBytes(bytes)} asked for. Give a smaller target.`, { path: JSON.stringify(["target"]) });
    return { kind: "bytes", bytes };
  }
  return isOnlyInteger(request) ? { kind: "integers" } : { kind: "preset", preset: preset ?? "balanced" };
}

/** Whether a recipe gives single layers a method with its options and asks for no size: then the others are left as they are. */
export const namesOnlyLayers = ({ request: { preset, target, bits }, recipe: { layers = {} } }: Job): boolean =>
  preset === undefined && target === undefined && bits === undefined && Object.values(layers).some(({ method, options }) => method !== undefined && options !== undefined);

/** The size in bytes for whose sake a file is trimmed beside its weights, 0 where every byte counts; undefined where it is not. Integers have their own way to fold. */
export function trimLimit({ request: { inference, layout, prepare, trim } }: Job, goal: Goal): number | undefined {
  const wanted = trim ?? goal.kind === "bytes";
  if (!wanted || inference === "integer" || layout === "dense" || prepare) return undefined;
  return goal.kind === "bytes" ? goal.bytes : 0;
}

function tuningOf({ tune, ...manner }: CompressRequest): Recipe["tune"] {
  const length = parseTuning(tune);
  return length ? { ...("steps" in length ? length : { duration: `${length.seconds}s` }), ...mannerOf(manner) } : "none";
}
