import { chosenBy } from "../protocol/outline";
import type { BlockChoice, ChosenBlocks } from "../protocol/api";
import type { Codewords, Measured } from "./book";

/** So many chosen blocks can be listed, the worst served ones. */
const MOST_LISTED = 4096;
/** Blocks whose places are worked out at a time. */
const AT_ONCE = 4096;

/** Chosen blocks of a codebook: counted on all of its blocks, and put in the order in which they lose most. */
export class Choices {
  private next = 1;
  private last: { id: number; ranked: Uint32Array; errors: Float32Array } | undefined;

  /** @param places of some blocks in the principal plane [which, 2], where they are known; of the codewords otherwise */
  constructor(private readonly codes: Codewords, private readonly measured: Measured | undefined, private readonly places: (which: Uint32Array) => Float32Array) {}

  choose(choice: BlockChoice): ChosenBlocks {
    const { codes: { codebook, d, index, outputs }, measured } = this, which = this.blocksOf(choice), perRow = index.length / outputs;
    const inside = new Uint8Array(Math.ceil(index.length / 8)), channels = new Uint32Array(outputs), words = new Uint32Array(codebook.length / d);
    for (const b of which) {
      inside[b >> 3] |= 1 << (b & 7);
      channels[Math.floor(b / perRow)]++;
      words[index[b]]++;
    }
    const served = measured && servedOf(this.codes, measured, which), id = this.next++;
    this.last = { id, ...(served ? worstOf(which, served.lost, served.mean) : { ranked: which.slice(0, MOST_LISTED), errors: new Float32Array() }) };
    return { id, count: which.length, inside, channels, words, listed: this.last.ranked.length, original: served?.shares };
  }

  /** Some of the last choice's blocks, worst served first, and what their codewords leave of each, as a share of the energy of the layer's average block; undefined where another choice has been made since. */
  page(id: number, first: number, count: number): { which: Uint32Array; errors: Float32Array } | undefined {
    const { last } = this;
    return last?.id === id ? { which: last.ranked.slice(first, first + count), errors: last.errors.slice(first, first + count) } : undefined;
  }

  /** In rising order, each once. */
  private blocksOf(choice: BlockChoice): Uint32Array {
    const { codes: { index } } = this;
    if ("blocks" in choice) return Uint32Array.from(new Set(choice.blocks)).filter((b) => b < index.length).sort();
    const found = new Uint32Array(index.length);
    let count = 0;
    if ("words" in choice) {
      const wanted = new Set(choice.words);
      index.forEach((w, b) => { if (wanted.has(w)) found[count++] = b; });
      return found.slice(0, count);
    }
    const isChosen = chosenBy(choice.outlines);
    for (let first = 0; first < index.length; first += AT_ONCE) {
      const which = Uint32Array.from({ length: Math.min(AT_ONCE, index.length - first) }, (_, i) => first + i), places = this.places(which);
      which.forEach((b, i) => { if (isChosen(places[2 * i], places[2 * i + 1])) found[count++] = b; });
    }
    return found.slice(0, count);
  }
}

/** What blocks lose to their codewords, as inference sees the weights, and what that is of the layer. */
function servedOf({ codebook, d, index }: Codewords, { rows: { values, inputs }, scale }: Measured, which: Uint32Array): { lost: Float32Array; mean: number; shares: ChosenBlocks["original"] } {
  const lossOf = (b: number): number => {
    const by = scale[Math.floor(b * d / inputs)], word = index[b] * d;
    let sum = 0;
    for (let j = 0; j < d; j++) sum += (values[b * d + j] - by * codebook[word + j]) ** 2;
    return sum;
  };
  const lost = Float32Array.from(which, lossOf);
  let all = 0, allLost = 0, own = 0, ownLost = 0;
  for (const v of values) all += v * v;
  for (let b = 0; b < index.length; b++) allLost += lossOf(b);
  for (const b of which) for (let j = b * d; j < (b + 1) * d; j++) own += values[j] * values[j];
  for (const v of lost) ownLost += v;
  const share = (part: number, whole: number): number => (whole > 0 ? part / whole : 0);
  return { lost, mean: all / index.length, shares: { energy: share(own, all), lost: share(ownLost, own), ofLoss: share(ownLost, allLost) } };
}

/** The blocks that lose most, in that order. */
function worstOf(which: Uint32Array, lost: Float32Array, mean: number): { ranked: Uint32Array; errors: Float32Array } {
  const sizes = lost.slice().sort(), least = sizes[Math.max(0, sizes.length - MOST_LISTED)] ?? 0;
  const worst: number[] = [];
  lost.forEach((loss, i) => { if (loss >= least) worst.push(i); });
  const order = worst.sort((a, b) => lost[b] - lost[a] || a - b).slice(0, MOST_LISTED);
  return { ranked: Uint32Array.from(order, (i) => which[i]), errors: Float32Array.from(order, (i) => (mean > 0 ? lost[i] / mean : 0)) };
}
