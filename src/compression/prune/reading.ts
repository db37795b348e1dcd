import type { LayerChannels } from "../../onnx/channels/channels";
import type { Layer } from "../../onnx/layers";
import { kernelSize, outputsOf } from "../../methods/rows";
import type { Follow, OwnVector } from "../follow";

/** Places of each channel in a row of the layer's weight, as far as they are asked for. */
export function columnsOf(layer: Layer, inputs: Int32Array, wanted: ReadonlySet<number>): Map<number, number[]> {
  const size = kernelSize(layer), columns = new Map<number, number[]>();
  inputs.forEach((channel, entry) => {
    if (!wanted.has(channel)) return;
    const places = columns.get(channel) ?? [];
    for (let i = 0; i < size; i++) places.push(entry * size + i);
    columns.set(channel, places);
  });
  return columns;
}

/** Inputs of a layer that stay, ascending. */
export const keptInputs = ({ inputs }: LayerChannels, gone: ReadonlySet<number>): Uint32Array => Uint32Array.from((inputs ?? new Int32Array()).keys()).filter((entry) => !gone.has(inputs![entry]));

/** Whether a layer reads a channel that is gone. */
export const reads = ({ inputs }: LayerChannels, gone: ReadonlySet<number>): boolean => inputs?.some((channel) => gone.has(channel)) === true;

/** What stands behind a layer where each output is moved by an offset. */
export function moved(follow: Follow | undefined, offset: ArrayLike<number>): OwnVector[] {
  const { normalization, bias } = follow ?? {};
  if (normalization) return [{ ...normalization.mean, values: normalization.mean.values.map((mean, m) => mean - offset[m]) }];
  return bias ? [{ ...bias, values: bias.values.map((b, m) => b + offset[m]) }] : [];
}

/** Whether something behind a layer takes up what its outputs are off by on average. */
export const takesOffsets = (follow: Follow | undefined): boolean => follow?.normalization !== undefined || follow?.bias !== undefined;

/** Σ over a row of (from − to)·mean: what each output is off by. */
export function offsetsOf(layer: Layer, from: Float32Array, to: Float32Array, mean: ArrayLike<number>): Float64Array {
  const n = mean.length;
  return Float64Array.from({ length: outputsOf(layer) }, (_, m) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += (from[m * n + i] - to[m * n + i]) * mean[i];
    return sum;
  });
}
