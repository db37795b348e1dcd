import { constantTensor } from "../../onnx/constants";
import { dataValues } from "../../onnx/dependence";
import { floatAttribute, intAttribute, isStandardDomain, stringAttribute, type Graph, type Model, type Node } from "../../onnx/model";
import { isFloatType } from "../../onnx/tensor";
import { ELEMENTWISE, regionFrom, type Region } from "./regions";

/** How a node runs in the integer network: with an integer kernel, on the integers as they are, as a table, as whole numbers and a shift, within the node before, or with floats. */
export type Kind = "native" | "move" | "table" | "fixed" | "clamp" | "float";

/** What of a network is computed with integers, and which of its values share a grid. */
export interface IntegerPlan {
  graph: Graph;
  kinds: ReadonlyMap<Node, Kind>;
  /** Tables by the last node of their region. */
  regions: ReadonlyMap<Node, Region>;
  /** Values that exist as integers, each with the first of those that share its grid. */
  grids: ReadonlyMap<string, string>;
  /** The largest value that a grid may show, where the network clips there. */
  most: ReadonlyMap<string, number>;
  /** Values that floats are made into integers of: the network's input, and outputs of nodes that stay float. */
  entries: ReadonlySet<string>;
  /** Nodes with arithmetic that stay float, with the reason in words for users. */
  floats: ReadonlyMap<Node, string>;
}

/** They put elements elsewhere, and do not change them. Their first input is the data. */
const MOVES = new Set(["Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Split", "Pad", "Gather", "MaxPool", "Tile", "Expand", "DepthToSpace", "SpaceToDepth", "Resize"]);
/** Sizes of a value, whatever its type. */
export const SIZES = new Set(["Shape", "Size"]);
const POOLS = new Set(["AveragePool", "GlobalAveragePool"]);
/** Integer kernels of one input, which tables would only repeat. */
const NATIVE_UNARY = new Set(["Sigmoid", "LeakyRelu"]);
const NORMALIZERS = new Set(["Softmax", "LogSoftmax"]);
/** What may follow the last layer of a network: nothing that adds up many values again. */
const FINISHING = new Set([...ELEMENTWISE, ...NORMALIZERS, "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Split", "ArgMax", "ArgMin", "TopK"]);

export interface IntegerChoices {
  /** Nodes that are to stay float, with the reason. */
  floats?: ReadonlyMap<Node, string>;
  /** Batch normalizations that cannot be folded: as whole numbers and a shift, or left to floats. */
  normalizations?: "fixedPoint" | "float";
}

export function planIntegers(model: Model, choices: IntegerChoices = {}): IntegerPlan {
  return new Planning(model, choices).run();
}

class Planning {
  private readonly graph: Graph;
  private readonly kinds = new Map<Node, Kind>();
  private readonly regions = new Map<Node, Region>();
  private readonly most = new Map<string, number>();
  private readonly entries = new Set<string>();
  private readonly floats = new Map<Node, string>();
  /** A forest: each value points to one that shares its grid. */
  private readonly parents = new Map<string, string>();
  private readonly scores = new Map<string, boolean>();
  private readonly data: Set<string>;

  private readonly kept: ReadonlyMap<Node, string>;

  constructor(model: Model, private readonly choices: IntegerChoices) {
    this.kept = choices.floats ?? new Map<Node, string>();
    this.graph = model.graph;
    this.data = dataValues(this.graph, (node) => !SIZES.has(node.op) && !node.op.startsWith("Arg"));
  }

  run(): IntegerPlan {
    for (const node of this.graph.nodes) this.visit(node);
    const grids = new Map([...this.parents.keys()].map((name) => [name, this.root(name)]));
    return { graph: this.graph, kinds: this.kinds, regions: this.regions, grids, most: this.most, entries: this.entries, floats: this.floats };
  }

  private visit(node: Node): void {
    if (this.kinds.has(node) || !node.inputs.some((name) => this.data.has(name))) return;
    const reason = this.kept.get(node);
    if (reason !== undefined) this.leave(node, reason);
    else if (!isStandardDomain(node.domain)) this.leave(node, `${node.op} is no standard operator.`);
    else if (this.clamps(node) || this.tabulates(node) || this.moves(node) || this.joins(node)) return;
    else if (this.isFixed(node)) this.become("fixed", node);
    else if (this.isNative(node)) {
      for (const name of node.inputs) if (this.data.has(name)) this.enter(name);
      this.become("native", node);
    } else this.leave(node, this.reasonAgainst(node));
  }

  private leave(node: Node, reason: string): void {
    this.kinds.set(node, "float");
    if (!SIZES.has(node.op) && node.inputs.some((name) => this.data.has(name))) this.floats.set(node, reason);
  }

  private become(kind: Kind, node: Node): void {
    this.kinds.set(node, kind);
    for (const name of node.outputs) if (name && !this.isLeftFloat(node)) this.add(name);
  }

  /** Whether a value is made an integer, which one of a node that stays float, or the network's input, is once somebody needs it. */
  private enter(name: string): void {
    if (this.parents.has(name)) return;
    this.entries.add(name);
    this.add(name);
  }

  private add(name: string): void { this.parents.set(name, this.parents.get(name) ?? name); }

  private root(name: string): string {
    let at = name;
    for (let next = this.parents.get(at); next !== undefined && next !== at; next = this.parents.get(at)) at = next;
    return at;
  }

  private tie(a: string, b: string): void {
    this.add(b);
    this.parents.set(this.root(b), this.root(a));
  }

  /** Scores of a last linear layer come out as floats: onnxruntime makes them of the 32-bit sums without a further rounding, which would make many of them equal. */
  private isLeftFloat({ op, outputs: [output] }: Node): boolean { return (op === "Gemm" || op === "MatMul") && this.isScore(output); }

  /** Whether nothing behind a value is a layer any more. */
  private isScore(name: string): boolean {
    const known = this.scores.get(name), users = this.graph.consumers.get(name) ?? [];
    if (known !== undefined) return known;
    const found = users.length ? users.every(({ op, outputs }) => FINISHING.has(op) && outputs.every((output) => !output || this.isScore(output))) : this.graph.outputs.some((output) => output.name === name);
    this.scores.set(name, found);
    return found;
  }

  /** A rectifier or clip right behind an integer kernel is nothing but the end of the grid. */
  private clamps(node: Node): boolean {
    const [x] = node.inputs, before = this.graph.producers.get(x), bounds = before && ["native", "fixed"].includes(this.kinds.get(before) ?? "") && this.isAlone(x) ? this.boundsOf(node) : undefined;
    if (!before || !bounds || POOLS.has(before.op) || NATIVE_UNARY.has(before.op) || this.root(x) !== x) return false;
    this.parents.delete(x);
    this.become("clamp", node);
    if (bounds.max < Infinity) this.most.set(node.outputs[0], bounds.max);
    return true;
  }

  /** What a node clips to, if it does and begins at zero. */
  private boundsOf(node: Node): { max: number } | undefined {
    if (node.op === "Relu") return { max: Infinity };
    if (node.op !== "Clip") return undefined;
    const [min, max] = [1, 2].map((i) => (node.inputs[i] ? constantTensor(this.graph, node.inputs[i])?.values?.[0] : undefined));
    return min === 0 && (!node.inputs[2] || max !== undefined) ? { max: max ?? Infinity } : undefined;
  }

  private isAlone(name: string): boolean { return this.graph.consumers.get(name)?.length === 1 && !this.graph.outputs.some((output) => output.name === name); }

  private tabulates(node: Node): boolean {
    const from = node.inputs.find((name) => this.parents.has(name)), region = from === undefined ? undefined : regionFrom(this.graph, from);
    if (!region?.nodes.includes(node) || region.nodes.every(({ op }) => op === "Identity") || (region.nodes.length === 1 && NATIVE_UNARY.has(node.op))) return false;
    if (region.nodes.some((other) => this.kept.has(other))) return false;
    for (const inner of region.nodes) this.kinds.set(inner, "table");
    this.regions.set(region.nodes[region.nodes.length - 1], region);
    this.add(region.to);
    return true;
  }

  private moves(node: Node): boolean {
    const [x] = node.inputs;
    if (!MOVES.has(node.op) || !this.parents.has(x) || node.inputs.slice(1).some((name) => this.data.has(name)) || (node.op === "MaxPool" && node.outputs[1])) return false;
    if (node.op === "Pad" && (stringAttribute(node, "mode", "constant") !== "constant" || (node.inputs[2] && constantTensor(this.graph, node.inputs[2])?.values?.[0] !== 0))) return false;
    if (node.op === "Resize" && stringAttribute(node, "mode", "nearest") !== "nearest") return false;
    this.kinds.set(node, "move");
    for (const name of node.outputs) if (name) this.tie(x, name);
    return true;
  }

  /** Values that are put beside each other share a grid (§2.4.2 of the paper) unless only some of them end at zero, which clamping needs. */
  private joins(node: Node): boolean {
    if (node.op !== "Concat" || !node.inputs.some((name) => this.parents.has(name))) return false;
    const isClamped = (name: string) => { const producer = this.graph.producers.get(name); return producer !== undefined && this.kinds.get(producer) === "clamp"; };
    const clamped = node.inputs.filter(isClamped).length;
    for (const name of node.inputs) this.enter(name);
    if (clamped > 0 && clamped < node.inputs.length) this.become("native", node);
    else {
      this.kinds.set(node, "move");
      for (const name of [...node.inputs.slice(1), ...node.outputs]) this.tie(node.inputs[0], name);
    }
    return true;
  }

  private isFixed(node: Node): boolean {
    return this.choices.normalizations === "fixedPoint" && node.op === "BatchNormalization" && this.parents.has(node.inputs[0]) && node.outputs.filter(Boolean).length === 1 && node.inputs.slice(1).every((name) => constantTensor(this.graph, name));
  }

  private isNative(node: Node): boolean {
    const { op, inputs: [first, second] } = node;
    switch (op) {
      case "Conv": return this.isPacked(second);
      case "Gemm": return this.data.has(first) && this.isPacked(second) && !intAttribute(node, "transA", 0) && floatAttribute(node, "alpha", 1) === 1 && floatAttribute(node, "beta", 1) === 1 && this.isPlain(node.inputs[2]);
      case "MatMul": return this.data.has(first) && (this.isPacked(second) || this.data.has(second));
      case "Add": case "Mul": return (this.parents.has(first) || this.parents.has(second)) && this.isSummand(first) && this.isSummand(second);
      case "LeakyRelu": case "Sigmoid": case "AveragePool": case "GlobalAveragePool": return this.parents.has(first);
      default: return NORMALIZERS.has(op) && op === "Softmax" && this.parents.has(first) && !this.graph.outputs.some(({ name }) => name === node.outputs[0]);
    }
  }

  /** Whether a weight is there as integers. */
  private isPacked(name: string): boolean { return this.graph.producers.get(name)?.op === "DequantizeLinear" && !this.data.has(name); }

  private isPlain(name: string | undefined): boolean { return !name || constantTensor(this.graph, name) !== undefined; }

  /** An operand of a sum or product: a value, or a constant that can be made integers. */
  private isSummand(name: string): boolean {
    if (this.data.has(name)) return true;
    const tensor = constantTensor(this.graph, name);
    return tensor !== undefined && isFloatType(tensor.type);
  }

  private reasonAgainst(node: Node): string {
    const source = node.inputs.find((name) => this.data.has(name) && !this.parents.has(name)), before = source === undefined ? undefined : this.graph.producers.get(source);
    if (before && this.kinds.get(before) === "float") return `It takes what a node ${before.op} gives, which stays float.`;
    if (before && this.isScore(node.outputs[0])) return "It follows the last layer, whose scores stay exact.";
    switch (node.op) {
      case "Conv": case "Gemm": case "MatMul": return "Its weight is left as floats.";
      case "ConvTranspose": return "onnxruntime has no integer kernel for transposed convolutions.";
      case "BatchNormalization": return "It cannot be folded: what it normalizes is used elsewhere too, or comes from no convolution.";
      default: return `onnxruntime has no integer kernel for ${node.op} as it is used here.`;
    }
  }
}
