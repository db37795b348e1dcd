import type { SparseTensor, ValueInfo } from "./model";
import { DIM, ENTRY, OPSET, SHAPE, SPARSE, TENSOR, TENSOR_TYPE, TYPE, VALUE } from "./schema";
import { DataType, elementsOf, rawBytes, readRaw, type Run, type Storage, type Tensor } from "./tensor";
import { type Cursor, type Span, spanBytes, type Window, WireError } from "./wire";

/** Readers of the small messages: tensors without their elements, types and shapes, pairs of texts. */

const HIGHEST_RANK = 1000, MOST_VALUES = 64;

/** The int64 values of a packed field. */
export function* packedInts(bytes: Uint8Array): Generator<bigint> {
  for (let at = 0; at < bytes.length;) {
    let value = 0n;
    for (let shift = 0n; at < bytes.length; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) break;
    }
    yield BigInt.asIntN(64, value);
  }
}

/** OperatorSetIdProto; "ai.onnx" is "". */
export async function readOpset(cursor: Cursor, into: Map<string, number>): Promise<void> {
  let domain = "", version = 0;
  while (cursor.next() ?? await cursor.nextAfterRead()) {
    if (cursor.key === OPSET.domain) domain = await cursor.text();
    else if (cursor.key === OPSET.version) version = cursor.int;
  }
  into.set(domain === "ai.onnx" ? "" : domain, version);
}

/** StringStringEntryProto */
export async function readEntry(cursor: Cursor): Promise<[key: string, value: string]> {
  let key = "", value = "";
  while (cursor.next() ?? await cursor.nextAfterRead()) {
    if (cursor.key === ENTRY.key) key = await cursor.text();
    else if (cursor.key === ENTRY.value) value = await cursor.text();
  }
  return [key, value];
}

/** A message's first text field of a key; "" if there is none. */
export async function readFirstText(cursor: Cursor, key: number): Promise<string> {
  while (cursor.next() ?? await cursor.nextAfterRead()) if (cursor.key === key) return cursor.text();
  return "";
}

/** Which values of a tensor are one after the other; keys for unpacked and packed fields. */
const DATA_KEYS = new Map<number, [field: "floats" | "int32s" | "int64s" | "doubles" | "uint64s", packed: boolean]>([
  [TENSOR.floats, ["floats", false]], [TENSOR.floatsPacked, ["floats", true]], [TENSOR.int32s, ["int32s", false]], [TENSOR.int32sPacked, ["int32s", true]],
  [TENSOR.int64s, ["int64s", false]], [TENSOR.int64sPacked, ["int64s", true]], [TENSOR.doubles, ["doubles", false]], [TENSOR.doublesPacked, ["doubles", true]],
  [TENSOR.uint64s, ["uint64s", false]], [TENSOR.uint64sPacked, ["uint64s", true]],
]);

/** The field of TensorProto that holds elements of a type where raw_data does not. */
function dataField(type: number): "floats" | "int32s" | "int64s" | "doubles" | "uint64s" {
  switch (type) {
    case DataType.FLOAT: case DataType.COMPLEX64: return "floats";
    case DataType.DOUBLE: case DataType.COMPLEX128: return "doubles";
    case DataType.INT64: return "int64s";
    case DataType.UINT32: case DataType.UINT64: return "uint64s";
    default: return "int32s";
  }
}

/** TensorProto without its elements. @param inside says in words where an error is, given the name as far as it is known */
export async function readTensor(cursor: Cursor, span: Span, inside: (name: string) => string): Promise<Tensor> {
  const tensor: Tensor = { name: "", dims: [], type: 0, count: 0, bytes: spanBytes(span), span, storage: { kind: "none" }, externalFields: [], otherFields: [] };
  const runs: Partial<Record<string, Run[]>> = {}, entries = new Map<string, string>();
  let raw: { start: number; end: number } | undefined, isExternal = false, strings = false;
  const addDim = (dim: number) => {
    if (tensor.dims.push(dim) > HIGHEST_RANK) throw new WireError("corrupt", cursor.tag);
  };
  await WireError.placed(() => inside(tensor.name), async () => {
    while (cursor.next() ?? await cursor.nextAfterRead()) {
      const data = DATA_KEYS.get(cursor.key);
      if (data) addRun(runs[data[0]] ??= [], cursor, data[1]);
      else switch (cursor.key) {
        case TENSOR.dims: addDim(cursor.int); break;
        case TENSOR.dimsPacked: for (const dim of packedInts(await cursor.bytes())) addDim(Number(dim)); break;
        case TENSOR.type: tensor.type = cursor.int; break;
        case TENSOR.name: tensor.name = await cursor.text(); break;
        case TENSOR.raw: raw = { start: cursor.start, end: cursor.end }; break;
        case TENSOR.strings: strings = true; break;
        case TENSOR.segment: break;
        case TENSOR.location:
          isExternal = cursor.int === 1;
          cursor.addTo(tensor.externalFields);
          break;
        case TENSOR.external:
          cursor.addTo(tensor.externalFields);
          entries.set(...await readEntry(cursor.inside()));
          break;
        default: cursor.addTo(tensor.otherFields);
      }
    }
  });
  if (tensor.dims.every((dim) => dim >= 0)) tensor.count = tensor.dims.reduce((a, b) => a * b, 1);
  if (isExternal) {
    tensor.storage = externalStorage(entries, span, inside(tensor.name));
    tensor.bytes += tensor.storage.kind === "external" ? tensor.storage.length ?? rawBytes(tensor.type, tensor.count) : 0;
  } else if (strings) tensor.storage = { kind: "string" };
  else tensor.storage = inFile(tensor.type, runs, raw);
  tensor.values = await smallValues(cursor.window, tensor);
  return tensor;
}

/** Elements of a small tensor, read with its structure: they decide shapes. */
async function smallValues(window: Window, tensor: Tensor): Promise<number[] | undefined> {
  const { storage, type, count } = tensor, isSmall = count > 0 && count <= MOST_VALUES;
  if (!isSmall || !(type === DataType.INT64 || type === DataType.INT32 || type === DataType.FLOAT) || !("start" in storage || "runs" in storage)) return undefined;
  const runs = "runs" in storage ? storage.runs : [storage];
  if (runs.some(({ start, end }) => end - start > MOST_VALUES * 12)) return undefined;
  for (const { start, end } of runs) if (!window.holds(start, end - start)) await window.load(start, end - start);
  const source = { size: window.source.size, read: async (at: number, length: number) => (window.holds(at, length) ? window.bytes.subarray(at - window.at, at - window.at + length) : window.source.read(at, length)) };
  // a small tensor that is damaged is told of when it is read for its own sake
  const elements = await readRaw({ source }, tensor).then((bytes) => elementsOf(type, bytes), () => undefined);
  return elements && Array.from<number | bigint, number>(elements, Number);
}

function inFile(type: number, runs: Partial<Record<string, Run[]>>, raw?: { start: number; end: number }): Storage {
  const field = dataField(type), typed = runs[field];
  if (raw && (raw.end > raw.start || !typed)) return { kind: "raw", ...raw };
  if (!typed) return { kind: "none" };
  return field === "floats" || field === "doubles" ? { kind: "fixed", width: field === "floats" ? 4 : 8, runs: typed } : { kind: "varint", runs: typed };
}

function addRun(runs: Run[], cursor: Cursor, packed: boolean): void {
  const last = runs.at(-1);
  if (packed) runs.push({ start: cursor.start, end: cursor.end, packed });
  else if (last && !last.packed && last.end === cursor.tag) last.end = cursor.end;
  else runs.push({ start: cursor.tag, end: cursor.end, packed });
}

function externalStorage(entries: Map<string, string>, span: Span, inside: string): Storage {
  const number = (key: string): number | undefined => {
    const text = entries.get(key);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
      const error = new WireError("corrupt", span.tag);
      error.inside = `${inside} (the external ${key} is ${JSON.stringify(text.slice(0, 40))})`;
      throw error;
    }
    return value;
  };
  return { kind: "external", location: entries.get("location") ?? "", offset: number("offset") ?? 0, length: number("length") };
}

/** SparseTensorProto */
export async function readSparse(cursor: Cursor, span: Span): Promise<SparseTensor> {
  const sparse: SparseTensor = { name: "", dims: [], bytes: spanBytes(span), span };
  while (cursor.next() ?? await cursor.nextAfterRead()) {
    switch (cursor.key) {
      case SPARSE.values:
        sparse.values = await readTensor(cursor.inside(), cursor.span(span), (name) => `the sparse weights of ${name}`);
        sparse.name = sparse.values.name;
        break;
      case SPARSE.indices: sparse.indices = await readTensor(cursor.inside(), cursor.span(span), () => `the indices of the sparse weights of ${sparse.name}`); break;
      case SPARSE.dims: sparse.dims.push(cursor.int); break;
      case SPARSE.dimsPacked: sparse.dims.push(...[...packedInts(await cursor.bytes())].map(Number)); break;
    }
  }
  return sparse;
}

/** ValueInfoProto; types that are no tensors have neither element type nor shape. */
export async function readValueInfo(cursor: Cursor, span: Span): Promise<ValueInfo> {
  const info: ValueInfo = { name: "", span };
  while (cursor.next() ?? await cursor.nextAfterRead()) {
    if (cursor.key === VALUE.name) info.name = await cursor.text();
    else if (cursor.key === VALUE.type) await readType(cursor.inside(), info);
  }
  return info;
}

async function readType(cursor: Cursor, info: ValueInfo): Promise<void> {
  while (cursor.next() ?? await cursor.nextAfterRead()) {
    if (cursor.key !== TYPE.tensor) continue;
    const tensor = cursor.inside();
    while (tensor.next() ?? await tensor.nextAfterRead()) {
      if (tensor.key === TENSOR_TYPE.elemType) info.elemType = tensor.int;
      else if (tensor.key === TENSOR_TYPE.shape) info.shape = await readShape(tensor.inside());
    }
  }
}

async function readShape(cursor: Cursor): Promise<(number | string)[]> {
  const shape: (number | string)[] = [];
  while (cursor.next() ?? await cursor.nextAfterRead()) {
    if (cursor.key !== SHAPE.dim) continue;
    const dim = cursor.inside();
    let size: number | string = "?";
    while (dim.next() ?? await dim.nextAfterRead()) {
      if (dim.key === DIM.value) size = dim.int < 0 ? "?" : dim.int;
      else if (dim.key === DIM.parameter) size = (await dim.text()) || "?";
    }
    shape.push(size);
  }
  return shape;
}
