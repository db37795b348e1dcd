import { type Chain, findChains } from "./chain";
import { evaluateConstant, type ConstantCache, constantTensor, homeOf, isOverridable } from "./constants";
import { allGraphs, type Graph, intAttribute, isStandardDomain, type Model, type ModelFunction, type Node } from "./model";
import { OPERATORS } from "./operators";
import { readIntegerWeight } from "./grids";
import { inferShapes } from "./shapes";
import { bitsOf, DataType, isFloatType, readFloats, type Tensor, typeName } from "./tensor";

export type LayerOperator = "Conv" | "ConvTranspose" | "Gemm" | "MatMul";

/** A weight tensor and the nodes that it feeds: what is compressed as one. */
export interface Layer {
  /** Survives saving and compressing: scope path and weight name at the consumer. */
  id: string;
  /** For people. */
  label: string;
  op: LayerOperator;
  /** The graph that has the weight. */
  graph: Graph;
  /** The weight's name, as its consumers have it. */
  weight: string;
  consumers: Node[];
  /** The weight itself, where it is a plain constant. */
  tensor?: Tensor;
  /** Empty where not known. */
  dims: number[];
  /** {@link DataType} */
  type: number;
  groups: number;
  /** The weight's axis of output channels; with groups only those of one group where it is 1. */
  outputAxis: 0 | 1;
  /** Elements of the weight. */
  parameters: number;
  convolution: boolean;
  /** Why it cannot be compressed, in a user's words. */
  blocked?: string;
  /** Version of the standard operators where the weight lies. */
  opset: number;
  /** Serialized bytes of all that the weight takes. What several layers share counts for each of them. */
  bytes: number;
  /** Constants and nodes that make the weight. */
  subgraph: { nodes: Node[]; tensors: Tensor[] };
  /** Where other nodes than a product with the weight compute the layer; `weight` is the name of what it has learned then. */
  chain?: Chain;
}

type IsConstant = (graph: Graph, name: string) => boolean;

/** How a node uses its weight. */
interface Use { node: Node; op: LayerOperator; weight: string; outputAxis: 0 | 1; blocked?: string }

const QUANTIZED: ReadonlyMap<string, [op: LayerOperator, input: number]> = new Map([["QLinearConv", ["Conv", 3]], ["ConvInteger", ["Conv", 1]], ["QLinearMatMul", ["MatMul", 3]], ["MatMulInteger", ["MatMul", 1]]]);
const FUSED: ReadonlyMap<string, LayerOperator> = new Map([["Conv", "Conv"], ["FusedConv", "Conv"], ["NhwcFusedConv", "Conv"], ["ConvTranspose", "ConvTranspose"], ["Gemm", "Gemm"], ["FusedGemm", "Gemm"], ["MatMul", "MatMul"], ["FusedMatMul", "MatMul"]]);
/** They give another result every time. */
const RANDOM = new Set(["RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial"]);

/** Layers with weights, in the order of the file: convolutions, transposed ones, and linear layers; those that cannot be compressed too, with the reason. */
export function findLayers(model: Model): Layer[] {
  const ports = functionWeights(model), isConstant = findConstants(model), layers = new Map<Graph, Map<string, Layer>>();
  const shapes = lazily(() => inferShapes(model));
  for (const graph of allGraphs(model)) {
    const chains = findChains(graph, isConstant);
    for (const node of graph.nodes) {
      const chain = chains.get(node);
      if (chain && node === chain.nodes[0]) layers.set(graph, (layers.get(graph) ?? new Map<string, Layer>()).set(chain.filters, chained(graph, chain, model.opset)));
      if (chain) continue;
      for (const use of usesOf(node, ports, isConstant)) {
        const home = homeOf(graph, use.weight) ?? graph;
        // a weight that a function is given is a layer where the function is called
        if (!model.graphs.includes(home) && !home.parent && home.inputs.some(({ name }) => name === use.weight)) continue;
        const known = layers.get(home) ?? new Map<string, Layer>();
        layers.set(home, known);
        const layer = known.get(use.weight);
        if (!layer) known.set(use.weight, describe(home, use, isConstant(home, use.weight), shapes, model.opset));
        else if (!layer.consumers.includes(node)) join(layer, use);
        else layer.blocked ??= `One ${node.op} uses it twice.`;
      }
    }
  }
  const all = [...layers.values()].flatMap((known) => [...known.values()]);
  for (const layer of all) layer.blocked ??= reasonAgainst(model, layer);
  return all;
}

/**
 * A layer's weight as float32, wherever it comes from: stored as it is, cast, unpacked by nodes of the file, or what the integers of an operator on integers stand for. Undefined where it is not known before the model runs, and where there is none.
 * @throws KernelscopeError as readFloats
 */
export async function readWeight(model: Model, layer: Layer, cache?: ConstantCache): Promise<Float32Array | undefined> {
  if (layer.chain) return undefined;
  if (!isFloatType(layer.type)) {
    const known = await readIntegerWeight(model, layer, cache);
    return known?.isScaled ? known.values : undefined;
  }
  if (layer.tensor) return readFloats(model, layer.tensor);
  const value = await evaluateConstant(model, layer.graph, layer.weight, cache);
  return value?.data instanceof Float32Array ? value.data : value?.data instanceof Float64Array ? Float32Array.from(value.data) : undefined;
}

function lazily<T>(make: () => T): () => T {
  let value: { made: T } | undefined;
  return () => (value ??= { made: make() }).made;
}

/** How a node uses weights: one at most, but for calls of functions. */
function usesOf(node: Node, ports: ReadonlyMap<string, ReadonlyMap<number, LayerOperator>>, isConstant: IsConstant): Use[] {
  const calls = ports.get(functionKey(node));
  if (calls) return [...calls].filter(([input]) => node.inputs[input]).map(([input, op]) => ({ node, op, weight: node.inputs[input], outputAxis: op === "Conv" ? 0 : 1, blocked: `It is used inside the function ${node.op}, which is left as it is.` }));
  const quantized = isStandardDomain(node.domain) ? QUANTIZED.get(node.op) : undefined;
  if (quantized) return node.inputs[quantized[1]] ? [{ node, op: quantized[0], weight: node.inputs[quantized[1]], outputAxis: quantized[0] === "Conv" ? 0 : 1, blocked: `It is already quantized (${node.op}).` }] : [];
  const op = FUSED.get(node.op), [first, second] = node.inputs;
  if (!op || !second) return [];
  const blocked = isStandardDomain(node.domain) ? undefined : `${node.op} is no standard operator but one of ${node.domain}, for which nothing is known.`;
  if (blocked === undefined && op !== node.op) return [];
  // of constants alone nothing runs
  if (op.startsWith("Conv") && isConstant(node.graph, first)) return [];
  if (op === "Conv" || op === "ConvTranspose") return [{ node, op, weight: second, outputAxis: op === "Conv" ? 0 : 1, blocked }];
  // a product of two activations has no weight, one of two constants is none that runs
  const [firstIsConstant, secondIsConstant] = [first, second].map((name) => isConstant(node.graph, name) || isOverridable(node.graph, name));
  if (firstIsConstant === secondIsConstant) return [];
  if (secondIsConstant) return [{ node, op, weight: second, outputAxis: op === "Gemm" && intAttribute(node, "transB", 0) ? 0 : 1, blocked }];
  return [{ node, op, weight: first, outputAxis: op === "Gemm" && intAttribute(node, "transA", 0) ? 1 : 0, blocked }];
}

const functionKey = ({ domain, op, overload }: Node): string => `${domain}:${op}:${overload}`;

/** Inputs of the model's functions that are weights of layers inside them. */
function functionWeights(model: Model): Map<string, Map<number, LayerOperator>> {
  const ports = new Map<string, Map<number, LayerOperator>>();
  const collect = (f: ModelFunction): boolean => {
    const key = `${f.domain === "ai.onnx" ? "" : f.domain}:${f.name}:${f.overload}`, known = ports.get(key) ?? new Map<number, LayerOperator>(), before = known.size;
    for (const node of f.nodes) {
      const inner = ports.get(functionKey(node)), op = FUSED.get(node.op);
      const weights: [string, LayerOperator][] = inner ? [...inner].map(([input, op]) => [node.inputs[input], op]) : op && isStandardDomain(node.domain) ? [[node.inputs[1], op]] : [];
      for (const [name, op] of weights) if (f.inputs.includes(name)) known.set(f.inputs.indexOf(name), op);
    }
    if (known.size) ports.set(key, known);
    return known.size > before;
  };
  // functions may call each other, in whatever order they stand
  while (model.functions.map(collect).some(Boolean));
  return ports;
}

/** Which values do not depend on any input of the model. One pass over the file, in whose order values are made before they are used. */
function findConstants(model: Model): IsConstant {
  const known = new Map<Graph, Set<string>>();
  const isConstant = (graph: Graph, name: string): boolean => {
    const home = homeOf(graph, name);
    return home !== undefined && known.get(home)?.has(name) === true;
  };
  for (const graph of allGraphs(model)) {
    const names = new Set([...graph.initializers.keys()].filter((name) => !graph.overridable.has(name)));
    known.set(graph, names);
    for (const node of graph.nodes) {
      const isPlain = isStandardDomain(node.domain) && !RANDOM.has(node.op) && ![...node.attributes.values()].some(({ graphs, reference }) => graphs.length || reference);
      if (isPlain && node.inputs.every((name) => !name || isConstant(graph, name))) for (const name of node.outputs) names.add(name);
    }
  }
  return isConstant;
}

/** All that makes a constant. */
function partsOf(graph: Graph, name: string): { nodes: Node[]; tensors: Tensor[] } {
  const nodes = new Set<Node>(), tensors = new Set<Tensor>(), pending: [Graph, string][] = [[graph, name]];
  for (let next = pending.pop(); next; next = pending.pop()) {
    const home = homeOf(...next), tensor = home?.initializers.get(next[1]), node = home?.producers.get(next[1]);
    if (tensor) tensors.add(tensor);
    else if (home && node && !nodes.has(node)) {
      nodes.add(node);
      for (const input of node.inputs) if (input) pending.push([home, input]);
    }
  }
  return { nodes: [...nodes].reverse(), tensors: [...tensors] };
}

function describe(graph: Graph, { node, op, weight, outputAxis, blocked }: Use, isConstant: boolean, shapes: () => Map<string, readonly (number | string)[]>, opset: number): Layer {
  const subgraph = isConstant ? partsOf(graph, weight) : { nodes: [], tensors: [] }, tensor = constantTensor(graph, weight);
  const overridable = graph.initializers.get(weight), known = tensor ?? (isOverridable(graph, weight) ? overridable : undefined);
  const shape = known?.dims ?? shapes().get(weight) ?? graph.inputs.find(({ name }) => name === weight)?.shape ?? [];
  const dims = shape.every((dim): dim is number => typeof dim === "number") ? [...shape] : [];
  const bytes = [...subgraph.nodes, ...subgraph.tensors].reduce((sum, part) => sum + part.bytes, 0);
  return {
    id: graph.path ? `${graph.path}/${weight}` : weight, label: labelOf(weight, node), op, graph, weight, consumers: [node], tensor, dims, type: known?.type ?? typeOf(graph, weight),
    groups: op.startsWith("Conv") ? intAttribute(node, "group", 1) : 1, outputAxis, parameters: dims.length ? dims.reduce((a, b) => a * b, 1) : 0, convolution: op.startsWith("Conv"),
    blocked, bytes, opset, subgraph,
  };
}

/** A layer that a chain of nodes computes. */
function chained(graph: Graph, chain: Chain, opset: number): Layer {
  const { filters, nodes, making, tensors, hasBias, beforeDims: [, inputs], afterDims: [, outputs] } = chain, last = nodes[nodes.length - 1], op = hasBias ? "Gemm" : "MatMul", all = [...making, ...nodes];
  return {
    id: graph.path ? `${graph.path}/${filters}` : filters, label: labelOf(filters, { ...last, op }), op, graph, weight: filters, consumers: [last], dims: [outputs, inputs], type: DataType.FLOAT, groups: 1, outputAxis: 0,
    parameters: outputs * inputs, convolution: false, blocked: "It is computed by wavelet transforms already.", bytes: [...all, ...tensors].reduce((sum, part) => sum + part.bytes, 0), opset, subgraph: { nodes: all, tensors }, chain,
  };
}

/** Adds another node that uses the same weight. */
function join(layer: Layer, use: Use): void {
  layer.consumers.push(use.node);
  const groups = use.op.startsWith("Conv") ? intAttribute(use.node, "group", 1) : 1;
  layer.blocked ??= use.blocked;
  if (use.outputAxis !== layer.outputAxis || groups !== layer.groups || use.op.startsWith("Conv") !== layer.convolution) layer.blocked ??= "It feeds layers that read it in different ways.";
}

/** The element type of a value that constants make. */
function typeOf(graph: Graph, name: string): number {
  for (let home = homeOf(graph, name), steps = 0; home && steps < 1000; home = homeOf(home, name), steps++) {
    const tensor = home.initializers.get(name) ?? constantTensor(home, name), node = home.producers.get(name);
    if (tensor) return tensor.type;
    if (!node) return home.inputs.find((input) => input.name === name)?.elemType ?? home.valueInfo.get(name)?.elemType ?? DataType.FLOAT;
    if (node.op === "Cast") return intAttribute(node, "to", DataType.FLOAT);
    name = node.inputs[node.op === "DequantizeLinear" ? 1 : 0];
    if (!name) break;
  }
  return DataType.FLOAT;
}

/** Why a layer has to stay as it is, if it has. */
function reasonAgainst(model: Model, layer: Layer): string | undefined {
  const { graph, weight, consumers, tensor, dims, type, subgraph, convolution } = layer;
  const inside = consumers.find((node) => node.graph.parent);
  if (inside?.graph.owner) return `It is used in the body of a node ${inside.graph.owner.op}, which is left as it is.`;
  if (!model.graphs.includes(graph)) return `It is used inside the function ${graph.name}, which is left as it is.`;
  if (isOverridable(graph, weight)) return "It is an input of the model too, so whoever runs the model may replace it.";
  if (!subgraph.nodes.length && !subgraph.tensors.length) return graph.sparseInitializers.has(weight) ? "It is stored as a sparse tensor." : "It is computed when the model runs.";
  const stored = content(subgraph.tensors, subgraph.nodes);
  if (stored && !isFloatType(stored.type)) return bitsOf(stored.type) ? `It is already quantized (stored as ${typeName(stored.type)}).` : `It holds ${typeName(stored.type)} values.`;
  if (!isFloatType(type)) return `It holds ${typeName(type)} values.`;
  const unknown = tensor ? undefined : subgraph.nodes.find(({ op }) => !OPERATORS.has(op) && op !== "Constant");
  if (unknown) return `It comes out of a node ${unknown.op}, which cannot be computed ahead.`;
  if (!dims.length || dims.some((dim) => dim < 0)) return "Its shape is not known.";
  if (dims.includes(0)) return "It has no elements.";
  if (convolution ? dims.length < 3 : dims.length !== 2) return convolution ? "It has no kernel." : `It is no matrix but has the shape ${dims.join("×")}.`;
  if (graph.outputs.some(({ name }) => name === weight)) return "It is an output of the model too.";
  const other = graph.consumers.get(weight)?.find((node) => !consumers.includes(node));
  if (other) return `A node ${other.op} uses it too.`;
  const twice = consumers.find((node) => node.inputs.filter((name) => name === weight).length > 1);
  return twice && `One ${twice.op} uses it twice.`;
}

/** What a layer's weights lie in the file as, if anything does. */
export const storedTypeOf = ({ subgraph }: Layer): number | undefined => content(subgraph.tensors, subgraph.nodes)?.type;

/** The tensor that a subgraph's weights come from: the largest of few bits, because scales beside it can be those of many layers, otherwise the largest. */
function content(tensors: readonly Tensor[], nodes: readonly Node[]): Tensor | undefined {
  const all = [...tensors, ...nodes.flatMap((node) => constantTensor(node.graph, node.outputs[0]) ?? [])], narrow = all.filter(({ type }) => bitsOf(type) && bitsOf(type) <= 8 && type !== DataType.BOOL);
  return (narrow.length ? narrow : all).reduce<Tensor | undefined>((most, tensor) => (!most || tensor.bytes > most.bytes ? tensor : most), undefined);
}

/** A layer's name for people: its weight's, or where exporters made that up, its node's. */
export function labelOf(weight: string, { name, op, index }: Node): string {
  const isMadeUp = /^(onnx::|\/|_?\w{0,3}$|[a-z]+_?\d+$|\d+$)/i.test(weight);
  const fromWeight = weight.replace(/_(DequantizeLinear_Output|quantized|dequantized)$/, "").replace(/^ConvBnFusion_W_/, "").replace(/\/ReadVariableOp.*$/, "").replace(/:\d+$/, "").replace(/[./_](weights?|kernel|w(_\d+)?)$/i, "");
  if (!isMadeUp && fromWeight) return fromWeight;
  let fromNode = name.replace(/_quant$/, "").replace(new RegExp(`[/.]?${QUANTIZED.get(op)?.[0] ?? op}(_\\d+)?$`), "");
  // PyTorch's "/layer1/layer1.0/conv1" is its module layer1.0.conv1
  if (fromNode.startsWith("/")) fromNode = fromNode.split("/").filter((part, i, parts) => part && !parts[i + 1]?.startsWith(part + ".")).join(".");
  return fromNode || fromWeight || weight || `${op} ${index}`;
}
