import { countOf, storedDims } from "./graph";
import type { Parameter } from "./step";

/** Where the weights of an output channel lie in a tensor as it is stored. */
export interface RowPlaces {
  outputs: number;
  /** Weights of one output channel. */
  inputs: number;
  /** [inputs] of the first output channel, in the order of the network: kernels whole, one input channel after the other. */
  first: Int32Array;
  /** From one output channel to the next. */
  step: number;
}

/** @param outputAxis the axis of the weight's output channels, 0 or 1 */
export function rowPlaces(parameter: Parameter, outputAxis: number): RowPlaces {
  const { dims, order } = parameter, stored = storedDims({ dims, order }), outputs = dims[outputAxis], inputs = countOf(dims) / outputs;
  const strides = dims.map((_, axis) => countOf(stored.slice((order ? order.indexOf(axis) : axis) + 1)));
  const inputAxis = 1 - outputAxis, taps = tapOffsets(dims.slice(2), strides.slice(2));
  return { outputs, inputs, step: strides[outputAxis], first: Int32Array.from({ length: inputs }, (_, j) => Math.floor(j / taps.length) * strides[inputAxis] + taps[j % taps.length]) };
}

/** Where each tap of a kernel lies, in the order of the network. */
function tapOffsets(size: readonly number[], strides: readonly number[]): number[] {
  return size.reduce<number[]>((places, length, axis) => places.flatMap((place) => Array.from({ length }, (_, k) => place + k * strides[axis])), [0]);
}
