import { intsAttribute, type Model, type Node } from "../onnx/model";
import type { Layer } from "../onnx/layers";
import type { Shape } from "../onnx/shapes";
import type { GraphFacts, GraphNodeFacts, LayerRow } from "../protocol/api";

/** Operators that are drawn inside the node before them. */
const FUSED = new Set(["BatchNormalization", "Relu", "LeakyRelu", "Clip", "Sigmoid", "HardSwish", "HardSigmoid", "PRelu", "Tanh", "Dropout"]);

/** The main graph as it is drawn: weights' own subgraphs are folded into their layers, activations into what comes before, constants left out. */
export function drawableGraph(model: Model, layers: readonly Layer[], rows: readonly LayerRow[], shapes: ReadonlyMap<string, Shape>): GraphFacts {
  const { graph } = model, hidden = new Set<Node>(layers.flatMap(({ subgraph }) => subgraph.nodes));
  const layerOf = new Map<Node, LayerRow>();
  layers.forEach(({ consumers }, i) => { for (const node of consumers) layerOf.set(node, rows[i]); });
  const nodes: GraphNodeFacts[] = [], edges: GraphFacts["edges"] = [], source = new Map<string, number>(), drawn = new Map<number, GraphNodeFacts>();
  const add = (facts: Omit<GraphNodeFacts, "id">): GraphNodeFacts => {
    const node = { id: nodes.length, ...facts };
    nodes.push(node);
    drawn.set(node.id, node);
    return node;
  };
  const shapeOf = (name: string): (number | string)[] | undefined => { const shape = shapes.get(name); return shape && [...shape]; };
  for (const { name } of graph.inputs) {
    if (!graph.initializers.has(name)) source.set(name, add({ name, op: "input", caption: "", bytes: 0, fused: [], outputs: [name], shape: shapeOf(name) }).id);
  }
  for (const node of graph.nodes) {
    const from = [...new Set([...node.inputs, ...node.captures].filter((name) => source.has(name)))];
    if (hidden.has(node) || from.length === 0) continue;
    const before = from.length === 1 ? drawn.get(source.get(from[0])!) : undefined;
    if (FUSED.has(node.op) && before && before.op !== "input" && graph.consumers.get(from[0])?.length === 1 && before.outputs.includes(from[0])) {
      before.fused.push(node.op);
      before.outputs = node.outputs;
      for (const name of node.outputs) source.set(name, before.id);
      continue;
    }
    const row = layerOf.get(node);
    const made = add({ name: node.name || node.outputs[0] || node.op, op: node.op, layer: row?.name, caption: captionOf(node, row), bytes: row?.bytes ?? 0, fused: [], outputs: [...node.outputs], shape: shapeOf(node.outputs[0] ?? "") });
    for (const name of from) edges.push({ from: source.get(name)!, to: made.id, tensor: name, shape: shapeOf(name) });
    for (const name of node.outputs) if (name) source.set(name, made.id);
  }
  for (const { name } of graph.outputs) {
    const id = add({ name, op: "output", caption: "", bytes: 0, fused: [], outputs: [], shape: shapeOf(name) }).id, from = source.get(name);
    if (from !== undefined) edges.push({ from, to: id, tensor: name, shape: shapeOf(name) });
  }
  return { nodes, edges };
}

function captionOf(node: Node, row: LayerRow | undefined): string {
  if (!row) return node.op;
  const { shape } = row, strides = intsAttribute(node, "strides");
  const kernel = shape.length > 2 ? ` ${shape.slice(2).join("×")}` : "", stride = strides?.some((s) => s > 1) ? ` / ${strides[0]}` : "";
  return `${node.op}${kernel}${stride}${shape.length > 1 ? ` · ${shape[1]}→${shape[0]}` : ""}`;
}
