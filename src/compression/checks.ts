import { methodById } from "../methods/registry";
import type { Layer } from "../onnx/layers";
import type { Model } from "../onnx/model";
import type { CompressRequest } from "../protocol/api";
import { KernelscopeError } from "../protocol/errors";
import { mannerOf, parseTuning } from "../protocol/tuning";
import type { LayerChoice } from "./fit";
import type { Job } from "./goal";
import { checkIntegers } from "./integer/ready";

/** Finds out before any work whether a request can be met. @throws KernelscopeError "nothing-to-compress", "usage", "unsupported" */
export function checkRequest(request: CompressRequest, model: Model, layers: readonly Layer[]): void {
  const nothing = nothingToCompress(layers);
  if (nothing !== undefined) throw new KernelscopeError("nothing-to-compress", nothing);
  if (request.data === undefined && parseTuning(request.tune)) throw new KernelscopeError("usage", "Tuning needs images. Give a folder of them with --data, or none for --tune.");
  if (!request.prepare && !parseTuning(request.tune) && Object.keys(mannerOf(request)).length) throw new KernelscopeError("usage", "--labels, --schedule and --noise belong to a training. Say how long with --tune, like 30m, or leave them out.");
  if (request.data === undefined && request.inference === "integer") throw new KernelscopeError("usage", "Integer inference needs images, to see what the activations are. Give a folder of them with --data.");
  if (request.prune && request.data === undefined) throw new KernelscopeError("usage", "Pruning needs images, to see which channels the network misses least. Give a folder of them with --data.");
  if (request.prune === "auto" && request.target === undefined) throw new KernelscopeError("usage", "How much to prune can be found out for a size alone. Give a --target, or say how much less is to be computed: --prune 25%.");
  if (request.prune === "auto" && request.prepare) throw new KernelscopeError("usage", "How much to prune is found out when a model is compressed. Say how much less is to be computed: --prune 25%.");
  if (request.layout === "dense" && request.inference === "integer") throw new KernelscopeError("usage", "--layout dense writes weights as floats, with which nothing can run on integers. Leave it out, or --inference integer.");
  const method = request.method === undefined ? undefined : methodById(request.method);
  if (method?.isLearned && request.data === undefined) throw new KernelscopeError("usage", `${method.title} have to be learned from images. Give a folder of them with --data.`);
  if (method?.isLearned && request.inference === "integer") throw new KernelscopeError("usage", `${method.title} compute with floats, so integer inference cannot have them. Leave one of the two out.`);
  checkIntegers(model, request);
  if (request.prepare && !parseTuning(request.tune)) throw new KernelscopeError("usage", "To make a model compressible takes training. Say how long with --tune, like 30m.");
}

/** What a recipe says of integers and nothing follows, with the reason. */
export function unusedSettings({ request, recipe: { integers = {}, layers = {} } }: Pick<Job, "request" | "recipe">): string[] {
  const { ranges, percentile, delay } = integers;
  if (request.inference !== "integer") {
    const isIdle = Object.values(integers).some((value) => value !== undefined) || Object.values(layers).some(({ inference }) => inference !== undefined);
    return isIdle ? ["What the recipe says of integers is not used, because its inference is float. Set it to integer, or give --inference integer."] : [];
  }
  return [
    ...(percentile !== undefined && ranges !== "percentile" ? [`The recipe's percentile is not used: ranges are chosen by ${ranges ?? "meanSquaredError"}. Set ranges to percentile, or leave it out.`] : []),
    ...(delay !== undefined && !parseTuning(request.tune) ? ["The recipe's delay is not used, because nothing is trained. Say how long with tune, or leave it out."] : []),
  ];
}

/** Why a model cannot be compressed at all; undefined where one of its layers can be. */
export function nothingToCompress(layers: readonly Layer[]): string | undefined {
  if (layers.some(({ blocked }) => blocked === undefined)) return undefined;
  if (!layers.length) return "This model has no convolution and no linear layer, so there is nothing to compress.";
  if (layers.every(({ blocked }) => blocked?.startsWith("It is already quantized"))) return "Every layer of this model is stored compressed or quantized already. Compress the model that it was made from.";
  const reasons = new Map<string, number>();
  for (const { blocked } of layers) reasons.set(blocked!, (reasons.get(blocked!) ?? 0) + 1);
  const [reason, count] = [...reasons].sort((a, b) => b[1] - a[1])[0];
  return `No layer here can be compressed. ${count === layers.length ? `All ${count}` : `${count} of ${layers.length}`} are left alone: ${reason}`;
}

/** Layers that are named where there are more of them. */
const NAMED = 3;

/** What is to be said where integers took the place of the only method that a request names. */
export function insteadOf({ request: { method: only, inference }, recipe: { layers: settings = {} } }: Job, choices: readonly LayerChoice[]): string[] {
  if (only === undefined || only === "integer" || inference === "integer") return [];
  const others = choices.filter(({ layer: { id, label }, method }) => method === "integer" && (settings[id] ?? settings[label])?.method === undefined).map(({ layer: { label } }) => label);
  if (!others.length) return [];
  const named = others.slice(0, NAMED).join(", "), more = others.length - NAMED;
  return [`Integers of 8 bits or less in place of the method ${only}, in ${others.length === 1 ? "a layer that cannot have it or loses less" : `${others.length} layers that cannot have it or lose less`} so: ${named}${more > 0 ? ` and ${more} more` : ""}.`];
}
