import * as path from "node:path";
import type { CompressRequest } from "../protocol/api";
import type { PointTrait } from "../protocol/recipe-page";
import { recipeTuning } from "../protocol/tuning";
import { isJson } from "./recipe-text";

/** What a compression is asked for, in parts that can be compared, whatever a recipe's text looks like and wherever it was asked. */
export interface Asked { goal: string; inference: string; tune: string; prune: string; layers: string; images: string; rest: string }

/** Of a request with its recipe, the request first; undefined where the text is no recipe. */
export function askedOf({ recipe, recipeText = "{}", ...request }: CompressRequest): Asked | undefined {
  let json: unknown;
  try {
    json = JSON.parse(recipeText);
  } catch {
    return undefined;
  }
  if (!isJson(json)) return undefined;
  const { preset, target, bits, data, preprocess, tune = "none", prune, inference = "float", layers = {}, seed = 1, ...others } = json, named = isJson(data) ? data : {};
  const beside = (folder: unknown): unknown => (typeof folder === "string" && recipe !== undefined ? path.resolve(path.dirname(recipe), folder) : folder), rest = Object.fromEntries(Object.entries(others).filter(([key]) => !ASIDE.includes(key)));
  const isGiven = [request.preset, request.target, request.bits].some((goal) => goal !== undefined), goal = isGiven ? [request.preset, request.target, request.bits] : [preset, target, bits];
  return {
    goal: written(goal.map((one) => (typeof one === "string" ? one.replace(/\s+/g, "") : one))), inference: written(request.inference ?? inference), tune: written(request.tune === undefined ? tune : recipeTuning(request.tune)), prune: written(request.prune ?? prune), layers: written(layers),
    images: written([request.data ?? beside(named.folder), request.evalData ?? beside(named.evalFolder), named.limit, preprocess]), rest: written({ ...rest, seed: request.seed ?? seed, prepare: request.prepare }),
  };
}

/** Fields that change nothing about a result, or that a request always has. */
const ASIDE = ["$schema", "version", "model", "device", "sweep"];

/** JSON with its keys in order. */
const written = (value: unknown): string => JSON.stringify(value, (_, part: unknown) => (isJson(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part)) ?? "";

export const isSame = (a: Asked | undefined, b: Asked | undefined): boolean => a !== undefined && written(a) === written(b);

/** What a result was that a recipe is not, its size aside: none, and the two can be compared. @param beforeTuning the result is of before its training, which tells nothing apart then */
export function traitsBeside(of: Asked | undefined, own: Asked | undefined, beforeTuning = false): PointTrait[] {
  if (!of || !own) return ["unknown"];
  const NONE = written("none"), traits: [isOther: boolean, trait: PointTrait][] = [
    [of.inference !== own.inference, of.inference === written("integer") ? "integers" : "floats"], [of.tune !== own.tune && !beforeTuning, of.tune === NONE ? "untrained" : own.tune === NONE ? "trained" : "training"],
    [of.prune !== own.prune, "channels"], [of.layers !== own.layers, "layers"], [of.images !== own.images, "images"], [of.rest !== own.rest, "settings"],
  ];
  return traits.flatMap(([isOther, trait]) => (isOther ? [trait] : []));
}
