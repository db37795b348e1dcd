import type { ByteSource } from "./bytes";

/** Protocol Buffers on the wire: a cursor over the fields of a message that skips what nobody asked for, and the encoders. */

export const VARINT = 0, FIXED64 = 1, LEN = 2, GROUP = 3, END_GROUP = 4, FIXED32 = 5;

/** Bytes that are not what they should be. `inside` says in words which part of the file, as far as it is known. */
export class WireError extends Error {
  inside?: string;
  /** @param at offset in the file */
  constructor(readonly kind: "truncated" | "corrupt", readonly at: number) { super(`${kind} at byte ${at}`); }

  /** Runs `work` and gives errors that come out of it a place, unless an inner one did. */
  static async placed<T>(inside: () => string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof WireError) error.inside ??= inside();
      throw error;
    }
  }
}

/** Offsets of the first byte and of the one after the last. */
export interface FileRange { start: number; end: number }

/** A length-delimited field in the file: offsets of its tag, its length prefix, its content and what follows; and the field around it. */
export interface Span { parent?: Span; tag: number; prefix: number; start: number; end: number }

/** Bytes that the field takes, tag and length included. */
export const spanBytes = (span: Span): number => span.end - span.tag;

const FIRST_READ = 4096, LONGEST_READ = 65536, LONGEST_TEXT = 1 << 28, HEADER = 20;

/** A small piece of a source held in memory; it grows while reading goes on in order and stays small where it jumps. */
export class Window {
  bytes: Uint8Array = new Uint8Array(0);
  /** Offset of the first byte held. */
  at = 0;
  private step = FIRST_READ / 2;
  constructor(readonly source: ByteSource) {}

  holds(offset: number, length: number): boolean {
    return offset >= this.at && offset + length <= this.at + this.bytes.length;
  }

  async load(offset: number, length: number): Promise<void> {
    const { size } = this.source, inOrder = offset >= this.at && offset <= this.at + this.bytes.length;
    if (offset + length > size) throw new WireError("truncated", size);
    this.step = inOrder ? Math.min(this.step * 2, LONGEST_READ) : FIRST_READ;
    this.bytes = await this.source.read(offset, Math.min(Math.max(this.step, length), size - offset));
    this.at = offset;
  }
}

const utf8 = new TextDecoder(), utf8Bytes = new TextEncoder();

/** Walks over the fields of one message. Call {@link Cursor.next}; where it returns undefined, await {@link Cursor.nextAfterRead}. */
export class Cursor {
  /** Number and wire type of the current field. */
  field = 0;
  wire = 0;
  /** Offsets: tag, length prefix (or value), content and end of the current field. */
  tag = 0;
  prefix = 0;
  start = 0;
  end = 0;
  /** Halves of the current varint or fixed number. */
  low = 0;
  high = 0;
  private groups = 0;

  constructor(readonly window: Window, private position: number, readonly limit: number) {}

  /** True if it stands on a field, false at the end, undefined where bytes have to be read first. */
  next(): boolean | undefined {
    for (;;) {
      if (this.position > this.window.source.size) throw new WireError("truncated", this.window.source.size);
      if (this.position === this.limit) {
        if (this.groups) throw new WireError("corrupt", this.position);
        return false;
      }
      if (!this.window.holds(this.position, this.headerLength())) return undefined;
      const tag = this.position;
      this.varint(tag);
      const key = this.low, wire = key & 7, field = key >>> 3, value = this.position;
      if (field === 0 || this.high !== 0) throw new WireError("corrupt", tag);
      let start = value;
      if (wire === VARINT) this.varint(value);
      else if (wire === LEN) {
        this.varint(value);
        start = this.position;
        this.position = start + this.high * 4294967296 + this.low;
      } else if (wire === FIXED64 || wire === FIXED32) this.fixed(value, wire === FIXED64 ? 8 : 4);
      else if (wire === GROUP) {
        if (this.groups++ === 0) this.tag = tag;
      } else if (wire !== END_GROUP || this.groups-- === 0) throw new WireError("corrupt", tag);
      // a length that leaves the message is damage; one that leaves the file is told of later, so that what lies inside can say where it was cut off
      if (this.position > this.limit && this.limit < this.window.source.size) throw new WireError("corrupt", tag);
      if (this.groups) continue;
      this.field = field;
      this.wire = wire === END_GROUP ? GROUP : wire;
      if (wire !== END_GROUP) this.tag = tag;
      this.prefix = value;
      this.start = start;
      this.end = this.position;
      return true;
    }
  }

  /** {@link next}, after the bytes that it lacked have been read. */
  async nextAfterRead(): Promise<boolean> {
    for (;;) {
      await this.window.load(this.position, this.headerLength());
      const found = this.next();
      if (found !== undefined) return found;
    }
  }

  private headerLength(): number {
    return Math.max(1, Math.min(HEADER, Math.min(this.limit, this.window.source.size) - this.position));
  }

  private varint(offset: number): void {
    const { bytes, at } = this.window;
    let low = 0, high = 0;
    for (let i = offset - at, shift = 0; shift < 70; shift += 7) {
      if (i >= bytes.length || i + at >= this.limit) throw this.tooShort(offset);
      const byte = bytes[i++];
      if (shift < 28) low |= (byte & 127) << shift;
      else if (shift === 28) {
        low |= (byte & 127) << 28;
        high = (byte & 127) >> 4;
      } else high |= (byte & 127) << (shift - 32);
      if (byte < 128) {
        this.low = low >>> 0;
        this.high = high >>> 0;
        this.position = i + at;
        return;
      }
    }
    throw new WireError("corrupt", offset);
  }

  private fixed(offset: number, length: 4 | 8): void {
    const { bytes, at } = this.window, i = offset - at;
    this.position = offset + length;
    if (this.position > this.limit || i + length > bytes.length) throw this.tooShort(offset);
    const view = new DataView(bytes.buffer, bytes.byteOffset + i, length);
    this.low = view.getUint32(0, true);
    this.high = length === 8 ? view.getUint32(4, true) : 0;
  }

  /** A number that ends with its message is damaged, one that ends with the file is cut off. */
  private tooShort(offset: number): WireError {
    const { size } = this.window.source;
    return this.limit < size ? new WireError("corrupt", offset) : new WireError("truncated", size);
  }

  /** Field number and wire type in one, as on the wire: what schema.ts names. */
  get key(): number { return this.field * 8 + this.wire; }

  /** The current number as int64; the nearest double beyond 2^53. */
  get int(): number { return (this.high | 0) * 4294967296 + this.low; }
  /** The current number as int64, exactly. */
  get bigint(): bigint { return BigInt.asIntN(64, (BigInt(this.high) << 32n) | BigInt(this.low)); }
  /** The current 32 bits as float. */
  get float(): number {
    word[0] = this.low;
    return wordFloat[0];
  }
  /** The current 64 bits as double. */
  get double(): number {
    word[0] = this.low;
    word[1] = this.high;
    return wordDouble[0];
  }

  /** The current length-delimited field. */
  span(parent?: Span): Span { return { parent, tag: this.tag, prefix: this.prefix, start: this.start, end: this.end }; }

  /** Adds the current field, tag included, to a list of ranges. */
  addTo(ranges: FileRange[]): void {
    const last = ranges.at(-1);
    if (last?.end === this.tag) last.end = this.end;
    else ranges.push({ start: this.tag, end: this.end });
  }

  /** Content of the current length-delimited field. Only for names and small values. */
  async bytes(): Promise<Uint8Array> {
    const length = this.end - this.start;
    if (length > LONGEST_TEXT) throw new WireError("corrupt", this.tag);
    if (!this.window.holds(this.start, length)) await this.window.load(this.start, length);
    return this.window.bytes.subarray(this.start - this.window.at, this.end - this.window.at);
  }

  /** Content of the current field as text. */
  async text(): Promise<string> { return utf8.decode(await this.bytes()); }

  /** The fields inside the current field. */
  inside(): Cursor { return new Cursor(this.window, this.start, this.end); }
}

const word = new Uint32Array(2), wordFloat = new Float32Array(word.buffer), wordDouble = new Float64Array(word.buffer);

/** A cursor over a span, in a window of its own. */
export const cursorOf = (source: ByteSource, span: { start: number; end: number }): Cursor => new Cursor(new Window(source), span.start, span.end);

/** Bytes that a varint takes. Negative numbers take ten, as int64 do. */
export function varintLength(value: number): number {
  if (value < 0) return 10;
  let length = 1;
  for (; value >= 128; value = Math.floor(value / 128)) length++;
  return length;
}

/** Encodes an integer, exact within ±2^53, as int64 varint. */
export function varint(value: number): Uint8Array {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} cannot be written exactly as an integer.`);
  const bytes = new Uint8Array(varintLength(value));
  let low = value >>> 0, high = Math.floor(value / 4294967296) >>> 0;
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = (low & 127) | (i < bytes.length - 1 ? 128 : 0);
    low = ((low >>> 7) | (high << 25)) >>> 0;
    high >>>= 7;
  }
  return bytes;
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const tagOf = (field: number, wire: number): Uint8Array => varint(field * 8 + wire);

/** Tag and length of a length-delimited field. */
export const lenHeader = (field: number, length: number): Uint8Array => concat([tagOf(field, LEN), varint(length)]);
export const lenField = (field: number, ...content: Uint8Array[]): Uint8Array =>
  concat([lenHeader(field, content.reduce((sum, part) => sum + part.length, 0)), ...content]);
export const textField = (field: number, text: string): Uint8Array => lenField(field, utf8Bytes.encode(text));
export const intField = (field: number, value: number): Uint8Array => concat([tagOf(field, VARINT), varint(value)]);
export const floatField = (field: number, value: number): Uint8Array => concat([tagOf(field, FIXED32), new Uint8Array(Float32Array.of(value).buffer)]);
