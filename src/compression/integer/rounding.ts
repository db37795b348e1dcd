import { methodById } from "../../methods/registry";
import { findLayers } from "../../onnx/layers";
import { editedModel } from "../../onnx/memory";
import type { Model } from "../../onnx/model";
import type { JobData } from "../data";
import { fitWithoutData, type FittedLayer, type FitTools } from "../fit";
import { networkOutputs, type Batches } from "../flow";
import type { RatingRecord } from "../ratings";
import type { Recipe } from "../recipe";
import { assemble, findByName } from "../write";
import { decideIntegers } from "./integers";

/** Where a recipe says so: layers that are computed with floats, or whose weights stay floats. */
const keptIn = ({ layers = {} }: Recipe): string[] => Object.entries(layers).flatMap(([name, { inference, pin }]) => (inference === "float" || pin === "leave" ? [name] : [])).sort();

/** What of a recipe decides what rounding activations costs, beside model and images. */
export const roundingKey = (recipe: Recipe): string => JSON.stringify([recipe.integers?.ranges, recipe.integers?.percentile, recipe.integers?.normalizations, keptIn(recipe)]);

/** What activations of 8 bits add to the loss of a network's outputs on the samples that plans are rated on, as it is known or as it is measured now. */
export const knownRounding = (record: RatingRecord, network: Model, original: Model, { rating }: Pick<JobData, "rating">, recipe: Recipe, tools: FitTools): Promise<number | undefined> =>
  record.rounding(roundingKey(recipe), () => roundingLoss(network, original, rating, recipe, tools));

/**
 * The loss of the network with every weight of 8 bits and activations rounded, less that with its activations in floats.
 * @param network what integers are made of, see `integerNetwork`
 * @param original what predictions are held against
 */
async function roundingLoss(network: Model, original: Model, trials: Batches, recipe: Recipe, tools: FitTools): Promise<number> {
  const { runtime, threads, signal } = tools, kept = new Set(keptIn(recipe).map((name) => findByName(findLayers(network), name)?.id ?? name)), method = methodById("integer"), options = { bits: 8 };
  const choices = findLayers(network).filter((layer) => layer.blocked === undefined && !kept.has(layer.id) && method.accepts(layer, options) === true).map((layer) => ({ layer, method: method.id, options })), fitted = new Map<string, FittedLayer>();
  await fitWithoutData(network, choices, tools, (layer) => fitted.set(layer.layer.id, layer));
  const model = await editedModel(await assemble(network, choices, async ({ layer }) => fitted.get(layer.id)!, [], "", { form: "integers" })), { batches } = trials;
  const { added } = await decideIntegers({
    model, samples: { batches: async function* () { yield* batches; } }, trials, reference: (some) => networkOutputs(original, some, runtime, threads), runtime,
    ranges: { kind: recipe.integers?.ranges ?? "meanSquaredError", percentile: recipe.integers?.percentile }, normalizations: recipe.integers?.normalizations, left: kept, threads, signal,
  });
  return added;
}
