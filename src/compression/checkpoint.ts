import type { Layer } from "../onnx/layers";
import type { FittedLayer } from "./fit";
import type { RatedCandidate } from "./sensitivity";

/** Keeps what a job has finished, so that a killed one goes on. */
export interface CheckpointStore {
  load(key: string): Promise<Uint8Array | undefined>;
  save(key: string, value: Uint8Array): Promise<void>;
  /** Forgets everything once the job is done. */
  clear(): Promise<void>;
}

const ARRAYS = { Float32Array, Float64Array, Int32Array, Uint8Array, Uint32Array } as const;
type ArrayName = keyof typeof ARRAYS;
const isArrayName = (name: string): name is ArrayName => name in ARRAYS;

/** Plain data with typed arrays inside as bytes: a JSON head with places, then the arrays. */
export function encode(value: unknown): Uint8Array {
  const parts: Uint8Array[] = [];
  let length = 0;
  const head = new TextEncoder().encode(JSON.stringify(value, (_key, v: unknown) => {
    if (!ArrayBuffer.isView(v)) return v === Infinity ? { $number: "Infinity" } : v;
    const bytes = new Uint8Array(v.buffer, v.byteOffset, v.byteLength), padding = (8 - bytes.length % 8) % 8;
    const place = { $array: v.constructor.name, at: length, bytes: bytes.length };
    parts.push(bytes, new Uint8Array(padding));
    length += bytes.length + padding;
    return place;
  }));
  const offset = (4 + head.length + 7) & ~7, all = new Uint8Array(offset + length);
  new DataView(all.buffer).setUint32(0, head.length, true);
  all.set(head, 4);
  let at = offset;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The inverse of {@link encode}; undefined for bytes that were cut off. */
export function decode(bytes: Uint8Array): unknown {
  if (bytes.length < 4) return undefined;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true), offset = (4 + length + 7) & ~7;
  if (offset > bytes.length) return undefined;
  let whole = true;
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)), (_key, v: unknown) => {
    if (typeof v !== "object" || v === null) return v;
    if ("$number" in v) return Infinity;
    if (!("$array" in v && "at" in v && "bytes" in v)) return v;
    const { $array: name, at, bytes: size } = v;
    if (typeof name !== "string" || !isArrayName(name) || typeof at !== "number" || typeof size !== "number" || offset + at + size > bytes.length) {
      whole = false;
      return undefined;
    }
    return new ARRAYS[name](bytes.slice(offset + at, offset + at + size).buffer);
  });
  return whole ? value : undefined;
}

/** The plan and the layers of one job. */
export class JobRecord {
  constructor(private readonly store: CheckpointStore | undefined) {}

  async plan(make: () => Promise<StoredChoice[]>): Promise<StoredChoice[]> {
    const saved = await this.store?.load("plan");
    const known = saved && decode(saved);
    if (Array.isArray(known)) return known as StoredChoice[]; // our own file, keyed by the job's hash
    const plan = await make();
    await this.store?.save("plan", encode(plan));
    return plan;
  }

  async fitted(layer: Layer, position: number): Promise<FittedLayer | undefined> {
    const saved = await this.store?.load(`layer${position}`);
    const known = saved && decode(saved);
    if (typeof known !== "object" || known === null || !("id" in known) || known.id !== layer.id) return undefined;
    const { packed, absorbed, sqnrDb } = known as unknown as FittedLayer; // our own file, keyed by the job's hash
    return { layer, packed, absorbed, sqnrDb };
  }

  async keep({ layer, packed, absorbed, sqnrDb }: FittedLayer, position: number): Promise<void> {
    await this.store?.save(`layer${position}`, encode({ id: layer.id, packed, absorbed, sqnrDb }));
  }

  async done(): Promise<void> { await this.store?.clear(); }
}

/** What the plan keeps of a choice. */
export type StoredChoice = Pick<RatedCandidate, "method" | "options" | "bytes" | "loss"> & { id: string };
