import { Random } from "./random";

/** Levels of a fast wavelet transform that one matrix product does: blocks of the signal, each with as much of the next as its filters reach over. */
export interface LevelGroup {
  /** Elements that come in. */
  size: number;
  levels: number;
  /** Elements of a block: a divisor of `size`, a multiple of 2^levels. */
  block: number;
  /** Elements of the next block that a block's coefficients depend on; at most `block`. */
  overlap: number;
}

/** A block costs its own length in products for each element, and every product of matrices some copies. Only their proportion matters; measured at batches of 1 and 64. */
const COST = { copies: 80, least: 16, most: 3 };

/** How the levels of a transform are grouped, the first first; undefined where the signal is too short or has too few factors of two. */
export function levelGroups(size: number, levels: number, filterLength: number): LevelGroup[] | undefined {
  if (levels === 0) return [];
  let best: LevelGroup[] | undefined;
  for (let own = Math.min(COST.most, levels); own > 0; own--) {
    const group = groupOf(size, own, filterLength), rest = group && levelGroups(size >> own, levels - own, filterLength);
    if (rest && (!best || costOf([group, ...rest]) < costOf(best))) best = [group, ...rest];
  }
  return best;
}

function groupOf(size: number, levels: number, filterLength: number): LevelGroup | undefined {
  const step = 2 ** levels, overlap = (filterLength - 2) * (step - 1);
  if (size % step) return undefined;
  for (let block = step; block <= size; block += step) if (size % block === 0 && block >= overlap && (block >= COST.least || block === size)) return { size, levels, block, overlap };
  return undefined;
}

/** What the groups of a transform cost. */
export const costOf = (groups: readonly LevelGroup[]): number => groups.reduce((sum, { size, block, overlap }) => sum + size * ((overlap ? 2 : 1) * block + COST.copies), 0);

/**
 * Coefficients of a periodic signal: the approximation first, then details, those of the last group first; within a group block by block, the coarsest level of each first.
 * @param filters [4, length], see filter-bank
 */
export function analyse(signal: Float32Array, groups: readonly LevelGroup[], filters: Float32Array): Float32Array {
  const out = new Float32Array(signal.length);
  let low = signal, end = signal.length;
  for (const group of groups) {
    const details: Float32Array[] = [];
    for (let level = 0; level < group.levels; level++) {
      const split = halved(low, filters);
      details.push(split.high);
      low = split.low;
    }
    end -= group.size - low.length;
    eachDetail(group, (level, i, at) => { out[end + at] = details[level][i]; });
  }
  out.set(low);
  return out;
}

/** One level of a periodic signal: what the low pass and the high pass make of it. */
function halved(signal: Float32Array, filters: Float32Array): { low: Float32Array; high: Float32Array } {
  const half = signal.length / 2, length = filters.length / 4, low = new Float32Array(half), high = new Float32Array(half);
  for (let i = 0; i < half; i++) {
    let a = 0, d = 0;
    for (let k = 0, at = 2 * i; k < length; k++, at++) {
      const x = signal[at % signal.length];
      a += filters[k] * x;
      d += filters[length + k] * x;
    }
    low[i] = a;
    high[i] = d;
  }
  return { low, high };
}

/** Coefficients of a periodic signal by scale: the approximation, then details from the coarsest to the finest. Its length is a multiple of 2^levels. */
export function pyramid(signal: Float32Array, levels: number, filters: Float32Array): Float32Array {
  const out = new Float32Array(signal.length);
  let rest = signal;
  for (let level = 0; level < levels; level++) {
    const { low, high } = halved(rest, filters);
    out.set(high, low.length);
    rest = low;
  }
  out.set(rest);
  return out;
}

/** The inverse of {@link analyse} where the filters reconstruct. */
export function synthesise(coefficients: Float32Array, groups: readonly LevelGroup[], filters: Float32Array): Float32Array {
  const length = filters.length / 4, last = groups.at(-1);
  let start = last ? last.size >> last.levels : coefficients.length, low = coefficients.slice(0, start);
  for (const group of [...groups].reverse()) {
    const details = Array.from({ length: group.levels }, (_, level) => new Float32Array(group.size >> level + 1));
    eachDetail(group, (level, i, at) => { details[level][i] = coefficients[start + at]; });
    start += group.size - (group.size >> group.levels);
    for (const high of details.reverse()) {
      const signal = new Float32Array(2 * low.length);
      for (let i = 0; i < low.length; i++) for (let k = 0, at = 2 * i; k < length; k++, at++) signal[at % signal.length] += filters[2 * length + k] * low[i] + filters[3 * length + k] * high[i];
      low = signal;
    }
  }
  return low;
}

/** Where a group's details lie among its own: `level` 0 is the finest. */
function eachDetail({ size, levels, block }: LevelGroup, visit: (level: number, i: number, at: number) => void): void {
  let at = 0;
  for (let first = 0; first < size; first += block) {
    for (let level = levels - 1; level >= 0; level--) {
      const own = block >> level + 1, from = first >> level + 1;
      for (let i = 0; i < own; i++) visit(level, from + i, at++);
    }
  }
}

/** ‖W⁻¹·W·x − x‖ ÷ ‖x‖ for random signals x. */
export function reconstructionError(groups: readonly LevelGroup[], filters: Float32Array): number {
  const random = new Random(1, 16);
  let lost = 0, energy = 0;
  for (let trial = 0; trial < 4; trial++) {
    const signal = Float32Array.from({ length: groups[0].size }, () => 2 * random.next() - 1), back = synthesise(analyse(signal, groups, filters), groups, filters);
    signal.forEach((v, i) => { lost += (back[i] - v) ** 2; energy += v * v; });
  }
  return Math.sqrt(lost / energy);
}
