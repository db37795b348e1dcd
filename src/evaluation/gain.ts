import type { Estimate, Gain } from "../protocol/estimates";
import { beforeAndAfter, RunningMean } from "./estimates";
import { argMax, divergence } from "./metrics";

/** Adds up how much nearer one of two versions of a model is to their original than the other, batch by batch. */
export class GainMeter {
  private samples = 0;
  private isClassifier = false;
  /** Predictions that are the original's: of both, of the first alone, of the second alone. */
  private readonly agreed = { both: 0, before: 0, after: 0 };
  private readonly loss = { before: new RunningMean(), after: new RunningMean(), change: new RunningMean() };
  /** Energy of the original's outputs. */
  private readonly signal = new RunningMean();

  /** Rows of the outputs of `count` samples; classifiers have one value for each class. */
  add(original: Float32Array, before: Float32Array, after: Float32Array, count: number, isClassifier: boolean): void {
    const size = original.length / count;
    this.isClassifier = isClassifier;
    for (let i = 0; i < count; i++) {
      const [wanted, first, second] = [original, before, after].map((all) => all.subarray(i * size, (i + 1) * size));
      this.samples++;
      this.signal.add(wanted.reduce((sum, v) => sum + v * v, 0));
      if (isClassifier) this.compare(argMax(wanted), argMax(first), argMax(second));
      const [lossBefore, lossAfter] = [first, second].map((other) => (isClassifier ? divergence(wanted, other) : squaredError(wanted, other)));
      this.loss.before.add(lossBefore);
      this.loss.after.add(lossAfter);
      this.loss.change.add(lossAfter - lossBefore);
    }
  }

  get gain(): Gain | undefined {
    const { samples, agreed: { both, before, after }, isClassifier, loss, signal } = this, unit = isClassifier ? 1 : signal.estimate.value || 1;
    if (!samples) return undefined;
    const inUnits = ({ value, low, high }: Estimate): Estimate => ({ value: value / unit, low: low / unit, high: high / unit });
    return { samples, loss: { before: inUnits(loss.before.estimate), after: inUnits(loss.after.estimate), change: inUnits(loss.change.estimate) }, ...(isClassifier && { agreement: beforeAndAfter(both, before, after, samples) }) };
  }

  private compare(wanted: number, before: number, after: number): void {
    if (before === wanted && after === wanted) this.agreed.both++;
    else if (before === wanted) this.agreed.before++;
    else if (after === wanted) this.agreed.after++;
  }
}

const squaredError = (wanted: Float32Array, other: Float32Array): number => wanted.reduce((sum, v, i) => sum + (other[i] - v) ** 2, 0);
