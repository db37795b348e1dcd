/** Values on a uniform symmetric grid: value = (code − zero)·step, codes of `bits` bits, zero = 2^(bits−1). The lowest code is left unused so that the grid is symmetric. */
export interface GridCodes { codes: Uint8Array; step: number; bits: number }

/** The code that stands for 0. */
export const zeroCode = (bits: number): number => 2 ** (bits - 1);

const largestCode = (bits: number): number => 2 ** (bits - 1) - 1;

/**
 * Rounds values to the grid whose step gives the least Σ weight·error²: clipping is searched, not given by the range.
 * @param weights one for every `values.length / weights.length` values in a row
 */
export function roundToGrid(values: Float32Array, bits: number, weights?: ArrayLike<number>): GridCodes {
  let peak = 0;
  for (const v of values) peak = Math.max(peak, Math.abs(v));
  const top = largestCode(bits);
  if (peak === 0) return { codes: new Uint8Array(values.length).fill(zeroCode(bits)), step: 1, bits };
  const per = weights ? values.length / weights.length : values.length;
  const errorOf = (step: number): number => {
    let error = 0;
    for (let i = 0; i < values.length; i++) {
      const q = Math.max(-top, Math.min(top, Math.round(values[i] / step)));
      const e = values[i] - q * step;
      error += e * e * (weights ? weights[Math.floor(i / per)] : 1);
    }
    return error;
  };
  let best = Math.fround(peak / top), bestError = Infinity;
  for (let clip = 1; clip > 0.3; clip -= 0.02) {
    const step = Math.fround(peak * clip / top), error = errorOf(step);
    if (error < bestError) { best = step; bestError = error; }
  }
  return { codes: toCodes(values, best, bits), step: best, bits };
}

/** Nearest codes on a grid of a given step. */
export function toCodes(values: Float32Array, step: number, bits: number): Uint8Array {
  const top = largestCode(bits), zero = zeroCode(bits), codes = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) codes[i] = zero + Math.max(-top, Math.min(top, Math.round(values[i] / step)));
  return codes;
}

/** The values of codes in units of the step: exact small integers. */
export function fromCodes(codes: Uint8Array, bits: number): Float32Array {
  const zero = zeroCode(bits);
  return Float32Array.from(codes, (code) => code - zero);
}
