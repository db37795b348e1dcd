import type { ByteSource } from "../onnx/bytes";
import { KernelscopeError } from "../protocol/errors";

/** One member of a zip archive. */
interface Entry { name: string; offset: number; packed: number; size: number; deflated: boolean }

/**
 * The members of a NumPy .npz by name without ".npy". Stored members are read by ranges; deflated ones are unpacked when opened.
 * @throws KernelscopeError "bad-data"
 */
export async function openNpz(source: ByteSource, name: string): Promise<Map<string, () => Promise<ByteSource>>> {
  const entries = await directory(source, name);
  return new Map(entries.map((entry) => [entry.name.replace(/\.npy$/, ""), () => openMember(source, entry)]));
}

async function directory(source: ByteSource, name: string): Promise<Entry[]> {
  const bad = (why: string) => new KernelscopeError("bad-data", `${name} ${why}`);
  const tailLength = Math.min(source.size, 65536 + 22 + 20), tailAt = source.size - tailLength;
  const tail = await source.read(tailAt, tailLength), view = viewOf(tail);
  let end = tailLength - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0) throw bad("is no .npz archive: its directory is missing. Arrays that lie beside each other as images.npy and labels.npy are given by their folder.");
  let count = view.getUint16(end + 10, true), size = view.getUint32(end + 12, true), at = view.getUint32(end + 16, true);
  if ((count === 0xffff || at === 0xffffffff || size === 0xffffffff) && end >= 20 && view.getUint32(end - 20, true) === 0x07064b50) {
    const record = viewOf(await source.read(Number(view.getBigUint64(end - 12, true)), 56));
    count = Number(record.getBigUint64(32, true));
    size = Number(record.getBigUint64(40, true));
    at = Number(record.getBigUint64(48, true));
  }
  if (at + size > source.size) throw bad("ends too early.");
  const bytes = await source.read(at, size), list = viewOf(bytes), entries: Entry[] = [];
  for (let i = 0, p = 0; i < count; i++) {
    if (p + 46 > size || list.getUint32(p, true) !== 0x02014b50) throw bad("has a damaged directory.");
    const method = list.getUint16(p + 10, true), nameLength = list.getUint16(p + 28, true), extra = list.getUint16(p + 30, true), comment = list.getUint16(p + 32, true);
    const entry = { name: new TextDecoder().decode(bytes.subarray(p + 46, p + 46 + nameLength)), packed: list.getUint32(p + 20, true), size: list.getUint32(p + 24, true), offset: list.getUint32(p + 42, true), deflated: method === 8 };
    if (method !== 0 && method !== 8) throw bad(`holds ${entry.name} in a compression that is not understood.`);
    for (let e = p + 46 + nameLength, stop = e + extra; e + 4 <= stop; e += 4 + list.getUint16(e + 2, true)) {
      if (list.getUint16(e, true) !== 1) continue;
      let f = e + 4;
      for (const key of ["size", "packed", "offset"] as const) {
        if (entry[key] !== 0xffffffff) continue;
        entry[key] = Number(list.getBigUint64(f, true));
        f += 8;
      }
    }
    entries.push(entry);
    p += 46 + nameLength + extra + comment;
  }
  return entries;
}

async function openMember(source: ByteSource, entry: Entry): Promise<ByteSource> {
  const local = viewOf(await source.read(entry.offset, 30));
  const start = entry.offset + 30 + local.getUint16(26, true) + local.getUint16(28, true);
  if (!entry.deflated) return { size: entry.size, read: (offset, length) => source.read(start + offset, length) };
  const packed = await source.read(start, entry.packed);
  const stream = new Blob([packed as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  return { size: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) };
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
