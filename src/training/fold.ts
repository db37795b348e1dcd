import { DataType } from "../onnx/tensor";
import type { NodeSpec } from "../onnx/encode";
import { countOf } from "./graph";
import type { Network } from "./network";

/**
 * The same network with batch normalizations of known statistics in the weights of the convolutions before them:
 * γ/σ·(w∗x + b − μ) + β = (γ/σ·w)∗x + β + γ/σ·(b − μ). Gradients of w, γ and β come back through these products,
 * which for most layers are far smaller than the feature maps that are then gone over less often.
 */
export function foldNormalizations(network: Network): Network {
  const folded: Network = { ...network, nodes: [], constants: new Map(network.constants), dims: new Map(network.dims) }, uses = usesOf(network);
  const normalizations = new Map(network.nodes.flatMap((node) => (node.op === "BatchNormalization" && uses.get(node.inputs[0]) === 1 ? [[node.inputs[0], node]] : [])));
  const taken = new Set<NodeSpec>();
  for (const node of network.nodes) {
    if (taken.has(node)) continue;
    const normalization = node.op === "Conv" ? normalizations.get(node.outputs[0]) : undefined;
    if (!normalization || !isWorthIt(network, node)) { folded.nodes.push(node); continue; }
    taken.add(normalization);
    folded.nodes.push(...foldOne(folded, node, normalization));
  }
  return folded;
}

/** How often each value is used. */
function usesOf({ nodes, outputs }: Network): Map<string, number> {
  const uses = new Map<string, number>();
  for (const name of [...nodes.flatMap(({ inputs }) => inputs), ...outputs]) uses.set(name, (uses.get(name) ?? 0) + 1);
  return uses;
}

function isWorthIt({ dims }: Network, { inputs, outputs }: NodeSpec): boolean {
  const weight = dims.get(inputs[1]), output = dims.get(outputs[0]);
  return weight !== undefined && output !== undefined && countOf(output) > countOf(weight);
}

function foldOne({ constants, dims }: Network, convolution: NodeSpec, { inputs: [, gamma, beta, mean, variance], attributes, outputs: [output] }: NodeSpec): NodeSpec[] {
  const [x, weight, bias] = convolution.inputs, size = dims.get(weight)!, column = [size[0], ...size.slice(1).map(() => 1)], nodes: NodeSpec[] = [];
  const named = (part: string, shape: readonly number[]): string => { const name = `${output} ${part}`; dims.set(name, shape); return name; };
  const add = (op: string, inputs: string[], part: string, shape: readonly number[] = [size[0]]): string => {
    const name = named(part, shape);
    nodes.push({ op, inputs, outputs: [name] });
    return name;
  };
  const epsilon = attributes?.epsilon, few = named("epsilon", []), places = named("column", [column.length]);
  constants.set(few, { dims: [], type: DataType.FLOAT, data: Float32Array.of(typeof epsilon === "object" && "float" in epsilon ? epsilon.float : 1e-5) });
  constants.set(places, { dims: [column.length], type: DataType.INT64, data: BigInt64Array.from(column, BigInt) });
  const factor = add("Div", [gamma, add("Sqrt", [add("Add", [variance, few], "variance")], "deviation")], "factor");
  const scaled = add("Mul", [weight, add("Reshape", [factor, places], "factors", column)], "weight", size);
  const offset = add("Mul", [bias ? add("Sub", [mean, bias], "mean") : mean, factor], "offset"), shift = add("Sub", [beta, offset], "shift");
  return [...nodes, { ...convolution, inputs: [x, scaled, shift], outputs: [output] }];
}
