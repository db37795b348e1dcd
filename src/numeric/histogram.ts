import { withKernels, type Kernels } from "./kernels";

/** Bins on each side of zero. */
const BINS = 2048;
/** Columns of the table that the kernel counts in. */
const COLUMNS = 4;
/** Values that are looked at, and then counted, while they are in the cache. */
const PIECE = 1 << 15;

/** A bin is no narrower, so that its inverse is a float of 32 bits. */
const LEAST_WIDTH = 1e-38;

/** Least and largest value of rows, one after the other. */
export interface Spans { least: Float32Array; most: Float32Array }

/** How often values occur, in memory that does not grow: the bins widen by two whenever a value lies beyond them. */
export class Histogram {
  min = Infinity;
  max = -Infinity;
  count = 0;
  /** Values of [i − BINS, i − BINS + 1) · width. */
  readonly bins = new Float64Array(2 * BINS);
  width = 0;

  /**
   * Adds values that are `rows` rows of one length.
   * @returns what each row spans
   * @throws RangeError where values are no finite numbers; nothing of their piece is counted then
   */
  add(values: Float32Array, rows = 1): Spans {
    const length = values.length / rows, atOnce = Math.max(1, Math.floor(PIECE / length)), least = new Float32Array(rows), most = new Float32Array(rows);
    withKernels((k) => {
      const x = k.reserve(4 * Math.min(rows, atOnce) * length), spans = k.reserve(8 * atOnce), table = k.reserve(4 * 2 * BINS * COLUMNS);
      k.ints(table, 2 * BINS * COLUMNS).fill(0);
      for (let row = 0; row < rows; row += atOnce) {
        const some = Math.min(atOnce, rows - row), piece = values.subarray(row * length, (row + some) * length);
        k.floats(x, piece.length).set(piece);
        k.call.spans(x, some, length, spans);
        const found = k.floats(spans, 2 * some);
        let min = Infinity, max = -Infinity;
        for (let i = 0; i < some; i++) {
          const low = least[row + i] = found[2 * i], high = most[row + i] = found[2 * i + 1];
          if (!Number.isFinite(low) || !Number.isFinite(high)) throw new RangeError("values that are no finite numbers");
          if (low < min) min = low;
          if (high > max) max = high;
        }
        this.min = Math.min(this.min, min);
        this.max = Math.max(this.max, max);
        this.reach(Math.max(-min, max), () => this.collect(k, table));
        k.call.count(x, piece.length, this.width > 0 ? 1 / this.width : 0, BINS, table);
        this.count += piece.length;
      }
      this.collect(k, table);
    });
    return { least, most };
  }

  /** The value in the middle of a bin. */
  valueAt(bin: number): number { return (bin - BINS + 0.5) * this.width; }

  /** Where a value lies among the bins: whole in the middle of one. */
  binOf(value: number): number { return value / this.width + BINS - 0.5; }

  /** Takes over what the kernel has counted. */
  private collect(k: Kernels, table: number): void {
    const counted = k.ints(table, 2 * BINS * COLUMNS), { bins } = this;
    for (let i = 0; i < bins.length; i++) for (let column = 0; column < COLUMNS; column++) bins[i] += counted[COLUMNS * i + column];
    counted.fill(0);
  }

  /** Makes room for values up to ±peak. */
  private reach(peak: number, collect: () => void): void {
    if (this.width === 0) {
      this.width = peak > 0 ? Math.max(LEAST_WIDTH, peak / BINS) : 0;
      return;
    }
    if (peak <= this.width * BINS * (1 + 1e-12)) return;
    collect();
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
