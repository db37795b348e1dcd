import { outputsOf, scaleRows, fromRows } from "../../methods/rows";
import { constantTensor } from "../../onnx/constants";
import type { ModelEdit } from "../../onnx/edit";
import type { Layer } from "../../onnx/layers";
import { floatAttribute, intAttribute, type Model, type Node } from "../../onnx/model";
import { DataType, isFloatType, readFloats } from "../../onnx/tensor";
import { floatTensor } from "../fit";
import { readRows } from "../rows";

/** y = factor·x + offset for each channel. */
interface ChannelMap { factor: Float64Array; offset: Float64Array }

/** What was folded: layers that have taken something up, and how many batch normalizations are gone. */
export interface Folded { layers: Layer[]; normalizations: number }

/**
 * Folds what follows a layer and only scales and shifts its channels into weight and bias: batch normalization (Jacob et al.: arXiv 1712.05877, §3.2) and
 * products, sums and the like with constants. w' = factor·w, b' = factor·b + offset.
 */
export async function foldAffine(edit: ModelEdit, layers: readonly Layer[]): Promise<Folded> {
  const folded: Folded = { layers: [], normalizations: 0 };
  for (const layer of layers) {
    const chain = await chainBehind(edit.model, layer);
    if (!chain.nodes.length) continue;
    await take(edit, layer, chain);
    folded.layers.push(layer);
    folded.normalizations += chain.nodes.filter(({ op }) => op === "BatchNormalization").length;
  }
  return folded;
}

interface Chain { nodes: Node[]; map: ChannelMap }

/** Nodes that may go into the layer, one behind the other. */
async function chainBehind(model: Model, layer: Layer): Promise<Chain> {
  const channels = outputsOf(layer), chain: Chain = { nodes: [], map: { factor: new Float64Array(channels).fill(1), offset: new Float64Array(channels) } };
  if (!mayChange(layer)) return chain;
  const { graph } = layer, rank = layer.convolution ? layer.dims.length : 2;
  let [output] = layer.consumers[0].outputs;
  for (;;) {
    const users = graph.consumers.get(output) ?? [], [node] = users;
    if (users.length !== 1 || node.graph !== graph || graph.outputs.some(({ name }) => name === output)) return chain;
    const map = await mapOf(model, node, output, channels, rank);
    if (!map) return chain;
    const { factor, offset } = chain.map;
    chain.map = { factor: factor.map((f, m) => f * map.factor[m]), offset: offset.map((o, m) => o * map.factor[m] + map.offset[m]) };
    chain.nodes.push(node);
    [output] = node.outputs;
  }
}

/** Whether weight and bias belong to one node alone and are plain constants of float32. */
function mayChange({ graph, weight, tensor, consumers: [node, other], blocked, type, op, groups }: Layer): boolean {
  if (blocked !== undefined || other || type !== DataType.FLOAT || !tensor || constantTensor(graph, weight) !== tensor) return false;
  if (!(graph.initializers.has(weight) || graph.producers.get(weight)?.op === "Constant") || op === "MatMul" || (op === "ConvTranspose" && groups > 1)) return false;
  if (op === "Gemm" && (floatAttribute(node, "alpha", 1) !== 1 || floatAttribute(node, "beta", 1) !== 1 || intAttribute(node, "transA", 0) !== 0 || node.inputs[1] !== weight)) return false;
  const bias = node.inputs[2] ? constantTensor(graph, node.inputs[2]) : undefined;
  return !node.inputs[2] || (bias?.type === DataType.FLOAT && bias.count > 0);
}

/** What a node does to each channel of `x`, if that is all it does. */
async function mapOf(model: Model, node: Node, x: string, channels: number, rank: number): Promise<ChannelMap | undefined> {
  if (node.op === "BatchNormalization") return node.inputs[0] === x && node.outputs.filter(Boolean).length === 1 ? normalization(model, node, channels) : undefined;
  const place = node.inputs.indexOf(x), other = node.inputs[1 - place];
  if (!["Mul", "Add", "Sub", "Div"].includes(node.op) || node.inputs.length !== 2 || node.inputs.lastIndexOf(x) !== place) return undefined;
  if ((node.op === "Sub" || node.op === "Div") && place !== 0) return undefined;
  const values = await channelVector(model, node, other, channels, rank), zeros = new Float64Array(channels), ones = new Float64Array(channels).fill(1);
  if (!values) return undefined;
  switch (node.op) {
    case "Mul": return { factor: values, offset: zeros };
    case "Div": return values.every((v) => v !== 0) ? { factor: values.map((v) => 1 / v), offset: zeros } : undefined;
    case "Add": return { factor: ones, offset: values };
    default: return { factor: ones, offset: values.map((v) => -v) };
  }
}

async function normalization(model: Model, node: Node, channels: number): Promise<ChannelMap | undefined> {
  const vectors: Float64Array[] = [];
  for (const name of node.inputs.slice(1, 5)) {
    const tensor = constantTensor(node.graph, name);
    if (!tensor || tensor.count !== channels || !isFloatType(tensor.type)) return undefined;
    vectors.push(Float64Array.from(await readFloats(model, tensor)));
  }
  const [gamma, beta, mean, variance] = vectors, epsilon = floatAttribute(node, "epsilon", 1e-5), factor = gamma.map((g, m) => g / Math.sqrt(variance[m] + epsilon));
  return { factor, offset: beta.map((b, m) => b - mean[m] * factor[m]) };
}

/** A constant with one number for each channel, or one for all. */
async function channelVector(model: Model, { graph }: Node, name: string, channels: number, rank: number): Promise<Float64Array | undefined> {
  const tensor = constantTensor(graph, name);
  if (tensor?.type !== DataType.FLOAT) return undefined;
  const { dims, count } = tensor, axis = dims.length - (rank - 1);
  if (dims.length > rank || !(count === 1 || (count === channels && dims[axis] === channels))) return undefined;
  const values = await readFloats(model, tensor);
  return Float64Array.from({ length: channels }, (_, m) => values[count === 1 ? 0 : m]);
}

async function take(edit: ModelEdit, layer: Layer, { nodes, map: { factor, offset } }: Chain): Promise<void> {
  const { model } = edit, { graph, weight, dims, type, consumers: [node] } = layer, tensor = node.inputs[2] ? constantTensor(graph, node.inputs[2]) : undefined;
  const own = tensor && await readFloats(model, tensor), bias = edit.freshName();
  edit.replaceInitializer(graph, weight, floatTensor({ name: weight, dims, type, values: fromRows(layer, scaleRows((await readRows(model, layer)).values, factor)) }));
  const values = Float32Array.from(factor, (f, m) => f * (own?.[own.length > 1 ? m : 0] ?? 0) + offset[m]);
  edit.addInitializer(graph, floatTensor({ name: bias, dims: [values.length], type: DataType.FLOAT, values }));
  edit.setNodeInputs(node, [...node.inputs.slice(0, 2), bias]);
  for (const gone of nodes) edit.removeNode(gone);
  edit.setNodeOutputs(node, [nodes[nodes.length - 1].outputs[0]]);
  for (const name of [node.outputs[0], ...nodes.slice(0, -1).map(({ outputs }) => outputs[0])]) edit.undeclare(graph, name);
}
