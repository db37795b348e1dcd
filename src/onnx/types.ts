import type { Graph } from "./model";
import { DataType } from "./tensor";

/** Operators that make another type than that of their first input, whatever their attributes are. */
const MADE: ReadonlyMap<string, number> = new Map([
  ["DynamicQuantizeLinear", DataType.UINT8], ["ConvInteger", DataType.INT32], ["MatMulInteger", DataType.INT32],
  ...["Shape", "Size", "ArgMax", "ArgMin", "NonZero"].map((op) => [op, DataType.INT64] as const), ...["Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual", "IsNaN", "IsInf"].map((op) => [op, DataType.BOOL] as const),
]);

/** Element types of a graph's values: as the file declares them, otherwise as operators make them of what they read first. */
export function typesOf(graph: Graph): Map<string, number> {
  const types = new Map<string, number>();
  for (const { name, elemType } of [...graph.inputs, ...graph.outputs, ...graph.valueInfo.values()]) if (elemType !== undefined) types.set(name, elemType);
  for (const { name, type } of graph.initializers.values()) types.set(name, type);
  for (const { op, inputs, outputs: [output], attributes } of graph.nodes) {
    if (types.has(output)) continue;
    const type = MADE.get(op) ?? (op === "QuantizeLinear" ? types.get(inputs[2]) ?? DataType.UINT8 : op === "DequantizeLinear" ? types.get(inputs[1]) : op === "Cast" ? attributes.get("to")?.i : op === "Constant" ? attributes.get("value")?.tensor?.type : types.get(inputs[0]));
    if (type !== undefined) types.set(output, type);
  }
  return types;
}
