import type { Layer } from "../onnx/layers";
import type { WeightRows } from "./method";

/** Output channels of a layer. */
export const outputsOf = (layer: Layer): number => layer.dims[layer.outputAxis];

/** Weights that one output channel sees. */
export const inputsOf = (layer: Layer): number => layer.parameters / outputsOf(layer);

/** Weights of one kernel; 1 for linear layers. */
export const kernelSize = (layer: Layer): number => layer.dims.slice(2).reduce((a, b) => a * b, 1);

/** Brings a weight [M, C, …] or [C, M, …] into rows by output channel. */
export function toRows(layer: Layer, weight: Float32Array): WeightRows {
  const outputs = outputsOf(layer), inputs = inputsOf(layer);
  return { values: layer.outputAxis === 0 ? weight : swapAxes(weight, layer.dims[0], outputs, kernelSize(layer)), outputs, inputs };
}

/** The inverse of {@link toRows}. */
export function fromRows(layer: Layer, rows: Float32Array): Float32Array {
  return layer.outputAxis === 0 ? rows : swapAxes(rows, outputsOf(layer), layer.dims[0], kernelSize(layer));
}

function swapAxes(values: Float32Array, first: number, second: number, rest: number): Float32Array {
  const swapped = new Float32Array(values.length);
  for (let a = 0; a < first; a++) {
    for (let b = 0; b < second; b++) {
      const from = (a * second + b) * rest;
      swapped.set(values.subarray(from, from + rest), (b * first + a) * rest);
    }
  }
  return swapped;
}

/** Multiplies each row by its factor into a new array. */
export function scaleRows(rows: Float32Array, scale: ArrayLike<number>, power: 1 | -1 = 1): Float32Array<ArrayBuffer> {
  const scaled = new Float32Array(rows.length);
  scaleRowsInto(scaled, rows, scale, power);
  return scaled;
}

/** {@link scaleRows} in memory that is there. */
export function scaleRowsInto(scaled: Float32Array, rows: Float32Array, scale: ArrayLike<number>, power: 1 | -1 = 1): void {
  const n = rows.length / scale.length;
  for (let m = 0; m < scale.length; m++) {
    const factor = power === 1 ? scale[m] : 1 / scale[m];
    for (let j = m * n; j < (m + 1) * n; j++) scaled[j] = rows[j] * factor;
  }
}
