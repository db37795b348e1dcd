import { bitsFor } from "../numeric/bits";
import { kernelSize } from "../methods/rows";
import type { WeightRows } from "../methods/method";
import type { Layer } from "../onnx/layers";
import { Random } from "../numeric/random";
import type { BlockChoice, BlockPage, BlockRequest, ChosenBlocks, CodebookErrors, CodebookFacts, CodebookPlaces, UmapPlaces, UmapProgress } from "../protocol/api";
import { Choices } from "./chosen";
import { principal, project, type Principal } from "./principal";
import { umapOf } from "./umap";

/** Blocks that are drawn as dots: where there are more, so many of them. More would cover each other, and take longer than a slider waits. */
const MOST_DOTS = 12288;
const MOST_PER_PAGE = 512;
/** Points of a UMAP: so many blocks, and the codewords, of very many those that are used most. */
const UMAP_BLOCKS = 3000, UMAP_WORDS = 4096;

/** Codewords [words, d] and one of them for each block of the rows. */
export interface Codewords { codebook: Float32Array; d: number; index: Uint8Array | Uint16Array; outputs: number }

/** Codewords by block in as few bytes as so many words need. */
export const indexOf = (index: ArrayLike<number>, words: number): Uint8Array | Uint16Array => (words <= 256 ? new Uint8Array(index) : new Uint16Array(index));

/** Original rows, and what each has to be divided by to be in the codebook's units. */
export interface Measured { rows: WeightRows; scale: Float32Array; bytes: number }

/** A codebook with all that can be told of it: what the page is given, and the blocks that it may ask for later. */
export class Book {
  /** What the page gets with every book. */
  readonly figures: Pick<CodebookFacts, "codewords" | "indexBits" | "values" | "uses" | "outputs" | "index" | "places" | "original">;
  /** Blocks of the original in the same units as the codewords. */
  private readonly original: Blocks | undefined;
  private readonly ranks = new Map<number, Uint32Array>();
  private readonly plane: Principal;
  private readonly choices: Choices;

  constructor(private readonly codes: Codewords, measured?: Measured) {
    const { codebook, d, index, outputs } = codes, codewords = codebook.length / d, { values, uses, unit } = wordsOf(codes);
    this.original = measured && new Blocks(measured, d, unit);
    const { places, plane } = placesOf(values, d, uses, this.original);
    this.plane = plane;
    this.figures = { codewords, indexBits: bitsFor(codewords), values, uses, outputs, index, places, original: measured && errorsOf(codes, measured) };
    this.choices = new Choices(codes, measured, (which) => (this.original ? project(this.original.take(which), d, plane) : Float32Array.from({ length: 2 * which.length }, (_, i) => places.words[2 * index[which[i >> 1]] + i % 2])));
  }

  choose(choice: BlockChoice): ChosenBlocks { return this.choices.choose(choice); }

  /** @throws CancelledError where `signal` is set before it is done */
  async umap(progress: (p: UmapProgress) => void, signal: AbortSignal): Promise<UmapPlaces> {
    const { original, plane, codes: { d }, figures: { values, codewords, uses } } = this, which = sampleOf(original?.count ?? 0, UMAP_BLOCKS);
    const words = Array.from(uses.keys()).sort((a, b) => uses[b] - uses[a] || a - b).slice(0, UMAP_WORDS), points = new Float32Array((which.length + words.length) * d);
    if (original) points.set(original.take(which));
    words.forEach((w, i) => points.set(values.subarray(w * d, (w + 1) * d), (which.length + i) * d));
    const found = await umapOf(points, d, project(points, d, plane), (epoch, epochs) => progress({ epoch, epochs, blocks: which.length }), signal), places = new Float32Array(2 * codewords).fill(NaN);
    words.forEach((w, i) => places.set(found.subarray(2 * (which.length + i), 2 * (which.length + i + 1)), 2 * w));
    return { which, blocks: found.slice(0, 2 * which.length), words: places };
  }

  /** Blocks by request, worst served first where there are several. */
  page(request: BlockRequest): BlockPage | undefined {
    const { original, codes: { index } } = this;
    if ("chosen" in request) {
      const page = this.choices.page(request.chosen, request.first, Math.min(request.count, MOST_PER_PAGE));
      return page && { ...page, values: original?.take(page.which) ?? new Float32Array() };
    }
    const which = "block" in request ? Uint32Array.from(request.block < index.length ? [request.block] : []) : this.ranked(request.word).slice(request.first, request.first + Math.min(request.count, MOST_PER_PAGE));
    if (!original) return { which, values: new Float32Array(), errors: new Float32Array() };
    return { which, values: original.take(which), errors: this.errors(which) };
  }

  private ranked(word: number): Uint32Array {
    let rank = this.ranks.get(word);
    if (!rank) {
      const own: number[] = [];
      this.codes.index.forEach((w, b) => { if (w === word) own.push(b); });
      if (this.original) {
        const errors = this.errors(own), order = Array.from(own.keys()).sort((a, b) => errors[b] - errors[a] || a - b);
        rank = Uint32Array.from(order, (i) => own[i]);
      }
      this.ranks.set(word, rank ??= Uint32Array.from(own));
    }
    return rank;
  }

  /** What their codewords leave of blocks, as shares of the energy of an average block, which is d. */
  private errors(which: ArrayLike<number>): Float32Array {
    const { original, figures: { values }, codes: { d, index } } = this, blocks = original?.take(which);
    return Float32Array.from(which, (b, i) => {
      let lost = 0;
      if (blocks) for (let j = 0; j < d; j++) lost += (blocks[i * d + j] - values[index[b] * d + j]) ** 2;
      return lost / d;
    });
  }
}

/** The blocks of original rows, each in the codewords' units. */
class Blocks {
  readonly count: number;
  constructor(private readonly measured: Measured, private readonly d: number, private readonly unit: number) { this.count = measured.rows.values.length / d; }

  take(which: ArrayLike<number>): Float32Array {
    const { measured: { rows: { values, inputs }, scale }, d, unit } = this, taken = new Float32Array(which.length * d), perRow = inputs / d;
    for (let i = 0; i < which.length; i++) {
      const by = scale[Math.floor(which[i] / perRow)] * unit;
      for (let j = 0; j < d; j++) taken[i * d + j] = values[which[i] * d + j] / by;
    }
    return taken;
  }
}

/** Codewords in units of what they stand for, and how many blocks each does. */
export function wordsOf({ codebook, d, index }: Codewords): { values: Float32Array; uses: Uint32Array; unit: number } {
  const uses = new Uint32Array(codebook.length / d);
  for (const w of index) uses[w]++;
  const unit = unitOf(codebook, d, uses);
  return { values: codebook.map((v) => v / unit), uses, unit };
}

/** Root mean square of all that the codewords stand for. */
function unitOf(codebook: Float32Array, d: number, uses: Uint32Array): number {
  let sum = 0, count = 0;
  uses.forEach((n, w) => {
    for (let j = w * d; j < (w + 1) * d; j++) sum += n * codebook[j] ** 2;
    count += n * d;
  });
  return sum > 0 ? Math.sqrt(sum / count) : 1;
}

function errorsOf({ codebook, d, index, outputs }: Codewords, { rows: { values, inputs }, scale, bytes }: Measured): CodebookErrors {
  const words = codebook.length / d, lost = new Float64Array(words), energy = new Float64Array(words), lostOf = new Float64Array(outputs), energyOf = new Float64Array(outputs), perRow = inputs / d;
  for (let b = 0; b < index.length; b++) {
    const w = index[b], m = Math.floor(b / perRow);
    let own = 0, error = 0;
    for (let j = 0; j < d; j++) {
      const value = values[b * d + j];
      own += value * value;
      error += (value - scale[m] * codebook[w * d + j]) ** 2;
    }
    lost[w] += error;
    energy[w] += own;
    lostOf[m] += error;
    energyOf[m] += own;
  }
  const share = (part: Float64Array, whole: Float64Array): Float32Array => Float32Array.from(part, (v, i) => (whole[i] > 0 ? v / whole[i] : 0)), sum = (all: Float64Array): number => all.reduce((a, b) => a + b, 0);
  const total = sum(energy), noise = sum(lost);
  return { bytes, sqnrDb: noise > 0 ? 10 * Math.log10(total / noise) : undefined, channels: share(lostOf, energyOf), words: share(lost, energy), energy: Float32Array.from(energy, (v) => (total > 0 ? v / total : 0)) };
}

/** Some of so many blocks, in rising order, the same each time: not at even distances, which may meet the rows' own. */
function sampleOf(count: number, most: number): Uint32Array {
  return count <= most ? Uint32Array.from({ length: count }, (_, b) => b) : new Random(0).permutation(count).slice(0, most).sort();
}

function placesOf(values: Float32Array, d: number, uses: Uint32Array, original: Blocks | undefined): { places: CodebookPlaces; plane: Principal } {
  if (!original) {
    const plane = principal(values, d, uses);
    return { plane, places: { shares: plane.shares, words: project(values, d, plane), blocks: new Float32Array(), which: new Uint32Array() } };
  }
  const { count } = original, shown = Math.min(count, MOST_DOTS), which = Uint32Array.from({ length: shown }, (_, i) => Math.floor((i + 0.5) * count / shown)), sample = original.take(which), plane = principal(sample, d);
  return { plane, places: { shares: plane.shares, words: project(values, d, plane), blocks: project(sample, d, plane), which } };
}

/** How a block of so many weights lies in a layer's kernels: several below each other. */
export function blockShape(layer: Layer, d: number): [number, number] {
  const size = kernelSize(layer), width = layer.dims.length > 2 ? layer.dims[layer.dims.length - 1] : 1;
  return size > 1 && d % size === 0 ? [d / width, width] : [1, d];
}

/** Least-squares factor of every row for what stands for it; where that is none, the one of equal energy. */
export function fittedScale({ values, inputs }: WeightRows, { codebook, d, index, outputs }: Codewords): Float32Array {
  const perRow = inputs / d;
  return Float32Array.from({ length: outputs }, (_, m) => {
    let wanted = 0, have = 0, energy = 0;
    for (let b = m * perRow; b < (m + 1) * perRow; b++) {
      const word = index[b] * d;
      for (let j = 0; j < d; j++) {
        const stand = codebook[word + j], value = values[b * d + j];
        wanted += stand * value;
        have += stand * stand;
        energy += value * value;
      }
    }
    return have > 0 && wanted > 0 ? wanted / have : have > 0 && energy > 0 ? Math.sqrt(energy / have) : 1;
  });
}
