import { leftOver, spreadRows } from "../onnx/channels/mark";
import { findLayers, type Layer } from "../onnx/layers";
import type { Model } from "../onnx/model";
import { scaleRows } from "../methods/rows";
import { seenIn, type FittedLayer } from "./fit";
import { followOf } from "./follow";
import type { Finished } from "./planned-fit";
import { readRows } from "./rows";
import { channelFactors, gainsOf, relativeGains, sqnr, withFactors } from "./seen";
import type { Subject } from "./subject";

/**
 * How near the weights of layers are to the original's: not to those of what it became before they were fitted, so that a report says what a comparison of the two files does.
 * Folding has weighed channels anew, a network of integers has other ranges, and pruning has fitted what is left to do without what is gone.
 */
export async function inOriginal(original: Model, { base, model }: Subject, fitted: readonly Finished[], isInteger: boolean): Promise<Pick<FittedLayer, "layer" | "sqnrDb">[]> {
  if (model === original) return [...fitted];
  const own = new Map(findLayers(original).map((layer) => [layer.id, layer])), left = leftOver(base.model, findLayers(base.model)), found: Pick<FittedLayer, "layer" | "sqnrDb">[] = [];
  const sqnrOf = async (whole: Layer, one: FittedLayer): Promise<number> => {
    const { layer } = one, kept = left.get(layer.id), rows = await readRows(original, whole), gains = await gainsOf(original, whole);
    const values = kept ? spreadRows(kept, whole.outputAxis, rows.values, "cut") : rows.values, wanted = kept?.outputs ? Float64Array.from(kept.outputs, (m) => gains[m]) : gains;
    const seen = seenIn(one, await followOf(model, layer), (await readRows(model, layer)).values), scaled = scaleRows(seen, relativeGains(seen, await gainsOf(model, layer), values, wanted));
    return sqnr(values, isInteger ? withFactors(layer, scaled, channelFactors(layer, values, scaled)) : scaled);
  };
  for (const { layer, load, sqnrDb } of fitted) {
    const whole = own.get(layer.id);
    found.push({ layer, sqnrDb: whole ? await sqnrOf(whole, await load()) : sqnrDb });
  }
  return found;
}
