import type { Chain } from "../onnx/chain";
import { evaluateConstant, type ConstantCache } from "../onnx/constants";
import { intAttribute, intsAttribute, type Model, type Node } from "../onnx/model";

/** Levels of the transforms of a chain: what is split off first behind G is the approximation, 2^levels times shorter than all. Undefined where no such Split is there. */
export async function waveletLevels(model: Model, { nodes, between }: Chain, cache?: ConstantCache): Promise<number | undefined> {
  const split = nodes.slice(nodes.findIndex(({ inputs }) => inputs.includes(between))).find(({ op }) => op === "Split"), lengths = split && await lengthsOf(model, split, cache);
  if (!split || !lengths || intAttribute(split, "axis", 0) !== 1) return undefined;
  const levels = Math.log2(lengths.reduce((a, b) => a + b, 0) / lengths[0]);
  return Number.isInteger(levels) ? levels : undefined;
}

async function lengthsOf(model: Model, split: Node, cache?: ConstantCache): Promise<number[] | undefined> {
  const attribute = intsAttribute(split, "split"), input = split.inputs[1] ? await evaluateConstant(model, split.graph, split.inputs[1], cache) : undefined;
  return attribute ?? (input && Array.from<number | bigint, number>(input.data, Number));
}
