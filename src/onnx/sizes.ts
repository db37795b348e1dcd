import type { ConstantValue } from "./arrays";
import type { Graph } from "./model";
import type { Facts } from "./shapes";
import { DataType } from "./tensor";

/** Values that nodes make of sizes and small constants alone, as far as facts tell them. */
export function knownSizes(graph: Graph, facts: ReadonlyMap<string, Facts>): Map<string, ConstantValue> {
  const known = new Map<string, ConstantValue>();
  for (const name of graph.producers.keys()) {
    const { shape, values, isFloat } = facts.get(name) ?? {};
    if (!shape || !values || ![...shape, ...values].every((value) => typeof value === "number")) continue;
    const dims = shape.map(Number), numbers = values.map(Number);
    // "to the end" is more than a number holds exactly: such a constant is read as it is
    if (!isFloat && !numbers.every(Number.isSafeInteger)) continue;
    known.set(name, isFloat ? { dims, type: DataType.FLOAT, data: Float32Array.from(numbers) } : { dims, type: DataType.INT64, data: BigInt64Array.from(numbers, (value) => BigInt(Math.trunc(value))) });
  }
  return known;
}
