import type { Layer } from "../layers";
import { type Graph, intAttribute, intsAttribute, isStandardDomain, type Node } from "../model";

/** A node that two graphs are matched by, with the nodes behind it that work on its values alone. A graph's inputs and outputs are parts too. */
export interface Part {
  /** Absent of inputs and outputs. */
  node?: Node;
  layer?: Layer;
  /** What it does, under one name for all operators that do it. */
  op: string;
  /** That with its sizes, and without numbers of channels. */
  exact: string;
  loose: string;
  /** Whether the order of inputs means nothing. */
  commutes: boolean;
  /** Parts whose values it takes, in the order of its inputs. */
  from: number[];
  /** Parts that take its value, and as which input. */
  to: { part: number; slot: number }[];
  /** In the order of the file. */
  followers: Follower[];
}

/** A node that changes one value element by element, or only arranges it. */
export interface Follower { node: Node; /** Operators on the way from the part, itself included, without those that can be folded. */ path: string; foldable: boolean; /** Parts that take its value. */ readers: number[] }

/** Operators under the name of what they do. */
const SAME: ReadonlyMap<string, string> = new Map([
  ["Gemm", "Linear"], ["MatMul", "Linear"], ["FusedGemm", "Linear"], ["FusedMatMul", "Linear"], ["QLinearMatMul", "Linear"], ["MatMulInteger", "Linear"], ["QGemm", "Linear"], ["FusedConv", "Conv"], ["QLinearConv", "Conv"], ["ConvInteger", "Conv"],
  ["GlobalAveragePool", "GlobalPool"], ["ReduceMean", "GlobalPool"], ["QLinearGlobalAveragePool", "GlobalPool"], ["QLinearAveragePool", "AveragePool"], ["QLinearAdd", "Add"], ["Sum", "Add"], ["QLinearMul", "Mul"], ["QLinearConcat", "Concat"], ["Upsample", "Resize"],
]);
/** What can become part of the node before, or the end of a grid. */
const FOLDABLE = new Set(["BatchNormalization", "Mul", "Add", "Sub", "Div", "Identity", "Dropout", "Cast", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "Pad"]);
const FOLLOWING = new Set([
  ...FOLDABLE, "Relu", "Clip", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "Gelu", "Sigmoid", "HardSigmoid", "HardSwish", "Swish", "Mish", "Softplus", "Softsign", "Tanh", "Erf", "Exp", "Log", "Sqrt", "Abs", "Neg", "Pow", "Reciprocal", "Floor", "Ceil", "Round", "ThresholdedRelu", "QLinearSigmoid", "QLinearLeakyRelu",
  "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Softmax", "LogSoftmax", "InstanceNormalization", "GroupNormalization", "LayerNormalization", "LRN", "LpNormalization",
]);
const COMMUTING = new Set(["Add", "Mul", "Max", "Min", "And", "Or", "Xor", "Mean"]);
/** They tell how large values are, not what they are. */
const MEASURING = new Set(["Shape", "Size"]), isMeasure = ({ op }: Node, output: number): boolean => MEASURING.has(op) || (op === "DynamicQuantizeLinear" && output > 0);
const ARRANGING = new Set(["Reshape", "Flatten", "Squeeze", "Unsqueeze"]);

/** Names of what does not depend on data, or on the size of it alone. @param around that of the graph around a body */
export function fixedValues(graph: Graph, around?: ReadonlySet<string>): Set<string> {
  const fixed = new Set<string>([...around ?? [], ...graph.initializers.keys(), ...graph.sparseInitializers.keys()]);
  for (const { name } of graph.inputs) if (!graph.initializers.has(name)) fixed.delete(name);
  for (const node of graph.nodes) {
    const isFixed = [...node.inputs, ...node.captures].every((name) => !name || fixed.has(name));
    node.outputs.forEach((name, i) => { if (isFixed || isMeasure(node, i)) fixed.add(name); else fixed.delete(name); });
  }
  return fixed;
}

/** The parts of a graph, made before they are used. @param layers of the whole model */
export function partsOf(graph: Graph, layers: readonly Layer[], fixed: ReadonlySet<string>): Part[] {
  const parts: Part[] = [], makers = new Map<string, number>(), behind = new Map<string, Follower>(), layerOf = new Map<Node, Layer>(), inside = new Set<Node>();
  for (const layer of layers) {
    for (const node of layer.consumers) layerOf.set(node, layer);
    if (layer.chain) for (const node of layer.chain.nodes) if (!layer.consumers.includes(node)) inside.add(node);
  }
  const add = (part: Pick<Part, "op" | "exact"> & Partial<Part>, from: number[]): number => {
    const at = parts.push({ loose: part.exact, commutes: false, to: [], followers: [], ...part, from }) - 1;
    from.forEach((maker, slot) => parts[maker].to.push({ part: at, slot: part.commutes ? 0 : slot }));
    return at;
  };
  const read = (names: readonly string[]): number[] => names.map((name) => {
    const known = makers.get(name);
    if (known !== undefined) return known;
    const made = add({ op: "outside", exact: "outside" }, []); // what a body takes from around it
    makers.set(name, made);
    return made;
  });
  const tell = (name: string, reader: number): void => { behind.get(name)?.readers.push(reader); };
  let inputs = 0;
  for (const { name } of graph.inputs) if (!fixed.has(name)) makers.set(name, add({ op: "input", exact: `input ${inputs++}` }, []));
  for (const node of graph.nodes) {
    if (inside.has(node) || node.outputs.every((name) => fixed.has(name))) continue;
    const layer = layerOf.get(node), start = layer?.chain?.nodes[0] ?? node, data = [...start.inputs, ...start.captures].filter((name) => name && !fixed.has(name));
    if (!data.length && !graph.parent) continue;
    const op = SAME.get(node.op) ?? node.op, from = read(data);
    if (!layer && isFollowing(node, data, fixed)) {
      const before = behind.get(data[0]), foldable = FOLDABLE.has(node.op), own = foldable || node.op === "Gather" ? "" : `/${ARRANGING.has(node.op) ? "Reshape" : node.op}`;
      const follower: Follower = { node, path: `${before?.path ?? ""}${own}`, foldable, readers: [] };
      parts[from[0]].followers.push(follower);
      for (const name of node.outputs.filter((output) => !fixed.has(output))) {
        makers.set(name, from[0]);
        behind.set(name, follower);
      }
      continue;
    }
    const isFused = op === "Conv" && data.length === 2 && node.op === "FusedConv", [exact, loose] = labelsOf(node, op, layer), made = add({ node, layer, op, exact, loose, commutes: COMMUTING.has(op) }, isFused ? from.slice(0, 1) : from);
    for (const name of data) tell(name, made);
    // what a runtime's own convolution adds at once is a sum of its own elsewhere
    const last = isFused ? add({ op: "Add", exact: "Add", commutes: true, node }, [made, from[1]]) : made;
    for (const name of node.outputs) makers.set(name, last);
  }
  graph.outputs.forEach(({ name }, i) => {
    const maker = makers.get(name);
    if (maker !== undefined) tell(name, add({ op: "output", exact: `output ${i}` }, [maker]));
  });
  return parts;
}

function isFollowing(node: Node, data: readonly string[], fixed: ReadonlySet<string>): boolean {
  if (data.length !== 1 || node.outputs.filter((name) => name && !fixed.has(name)).length > 1) return node.op === "BatchNormalization" && data.length === 1;
  return FOLLOWING.has(node.op) || (node.op === "Gather" && node.inputs[1] === data[0]); // from a table
}

/** What a part does with sizes, and without what pruning and quantizing change. */
function labelsOf(node: Node, op: string, layer: Layer | undefined): [exact: string, loose: string] {
  const where = isStandardDomain(node.domain) || SAME.has(node.op) ? "" : `${node.domain}:`, strides = intsAttribute(node, "strides")?.filter((s) => s !== 1).join("×") ?? "", dilations = intsAttribute(node, "dilations")?.filter((s) => s !== 1).join("×") ?? "";
  if (!layer) {
    const kernel = intsAttribute(node, "kernel_shape")?.join("×") ?? "", text = `${where}${op} ${kernel} ${strides} ${dilations}`;
    return [text, text];
  }
  const { dims, outputAxis, groups, chain } = layer, kind = chain ? "Linear" : op, kernel = layer.convolution ? dims.slice(2).join("×") : "", loose = `${where}${kind} ${kernel} ${strides} ${dilations} ${groups > 1 ? dims[1] === 1 ? "depthwise" : intAttribute(node, "group", 1) : ""}`;
  return [`${loose} ${dims[outputAxis]}←${dims[1 - outputAxis]}`, loose];
}
