import { SUMS } from "../onnx/grids";
import { intsAttribute, type Attribute, type Graph, type Model, type Node } from "../onnx/model";
import type { Layer } from "../onnx/layers";
import type { Shape } from "../onnx/shapes";
import type { GraphFacts, GraphNodeFacts, LayerRow } from "../protocol/api";
import { spelledOut, type SpelledOut } from "./spelled-out";

const NORMS = ["BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization"];
const ACTIVATIONS = ["Relu", "LeakyRelu", "Clip", "Sigmoid", "HardSwish", "HardSigmoid", "PRelu", "Tanh", "Elu", "Selu", "Gelu", "Mish", "Softplus", "Erf", "Softmax", "LogSoftmax"];
const SCALINGS = ["Mul", "Add", "Sub", "Div"];
const ARRANGING = ["Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Pad", "Identity", "Cast", "Dropout", "Expand"];
/** A pair of these rounds values to integers and back. */
const ROUNDING = ["QuantizeLinear", "DequantizeLinear"], ROUNDED = "QDQ";
/** Operators that are drawn inside the node before them. */
const FOLLOWING = new Set([...NORMS, ...ACTIVATIONS, ...SCALINGS, "Dropout", "Identity", "Cast", ...ROUNDING]);
/** Operators that only arrange values: they join the layer behind them, or each other. */
const LEADING = new Set([...ARRANGING, "GlobalAveragePool", "GlobalMaxPool", "ReduceMean"]);
/** Operators whose results say how large values are, not what they are. */
const MEASURING = new Set(["Shape", "Size"]);
/** Makes integers of a scale that each batch has for itself. */
const DYNAMIC = "DynamicQuantizeLinear";

/**
 * A graph of the model as it is drawn, the main one unless a body is named. The nodes that unpack a weight are folded into its layer, normalizations and activations into what comes
 * before, reshaping into the layer behind; constants and the arithmetic of shapes are left out. What a body takes from outside comes in as an input.
 */
export function drawableGraph(model: Model, layers: readonly Layer[], rows: readonly LayerRow[], shapes: ReadonlyMap<string, Shape>, graph = model.graph): GraphFacts {
  const layerOf = new Map<Node, { layer: Layer; row: LayerRow }>();
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
  for (const name of takenFromOutside(graph)) makes(border(name, "input"), [name]);
  const hidden = new Set<Node>(layers.flatMap(({ subgraph, consumers }) => subgraph.nodes.filter((node) => !consumers.includes(node)))), spelled = spelledOut(graph);
  for (const node of graph.nodes) {
    if (node.op === DYNAMIC && source.has(node.inputs[0])) { // a layer on integers says so by its operator
      const id = source.get(node.inputs[0])!, [codes] = node.outputs;
      source.set(codes, id);
      nodes[id].outputs.push(codes);
      continue;
    }
    const whole = spelled.known.get(node);
    const { inputs } = layerOf.get(node)?.layer.chain?.nodes[0] ?? node; // the last node of transforms stands for them all
    const data = [...new Set([...(whole ? [whole.input] : inputs), ...node.captures].filter((name) => source.has(name)))];
    if (hidden.has(node) || spelled.partOf.has(node) || MEASURING.has(node.op) || (data.length === 0 && !(graph !== model.graph && isGivenOut(graph, node)))) continue;
    const known = layerOf.get(node), before = data.length === 1 ? nodes[source.get(data[0])!] : undefined;
    const joined = before && (before.op !== "input" || ROUNDING.includes(node.op)) && ends[before.id] === data[0] && hasOneReader(graph, data[0], spelled) ? before : undefined;
    const follows = FOLLOWING.has(node.op) && (!SCALINGS.includes(node.op) || whole !== undefined || node.inputs.filter((name) => name === data[0]).length === 1);
    if (joined && !known && (follows || (LEADING.has(node.op) && isArranging(joined)))) {
      // a pair that only rounds is one thing, and so is what makes floats of sums
      const isPair = (node.op === ROUNDING[1] && joined.fused[joined.fused.length - 1] === ROUNDING[0]) || (node.op === "Mul" && SUMS.has(joined.op) && joined.fused.length === 1 && joined.fused[0] === "Cast");
      if (isPair) joined.fused.pop();
      joined.fused.push(isPair ? ROUNDED : whole?.name ?? node.op);
      makes(joined, node.outputs);
      continue;
    }
    const attributes = attributesOf(node), bodies = bodiesOf(model, node), held = known || !bodies.length ? [] : rows.filter(({ body }) => body !== undefined && bodies.some(({ path }) => body === path || body.startsWith(`${path}/`)));
    const named = { name: node.name || node.outputs[0] || node.op, label: known?.row.label ?? labelOf(node), op: whole?.name ?? operatorOf(node, known?.layer), layer: known?.row.name, bytes: known?.row.bytes ?? held.reduce((sum, { bytes }) => sum + bytes, 0), ...(attributes.length && { attributes }), ...(bodies.length && { bodies }), ...(held.length && { held: held.map(({ name }) => name) }) };
    if (joined && known && isArranging(joined)) {
      const opening = [joined.op, ...joined.fused];
      makes(Object.assign(joined, { ...named, fused: [], caption: [...opening, captionOf(node, known.layer)].join(" · ") }), node.outputs);
      continue;
    }
    const made = add({ ...named, caption: whole?.name ?? captionOf(node, known?.layer), fused: [], outputs: [] });
    connect(made, data);
    makes(made, node.outputs);
  }
  for (const { name } of graph.outputs) {
    const made = border(name, "output");
    if (source.has(name)) connect(made, [name]);
  }
  return { nodes, edges };
}

/** Whether a node makes what its graph gives out. */
const isGivenOut = (graph: Graph, node: Node): boolean => graph.outputs.some(({ name }) => node.outputs.includes(name));

/** Values of graphs around a body that are made while the model runs, in the order in which the body reads them. */
function takenFromOutside(graph: Graph): string[] {
  const taken = new Set<string>(), isMade = (name: string): boolean => {
    for (let around = graph.parent; around; around = around.parent) {
      if (around.initializers.has(name)) return false;
      if (around.producers.has(name) || around.inputs.some((input) => input.name === name)) return around.producers.get(name)?.op !== "Constant";
    }
    return false;
  };
  if (graph.parent) for (const node of graph.nodes) for (const name of [...node.inputs, ...node.captures]) if (name && !graph.producers.has(name) && !graph.initializers.has(name) && !graph.inputs.some((input) => input.name === name) && isMade(name)) taken.add(name);
  return [...taken];
}

/** The graphs in a node's attributes, and that of the function which it calls. */
function bodiesOf(model: Model, node: Node): { path: string; title: string }[] {
  const own = [...node.attributes.values()].flatMap(({ name, graphs }) => graphs.map(({ path }) => ({ path, title: name })));
  const domain = (name: string): string => (name === "ai.onnx" ? "" : name), called = model.functions.find((f) => f.name === node.op && domain(f.domain) === domain(node.domain) && f.overload === node.overload);
  return called ? [...own, { path: called.graph.path, title: called.name }] : own;
}

/** A node's attributes in words; graphs and tensors are none. */
export function attributesOf(node: Node): [name: string, value: string][] {
  return [...node.attributes.values()].filter(({ graphs, tensor, tensors, sparse }) => !graphs.length && !tensor && !tensors.length && !sparse).map((attribute) => [attribute.name, attributeText(attribute)]);
}

function attributeText({ f, i, s, ints, floats, strings, reference }: Attribute): string {
  const words = (bytes: Uint8Array): string => new TextDecoder().decode(bytes).slice(0, 200);
  if (reference) return reference;
  if (ints.length) return ints.slice(0, 64).join(", ");
  if (floats.length) return floats.slice(0, 64).join(", ");
  if (strings.length) return strings.slice(0, 64).map(words).join(", ");
  return s ? words(s) : String(i ?? f ?? "");
}

const isArranging = ({ op, layer, fused }: GraphNodeFacts): boolean => layer === undefined && LEADING.has(op) && fused.every((name) => LEADING.has(name));

/** Whether one node alone, or what is spelled out in several, reads a tensor, and it is no output. */
function hasOneReader(graph: Graph, tensor: string, { partOf }: SpelledOut): boolean {
  const readers = new Set((graph.consumers.get(tensor) ?? []).filter((node) => !MEASURING.has(node.op)).map((node) => partOf.get(node) ?? node));
  return readers.size === 1 && !graph.outputs.some(({ name }) => name === tensor);
}

/** A dotted name from a node's own: PyTorch's "/layer2/layer2.0/Add_1" is Add_1 of its module layer2.0. */
function labelOf({ name, op }: Node): string {
  const parts = name.split("/").filter((part, i, all) => part && !all[i + 1]?.startsWith(`${part}.`));
  return parts.length ? parts.join(".") : op;
}

/** What a node is called; the last one of transforms after the layer that they all compute. */
const operatorOf = (node: Node, layer: Layer | undefined): string => (layer?.chain ? layer.op : node.op);

/** "Conv 3×3 / 2 · 64→128": kernel, stride, channels that go in and come out. */
function captionOf(node: Node, layer: Layer | undefined): string {
  if (!layer) return node.op;
  const { dims, outputAxis, groups } = layer, strides = intsAttribute(node, "strides");
  const kernel = dims.length > 2 ? ` ${dims.slice(2).join("×")}` : "", stride = strides?.some((s) => s > 1) ? ` / ${strides.every((s) => s === strides[0]) ? strides[0] : strides.join("×")}` : "";
  const channels = dims.length < 2 ? "" : outputAxis === 0 ? `${dims[1] * groups}→${dims[0]}` : `${dims[0]}→${dims[1] * groups}`;
  return `${operatorOf(node, layer)}${kernel}${stride}${channels && (kernel ? " · " : " ")}${channels}`;
}
