import type { Deviation, ErrorMap, OutputFigures } from "../protocol/accuracy";
import type { Tensor } from "../runtime/runtime";
import { Highest, RunningError } from "./estimates";

/** So many samples are kept, those whose outputs changed most. */
const MOST_DEVIATIONS = 200;
/** A map has no more cells than this along each side. */
const MOST_CELLS = 128;

/** Adds up how the outputs of a compressed model that is no classifier differ from the original's, batch by batch. */
export class OutputComparison {
  private readonly outputs = new Map<string, OutputErrors>();
  private readonly kept = new Highest<Deviation>(MOST_DEVIATIONS);

  /**
   * @param rows samples that were run; those after the last of `positions` only fill the batch up
   */
  add(original: Record<string, Tensor>, compressed: Record<string, Tensor>, rows: number, positions: ArrayLike<number>, nameOf: (position: number) => string): void {
    const worst = new Float64Array(positions.length);
    for (const [name, before] of Object.entries(original)) {
      const after = compressed[name];
      if (!after) continue;
      let errors = this.outputs.get(name);
      if (!errors) this.outputs.set(name, errors = new OutputErrors(name));
      errors.add(before, after, rows, positions.length).forEach((error, i) => { worst[i] = Math.max(worst[i], error); });
    }
    for (let i = 0; i < positions.length; i++) {
      const position = positions[i];
      this.kept.add(worst[i], () => ({ position, name: nameOf(position), relativeError: worst[i] }));
    }
  }

  get figures(): OutputFigures[] { return [...this.outputs.values()].map((errors) => errors.figures); }
  get deviations(): Deviation[] { return this.kept.values; }
  /** Outputs whose number of values depends on what is found in the sample, and differed. */
  get differing(): string[] { return [...this.outputs.values()].filter(({ differs }) => differs).map(({ name }) => name); }
}

class OutputErrors {
  differs = false;
  private varies = false;
  private signal = 0;
  private absolute = 0;
  private values = 0;
  private largest = 0;
  private readonly errors = new RunningError();
  private bySample = false;
  private shape: readonly number[] | undefined;
  private map: MapSum | undefined;

  constructor(readonly name: string) {}

  /** The relative error of each sample; 0 where it cannot be told. */
  add({ dims, data: before }: Tensor, { data: after }: Tensor, rows: number, count: number): number[] {
    if (before.length !== after.length) { this.differs = true; return []; }
    const bySample = dims.length > 0 && dims[0] === rows, size = bySample ? before.length / rows : before.length, shape = bySample ? dims.slice(1) : dims;
    if (!this.shape) {
      this.shape = shape;
      this.map = bySample && shape.length > 1 ? new MapSum(shape) : undefined;
    } else if (shape.join() !== this.shape.join()) {
      this.varies = true;
      this.map = undefined;
    }
    const found: number[] = [];
    for (let s = 0; s < (bySample ? count : 1); s++) {
      let signal = 0, noise = 0;
      for (let i = s * size; i < (s + 1) * size; i++) {
        const off = Math.abs(after[i] - before[i]);
        signal += before[i] ** 2;
        noise += off * off;
        this.absolute += off;
        if (off > this.largest) this.largest = off;
      }
      this.map?.add(before, after, s * size);
      this.signal += signal;
      this.errors.add(noise, signal);
      this.values += size;
      if (bySample) found.push(Math.sqrt(noise / (signal || 1)));
    }
    this.bySample = bySample;
    return found;
  }

  get figures(): OutputFigures {
    const { name, signal, values } = this, { value: relativeError, low, high } = this.errors.estimate;
    return {
      name, shape: this.shape && !this.varies ? [...this.shape] : undefined, relativeError, ...(this.bySample && { interval: [low, high] }),
      sqnrDb: relativeError > 0 && signal > 0 ? -20 * Math.log10(relativeError) : undefined, meanError: this.absolute / (values || 1), largestError: this.largest, size: Math.sqrt(signal / (values || 1)), map: this.map?.mean,
    };
  }
}

/** Differences by place, in cells of several places where there are many. */
class MapSum {
  private readonly height: number;
  private readonly width: number;
  private readonly cell: [number, number];
  private readonly sums: Float64Array;
  private readonly counts: Float64Array;

  constructor(private readonly shape: readonly number[]) {
    const [rows, columns] = shape.slice(-2);
    this.cell = [Math.ceil(rows / MOST_CELLS), Math.ceil(columns / MOST_CELLS)];
    this.height = Math.ceil(rows / this.cell[0]);
    this.width = Math.ceil(columns / this.cell[1]);
    this.sums = new Float64Array(this.height * this.width);
    this.counts = new Float64Array(this.height * this.width);
  }

  add(before: Float32Array, after: Float32Array | undefined, at: number): void {
    const [rows, columns] = this.shape.slice(-2), planes = this.shape.slice(0, -2).reduce((a, b) => a * b, 1), [down, across] = this.cell;
    for (let plane = 0; plane < planes; plane++) for (let y = 0; y < rows; y++) {
      const row = Math.floor(y / down) * this.width, from = at + (plane * rows + y) * columns;
      for (let x = 0; x < columns; x++) {
        const cell = row + Math.floor(x / across);
        this.sums[cell] += after ? Math.abs(after[from + x] - before[from + x]) : before[from + x];
        this.counts[cell]++;
      }
    }
  }

  get mean(): ErrorMap { return { height: this.height, width: this.width, cell: this.cell, values: Float32Array.from(this.sums, (sum, i) => sum / this.counts[i]) }; }
}

/** Whether an output has places: samples of two dimensions or more. */
export const hasPlaces = ({ dims }: Tensor): boolean => dims.length > 2;

/** One sample's output by place, averaged over channels; its difference from another model's, or its values. */
export function mapOf({ dims, data }: Tensor, other?: Tensor): ErrorMap {
  const sum = new MapSum(dims.slice(1));
  sum.add(data, other?.data, 0);
  return sum.mean;
}
