import { outputsOf, scaleRows, fromRows } from "../../methods/rows";
import type { ModelEdit } from "../../onnx/edit";
import type { Layer } from "../../onnx/layers";
import { constantTensor } from "../../onnx/constants";
import { DataType } from "../../onnx/tensor";
import { floatTensor, readRows } from "../fit";
import { followOf } from "../follow";

/**
 * Folds batch normalizations into the convolutions before them (Jacob et al.: arXiv 1712.05877, §3.2): w' = γ/σ·w, b' = γ/σ·(b − μ) + β.
 * @returns layers that have taken one up
 */
export async function foldNormalizations(edit: ModelEdit, layers: readonly Layer[]): Promise<Layer[]> {
  const folded: Layer[] = [];
  for (const layer of layers) if (await foldOne(edit, layer)) folded.push(layer);
  return folded;
}

async function foldOne(edit: ModelEdit, layer: Layer): Promise<boolean> {
  const { model } = edit, { graph, weight } = layer;
  const follow = layer.blocked === undefined && layer.type === DataType.FLOAT && isOwn(layer) ? await followOf(model, layer) : undefined, normalization = follow?.normalization;
  if (!follow || !normalization) return false;
  const [node] = layer.consumers, { scale, shift, mean, deviation } = normalization;
  const factor = scale.values.map((gamma, m) => gamma / deviation[m]), own = follow.bias?.values;
  const bias = { name: follow.bias?.name ?? edit.freshName(), dims: [outputsOf(layer)], type: DataType.FLOAT, values: factor.map((f, m) => f * ((own?.[m] ?? 0) - mean.values[m]) + shift[m]) };
  if (node.inputs[2] && !follow.bias) return false; // a bias that other nodes use too
  edit.replaceInitializer(graph, weight, floatTensor({ name: weight, dims: layer.dims, type: layer.type, values: fromRows(layer, scaleRows((await readRows(model, layer)).values, factor)) }));
  if (follow.bias) edit.replaceInitializer(graph, bias.name, floatTensor(bias));
  else {
    edit.addInitializer(graph, floatTensor(bias));
    edit.setNodeInputs(node, [...node.inputs.slice(0, 2), bias.name]);
  }
  edit.removeNode(normalization.node);
  edit.setNodeOutputs(node, [normalization.node.outputs[0]]);
  edit.undeclare(graph, node.outputs[0]);
  return true;
}

/** Whether the weight is a constant that may be replaced where it stands. */
const isOwn = ({ graph, weight, tensor }: Layer): boolean => tensor !== undefined && constantTensor(graph, weight) === tensor && (graph.initializers.has(weight) || graph.producers.get(weight)?.op === "Constant");
