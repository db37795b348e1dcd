import { isCodebook } from "../methods/codebook";
import { methods } from "../methods/registry";
import type { PackedWeight, ScaleStorage } from "../methods/method";
import type { GridCodes } from "../numeric/grid";
import type { Layer } from "../onnx/layers";
import { isDevice } from "../protocol/api";
import type { TrainingState } from "../training/trainer";
import type { TunerState } from "../training/tuner";
import type { Books } from "./books";
import type { FittedLayer, LayerChoice } from "./fit";
import type { LooseState, TuningCheckpoint } from "./tune";
import type { OwnVector } from "./follow";
import type { RatedCandidate } from "./sensitivity";

/** Keeps what a job has finished, so that a killed one goes on. */
export interface CheckpointStore {
  load(key: string): Promise<Uint8Array | undefined>;
  /** Whole or not at all. */
  save(key: string, value: Uint8Array): Promise<void>;
  /** Forgets everything once the job is done. */
  clear(): Promise<void>;
}

const ARRAYS = { Float32Array, Float64Array, Int32Array, Uint8Array, Uint16Array, Uint32Array } as const;
type ArrayName = keyof typeof ARRAYS;
const isArrayName = (name: string): name is ArrayName => name in ARRAYS;

/** Plain data with typed arrays inside as bytes: a JSON head with places, then the arrays; after `room` bytes for whatever the caller puts before. */
export function encode(value: unknown, room = 0): Uint8Array {
  const parts: Uint8Array[] = [];
  let length = 0;
  const head = new TextEncoder().encode(JSON.stringify(value, (_key, v: unknown) => {
    if (!ArrayBuffer.isView(v)) return typeof v === "number" && !Number.isFinite(v) ? { $number: String(v) } : v;
    const bytes = new Uint8Array(v.buffer, v.byteOffset, v.byteLength), padding = (8 - bytes.length % 8) % 8;
    const place = { $array: v.constructor.name, at: length, bytes: bytes.length };
    parts.push(bytes, new Uint8Array(padding));
    length += bytes.length + padding;
    return place;
  }));
  const offset = (4 + head.length + 7) & ~7, all = new Uint8Array(room + offset + length);
  new DataView(all.buffer).setUint32(room, head.length, true);
  all.set(head, room + 4);
  let at = room + offset;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The inverse of {@link encode}; undefined for bytes that it did not write. */
export function decode(bytes: Uint8Array): unknown {
  try {
    return decodeWhole(bytes);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return undefined;
    throw error;
  }
}

function decodeWhole(bytes: Uint8Array): unknown {
  if (bytes.length < 4) return undefined;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true), offset = (4 + length + 7) & ~7;
  if (offset > bytes.length) return undefined;
  let whole = true;
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)), (_key, v: unknown) => {
    if (typeof v !== "object" || v === null) return v;
    if ("$number" in v) return Number(v.$number);
    if (!("$array" in v && "at" in v && "bytes" in v)) return v;
    const { $array: name, at, bytes: size } = v;
    if (typeof name !== "string" || !isArrayName(name) || typeof at !== "number" || typeof size !== "number" || offset + at + size > bytes.length) {
      whole = false;
      return undefined;
    }
    return new ARRAYS[name](new Uint8Array(bytes.subarray(offset + at, offset + at + size)).buffer); // Node's Buffer would slice without copying
  });
  return whole ? value : undefined;
}

/** What the plan keeps of a choice. */
export type StoredChoice = Pick<RatedCandidate, "method" | "options" | "bytes" | "noise" | "loss"> & { id: string };
/** What planning came to; `slope` how many predictions flip for a loss, flips ÷ √loss, by what ratings saw. */
export interface StoredPlan { slope?: number; choices: StoredChoice[]; shared?: StoredSharing; notes: string[] }
/** The same with codebooks in common, and what that is worth beside their loss. */
export interface StoredSharing { choices: StoredChoice[]; worth: number }

/** Layers as they were fitted at first, with codebooks in common, again and again, and to a network that has been trained. */
export type Round = "layer" | `shared${number}-` | "again";

const SEAL_BYTES = 32, WRITING = "writing";

/** Whether an earlier run of the job came as far as to write this output, so that a file in its place may be its result. */
export async function wasWriting(store: CheckpointStore | undefined, output: string): Promise<boolean> {
  const bytes = await store?.load(WRITING);
  return bytes !== undefined && decode(bytes.subarray(SEAL_BYTES)) === output;
}

/**
 * The plan and the layers of one job. Whatever was not written whole by the same program for the same data is as good as not there:
 * every entry is sealed with a hash over itself and `stamp`, and then still checked against the model.
 */
export class JobRecord {
  private failure: string | undefined;
  private readonly stamp: Uint8Array;
  /** Plans may be carried out one after the other; each has layers of its own. */
  private attempt = 0;

  /** @param stamp what decides the results beside the store's key */
  constructor(private readonly store: CheckpointStore | undefined, stamp: string) { this.stamp = new TextEncoder().encode(stamp); }

  /** Of one way to carry the job out, among several. */
  within(way: string): JobRecord {
    const { store } = this, inner: CheckpointStore | undefined = store && { load: (key) => store.load(`${way}-${key}`), save: (key, value) => store.save(`${way}-${key}`, value), clear: () => store.clear() };
    return new JobRecord(inner, new TextDecoder().decode(this.stamp));
  }

  /** Why nothing could be kept, if so: no reason to stop a job. */
  get problem(): string | undefined { return this.failure; }

  /** A plan, as an earlier run made it or as `make` makes it; the layers that follow are its. */
  async plan(attempt: number, layers: readonly Layer[], make: () => Promise<StoredPlan>): Promise<StoredPlan> {
    this.attempt = attempt;
    const name = `plan${attempt}`, known = await this.load(name);
    if (isPlan(known, layers)) return known;
    const plan = await make();
    await this.save(name, plan);
    return plan;
  }

  /** The layer as an earlier run left it, if that is what the plan says now. */
  async fitted(layer: Layer, position: number, choice: { method: string; options: object }, round: Round = "layer"): Promise<FittedLayer | undefined> {
    const known = await this.load(this.nameOf(position, round));
    if (!isRecord(known) || known.id !== layer.id) return undefined;
    const { packed, absorbed, sqnrDb } = known;
    if (!isPacked(packed, layer, choice) || !isAbsorbed(absorbed, layer) || typeof sqnrDb !== "number") return undefined;
    return { layer, packed, absorbed, sqnrDb };
  }

  private nameOf(position: number, round: Round): string { return `${round}${this.attempt}-${position}`; }

  /** Codewords that layers of the plan have in common, as an earlier run learned them. */
  async books(sharers: ReadonlyMap<string, readonly Sharing[]>, round: Round): Promise<Books | undefined> {
    const known = await this.load(`books${this.attempt}-${round}`);
    return isBooks(known, sharers) ? new Map(known) : undefined;
  }

  async keepBooks(books: Books, round: Round): Promise<void> { await this.save(`books${this.attempt}-${round}`, [...books]); }

  /** Whether all that was to be kept is kept. */
  get isWhole(): boolean { return this.store !== undefined && this.failure === undefined; }

  async keep({ layer, packed, absorbed, sqnrDb }: FittedLayer, position: number, round: Round = "layer"): Promise<void> {
    await this.save(this.nameOf(position, round), { id: layer.id, packed, absorbed, sqnrDb });
  }

  /** Notes that the output is about to be written, see {@link wasWriting}. */
  async writing(output: string): Promise<void> { await this.save(WRITING, output); }

  /** Where a training keeps what it has come to. */
  training(layers: readonly Layer[]): TuningCheckpoint {
    const name = `training${this.attempt}`, loose = `loose${this.attempt}`;
    const read = async <T>(key: string, is: (value: unknown) => value is T): Promise<T | undefined> => {
      const known = await this.load(key);
      return is(known) ? known : undefined;
    };
    return { load: () => read(name, isTunerState), save: (state) => this.save(name, state), loadLoose: () => read(loose, (value) => isLooseState(value, layers)), saveLoose: (state) => this.save(loose, state) };
  }

  async done(): Promise<void> { await this.store?.clear().catch(() => undefined); }

  private async load(key: string): Promise<unknown> {
    const bytes = await this.store?.load(key);
    if (!bytes || bytes.length < SEAL_BYTES) return undefined;
    const content = bytes.subarray(SEAL_BYTES), seal = await this.sealOf(content);
    return seal.every((byte, i) => byte === bytes[i]) ? decode(content) : undefined;
  }

  private async save(key: string, value: unknown): Promise<void> {
    if (!this.store || this.failure !== undefined) return;
    const bytes = encode(value, SEAL_BYTES);
    bytes.set(await this.sealOf(bytes.subarray(SEAL_BYTES)));
    try {
      await this.store.save(key, bytes);
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error);
    }
  }

  private async sealOf(content: Uint8Array): Promise<Uint8Array> {
    const inner = new Uint8Array(await crypto.subtle.digest("SHA-256", content as Uint8Array<ArrayBuffer>)), all = new Uint8Array(inner.length + this.stamp.length);
    all.set(inner);
    all.set(this.stamp, inner.length);
    return new Uint8Array(await crypto.subtle.digest("SHA-256", all));
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

/** Whether a plan chooses for layers of this model, each at most once, what their methods allow. */
function isPlan(plan: unknown, layers: readonly Layer[]): plan is StoredPlan {
  if (!isRecord(plan) || !Array.isArray(plan.notes) || !plan.notes.every((note) => typeof note === "string")) return false;
  return (plan.slope === undefined || typeof plan.slope === "number") && areChoices(plan.choices, layers) && (plan.shared === undefined || isRecord(plan.shared) && typeof plan.shared.worth === "number" && areChoices(plan.shared.choices, layers));
}

function areChoices(choices: unknown, layers: readonly Layer[]): boolean {
  const free = new Map(layers.filter(({ blocked }) => blocked === undefined).map((layer) => [layer.id, layer]));
  return Array.isArray(choices) && choices.every((choice: unknown) => {
    if (!isRecord(choice) || typeof choice.id !== "string" || ![choice.bytes, choice.noise, choice.loss].every((number) => typeof number === "number")) return false;
    const layer = free.get(choice.id), method = methods.find(({ id }) => id === choice.method);
    free.delete(choice.id);
    return layer !== undefined && method !== undefined && method.accepts(layer) === true && method.options.safeParse(choice.options).success;
  });
}

const isScaleStorage = (value: unknown): value is ScaleStorage => value === "half" || value === "float" || value === "one" || value === "elsewhere";

type Sharing = Pick<LayerChoice, "options">;

/** Whether these are the codewords of just these books. */
function isBooks(books: unknown, sharers: ReadonlyMap<string, readonly Sharing[]>): books is [string, GridCodes][] {
  return Array.isArray(books) && books.length === sharers.size && books.every((entry: unknown) => {
    if (!Array.isArray(entry)) return false;
    const [name, book] = entry as unknown[], options = typeof name === "string" ? sharers.get(name)?.[0]?.options : undefined;
    if (!options || !isCodebook(options) || !isRecord(book)) return false;
    return book.codes instanceof Uint8Array && book.codes.length === options.words * options.block && typeof book.step === "number" && book.bits === options.valueBits;
  });
}

/** Whether a packed weight has the form that its method gives this layer with these options. */
function isPacked(packed: unknown, layer: Layer, { method: wanted, options }: { method: string; options: object }): packed is PackedWeight {
  const method = methods.find(({ id }) => id === wanted);
  if (!method || !isRecord(packed) || !isScaleStorage(packed.scaleStorage)) return false;
  return Object.entries(method.blank(layer, options, packed.scaleStorage === "elsewhere")).every(([key, blank]: [string, unknown]) => {
    const value = packed[key];
    if (key === "scaleStorage") return true;
    if (!ArrayBuffer.isView(blank)) return JSON.stringify(value) === JSON.stringify(blank);
    return ArrayBuffer.isView(value) && value.constructor === blank.constructor && value.byteLength === blank.byteLength;
  });
}

/** Whether these are new values for constants of the layer's graph. */
function isAbsorbed(absorbed: unknown, { graph }: Layer): absorbed is OwnVector[] {
  return Array.isArray(absorbed) && absorbed.every((vector: unknown) => {
    if (!isRecord(vector) || typeof vector.name !== "string" || !(vector.values instanceof Float32Array)) return false;
    const tensor = graph.initializers.get(vector.name);
    return tensor?.count === vector.values.length && vector.type === tensor.type && JSON.stringify(vector.dims) === JSON.stringify(tensor.dims);
  });
}

const areArrays = (arrays: unknown): boolean => Array.isArray(arrays) && arrays.every((array) => array instanceof Float32Array || array instanceof Int32Array);

/** Whether this is what a training kept; its arrays are checked by the training itself. */
export function isTrainingState(value: unknown): value is TrainingState {
  return isRecord(value) && [value.step, value.steps, value.loss].every((number) => typeof number === "number") && areArrays(value.arrays);
}

const isHeld = (held: unknown): boolean => isRecord(held) && typeof held.loss === "number";

function isLooseState(value: unknown, layers: readonly Layer[]): value is LooseState {
  if (!isRecord(value)) return false;
  const { part, device, course, before, training, plan } = value;
  return (plan === undefined || areChoices(plan, layers)) && typeof part === "number" && isDevice(device) && isRecord(course) && typeof course.steps === "number" && typeof course.every === "number" && isHeld(before) && isTrainingState(training);
}

function isTunerState(value: unknown): value is TunerState {
  if (!isRecord(value) || !isTrainingState(value)) return false;
  const { best, first, device, every, lowered } = value as Record<string, unknown>;
  return isDevice(device) && typeof every === "number" && typeof lowered === "number" && isRecord(best) && typeof best.step === "number" && areArrays(best.arrays) && isHeld(best.held) && isHeld(first);
}
