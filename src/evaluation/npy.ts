import { halvesToFloats } from "../numeric/half";
import type { ByteSource } from "../onnx/bytes";
import { KernelscopeError } from "../protocol/errors";

/** A NumPy array in a byte source, read by rows of its first axis. */
export interface NpyArray {
  dims: number[];
  /** NumPy's type letter and bytes: "u1", "f4", "i8", … */
  type: string;
  /** Elements of rows [first, first + count) as numbers. */
  rows(first: number, count: number): Promise<Float32Array>;
}

const READERS: Record<string, (bytes: Uint8Array) => ArrayLike<number> | BigInt64Array | BigUint64Array> = {
  u1: (b) => b,
  b1: (b) => b,
  i1: (b) => new Int8Array(b.buffer, b.byteOffset, b.length),
  u2: (b) => new Uint16Array(aligned(b)), i2: (b) => new Int16Array(aligned(b)),
  u4: (b) => new Uint32Array(aligned(b)), i4: (b) => new Int32Array(aligned(b)),
  i8: (b) => new BigInt64Array(aligned(b)), u8: (b) => new BigUint64Array(aligned(b)),
  f2: (b) => halvesToFloats(new Uint16Array(aligned(b))), f4: (b) => new Float32Array(aligned(b)), f8: (b) => new Float64Array(aligned(b)),
};

const aligned = (b: Uint8Array): ArrayBuffer => b.slice().buffer as ArrayBuffer;

/**
 * Opens a .npy (format 1 to 3, C order, little endian).
 * @param name for messages @throws KernelscopeError "bad-data"
 */
export async function openNpy(source: ByteSource, name: string): Promise<NpyArray> {
  const bad = (why: string) => new KernelscopeError("bad-data", `${name} ${why}`);
  if (source.size < 12) throw bad("is too short for a NumPy array.");
  const start = await source.read(0, 12);
  if (String.fromCharCode(...start.subarray(1, 6)) !== "NUMPY" || start[0] !== 0x93) throw bad("is no NumPy array.");
  const long = start[6] >= 2;
  const view = new DataView(start.buffer, start.byteOffset);
  const length = long ? view.getUint32(8, true) : view.getUint16(8, true), offset = (long ? 12 : 10) + length;
  if (offset > source.size) throw bad("ends inside its header.");
  const header = new TextDecoder("latin1").decode(await source.read(long ? 12 : 10, length));
  const descr = /'descr':\s*'([<>|=])(\w+)'/.exec(header), shape = /'shape':\s*\(([^)]*)\)/.exec(header);
  if (!descr || !shape) throw bad("has a header that is not understood; save a plain numeric array.");
  if (/'fortran_order':\s*True/.test(header)) throw bad("is stored in Fortran order; save it with numpy.ascontiguousarray.");
  if (descr[1] === ">") throw bad("is big-endian; save it in the machine's own order.");
  const type = descr[2], reader = READERS[type];
  if (!reader) throw bad(`holds values of type ${type}, which are no plain numbers.`);
  const dims = shape[1].split(",").map((s) => s.trim()).filter(Boolean).map(Number);
  const perRow = dims.slice(1).reduce((a, b) => a * b, 1) * Number(type.slice(1));
  const needed = offset + (dims.length ? dims[0] : 1) * perRow;
  if (needed > source.size) throw bad(`ends too early: ${source.size.toLocaleString("en")} of ${needed.toLocaleString("en")} bytes are there.`);
  return {
    dims, type,
    async rows(first, count) {
      const values = reader(await source.read(offset + first * perRow, count * perRow));
      if (values instanceof Float32Array) return values;
      return values instanceof BigInt64Array || values instanceof BigUint64Array ? Float32Array.from(values, Number) : new Float32Array(values);
    },
  };
}
