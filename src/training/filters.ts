import { Adam } from "./optimizer";
import type { Parameter } from "./step";
import { rootMeanSquare, type Trainable } from "./trainable";

/** Numbers that have to keep to a rule beside what the network is to learn: its gradient is added to theirs. */
export class Ruled implements Trainable {
  private readonly optimizer: Adam;
  private readonly rate: number;
  readonly state: readonly Float32Array[];

  /** @param relativeRate highest step, as a share of the values' root mean square */
  constructor(readonly parameter: Parameter, private readonly numbers: Float32Array, relativeRate: number, private readonly rule: (values: Float32Array) => Float32Array) {
    this.optimizer = new Adam(numbers.length);
    this.rate = relativeRate * (rootMeanSquare(numbers) || 1e-3);
    this.state = [numbers, ...this.optimizer.state];
  }

  values(): Float32Array { return this.numbers; }

  learn(gradient: Float32Array, rate: number): void {
    const more = this.rule(this.numbers);
    this.optimizer.step(this.numbers, gradient.map((g, i) => g + more[i]), rate * this.rate);
  }
}
