import { analyse, synthesise } from "../numeric/fast-wavelet";
import type { WaveletValues } from "./wavelet-model";
import { permutationOf, type PermutationSeed } from "./wavelet-permutation";
import { transformsOf, type WaveletShape } from "./wavelet-shape";

/** The matrix that a layer stands for, [outputs, inputs]: for comparisons only, no file holds it. */
export function denseRows(shape: WaveletShape, values: WaveletValues, permutation: PermutationSeed): Float32Array {
  const { inputs, outputs, size, stacked, groups } = shape, { filters, before, between, after } = values, rows = new Float32Array(outputs * inputs);
  const order = permutationOf(permutation, transformsOf(shape), size), unit = new Float32Array(size), mixed = new Float32Array(size);
  for (let column = 0; column < inputs; column++) {
    unit.fill(0);
    unit[column] = 1;
    const coefficients = analyse(unit, groups, filters);
    for (let transform = 0; transform < transformsOf(shape); transform++) {
      const factor = before[transform * inputs + column], first = transform % stacked * size, sum = Math.floor(transform / stacked) * outputs;
      for (let i = 0; i < size; i++) mixed[i] = factor * coefficients[order[transform * size + i]] * between[transform * size + i];
      const signal = synthesise(mixed, groups, filters);
      for (let i = 0; i < Math.min(size, outputs - first); i++) rows[(first + i) * inputs + column] += after[sum + first + i] * signal[i];
    }
  }
  return rows;
}
