import { outputsOf } from "../methods/rows";
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

/** Factors that bring rows of a model with these gains into the units of the original's weights. A channel that is silent in either is seen by nobody: the factor that fits it best. */
export function relativeGains(rows: Float32Array, own: ArrayLike<number>, original: Float32Array, gains: ArrayLike<number>): Float64Array {
  const n = rows.length / own.length;
  return Float64Array.from({ length: own.length }, (_, m) => {
    if (own[m] !== 0 && gains[m] !== 0) return own[m] / gains[m];
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
