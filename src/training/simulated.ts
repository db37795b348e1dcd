import { gridOf, LEVELS } from "../evaluation/integer/grids";
import type { Range } from "../evaluation/ranges";
import type { Tensor } from "../runtime/runtime";
import { leastOutput, mostOutput, type Parameter } from "./step";

/** A grid of 8 bits on which values of a network lie when it runs on integers. */
export interface SimulatedGrid {
  name: string;
  /** Outputs of the operators that put values on it; of one-sided ones it is known that they begin at zero. */
  values: { name: string; isOneSided: boolean }[];
  /** What it shows at the beginning. */
  range: Range;
  /** The largest value that it may show. */
  most: number;
}

/** How much of the moving averages the newest batch makes up where the rate is highest: ranges follow over some hundred steps (Jacob et al.: arXiv 1712.05877, §3.1), and come to rest as the weights do. */
const NEWEST = 0.01;
/** So many batches tell what extremes were at the beginning: those of one alone are off by several per cent. */
const FIRST = 20;
/** A grid that floats show nothing of: dividing by its step and multiplying again is exact. */
const NONE = { step: 2 ** -60, least: -3e38, most: 3e38 };

/** Names of what comes into a step for a grid. */
export const gridInputs = (name: string): [step: string, least: string, most: string] => [`step ${name}`, `least of ${name}`, `most of ${name}`];

/**
 * Grids of a training with simulated quantization. Ranges begin as calibration chose them, and follow the moving averages of what batches span in the same proportion:
 * where one was chosen to clip a part of that, it goes on to.
 */
export class SimulatedGrids {
  readonly parameters: Parameter[];
  /** Batches seen; for each grid the least and the largest value at the beginning, and their moving averages. */
  readonly state: readonly [count: Float32Array, first: Float32Array, average: Float32Array];

  /** @param delay share of a training's steps before values are put on the grids */
  constructor(private readonly grids: readonly SimulatedGrid[], private readonly delay: number) {
    this.parameters = grids.flatMap(({ name }) => gridInputs(name).map((input) => ({ name: input, dims: [] })));
    this.state = [new Float32Array(1), new Float32Array(2 * grids.length), new Float32Array(2 * grids.length)];
  }

  /** What comes into a step of a training; without one, into the network as it is judged. */
  feeds(at?: { step: number; steps: number }): Record<string, Tensor> {
    const isOn = !at || at.step >= this.delay * at.steps;
    return Object.fromEntries(this.grids.flatMap(({ name, most }, i) => {
      const { scale, zero } = gridOf(this.rangeOf(i), most), { step, ...ends } = isOn ? { step: scale, least: -zero * scale, most: (LEVELS - zero) * scale } : NONE;
      return gridInputs(name).map((input, j): [string, Tensor] => [input, { dims: [], data: Float32Array.of([step, ends.least, ends.most][j]) }]);
    }));
  }

  /** Takes a step towards what a batch spans. @param rate of the training, as a share of its highest */
  follow(results: Record<string, Tensor>, rate: number): void {
    const [count, first, average] = this.state, isFirst = count[0] < FIRST, share = isFirst ? 1 / (count[0] + 1) : NEWEST * rate;
    this.grids.forEach(({ values }, i) => {
      const least = Math.min(...values.map(({ name, isOneSided }) => (isOneSided ? 0 : results[leastOutput(name)].data[0]))), most = Math.max(...values.map(({ name }) => results[mostOutput(name)].data[0]));
      for (const [j, extreme] of [least, most].entries()) average[2 * i + j] += share * (extreme - average[2 * i + j]);
    });
    if (isFirst) first.set(average);
    count[0]++;
  }

  /** What the grids show as they stand, by their names. */
  get ranges(): Map<string, Range> { return new Map(this.grids.map(({ name }, i) => [name, this.rangeOf(i)])); }

  private rangeOf(grid: number): Range {
    const { range: { min, max }, most } = this.grids[grid];
    return { min: min * this.growth(2 * grid), max: Math.min(most, max * this.growth(2 * grid + 1)) };
  }

  /** How many times as far as at the beginning an end of a grid lies. */
  private growth(end: number): number {
    const [, first, average] = this.state, growth = average[end] / first[end];
    return growth > 0 && Number.isFinite(growth) ? growth : 1;
  }
}
