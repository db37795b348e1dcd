import type { CodebookFacts } from "../../src/protocol/api";

/** What the views of a codebook work out of its facts. */

export type SortBy = "use" | "norm" | "similarity";

/** So many codewords are listed; the rest is used less than these. */
export const MOST_LISTED = 4096;

/** Where a block lies in the weight: `row` of its kernel where a kernel is several blocks. */
export interface BlockPlace { output: number; input: number; row?: number; lastInput?: number }

/** A codebook with the orders and places that its views share. */
export class Shelf {
  /** Weights of a block. */
  readonly size: number;
  /** Kernels of a block, or 1 where it is no whole one; and the shape of each. */
  readonly parts: number;
  readonly height: number;
  readonly width: number;
  /** Blocks of an output channel. */
  readonly perRow: number;
  readonly dead: number;
  readonly mostUsed: number;
  readonly leastUsed: number;
  /** Rank of a codeword by use, from 1. */
  private readonly ranks: Uint32Array;

  constructor(readonly facts: CodebookFacts) {
    const { block: [height, width], kernel, uses, index, outputs } = facts;
    this.size = height * width;
    this.parts = kernel > 1 ? Math.max(1, this.size / kernel) : 1;
    this.height = height / this.parts;
    this.width = width;
    this.perRow = index.length / outputs;
    const live = uses.filter((n) => n > 0);
    this.dead = uses.length - live.length;
    this.mostUsed = live.reduce((a, b) => Math.max(a, b), 0);
    this.leastUsed = live.reduce((a, b) => Math.min(a, b), this.mostUsed);
    this.ranks = new Uint32Array(uses.length);
    this.byUse().forEach((w, i) => { this.ranks[w] = i + 1; });
  }

  word(w: number): Float32Array { return this.facts.values.subarray(w * this.size, (w + 1) * this.size); }
  rank(w: number): number { return this.ranks[w]; }
  norm(w: number): number { return Math.hypot(...this.word(w)); }

  /** The codewords that are listed: dead ones last, whatever the order. */
  order(by: SortBy): number[] {
    const { uses } = this.facts, listed = this.byUse().slice(0, MOST_LISTED), live = listed.filter((w) => uses[w] > 0), dead = listed.filter((w) => uses[w] === 0);
    if (by === "norm") live.sort((a, b) => this.norm(b) - this.norm(a) || a - b);
    return [...(by === "similarity" ? this.chain(live) : live), ...dead];
  }

  /** How often each output channel uses a codeword. */
  usesByChannel(word: number): Uint32Array {
    const { index, outputs } = this.facts, counts = new Uint32Array(outputs);
    for (let b = 0; b < index.length; b++) if (index[b] === word) counts[Math.floor(b / this.perRow)]++;
    return counts;
  }

  place(block: number): BlockPlace {
    const { kernel } = this.facts, { size } = this, start = block % this.perRow * size, input = Math.floor(start / kernel), last = Math.floor((start + size - 1) / kernel);
    return { output: Math.floor(block / this.perRow), input, row: size < kernel ? start % kernel / size : undefined, lastInput: last > input ? last : undefined };
  }

  /** Input channels of an output channel. */
  get inputs(): number { return this.perRow * this.size / this.facts.kernel; }

  private byUse(): number[] {
    const { uses } = this.facts;
    return Array.from(uses.keys()).sort((a, b) => uses[b] - uses[a] || a - b);
  }

  /** From the first to the nearest that is left, and so on. */
  private chain(words: readonly number[]): number[] {
    const left = [...words], chain: number[] = [];
    for (let at = left.shift(); at !== undefined;) {
      chain.push(at);
      let nearest = 0, least = Infinity;
      left.forEach((w, i) => {
        const d = this.distance(at!, w, least);
        if (d < least) { least = d; nearest = i; }
      });
      [at] = left.splice(nearest, 1);
    }
    return chain;
  }

  private distance(a: number, b: number, enough: number): number {
    const { size, facts: { values } } = this;
    let sum = 0;
    for (let j = 0; j < size && sum < enough; j++) sum += (values[a * size + j] - values[b * size + j]) ** 2;
    return sum;
  }
}

/** A size that all but half a percent of a layer's weights stay below: codewords [words, size] count as often as they are used. */
export function nearlyAll(values: ArrayLike<number>, uses: ArrayLike<number>): number {
  const size = values.length / uses.length, order = Uint32Array.from(values, (_, i) => i).sort((a, b) => Math.abs(values[a]) - Math.abs(values[b]));
  let all = 0;
  for (let w = 0; w < uses.length; w++) all += uses[w] * size;
  let below = 0;
  for (const i of order) {
    below += uses[Math.floor(i / size)];
    if (below >= 0.995 * all && below > 0) return Math.abs(values[i]) || 1;
  }
  return 1;
}

/** Output channels that have any of some counts, those with most first. */
export function rankedFilters(channels: ArrayLike<number>): { channel: number; count: number }[] {
  return Array.from(channels, (count, channel) => ({ channel, count })).filter(({ count }) => count > 0).sort((a, b) => b.count - a.count || a.channel - b.channel);
}

/** Round numbers from 0 to the last of `count` positions, `most` at the most, the last one among them. */
export function channelTicks(count: number, most: number): number[] {
  const last = count - 1;
  let step = 1;
  while (last / step > most - 1) step *= 2;
  const ticks = Array.from({ length: Math.floor(last / step) + 1 }, (_, i) => i * step);
  if (ticks[ticks.length - 1] === last) return ticks;
  if (ticks.length > 1 && last - ticks[ticks.length - 1] < 0.6 * step) ticks.pop();
  return [...ticks, last];
}
