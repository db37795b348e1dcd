import type { IntegerPlan } from "./plan";

/** Where half of the channels have fewer steps than this, users are told. */
const FEWEST_STEPS = 4;
const STEPS = 255;

/** How many of a grid's steps the middle one of its channels has, those that are always zero left out. */
function stepsOf(peaks: Float64Array): number {
  const alive = peaks.filter((v) => v > 0).sort();
  return alive.length ? STEPS * alive[alive.length >> 1] / alive[alive.length - 1] : STEPS;
}

/** Warnings of grids that channels of extremely different ranges share, as a detector's boxes and scores do. */
export function channelWarnings({ graph, grids }: IntegerPlan, peaks: ReadonlyMap<string, Float64Array>): string[] {
  const channels = new Map<string, number[]>(), warnings: string[] = [];
  for (const [name, root] of grids) channels.set(root, [...channels.get(root) ?? [], ...peaks.get(name) ?? []]);
  for (const [root, all] of channels) {
    const steps = stepsOf(Float64Array.from(all)), output = graph.outputs.find(({ name }) => grids.get(name) === root);
    if (steps >= FEWEST_STEPS) continue;
    const few = `half of the channels have no more than ${Math.max(1, Math.round(steps))} of the ${STEPS} steps`;
    warnings.push(output ? `The output ${output.name} shows values of extremely different ranges on one grid, as boxes and scores of a detector are: ${few}. Leave the layers that make it to floats ("inference": "float" in a recipe).` : `The channels of ${root} have extremely different ranges on one grid: ${few}. "diagnose" in a recipe measures what the layers around it cost.`);
  }
  return warnings;
}
