import { dataValues } from "../dependence";
import { findLayers, type Layer } from "../layers";
import { isStandardDomain, type Model, type Node } from "../model";
import { inferFacts, type Facts } from "../shapes";
import type { Tensor } from "../tensor";
import { RULES } from "./rules";
import { Walk } from "./walk";

/** Stays whatever leaves. */
export const STAYS = -1;

/**
 * What each entry of a weight's axis belongs to: the number of its channel, or {@link STAYS}. Absent where the whole axis stays.
 * `perGroup`: a convolution of several groups, whose inputs leave with its outputs, so many of these at once.
 */
export interface LayerChannels { outputs?: Int32Array; inputs?: Int32Array; perGroup?: number }

/** A constant beside the weights that has entries for channels along an axis. */
export interface VectorChannels { name: string; tensor: Tensor; axis: number; channels: Int32Array }

/** A node whose settings count channels. */
export type CountingNode =
  | { kind: "pads"; node: Node; before: Int32Array; after: Int32Array; pads: readonly number[] }
  | { kind: "lengths"; node: Node; parts: readonly Int32Array[] }
  | { kind: "shape"; node: Node; input: number; channels: Int32Array; shape: readonly number[] };

/** Channels that the same layers make and read: any of them may leave, but not all. */
export interface ChannelGroup {
  channels: readonly number[];
  /** Layers that put them out, in the order of the network; what they are joined by, like a residual connection, has to lose them at once. */
  producers: readonly Layer[];
  /** Layers that read them. */
  consumers: readonly Layer[];
}

/** Channels of a model that can be taken away, and all that has to go with them. A channel is everything that can only leave together. */
export interface Channels {
  groups: readonly ChannelGroup[];
  layers: ReadonlyMap<Layer, LayerChannels>;
  vectors: readonly VectorChannels[];
  countings: readonly CountingNode[];
  /** Values whose shape depends on channels. */
  values: readonly string[];
}

export interface ChannelOptions {
  layers?: readonly Layer[];
  /** Sizes of the model's inputs, where it leaves them open. */
  inputs?: ReadonlyMap<string, readonly number[]>;
  /** Layers that are not to be touched. */
  whole?: (layer: Layer) => boolean;
}

/**
 * Finds channels that can be taken away: those that layers put out and only layers read, through whatever keeps channels apart (normalizations, activations, pools, depthwise convolutions,
 * sums, gates, Concat, Split, Pad, Flatten …). What a model puts out, what an operator reads that is not known here, and what weights do that other nodes use as well, stays whole.
 */
export function findChannels(model: Model, { layers = findLayers(model), inputs, whole = () => false }: ChannelOptions = {}): Channels {
  const { graph } = model, byNode = new Map(layers.flatMap((layer) => layer.consumers.map((node): [Node, Layer] => [node, layer])));
  const walk = new Walk(model, dataValues(graph), factsOf(model, inputs), byNode);
  for (const node of graph.nodes) {
    if (!node.inputs.some((name) => walk.data.has(name)) && !node.captures.size) continue;
    const rule = isStandardDomain(node.domain) && !node.captures.size ? RULES.get(node.op) : undefined;
    if (rule) rule(walk, node);
    else walk.lockInputs(node);
  }
  for (const { name } of graph.outputs) walk.lock(walk.of(name));
  for (const [layer, { outputs, inputs }] of walk.weights) if (whole(layer)) for (const slots of [outputs, inputs]) walk.lock(slots);
  return numbered(walk);
}

/** Facts of the main graph; sizes that a caller knows go before what the file leaves open. */
function factsOf(model: Model, inputs: ChannelOptions["inputs"]): ReadonlyMap<string, Facts> {
  const { graph } = model, open = graph.inputs.some(({ name, shape }) => inputs?.has(name) && !shape?.slice(1).every((dim) => typeof dim === "number"));
  return inferFacts(model, open ? inputs : undefined).get(graph) ?? new Map<string, Facts>();
}

/** Gives channels that may leave numbers, group by group. */
function numbered(walk: Walk): Channels {
  const makers = new Map<number, Set<Layer>>(), readers = new Map<number, Set<Layer>>();
  const note = (to: Map<number, Set<Layer>>, slots: Int32Array | undefined, layer: Layer): void => {
    for (const slot of slots ?? []) {
      const root = walk.root(slot);
      to.set(root, (to.get(root) ?? new Set()).add(layer));
    }
  };
  for (const [layer, { outputs, inputs }] of walk.weights) {
    note(makers, outputs, layer);
    note(readers, inputs, layer);
  }
  const order = new Map([...walk.weights.keys()].map((layer, i) => [layer, i])), keyOf = (layers: Iterable<Layer>): string => [...layers].map((layer) => order.get(layer)).join();
  const byKey = new Map<string, { roots: number[]; producers: Layer[]; consumers: Layer[] }>();
  for (const [root, producers] of makers) {
    const consumers = readers.get(root) ?? new Set<Layer>();
    if (walk.isLocked(root)) continue;
    const key = `${keyOf(producers)};${keyOf(consumers)}`, group = byKey.get(key) ?? { roots: [], producers: [...producers], consumers: [...consumers] };
    group.roots.push(root);
    byKey.set(key, group);
  }
  const numbers = new Map<number, number>(), groups = [...byKey.values()].filter(({ roots }) => roots.length > 1).map(({ roots, producers, consumers }): ChannelGroup => {
    for (const root of roots) numbers.set(root, numbers.size);
    return { channels: roots.map((root) => numbers.get(root)!), producers, consumers };
  });
  const number = (slots: Int32Array): Int32Array => slots.map((slot) => numbers.get(walk.root(slot)) ?? STAYS), some = (slots: Int32Array | undefined): Int32Array | undefined => {
    const channels = slots && number(slots);
    return channels?.some((channel) => channel !== STAYS) ? channels : undefined;
  };
  return {
    groups,
    layers: new Map([...walk.weights].map(([layer, { outputs, inputs, perGroup }]) => [layer, { outputs: some(outputs), inputs: some(inputs), ...(perGroup !== undefined && { perGroup }) }])),
    vectors: walk.vectors.map(({ slots, ...vector }) => ({ ...vector, channels: number(slots) })),
    countings: walk.countings.map((counting): CountingNode => {
      switch (counting.kind) {
        case "pads": return { ...counting, before: number(counting.before), after: number(counting.after) };
        case "lengths": return { ...counting, parts: counting.parts.map(number) };
        case "shape": return { kind: "shape", node: counting.node, input: counting.input, channels: number(counting.slots), shape: counting.shape };
      }
    }),
    values: [...walk.values],
  };
}
