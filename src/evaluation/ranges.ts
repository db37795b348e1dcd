import { Histogram, type Spans } from "../numeric/histogram";

/** How the range of an activation is chosen from what calibration samples show of it. */
export const RANGE_KINDS = ["minMax", "movingAverage", "percentile", "entropy", "meanSquaredError"] as const;
export type RangeKind = typeof RANGE_KINDS[number];
/** Share of the values that a range by percentile holds, where nothing else is said. */
export const PERCENTILE = 99.99;
/** How much of a moving average the newest batch makes up (Jacob et al.: arXiv 1712.05877, §3.1). */
const NEWEST = 0.1;

/** How much of a side's extent a range that is looked for keeps at least; behind a function that is flat far out little of it may count. */
const LEAST = 0.1, LEAST_BEHIND = 0.005;

export interface Range { min: number; max: number }

/** Range kinds that need to know no more than the least and largest values of each batch. */
export const isOfExtremes = (kind: RangeKind): boolean => kind === "minMax" || kind === "movingAverage";

/** What is remembered of one activation over all batches: of a size that does not depend on their number. */
export class Observed {
  private readonly histogram = new Histogram();
  private readonly whole = { min: Infinity, max: -Infinity };
  private average: Range | undefined;
  /** Largest absolute value of each channel; of a value that has some. */
  peaks: Float64Array | undefined;

  /**
   * Adds an activation's values on one batch, [samples, channels, …] where channels are told apart.
   * @throws RangeError where they are no finite numbers
   */
  add(values: Float32Array, samples = 1, channels = 1): void { this.addSpans(this.histogram.add(values, samples * channels), channels); }

  /**
   * Adds no more than what the channels of the samples of one batch span: enough for ranges {@link isOfExtremes}.
   * @throws RangeError where that is not finite
   */
  addSpans({ least, most }: Spans, channels = 1): void {
    const peaks = this.peaks ??= new Float64Array(channels);
    let min = Infinity, max = -Infinity;
    for (let i = 0; i < most.length; i++) {
      const low = least[i], high = most[i], c = i % channels, peak = Math.max(-low, high);
      if (!Number.isFinite(peak)) throw new RangeError("values that are no finite numbers");
      if (low < min) min = low;
      if (high > max) max = high;
      if (peak > peaks[c]) peaks[c] = peak;
    }
    this.whole.min = Math.min(this.whole.min, min);
    this.whole.max = Math.max(this.whole.max, max);
    this.average = this.average ? { min: this.average.min + NEWEST * (min - this.average.min), max: this.average.max + NEWEST * (max - this.average.max) } : { min, max };
  }

  /** The middles of the bins in which values are counted: what a function's `response` is given for. */
  get points(): Float32Array { return Float32Array.from(this.histogram.bins, (_, i) => this.histogram.valueAt(i)); }

  /**
   * The range to be shown in `levels` steps. It holds zero, which stays exact.
   * @param options.response what the only reader of the values makes of each of {@link points}: squared errors are those behind it
   */
  range(kind: RangeKind, { percentile = PERCENTILE, levels = 255, response }: { percentile?: number; levels?: number; response?: Float32Array } = {}): Range {
    const { min, max } = this.whole;
    if (!(max > min)) return holdZero(Number.isFinite(min) ? { min, max } : { min: 0, max: 0 });
    switch (kind) {
      case "minMax": return holdZero({ min, max });
      case "movingAverage": return holdZero(this.average!);
      case "percentile": return holdZero(this.within(percentile / 100));
      case "entropy": return this.best((range) => divergence(this.histogram, range, levels));
      case "meanSquaredError": return this.best((range) => (response ? errorBehind(this.histogram, response, range, levels) : squaredError(this.histogram, range, levels)), response && LEAST_BEHIND);
    }
  }

  /** The values between two tails that are alike; a side that ends at zero has none. */
  private within(share: number): Range {
    const { whole: { min, max }, histogram, histogram: { bins, count, width } } = this, isOneSided = min >= 0 || max <= 0, tail = (1 - share) * count / (isOneSided ? 1 : 2);
    const edge = (from: number, step: 1 | -1): number => {
      let bin = from;
      for (let seen = bins[bin]; seen <= tail; seen += bins[bin]) bin += step;
      return histogram.valueAt(bin) - step * width / 2;
    };
    return { min: min >= 0 ? min : Math.max(min, edge(0, 1)), max: max <= 0 ? max : Math.min(max, edge(bins.length - 1, -1)) };
  }

  /** The clipping at which a cost is least: both ends are moved in, in turns. */
  private best(cost: (range: Range) => number, smallest = LEAST): Range {
    const whole = holdZero(this.whole), range = { ...whole };
    let least = cost(range);
    for (let round = 0; round < 3; round++) {
      const before = least;
      for (const end of ["max", "min"] as const) {
        for (let share = 1; share > smallest; share *= 0.97) {
          const tried = { ...range, [end]: whole[end] * share }, now = cost(tried);
          if (now < least) { least = now; range[end] = tried[end]; }
        }
      }
      if (least === before) break;
    }
    return range;
  }
}

const holdZero = ({ min, max }: Range): Range => ({ min: Math.min(0, min), max: Math.max(0, max) });

/** Mean squared error of rounding and clipping. */
function squaredError(histogram: Histogram, { min, max }: Range, levels: number): number {
  const { bins, width } = histogram, step = (max - min) / levels || 1;
  let error = 0;
  for (let i = 0; i < bins.length; i++) {
    if (bins[i] === 0) continue;
    const v = histogram.valueAt(i), clipped = Math.max(min, Math.min(max, v)), q = Math.round(clipped / step) * step;
    // a bin as wide as a step holds values that are rounded up and down
    error += bins[i] * (width < step / 4 ? (v - q) ** 2 : (v - clipped) ** 2 + step * step / 12);
  }
  return error;
}

/** Mean squared error of rounding and clipping behind a function, known in the middle of each bin. */
function errorBehind(histogram: Histogram, response: Float32Array, { min, max }: Range, levels: number): number {
  const { bins, width } = histogram, step = (max - min) / levels || 1, at = (v: number) => between(response, histogram.binOf(v));
  let error = 0;
  for (let i = 0; i < bins.length; i++) {
    if (bins[i] === 0) continue;
    const v = histogram.valueAt(i), clipped = Math.max(min, Math.min(max, v));
    error += bins[i] * (width < step / 4 ? (at(Math.round(clipped / step) * step) - response[i]) ** 2 : (at(clipped) - response[i]) ** 2 + (at(v + step / 2) - at(v - step / 2)) ** 2 / 12);
  }
  return error;
}

/** A sequence at a place that may lie between two of its entries. */
function between(values: Float32Array, place: number): number {
  const at = Math.max(0, Math.min(values.length - 1, place)), low = Math.floor(at), high = Math.min(values.length - 1, low + 1);
  return values[low] + (at - low) * (values[high] - values[low]);
}

/** Kullback-Leibler divergence of the clipped and rounded distribution from the clipped one, as in TensorRT's calibration (Migacz, 2017). */
function divergence(histogram: Histogram, { min, max }: Range, levels: number): number {
  const { bins } = histogram, step = (max - min) / levels || 1, mass = new Float64Array(levels + 1), filled = new Uint32Array(levels + 1);
  const levelOf = (v: number) => Math.max(0, Math.min(levels, Math.round((v - min) / step)));
  const inside: { level: number; p: number }[] = [];
  let low = 0, high = 0, total = 0;
  for (let i = 0; i < bins.length; i++) {
    const v = histogram.valueAt(i);
    total += bins[i];
    if (v < min) low += bins[i];
    else if (v > max) high += bins[i];
    else if (bins[i] > 0) {
      const level = levelOf(v);
      inside.push({ level, p: bins[i] });
      mass[level] += bins[i];
      filled[level]++;
    }
  }
  if (!inside.length) return Infinity;
  // what is clipped belongs to the outermost bins of the reference, and not to those of the approximation
  inside[0].p += low;
  inside[inside.length - 1].p += high;
  const kept = total - low - high;
  let sum = 0;
  for (const { level, p } of inside) sum += p / total * Math.log(p / total / (mass[level] / filled[level] / kept));
  return sum;
}
