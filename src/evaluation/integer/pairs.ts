import { multiplierOf, scaleInteger } from "../../numeric/fixed-point";
import type { Grid, JoinStep, PairStep } from "./program";

const LEVELS = 256;
/** Bits by which sums of two grids are brought forward before they are rounded (TensorFlow Lite's Add). */
const SUM_SHIFT = 20;

type Pair = Pick<PairStep, "arithmetic" | "table">;

/** TensorFlow Lite's integer Add: both on one finer grid, then to the output's. */
export function sumOf(a: Grid, b: Grid, out: Grid): Pair {
  const twice = 2 * Math.max(a.scale, b.scale), first = multiplierOf(a.scale / twice), second = multiplierOf(b.scale / twice), last = multiplierOf(twice / (2 ** SUM_SHIFT * out.scale));
  const finer = ({ zero }: Grid, factor: typeof first) => Int32Array.from({ length: LEVELS }, (_, q) => scaleInteger((q - zero) * 2 ** SUM_SHIFT, factor)), x = finer(a, first), y = finer(b, second);
  return { arithmetic: { of: "sum", leftShift: SUM_SHIFT, operands: [first, second], result: last }, table: pairs((i, j) => scaleInteger(x[i] + y[j], last) + out.zero) };
}

export function productOf(a: Grid, b: Grid, out: Grid): Pair {
  const result = multiplierOf(a.scale * b.scale / out.scale);
  return { arithmetic: { of: "product", result }, table: pairs((i, j) => scaleInteger((i - a.zero) * (j - b.zero), result) + out.zero) };
}

function pairs(f: (i: number, j: number) => number): Uint8Array {
  const table = new Uint8Array(LEVELS * LEVELS);
  for (let i = 0; i < LEVELS; i++) for (let j = 0; j < LEVELS; j++) table[LEVELS * i + j] = Math.max(0, Math.min(LEVELS - 1, f(i, j)));
  return table;
}

/** The integers that a function of one gives. */
export const tableOf = (f: (q: number) => number): Uint8Array => Uint8Array.from({ length: LEVELS }, (_, q) => Math.max(0, Math.min(LEVELS - 1, Math.round(f(q)))));

/** What brings integers of one grid to another; undefined where they are the same. */
export function regrid(from: Grid, to: Grid): JoinStep["parts"][number] {
  if (from.scale === to.scale && from.zero === to.zero) return undefined;
  const multiplier = multiplierOf(from.scale / to.scale);
  return { multiplier, table: tableOf((q) => scaleInteger(q - from.zero, multiplier) + to.zero) };
}
