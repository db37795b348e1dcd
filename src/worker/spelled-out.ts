import { intsAttribute, onlyReader, type Graph, type Node } from "../onnx/model";

/** Operators that exporters spell out in several nodes: they are drawn as the one that they are. */

export interface SpelledOut {
  /** The last node of each: what it is called and the tensor that all of it is made of. */
  known: Map<Node, { name: string; input: string }>;
  /** For every other node of one, its last. */
  partOf: Map<Node, Node>;
}

/** What an activation is called that multiplies its own input, by what it makes of it. */
const GATES = new Map([["Sigmoid", "SiLU"], ["HardSigmoid", "HardSwish"], ["Clip", "HardSwish"], ["Erf", "Gelu"], ["Softplus", "Mish"], ["Tanh", "Gelu"]]), LONGEST_GATE = 6;
/** Of these a number in the end is a part: (x + 3) clipped between 0 and 6 makes six times too much, 1 + erf twice. */
const SCALED = ["Clip", "Erf"];
const SCALINGS = ["Mul", "Add", "Sub", "Div"];

export function spelledOut(graph: Graph): SpelledOut {
  const known: SpelledOut["known"] = new Map(), partOf: SpelledOut["partOf"] = new Map();
  for (const node of graph.nodes) {
    const found = node.op === "Mul" ? gateOf(graph, node) : node.op === "Div" ? normalizationOf(graph, node) : undefined;
    if (!found) continue;
    known.set(found.last, { name: found.name, input: found.input });
    for (const part of found.parts) partOf.set(part, found.last);
  }
  return { known, partOf };
}

interface Found { name: string; input: string; last: Node; parts: Node[] }

const isConstant = (graph: Graph, name: string): boolean => !name || graph.initializers.has(name) || graph.producers.get(name)?.op === "Constant";
const maker = (graph: Graph, name: string, op: string): Node | undefined => { const node = graph.producers.get(name); return node?.op === op ? node : undefined; };
/** The node behind, if it is of that kind and joins a constant. */
function constantBehind(graph: Graph, { outputs }: Node, ops: readonly string[]): Node | undefined {
  const next = onlyReader(graph, outputs[0]);
  return next && ops.includes(next.op) && next.inputs.some((name) => isConstant(graph, name)) ? next : undefined;
}

/** An activation: a product with what was made of its own other factor. */
function gateOf(graph: Graph, node: Node): Found | undefined {
  if (node.inputs.length !== 2) return undefined;
  const [a, b] = node.inputs, onB = gateChain(graph, a, b), chain = onB ?? gateChain(graph, b, a), made = chain?.findIndex(({ op }) => GATES.has(op)) ?? -1;
  if (!chain || made < 0) return undefined;
  const { op } = chain[made], isShort = SCALED.includes(op) && !chain.slice(0, made).some((part) => part.op === "Mul" || part.op === "Div"), scale = isShort ? constantBehind(graph, node, ["Mul", "Div"]) : undefined;
  return { name: GATES.get(op)!, input: onB ? a : b, last: scale ?? node, parts: scale ? [...chain, node] : chain };
}

/** The nodes that make `gate` of `value`, one after the other and for nobody else. */
function gateChain(graph: Graph, value: string, gate: string): Node[] | undefined {
  const chain: Node[] = [];
  for (let at = gate; at !== value;) {
    const made = graph.producers.get(at), data = made?.inputs.filter((name) => !isConstant(graph, name)) ?? [];
    if (!made || data.length !== 1 || chain.length === LONGEST_GATE || graph.consumers.get(at)?.length !== 1 || !(GATES.has(made.op) || SCALINGS.includes(made.op))) return undefined;
    chain.push(made);
    [at] = data;
  }
  return chain;
}

/** A layer normalization: (x − mean) / √(mean of (x − mean)² + ε), and scale and shift behind it. */
function normalizationOf(graph: Graph, division: Node): Found | undefined {
  const [above, below] = division.inputs, difference = maker(graph, above, "Sub"), root = maker(graph, below ?? "", "Sqrt"), sum = root && maker(graph, root.inputs[0], "Add");
  const variance = sum?.inputs.map((name) => maker(graph, name, "ReduceMean")).find(Boolean), square = variance && (maker(graph, variance.inputs[0], "Pow") ?? maker(graph, variance.inputs[0], "Mul")), mean = difference && maker(graph, difference.inputs[1] ?? "", "ReduceMean");
  if (!difference || !root || !sum || !variance || !square || !mean || mean.inputs[0] !== difference.inputs[0]) return undefined;
  // exporters may subtract the mean twice
  const differences = new Set([difference, ...square.inputs.flatMap((name) => maker(graph, name, "Sub") ?? [])]), parts = [...differences, root, sum, variance, square, mean];
  if ([...differences].some(({ inputs }) => inputs[0] !== mean.inputs[0] || inputs[1] !== mean.outputs[0]) || !square.inputs.every((name) => isConstant(graph, name) || maker(graph, name, "Sub")) || intsAttribute(mean, "keepdims")?.[0] === 0) return undefined;
  const inside = new Set([...parts, division]);
  if (parts.some(({ outputs }) => (graph.consumers.get(outputs[0]) ?? []).some((reader) => !inside.has(reader)) || graph.outputs.some(({ name }) => name === outputs[0]))) return undefined;
  const scale = constantBehind(graph, division, ["Mul"]), shift = scale && constantBehind(graph, scale, ["Add"]), last = shift ?? scale ?? division;
  return { name: "LayerNormalization", input: difference.inputs[0], last, parts: [...parts, division, ...(scale ? [scale] : [])].filter((part) => part !== last) };
}
