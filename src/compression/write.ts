import { ModelEdit, type TensorData } from "../onnx/edit";
import type { Layer } from "../onnx/layers";
import type { Model } from "../onnx/model";
import { DataType } from "../onnx/tensor";
import { methodById } from "../methods/registry";
import { WeightPacker, type PackedBytes, type PackedLayout } from "../methods/packer";
import { zeroBytes } from "../methods/zeros";
import { floatTensor, plainWeight, type FittedLayer } from "./fit";

export const VERSION = "1";

/** The edit that puts fitted layers into a model; with `sizesOnly` they may be blank, and the file must not be written. */
export function editFor(model: Model, fitted: readonly FittedLayer[], recipe: string, layout: PackedLayout = "bits", sizesOnly = false): { edit: ModelEdit; packed: PackedBytes } {
  const edit = new ModelEdit(model), packer = new WeightPacker(edit, layout, sizesOnly);
  for (const { layer, packed, absorbed } of fitted) {
    const method = methodById(packed.method);
    if (layout === "dense") edit.replaceInitializer(layer.graph, layer.weight, sizesOnly ? blankWeight(layer) : plainWeight(layer, method.restore(packed)));
    else method.apply(packed, layer, packer);
    for (const { name, dims, values } of absorbed) edit.replaceInitializer(model.graph, name, floatTensor(name, dims, values));
  }
  const bytes = packer.flush();
  edit.setMetadata("kernelscope.recipe", recipe);
  edit.setMetadata("kernelscope.version", VERSION);
  return { edit, packed: bytes };
}

const blankWeight = ({ weight, dims, parameters }: Layer): TensorData => ({ name: weight, dims, type: DataType.FLOAT, raw: zeroBytes(4 * parameters) });

/** Layers that a recipe's key names: by identity, or by a label that only one has. */
export function findByName(layers: readonly Layer[], name: string): Layer | undefined {
  const exact = layers.find(({ id }) => id === name);
  if (exact) return exact;
  const labelled = layers.filter(({ label }) => label === name);
  return labelled.length === 1 ? labelled[0] : undefined;
}
