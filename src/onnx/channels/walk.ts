import { constantTensor } from "../constants";
import type { Layer } from "../layers";
import type { Model, Node } from "../model";
import type { Facts } from "../shapes";
import type { Tensor } from "../tensor";

/** A constant with an entry for each channel of a value, along an axis. */
export interface ChannelVector { name: string; tensor: Tensor; axis: number; slots: Int32Array }
/** What a layer's weight has along its axes: a slot for each output and each input; absent where an axis stays whole. `perGroup`: output channels of one group, where there are several. */
export interface WeightSlots { outputs?: Int32Array; inputs?: Int32Array; perGroup?: number }
/** A node whose settings say how many channels there are. */
export type Counting =
  | { kind: "pads"; node: Node; before: Int32Array; after: Int32Array; pads: readonly number[] }
  | { kind: "lengths"; node: Node; parts: readonly Int32Array[] }
  | { kind: "shape"; node: Node; input: number; slots: Int32Array; shape: readonly number[] };

/**
 * Follows channels through a graph. A slot is a channel of one value; slots that can only leave together are joined (union-find), and what has to stay is locked.
 * The channel axis is the second one of every value: behind a Flatten it has several entries for a channel.
 */
export class Walk {
  readonly weights = new Map<Layer, WeightSlots>();
  readonly vectors: ChannelVector[] = [];
  readonly countings: Counting[] = [];
  private readonly slots = new Map<string, Int32Array>();
  private readonly parent: number[] = [];
  private readonly locked: boolean[] = [];

  constructor(readonly model: Model, readonly data: ReadonlySet<string>, private readonly facts: ReadonlyMap<string, Facts>, private readonly layers: ReadonlyMap<Node, Layer>) {}

  layerOf(node: Node): Layer | undefined { return this.layers.get(node); }
  /** The channels of a value; undefined where they cannot be told apart. */
  of(name: string): Int32Array | undefined { return this.slots.get(name); }
  give(name: string, slots: Int32Array): void { this.slots.set(name, slots); }
  /** Values that have channels. */
  get values(): IterableIterator<string> { return this.slots.keys(); }

  shapeOf(name: string): Facts["shape"] { return this.facts.get(name)?.shape ?? constantTensor(this.model.graph, name)?.dims; }

  /** Elements of a small constant, or of what nodes make of sizes; undefined where one is not known. */
  numbersOf(name: string | undefined): number[] | undefined {
    if (!name) return undefined;
    const known = this.facts.get(name)?.values ?? constantTensor(this.model.graph, name)?.values;
    return known?.every((value) => typeof value === "number") ? known.map(Number) : undefined;
  }

  fresh(count: number): Int32Array {
    return Int32Array.from({ length: count }, () => {
      this.locked.push(false);
      return this.parent.push(this.parent.length) - 1;
    });
  }

  root(slot: number): number {
    while (this.parent[slot] !== slot) slot = this.parent[slot] = this.parent[this.parent[slot]];
    return slot;
  }

  join(a: number, b: number): void {
    const [x, y] = [this.root(a), this.root(b)];
    if (x === y) return;
    this.parent[Math.max(x, y)] = Math.min(x, y);
    this.locked[Math.min(x, y)] ||= this.locked[Math.max(x, y)];
  }

  joinAll(a: Int32Array, b: Int32Array): void { a.forEach((slot, i) => this.join(slot, b[i])); }

  lock(slots: Int32Array | undefined): void {
    for (const slot of slots ?? []) this.locked[this.root(slot)] = true;
  }

  isLocked(slot: number): boolean { return this.locked[this.root(slot)]; }

  /** Everything that a node reads stays. */
  lockInputs(node: Node): void {
    for (const name of [...node.inputs, ...node.captures]) this.lock(this.of(name));
  }

  /** Notes that a constant input has an entry for each of these channels, along the axis that broadcasting gives it, or one for all; locks them where it cannot be cut. @param rank of the value with these channels */
  vector(node: Node, input: number, slots: Int32Array, rank: number): void {
    const name = node.inputs[input];
    if (!name) return;
    const tensor = constantTensor(node.graph, name);
    if (!tensor) return this.lock(slots);
    const axis = tensor.dims.length - rank + 1;
    if (tensor.count === 1 || axis < 0 || tensor.dims[axis] === 1) return;
    if (tensor.dims[axis] !== slots.length || !this.isOwn(node, input)) return this.lock(slots);
    this.vectors.push({ name, tensor, axis, slots });
  }

  /** Whether a constant belongs to one input of one node. */
  isOwn({ graph, inputs }: Node, input: number): boolean {
    const name = inputs[input];
    return (graph.initializers.has(name) || graph.producers.get(name)?.op === "Constant") && !graph.overridable.has(name) && graph.consumers.get(name)?.length === 1 && inputs.filter((other) => other === name).length === 1 && !graph.outputs.some((output) => output.name === name);
  }
}
