import type { Range } from "../ranges";
import type { Grid } from "./program";

/** The largest integer of 8 unsigned bits. */
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

/** The nearest integer of a grid, halves to even as QuantizeLinear has it. */
export function toGrid(value: number, { scale, zero }: Grid): number {
  const q = value / scale, low = Math.floor(q), rest = q - low;
  const rounded = rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
  return Math.max(0, Math.min(LEVELS, rounded + zero));
}

/** The grid that shows all of some values. */
export const gridOfValues = (values: Float32Array): Grid => gridOf({ min: values.reduce((a, b) => Math.min(a, b), 0), max: values.reduce((a, b) => Math.max(a, b), 0) });

/** The next smaller float32. */
function below(value: number): number {
  const bits = new Int32Array(Float32Array.of(value).buffer);
  bits[0]--;
  return new Float32Array(bits.buffer)[0];
}
