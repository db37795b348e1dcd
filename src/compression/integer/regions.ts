import { constantTensor } from "../../onnx/constants";
import { isStandardDomain, type Graph, type Node } from "../../onnx/model";
import { isFloatType } from "../../onnx/tensor";

/** A part of the network that makes one value of another, element by element: on integers of 8 bits a table of 256 entries. */
export interface Region { from: string; to: string; nodes: Node[] }

export const ELEMENTWISE: ReadonlySet<string> = new Set([
  "Relu", "LeakyRelu", "PRelu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Elu", "Selu", "Celu", "ThresholdedRelu", "Softplus", "Softsign", "Mish", "Gelu", "Erf", "Exp", "Log", "Sqrt",
  "Neg", "Abs", "Floor", "Ceil", "Round", "Sign", "Reciprocal", "Sin", "Cos", "Atan", "Pow", "Min", "Max", "Add", "Sub", "Mul", "Div", "Identity",
]);

/** Whether an input is a constant of one number. */
function isNumber(graph: Graph, name: string): boolean {
  const tensor = name ? constantTensor(graph, name) : undefined;
  return !name || (tensor?.count === 1 && isFloatType(tensor.type));
}

/** The largest region that begins at a value and ends in one other; undefined where there is none. */
export function regionFrom(graph: Graph, from: string): Region | undefined {
  const reach = reachFrom(graph, from), isOutput = (name: string) => graph.outputs.some((output) => output.name === name);
  for (const end of [...reach].reverse()) {
    const nodes = before(graph, end, from), inside = new Set(nodes);
    const leaks = nodes.some((node) => node !== end && (isOutput(node.outputs[0]) || (graph.consumers.get(node.outputs[0]) ?? []).some((user) => !inside.has(user))));
    if (!leaks) return { from, to: end.outputs[0], nodes };
  }
  return undefined;
}

/** Nodes that depend on nothing but a value and single numbers, in the order of the file. */
function reachFrom(graph: Graph, from: string): Node[] {
  const values = new Set([from]), reach: Node[] = [], pending = [...graph.consumers.get(from) ?? []];
  for (let node = pending.shift(); node; node = pending.shift()) {
    if (reach.includes(node) || node.graph !== graph || !isStandardDomain(node.domain) || !ELEMENTWISE.has(node.op) || node.outputs.length !== 1) continue;
    // what lacks an input yet is met again behind that
    if (!node.inputs.every((name) => values.has(name) || isNumber(graph, name))) continue;
    reach.push(node);
    values.add(node.outputs[0]);
    pending.push(...graph.consumers.get(node.outputs[0]) ?? []);
  }
  return reach.sort((a, b) => a.index - b.index);
}

function before(graph: Graph, end: Node, from: string): Node[] {
  const found = new Set<Node>(), pending = [end];
  for (let node = pending.pop(); node; node = pending.pop()) {
    if (found.has(node)) continue;
    found.add(node);
    for (const name of node.inputs) {
      const producer = name === from ? undefined : graph.producers.get(name);
      if (producer && producer.op !== "Constant") pending.push(producer);
    }
  }
  return [...found].sort((a, b) => a.index - b.index);
}
