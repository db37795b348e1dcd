import { bookBytes, isCodebook, type CodebookOptions } from "../methods/codebook";
import type { Layer } from "../onnx/layers";
import { hull, type Choice, type Item } from "./planner";
import type { RatedCandidate } from "./sensitivity";

/** How layers that may have a codebook in common come to it: which of them, and with which codewords. Knows bytes and loss alone. */

/** A layer with its choices, and those that share. */
export interface Sharer<C extends Choice> { layer: Layer; choices: readonly C[]; shared: readonly RatedCandidate[] }

/** Layers that become one item of the budget, with codebooks that they have in common: one choice for each number of codewords. */
export interface Joined extends Choice { joined: readonly RatedCandidate[] }

export interface Group { layers: readonly Layer[]; choices: readonly Joined[] }

/** Names for books: A, B, … that no choice has yet. */
export function* bookNames(taken: Iterable<{ options: object }>): Generator<string, never> {
  const known = new Set(Array.from(taken, ({ options }) => (isCodebook(options) ? options.book : undefined)));
  for (let i = 0; ; i++) {
    const name = String.fromCharCode(65 + i % 26) + (i < 26 ? "" : Math.floor(i / 26));
    if (!known.has(name)) yield name;
  }
}

/** What another byte saves where a plan stands: the largest gain of a step that it has not taken. */
export function priceOf<C extends Choice>(items: readonly Item<C>[], chosen: readonly C[]): number {
  return items.reduce((most, { choices }, i) => hull(choices).reduce((best, { bytes, loss }) => (bytes > chosen[i].bytes ? Math.max(best, (chosen[i].loss - loss) / (bytes - chosen[i].bytes)) : best), most), 0);
}

/**
 * Of layers of one shape those that come off better with a codebook in common than each by itself, at a price of bytes in loss: each joins that alone gains by it,
 * and together they pay for the codebook. The method, and the length of its words, that gains most.
 * @param book its name
 */
export function groupOf<C extends Choice>(shape: readonly Sharer<C>[], price: number, book: string): Group | undefined {
  const costOf = ({ bytes, loss }: Choice): number => loss + price * bytes, alone = shape.map(({ choices }) => Math.min(...choices.map(costOf)));
  let best: { layers: readonly number[]; candidate: RatedCandidate } | undefined, most = 0;
  for (const candidate of shape[0].shared) {
    const joined = shape.map(({ shared }) => shared.find((other) => isSame(candidate, other))), layers: number[] = [];
    let gain = -price * wordBytes(candidate);
    shape.forEach((_, i) => {
      const other = joined[i], more = other ? alone[i] - costOf(other) : 0;
      if (more > 0) { gain += more; layers.push(i); }
    });
    if (layers.length > 1 && gain > most) { most = gain; best = { layers, candidate }; }
  }
  return best && group(best.layers.map((i) => shape[i]), best.candidate, book);
}

/** All numbers of codewords that layers have ratings of in common. */
function group<C extends Choice>(members: readonly Sharer<C>[], { method, options }: RatedCandidate, book: string): Group {
  const choices = members[0].shared.filter((one) => one.method === method && kindOf(one.options) === kindOf(options)).flatMap((one): Joined[] => {
    const same = members.flatMap(({ shared }) => shared.find((other) => isSame(one, other)) ?? []), share = wordBytes(one) / same.length;
    if (same.length < members.length) return [];
    const joined = same.map((candidate): RatedCandidate => ({ ...candidate, options: { ...candidate.options, book }, bytes: candidate.bytes + share, bits: candidate.bits + 8 * share / candidate.layer.parameters }));
    return [{ joined, bytes: joined.reduce((sum, { bytes }) => sum + bytes, 0), loss: joined.reduce((sum, { loss }) => sum + loss, 0) }];
  });
  return { layers: members.map(({ layer }) => layer), choices };
}

/** Standard errors by which a difference has to be one, and batches that tell such. */
const CLEARLY = 2, LEAST_BATCHES = 4;

/** Whether what is lost is clearly less than a factor of what another network loses on the same samples: losses of both batch by batch. */
export function isClearlyLess(losses: readonly number[], than: readonly number[], factor: number): boolean {
  const count = losses.length, differences = losses.map((loss, i) => loss - factor * than[i]), mean = differences.reduce((sum, one) => sum + one, 0) / count;
  const variance = differences.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (count - 1);
  return count >= LEAST_BATCHES && mean < -CLEARLY * Math.sqrt(variance / count);
}

/** All of a codebook's options but the number of its words. */
const kindOf = (options: object): string => JSON.stringify({ ...options, words: undefined });
const wordsOf = (options: object): number | undefined => (isCodebook(options) ? options.words : undefined);
const isSame = (a: RatedCandidate, b: RatedCandidate): boolean => a.method === b.method && wordsOf(a.options) === wordsOf(b.options) && kindOf(a.options) === kindOf(b.options);

/** Bytes of a choice's codebook. */
const wordBytes = ({ options }: RatedCandidate): number => (isCodebook(options) ? bookBytes(options satisfies CodebookOptions) : 0);
