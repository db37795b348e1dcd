import type { Range } from "../../evaluation/ranges";

/** Real value = scale · (q − zero), q of 0 … 255 (Jacob et al.: arXiv 1712.05877, eq. 1). */
export interface Grid { scale: number; zero: number }

export const LEVELS = 255;

/**
 * The grid of 8 unsigned bits that shows a range, zero exactly. A range that begins or ends at zero has the first or last integer there, so that clamping to the type is its rectifier.
 * The largest value shown never lies above `most`, behind which the network clips.
 */
export function gridOf({ min, max }: Range, most = Infinity): Grid {
  let scale = Math.fround((max - min) / LEVELS);
  if (!(scale > 1.2e-38)) return { scale: 1, zero: 0 };
  const zero = Math.max(0, Math.min(LEVELS, Math.round(-min / scale)));
  while (Math.fround(scale * (LEVELS - zero)) > most) scale = below(scale);
  return { scale, zero };
}

/** The next smaller float32. */
function below(value: number): number {
  const bits = new Int32Array(Float32Array.of(value).buffer);
  bits[0]--;
  return new Float32Array(bits.buffer)[0];
}
