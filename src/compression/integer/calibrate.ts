import { gridOf } from "../../evaluation/integer/grids";
import type { Grid } from "../../evaluation/integer/program";
import { isOfExtremes, type Range, type RangeKind } from "../../evaluation/ranges";
import { extract } from "../../onnx/extract";
import type { Model } from "../../onnx/model";
import type { Runtime, Tensor } from "../../runtime/runtime";
import { DataType } from "../../onnx/tensor";
import { observe } from "./observe";
import type { IntegerPlan } from "./plan";
import type { Region } from "./regions";

/** The range chosen for a value, and the largest absolute value of each of its channels where it has some. */
export interface Calibrated extends Range { peaks?: Float64Array }

export interface RangeOptions { kind: RangeKind; percentile?: number }

/** Values whose ranges decide the grids: what only moves elements adds nothing. */
export function sourcesOf({ graph, grids, kinds }: IntegerPlan): string[] {
  return [...grids.keys()].filter((name) => { const producer = graph.producers.get(name); return !producer || kinds.get(producer) !== "move"; });
}

/** What the values of each grid span together. */
export function rangesOfGrids({ grids }: IntegerPlan, ranges: ReadonlyMap<string, Range>): Map<string, Range> {
  const all = new Map<string, Range>();
  for (const [name, root] of grids) {
    const range = ranges.get(name), known = all.get(root);
    if (range) all.set(root, known ? { min: Math.min(known.min, range.min), max: Math.max(known.max, range.max) } : range);
  }
  return all;
}

/** The grids of a plan, by the first value of each. */
export const gridsOf = (plan: IntegerPlan, ranges: ReadonlyMap<string, Range>): Map<string, Grid> =>
  new Map(Array.from(rangesOfGrids(plan, ranges), ([root, range]) => [root, gridOf(range, plan.most.get(root))]));

/** Ranges as a training has left those of their grids. */
export function trainedRanges({ plan: { grids }, ranges }: { plan: IntegerPlan; ranges: ReadonlyMap<string, Calibrated> }, trained: ReadonlyMap<string, Range> | undefined): Map<string, Calibrated> {
  return new Map([...ranges].map(([name, range]) => [name, { ...range, ...trained?.get(grids.get(name) ?? "") }]));
}

/** The functions that alone read some of the values, by these. */
function readersOf({ graph, grids, regions }: IntegerPlan, sources: readonly string[]): Map<string, Region> {
  const shared = new Map<string, number>(), readers = new Map<string, Region>();
  for (const root of grids.values()) shared.set(root, (shared.get(root) ?? 0) + 1);
  for (const region of regions.values()) {
    const { from, nodes } = region, isAlone = shared.get(grids.get(from)!) === 1 && !graph.outputs.some(({ name }) => name === from);
    if (sources.includes(from) && isAlone && graph.consumers.get(from)!.every((node) => nodes.includes(node))) readers.set(from, region);
  }
  return readers;
}

/** What a function makes of some points. */
async function responseOf(model: Model, { from, to }: Region, points: Float32Array, runtime: Runtime): Promise<Float32Array> {
  const session = await runtime.open(await extract(model, { inputs: [from], outputs: [to], inputShapes: new Map([[from, { type: DataType.FLOAT, shape: [points.length] }]]) }), { device: "cpu", threads: 1 });
  try {
    return (await session.run({ [from]: { dims: [points.length], data: points } }))[to].data;
  } finally {
    await session.release();
  }
}

/**
 * Runs samples through a model of floats and chooses a range for each of some values. Memory does not grow with the number of samples.
 * Where nothing but a function of one value reads it, the errors that count are those behind that: what it makes alike needs no steps.
 * @throws KernelscopeError "unsupported" where activations are no finite numbers
 */
export async function calibrate(model: Model, plan: IntegerPlan, sources: readonly string[], input: string, batches: AsyncIterable<Tensor> | Iterable<Tensor>, runtime: Runtime, options: RangeOptions, { threads, signal }: { threads?: number; signal?: AbortSignal } = {}): Promise<Map<string, Calibrated>> {
  const observed = await observe(model, sources, input, batches, runtime, { isCounted: !isOfExtremes(options.kind), threads, signal });
  const readers = readersOf(plan, sources), ranges = new Map<string, Calibrated>();
  for (const [name, seen] of observed) {
    const reader = options.kind === "meanSquaredError" ? readers.get(name) : undefined;
    ranges.set(name, { ...seen.range(options.kind, { percentile: options.percentile, response: reader && await responseOf(model, reader, seen.points, runtime) }), peaks: seen.peaks });
  }
  return ranges;
}
