import { floatToHalf, halfToFloat } from "../numeric/half";
import { DataType, type NumberArray } from "./tensor";

/** Values of constants in memory, and what moves their elements about. */

/** A constant's value. float16 and bfloat16 are held as float32, which has all of their values. */
export interface ConstantValue { dims: number[]; type: number; data: NumberArray }

/** Something cannot be computed ahead: not an error, the value is just no constant that is known here. */
export class NotConstant extends Error {}

const MOST_ELEMENTS = 2 ** 29;

export const countOf = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

/** Zeros of a type. @throws NotConstant for types without arithmetic, and for sizes that only a hostile file has */
export function zeros(type: number, count: number): NumberArray {
  if (!(count >= 0 && count <= MOST_ELEMENTS)) throw new NotConstant(`${count} elements`);
  switch (type) {
    case DataType.FLOAT: case DataType.FLOAT16: case DataType.BFLOAT16: return new Float32Array(count);
    case DataType.DOUBLE: return new Float64Array(count);
    case DataType.UINT8: case DataType.BOOL: return new Uint8Array(count);
    case DataType.INT8: return new Int8Array(count);
    case DataType.UINT16: return new Uint16Array(count);
    case DataType.INT16: return new Int16Array(count);
    case DataType.UINT32: return new Uint32Array(count);
    case DataType.INT32: return new Int32Array(count);
    case DataType.UINT64: return new BigUint64Array(count);
    case DataType.INT64: return new BigInt64Array(count);
    default: throw new NotConstant(`type ${type}`);
  }
}

export const isBig = (data: NumberArray): data is BigInt64Array | BigUint64Array => data instanceof BigInt64Array || data instanceof BigUint64Array;

/** A constant of integers as numbers, rounded beyond 2^53. */
export const integers = ({ data }: ConstantValue): number[] => Array.from<number | bigint, number>(data, Number);

/** Rounds float32 values to what their type can hold. */
export function roundTo(type: number, data: NumberArray): NumberArray {
  if (!(data instanceof Float32Array)) return data;
  if (type === DataType.FLOAT16) for (let i = 0; i < data.length; i++) data[i] = halfToFloat(floatToHalf(data[i]));
  else if (type === DataType.BFLOAT16) {
    const codes = new Uint32Array(data.buffer, data.byteOffset, data.length);
    for (let i = 0; i < codes.length; i++) if ((codes[i] & 0x7fffffff) <= 0x7f800000) codes[i] = (codes[i] + 0x7fff + ((codes[i] >>> 16) & 1)) & 0xffff0000;
  }
  return data;
}

/** Elements in the type that the operator Cast makes of them. */
export function castTo(type: number, data: NumberArray): NumberArray {
  const out = zeros(type, data.length);
  if (type === DataType.BOOL) for (let i = 0; i < data.length; i++) out[i] = Number(data[i]) !== 0 ? 1 : 0;
  else if (isBig(out)) for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (typeof value === "number" && !Number.isFinite(value)) throw new NotConstant("not a number");
    out[i] = typeof value === "bigint" ? value : BigInt(Math.trunc(value));
  }
  else if (isBig(data)) {
    const wraps = !(out instanceof Float32Array || out instanceof Float64Array);
    for (let i = 0; i < data.length; i++) out[i] = Number(wraps ? BigInt.asIntN(32, data[i]) : data[i]);
  } else out.set(data);
  return roundTo(type, out);
}

/** Row-major strides. */
export function stridesOf(dims: readonly number[]): number[] {
  const strides = new Array<number>(dims.length);
  for (let axis = dims.length - 1, stride = 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= dims[axis];
  }
  return strides;
}

/** Reads elements in the order of `dims`, each axis a step of its own in `value`. */
export function strided(value: ConstantValue, dims: number[], steps: readonly number[], first = 0): ConstantValue {
  const data = zeros(value.type, countOf(dims)), from = value.data;
  walk(dims, [steps], [first], (i, at) => { data[i] = from[at]; });
  return { dims, type: value.type, data };
}

/** Visits all positions of `dims` in row-major order, with offsets that each move by steps of their own along every axis. */
export function walk(dims: readonly number[], steps: readonly (readonly number[])[], first: readonly number[], visit: (i: number, a: number, b: number) => void): void {
  const count = countOf(dims), rank = dims.length, position = new Array<number>(rank).fill(0);
  if (count === 0) return;
  const inner = rank ? dims[rank - 1] : 1, [stepA, stepB] = steps.map((step) => (rank ? step[rank - 1] : 0));
  let a = first[0], b = first[1] ?? 0;
  for (let i = 0; i < count;) {
    for (let j = 0; j < inner; j++) visit(i++, a + j * stepA, b + j * (stepB ?? 0));
    for (let axis = rank - 2; axis >= 0; axis--) {
      a += steps[0][axis];
      b += steps[1]?.[axis] ?? 0;
      if (++position[axis] < dims[axis]) break;
      a -= steps[0][axis] * dims[axis];
      b -= (steps[1]?.[axis] ?? 0) * dims[axis];
      position[axis] = 0;
    }
  }
}

/** The shape of two broadcast against each other. */
export function broadcastDims(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const x = a[axis - rank + a.length] ?? 1, y = b[axis - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) throw new NotConstant(`shapes ${a.join("×")} and ${b.join("×")}`);
    return x === 1 ? y : x;
  });
}

/** Steps through a value that is broadcast to `dims`. */
export function broadcastSteps(own: readonly number[], dims: readonly number[]): number[] {
  const strides = stridesOf(own), missing = dims.length - own.length;
  return dims.map((_, axis) => (axis < missing || own[axis - missing] === 1 ? 0 : strides[axis - missing]));
}

/** An axis counted from the end where it is negative. */
export function axisOf(axis: number, rank: number): number {
  const result = axis < 0 ? axis + rank : axis;
  if (!(result >= 0 && result < Math.max(rank, 1))) throw new NotConstant(`axis ${axis}`);
  return result;
}
