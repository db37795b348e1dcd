import { assign } from "../numeric/kmeans";
import { Random } from "../numeric/random";
import type { Noise } from "../protocol/tuning";
import { channelAt, type RowPlaces } from "./places";

/** The words that stand for a weight's blocks. */
export interface Book {
  /** [words, block], in units of the scale. */
  words: Float32Array;
  /** [outputs] */
  scale: Float32Array;
}

/** Steps between new choices of words, and new words. */
const EVERY = 50;
/** Streams of random numbers: one for each weight from here on. */
const STREAM = 1000;

/**
 * Quantization noise (Fan et al.: arXiv 2004.07320): in each step some blocks of a weight, each with probability p, are seen as they will be once they are quantized
 * — by their codeword, by zero, or by integers of 8 or 4 bits with a scale for each output channel. Gradients pass all blocks unchanged, straight through those.
 */
export class QuantizationNoise {
  /** Codewords as they stand, and which of them each block has, [blocks of a row, rows]: both follow the weight. */
  readonly state: readonly (Float32Array | Int32Array)[];
  private readonly words: Float32Array;
  private readonly index: Int32Array;
  private readonly noisy: Float32Array;
  private readonly book: Book | undefined;
  /** The largest integer. */
  private readonly top: number;

  /**
   * @param block weights in a row that are seen so together
   * @param stream tells the weights of a network apart
   * @param own what the weight will be where the noise is of its own kind: words to begin with, or integers of so many bits
   */
  constructor(private readonly noise: Noise, private readonly places: RowPlaces, private readonly block: number, private readonly seed: number, private readonly stream: number, own: { book?: Book; bits?: number } = {}) {
    const { rows, inputs } = places, book = this.book = noise.kind === "codeword" ? own.book : undefined;
    this.top = 2 ** ((noise.kind === "int4" ? 4 : noise.kind === "int8" ? 8 : own.bits ?? 8) - 1) - 1;
    this.noisy = new Float32Array(rows * inputs);
    this.words = book?.words.slice() ?? new Float32Array(0);
    this.index = new Int32Array(book ? rows * inputs / block : 0);
    this.state = book ? [this.words, this.index] : [];
  }

  /** The numbers of a weight as a step sees them; good until the next call. */
  of(numbers: Float32Array, step: number): Float32Array {
    const { noise: { kind }, noisy, book, top } = this;
    noisy.set(numbers);
    if (kind === "zero") this.each(step, (at) => { noisy[at] = 0; });
    else if (book) {
      if (step % EVERY === 0) this.follow(numbers, book);
      const { words, index, block } = this;
      this.each(step, (at, channel, i, j) => { noisy[at] = words[index[i] * block + j] * book.scale[channel]; });
    } else {
      const grids = this.peaks(numbers).map((peak) => peak / top || 1);
      this.each(step, (at, channel) => { noisy[at] = Math.round(numbers[at] / grids[channel]) * grids[channel]; });
    }
    return noisy;
  }

  /** The places of all weights in the blocks that a step draws. */
  private each(step: number, visit: (at: number, channel: number, block: number, place: number) => void): void {
    const { noise: { p }, places, places: { rows, inputs, span, first, step: stride }, block, seed, stream } = this, count = rows * inputs / block, random = new Random(seed * 65_537 + step, STREAM + stream), spacing = Math.log1p(-p);
    // the distance between drawn blocks is geometrically distributed: one number for each that is drawn
    for (let i = gap(random, spacing); i < count; i += 1 + gap(random, spacing)) {
      const start = Math.floor(i / rows) * block, m = i % rows;
      for (let j = 0; j < block; j++) visit(first[start + j] + m * stride, m * span + channelAt(places, start + j), i, j);
    }
  }

  /** Every block takes its nearest word, and every word becomes the mean of its blocks (one pass of Lloyd's iteration). */
  private follow(numbers: Float32Array, { scale }: Book): void {
    const { words, index, places, places: { rows, inputs, span, first, step: stride }, block } = this, points = new Float32Array(numbers.length);
    for (let j = 0, b = 0; j < inputs; j++, b = Math.floor(j / block)) for (let m = 0; m < rows; m++) points[(b * rows + m) * block + j % block] = numbers[first[j] + m * stride] / scale[m * span + channelAt(places, j)];
    index.set(assign(points, block, words).index);
    const sums = new Float64Array(words.length), mass = new Float64Array(words.length);
    for (let i = 0; i < index.length; i++) {
      const start = Math.floor(i / rows) * block, m = i % rows;
      for (let j = 0, at = index[i] * block; j < block; j++, at++) {
        const weight = scale[m * span + channelAt(places, start + j)] ** 2;
        mass[at] += weight;
        sums[at] += weight * points[i * block + j];
      }
    }
    for (let i = 0; i < words.length; i++) if (mass[i] > 0) words[i] = sums[i] / mass[i];
  }

  /** The largest size of each output channel's weights. */
  private peaks(numbers: Float32Array): Float32Array {
    const { places, places: { rows, span, first, step } } = this, peaks = new Float32Array(rows * span);
    first.forEach((start, place) => {
      for (let m = 0, channel = channelAt(places, place); m < rows; m++, channel += span) peaks[channel] = Math.max(peaks[channel], Math.abs(numbers[start + m * step]));
    });
    return peaks;
  }
}

/** Blocks that are passed over before the next one is drawn. */
const gap = (random: Random, spacing: number): number => Math.floor(Math.log(1 - random.next()) / spacing);
