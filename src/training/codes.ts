import { Assignment } from "./assignment";
import { countOf } from "./graph";
import { Adam } from "./optimizer";
import { channelAt, rowPlaces, type RowPlaces } from "./places";
import type { Parameter } from "./step";
import type { Trainable } from "./trainable";
import { Words } from "./words";

/** A weight as codes on a grid, each standing for one or many weights. */
export interface CodedWeight {
  /** [words, block], see numeric/grid. */
  codes: Uint8Array;
  bits: number;
  /** Weights that one word fills: of one output channel, or of several whole ones. */
  block: number;
  /** One word for each block, in the order of the network; absent where every block has a word of its own. */
  index?: ArrayLike<number>;
  /** Whether the first word is nothing, stays so, and every block keeps its word. */
  sparse?: boolean;
  /** [outputs] */
  scale: Float32Array;
  /** The axis of the weight's output channels. */
  outputAxis: number;
  /** Which scales may be moved: each by itself, all as one, or none because they are not this weight's own. */
  scales: "each" | "one" | "kept";
}

export interface CodeRates {
  /** Highest step of a code, in steps of the grid. */
  codes: number;
  /** Of a scale, as a share of it. */
  scale: number;
  /** How far a weight's own wish for another word may grow in a step, in steps of the grid; none lets no word change. */
  words?: number;
}

/**
 * A weight kept as codes. In the forward pass they are whole numbers; their gradients go straight through the rounding to numbers in between (Yu et al.: arXiv 2003.05148, value level).
 * A word's gradient is the sum of those of all blocks that it stands for; a block whose own gradients lead elsewhere takes another word.
 */
export class Codes implements Trainable {
  private readonly scale: Float32Array;
  private readonly scaleSteps: Adam;
  /** [blocks of a row, rows] */
  private readonly index: Int32Array;
  private readonly assignment: Assignment | undefined;
  private readonly dense: Float32Array;
  private whole: Float32Array;
  private readonly places: RowPlaces;
  readonly words: Words;

  /** @param others another weight's words, where both have them in common */
  constructor(readonly parameter: Parameter, private readonly weight: CodedWeight, private readonly rates: CodeRates, private readonly others?: Words) {
    const { codes, bits, block, index, scale } = weight;
    this.places = rowPlaces(parameter, weight.outputAxis, block);
    this.words = others ?? new Words(codes, bits, block);
    this.whole = this.words.values();
    this.scale = scale.slice();
    this.dense = new Float32Array(countOf(parameter.dims));
    const { rows, inputs } = this.places, blocks = inputs / block;
    this.index = new Int32Array(rows * blocks);
    for (let m = 0; m < rows; m++) for (let b = 0; b < blocks; b++) this.index[b * rows + m] = index ? index[m * blocks + b] : m * blocks + b;
    const silent = silentRows(this.whole, this.index, rows, block);
    this.words.silence(this.index.filter((_, at) => silent[at % rows]));
    if (weight.sparse) this.words.silence([0]);
    this.assignment = index && rates.words && !weight.sparse ? new Assignment(this.index, block, silent) : undefined;
    this.scaleSteps = new Adam(scale.length);
  }

  get state(): readonly (Float32Array | Int32Array)[] {
    return [...this.others ? [] : this.words.state, this.scale, ...this.scaleSteps.state, ...this.assignment?.state ?? []];
  }

  values(): Float32Array {
    const { dense, index, scale, places: { rows, span }, weight: { block } } = this, whole = this.whole = this.words.values();
    this.each((at, step, j, first, _place, channel) => {
      for (let m = 0; m < rows; m++, at += step, channel += span) dense[at] = whole[index[first + m] * block + j] * scale[channel];
    });
    return dense;
  }

  learn(gradient: Float32Array, rate: number): void {
    const { whole, index, scale, assignment, dense: own, places: { rows, span }, weight: { block, scales } } = this, dCodes = new Float32Array(whole.length), dScale = new Float32Array(scale.length);
    this.each((at, step, j, first, place, channel) => {
      for (let m = 0; m < rows; m++, at += step, channel += span) {
        const g = gradient[at], code = index[first + m] * block + j;
        dScale[channel] += g * whole[code];
        dCodes[code] += own[place + m] = g * scale[channel];
      }
    });
    // the values are made anew before they are next asked for, so that their memory serves for the gradients of single weights
    assignment?.learn(own, rate * this.rates.words!);
    this.words.learn(dCodes, rate * this.rates.codes);
    if (scales === "kept") return;
    // a step of equal share for every channel: the gradient of the scale's logarithm
    const logarithms = new Float32Array(scale.length), slopes = dScale.map((g, m) => g * scale[m]);
    if (scales === "one") slopes.fill(slopes.reduce((sum, g) => sum + g, 0));
    this.scaleSteps.step(logarithms, slopes, rate * this.rates.scale);
    for (let m = 0; m < scale.length; m++) scale[m] *= Math.exp(logarithms[m]);
  }

  leap(): boolean { return this.assignment?.leap(this.words.values()) ?? false; }

  swap(): void { this.assignment?.swap(); }

  judge(isGood: boolean): void { this.assignment?.judge(isGood); }

  /** The codes and scales that it stands at, and the words by block where they may have changed. */
  get result(): { codes: Uint8Array; scale: Float32Array; index?: Int32Array } {
    const { scale, index, words: { codes }, places: { rows }, assignment } = this, blocks = index.length / rows;
    return { codes, scale: scale.slice(), index: assignment && Int32Array.from(index, (_, i) => index[i % blocks * rows + Math.floor(i / blocks)]) };
  }

  /** For every place in a row: where its weights of all rows lie (first and step), its place in a block, where the blocks' words begin, the weights by place, and the first row's output channel. */
  private each(visit: (at: number, step: number, j: number, first: number, place: number, channel: number) => void): void {
    const { places, places: { first, step, rows }, weight: { block } } = this;
    for (let j = 0; j < first.length; j++) visit(first[j], step, j % block, Math.floor(j / block) * rows, j * rows, channelAt(places, j));
  }
}

/** Which rows have nothing but zeros. */
function silentRows(codes: Float32Array, words: Int32Array, rows: number, block: number): boolean[] {
  return Array.from({ length: rows }, (_, m) => {
    for (let at = m; at < words.length; at += rows) for (let j = 0; j < block; j++) if (codes[words[at] * block + j] !== 0) return false;
    return true;
  });
}
