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
 * Alternating least squares on what the kernels of two channels have in common, and on their squares: all that the sums over weights depend on.
 */
export function channelFactors(layer: Layer, original: Float32Array, rows: Float32Array): { outputs: Float64Array; inputs: Float64Array } {
  const isGrouped = layer.groups > 1, m = outputsOf(layer), n = inputsOf(layer), size = isGrouped ? n : kernelSize(layer), channels = n / size;
  const common = sumsOf(m * channels, size, (i) => rows[i] * original[i]), squares = sumsOf(m * channels, size, (i) => rows[i] ** 2);
  const outputs = new Float64Array(m).fill(1), inputs = new Float64Array(channels).fill(1);
  for (let round = 0; round < ROUNDS; round++) {
    answer(outputs, inputs, (k, c) => k * channels + c, common, squares);
    if (!isGrouped) answer(inputs, outputs, (c, k) => k * channels + c, common, squares);
  }
  return { outputs, inputs };
}

/** Sums of so many stretches of a size. */
const sumsOf = (count: number, size: number, value: (i: number) => number): Float64Array => Float64Array.from({ length: count }, (_, stretch) => {
  let sum = 0;
  for (let i = stretch * size; i < (stretch + 1) * size; i++) sum += value(i);
  return sum;
});

/** The best factors of one kind of channels, given those of the other. @param at where a pair of the two has its sums */
function answer(own: Float64Array, others: Float64Array, at: (own: number, other: number) => number, common: Float64Array, squares: Float64Array): void {
  for (let k = 0; k < own.length; k++) {
    let wanted = 0, have = 0;
    for (let c = 0; c < others.length; c++) {
      const pair = at(k, c);
      wanted += others[c] * common[pair];
      have += others[c] ** 2 * squares[pair];
    }
    own[k] = have > 0 && wanted > 0 ? wanted / have : 1;
  }
}

/** Rows whose channels have these factors. */
export function withFactors(layer: Layer, rows: Float32Array, { outputs, inputs }: { outputs?: ArrayLike<number>; inputs: ArrayLike<number> }, power: 1 | -1 = 1): Float32Array {
  const n = inputsOf(layer), size = inputs.length > 1 ? kernelSize(layer) : n, channels = n / size, scaled = new Float32Array(rows.length);
  for (let pair = 0; pair < rows.length / size; pair++) {
    const factor = (outputs?.[Math.floor(pair / channels)] ?? 1) * inputs[pair % channels];
    for (let i = pair * size; i < (pair + 1) * size; i++) scaled[i] = power === 1 ? rows[i] * factor : rows[i] / factor;
  }
  return scaled;
}
