/**
 * What draws a tensor to its quantized form, by the alternating direction method of multipliers (Yang et al.: arXiv 1910.05897, §3; scaled form): the loss moves W,
 * a projection makes V of W + U, and U, the multiplier, sums up what is left between the two. Each step brings W a little nearer to V − U, apart from the
 * gradients' own step, as decay of weights is kept apart (Loshchilov, Hutter: arXiv 1711.05101). Steps between two projections are few, so W goes only a part of the way;
 * U takes the same part of what is left, or it would outgrow weights that had no time to follow.
 */
export class Pull {
  private readonly multiplier: Float32Array;
  private readonly toward: Float32Array;
  /** [share of the way until the next projection, and in a step] */
  private readonly way = new Float32Array(2);

  constructor(size: number) {
    this.multiplier = new Float32Array(size);
    this.toward = new Float32Array(size);
  }

  get state(): readonly Float32Array[] { return [this.multiplier, this.toward, this.way]; }

  /** W + U, what is to be quantized. */
  wanted(numbers: Float32Array): Float32Array { return numbers.map((w, i) => w + this.multiplier[i]); }

  /**
   * Goes on to another projection V of {@link wanted}.
   * @param way share of the way to V − U that is gone in the next `steps`; U is in units of how strongly that draws
   */
  follow(numbers: Float32Array, projected: Float32Array, way: number, steps: number): void {
    const { multiplier, toward, way: [gone, before] } = this;
    this.set(way, steps);
    const unit = before > 0 ? Math.min(1, before / this.way[1]) : 1;
    for (let i = 0; i < numbers.length; i++) {
      multiplier[i] = unit * (multiplier[i] + gone * (numbers[i] - projected[i]));
      toward[i] = projected[i] - multiplier[i];
    }
  }

  /** Only draws it there: what has no quantized form of its own. */
  aim(toward: Float32Array, way: number, steps: number): void {
    this.toward.set(toward);
    this.set(way, steps);
  }

  /** Lets go: nothing is quantized for now. */
  release(): void {
    this.multiplier.fill(0);
    this.way.fill(0);
  }

  step(numbers: Float32Array): void {
    const { toward, way: [, share] } = this;
    if (share > 0) for (let i = 0; i < numbers.length; i++) numbers[i] += share * (toward[i] - numbers[i]);
  }

  private set(way: number, steps: number): void { this.way.set([way, 1 - (1 - way) ** (1 / steps)]); }
}
