import { followOf } from "../compression/follow";
import { embeddedRecipe } from "../compression/recipe";
import { channelFactors, gainsOf, relativeGains, withFactors } from "../compression/seen";
import { blockName, expand, isCodebook, type CodebookOptions } from "../methods/codebook";
import type { CompressionMethod, WeightRows } from "../methods/method";
import { methodById, methods } from "../methods/registry";
import { inputsOf, kernelSize, outputsOf, scaleRows, toRows } from "../methods/rows";
import { bitsFor } from "../numeric/bits";
import type { ComputePool } from "../numeric/tasks";
import { leftOver, type LeftOver } from "../onnx/channels/mark";
import { findLayers, type Layer, readWeight } from "../onnx/layers";
import type { Model } from "../onnx/model";
import type { BlockChoice, BlockPage, BlockRequest, ChosenBlocks, CodebookChoice, CodebookEstimate, CodebookFacts, CodebookWanted, CodebookWords, LayerRow, UmapPlaces, UmapProgress } from "../protocol/api";
import { weightsOf } from "../protocol/bits";
import { throwIfCancelled } from "../protocol/errors";
import { blockShape, Book, fittedScale, indexOf, wordsOf, type Codewords } from "./book";
import { originalOf } from "./original";
import { trialRows, trialScale, tryCodebook, type TrialRows } from "./trial";

/** So many codebooks can be asked for their blocks, the newest ones: of all layers, and of one layer that is tried out. */
const KEPT = 4, KEPT_OF_LAYER = 16;
const MOST_WORDS = 65536, LONGEST_BLOCK = 512;
/** What is tried out first, as near as the layer allows. */
const FIRST_WORDS = 64;

type Names = Pick<CodebookFacts, "layer" | "method" | "block" | "kernel" | "codebookBits" | "bytes" | "bitsPerWeight" | "missing" | "choices" | "choice">;

/** A layer that is looked at, and what was chosen as the original of its file where that is not known by its name. */
export interface ShownLayer { file: string; model: Model; layer: Layer; row: LayerRow; chosen?: string }

/** The plain layer that codebooks are tried out on where `shown` is looked at: itself, or the one that it was made of. */
interface Trial { shown: Layer; chosen?: string; layer: Layer; scaleIsFree: boolean; weight: WeightRows; rows: Map<boolean, TrialRows> }

/** The original's rows as they compare with a file's: in a network of integers its channels have factors of their own. */
function inUnitsOf(layer: Layer, original: WeightRows, rows: Float32Array, isInteger: boolean, { bytes, scale }: { bytes: number; scale: Float32Array }): { rows: WeightRows; bytes: number; scale: Float32Array } {
  if (!isInteger) return { rows: original, bytes, scale };
  const { outputs, inputs } = channelFactors(layer, original.values, rows);
  return { rows: { ...original, values: withFactors(layer, original.values, { inputs }, -1) }, bytes, scale: scale.map((s, m) => s * outputs[m]) };
}

/** Codebooks that are looked at: those of a file, and those that are tried out on a layer's plain weight, which of a compressed layer the original has. */
export class Codebooks {
  private readonly kept = new Map<number, { book: Book; shown: Layer }>();
  private next = 1;
  private trial: Trial | undefined;

  constructor(private readonly pool: () => Promise<ComputePool>) {}

  /** The codewords that the file holds. */
  async wordsOf({ model, layer }: ShownLayer): Promise<CodebookWords | undefined> {
    for await (const { codes, title } of storedCodes(model, layer)) {
      const { values, uses } = wordsOf(codes);
      return { layer: layer.id, method: title, block: blockShape(layer, codes.d), kernel: kernelSize(layer), values, uses };
    }
    return undefined;
  }

  /** The codebook that the file holds, beside the original's weights where those are found. */
  async ofFile({ file, model, layer, row, row: { bytes }, chosen }: ShownLayer): Promise<CodebookFacts | undefined> {
    for await (const { codes, title, codebookBits } of storedCodes(model, layer)) {
      const weight = await readWeight(model, layer), scale = await storedScale(weight, layer, codes);
      if (!scale || !weight) continue;
      const original = await originalOf(file, layer, chosen, leftOf(model, layer)), known = "rows" in original ? original : undefined;
      // as inference sees the rows: with what the normalization behind has taken over
      const kept = toRows(layer, weight).values, gains = known && relativeGains(kept, await gainsOf(model, layer), known.rows.values, known.gains);
      const measured = known && gains && inUnitsOf(layer, known.rows, scaleRows(kept, gains), embeddedRecipe(model)?.inference === "integer", { bytes: known.layer.bytes, scale: scale.map((s, m) => s * gains[m]) });
      if (known) this.trial = { shown: layer, chosen, ...known, weight: known.rows, rows: new Map() };
      return this.keep(layer, new Book(codes, measured), {
        ...namesOf(layer, row, title, codes.d, codebookBits, bytes),
        choices: known && offersOf(known.layer, known.scaleIsFree).map(({ choice }) => choice), missing: "missing" in original ? original.missing : undefined,
      });
    }
    return undefined;
  }

  /** A codebook as the product would make it without images, of the layer's plain weight. */
  async tried(shown: ShownLayer, wanted: CodebookWanted | undefined, estimate: (found: CodebookEstimate) => void, signal: AbortSignal): Promise<CodebookFacts | undefined> {
    const trial = await this.trialOf(shown);
    if (!trial) return undefined;
    const { layer, scaleIsFree } = trial, offers = offersOf(layer, scaleIsFree), offer = nearest(offers, wanted);
    if (!offer) return undefined;
    const { method, options } = offer, rows = rowsOf(trial, options.scale === "layer"), pool = await this.pool();
    throwIfCancelled(signal);
    const cancellable: ComputePool = { threads: pool.threads, run: (name, input, given) => { throwIfCancelled(signal); return pool.run(name, input, given); } };
    const names = namesOf(layer, shown.row, method.title, options.block, options.valueBits, method.bytes(layer, options, scaleIsFree)), { block, bytes, bitsPerWeight } = names;
    const codes = await tryCodebook(rows, options, cancellable, (sqnrDb) => estimate({ codewords: options.words, block, indexBits: bitsFor(options.words), bytes, bitsPerWeight, sqnrDb }));
    throwIfCancelled(signal);
    const choices = offers.map(({ choice }) => choice);
    return this.keep(shown.layer, new Book(codes, { rows: rows.rows, scale: trialScale(rows, codes), bytes: layer.bytes }), { ...names, choices, choice: choices.indexOf(offer.choice) });
  }

  /** The layer that is tried out stays at hand. */
  private async trialOf({ file, model, layer, row, chosen }: ShownLayer): Promise<Trial | undefined> {
    if (this.trial?.shown === layer && this.trial.chosen === chosen) return this.trial;
    if (row.codewords !== undefined) {
      const original = await originalOf(file, layer, chosen, leftOf(model, layer));
      if ("missing" in original || original.layer.blocked !== undefined) return undefined;
      return this.trial = { shown: layer, chosen, ...original, weight: original.rows, rows: new Map() };
    }
    const weight = layer.blocked === undefined ? await readWeight(model, layer) : undefined;
    if (!weight) return undefined;
    return this.trial = { shown: layer, chosen, layer, scaleIsFree: (await followOf(model, layer))?.normalization !== undefined, weight: toRows(layer, weight), rows: new Map() };
  }

  blocks(codebook: number, request: BlockRequest): BlockPage | undefined { return this.kept.get(codebook)?.book.page(request); }

  choose(codebook: number, choice: BlockChoice): ChosenBlocks | undefined { return this.kept.get(codebook)?.book.choose(choice); }

  async umap(codebook: number, progress: (p: UmapProgress) => void, signal: AbortSignal): Promise<UmapPlaces | undefined> { return this.kept.get(codebook)?.book.umap(progress, signal); }

  /** Codebooks of one layer share its weight, so that more of them are kept: several may be tried beside the one that blocks are asked of. */
  private keep(shown: Layer, book: Book, names: Names): CodebookFacts {
    const id = this.next++;
    this.kept.set(id, { book, shown });
    for (const [old, other] of this.kept) if (old <= id - (other.shown === shown ? KEPT_OF_LAYER : KEPT)) this.kept.delete(old);
    return { id, ...names, ...book.figures };
  }
}

/** What a file holds that may be a layer's codebook, and that views have a place for. */
async function* storedCodes(model: Model, layer: Layer): AsyncGenerator<{ codes: Codewords; title: string; codebookBits?: number }> {
  for (const method of methods) {
    const found = await method.recognise(model, layer), words = found?.codebook && found.blockSize ? found.codebook.length / found.blockSize : 0;
    if (!found?.codebook || !found.index || !found.blockSize || words > MOST_WORDS || found.blockSize > LONGEST_BLOCK || found.index.length % outputsOf(layer)) continue;
    yield { codes: { codebook: found.codebook, d: found.blockSize, index: indexOf(found.index, words), outputs: outputsOf(layer) }, title: methodById(found.method).title, codebookBits: found.codebookBits };
  }
}

/** The weight in units of its channels' scales, or of one scale. */
function rowsOf({ rows, weight, scaleIsFree }: Trial, shared: boolean): TrialRows {
  const known = rows.get(shared) ?? trialRows(weight, scaleIsFree, shared);
  rows.set(shared, known);
  return known;
}

function namesOf(layer: Layer, row: LayerRow, method: string, d: number, codebookBits: number | undefined, bytes: number): Names {
  return { layer: layer.id, method, block: blockShape(layer, d), kernel: kernelSize(layer), codebookBits, bytes, bitsPerWeight: 8 * bytes / weightsOf(row) };
}

/** What is left of the original's layer, where it has lost channels. */
const leftOf = (model: Model, { id }: Layer): LeftOver | undefined => leftOver(model, findLayers(model)).get(id);

/** The factor of each row between its codewords and the weight in the file; undefined where the codewords do not stand for the rows. */
async function storedScale(weight: Float32Array | undefined, layer: Layer, codes: Codewords): Promise<Float32Array | undefined> {
  if (!weight) return undefined;
  const rows = toRows(layer, weight), scale = fittedScale(rows, codes), expanded = expand(codes.codebook, Int32Array.from(codes.index), codes.d, scale);
  let lost = 0, energy = 0;
  for (let i = 0; i < expanded.length; i++) {
    lost += (expanded[i] - rows.values[i]) ** 2;
    energy += rows.values[i] ** 2;
  }
  return lost <= 1e-4 * energy ? scale : undefined;
}

/** A choice of the page, with the options of its method. */
interface Offer { choice: CodebookChoice; method: CompressionMethod; options: CodebookOptions & { scale?: unknown } }

/** What the methods offer, by the shape of a block, which lies in one output channel: what holds several has no place in the views. */
function offersOf(layer: Layer, scaleIsFree: boolean): Offer[] {
  return methods.filter((method) => method.accepts(layer) === true).flatMap((method) => {
    const offers: Offer[] = [];
    for (const { options } of method.candidates(layer, scaleIsFree)) {
      if (!isCodebook(options) || inputsOf(layer) % options.block) continue;
      const { block, words } = options, offer = offers.find(({ choice }) => choice.block === block);
      if (offer) offer.choice.words.push(words);
      else offers.push({ method, options, choice: { method: method.id, title: method.title, block, shape: blockName(layer, block), words: [words] } });
    }
    for (const { choice: { words } } of offers) words.sort((a, b) => a - b);
    return offers.sort((a, b) => b.choice.block - a.choice.block);
  });
}

/** What was wanted, or for a start the first with 64 codewords or so; any number of them between the least and the most. */
function nearest(offers: readonly Offer[], wanted: CodebookWanted | undefined): Offer | undefined {
  const enough = offers.find(({ choice: { words } }) => words[words.length - 1] >= FIRST_WORDS) ?? offers[0];
  const offer = offers.find(({ choice: { method, block } }) => block === wanted?.block && (wanted.method ?? method) === method) ?? enough;
  if (!offer) return undefined;
  const { words } = offer.choice;
  return { ...offer, options: { ...offer.options, words: Math.max(words[0], Math.min(words[words.length - 1], wanted?.words ?? FIRST_WORDS)) } };
}
