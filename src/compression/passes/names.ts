import { constantTensor } from "../../onnx/constants";
import type { ModelEdit, TensorData } from "../../onnx/edit";
import { findLayers, labelOf } from "../../onnx/layers";
import { isStandardDomain, type Model, type Node } from "../../onnx/model";
import { bitsOf, DataType, readRaw, type Tensor } from "../../onnx/tensor";

/** Bytes of a constant that is written anew for the sake of its name. */
const MOST_BYTES = 1 << 16;

/**
 * Gives values short names, and takes away those of nodes and all that a file says of shapes in between: nothing computes with them. Constants that are nodes become initializers, which are shorter.
 * Inputs, outputs and weights keep their names, and so do nodes that a layer is known by. Models with graphs inside nodes stay as they are.
 */
export async function shortenNames(edit: ModelEdit): Promise<void> {
  const { model, model: { graph, graphs, functions } } = edit;
  if (graphs.length > 1 || functions.length || graph.quantization.length) return;
  const names = new Names(edit, keptNames(model)), named = naming(model);
  for (const node of graph.nodes) {
    const [output] = node.outputs, constant = node.op === "Constant" && isStandardDomain(node.domain) && !names.isKept(output) ? constantTensor(graph, output) : undefined;
    if (constant && constant.bytes <= MOST_BYTES && bitsOf(constant.type)) {
      edit.removeNode(node);
      edit.addInitializer(graph, await renamed(model, constant, names.of(output)));
      continue;
    }
    if (!named.has(node)) edit.dropWords(node);
    edit.setNodeInputs(node, node.inputs.map((name) => names.of(name)));
    edit.setNodeOutputs(node, node.outputs.map((name) => names.of(name)));
  }
  for (const tensor of graph.initializerList) {
    const name = names.of(tensor.name);
    if (name === tensor.name) continue;
    edit.removeInitializer(graph, tensor.name);
    edit.addInitializer(graph, await renamed(model, tensor, name));
  }
  for (const { name } of graph.valueInfoList) edit.undeclare(graph, name);
}

class Names {
  private readonly short = new Map<string, string>();
  constructor(private readonly edit: ModelEdit, private readonly kept: ReadonlySet<string>) {}

  isKept(name: string): boolean { return this.kept.has(name); }

  of(name: string): string {
    if (this.isKept(name) || name.length <= 1) return name;
    let short = this.short.get(name);
    if (short === undefined) {
      short = this.edit.freshName();
      this.short.set(name, short);
    }
    return short;
  }
}

function keptNames(model: Model): Set<string> {
  const { graph } = model, weights = findLayers(model).map(({ weight }) => weight);
  const large = graph.initializerList.filter(({ bytes }) => bytes > MOST_BYTES);
  return new Set([...weights, ...[...graph.inputs, ...graph.outputs, ...large].map(({ name }) => name), ...graph.sparseInitializers.keys()]);
}

/** Nodes whose layers have no other name for people. */
const naming = (model: Model): Set<Node> =>
  new Set(findLayers(model).flatMap(({ label, weight, consumers: [node] }) => (labelOf(weight, { ...node, name: "" }) === label ? [] : [node])));

/** A constant under another name; whole numbers take as few bytes as they need. */
async function renamed(model: Model, tensor: Tensor, name: string): Promise<TensorData> {
  const { dims, type, values } = tensor;
  if (type === DataType.INT64 && values?.every((value) => value >= 0 && value < 2 ** 31)) return { name, dims, type, int64s: [...values] };
  return { name, dims, type, raw: await readRaw(model, tensor) };
}
