import type { ConstantValue } from "../onnx/arrays";
import { buildModel } from "../onnx/build";
import type { AttributeValue, BorderValue, NodeSpec, TensorData } from "../onnx/encode";
import { RAISED_OPSET } from "../onnx/raise";
import { DataType, type NumberArray } from "../onnx/tensor";
import { bandsOf, isIdentity, type Matrix } from "./matrix";

/** A value of a graph under construction. */
export interface Value {
  readonly name: string;
  /** Sizes as the network has them: [N, C, H, W] for feature maps, [M, C/groups, kH, kW] for their weights. */
  readonly dims: readonly number[];
  /** The order in which its axes are stored; as in `dims` if absent. */
  readonly order?: Order;
}

/** A permutation of axes. */
export type Order = readonly number[];

/** Feature maps by pixel, [H, W, N, C]: a shift in space is a choice of rows, a sum over channels a matrix product. */
export const PIXELS: Order = [2, 3, 0, 1];
/** Kernels by tap, [kH, kW, C, M]: the matrix of each tap in one piece. */
export const TAPS: Order = [2, 3, 1, 0];

export const countOf = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);
const sameOrder = (a: Order | undefined, b: Order | undefined): boolean => a?.join() === b?.join();
const isInPlace = (order: Order): boolean => order.every((axis, i) => axis === i);
/** Sizes as they are stored. */
export const storedDims = ({ dims, order }: Pick<Value, "dims" | "order">): number[] => (order ? order.map((axis) => dims[axis]) : [...dims]);
/** Where an axis of the network is stored. */
export const storedAxis = ({ order }: Value, axis: number): number => (order ? order.indexOf(axis) : axis);

const isNumberBeside = (a: Value, b: Value): boolean => countOf(a.dims) === 1 && a.dims.length <= b.dims.length;

/** Builds an ONNX graph of {@link RAISED_OPSET} with static sizes. Values may be stored in another order of axes than the network has them; every method here sees to that. */
export class GraphBuilder {
  private readonly nodes: NodeSpec[] = [];
  private readonly initializers: TensorData[] = [];
  private readonly inputs: BorderValue[] = [];
  private readonly outputs: BorderValue[] = [];
  private readonly constants = new Map<string, string>();
  private readonly converted = new Map<string, Value>();
  /** What a view is of. */
  private readonly seen = new Map<string, Value>();
  private count = 0;

  /** @param spare elements that may be kept for gradients though they can be computed anew */
  constructor(private spare = 0) {}

  fresh(): string { return `_${(this.count++).toString(36)}`; }

  /** A value that comes in with every run. */
  input(name: string, dims: readonly number[], order?: Order): Value {
    const value = { name, dims, order };
    this.inputs.push({ name, type: DataType.FLOAT, shape: storedDims(value) });
    return value;
  }

  /** What the graph gives, under a name of its own. Its elements lie as the value's do; the sizes may be other ones, which saves a copy. */
  output(name: string, value: Value): void {
    const given = this.seen.get(value.name) ?? value;
    this.nodes.push({ op: "Identity", inputs: [given.name], outputs: [name] });
    this.outputs.push({ name, type: DataType.FLOAT, shape: storedDims(given) });
  }

  /** Adds a node as it is. */
  add(node: NodeSpec): void { this.nodes.push(node); }

  addInitializer(tensor: TensorData): void { this.initializers.push(tensor); }

  /** A node with one output of these sizes. */
  node(op: string, inputs: readonly (Value | string | undefined)[], dims: readonly number[], attributes?: Record<string, AttributeValue>, order?: Order): Value {
    const name = this.fresh();
    this.nodes.push({ op, inputs: inputs.map((input) => (typeof input === "string" ? input : input?.name ?? "")), outputs: [name], attributes });
    return { name, dims, order: order && !isInPlace(order) ? order : undefined };
  }

  constant(data: Float32Array, dims: readonly number[], order?: Order): Value {
    return { name: this.tensor(DataType.FLOAT, data, storedDims({ dims, order })), dims, order };
  }

  /** A constant of a model, of whatever type. */
  carry({ type, data, dims }: ConstantValue): Value {
    if (data instanceof Float64Array) return this.constant(Float32Array.from(data), dims);
    return data instanceof Float32Array ? this.constant(data, dims) : { name: this.known(type, data, dims), dims };
  }

  scalar(value: number): Value { return this.constant(Float32Array.of(value), []); }

  /** The name of a constant of int64. */
  ints(values: readonly number[], dims: readonly number[] = [values.length]): string {
    return this.known(DataType.INT64, BigInt64Array.from(values, BigInt), dims);
  }

  /** The name of a constant of int32: indices of many rows. */
  indices(values: ArrayLike<number>, dims: readonly number[] = [values.length]): string {
    return this.known(DataType.INT32, Int32Array.from(values), dims);
  }

  /** A constant, the same one for the same numbers. */
  private known(type: number, data: NumberArray, dims: readonly number[]): string {
    if (data.length > 4096) return this.tensor(type, data, dims);
    const key = `${type}:${dims.join()}:${data.join()}`, name = this.constants.get(key) ?? this.tensor(type, data, dims);
    this.constants.set(key, name);
    return name;
  }

  private tensor(type: number, data: NumberArray, dims: readonly number[]): string {
    const name = this.fresh();
    this.initializers.push({ name, dims: [...dims], type, raw: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) });
    return name;
  }

  /** The same value stored in another order. */
  ordered(value: Value, order?: Order): Value {
    if (sameOrder(value.order, order)) return value;
    const key = `${value.name}:${order?.join() ?? ""}`, known = this.converted.get(key);
    if (known) return known;
    const from = value.order ?? value.dims.map((_, axis) => axis), to = order ?? value.dims.map((_, axis) => axis);
    const result = this.permuted(value, from, to, order);
    this.converted.set(key, result);
    return result;
  }

  private permuted(value: Value, from: Order, to: Order, order: Order | undefined): Value {
    const { dims } = value, large = (axes: Order) => axes.filter((axis) => dims[axis] > 1).join();
    const target = { name: "", dims, order };
    // nothing moves where only axes of size one change their place
    if (large(from) === large(to)) return this.node("Reshape", [value, this.ints(storedDims(target))], dims, undefined, order);
    return this.node("Transpose", [value], dims, { perm: to.map((axis) => from.indexOf(axis)) }, order);
  }

  plain(value: Value): Value { return this.ordered(value); }

  /** The stored elements under other sizes, in the order in which they lie. */
  view(value: Value, dims: readonly number[]): Value {
    const view = this.node("Reshape", [value, this.ints(dims)], dims);
    this.seen.set(view.name, this.seen.get(value.name) ?? value);
    return view;
  }

  /** Elements that lie as a value of these sizes and this order does. */
  viewAs(value: Value, dims: readonly number[], order?: Order): Value {
    return { ...this.view(value, storedDims({ dims, order })), dims, order };
  }

  /** Other sizes in the order of the network. */
  reshape(value: Value, dims: readonly number[]): Value {
    return value.dims.join() === dims.join() ? value : this.view(this.plain(value), dims);
  }

  unary(op: string, x: Value, attributes?: Record<string, AttributeValue>): Value {
    return this.node(op, [x], x.dims, attributes, x.order);
  }

  /** An elementwise operator with broadcasting. */
  binary(op: string, first: Value, second: Value): Value {
    const [a, b] = this.aligned(first, second), rank = Math.max(a.dims.length, b.dims.length);
    const dims = Array.from({ length: rank }, (_, axis) => Math.max(a.dims[axis - rank + a.dims.length] ?? 1, b.dims[axis - rank + b.dims.length] ?? 1));
    return this.node(op, [a, b], dims, undefined, a.order ?? b.order);
  }

  /** Two operands in one order, the larger one's. Numbers go with any. */
  private aligned(a: Value, b: Value): [Value, Value] {
    if (isNumberBeside(a, b)) return [b.order ? this.view(a, []) : a, b];
    if (isNumberBeside(b, a)) return [a, a.order ? this.view(b, []) : b];
    if (sameOrder(a.order, b.order)) return [a, b];
    const { order } = countOf(a.dims) >= countOf(b.dims) ? a : b, rank = order?.length ?? 0;
    if (!order || a.dims.length > rank || b.dims.length > rank) return [this.plain(a), this.plain(b)];
    return [this.ordered(this.widened(a, rank), order), this.ordered(this.widened(b, rank), order)];
  }

  /** With axes of size one in front. */
  private widened(value: Value, rank: number): Value {
    return value.dims.length === rank ? value : this.reshape(value, [...new Array<number>(rank - value.dims.length).fill(1), ...value.dims]);
  }

  plus(a: Value, b: Value): Value { return this.binary("Add", a, b); }
  subtract(a: Value, b: Value): Value { return this.binary("Sub", a, b); }
  multiply(a: Value, b: Value): Value { return this.binary("Mul", a, b); }
  divide(a: Value, b: Value): Value { return this.binary("Div", a, b); }
  scaled(x: Value, factor: number): Value { return factor === 1 ? x : this.multiply(x, this.scalar(factor)); }

  /** 1 where a comparison with a number holds, 0 elsewhere. */
  mask(op: "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" | "Equal", x: Value, bound: number): Value {
    return this.holds(op, x, this.scalar(bound));
  }

  /** The same with a number that is computed, or with another value element by element. */
  holds(op: "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" | "Equal", x: Value, other: Value): Value {
    return this.unary("Cast", this.node(op, [x, countOf(other.dims) > 1 ? this.ordered(other, x.order) : other], x.dims, undefined, x.order), { to: DataType.FLOAT });
  }

  /** A reduction over axes of the network; they stay, with size one. */
  reduce(op: "ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin", x: Value, axes: readonly number[]): Value {
    if (!axes.length) return x;
    const dims = x.dims.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
    return this.node(op, [x, this.ints(axes.map((axis) => storedAxis(x, axis)))], dims, { keepdims: 1 }, x.order);
  }

  sum(x: Value, axes: readonly number[]): Value { return this.reduce("ReduceSum", x, axes); }

  /** Undoes broadcasting: sums over all that a value of `dims` was repeated along. */
  sumTo(x: Value, dims: readonly number[]): Value {
    const extra = x.dims.length - dims.length;
    const axes = x.dims.flatMap((dim, axis) => (axis < extra || (dims[axis - extra] === 1 && dim !== 1) ? [axis] : []));
    const summed = this.sum(x, axes);
    return extra ? this.reshape(summed, dims) : summed;
  }

  /** Matrix product of the last two axes, in the order of the network. */
  matMul(first: Value, second: Value): Value {
    const a = this.plain(first), b = this.plain(second), batch = a.dims.length >= b.dims.length ? a.dims.slice(0, -2) : b.dims.slice(0, -2);
    return this.node("MatMul", [a, b], [...batch, a.dims[a.dims.length - 2], b.dims[b.dims.length - 1]]);
  }

  /** aᵀ, bᵀ or both by choice, times each other: matrices without further axes. */
  gemm(a: Value, b: Value, { transA = 0, transB = 0, c }: { transA?: 0 | 1; transB?: 0 | 1; c?: Value } = {}): Value {
    const x = this.plain(a), y = this.plain(b);
    return this.node("Gemm", c ? [x, y, this.plain(c)] : [x, y], [x.dims[transA ? 1 : 0], y.dims[transB ? 0 : 1]], { transA, transB });
  }

  transpose(x: Value, perm: readonly number[]): Value {
    const plain = this.plain(x);
    return this.node("Transpose", [plain], perm.map((axis) => plain.dims[axis]), { perm: [...perm] });
  }

  /**
   * Makes other places of those along an axis, each a weighted sum: a row of the matrix.
   * @param blocks how many pieces of the axis the matrix is for, one after the other
   * @param anew whether the same thing is to be computed once more where it has been before: onnxruntime would keep it, and tells by the constants' names
   */
  contract(x: Value, axis: number, weights: Matrix, { blocks = 1, anew = false }: { blocks?: number; anew?: boolean } = {}): Value {
    if (isIdentity(weights)) return x;
    const at = storedAxis(x, axis), stored = storedDims(x), { rows, columns, data } = weights, outer = countOf(stored.slice(0, at)) * blocks, inner = countOf(stored.slice(at + 1));
    const parts = bandsOf(weights), make = (type: number, values: NumberArray, dims: readonly number[]) => (anew ? this.tensor(type, values, dims) : this.known(type, values, dims));
    let values = this.view(x, [outer, columns, inner]), matrix = [rows, columns];
    if (parts) {
      const { bands, width } = parts;
      values = this.node("Gather", [values, make(DataType.INT32, Int32Array.from(parts.columns), [bands, width])], [outer, bands, width, inner], { axis: 1 });
      matrix = [bands, rows / bands, width];
    }
    const sums = this.node("MatMul", [make(DataType.FLOAT, parts?.data ?? data, matrix), values], [outer, ...matrix.slice(0, -1), inner]);
    return this.viewAs(sums, x.dims.map((dim, i) => (i === axis ? rows * blocks : dim)), x.order);
  }

  /** Rows by index along the first stored axis; {@link contract} tells what `anew` is for. */
  rows(x: Value, index: ArrayLike<number>, anew = false): Value {
    const dims = storedDims(x), places = anew ? this.tensor(DataType.INT32, Int32Array.from(index), [index.length]) : this.indices(index);
    return this.node("Gather", [x, places], [index.length, ...dims.slice(1)], { axis: 0 });
  }

  concat(parts: readonly Value[], axis: number): Value {
    const [{ order }] = parts, same = parts.map((part) => this.ordered(part, order));
    if (same.length === 1) return same[0];
    const size = same.reduce((sum, part) => sum + part.dims[axis], 0);
    return this.node("Concat", same, same[0].dims.map((dim, at) => (at === axis ? size : dim)), { axis: storedAxis(same[0], axis) }, order);
  }

  /** Elements from `start` in steps along axes of the network; `count` of each. */
  slice(x: Value, cuts: readonly { axis: number; start: number; count: number; step?: number }[]): Value {
    const kept = cuts.filter(({ axis, start, count, step = 1 }) => !(start === 0 && step === 1 && count === x.dims[axis]));
    if (!kept.length) return x;
    const dims = x.dims.map((dim, axis) => kept.find((cut) => cut.axis === axis)?.count ?? dim);
    const ends = kept.map(({ start, count, step = 1 }) => start + (count - 1) * step + (step > 0 ? 1 : -1)).map((end) => (end < 0 ? -(2 ** 31) : end));
    return this.node("Slice", [x, this.ints(kept.map(({ start }) => start)), this.ints(ends), this.ints(kept.map(({ axis }) => storedAxis(x, axis))), this.ints(kept.map(({ step = 1 }) => step))], dims, undefined, x.order);
  }

  /** Zeros around: `before` and `after` for each axis of the network; less than none cuts off. */
  pad(x: Value, before: readonly number[], after: readonly number[]): Value {
    if ([...before, ...after].every((size) => size === 0)) return x;
    const place = (sizes: readonly number[]) => (x.order ? x.order.map((axis) => sizes[axis]) : [...sizes]);
    return this.node("Pad", [x, this.ints([...place(before), ...place(after)])], x.dims.map((dim, axis) => dim + before[axis] + after[axis]), undefined, x.order);
  }

  expand(x: Value, dims: readonly number[]): Value {
    return this.node("Expand", [x, this.ints(storedDims({ dims, order: x.order }))], dims, undefined, x.order);
  }

  /** Whether a value is kept for gradients, or to be computed anew for them. */
  keeps({ dims }: Value): boolean {
    const isKept = countOf(dims) <= this.spare;
    if (isKept) this.spare -= countOf(dims);
    return isKept;
  }

  /** The same value, computed after another. What nothing waits for is left to the end otherwise, and all that it needs is kept until then. */
  after(x: Value, other: Value): Value {
    const zero = this.constant(Float32Array.of(0), []), first = this.node("Slice", [this.view(other, [countOf(other.dims)]), this.ints([0]), this.ints([1]), this.ints([0])], [1]);
    return { ...x, name: this.node("Add", [x, this.node("Clip", [first, zero, zero], [1])], x.dims).name };
  }

  build(): Uint8Array {
    return buildModel({ nodes: this.nodes, inputs: this.inputs, outputs: this.outputs, initializers: this.initializers, opset: RAISED_OPSET });
  }
}
