import { constantTensor, evaluateConstant, homeOf, type ConstantCache } from "./constants";
import type { Layer } from "./layers";
import { type Graph, intAttribute, isStandardDomain, type Model, type Node, onlyReader } from "./model";
import { DataType, typeName } from "./tensor";
import type { Grid, LayerGrids } from "../protocol/report";

/** The grids of integers that a file gives its layers, as scale · (integer − zero point): in operators on integers, or in pairs that quantize and dequantize around operators on floats. */

/** Names of a scale and of a zero point. */
interface GridNames { scale?: string; zeroPoint?: string }
/** Operators on integers that have scales and zero points among their inputs: of the data 1 and 2, of the weight 4 and 5, of what comes out 6 and 7. */
const QUANTIZED: ReadonlySet<string> = new Set(["QLinearConv", "QLinearMatMul"]);
/** Operators that give plain sums of integers, which a Cast and a product with scales make floats of. */
export const SUMS: ReadonlySet<string> = new Set(["ConvInteger", "MatMulInteger"]);
/** What keeps a runtime from taking a layer of floats for one of integers: the least of its output and infinity, which is that output. */
export const GUARD = { op: "Min", bound: Infinity } as const;
/** What stands between a layer and the node that rounds what comes out. */
const MOST_BETWEEN = 4, BETWEEN = new Set([GUARD.op, "Relu", "Clip", "LeakyRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Add", "Mul", "BatchNormalization", "Reshape", "Flatten", "Squeeze", "Transpose"]);

/** The grids of a layer's weight, and of what comes in and goes out where those are constants; undefined where its weight is floats. */
export async function gridsOf(model: Model, layer: Layer): Promise<LayerGrids | undefined> {
  const [node] = layer.consumers, { inputs } = node, names = integersOf(layer);
  if (names) {
    const weight = await gridAt(model, layer.graph, names, layer.outputAxis);
    if (!weight || SUMS.has(node.op)) return weight && { weight };
    return withBorders(weight, await gridAt(model, layer.graph, { scale: inputs[1], zeroPoint: inputs[2] }), await gridAt(model, layer.graph, { scale: inputs[6], zeroPoint: inputs[7] }));
  }
  const made = layer.chain ? undefined : producerOf(layer.graph, layer.weight), weight = made?.op === "DequantizeLinear" ? await gridOf(model, layer.graph, made) : undefined;
  if (!weight) return undefined;
  const input = producerOf(layer.graph, node.inputs[0] === layer.weight ? node.inputs[1] ?? "" : node.inputs[0]), rounding = roundingBehind(node);
  const borders = withBorders(weight, input?.op === "DequantizeLinear" ? await gridOf(model, layer.graph, input) : undefined, rounding && await gridOf(model, layer.graph, rounding)), bias = node.inputs[2];
  const guard = rounding && producerOf(layer.graph, rounding.inputs[0]), guarded = guard?.op === GUARD.op && constantTensor(layer.graph, guard.inputs[1])?.values?.[0] === GUARD.bound;
  return { ...borders, ...(guarded && { guarded }), ...(bias && { bias: producerOf(layer.graph, bias)?.op === "DequantizeLinear" ? "integers" : "floats" }) };
}

/** Where an operator on integers has scale and zero point of its weight. */
function integersOf({ consumers: [node] }: Layer): GridNames | undefined {
  if (!isStandardDomain(node.domain)) return undefined;
  if (QUANTIZED.has(node.op)) return { scale: node.inputs[4], zeroPoint: node.inputs[5] };
  return SUMS.has(node.op) ? { scale: scaleOfSums(node), zeroPoint: node.inputs[3] } : undefined;
}

/** The weight's scale behind plain sums: they become floats, times it and the scale that the data turns out to have. */
function scaleOfSums(node: Node): string | undefined {
  const { graph } = node, cast = onlyReader(graph, node.outputs[0]), product = cast?.op === "Cast" ? onlyReader(graph, cast.outputs[0]) : undefined;
  if (product?.op !== "Mul") return undefined;
  const scale = product.inputs.find((name) => name !== cast!.outputs[0]), isConstant = (name: string): boolean => constantTensor(graph, name) !== undefined;
  return scale === undefined || isConstant(scale) ? scale : producerOf(graph, scale)?.op === "Mul" ? producerOf(graph, scale)!.inputs.find(isConstant) : undefined;
}

/**
 * The weight that an operator on integers reads, in row-major order: less its zero point, and times its scale where that is a constant; undefined where it is not known before the model runs.
 */
export async function readIntegerWeight(model: Model, layer: Layer, cache?: ConstantCache): Promise<{ values: Float32Array; isScaled: boolean } | undefined> {
  const value = await evaluateConstant(model, layer.graph, layer.weight, cache), { scale, zeroPoint } = integersOf(layer) ?? {};
  if (!value) return undefined;
  const [scales, zeros] = await Promise.all([scale, zeroPoint].map(async (name) => (name ? Array.from<number | bigint, number>((await evaluateConstant(model, layer.graph, name))?.data ?? [], Number) : [])));
  const values = new Float32Array(value.data.length), channels = layer.dims[layer.outputAxis] ?? 1, inner = layer.dims.slice(layer.outputAxis + 1).reduce((a, b) => a * b, 1), isScaled = scales.length === 1 || scales.length === channels;
  for (let i = 0; i < values.length; i++) {
    const channel = Math.floor(i / inner) % channels;
    values[i] = (isScaled ? scales[channel % scales.length] : 1) * (Number(value.data[i]) - (zeros[channel % zeros.length] ?? 0));
  }
  return { values, isScaled };
}

const withBorders = (weight: Grid, input: Grid | undefined, output: Grid | undefined): LayerGrids => ({ weight, ...(input && { input }), ...(output && { output }) });

const producerOf = (graph: Graph, name: string): Node | undefined => homeOf(graph, name)?.producers.get(name);

/** The node that rounds what a layer gives, behind its bias and activation. */
function roundingBehind(layer: Node): Node | undefined {
  for (let at = layer, steps = 0; steps <= MOST_BETWEEN; steps++) {
    const next = onlyReader(at.graph, at.outputs[0]);
    if (!next || next.op === "QuantizeLinear") return next;
    if (!BETWEEN.has(next.op)) return undefined;
    at = next;
  }
  return undefined;
}

const gridOf = (model: Model, graph: Graph, node: Node): Promise<Grid | undefined> => gridAt(model, graph, { scale: node.inputs[1], zeroPoint: node.inputs[2] }, intAttribute(node, "axis", 1));

/** @param axis of the value that has a scale for each channel, where there are several */
async function gridAt(model: Model, graph: Graph, { scale, zeroPoint }: GridNames, axis = 0): Promise<Grid | undefined> {
  const scales = scale ? await evaluateConstant(model, graph, scale) : undefined, zeros = zeroPoint ? await evaluateConstant(model, graph, zeroPoint) : undefined;
  if (!scales?.data.length) return undefined;
  const range = (values: Iterable<number | bigint>): [number, number] => { let low = Infinity, high = -Infinity; for (const value of values) { low = Math.min(low, Number(value)); high = Math.max(high, Number(value)); } return [low, high]; };
  return { type: typeName(zeros?.type ?? DataType.UINT8), scales: scales.data.length, scale: range(scales.data), zeroPoint: zeros?.data.length ? range(zeros.data) : [0, 0], ...(scales.data.length > 1 && { axis }) };
}
