import { inputsOf, kernelSize, outputsOf } from "../methods/rows";
import type { Layer } from "../onnx/layers";
import type { Model } from "../onnx/model";
import { followOf } from "./follow";

/**
 * A layer's weights as inference sees them: each output channel with the factor that the normalization behind it gives. Two models' weights can be compared only so,
 * for a compressed one's normalization holds a part of its weights' scale, and what brings the channel's variance back to the original's.
 */
export async function gainsOf(model: Model, layer: Layer): Promise<Float64Array> {
  const normalization = (await followOf(model, layer))?.normalization;
  return Float64Array.from({ length: outputsOf(layer) }, (_, m) => (normalization ? normalization.scale.values[m] / normalization.deviation[m] : 1));
}

/** Share of a layer's largest gain below which a channel is as good as silent: training leaves 0.000001 where it has given a channel up. */
const SILENT = 1e-3;

/** Factors that bring rows of a model with these gains into the units of the original's weights. A channel that is silent in either is seen by nobody: the factor that fits it best. */
export function relativeGains(rows: Float32Array, own: ArrayLike<number>, original: Float32Array, gains: ArrayLike<number>): Float64Array {
  const n = rows.length / own.length, least = SILENT * Array.from(gains).reduce((most, gain) => Math.max(most, Math.abs(gain)), 0);
  return Float64Array.from({ length: own.length }, (_, m) => {
    if (own[m] !== 0 && Math.abs(gains[m]) > least) return own[m] / gains[m];
    let wanted = 0, have = 0;
    for (let j = m * n; j < (m + 1) * n; j++) {
      wanted += rows[j] * original[j];
      have += rows[j] * rows[j];
    }
    return have > 0 ? wanted / have : 1;
  });
}

/** Signal to quantization noise in dB of rows as inference sees them against the original's; infinite where nothing is lost. */
export function sqnr(original: Float32Array, seen: Float32Array): number {
  let signal = 0, noise = 0;
  for (let i = 0; i < original.length; i++) {
    signal += original[i] ** 2;
    noise += (original[i] - seen[i]) ** 2;
  }
  return noise > 0 ? 10 * Math.log10(signal / noise) : Infinity;
}

/** Rounds in which factors of output and input channels answer each other; they settle at once where they are all that differs. */
const ROUNDS = 8;

/**
 * Factors of output and input channels that bring rows nearest to the original's. A network of integers has channels of like ranges: what one layer's outputs were divided by,
 * the next one's inputs are multiplied by, so weights can be compared up to such factors only. Input channels of grouped layers have none.
 */
export function channelFactors(layer: Layer, original: Float32Array, rows: Float32Array): { outputs: Float64Array; inputs: Float64Array } {
  const size = kernelSize(layer), n = inputsOf(layer), isGrouped = layer.groups > 1, outputs = new Float64Array(outputsOf(layer)).fill(1), inputs = new Float64Array(isGrouped ? 1 : n / size).fill(1);
  const fit = (factors: Float64Array, others: Float64Array, own: (i: number) => number, other: (i: number) => number): void => {
    const wanted = new Float64Array(factors.length), have = new Float64Array(factors.length);
    for (let i = 0; i < rows.length; i++) {
      const v = rows[i] * others[other(i)];
      wanted[own(i)] += v * original[i];
      have[own(i)] += v * v;
    }
    factors.forEach((_, c) => { factors[c] = have[c] > 0 && wanted[c] > 0 ? wanted[c] / have[c] : 1; });
  };
  const output = (i: number) => Math.floor(i / n), input = isGrouped ? () => 0 : (i: number) => Math.floor(i % n / size);
  for (let round = 0; round < ROUNDS; round++) {
    fit(outputs, inputs, output, input);
    if (!isGrouped) fit(inputs, outputs, input, output);
  }
  return { outputs, inputs };
}

/** Rows whose channels have these factors. */
export function withFactors(layer: Layer, rows: Float32Array, { outputs, inputs }: { outputs?: ArrayLike<number>; inputs: ArrayLike<number> }, power: 1 | -1 = 1): Float32Array {
  const size = kernelSize(layer), n = inputsOf(layer);
  return rows.map((v, i) => { const factor = (outputs?.[Math.floor(i / n)] ?? 1) * (inputs.length > 1 ? inputs[Math.floor(i % n / size)] : inputs[0]); return power === 1 ? v * factor : v / factor; });
}
