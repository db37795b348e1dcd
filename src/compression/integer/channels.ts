import type { Layer } from "../../onnx/layers";
import type { Node } from "../../onnx/model";
import type { Tensor } from "../../runtime/runtime";
import type { IntegerPlan } from "./plan";

/** Where half of the channels have fewer steps than this, users are told. */
const FEWEST_STEPS = 4;
const STEPS = 255;

/** How many of a grid's steps the middle one of its channels has, those that are always zero left out. */
function stepsOf(peaks: Float64Array): number {
  const alive = peaks.filter((v) => v > 0).sort();
  return alive.length ? STEPS * alive[alive.length >> 1] / alive[alive.length - 1] : STEPS;
}

/** A grid on which half of the channels have next to no steps. */
export interface UnevenGrid { root: string; steps: number; /** The network's output that is on it, where there is one. */ output?: string }

/** Grids that channels of extremely different ranges share, as a detector's boxes and scores do. */
export function unevenGrids({ graph, grids }: IntegerPlan, peaks: ReadonlyMap<string, Float64Array>): UnevenGrid[] {
  const channels = new Map<string, number[]>();
  for (const [name, root] of grids) channels.set(root, [...channels.get(root) ?? [], ...peaks.get(name) ?? []]);
  return [...channels].map(([root, all]) => ({ root, steps: stepsOf(Float64Array.from(all)), output: graph.outputs.find(({ name }) => grids.get(name) === root)?.name })).filter(({ steps }) => steps < FEWEST_STEPS);
}

/** What is the matter with a grid, and what can be done about it. */
export interface ChannelWarning { text: string; advice: string }

export function channelWarning({ root, steps, output }: UnevenGrid): ChannelWarning {
  const few = `half of the channels have no more than ${Math.max(1, Math.round(steps))} of the ${STEPS} steps`;
  if (output === undefined) return { text: `The channels of ${root} have extremely different ranges on one grid: ${few}.`, advice: '"diagnose" in a recipe measures what the layers around it cost.' };
  return { text: `The output ${output} shows values of extremely different ranges on one grid, as boxes and scores of a detector are: ${few}.`, advice: 'Leave the layers that make it to floats ("inference": "float" in a recipe).' };
}

/** The last layers before a value. */
export function layersBefore({ graph }: IntegerPlan, value: string, layers: readonly Layer[]): Layer[] {
  const byNode = new Map<Node, Layer>(layers.flatMap((layer) => layer.consumers.map((node) => [node, layer] as const))), found = new Set<Layer>(), seen = new Set<Node>(), pending = [value];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const node = graph.producers.get(name), layer = node && byNode.get(node);
    if (!node || seen.has(node)) continue;
    seen.add(node);
    if (layer) found.add(layer);
    else pending.push(...node.inputs);
  }
  return [...found];
}

/** Mean over an output's channels of what became of it, relative to what each holds: small channels count as much as large ones. */
export function channelError(reference: readonly Tensor[], values: readonly Tensor[]): number {
  const error: number[] = [], energy: number[] = [];
  for (const [i, { dims: [count, channels], data }] of reference.entries()) {
    const size = data.length / count / channels;
    data.forEach((v, at) => {
      const c = Math.floor(at / size) % channels;
      error[c] = (error[c] ?? 0) + (v - values[i].data[at]) ** 2;
      energy[c] = (energy[c] ?? 0) + v * v;
    });
  }
  const alive = energy.flatMap((all, c) => (all > 0 ? [Math.min(1, error[c] / all)] : []));
  return alive.reduce((sum, v) => sum + v, 0) / (alive.length || 1);
}
