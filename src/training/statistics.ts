import type { Network } from "./network";
import type { Tensor } from "../runtime/runtime";
import { meanOutput, varianceOutput, type Parameter } from "./step";

/** How far a batch moves the running statistics. */
const MOMENTUM = 0.05;

interface Normalization { output: string; mean: string; variance: string }

/** Means and variances that batch normalizations have at inference: those of the model, then running ones of the training. */
export class RunningStatistics {
  readonly parameters: Parameter[] = [];
  private readonly values = new Map<string, Float32Array>();
  private readonly normalizations: Normalization[];

  constructor(network: Network) {
    this.normalizations = network.nodes.flatMap(({ op, inputs, outputs }) => (op === "BatchNormalization" ? [{ output: outputs[0], mean: inputs[3], variance: inputs[4] }] : []));
    for (const name of this.normalizations.flatMap(({ mean, variance }) => [mean, variance])) {
      const constant = network.constants.get(name);
      if (!constant || this.values.has(name)) continue;
      this.values.set(name, Float32Array.from(constant.data as Float32Array));
      this.parameters.push({ name, dims: constant.dims });
    }
  }

  /** Whether each normalization has statistics of its own, which alone can run. */
  get areOwn(): boolean { return this.parameters.length === 2 * this.normalizations.length; }

  get state(): Float32Array[] { return [...this.values.values()]; }

  get(name: string): Float32Array { return this.values.get(name)!; }

  feeds(): Record<string, Tensor> {
    return Object.fromEntries(this.parameters.map(({ name, dims }) => [name, { dims, data: this.get(name) }]));
  }

  /** Takes a step towards the statistics of a batch. */
  follow(results: Record<string, Tensor>): void {
    for (const { output, mean, variance } of this.normalizations) {
      move(this.get(mean), results[meanOutput(output)].data);
      move(this.get(variance), results[varianceOutput(output)].data);
    }
  }

  /** Becomes the statistics of all of these batches: the mean of the variances and the variance of the means. */
  async estimate(batches: AsyncIterable<Record<string, Tensor>>): Promise<void> {
    const sums = this.normalizations.map(({ mean }) => ({ mean: new Float64Array(this.get(mean).length), square: new Float64Array(this.get(mean).length) }));
    let count = 0;
    for await (const results of batches) {
      count++;
      this.normalizations.forEach(({ output }, i) => {
        const means = results[meanOutput(output)].data, variances = results[varianceOutput(output)].data;
        means.forEach((mean, c) => {
          sums[i].mean[c] += mean;
          sums[i].square[c] += variances[c] + mean * mean;
        });
      });
    }
    this.normalizations.forEach(({ mean, variance }, i) => {
      sums[i].mean.forEach((sum, c) => {
        this.get(mean)[c] = sum / count;
        this.get(variance)[c] = Math.max(0, sums[i].square[c] / count - (sum / count) ** 2);
      });
    });
  }
}

function move(values: Float32Array, to: Float32Array): void {
  for (let i = 0; i < values.length; i++) values[i] += MOMENTUM * (to[i] - values[i]);
}
