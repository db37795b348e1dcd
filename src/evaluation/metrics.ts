import type { BeforeAfter, Estimate } from "../protocol/estimates";
import { PairedHits, RunningError, RunningMean } from "./estimates";

/** Figures over samples, added up batch by batch so that memory does not grow with their number. */
export class ClassifierMetrics {
  samples = 0;
  private top1 = 0;
  private top5 = 0;
  private labelled = 0;
  private agreed = 0;
  private readonly divergences = new RunningMean();
  private compared = 0;
  private readonly hits = { top1: new PairedHits(), top5: new PairedHits() };

  /**
   * Adds a batch of outputs [n, classes].
   * @param reference the original's outputs for the same samples @param labels class of each sample
   */
  add(outputs: Float32Array, classes: number, labels?: ArrayLike<number>, reference?: Float32Array): void {
    for (let i = 0; i < outputs.length / classes; i++) {
      const row = outputs.subarray(i * classes, (i + 1) * classes), best = argMax(row);
      this.samples++;
      if (labels) {
        this.labelled++;
        if (best === labels[i]) this.top1++;
        if (rankOf(row, labels[i]) < 5) this.top5++;
      }
      if (reference) {
        const other = reference.subarray(i * classes, (i + 1) * classes);
        this.compared++;
        if (argMax(other) === best) this.agreed++;
        this.divergences.add(divergence(other, row));
        if (labels) {
          this.hits.top1.add(argMax(other) === labels[i], best === labels[i]);
          this.hits.top5.add(rankOf(other, labels[i]) < 5, rankOf(row, labels[i]) < 5);
        }
      }
    }
  }

  get top1Share(): number | undefined { return this.labelled ? this.top1 / this.labelled : undefined; }
  get top5Share(): number | undefined { return this.labelled ? this.top5 / this.labelled : undefined; }
  get agreement(): number | undefined { return this.compared ? this.agreed / this.compared : undefined; }
  get kl(): Estimate | undefined { return this.compared ? this.divergences.estimate : undefined; }
  /** From the reference to this model: both saw the same samples. */
  get changes(): { top1: BeforeAfter; top5: BeforeAfter } | undefined {
    const top1 = this.hits.top1.estimate, top5 = this.hits.top5.estimate;
    return top1 && top5 && { top1, top5 };
  }
}

/** The index of the largest value, the first one on ties. */
export function argMax(row: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < row.length; i++) if (row[i] > row[best]) best = i;
  return best;
}

/** How many classes come before this one. */
export function rankOf(row: Float32Array, label: number): number {
  let rank = 0;
  for (let i = 0; i < row.length; i++) if (row[i] > row[label] || (row[i] === row[label] && i < label)) rank++;
  return rank;
}

/** KL(p ‖ q) in nats of two rows of outputs, softmaxed unless they sum to one already. */
export function divergence(p: ArrayLike<number>, q: ArrayLike<number>): number {
  const logP = logProbabilities(p), logQ = logProbabilities(q);
  let sum = 0;
  for (let i = 0; i < logP.length; i++) if (logP[i] > -Infinity) sum += Math.exp(logP[i]) * (logP[i] - Math.max(logQ[i], -100));
  return Math.max(0, sum);
}

/** Natural logarithms of a row's probabilities. */
export function logProbabilities(row: ArrayLike<number>): Float64Array {
  let sum = 0, least = Infinity, most = -Infinity;
  for (let i = 0; i < row.length; i++) {
    sum += row[i];
    least = Math.min(least, row[i]);
    most = Math.max(most, row[i]);
  }
  if (least >= 0 && Math.abs(sum - 1) < 1e-3) return Float64Array.from(row, Math.log);
  let total = 0;
  for (let i = 0; i < row.length; i++) total += Math.exp(row[i] - most);
  const shift = most + Math.log(total);
  return Float64Array.from(row, (v) => v - shift);
}

export { wilson } from "../protocol/estimates";

/** Signal and error energies of outputs that are no class scores. */
export class ErrorMetrics {
  samples = 0;
  private signal = 0;
  private noise = 0;
  private readonly errors = new RunningError();

  add(outputs: Float32Array, reference: Float32Array, samples: number): void {
    const size = outputs.length / samples;
    this.samples += samples;
    for (let at = 0; at < samples; at++) {
      let signal = 0, noise = 0;
      for (let i = at * size; i < (at + 1) * size; i++) {
        signal += reference[i] ** 2;
        noise += (outputs[i] - reference[i]) ** 2;
      }
      this.errors.add(noise, signal);
      this.signal += signal;
      this.noise += noise;
    }
  }

  /** dB. A larger error is a smaller ratio, so the ends of the interval change places; no end where an error of 0 is among it. */
  get sqnrDb(): Estimate | undefined {
    const { relativeError } = this, decibels = (error: number): number => (error > 0 ? -20 * Math.log10(error) : Infinity);
    return relativeError && this.noise > 0 ? { value: 10 * Math.log10(this.signal / this.noise), low: decibels(relativeError.high), high: decibels(relativeError.low) } : undefined;
  }

  get relativeError(): Estimate | undefined { return this.signal > 0 ? this.errors.estimate : undefined; }
}
