/** Bins on each side of zero. */
const BINS = 2048;

/** How often values occur, in memory that does not grow: the bins widen by two whenever a value lies beyond them. */
export class Histogram {
  min = Infinity;
  max = -Infinity;
  count = 0;
  /** Values of [i − BINS, i − BINS + 1) · width. */
  readonly bins = new Float64Array(2 * BINS);
  width = 0;

  /** Adds values; those that are no finite numbers are left out. */
  add(values: Float32Array): void {
    let min = Infinity, max = -Infinity;
    for (const v of values) {
      if (v < min && v > -Infinity) min = v;
      if (v > max && v < Infinity) max = v;
    }
    if (min > max) return;
    this.min = Math.min(this.min, min);
    this.max = Math.max(this.max, max);
    this.reach(Math.max(-min, max));
    const { bins, width } = this, factor = width > 0 ? 1 / width : 0;
    for (const v of values) {
      if (!Number.isFinite(v)) continue;
      bins[BINS + Math.max(-BINS, Math.min(BINS - 1, Math.floor(v * factor)))]++;
      this.count++;
    }
  }

  /** The value in the middle of a bin. */
  valueAt(bin: number): number { return (bin - BINS + 0.5) * this.width; }

  /** Where a value lies among the bins: whole in the middle of one. */
  binOf(value: number): number { return value / this.width + BINS - 0.5; }

  /** Makes room for values up to ±peak. */
  private reach(peak: number): void {
    if (this.width === 0) {
      this.width = peak / BINS;
      return;
    }
    while (peak > this.width * BINS * (1 + 1e-12)) this.widen();
  }

  private widen(): void {
    const { bins } = this, halves = new Float64Array(2 * BINS);
    // pairs of bins join where zero is a border
    for (let i = 0; i < 2 * BINS; i++) halves[BINS + Math.floor((i - BINS) / 2)] += bins[i];
    bins.set(halves);
    this.width *= 2;
  }
}
