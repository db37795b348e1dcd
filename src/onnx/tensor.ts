import { halvesToFloats } from "../numeric/half";
import { KernelscopeError } from "../protocol/errors";
import type { ByteSource, ExternalFiles } from "./bytes";
import { openExternal } from "./external";
import { concat, type FileRange, type Span } from "./wire";

/** TensorProto.DataType */
export const DataType = {
  UNDEFINED: 0, FLOAT: 1, UINT8: 2, INT8: 3, UINT16: 4, INT16: 5, INT32: 6, INT64: 7, STRING: 8, BOOL: 9, FLOAT16: 10, DOUBLE: 11,
  UINT32: 12, UINT64: 13, COMPLEX64: 14, COMPLEX128: 15, BFLOAT16: 16, FLOAT8E4M3FN: 17, FLOAT8E4M3FNUZ: 18, FLOAT8E5M2: 19, FLOAT8E5M2FNUZ: 20,
  UINT4: 21, INT4: 22, FLOAT4E2M1: 23, FLOAT8E8M0: 24, UINT2: 25, INT2: 26,
} as const;

const BITS = [0, 32, 8, 8, 16, 16, 32, 64, 0, 8, 16, 64, 32, 64, 64, 128, 16, 8, 8, 8, 8, 4, 4, 4, 8, 2, 2];
const NAMES = [
  "undefined", "float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16", "float64", "uint32", "uint64", "complex64", "complex128",
  "bfloat16", "float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4", "int4", "float4e2m1", "float8e8m0", "uint2", "int2",
];

/** Bits that an element takes; 0 for strings and unknown types. */
export const bitsOf = (type: number): number => BITS[type] ?? 0;
/** A data type's name for people: "float32". */
export const typeName = (type: number): string => NAMES[type] ?? `type ${type}`;
export const isFloatType = (type: number): boolean => type === DataType.FLOAT || type === DataType.FLOAT16 || type === DataType.DOUBLE || type === DataType.BFLOAT16;

/** Consecutive values of one field: the content of a packed field, or fields one after the other with their tags. */
export interface Run { start: number; end: number; packed: boolean }

/** Where a tensor's elements are. */
export type Storage =
  | { kind: "raw"; start: number; end: number }
  | { kind: "fixed"; width: 4 | 8; runs: Run[] }
  | { kind: "varint"; runs: Run[] }
  | { kind: "external"; location: string; offset: number; length?: number }
  | { kind: "memory"; raw: Uint8Array }
  | { kind: "string" }
  | { kind: "none" };

/** Elements in memory. */
export type NumberArray = Float32Array | Float64Array | Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | BigInt64Array | BigUint64Array;

/** A constant of the model. Its elements stay in the file until someone reads them. */
export interface Tensor {
  name: string;
  dims: number[];
  /** {@link DataType} */
  type: number;
  /** Elements; 0 where a dimension is negative. */
  count: number;
  /** Serialized bytes, tag and length included, external bytes too. */
  bytes: number;
  /** The TensorProto's field in the file; absent where the values are attributes of a `Constant` node themselves. */
  span?: Span;
  storage: Storage;
  /** Elements of a small tensor of int32, int64 (rounded beyond 2^53) or float32 in the model's own file: shapes, axes, scales. */
  values?: readonly number[];
  /** Fields that tell of an external file. */
  externalFields: FileRange[];
  /** Fields that a new value leaves as they are: documentation, metadata, and what is not known here. */
  otherFields: FileRange[];
}

/** What a tensor's bytes can be read from. */
export interface TensorHome { source: ByteSource; external?: ExternalFiles }

/** Bytes of `count` elements as raw_data. */
export const rawBytes = (type: number, count: number): number => Math.ceil(count * bitsOf(type) / 8);

const LONGEST_READ = 1 << 26;

/** A copy of a range, aligned for every typed array. */
export async function readRange(source: ByteSource, start: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  if (source.readInto) await source.readInto(start, bytes);
  else for (let at = 0; at < length; at += LONGEST_READ) bytes.set(await source.read(start + at, Math.min(LONGEST_READ, length - at)), at);
  return bytes;
}

const bad = (tensor: Tensor, what: string): KernelscopeError =>
  new KernelscopeError("bad-model", `The model is damaged: tensor ${tensor.name || "without a name"} ${what}. Export it again.`);

const thousands = (value: number): string => value.toLocaleString("en-US");

function checkBytes(tensor: Tensor, found: number, wanted: number): void {
  if (found !== wanted) throw bad(tensor, `holds ${thousands(found)} bytes where its shape [${tensor.dims.join(", ")}] and type ${typeName(tensor.type)} need ${thousands(wanted)}`);
}

/** The bytes of a run, without the tags of unpacked fields of `width` bytes. */
async function readFixed(source: ByteSource, run: Run, width: number): Promise<Uint8Array> {
  const bytes = await readRange(source, run.start, run.end - run.start);
  if (run.packed) return bytes;
  let out = 0;
  for (let at = 0; at < bytes.length; at += width, out += width) {
    while (bytes[at++] >= 128);
    bytes.copyWithin(out, at, at + width);
  }
  return bytes.subarray(0, out);
}

/** Decodes runs of varints to little-endian integers of `width` bytes. */
async function readVarints(source: ByteSource, tensor: Tensor, runs: Run[], width: number, count: number): Promise<Uint8Array> {
  const stored = runs.reduce((sum, run) => sum + run.end - run.start, 0);
  if (stored < count) throw bad(tensor, `has fewer than the ${thousands(count)} elements that its shape needs`);
  const out = new Uint8Array(count * width), view = new DataView(out.buffer);
  let i = 0;
  for (const run of runs) {
    const bytes = await readRange(source, run.start, run.end - run.start);
    for (let at = 0; at < bytes.length; i++) {
      if (!run.packed) while (bytes[at++] >= 128);
      let low = 0, high = 0;
      for (let shift = 0; ; shift += 7) {
        if (at >= bytes.length || shift > 63) throw bad(tensor, "has an element that is cut off");
        const byte = bytes[at++], part = byte & 127;
        if (shift < 32) low |= part << shift;
        if (shift === 28) high = part >> 4;
        else if (shift > 28) high |= part << (shift - 32);
        if (byte < 128) break;
      }
      if (i >= count) break;
      if (width === 1) out[i] = low;
      else if (width === 2) view.setUint16(i * 2, low & 0xffff, true);
      else view.setUint32(i * width, low >>> 0, true);
      if (width === 8) view.setUint32(i * 8 + 4, high >>> 0, true);
    }
  }
  if (i !== count) throw bad(tensor, `has ${i < count ? "fewer" : "more"} than the ${thousands(count)} elements that its shape needs`);
  return out;
}

/** Opens what an external tensor points to and checks that all of it is there. */
export async function externalRange(home: TensorHome, tensor: Tensor): Promise<{ source: ByteSource; start: number; length: number }> {
  const { storage } = tensor, wanted = rawBytes(tensor.type, tensor.count);
  if (storage.kind !== "external") throw new Error(`${tensor.name} is not external.`);
  if (storage.length !== undefined) checkBytes(tensor, storage.length, wanted);
  const source = await openExternal(home.external, storage.location);
  if (storage.offset + wanted > source.size) {
    throw new KernelscopeError("external-data", `The weights file ${storage.location} ends too early: ${tensor.name} needs bytes ${thousands(storage.offset)} to ${thousands(storage.offset + wanted)}, and the file has ${thousands(source.size)}. Copy the whole file beside the model again.`);
  }
  return { source, start: storage.offset, length: wanted };
}

/**
 * A tensor's elements as little-endian bytes, in the layout of raw_data; elements [first, first + count) where given.
 * @throws KernelscopeError "bad-model" where shape and bytes disagree, "external-data" where a weights file is missing or short
 */
export async function readRaw(home: TensorHome, tensor: Tensor, [first, count]: readonly [number, number] = [0, tensor.count]): Promise<Uint8Array> {
  const { storage, type } = tensor, bits = bitsOf(type), all = rawBytes(type, tensor.count);
  if (bits === 0) throw new KernelscopeError("unsupported", `Tensor ${tensor.name} holds ${typeName(type)}, which cannot be read as numbers.`);
  if (tensor.dims.some((dim) => dim < 0)) throw bad(tensor, `has the impossible shape [${tensor.dims.join(", ")}]`);
  const start = first * bits / 8, length = Math.ceil(count * bits / 8);
  if (first < 0 || count < 0 || first + count > tensor.count || !Number.isInteger(start)) throw new RangeError(`Elements ${first} to ${first + count} of ${tensor.name} cannot be read.`);
  switch (storage.kind) {
    case "raw":
      checkBytes(tensor, storage.end - storage.start, all);
      return readRange(home.source, storage.start + start, length);
    case "external": {
      const range = await externalRange(home, tensor);
      return readRange(range.source, range.start + start, length);
    }
    case "fixed": {
      const [run] = storage.runs;
      if (storage.runs.length === 1 && run.packed) {
        checkBytes(tensor, run.end - run.start, all);
        return readRange(home.source, run.start + start, length);
      }
      const parts: Uint8Array[] = [];
      for (const run of storage.runs) parts.push(await readFixed(home.source, run, storage.width));
      checkBytes(tensor, parts.reduce((sum, part) => sum + part.length, 0), all);
      return concat(parts).slice(start, start + length);
    }
    case "varint": {
      const width = Math.max(1, bits / 8);
      return (await readVarints(home.source, tensor, storage.runs, width, all / width)).slice(start, start + length);
    }
    case "memory":
      checkBytes(tensor, storage.raw.length, all);
      return storage.raw.slice(start, start + length);
    default:
      if (tensor.count === 0) return new Uint8Array(0);
      throw bad(tensor, "has no data");
  }
}

/** Elements from their bytes in raw_data, without a copy where alignment allows; float16 and bfloat16 become float32. Undefined for types without arithmetic. */
export function elementsOf(type: number, raw: Uint8Array): NumberArray | undefined {
  const { buffer, byteOffset, byteLength } = raw.byteOffset % 8 === 0 ? raw : raw.slice();
  switch (type) {
    case DataType.FLOAT: return new Float32Array(buffer, byteOffset, byteLength / 4);
    case DataType.FLOAT16: return halvesToFloats(new Uint16Array(buffer, byteOffset, byteLength / 2));
    case DataType.BFLOAT16: return new Float32Array(Uint32Array.from(new Uint16Array(buffer, byteOffset, byteLength / 2), (code) => code << 16).buffer);
    case DataType.DOUBLE: return new Float64Array(buffer, byteOffset, byteLength / 8);
    case DataType.UINT8: case DataType.BOOL: return new Uint8Array(buffer, byteOffset, byteLength);
    case DataType.INT8: return new Int8Array(buffer, byteOffset, byteLength);
    case DataType.UINT16: return new Uint16Array(buffer, byteOffset, byteLength / 2);
    case DataType.INT16: return new Int16Array(buffer, byteOffset, byteLength / 2);
    case DataType.UINT32: return new Uint32Array(buffer, byteOffset, byteLength / 4);
    case DataType.INT32: return new Int32Array(buffer, byteOffset, byteLength / 4);
    case DataType.UINT64: return new BigUint64Array(buffer, byteOffset, byteLength / 8);
    case DataType.INT64: return new BigInt64Array(buffer, byteOffset, byteLength / 8);
    default: return undefined;
  }
}

/**
 * A float tensor's elements as float32 (float16 and bfloat16 exactly, float64 rounded); elements [first, first + count) where given.
 * @throws KernelscopeError as {@link readRaw}, "unsupported" for other types
 */
export async function readFloats(home: TensorHome, tensor: Tensor, range?: readonly [number, number]): Promise<Float32Array> {
  const elements = isFloatType(tensor.type) ? elementsOf(tensor.type, await readRaw(home, tensor, range)) : undefined;
  if (elements instanceof Float32Array) return elements;
  if (elements instanceof Float64Array) return Float32Array.from(elements);
  throw new KernelscopeError("unsupported", `Tensor ${tensor.name} holds ${typeName(tensor.type)} values, not floats.`);
}

/**
 * An integer tensor's elements. For small tensors: shapes, axes, permutations.
 * @throws KernelscopeError as {@link readRaw}; "unsupported" for other types and for values that a double cannot hold exactly
 */
export async function readInts(home: TensorHome, tensor: Tensor): Promise<number[]> {
  const elements = isFloatType(tensor.type) ? undefined : elementsOf(tensor.type, await readRaw(home, tensor));
  if (!elements) throw new KernelscopeError("unsupported", `Tensor ${tensor.name} holds ${typeName(tensor.type)} values, not integers.`);
  const values = Array.from<number | bigint, number>(elements, Number);
  if (!values.every(Number.isSafeInteger)) throw new KernelscopeError("unsupported", `Tensor ${tensor.name} holds integers beyond 2^53, which cannot be used exactly.`);
  return values;
}
