import { floatToHalf } from "../numeric/half";
import { packBits } from "../numeric/bits";
import { zeroCode } from "../numeric/grid";
import { encodedSize, type ModelEdit, type NodeSpec, type TensorData } from "../onnx/edit";
import type { Layer } from "../onnx/layers";
import type { Node } from "../onnx/model";
import { dividedBytes, type Part } from "./shares";
import { zeroBytes } from "./zeros";
import { DataType } from "../onnx/tensor";

/** How codes lie in the file: packed without gaps, one or two bytes each, or not at all (plain floats). */
export type PackedLayout = "bits" | "bytes" | "dense";

/**
 * What inference gets for a weight: floats that a runtime computes once while it loads, or integers of 8 bits with a scale for each output channel
 * behind DequantizeLinear, which runtimes take for integer kernels.
 */
export type PackedForm = "floats" | "integers";
/** The integer that stands for 0 in the form of integers. */
export const INTEGER_ZERO = 128;

/** Takes nodes in their order. */
export interface NodeSink {
  /** Version of the standard operators. */
  readonly opset: number;
  /** Adds a node. @returns the name of its first output */
  node(op: string, inputs: string[], attributes?: NodeSpec["attributes"], outputs?: string[]): string;
  /** A name for an output. */
  fresh(): string;
  /** Constants of int64: a vector, a single number without axes. */
  ints(values: readonly number[]): string;
  int(value: number): string;
}

type PoolKind = "index" | "value";
/** What layers have in a pool; several where it is a codebook in common. */
interface Piece { length: number; output: string; users: Set<Layer> }
interface Pool { kind: PoolKind; bits: number; count: number; pieces: Piece[]; raw?: Uint8Array<ArrayBuffer> }
interface Scales extends Piece { values: Float32Array; half: boolean; axis: number; rank: number }

/** Whom something in the file is for: layers, by themselves or through a pool of theirs. */
interface Purpose { users: readonly Layer[]; pool?: Map<Layer, number>; /** Whether it is no layer's own, as what makes a pool is even where one layer alone has something in it. */ isCommon?: boolean }
interface UsedPart extends Part<Layer> { users: Set<Layer>; pools: Set<Map<Layer, number>> }

/** How many codes each pool takes in. */
export type PoolCounts = ReadonlyMap<string, number>;
/** Bytes that each layer takes of the file (see {@link dividedBytes}), and how many of all these no layer has for itself. */
export interface PackedBytes { layers: ReadonlyMap<Layer, number>; shared: number; counts: PoolCounts }

/**
 * Writes compressed weights into a model as stock nodes that onnxruntime folds into constants at load.
 * Codes of one width are pooled over all layers, so that a layer costs a few nodes and the unpacking exists once:
 * bytes [groups, bytes] → Cast → MatMul (the bytes that a code touches, shifted) → Cast to integers, which drops the lower codes' bits → Mod 2^bits → Split.
 * Floats hold all of it exactly: a code of at most 16 bits touches at most 24.
 */
export class WeightPacker {
  private readonly pools = new Map<string, Pool>();
  private readonly scales = new Map<string, Scales[]>();
  private readonly constants = new Map<string, { name: string; part: UsedPart }>();
  private readonly books = new Map<string, { name: string; users: Set<Layer>[] }>();
  private readonly nodes: NodeSpec[] = [];
  private readonly parts: UsedPart[] = [];
  private shared = 0;
  /** Who uses what is being made for several layers. */
  private making: Set<Layer>[] | undefined;
  private readonly opset: number;

  /** @param counts what a packer without them found for the same layers: it gives the right sizes and leaves the codes out */
  constructor(private readonly edit: ModelEdit, private readonly layout: PackedLayout = "bits", private readonly counts?: PoolCounts, readonly form: PackedForm = "floats") {
    this.opset = edit.model.opset;
  }

  /** Codes 0 … 2^bits − 1 as an int32 vector. */
  indices(layer: Layer, codes: ArrayLike<number>, bits: number): string { return this.pooled("index", layer, codes, Math.max(1, bits)); }

  /** Codes as a vector centred on the code for zero: floats around 0, integers around {@link INTEGER_ZERO}. */
  values(layer: Layer, codes: ArrayLike<number>, bits: number): string { return this.pooled("value", layer, codes, bits); }

  /** What layers that name the same book have in common is made once. @param part of a book's making */
  once(layer: Layer, book: string | undefined, part: string, make: () => string): string {
    if (book === undefined) return make();
    const key = `${part}:${book}`, known = this.books.get(key);
    if (known) {
      for (const users of known.users) users.add(layer);
      return known.name;
    }
    const users = this.making = [], name = make();
    this.making = undefined;
    this.books.set(key, { name, users });
    return name;
  }

  private pooled(kind: PoolKind, layer: Layer, codes: ArrayLike<number>, bits: number): string {
    const key = `${kind}${bits}`;
    let pool = this.pools.get(key);
    if (!pool) {
      const count = this.counts?.get(key);
      this.pools.set(key, pool = { kind, bits, count: 0, pieces: [], raw: count === undefined ? undefined : new Uint8Array(this.poolBytes(count, bits)) });
    }
    const output = this.edit.freshName(), { raw, count } = pool;
    if (raw && this.isWhole(bits)) (bits <= 8 ? raw : new Uint16Array(raw.buffer)).set(codes, count);
    else if (raw) packBits(codes, bits, raw, count);
    pool.pieces.push(this.piece(codes.length, output, layer));
    pool.count += codes.length;
    return output;
  }

  /** A factor for each output channel, in a shape that broadcasts against the weight or, for integers, as a vector; float16 in the file where `half`. */
  scale(layer: Layer, values: Float32Array, half: boolean): string {
    const isVector = this.form === "integers", rank = isVector ? 1 : layer.dims.length, axis = isVector ? 0 : layer.outputAxis;
    const key = `${half}${rank}${axis}`;
    const output = this.edit.freshName();
    const list = this.scales.get(key) ?? [];
    this.scales.set(key, list);
    list.push({ ...this.piece(values.length, output, layer), values, half, axis, rank });
    return output;
  }

  private piece(length: number, output: string, layer: Layer): Piece {
    const users = new Set([layer]);
    this.making?.push(users);
    return { length, output, users };
  }

  /** A factor for a whole layer. */
  factor(layer: Layer, value: number): string {
    const name = this.edit.freshName();
    this.addTensor({ name, dims: [], type: DataType.FLOAT, raw: new Uint8Array(Float32Array.of(value).buffer) }, forLayer(layer));
    return name;
  }

  /** Adds a node and returns its output; `output` names it where it matters. */
  node(layer: Layer, op: string, inputs: string[], attributes?: NodeSpec["attributes"], output = this.edit.freshName()): string {
    this.add({ op, inputs, outputs: [output], attributes }, forLayer(layer));
    return output;
  }

  /** An int64 constant, shared by all that ask for the same. */
  ints(layer: Layer, values: readonly number[]): string { return this.intsFor(forLayer(layer), values); }

  private intsFor(purpose: Purpose, values: readonly number[]): string {
    return this.constant(purpose, `i${values.join()}`, (name) => ({ name, dims: [values.length], type: DataType.INT64, int64s: [...values] }));
  }

  /** An int64 without axes, shared by all that ask for the same. */
  private int(layer: Layer, value: number): string {
    return this.constant(forLayer(layer), `n${value}`, (name) => ({ name, dims: [], type: DataType.INT64, int64s: [value] }));
  }

  /** A layer's own constant of floats: as float16, cast where it is used, or as it is under the name of the weight. */
  own(layer: Layer, values: Float32Array, dims: number[], sink?: NodeSink): string {
    const name = sink ? this.edit.freshName() : layer.weight;
    this.addTensor({ name, dims, type: sink ? DataType.FLOAT16 : DataType.FLOAT, raw: new Uint8Array(sink ? Uint16Array.from(values, floatToHalf).buffer : values.slice().buffer) }, forLayer(layer));
    return sink ? sink.node("Cast", [name], { to: DataType.FLOAT }) : name;
  }

  /**
   * Puts nodes in the place of the only node that a layer's weight feeds, and takes the weight away.
   * @param make adds the nodes, the last of which puts out what that node did
   */
  compute(layer: Layer, make: (sink: NodeSink) => void): void {
    const { consumers: [consumer] } = layer, specs: NodeSpec[] = [];
    this.removeWeight(layer);
    make({
      opset: this.opset, fresh: () => this.edit.freshName(), ints: (values) => this.ints(layer, values), int: (value) => this.int(layer, value),
      node: (op, inputs, attributes, outputs = [this.edit.freshName()]) => {
        this.add({ op, inputs, outputs, attributes }, forLayer(layer), specs);
        return outputs[0];
      },
    });
    specs[specs.length - 1] = { ...specs[specs.length - 1], outputs: [...consumer.outputs] };
    this.edit.replaceNode(consumer, specs);
  }

  /** Shape of a layer's weight with the output channel first. */
  rowDims({ dims, outputAxis }: Layer): number[] { return outputAxis === 1 ? [dims[1], dims[0], ...dims.slice(2)] : dims; }

  /**
   * Puts a node that gives rows in the shape {@link rowDims} in the place of the layer's weight: transposed, scaled and cast as needed, the last node has the weight's own name.
   * @param scale name of what {@link scale} or {@link factor} gave, if there is one @param isSingle whether it is one number
   */
  finish(layer: Layer, op: string, inputs: string[], scale?: string, isSingle = false): void {
    const { dims, outputAxis, weight } = layer;
    const steps: [string, string[], NodeSpec["attributes"]?][] = [[op, inputs]];
    if (outputAxis === 1) steps.push(["Transpose", [], { perm: [1, 0, ...dims.slice(2).map((_, i) => i + 2)] }]);
    if (this.form === "integers") {
      const channels = scale === undefined || isSingle ? undefined : dims[outputAxis];
      steps.push(["DequantizeLinear", [scale ?? this.floats(forLayer(layer), Float32Array.of(1), []), this.zeros(layer, channels)], channels === undefined ? undefined : { axis: outputAxis }]);
    }
    else if (scale !== undefined) steps.push(["Mul", [scale]]);
    if (layer.type !== DataType.FLOAT) steps.push(["Cast", [], { to: layer.type }]);
    this.removeWeight(layer);
    let value: string | undefined;
    steps.forEach(([op, more, attributes], i) => {
      value = this.node(layer, op, value === undefined ? more : [value, ...more], attributes, i === steps.length - 1 ? weight : undefined);
    });
  }

  /** The zero point of integers, for each channel or once. */
  private zeros(layer: Layer, channels: number | undefined): string {
    return this.constant(forLayer(layer), `z${channels ?? ""}`, (name) => ({ name, dims: channels === undefined ? [] : [channels], type: DataType.UINT8, raw: new Uint8Array(channels ?? 1).fill(INTEGER_ZERO) }));
  }

  /** Takes away all that made the weight and serves nothing else. */
  private removeWeight({ graph, weight, subgraph, consumers }: Layer): void {
    const gone = new Set<Node>(consumers);
    // nodes stand in the order of the file, so the last of the subgraph is next to the weight
    for (const node of [...subgraph.nodes].sort((a, b) => b.index - a.index)) {
      const alone = node.outputs.every((name) => (graph.consumers.get(name) ?? []).every((user) => gone.has(user)));
      if (!alone && !node.outputs.includes(weight)) continue;
      gone.add(node);
      this.edit.removeNode(node);
    }
    for (const { name } of subgraph.tensors) {
      if (graph.initializers.has(name) && (graph.consumers.get(name) ?? []).every((user) => gone.has(user))) this.edit.removeInitializer(graph, name);
    }
  }

  private add(spec: NodeSpec, purpose: Purpose, list = this.nodes): void {
    list.push(spec);
    this.count(encodedSize(spec), purpose);
  }

  /** Notes bytes and whom they are for. */
  private count(bytes: number, { users, pool, isCommon }: Purpose): UsedPart {
    const part = { bytes, users: new Set(users), pools: new Set(pool && [pool]) };
    this.parts.push(part);
    this.making?.push(part.users);
    if (isCommon) this.shared += bytes;
    return part;
  }

  private constant({ users, pool }: Purpose, key: string, make: (name: string) => TensorData): string {
    const known = this.constants.get(key);
    if (known) {
      for (const user of users) known.part.users.add(user);
      if (pool) known.part.pools.add(pool);
      this.making?.push(known.part.users);
      return known.name;
    }
    const name = this.edit.freshName(), part = this.addTensor(make(name), { users, pool, isCommon: true });
    this.constants.set(key, { name, part });
    return name;
  }

  private addTensor(tensor: TensorData, purpose: Purpose): UsedPart {
    this.edit.addInitializer(this.edit.model.graph, tensor);
    return this.count(encodedSize(tensor), purpose);
  }

  private floats(purpose: Purpose, values: Float32Array, dims: number[]): string {
    return this.constant(purpose, `f${dims.join()}:${values.join()}`, (name) => ({ name, dims, type: DataType.FLOAT, raw: new Uint8Array(values.buffer.slice(0)) }));
  }

  /** Writes pools and nodes into the edit; call once, after all layers. */
  flush(): PackedBytes {
    const nodes: NodeSpec[] = [];
    for (const pool of this.pools.values()) this.writePool(pool, nodes);
    for (const list of this.scales.values()) this.writeScales(list, nodes);
    this.edit.insertNodes(this.edit.model.graph, "start", [...nodes, ...this.nodes]);
    return { layers: dividedBytes(this.parts), shared: this.shared, counts: new Map([...this.pools].map(([key, { count }]) => [key, count])) };
  }

  private writePool(pool: Pool, nodes: NodeSpec[]): void {
    const { kind, bits, count, pieces } = pool, group = groupOf(bits), rest = this.isWhole(bits) ? 0 : (group - count % group) % group, purpose = purposeOf(pieces, rest);
    const raw = pool.raw ?? zeroBytes(this.poolBytes(count, bits)), whole = this.isWhole(bits);
    const floats = kind === "value", isInteger = floats && this.form === "integers";
    // codes of eight bits are the integers already
    let value = whole ? this.wholeCodes(raw, count, bits, isInteger && bits === 8 ? undefined : floats ? DataType.FLOAT : DataType.INT32, nodes, purpose) : this.unpackedCodes(raw, count, bits, floats, nodes, purpose);
    const zero = zeroCode(bits) - (isInteger ? INTEGER_ZERO : 0);
    if (floats && zero !== 0) value = this.step(nodes, purpose, "Sub", [value, this.floats(purpose, Float32Array.of(zero), [])]);
    if (isInteger && zero !== 0) value = this.step(nodes, purpose, "Cast", [value], { to: DataType.UINT8 });
    this.split(nodes, value, pieces, rest, purpose);
  }

  /** Whether a code takes one or two whole bytes. */
  private isWhole(bits: number): boolean { return this.layout === "bytes" || bits === 8 || bits === 16; }

  private poolBytes(count: number, bits: number): number {
    if (this.isWhole(bits)) return bits <= 8 ? count : 2 * count;
    return Math.ceil(count / groupOf(bits)) * groupOf(bits) * bits / 8;
  }

  /** Codes of one or two whole bytes, cast to a type or as they are. */
  private wholeCodes(raw: Uint8Array, count: number, bits: number, to: number | undefined, nodes: NodeSpec[], purpose: Purpose): string {
    const name = this.edit.freshName();
    this.addPayload({ name, dims: [count], type: bits <= 8 ? DataType.UINT8 : DataType.UINT16, raw }, count * bits / 8, purpose);
    return to === undefined ? name : this.step(nodes, purpose, "Cast", [name], { to });
  }

  /**
   * Codes packed without gaps, as floats or as int32: a group is the least number of codes that fill whole bytes. The bytes that a code touches are
   * brought to a number with the code's highest bit right behind the point: what is whole belongs to codes behind it, what lies below its lowest bit to codes before.
   * They are three bytes at most, so floats hold all of it.
   */
  private unpackedCodes(raw: Uint8Array, count: number, bits: number, floats: boolean, nodes: NodeSpec[], purpose: Purpose): string {
    const group = groupOf(bits), width = group * bits / 8;
    const name = this.edit.freshName(), step = (op: string, inputs: string[], attributes?: NodeSpec["attributes"]) => this.step(nodes, purpose, op, inputs, attributes);
    this.addPayload({ name, dims: [raw.length / width, width], type: DataType.UINT8, raw }, count * bits / 8, purpose);
    const window = new Float32Array(width * group);
    for (let code = 0; code < group; code++) {
      const first = code * bits, last = first + bits - 1;
      for (let byte = first >> 3; byte <= last >> 3; byte++) window[byte * group + code] = 2 ** (8 * byte - first - bits);
    }
    const touched = step("MatMul", [step("Cast", [name], { to: DataType.FLOAT }), this.floats(purpose, window, [width, group])]);
    const below = step("Sub", [touched, step("Floor", [touched])]);
    const code = step("Mul", [below, this.floats(purpose, Float32Array.of(2 ** bits), [])]);
    const value = floats ? step("Floor", [code]) : step("Cast", [code], { to: DataType.INT32 });
    return step("Reshape", [value, this.intsFor(purpose, [-1])]);
  }

  /** A tensor whose payload is layers' own. */
  private addPayload(tensor: TensorData, payload: number, purpose: Purpose): void {
    this.addTensor(tensor, purpose);
    this.shared -= payload;
  }

  private writeScales(list: readonly Scales[], nodes: NodeSpec[]): void {
    const { half, axis, rank } = list[0], purpose = purposeOf(list, 0);
    const count = list.reduce((sum, { values }) => sum + values.length, 0);
    const all = new Float32Array(count);
    let at = 0;
    for (const { values } of list) {
      all.set(values, at);
      at += values.length;
    }
    const dims = Array.from({ length: rank }, (_, i) => (i === axis ? count : 1));
    const raw = new Uint8Array(half ? Uint16Array.from(all, floatToHalf).buffer : all.buffer);
    const name = this.edit.freshName();
    this.addPayload({ name, dims, type: half ? DataType.FLOAT16 : DataType.FLOAT, raw }, raw.length, purpose);
    const value = half ? this.step(nodes, purpose, "Cast", [name], { to: DataType.FLOAT }) : name;
    this.split(nodes, value, list, 0, purpose, axis);
  }

  private split(nodes: NodeSpec[], value: string, pieces: readonly Piece[], padding: number, purpose: Purpose, axis = 0): void {
    const lengths = pieces.map(({ length }) => length), outputs = pieces.map(({ output }) => output);
    if (padding) {
      lengths.push(padding);
      outputs.push(this.edit.freshName());
    }
    const attributes: Record<string, number | number[]> = axis ? { axis } : {};
    if (!isSplit(pieces, padding)) this.add({ op: "Identity", inputs: [value], outputs }, purpose, nodes);
    else if (this.opset >= 13) this.add({ op: "Split", inputs: [value, this.intsFor(purpose, lengths)], outputs, attributes }, purpose, nodes);
    else this.add({ op: "Split", inputs: [value], outputs, attributes: { ...attributes, split: lengths } }, purpose, nodes);
  }

  private step(nodes: NodeSpec[], purpose: Purpose, op: string, inputs: string[], attributes?: NodeSpec["attributes"]): string {
    const output = this.edit.freshName();
    this.add({ op, inputs, outputs: [output], attributes }, purpose, nodes);
    return output;
  }
}

const forLayer = (layer: Layer): Purpose => ({ users: [layer] });

/** What makes a pool is for all that have something in it. @param padding codes of nobody */
function purposeOf(pieces: readonly Piece[], padding: number): Purpose {
  const pool = new Map<Layer, number>();
  for (const { length, users } of pieces) for (const layer of users) pool.set(layer, (pool.get(layer) ?? 0) + length / users.size);
  return { users: [...pool.keys()], pool: isSplit(pieces, padding) ? pool : undefined, isCommon: true };
}

/** Whether pieces have to be cut out of a pool. */
const isSplit = (pieces: readonly Piece[], padding: number): boolean => pieces.length > 1 || padding > 0;

/** The least number of codes of `bits` bits that fill whole bytes. */
const groupOf = (bits: number): number => [1, 8, 4, 8, 2, 8, 4, 8][bits & 7];

/** Bytes of a node as {@link WeightPacker} writes them: for plans, before anything is written. */
export const nodeBytes = (op: string, inputs: number, attributes?: NodeSpec["attributes"]): number =>
  encodedSize({ op, inputs: Array.from({ length: inputs }, () => "k00"), outputs: ["k00"], attributes });
