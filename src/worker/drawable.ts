import { intsAttribute, type Graph, type Model, type Node } from "../onnx/model";
import type { Layer } from "../onnx/layers";
import type { Shape } from "../onnx/shapes";
import type { GraphFacts, GraphNodeFacts, LayerRow } from "../protocol/api";

const NORMS = ["BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization"];
const ACTIVATIONS = ["Relu", "LeakyRelu", "Clip", "Sigmoid", "HardSwish", "HardSigmoid", "PRelu", "Tanh", "Elu", "Selu", "Gelu", "Mish", "Softplus", "Erf", "Softmax", "LogSoftmax"];
const SCALINGS = ["Mul", "Add", "Sub", "Div"];
const ARRANGING = ["Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Pad", "Identity", "Cast", "Dropout", "Expand"];
/** Operators that are drawn inside the node before them. */
const FOLLOWING = new Set([...NORMS, ...ACTIVATIONS, ...SCALINGS, "Dropout", "Identity", "Cast", "QuantizeLinear", "DequantizeLinear"]);
/** Operators that only arrange values: they join the layer behind them, or each other. */
const LEADING = new Set([...ARRANGING, "GlobalAveragePool", "GlobalMaxPool", "ReduceMean"]);
/** Operators whose results say how large values are, not what they are. */
const MEASURING = new Set(["Shape", "Size"]);
/** What an activation is called that multiplies its own input, by what it makes of it. */
const GATES = new Map([["Sigmoid", "SiLU"], ["HardSigmoid", "HardSwish"], ["Clip", "HardSwish"], ["Erf", "Gelu"], ["Softplus", "Mish"], ["Tanh", "Gelu"]]), LONGEST_GATE = 6;

/**
 * The main graph as it is drawn. The nodes that unpack a weight are folded into its layer, normalizations and activations into what comes
 * before, reshaping into the layer behind; constants and the arithmetic of shapes are left out.
 */
export function drawableGraph(model: Model, layers: readonly Layer[], rows: readonly LayerRow[], shapes: ReadonlyMap<string, Shape>): GraphFacts {
  const { graph } = model, layerOf = new Map<Node, { layer: Layer; row: LayerRow }>();
  layers.forEach((layer, i) => { for (const node of layer.consumers) layerOf.set(node, { layer, row: rows[i] }); });
  const nodes: GraphNodeFacts[] = [], edges: GraphFacts["edges"] = [], source = new Map<string, number>();
  /** The tensors that nodes end with, where that is one. */
  const ends: (string | undefined)[] = [];
  const shapeOf = (name: string): (number | string)[] | undefined => { const shape = shapes.get(name); return shape && [...shape]; };
  const add = (facts: Omit<GraphNodeFacts, "id">): GraphNodeFacts => {
    const node = { id: nodes.length, ...facts };
    nodes.push(node);
    return node;
  };
  const makes = (drawn: GraphNodeFacts, outputs: readonly string[]): void => {
    const made = outputs.filter((name) => name !== "");
    for (const name of made) source.set(name, drawn.id);
    drawn.outputs.push(...made);
    ends[drawn.id] = made.length === 1 ? made[0] : undefined;
    drawn.shape = shapeOf(made[0] ?? "");
  };
  const border = (name: string, op: "input" | "output"): GraphNodeFacts => add({ name, label: name, op, caption: "", bytes: 0, fused: [], outputs: [], shape: shapeOf(name) });
  const connect = (to: GraphNodeFacts, tensors: readonly string[]): void => { for (const tensor of tensors) edges.push({ from: source.get(tensor)!, to: to.id, tensor, shape: shapeOf(tensor) }); };

  for (const { name } of graph.inputs) if (!graph.initializers.has(name)) makes(border(name, "input"), [name]);
  const hidden = new Set<Node>(layers.flatMap(({ subgraph }) => subgraph.nodes)), gates = gatesOf(graph);
  for (const node of graph.nodes) {
    const data = [...new Set([...node.inputs, ...node.captures].filter((name) => source.has(name)))];
    if (hidden.has(node) || gates.hidden.has(node) || MEASURING.has(node.op) || data.length === 0) continue;
    const known = layerOf.get(node), before = data.length === 1 ? nodes[source.get(data[0])!] : undefined;
    const joined = before && before.op !== "input" && ends[before.id] === data[0] && hasOneReader(graph, data[0], gates.hidden) ? before : undefined;
    const follows = FOLLOWING.has(node.op) && (!SCALINGS.includes(node.op) || gates.names.has(node) || node.inputs.filter((name) => name === data[0]).length === 1);
    if (joined && !known && (follows || (LEADING.has(node.op) && isArranging(joined)))) {
      joined.fused.push(gates.names.get(node) ?? node.op);
      makes(joined, node.outputs);
      continue;
    }
    const named = { name: node.name || node.outputs[0] || node.op, label: known?.row.label ?? labelOf(node), op: node.op, layer: known?.row.name, bytes: known?.row.bytes ?? 0 };
    if (joined && known && isArranging(joined)) {
      const opening = [joined.op, ...joined.fused];
      makes(Object.assign(joined, { ...named, fused: [], caption: [...opening, captionOf(node, known.layer)].join(" · ") }), node.outputs);
      continue;
    }
    const made = add({ ...named, caption: captionOf(node, known?.layer), fused: [], outputs: [] });
    connect(made, data);
    makes(made, node.outputs);
  }
  for (const { name } of graph.outputs) {
    const made = border(name, "output");
    if (source.has(name)) connect(made, [name]);
  }
  return { nodes, edges };
}

const isArranging = ({ op, layer, fused }: GraphNodeFacts): boolean => layer === undefined && LEADING.has(op) && fused.every((name) => LEADING.has(name));

/** Whether one node alone reads a tensor, and it is no output. */
function hasOneReader(graph: Graph, tensor: string, ignored: ReadonlySet<Node>): boolean {
  const readers = new Set((graph.consumers.get(tensor) ?? []).filter((node) => !MEASURING.has(node.op) && !ignored.has(node)));
  return readers.size === 1 && !graph.outputs.some(({ name }) => name === tensor);
}

/** Activations that are stored in several nodes: a product with what was made of its own other factor. All but the product are not drawn, it is named after them. */
function gatesOf(graph: Graph): { hidden: Set<Node>; names: Map<Node, string> } {
  const hidden = new Set<Node>(), names = new Map<Node, string>();
  for (const node of graph.nodes) {
    if (node.op !== "Mul" || node.inputs.length !== 2) continue;
    const [a, b] = node.inputs, chain = gateChain(graph, a, b) ?? gateChain(graph, b, a), name = chain?.map(({ op }) => GATES.get(op)).find(Boolean);
    if (!chain || !name) continue;
    for (const part of chain) hidden.add(part);
    names.set(node, name);
  }
  return { hidden, names };
}

/** The nodes that make `gate` of `value`, one after the other and for nobody else. */
function gateChain(graph: Graph, value: string, gate: string): Node[] | undefined {
  const chain: Node[] = [], isConstant = (name: string): boolean => !name || graph.initializers.has(name) || graph.producers.get(name)?.op === "Constant";
  for (let at = gate; at !== value;) {
    const made = graph.producers.get(at), data = made?.inputs.filter((name) => !isConstant(name)) ?? [];
    if (!made || data.length !== 1 || chain.length === LONGEST_GATE || graph.consumers.get(at)?.length !== 1 || !(GATES.has(made.op) || SCALINGS.includes(made.op))) return undefined;
    chain.push(made);
    [at] = data;
  }
  return chain;
}

/** A dotted name from a node's own: PyTorch's "/layer2/layer2.0/Add_1" is Add_1 of its module layer2.0. */
function labelOf({ name, op }: Node): string {
  const parts = name.split("/").filter((part, i, all) => part && !all[i + 1]?.startsWith(`${part}.`));
  return parts.length ? parts.join(".") : op;
}

/** "Conv 3×3 / 2 · 64→128": kernel, stride, channels that go in and come out. */
function captionOf(node: Node, layer: Layer | undefined): string {
  if (!layer) return node.op;
  const { dims, outputAxis, groups } = layer, strides = intsAttribute(node, "strides");
  const kernel = dims.length > 2 ? ` ${dims.slice(2).join("×")}` : "", stride = strides?.some((s) => s > 1) ? ` / ${strides[0]}` : "";
  const channels = dims.length < 2 ? "" : outputAxis === 0 ? `${dims[1] * groups}→${dims[0]}` : `${dims[0]}→${dims[1] * groups}`;
  return `${node.op}${kernel}${stride}${channels && (kernel ? " · " : " ")}${channels}`;
}
