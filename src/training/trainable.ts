import { fromCodes } from "../numeric/grid";
import { countOf, storedDims } from "./graph";
import { Adam, type Optimizer } from "./optimizer";
import { reordered, type Parameter } from "./step";

/** A tensor of the network that training moves, in whatever form it is kept. */
export interface Trainable {
  readonly parameter: Parameter;
  /** What the network gets, as the parameter's order stores it. Good until the next call. */
  values(): Float32Array;
  /** Takes a step against the gradient of {@link values}; `rate` is a share of the highest. */
  learn(gradient: Float32Array, rate: number): void;
  /** All that decides how it goes on: the same arrays every time, to be copied out of and into. */
  readonly state: readonly (Float32Array | Int32Array)[];
}

/** Numbers as they are: biases, factors and offsets of normalizations. */
export class Vector implements Trainable {
  private readonly optimizer: Adam;
  private readonly rate: number;
  readonly state: readonly Float32Array[];

  /** @param relativeRate highest step, as a share of the values' root mean square */
  constructor(readonly parameter: Parameter, private readonly numbers: Float32Array, relativeRate: number) {
    this.optimizer = new Adam(numbers.length);
    this.rate = relativeRate * (rootMeanSquare(numbers) || 1e-3);
    this.state = [numbers, ...this.optimizer.state];
  }

  values(): Float32Array { return this.numbers; }

  learn(gradient: Float32Array, rate: number): void { this.optimizer.step(this.numbers, gradient, rate * this.rate); }
}

/** A tensor trained from its beginning, by an optimizer of its own. */
export class Dense implements Trainable {
  private readonly numbers: Float32Array;
  readonly state: readonly Float32Array[];

  /**
   * @param initial in the order of the network
   * @param highest the highest rate
   */
  constructor(readonly parameter: Parameter, initial: Float32Array, private readonly optimizer: Optimizer, private readonly highest: number) {
    this.numbers = parameter.order ? reordered(initial, parameter) : initial.slice();
    this.state = [this.numbers, ...optimizer.state];
  }

  values(): Float32Array { return this.numbers; }

  learn(gradient: Float32Array, rate: number): void { this.optimizer.step(this.numbers, gradient, rate * this.highest); }

  /** What it stands at, in the order of the network. */
  get result(): Float32Array { return reordered(this.numbers, this.parameter, true); }
}

const rootMeanSquare = (values: Float32Array): number => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);

/** A weight as codes on a grid, each standing for one or many weights. */
export interface CodedWeight {
  /** [words, block], see numeric/grid. */
  codes: Uint8Array;
  bits: number;
  /** Weights in a row of one output channel that one word fills. */
  block: number;
  /** [outputs, inputs / block]; absent where every block has a word of its own. */
  index?: ArrayLike<number>;
  /** [outputs] */
  scale: Float32Array;
  /** The axis of the weight's output channels. */
  outputAxis: number;
  /** Whether the scale is this weight's own, and may be moved. */
  ownsScale: boolean;
}

export interface CodeRates {
  /** Highest step of a code, in steps of the grid. */
  codes: number;
  /** Of a scale, as a share of it. */
  scale: number;
}

/**
 * A weight kept as codes. In the forward pass they are whole numbers; their gradients go straight through the rounding to numbers in between (Yu et al.: arXiv 2003.05148, value level).
 * A word's gradient is the sum of those of all blocks that it stands for.
 */
export class Codes implements Trainable {
  readonly state: readonly Float32Array[];
  private readonly latent: Float32Array;
  private readonly scale: Float32Array;
  private readonly codeSteps: Adam;
  private readonly scaleSteps: Adam;
  /** [blocks of a row, outputs] */
  private readonly words: Int32Array;
  private readonly dense: Float32Array;
  private readonly whole: Float32Array;
  private readonly outputs: number;
  private readonly inputs: number;
  private readonly top: number;
  /** Codes of output channels without any weight: they stay zero. */
  private readonly silent: number[];

  constructor(readonly parameter: Parameter, private readonly weight: CodedWeight, private readonly rates: CodeRates) {
    const { codes, bits, block, index, scale } = weight;
    this.outputs = scale.length;
    this.inputs = countOf(parameter.dims) / this.outputs;
    this.top = 2 ** (bits - 1) - 1;
    this.latent = fromCodes(codes, bits);
    this.whole = new Float32Array(this.latent.length);
    this.scale = scale.slice();
    this.dense = new Float32Array(countOf(parameter.dims));
    const blocks = this.inputs / block;
    this.words = new Int32Array(this.outputs * blocks);
    for (let m = 0; m < this.outputs; m++) for (let b = 0; b < blocks; b++) this.words[b * this.outputs + m] = index ? index[m * blocks + b] : m * blocks + b;
    this.silent = silentCodes(this.latent, this.words, this.outputs, block);
    this.codeSteps = new Adam(this.latent.length);
    this.scaleSteps = new Adam(this.outputs);
    this.state = [this.latent, this.scale, ...this.codeSteps.state, ...this.scaleSteps.state];
  }

  values(): Float32Array {
    const { latent, whole, dense, words, scale, top, weight: { block } } = this;
    for (let i = 0; i < latent.length; i++) whole[i] = Math.max(-top, Math.min(top, Math.round(latent[i])));
    this.each((at, step, j, first) => {
      for (let m = 0; m < scale.length; m++, at += step) dense[at] = whole[words[first + m] * block + j] * scale[m];
    });
    return dense;
  }

  learn(gradient: Float32Array, rate: number): void {
    const { latent, whole, words, scale, top, weight: { block, ownsScale } } = this, dCodes = new Float32Array(latent.length), dScale = new Float32Array(scale.length);
    this.each((at, step, j, first) => {
      for (let m = 0; m < scale.length; m++, at += step) {
        const g = gradient[at], code = words[first + m] * block + j;
        dCodes[code] += g * scale[m];
        dScale[m] += g * whole[code];
      }
    });
    for (const code of this.silent) dCodes[code] = 0;
    this.codeSteps.step(latent, dCodes, rate * this.rates.codes);
    for (let i = 0; i < latent.length; i++) latent[i] = Math.max(-top, Math.min(top, latent[i]));
    if (!ownsScale) return;
    // a step of equal share for every channel: the gradient of the scale's logarithm
    const logarithms = new Float32Array(scale.length);
    this.scaleSteps.step(logarithms, dScale.map((g, m) => g * scale[m]), rate * this.rates.scale);
    for (let m = 0; m < scale.length; m++) scale[m] *= Math.exp(logarithms[m]);
  }

  /** The codes and scales that it stands at. */
  get result(): { codes: Uint8Array; scale: Float32Array } {
    const zero = 2 ** (this.weight.bits - 1);
    return { codes: Uint8Array.from(this.latent, (v) => zero + Math.max(-this.top, Math.min(this.top, Math.round(v)))), scale: this.scale.slice() };
  }

  /** For every place in a row: where its weights of all output channels lie (first and step), its place in a block, and where the blocks' words begin. */
  private each(visit: (at: number, step: number, j: number, first: number) => void): void {
    const { parameter, parameter: { dims, order }, weight: { outputAxis, block }, outputs } = this, stored = storedDims({ dims, order });
    const strides = dims.map((_, axis) => countOf(stored.slice((order ? order.indexOf(axis) : axis) + 1)));
    const inputAxis = 1 - outputAxis, taps = countOf(dims.slice(2));
    const places = tapOffsets(parameter.dims.slice(2), strides.slice(2));
    for (let c = 0, j = 0; c < dims[inputAxis]; c++) for (let t = 0; t < taps; t++, j++) visit(c * strides[inputAxis] + places[t], strides[outputAxis], j % block, Math.floor(j / block) * outputs);
  }
}

/** Where each tap of a kernel lies, in the order of the network. */
function tapOffsets(size: readonly number[], strides: readonly number[]): number[] {
  return size.reduce<number[]>((places, length, axis) => places.flatMap((place) => Array.from({ length }, (_, k) => place + k * strides[axis])), [0]);
}

/** Codes that output channels of nothing but zeros use. */
function silentCodes(latent: Float32Array, words: Int32Array, outputs: number, block: number): number[] {
  const silent = new Set<number>();
  for (let m = 0; m < outputs; m++) {
    const own = Array.from({ length: words.length / outputs }, (_, b) => words[b * outputs + m]);
    const isZero = own.every((word) => latent.subarray(word * block, (word + 1) * block).every((v) => v === 0));
    if (isZero) for (const word of own) for (let j = 0; j < block; j++) silent.add(word * block + j);
  }
  return [...silent];
}
