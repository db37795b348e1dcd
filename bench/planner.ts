import { solve } from "../src/compression/solver";
import { madeUpLayers } from "./layers";

/**
 * The solver on networks that are made up: losses fall fourfold with each bit, within a factor of two either way; sizes of layers and what their noise does spread over factors of 256 and 400.
 * Target: 200 layers of 60 choices in 50 ms, at most 0.5 % above the bound.
 * npm run bench:planner
 */
const LAYERS = 200, CHOICES = 60, NETWORKS = 20, TIMES = [1.02, 1.2, 1.5, 2, 3, 5, 10, 20];

const at = (sorted: readonly number[], share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];

const times: number[] = [], gaps: number[] = [];
for (let seed = 1; seed <= NETWORKS; seed++) {
  const layers = madeUpLayers(LAYERS, CHOICES, seed), least = layers.reduce((sum, { choices }) => sum + Math.min(...choices.map(({ bytes }) => bytes)), 0);
  for (const factor of TIMES) {
    const started = performance.now(), { loss, bound } = solve(layers, factor * least)!;
    times.push(performance.now() - started);
    gaps.push((loss - bound) / loss);
  }
}
times.sort((a, b) => a - b);
gaps.sort((a, b) => a - b);
console.log(`${LAYERS} layers of ${CHOICES} choices, ${NETWORKS} networks, ${TIMES.length} sizes each: ${at(times, 0.5).toFixed(1)} ms (95 %: ${at(times, 0.95).toFixed(1)}, most ${at(times, 1).toFixed(1)}); above the bound ${(100 * at(gaps, 0.5)).toFixed(3)} % (95 %: ${(100 * at(gaps, 0.95)).toFixed(3)}, most ${(100 * at(gaps, 1)).toFixed(3)}); proved best ${gaps.filter((gap) => gap === 0).length} of ${gaps.length}`);
