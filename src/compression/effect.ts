import { argMax, divergence, logProbabilities } from "../evaluation/metrics";
import type { Tensor } from "../runtime/runtime";

/** What a change to a network does to its outputs. */
export interface Effect {
  /** KL of a classifier's outputs, nats; relative squared error of any other's. */
  loss: number;
  /** Share of a classifier's predictions that flip; 0 for others. */
  disagreement: number;
  /** Share of predictions that turn from right to wrong less that of the opposite, by labels or, without any, if the original's probabilities are believed; 0 for others. */
  lost: number;
  /** Predictions that were compared; 0 for others. */
  samples: number;
}

/** Adds up what becomes of a network's outputs, batch by batch. A network with one output [N, C], C > 1, is a classifier. */
export class EffectMeter {
  private readonly classifier: boolean;
  private count = 0;
  private kl = 0;
  private flips = 0;
  private lost = 0;
  private error = 0;
  private energy = 0;

  /**
   * @param reference the original's outputs, batch by batch
   * @param labels what a classifier's samples show, batch by batch, where that is known
   */
  constructor(private readonly reference: ReadonlyMap<string, readonly Tensor[]>, private readonly labels?: readonly Int32Array[]) {
    const [first] = reference.values();
    this.classifier = reference.size === 1 && first[0].dims.length === 2 && first[0].dims[1] > 1;
  }

  add(batch: number, values: Record<string, Tensor>): void {
    for (const [name, tensors] of this.reference) {
      if (this.classifier) this.compare(tensors[batch], values[name], this.labels?.[batch]);
      else this.measure(tensors[batch].data, values[name].data);
    }
  }

  private compare({ data: x, dims: [samples, classes] }: Tensor, { data: y }: Tensor, labels?: Int32Array): void {
    for (let s = 0; s < samples; s++) {
      const p = x.subarray(s * classes, (s + 1) * classes), q = y.subarray(s * classes, (s + 1) * classes);
      this.kl += divergence(p, q);
      const before = argMax(p), after = argMax(q);
      if (before === after) continue;
      this.flips++;
      this.lost += labels ? Number(before === labels[s]) - Number(after === labels[s]) : believed(p, before) - believed(p, after);
    }
    this.count += samples;
  }

  private measure(x: Float32Array, y: Float32Array): void {
    for (let i = 0; i < x.length; i++) {
      this.error += (x[i] - y[i]) ** 2;
      this.energy += x[i] ** 2;
    }
  }

  get effect(): Effect {
    if (this.classifier) return { loss: this.kl / this.count, disagreement: this.flips / this.count, lost: this.lost / this.count, samples: this.count };
    return { loss: this.error / (this.energy || 1), disagreement: 0, lost: 0, samples: 0 };
  }
}

/** What a classifier takes a class's probability for. */
const believed = (row: Float32Array, index: number): number => Math.exp(logProbabilities(row)[index]);
