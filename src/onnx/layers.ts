import { constantTensor, homeOf, isOverridable } from "./constants";
import { intAttribute, isStandardDomain, type Graph, type Model, type Node } from "./model";
import { inferShapes } from "./shapes";
import { DataType, isFloatType, typeName, type Tensor } from "./tensor";

/** A weight of a convolution or a linear layer, with every node that uses it. */
export interface Layer {
  /** Scope path and weight tensor name at the consumer: survives saving and compressing. */
  id: string;
  /** For people: the weight's name without what says that it is a weight. */
  label: string;
  op: "Conv" | "ConvTranspose" | "Gemm" | "MatMul";
  graph: Graph;
  /** Name of the weight where it is used. */
  weight: string;
  consumers: Node[];
  /** The plain constant, if the weight is one. */
  tensor?: Tensor;
  dims: number[];
  /** {@link DataType} */
  type: number;
  groups: number;
  /** Axis of the output channels: 0 for Conv and Gemm with transB, 1 otherwise. */
  outputAxis: number;
  parameters: number;
  convolution: boolean;
  /** Why it cannot be compressed, in words for users. */
  blocked?: string;
  /** Serialized bytes of all that the weight takes. */
  bytes: number;
  /** The constants and nodes that make the weight. */
  subgraph: { nodes: Node[]; tensors: Tensor[] };
}

const OPS: Record<string, Layer["op"]> = { Conv: "Conv", ConvTranspose: "ConvTranspose", Gemm: "Gemm", MatMul: "MatMul" };

/** All layers of a model in the order of the file, those in the bodies of If, Loop and Scan included. A weight that feeds several nodes is one layer. */
export function findLayers(model: Model): Layer[] {
  const shapes = inferShapes(model), layers = new Map<string, Layer>();
  for (const graph of model.graphs) {
    for (const node of graph.nodes) {
      const op = isStandardDomain(node.domain) ? OPS[node.op] : undefined, weight = node.inputs[1];
      if (!op || !weight) continue;
      const id = graph.path ? `${graph.path}/${weight}` : weight;
      const known = layers.get(id);
      if (known) {
        known.consumers.push(node);
        known.blocked ??= shareable(known, node);
        continue;
      }
      const layer = layerOf(model, graph, node, op, weight, id, shapes.get(weight));
      if (layer) layers.set(id, layer);
    }
  }
  return [...layers.values()];
}

function layerOf(model: Model, graph: Graph, node: Node, op: Layer["op"], weight: string, id: string, inferred: readonly (number | string)[] | undefined): Layer | undefined {
  const subgraph = makers(graph, weight);
  const tensor = constantTensor(graph, weight) ?? overridden(graph, weight);
  const declared = tensor?.dims ?? inferred;
  // neither a product of two activations nor one of two constants is a layer
  if ((!subgraph && !tensor && op === "MatMul") || makers(graph, node.inputs[0])) return undefined;
  const dims = declared?.every((d) => typeof d === "number") ? declared.map(Number) : [];
  const groups = intAttribute(node, "group", 1), convolution = op === "Conv" || op === "ConvTranspose";
  const parts = subgraph ?? { nodes: [], tensors: [] };
  return {
    id, label: labelOf(weight, node), op, graph, weight, consumers: [node], tensor, dims, type: tensor?.type ?? DataType.FLOAT, groups,
    outputAxis: op === "Conv" || (op === "Gemm" && intAttribute(node, "transB", 0) === 1) ? 0 : 1,
    parameters: dims.length ? dims.reduce((a, b) => a * b, 1) : 0, convolution,
    blocked: reasonAgainst(model, graph, node, op, weight, dims, tensor, subgraph),
    bytes: [...parts.nodes, ...parts.tensors].reduce((sum, { bytes }) => sum + bytes, 0), subgraph: parts,
  };
}

/** The initializer behind a weight that a caller may replace. */
function overridden(graph: Graph, weight: string): Tensor | undefined {
  return isOverridable(graph, weight) ? homeOf(graph, weight)?.initializers.get(weight) : undefined;
}

/** Everything that a constant is made of; undefined where it depends on an input. */
function makers(graph: Graph, name: string): Layer["subgraph"] | undefined {
  const nodes = new Set<Node>(), tensors = new Set<Tensor>(), pending: [Graph, string][] = [[graph, name]], seen = new Set<string>();
  for (let next = pending.pop(); next; next = pending.pop()) {
    const [from, value] = next, home = homeOf(from, value);
    if (value === "" || seen.has(`${home?.path} ${value}`)) continue;
    seen.add(`${home?.path} ${value}`);
    if (!home) return undefined;
    const tensor = home.initializers.get(value), node = home.producers.get(value);
    if (tensor) tensors.add(tensor);
    else if (node && (node.inputs.length > 0 || node.op === "Constant")) {
      nodes.add(node);
      for (const input of [...node.inputs, ...node.captures]) pending.push([home, input]);
    } else return undefined;
  }
  return { nodes: [...nodes].sort((a, b) => a.index - b.index), tensors: [...tensors] };
}

function reasonAgainst(model: Model, graph: Graph, node: Node, op: Layer["op"], weight: string, dims: number[], tensor: Tensor | undefined, subgraph: Layer["subgraph"] | undefined): string | undefined {
  if (isOverridable(graph, weight)) return "The weight is an input of the model too, so a caller may replace it.";
  if (!subgraph) return "The weight is computed at run time.";
  if (!tensor) return subgraph.nodes.some(({ op: o }) => o === "DequantizeLinear" || o === "QuantizeLinear") ? "The weight is quantized already." : subgraph.nodes.some(({ op: o }) => o === "Gather") ? "The weight is a codebook already." : "The weight is made by other nodes already.";
  if (graph !== model.graph) return "The layer is inside the body of an If, Loop or Scan.";
  if (!isFloatType(tensor.type)) return `The weight holds ${typeName(tensor.type)} numbers.`;
  if (tensor.type !== DataType.FLOAT && tensor.type !== DataType.FLOAT16) return `The weight holds ${typeName(tensor.type)} numbers, which are not compressed yet.`;
  if (dims.length < 2 || dims.some((d) => d <= 0)) return "The weight has no elements.";
  if ((op === "Gemm" || op === "MatMul") && dims.length !== 2) return "The weight is a stack of matrices.";
  if (usedOtherwise(graph, node, weight)) return "The weight is used as something else too.";
  return undefined;
}

/** Whether a node that is no layer, or the model's output, needs the weight as well. */
function usedOtherwise(graph: Graph, node: Node, weight: string): boolean {
  if (graph.outputs.some(({ name }) => name === weight)) return true;
  return (graph.consumers.get(weight) ?? []).some((user) => user !== node && !(OPS[user.op] && user.inputs[1] === weight && user.inputs[0] !== weight && user.graph === graph));
}

/** A weight can serve several nodes as one layer only where all of them use it alike. */
function shareable(layer: Layer, node: Node): string | undefined {
  const [first] = layer.consumers;
  const alike = node.op === first.op && intAttribute(node, "group", 1) === layer.groups && intAttribute(node, "transB", 0) === intAttribute(first, "transB", 0);
  return alike ? undefined : "Several nodes use the weight in different ways.";
}

function labelOf(weight: string, node: Node): string {
  const plain = weight.replace(/[._/:](weight|weights|kernel|W|w)(:0)?$/, "");
  return /^(onnx::\w+_)?\d+$/.test(plain) && node.name ? node.name : plain;
}
