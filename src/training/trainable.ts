import type { QuantizationNoise } from "./noise";
import { Adam, type Optimizer } from "./optimizer";
import type { Pull } from "./pull";
import { reordered, type Parameter } from "./step";

/** A tensor of the network that training moves, in whatever form it is kept. */
export interface Trainable {
  readonly parameter: Parameter;
  /** What the network gets, as the parameter's order stores it. Good until the next call. */
  values(): Float32Array;
  /** What the network gets in a step of its training, where that is something else. */
  varied?(step: number): Float32Array;
  /** Takes a step against the gradient of {@link values}; `rate` is a share of the highest. */
  learn(gradient: Float32Array, rate: number): void;
  /** From time to time, changes on trial what small steps cannot. @returns whether it did */
  leap?(): boolean;
  /** Takes a trial back, or makes it once more. */
  swap?(): void;
  /** Ends a trial that was taken back: it stays so, or is made for good. */
  judge?(isGood: boolean): void;
  /** All that decides how it goes on: the same arrays every time, to be copied out of and into. */
  readonly state: readonly (Float32Array | Int32Array)[];
}

/** Numbers as they are: biases, factors and offsets of normalizations. */
export class Vector implements Trainable {
  private readonly optimizer: Adam;
  private readonly rate: number;
  readonly state: readonly Float32Array[];

  /**
   * @param relativeRate highest step, as a share of the values' root mean square
   * @param pull what draws it to what the weights before it will need
   */
  constructor(readonly parameter: Parameter, private readonly numbers: Float32Array, relativeRate: number, private readonly pull?: Pull) {
    this.optimizer = new Adam(numbers.length);
    this.rate = relativeRate * (rootMeanSquare(numbers) || 1e-3);
    this.state = [numbers, ...this.optimizer.state, ...pull?.state ?? []];
  }

  values(): Float32Array { return this.numbers; }

  learn(gradient: Float32Array, rate: number): void {
    this.optimizer.step(this.numbers, gradient, rate * this.rate);
    this.pull?.step(this.numbers);
  }

  /** Draws it somewhere, or lets go of it. */
  draw(toward: Float32Array | undefined, way: number, steps: number): void {
    if (toward) this.pull?.aim(toward, way, steps);
    else this.pull?.release();
  }
}

/** A tensor of floats, trained by an optimizer of its own. */
export class Dense implements Trainable {
  private readonly numbers: Float32Array;
  readonly state: readonly (Float32Array | Int32Array)[];

  /**
   * @param initial in the order of the network
   * @param highest the highest rate
   * @param more noise: what the network sees of it in a step; pull: what draws it to its quantized form
   */
  constructor(readonly parameter: Parameter, initial: Float32Array, private readonly optimizer: Optimizer, private readonly highest: number, private readonly more: { noise?: QuantizationNoise; pull?: Pull } = {}) {
    this.numbers = parameter.order ? reordered(initial, parameter) : initial.slice();
    this.state = [this.numbers, ...optimizer.state, ...more.noise?.state ?? [], ...more.pull?.state ?? []];
  }

  values(): Float32Array { return this.numbers; }

  varied(step: number): Float32Array { return this.more.noise?.of(this.numbers, step) ?? this.numbers; }

  learn(gradient: Float32Array, rate: number): void {
    this.optimizer.step(this.numbers, gradient, rate * this.highest);
    this.more.pull?.step(this.numbers);
  }

  /** What is to be quantized of it, in the order of the network. */
  get wanted(): Float32Array { return reordered(this.more.pull?.wanted(this.numbers) ?? this.numbers, this.parameter, true); }

  /** Draws it to a quantized form of {@link wanted}, in the order of the network, or lets go of it. */
  draw(projected: Float32Array | undefined, way: number, steps: number): void {
    if (projected) this.more.pull?.follow(this.numbers, reordered(projected, this.parameter), way, steps);
    else this.more.pull?.release();
  }

  /** What it stands at, in the order of the network. */
  get result(): Float32Array { return reordered(this.numbers, this.parameter, true); }
}

export const rootMeanSquare = (values: Float32Array): number => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);
