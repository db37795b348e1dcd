import { methodById } from "../methods/registry";
import type { LayerTensor } from "../methods/method";
import { WeightPacker } from "../methods/packer";
import { ModelEdit } from "../onnx/edit";
import { findLayers, type Layer } from "../onnx/layers";
import { editedModel } from "../onnx/memory";
import type { Model } from "../onnx/model";
import { Ruled } from "../training/filters";
import { Vector, type Trainable } from "../training/trainable";
import type { FittedLayer } from "./fit";

/** Layers that other nodes than their own compute, as a training of the network sees them. */
export interface Learned {
  /** The network with these nodes. */
  model: Model;
  /** What of each layer is trained, in the order of its method's tensors. */
  layers: ReadonlyMap<Layer, readonly Trainable[]>;
}

/** Whether other nodes than its own compute a fitted layer. */
export const isLearned = ({ packed }: Pick<FittedLayer, "packed">): boolean => methodById(packed.method).isLearned === true;

/** The network in which some layers are computed by the nodes that the file will have; nothing where none are. */
export async function learnedNetwork(model: Model, fitted: readonly FittedLayer[]): Promise<Learned | undefined> {
  if (!fitted.length) return undefined;
  const edit = new ModelEdit(model), packer = new WeightPacker(edit);
  for (const { layer, packed } of fitted) methodById(packed.method).apply(packed, layer, packer);
  packer.flush();
  const changed = await editedModel(edit), chains = new Map(findLayers(changed).map(({ id, chain }) => [id, chain])), layers = new Map<Layer, Trainable[]>();
  for (const { layer, packed } of fitted) {
    const chain = chains.get(layer.id);
    if (!chain) throw new RangeError(`${layer.id} is not found again among the nodes that compute it`);
    const names: ReadonlyMap<string, string> = new Map(Object.entries({ filters: chain.filters, before: chain.before, between: chain.between, after: chain.after }));
    layers.set(layer, methodById(packed.method).tensorsOf!(packed, layer).map((tensor) => trainableOf(names.get(tensor.part)!, tensor)));
  }
  return { model: changed, layers };
}

function trainableOf(name: string, { dims, values, rate, rule }: LayerTensor): Trainable {
  return rule ? new Ruled({ name, dims }, values, rate, rule) : new Vector({ name, dims }, values, rate);
}
