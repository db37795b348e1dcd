import { constantTensor } from "./constants";
import type { Graph, Node } from "./model";
import { isStandardDomain } from "./model";
import { isFloatType, type Tensor } from "./tensor";

/**
 * Linear layers that are computed by wavelet transforms, found by the structure of their nodes alone: x through Reshape, · B, products with small matrices that nodes make
 * of unit matrices and filters, · G behind a Gather, products again, · S, and a sum. Nodes between only move elements.
 */
export interface Chain {
  /** Names of h0, h1, f0, f1 [4, taps], and of the diagonals, as the chain computes with them. */
  filters: string;
  before: string;
  between: string;
  after: string;
  /** Sizes of B [transforms, inputs] and S [sums, outputs]. */
  beforeDims: number[];
  afterDims: number[];
  /** Nodes through which data goes, in the order of the file. */
  nodes: Node[];
  /** Everything else that is computed, from constants alone, and these. */
  making: Node[];
  tensors: Tensor[];
  /** Whether it adds a bias. */
  hasBias: boolean;
}

type IsConstant = (graph: Graph, name: string) => boolean;

/** What data goes through between the first and the last node. */
const INSIDE = new Set(["Reshape", "Mul", "Pad", "Split", "Concat", "MatMul", "Gather", "Slice", "ReduceSum"]);

/** The chains of a graph, by each of their nodes. */
export function findChains(graph: Graph, isConstant: IsConstant): Map<Node, Chain> {
  const found = new Map<Node, Chain>();
  if (!graph.nodes.some(({ op }) => op === "EyeLike")) return found;
  for (const node of graph.nodes) {
    if (node.op !== "Reshape" || found.has(node) || !isStandardDomain(node.domain) || isConstant(graph, node.inputs[0])) continue;
    const chain = follow(graph, node, isConstant);
    if (chain) for (const inner of chain.nodes) found.set(inner, chain);
  }
  return found;
}

/** The chain that begins with a Reshape, if one does. */
function follow(graph: Graph, first: Node, isConstant: IsConstant): Chain | undefined {
  const only = (name: string): Node | undefined => { const users = graph.consumers.get(name) ?? []; return users.length === 1 && users[0].graph === graph ? users[0] : undefined; };
  const factorOf = (node: Node | undefined): string | undefined => (node?.op === "Mul" ? node.inputs.find((name) => isConstant(graph, name)) : undefined);
  const start = only(first.outputs[0]), before = factorOf(start);
  if (!start || before === undefined) return undefined;
  const nodes = [first, start], values = new Set(start.outputs), factors = [before], matrices: string[] = [];
  for (const node of graph.nodes.slice(graph.nodes.indexOf(start) + 1)) {
    if (factors.length === 3) break;
    if (!node.inputs.some((name) => values.has(name))) continue;
    if (!INSIDE.has(node.op) || !node.inputs.every((name) => !name || values.has(name) || isConstant(graph, name))) return undefined;
    const factor = factorOf(node);
    if (factor !== undefined) factors.push(factor);
    if (node.op === "MatMul") matrices.push(node.inputs[1]);
    nodes.push(node);
    for (const name of node.outputs) values.add(name);
  }
  const filters = new Set(matrices.map((name) => filtersOf(graph, name))), [bank] = filters;
  if (factors.length < 3 || !matrices.length || filters.size !== 1 || bank === undefined) return undefined;
  // the sum over transforms, or what takes its axis away
  const sum = only(nodes[nodes.length - 1].outputs[0]);
  if (sum?.op !== "ReduceSum" && sum?.op !== "Reshape") return undefined;
  nodes.push(sum);
  const shaped = only(sum.outputs[0]), lengths = shaped?.op === "Reshape" ? graph.producers.get(shaped.inputs[1]) : undefined;
  if (shaped && lengths?.op === "Concat") {
    const leading = graph.producers.get(lengths.inputs[0]), shape = leading && graph.producers.get(leading.inputs[0]);
    if (leading?.op === "Slice" && shape?.op === "Shape") nodes.push(shape, leading, lengths, shaped);
  }
  const [beforeDims, , afterDims] = factors.map((name) => dimsOf(graph, name)), last = nodes[nodes.length - 1], add = only(last.outputs[0]), bias = add?.op === "Add" ? add.inputs.find((name) => name !== last.outputs[0]) : undefined;
  if (beforeDims?.length !== 2 || afterDims?.length !== 2) return undefined;
  const hasBias = bias !== undefined && dimsOf(graph, bias)?.reduce((a, b) => a * b, 1) === afterDims[1];
  if (add && hasBias) nodes.push(add);
  return { filters: bank, before: factors[0], between: factors[1], after: factors[2], beforeDims, afterDims, nodes, hasBias, ...makingOf(graph, nodes, new Set([...values, ...nodes.flatMap(({ outputs }) => outputs), ...(bias !== undefined ? [bias] : []), ...first.inputs.slice(0, 1)])) };
}

/** The filters that a matrix is made of: a constant of floats [4, taps] under nodes that begin with a unit matrix. */
function filtersOf(graph: Graph, matrix: string): string | undefined {
  const pending = [matrix], seen = new Set<string>();
  let bank: string | undefined, hasUnits = false;
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const node = graph.producers.get(name), tensor = graph.initializers.get(name);
    if (tensor && isFloatType(tensor.type) && tensor.dims.length === 2 && tensor.dims[0] === 4) bank = name;
    hasUnits ||= node?.op === "EyeLike";
    pending.push(...node?.inputs.filter(Boolean) ?? []);
  }
  return hasUnits ? bank : undefined;
}

/** Sizes of a constant, or of one that is cast. */
function dimsOf(graph: Graph, name: string): number[] | undefined {
  const tensor = constantTensor(graph, name), cast = graph.producers.get(name);
  return (tensor ?? (cast?.op === "Cast" ? constantTensor(graph, cast.inputs[0]) : undefined))?.dims.slice();
}

/** Nodes and constants that the chain's nodes need beside data. */
function makingOf(graph: Graph, nodes: readonly Node[], data: ReadonlySet<string>): Pick<Chain, "making" | "tensors"> {
  const making = new Set<Node>(), tensors = new Set<Tensor>(), pending = nodes.flatMap(({ inputs }) => inputs).filter((name) => name && !data.has(name));
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const tensor = graph.initializers.get(name), node = graph.producers.get(name);
    if (tensor) tensors.add(tensor);
    else if (node && !making.has(node) && !nodes.includes(node)) {
      making.add(node);
      pending.push(...node.inputs.filter((input) => input && !data.has(input)));
    }
  }
  return { making: [...making].sort((a, b) => a.index - b.index), tensors: [...tensors] };
}
