import { evaluateConstant, homeOf } from "./constants";
import type { Layer } from "./layers";
import { type Graph, intAttribute, isStandardDomain, type Model, type Node } from "./model";
import { DataType, typeName } from "./tensor";
import type { Grid, LayerGrids } from "../protocol/report";

/** The grids of integers that a file gives its layers, as scale · (integer − zero point): in operators on integers, or in pairs that quantize and dequantize around operators on floats. */

/** Places of what an operator reads: values, their scales, their zero points. */
type Place = [scale: number, zeroPoint: number];
/** Inputs of operators on integers by what they read: data, weight, and what comes out. */
const QUANTIZED: ReadonlyMap<string, { data: Place; weight: Place; output?: Place }> = new Map([
  ["QLinearConv", { data: [1, 2], weight: [4, 5], output: [6, 7] }], ["QLinearMatMul", { data: [1, 2], weight: [4, 5], output: [6, 7] }],
]);
/** What stands between a layer and the node that rounds what comes out. */
const MOST_BETWEEN = 4, BETWEEN = new Set(["Relu", "Clip", "LeakyRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Add", "Mul", "BatchNormalization", "Reshape", "Flatten", "Squeeze", "Transpose"]);

/** The grids of a layer's weight, and of what comes in and goes out where those are constants; undefined where its weight is floats. */
export async function gridsOf(model: Model, layer: Layer): Promise<LayerGrids | undefined> {
  const [node] = layer.consumers, quantized = isStandardDomain(node.domain) ? QUANTIZED.get(node.op) : undefined;
  if (quantized) {
    const grid = async ([scale, zeroPoint]: Place, axis?: number): Promise<Grid | undefined> => gridAt(model, layer.graph, node.inputs[scale], node.inputs[zeroPoint], axis);
    const weight = await grid(quantized.weight, layer.outputAxis);
    return weight && withBorders(weight, await grid(quantized.data), quantized.output && await grid(quantized.output));
  }
  const made = layer.chain ? undefined : producerOf(layer.graph, layer.weight), weight = made?.op === "DequantizeLinear" ? await gridOf(model, layer.graph, made) : undefined;
  if (!weight) return undefined;
  const input = producerOf(layer.graph, node.inputs[0] === layer.weight ? node.inputs[1] ?? "" : node.inputs[0]), rounding = roundingBehind(node);
  return withBorders(weight, input?.op === "DequantizeLinear" ? await gridOf(model, layer.graph, input) : undefined, rounding && await gridOf(model, layer.graph, rounding));
}

const withBorders = (weight: Grid, input: Grid | undefined, output: Grid | undefined): LayerGrids => ({ weight, ...(input && { input }), ...(output && { output }) });

const producerOf = (graph: Graph, name: string): Node | undefined => homeOf(graph, name)?.producers.get(name);

/** The node that rounds what a layer gives, behind its bias and activation. */
function roundingBehind(layer: Node): Node | undefined {
  for (let at = layer, steps = 0; steps <= MOST_BETWEEN; steps++) {
    const readers = at.graph.consumers.get(at.outputs[0]) ?? [];
    if (readers.length !== 1) return undefined;
    [at] = readers;
    if (at.op === "QuantizeLinear") return at;
    if (!BETWEEN.has(at.op)) return undefined;
  }
  return undefined;
}

const gridOf = (model: Model, graph: Graph, node: Node): Promise<Grid | undefined> => gridAt(model, graph, node.inputs[1], node.inputs[2], intAttribute(node, "axis", 1));

/** @param axis of the value that has a scale for each channel, where there are several */
async function gridAt(model: Model, graph: Graph, scale: string | undefined, zeroPoint: string | undefined, axis = 0): Promise<Grid | undefined> {
  const scales = scale ? await evaluateConstant(model, graph, scale) : undefined, zeros = zeroPoint ? await evaluateConstant(model, graph, zeroPoint) : undefined;
  if (!scales?.data.length) return undefined;
  const range = (values: Iterable<number | bigint>): [number, number] => { let low = Infinity, high = -Infinity; for (const value of values) { low = Math.min(low, Number(value)); high = Math.max(high, Number(value)); } return [low, high]; };
  return { type: typeName(zeros?.type ?? DataType.UINT8), scales: scales.data.length, scale: range(scales.data), zeroPoint: zeros?.data.length ? range(zeros.data) : [0, 0], ...(scales.data.length > 1 && { axis }) };
}
