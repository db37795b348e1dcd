/** An affine map of integers: (A·q + B) >> k, kept within the output's bounds. */
export interface FixedAffine {
  a: number;
  b: number;
  shift: number;
  /** Inputs for which another integer comes out than exact arithmetic gives; none where the search succeeded. */
  exceptions: number[];
}

export interface Bounds { min: number; max: number }

export interface AffineOptions {
  /** Bits of A, with its sign. */
  bits?: number;
  mostShift?: number;
}

/** More inputs than these are looked at only where the output changes. */
const ALL_INPUTS = 1024;
const INT32 = 2 ** 31;

/** x as a whole number over a power of two, exactly. */
function exact(x: number): { n: bigint; d: bigint } {
  let d = 1n;
  while (!Number.isInteger(x)) { x *= 2; d *= 2n; }
  return { n: BigInt(x), d };
}

/**
 * round(slope·q + offset) with halves to even, in exact arithmetic of the doubles given, for every q asked for.
 * @returns whole numbers, not yet kept within bounds
 */
export function exactAffine(slope: number, offset: number): (q: number) => number {
  const a = exact(slope), b = exact(offset), d = a.d > b.d ? a.d : b.d, n = a.n * (d / a.d), m = b.n * (d / b.d);
  return (q) => {
    const value = n * BigInt(q) + m, floor = value >= 0n ? value / d : -((-value + d - 1n) / d), rest = 2n * (value - floor * d);
    return Number(rest > d || (rest === d && floor % 2n !== 0n) ? floor + 1n : floor);
  };
}

/**
 * Batch normalization as integers (Lin, Sun, Xie, Zhou, Zhang: arXiv 2008.13128): the smallest shift k for which whole A and B give, for every input, what exact arithmetic of slope and offset gives,
 * rounded to even. Each input q confines A·q + B to an interval of length 2^k, open to one side where the output is at a bound; two of them confine A, and all of them B.
 * Where no A of the bits allowed does, the one with the fewest wrong outputs is taken and they are listed.
 * @param inputs all inputs that may come, from the least to the largest
 */
export function fixedAffine(slope: number, offset: number, inputs: Bounds, outputs: Bounds, { bits = 16, mostShift = 24 }: AffineOptions = {}): FixedAffine {
  const wanted = exactAffine(slope, offset), clamped = (q: number) => Math.max(outputs.min, Math.min(outputs.max, wanted(q)));
  const points = pointsOf(inputs, clamped, slope), levels = points.map(clamped), largest = 2 ** (bits - 1) - 1;
  const shifts = Array.from({ length: mostShift + 1 }, (_, shift) => shift).filter((shift) => shift === 0 || Math.abs(slope) * 2 ** shift <= largest + 1);
  for (const shift of shifts) {
    const found = solve(points, levels, outputs, shift, slope, largest, inputs);
    if (found) return { ...found, shift, exceptions: [] };
  }
  let last: FixedAffine | undefined;
  for (const shift of shifts) {
    const nearest = least(points, levels, outputs, shift, slope, largest, inputs);
    if (nearest && (!last || nearest.exceptions.length < last.exceptions.length)) last = nearest;
  }
  return last ?? { a: 0, b: 0, shift: 0, exceptions: points.filter((_, i) => levels[i] !== Math.max(outputs.min, Math.min(outputs.max, 0))) };
}

/** All inputs, or those before and behind each change of the output. */
function pointsOf({ min, max }: Bounds, level: (q: number) => number, slope: number): number[] {
  if (max - min < ALL_INPUTS) return Array.from({ length: max - min + 1 }, (_, i) => min + i);
  const points = new Set([min, max]), rising = slope >= 0;
  const split = (low: number, high: number) => {
    if (high - low <= 1 || level(low) === level(high)) {
      points.add(low).add(high);
      return;
    }
    const middle = Math.floor((low + high) / 2);
    split(low, middle);
    split(middle, high);
  };
  split(min, max);
  return [...points].sort((a, b) => (rising ? a - b : b - a));
}

/** The interval [low, high] of whole numbers in which A·q + B has to lie. */
const intervalOf = (level: number, { min, max }: Bounds, shift: number): [low: number, high: number] => [level === min ? -Infinity : level * 2 ** shift, level === max ? Infinity : (level + 1) * 2 ** shift - 1];

function solve(points: readonly number[], levels: readonly number[], outputs: Bounds, shift: number, slope: number, largest: number, inputs: Bounds): { a: number; b: number } | undefined {
  const spans = levels.map((level) => intervalOf(level, outputs, shift));
  let low = -largest, high = largest;
  for (let i = 0; i < points.length; i++) for (let j = 0; j < points.length; j++) {
    const apart = points[j] - points[i];
    if (apart === 0 || spans[i][0] === -Infinity || spans[j][1] === Infinity) continue;
    // low_i − A·q_i ≤ B ≤ high_j − A·q_j
    const bound = (spans[j][1] - spans[i][0]) / apart;
    if (apart > 0) high = Math.min(high, Math.floor(bound));
    else low = Math.max(low, Math.ceil(bound));
    if (low > high) return undefined;
  }
  const a = Math.max(low, Math.min(high, Math.round(slope * 2 ** shift))), [from, to] = offsets(points, spans, a);
  if (from > to) return undefined;
  const b = from === -Infinity ? (to === Infinity ? 0 : to) : to === Infinity ? from : Math.floor((from + to) / 2);
  return fits(a, b, inputs) ? { a, b } : undefined;
}

/** Within which B has to lie for an A. */
function offsets(points: readonly number[], spans: readonly (readonly [number, number])[], a: number): [number, number] {
  let from = -Infinity, to = Infinity;
  points.forEach((q, i) => {
    from = Math.max(from, spans[i][0] - a * q);
    to = Math.min(to, spans[i][1] - a * q);
  });
  return [from, to];
}

const fits = (a: number, b: number, { min, max }: Bounds): boolean => [a * min + b, a * max + b, b].every((v) => v >= -INT32 && v < INT32);

/** The B that suits most inputs for the nearest A. */
function least(points: readonly number[], levels: readonly number[], outputs: Bounds, shift: number, slope: number, largest: number, inputs: Bounds): FixedAffine | undefined {
  const a = Math.max(-largest, Math.min(largest, Math.round(slope * 2 ** shift))), spans = levels.map((level) => intervalOf(level, outputs, shift));
  const ends = spans.flatMap(([low, high], i) => [low - a * points[i], high - a * points[i]]).filter((v) => Number.isFinite(v));
  let best: FixedAffine | undefined;
  for (const b of new Set(ends)) {
    if (!fits(a, b, inputs)) continue;
    const exceptions = points.filter((q, i) => a * q + b < spans[i][0] || a * q + b > spans[i][1]);
    if (!best || exceptions.length < best.exceptions.length) best = { a, b, shift, exceptions };
  }
  return best;
}
