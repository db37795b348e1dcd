import type { ModelEdit, TensorData } from "../edit";
import { bitsOf, DataType, readRaw, type Tensor } from "../tensor";
import type { Channels, CountingNode } from "./channels";

/** The version of the standard operators in which Split takes its lengths as an input. */
const LENGTHS_AS_INPUT = 13;

/** Places along an axis that stay when some channels leave. */
export function keptOf(channels: Int32Array, gone: ReadonlySet<number>): number[] {
  const kept: number[] = [];
  channels.forEach((channel, i) => { if (!gone.has(channel)) kept.push(i); });
  return kept;
}

/**
 * Takes channels out of a model: their entries in weights and in what belongs to channels, and from what nodes say of numbers of channels. The result computes what the model does
 * when nobody reads these channels. Every layer has to keep one.
 * @param changed constants in place of the model's, by name, in the sizes that the model has
 */
export async function removeChannels({ layers, vectors, countings, values }: Channels, gone: ReadonlySet<number>, edit: ModelEdit, changed: ReadonlyMap<string, TensorData> = new Map()): Promise<void> {
  const { model, model: { graph } } = edit, left = new Map(changed);
  const replace = async (name: string, tensor: Tensor, axes: readonly [axis: number, channels: Int32Array | undefined][]): Promise<void> => {
    const known = left.get(name), cuts = axes.flatMap(([axis, channels]) => (channels?.some((channel) => gone.has(channel)) ? [{ axis, kept: keptOf(channels, gone) }] : []));
    left.delete(name);
    if (!cuts.length && !known) return;
    let { dims } = tensor, raw = known?.raw ?? await readRaw(model, tensor);
    for (const { axis, kept } of cuts) {
      if (!kept.length) throw new RangeError(`${name} would have no channels.`);
      raw = cut(raw, dims, axis, kept, bitsOf(tensor.type) / 8);
      dims = dims.map((dim, at) => (at === axis ? kept.length : dim));
    }
    edit.replaceInitializer(graph, name, { name, dims, type: tensor.type, raw });
  };
  for (const [{ weight, tensor, consumers: [node], outputAxis }, { outputs, inputs, perGroup }] of layers) {
    await replace(weight, tensor!, [[outputAxis, outputs], [1 - outputAxis, inputs]]);
    if (perGroup !== undefined && outputs?.some((channel) => gone.has(channel))) edit.setAttribute(node, "group", keptOf(outputs, gone).length / perGroup);
  }
  for (const { name, tensor, axis, channels } of vectors) await replace(name, tensor, [[axis, channels]]);
  for (const [name, data] of left) edit.replaceInitializer(graph, name, data);
  for (const counting of countings) recount(edit, counting, gone);
  for (const name of values) edit.undeclare(graph, name);
}

/** Elements along an axis that stay. */
function cut(raw: Uint8Array, dims: readonly number[], axis: number, kept: readonly number[], elementBytes: number): Uint8Array {
  const inner = dims.slice(axis + 1).reduce((a, b) => a * b, elementBytes), outer = dims.slice(0, axis).reduce((a, b) => a * b, 1), out = new Uint8Array(outer * kept.length * inner);
  for (let o = 0, to = 0; o < outer; o++) for (const at of kept) {
    const from = (o * dims[axis] + at) * inner;
    out.set(raw.subarray(from, from + inner), to);
    to += inner;
  }
  return out;
}

/** Gives a node that counts channels the numbers that are left. */
function recount(edit: ModelEdit, counting: CountingNode, gone: ReadonlySet<number>): void {
  const { node } = counting, countOf = (channels: Int32Array): number => keptOf(channels, gone).length;
  const give = (input: number, numbers: number[]): void => {
    const name = edit.freshName();
    edit.addInitializer(node.graph, { name, dims: [numbers.length], type: DataType.INT64, int64s: numbers });
    edit.setNodeInputs(node, Array.from({ length: Math.max(input + 1, node.inputs.length) }, (_, i) => (i === input ? name : node.inputs[i] ?? "")));
  };
  if (counting.kind === "shape") {
    const { channels, shape, input } = counting, count = countOf(channels);
    if (count < channels.length) give(input, shape.map((dim, axis) => (axis === 1 ? count : dim)));
  } else if (counting.kind === "pads") {
    const { before, after, pads } = counting, counts = [countOf(before), countOf(after)], rank = pads.length / 2;
    if (counts[0] === before.length && counts[1] === after.length) return;
    const numbers = pads.map((pad, i) => (i === 1 ? counts[0] : i === rank + 1 ? counts[1] : pad));
    if (node.inputs[1]) give(1, numbers);
    else edit.setAttribute(node, "pads", numbers);
  } else {
    const lengths = counting.parts.map(countOf);
    if (lengths.every((length, i) => length === counting.parts[i].length)) return;
    edit.setAttribute(node, "num_outputs", undefined);
    if (edit.model.opset >= LENGTHS_AS_INPUT) give(1, lengths);
    else edit.setAttribute(node, "split", lengths);
  }
}
