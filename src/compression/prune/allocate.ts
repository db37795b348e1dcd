import { findLayers } from "../../onnx/layers";
import type { Channels } from "../../onnx/channels/channels";
import { keptOf } from "../../onnx/channels/remove";
import type { Model } from "../../onnx/model";
import { inferFacts, macs, type Shape } from "../../onnx/shapes";
import type { Choice } from "../planner";
import { solve } from "../solver";
import type { Cut, RatedGroup } from "./rate-groups";

/** Multiply-accumulates of one sample, and weights. */
export interface Work { macs: number; weights: number }

/** What a network has to do, whatever channels it has lost. */
export class Workload {
  private readonly layers: { macs: number; weights: number; outputs?: Int32Array; inputs?: Int32Array }[];

  /** @param inputs sizes of the model's inputs, where it leaves them open */
  constructor(model: Model, channels: Channels, inputs?: ReadonlyMap<string, readonly number[]>) {
    const facts = inferFacts(model, inputs).get(model.graph), shapes = new Map<string, Shape>();
    for (const [name, { shape }] of facts ?? []) if (shape) shapes.set(name, shape);
    this.layers = findLayers(model).map((layer) => {
      const own = [...channels.layers].find(([{ id }]) => id === layer.id)?.[1];
      return { macs: macs(layer, shapes) ?? layer.parameters, weights: layer.parameters, outputs: own?.outputs, inputs: own?.inputs };
    });
  }

  without(gone: ReadonlySet<number>): Work {
    const work = { macs: 0, weights: 0 };
    for (const { macs, weights, outputs, inputs } of this.layers) {
      const share = [outputs, inputs].reduce((product, channels) => product * (channels ? keptOf(channels, gone).length / channels.length : 1), 1);
      work.macs += macs * share;
      work.weights += weights * share;
    }
    return { macs: Math.round(work.macs), weights: Math.round(work.weights) };
  }
}

/** A cut of a group, or none; its bytes are what it leaves to do beyond what its deepest cut does. */
interface Option extends Choice { cut?: Cut }
const STEPS = 30;

/**
 * Chooses what each group loses so that at least a share of the network's compute is saved at the least loss: a multiple-choice knapsack whose budget is narrowed until the work, which is a
 * product of what neighbours keep, is as near to what was asked for as it gets.
 * @returns the channels that leave; undefined where not so much can be saved
 */
export function allocate(rated: readonly RatedGroup[], workload: Workload, share: number): Set<number> | undefined {
  const whole = workload.without(new Set()).macs, most = (1 - share) * whole, saved = (cut: Cut): number => whole - workload.without(new Set(cut.gone)).macs;
  const items = rated.map(({ cuts }) => {
    const deepest = Math.max(0, ...cuts.map(saved));
    return { choices: [{ bytes: deepest, loss: 0 }, ...cuts.map((cut): Option => ({ bytes: deepest - saved(cut), loss: cut.loss, cut }))] satisfies Option[] };
  });
  const goneAt = (budget: number): Set<number> => new Set(solve<Option>(items, budget)?.choices.flatMap(({ cut }) => cut?.gone ?? []));
  let low = 0, high = items.reduce((sum, { choices: [all] }) => sum + all.bytes, 0), best: Set<number> | undefined;
  const least = goneAt(low);
  if (workload.without(least).macs > most) return undefined;
  best = least;
  for (let step = 0; step < STEPS && high - low > 1; step++) {
    const middle = (low + high) / 2, gone = goneAt(middle);
    if (workload.without(gone).macs <= most) { best = gone; low = middle; }
    else high = middle;
  }
  return best;
}
