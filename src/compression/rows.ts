import { readWeight, type Layer } from "../onnx/layers";
import type { Model } from "../onnx/model";
import type { WeightRows } from "../methods/method";
import { toRows } from "../methods/rows";
import { KernelscopeError } from "../protocol/errors";

/** Weight of a layer as rows by output channel. @throws KernelscopeError "bad-model" for values that are no finite numbers */
export async function readRows(model: Model, layer: Layer): Promise<WeightRows> {
  const weight = await readWeight(model, layer);
  if (!weight) throw new KernelscopeError("bad-model", `The weight of ${layer.label} cannot be read. Leave the layer alone in a recipe: "${layer.id}": {"pin": "leave"}.`);
  const bad = weight.findIndex((v) => !Number.isFinite(v));
  if (bad >= 0) throw new KernelscopeError("bad-model", `The weight of ${layer.label} holds ${weight[bad]} at position ${bad.toLocaleString("en")}. Mend the model, or leave the layer alone in a recipe: "${layer.id}": {"pin": "leave"}.`);
  return toRows(layer, weight);
}
