import type { BeforeAfter, Estimate } from "../protocol/estimates";
import { wilson } from "./metrics";

/** Figures over samples with their 95 % intervals. */

const Z = 1.959963984540054;

/** A share of samples, with Wilson's interval. */
export function shareOf(hits: number, samples: number): Estimate {
  const value = samples ? hits / samples : 0, [low, high] = wilson(value, samples);
  return { value, low, high };
}

/**
 * A share before and after, where `lost` samples are counted in the first alone and `gained` in the second alone. The change's interval is that of paired samples,
 * with half a sample more in each of the four cases (Agresti and Min 2005): a change that few samples did not show is not ruled out by them.
 */
export function beforeAndAfter(both: number, lost: number, gained: number, samples: number): BeforeAfter {
  const change = samples ? (gained - lost) / samples : 0;
  const all = samples + 2, middle = (gained - lost) / all, half = Z * Math.sqrt(Math.max(0, (lost + gained + 1) / all - middle ** 2) / all);
  return { before: shareOf(both + lost, samples), after: shareOf(both + gained, samples), change: samples ? { value: change, low: Math.max(-1, middle - half), high: Math.min(1, middle + half) } : { value: 0, low: -1, high: 1 } };
}

/** Where one of two models is right of samples that both see: in both, in the first alone, in the second alone. */
export class PairedHits {
  private samples = 0;
  private both = 0;
  private lost = 0;
  private gained = 0;

  add(before: boolean, after: boolean): void {
    this.samples++;
    if (before && after) this.both++;
    else if (before) this.lost++;
    else if (after) this.gained++;
  }

  /** None without samples. */
  get estimate(): BeforeAfter | undefined { return this.samples ? beforeAndAfter(this.both, this.lost, this.gained, this.samples) : undefined; }
}

/** The mean of values that come one by one (Welford), with the normal interval; one value alone is taken to be uncertain by its size. */
export class RunningMean {
  private count = 0;
  private mean = 0;
  private squares = 0;

  add(value: number): void {
    this.count++;
    const off = value - this.mean;
    this.mean += off / this.count;
    this.squares += off * (value - this.mean);
  }

  get estimate(): Estimate {
    const half = this.count > 1 ? Z * Math.sqrt(this.squares / (this.count - 1) / this.count) : Math.abs(this.mean);
    return { value: this.mean, low: this.mean - half, high: this.mean + half };
  }
}

/** √(Σ noise ÷ Σ signal) of samples that come one by one, with the interval that it has if other samples of their kind had come (of a ratio, to first order). */
export class RunningError {
  private samples = 0;
  private noise = 0;
  private signal = 0;
  private squares = { noise: 0, both: 0, signal: 0 };

  add(noise: number, signal: number): void {
    this.samples++;
    this.noise += noise;
    this.signal += signal;
    this.squares.noise += noise * noise;
    this.squares.both += noise * signal;
    this.squares.signal += signal * signal;
  }

  /** Relative to 1 where there is no signal at all. */
  get estimate(): Estimate {
    const { samples, noise, squares } = this, signal = this.signal || 1, ratio = noise / signal, value = Math.sqrt(ratio);
    const variance = samples > 1 ? samples / (samples - 1) * Math.max(0, squares.noise - 2 * ratio * squares.both + ratio * ratio * squares.signal) / signal ** 2 : ratio * ratio;
    const half = value > 0 ? Z * Math.sqrt(variance) / (2 * value) : 0;
    return { value, low: Math.max(0, value - half), high: value + half };
  }
}

/** Keeps the values that rank highest of all that come, without keeping the others. */
export class Highest<Value> {
  private kept: { value: Value; rank: number }[] = [];
  private least = -Infinity;

  constructor(private readonly most: number) {}

  add(rank: number, make: () => Value): void {
    if (this.kept.length >= this.most && rank <= this.least) return;
    this.kept.push({ value: make(), rank });
    if (this.kept.length < 2 * this.most) return;
    this.cut();
    this.least = this.kept[this.kept.length - 1].rank;
  }

  /** The highest first. */
  get values(): Value[] {
    this.cut();
    return this.kept.map(({ value }) => value);
  }

  private cut(): void {
    this.kept.sort((a, b) => b.rank - a.rank);
    this.kept.length = Math.min(this.kept.length, this.most);
  }
}
