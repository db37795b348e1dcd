/** A positive factor as m0·2^shift/2³¹, m0 of [2³⁰, 2³¹) (Jacob et al.: arXiv 1712.05877, eq. 6); a left shift where it is 1 or more. */
export interface Multiplier { m0: number; shift: number }

/** The fixed-point form of a factor; a factor of 0, or one that would shift everything away, is 0. */
export function multiplierOf(factor: number): Multiplier {
  if (!(factor > 0)) return { m0: 0, shift: 0 };
  let shift = Math.max(-1074, Math.floor(Math.log2(factor)) + 1), m0 = Math.round(factor / 2 ** shift * 2 ** 31);
  if (m0 === 2 ** 31) { m0 /= 2; shift++; }
  if (m0 < 2 ** 30) { shift--; m0 = Math.round(factor / 2 ** shift * 2 ** 31); }
  if (shift < -31) return { m0: 0, shift: 0 };
  if (shift > 30) throw new RangeError(`a factor of ${factor}`);
  return { m0, shift };
}

/** x·m0·2^shift/2³¹ in the rounding of gemmlowp: the product, halves up, then the shift, halves away from zero. What the WebAssembly kernel does, for few numbers. */
export function scaleInteger(x: number, { m0, shift }: Multiplier): number {
  const left = shift > 0 ? Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, x * 2 ** shift)) : x;
  const high = Number((BigInt(left) * BigInt(m0) + (1n << 30n)) >> 31n);
  if (shift >= 0) return high;
  const half = 2 ** (-shift - 1), rest = high - Math.floor(high / (2 * half)) * (2 * half);
  // halves away from zero, as integers are shifted
  return Math.floor(high / (2 * half)) + (rest > half - 1 + (high < 0 ? 1 : 0) ? 1 : 0);
}
