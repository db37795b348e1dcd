import type { Tensor } from "../../runtime/runtime";
import type { IntegerPlan } from "./plan";

/** Where half of the channels have fewer steps than this, users are told. */
const FEWEST_STEPS = 4;
const STEPS = 255;

/** Widens the largest absolute value of each channel of an activation [N, C, …] by a batch of it. */
export function widenPeaks(known: Float64Array | undefined, { dims: [count, channels, ...space], data }: Tensor): Float64Array | undefined {
  if (!space.length) return undefined;
  const size = data.length / count / channels, peaks = known ?? new Float64Array(channels);
  for (let i = 0, at = 0; i < count; i++) for (let c = 0; c < channels; c++) for (let j = 0; j < size; j++, at++) {
    const v = Math.abs(data[at]);
    if (v > peaks[c]) peaks[c] = v;
  }
  return peaks;
}

/** How many of a grid's steps the middle one of its channels has, those that are always zero left out. */
function stepsOf(peaks: Float64Array): number {
  const alive = peaks.filter((v) => v > 0).sort();
  return alive.length ? STEPS * alive[alive.length >> 1] / alive[alive.length - 1] : STEPS;
}

/** What is the matter with a grid, and what can be done about it. */
export interface ChannelWarning { grid: string; text: string; advice: string }

/** Warnings of grids that channels of extremely different ranges share, as a detector's boxes and scores do. */
export function channelWarnings({ graph, grids }: IntegerPlan, peaks: ReadonlyMap<string, Float64Array>): ChannelWarning[] {
  const channels = new Map<string, number[]>(), warnings: ChannelWarning[] = [];
  for (const [name, root] of grids) channels.set(root, [...channels.get(root) ?? [], ...peaks.get(name) ?? []]);
  for (const [root, all] of channels) {
    const steps = stepsOf(Float64Array.from(all)), output = graph.outputs.find(({ name }) => grids.get(name) === root);
    if (steps >= FEWEST_STEPS) continue;
    const few = `half of the channels have no more than ${Math.max(1, Math.round(steps))} of the ${STEPS} steps`;
    warnings.push(output ? { grid: root, text: `The output ${output.name} shows values of extremely different ranges on one grid, as boxes and scores of a detector are: ${few}.`, advice: 'Leave the layers that make it to floats ("inference": "float" in a recipe).' }
      : { grid: root, text: `The channels of ${root} have extremely different ranges on one grid: ${few}.`, advice: '"diagnose" in a recipe measures what the layers around it cost.' });
  }
  return warnings;
}
