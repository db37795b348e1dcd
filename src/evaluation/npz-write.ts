/** Writes arrays as NumPy's .npz: a zip archive of .npy members, stored as they are. */

export type ArrayData = Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array;
export interface NamedArray { name: string; dims: readonly number[]; data: ArrayData }

const DTYPES: [new (n: number) => ArrayData, string][] = [[Uint8Array, "|u1"], [Int8Array, "|i1"], [Int16Array, "<i2"], [Int32Array, "<i4"], [Float32Array, "<f4"]];

/** A whole archive. Names are those that NumPy's load gives the arrays; texts it gives as bytes. */
export function encodeNpz(arrays: readonly NamedArray[], texts: ReadonlyMap<string, string> = new Map()): Uint8Array {
  const encoder = new TextEncoder(), members = [...Array.from(texts, ([name, text]) => ({ name: encoder.encode(name), bytes: encoder.encode(text) })), ...arrays.map((array) => ({ name: encoder.encode(`${array.name}.npy`), bytes: encodeNpy(array) }))], parts: Uint8Array[] = [], directory: Uint8Array[] = [];
  let at = 0;
  for (const { name, bytes } of members) {
    const crc = crc32(bytes), local = record(0x04034b50, [20, 0, 0, 0, 0], [crc, bytes.length, bytes.length], [name.length, 0]);
    parts.push(local, name, bytes);
    directory.push(record(0x02014b50, [20, 20, 0, 0, 0, 0], [crc, bytes.length, bytes.length], [name.length, 0, 0, 0, 0], [0, at]), name);
    at += local.length + name.length + bytes.length;
  }
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  return joined([...parts, ...directory, record(0x06054b50, [0, 0, members.length, members.length], [size, at], [0])]);
}

/** Format 1.0: a header of Python's, padded to 64 bytes, then the elements in C order. */
export function encodeNpy({ dims, data }: Pick<NamedArray, "dims" | "data">): Uint8Array {
  const dtype = DTYPES.find(([kind]) => data instanceof kind)![1], shape = dims.length === 1 ? `${dims[0]},` : dims.join(", ");
  const text = `{'descr': '${dtype}', 'fortran_order': False, 'shape': (${shape}), }`, padded = `${text.padEnd(64 * Math.ceil((text.length + 11) / 64) - 11)}\n`;
  return joined([Uint8Array.of(0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, padded.length & 255, padded.length >> 8), new TextEncoder().encode(padded), new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
}

/** A record of zip: a signature, then numbers of 16 bits and of 32 in turns. */
function record(signature: number, ...fields: number[][]): Uint8Array {
  const bytes = new Uint8Array(4 + fields.reduce((sum, list, i) => sum + list.length * (i % 2 ? 4 : 2), 0)), view = new DataView(bytes.buffer);
  view.setUint32(0, signature, true);
  let at = 4;
  fields.forEach((list, i) => {
    for (const value of list) {
      if (i % 2) view.setUint32(at, value, true);
      else view.setUint16(at, value, true);
      at += i % 2 ? 4 : 2;
    }
  });
  return bytes;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) { all.set(part, at); at += part.length; }
  return all;
}

let table: Uint32Array | undefined;

function crc32(bytes: Uint8Array): number {
  table ??= Uint32Array.from({ length: 256 }, (_, n) => { let c = n; for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1; return c; });
  let crc = 0xffffffff;
  for (const byte of bytes) crc = table[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
