import { countOf, storedDims } from "./graph";
import type { Parameter } from "./step";

/** Where the weights of an output channel, or of as many as a block holds, lie in a tensor as it is stored. */
export interface RowPlaces {
  rows: number;
  /** Output channels of a row. */
  span: number;
  /** Weights of a row. */
  inputs: number;
  /** [inputs] of the first row, in the order of the network: kernels whole, one input channel after the other, then the next output channel. */
  first: Int32Array;
  /** From one row to the next. */
  step: number;
}

/**
 * @param outputAxis the axis of the weight's output channels, 0 or 1
 * @param block weights that belong together: where an output channel has fewer, rows are of several
 */
export function rowPlaces(parameter: Parameter, outputAxis: number, block = 1): RowPlaces {
  const { dims, order } = parameter, stored = storedDims({ dims, order }), outputs = dims[outputAxis], own = countOf(dims) / outputs, span = Math.max(1, block / own);
  const strides = dims.map((_, axis) => countOf(stored.slice((order ? order.indexOf(axis) : axis) + 1)));
  const inputAxis = 1 - outputAxis, taps = tapOffsets(dims.slice(2), strides.slice(2));
  const first = Int32Array.from({ length: span * own }, (_, j) => Math.floor(j / own) * strides[outputAxis] + Math.floor(j % own / taps.length) * strides[inputAxis] + taps[j % taps.length]);
  return { rows: outputs / span, span, inputs: span * own, step: span * strides[outputAxis], first };
}

/** The first row's output channel that a place belongs to. */
export const channelAt = ({ span, inputs }: RowPlaces, place: number): number => Math.floor(place * span / inputs);

/** Where each tap of a kernel lies, in the order of the network. */
function tapOffsets(size: readonly number[], strides: readonly number[]): number[] {
  return size.reduce<number[]>((places, length, axis) => places.flatMap((place) => Array.from({ length }, (_, k) => place + k * strides[axis])), [0]);
}
