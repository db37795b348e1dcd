import { throwIfCancelled } from "../protocol/errors";
import type { ByteSink, ByteSource } from "./bytes";
import { type FileRange, type Span, textField, varint } from "./wire";

/** Bytes to be written: in memory, or a range of a source that is copied when its turn comes. */
export type Piece = Uint8Array | { source: ByteSource; start: number; end: number };

export const pieceLength = (piece: Piece): number => (piece instanceof Uint8Array ? piece.length : piece.end - piece.start);
export const piecesLength = (pieces: readonly Piece[]): number => pieces.reduce((sum, piece) => sum + pieceLength(piece), 0);

interface Splice { message: Span | undefined; start: number; end: number; pieces: Piece[]; depth: number; order: number }

const CHUNK = 1 << 22;

const depthOf = (span: Span | undefined): number => {
  let depth = 0;
  for (let at = span; at; at = at.parent) depth++;
  return depth;
};

/** Changes to a file of nested messages: ranges of it get other bytes, and the lengths of all messages around them follow. */
export class Patch {
  private readonly splices: Splice[] = [];
  constructor(readonly source: ByteSource) {}

  /**
   * Puts `pieces` in place of the bytes [start, end) of the content of `message` (undefined: of the file itself).
   * Insertions at one offset come out in the order in which they were made; what lies inside a range that is replaced as a whole is dropped.
   */
  replace(message: Span | undefined, start: number, end: number, pieces: Piece[] = []): void {
    this.splices.push({ message, start, end, pieces, depth: depthOf(message), order: this.splices.length });
  }

  insert(message: Span | undefined, at: number, pieces: Piece[]): void { this.replace(message, at, at, pieces); }

  /** Puts `pieces` in place of a whole field, tag included. */
  replaceField(field: Span, pieces: Piece[] = []): void { this.replace(field.parent, field.tag, field.end, pieces); }

  /** The new file. */
  pieces(): Piece[] {
    const splices = this.outermost();
    splices.push(...this.newLengths(splices));
    splices.sort(inFileOrder);
    const pieces: Piece[] = [];
    let at = 0;
    const copyUntil = (end: number) => {
      if (end > at) pieces.push({ source: this.source, start: at, end });
    };
    for (const { start, end, pieces: added } of splices) {
      copyUntil(start);
      pieces.push(...added);
      at = end;
    }
    copyUntil(this.source.size);
    return pieces;
  }

  /** Changes that do not lie within others, in file order. */
  private outermost(): Splice[] {
    let at = 0;
    return [...this.splices].sort(inFileOrder).filter(({ start, end }) => {
      if (start < at) return false;
      at = end;
      return true;
    });
  }

  /** The length prefixes that change with the content of their messages, innermost first. */
  private newLengths(splices: readonly Splice[]): Splice[] {
    const growth = new Map<Span, number>(), byDepth: Span[][] = [];
    const grow = (span: Span | undefined, bytes: number) => {
      if (!span) return;
      if (!growth.has(span)) (byDepth[depthOf(span)] ??= []).push(span);
      growth.set(span, (growth.get(span) ?? 0) + bytes);
    };
    for (const { message, start, end, pieces } of splices) {
      // every message around has to be visited, even by a change that keeps its length
      for (let span = message; span; span = span.parent) grow(span, 0);
      grow(message, piecesLength(pieces) - (end - start));
    }
    const lengths: Splice[] = [];
    for (let depth = byDepth.length - 1; depth > 0; depth--) {
      for (const span of byDepth[depth] ?? []) {
        const bytes = growth.get(span) ?? 0;
        if (bytes === 0) continue;
        const prefix = varint(span.end - span.start + bytes);
        lengths.push({ message: span.parent, start: span.prefix, end: span.start, pieces: [prefix], depth: depth - 1, order: 0 });
        grow(span.parent, bytes + prefix.length - (span.start - span.prefix));
      }
    }
    return lengths;
  }
}

/** Gives a repeated text field of a message new values, where its fields lie now. */
export function patchTexts(patch: Patch, message: Span, field: number, ranges: readonly FileRange[], texts: readonly string[]): void {
  patch.insert(message, ranges[0]?.start ?? message.start, texts.map((text) => textField(field, text)));
  for (const { start, end } of ranges) patch.replace(message, start, end);
}

/** By offset; insertions before what is replaced there, and at the end of an inner message before what follows it. */
const inFileOrder = (a: Splice, b: Splice): number =>
  a.start - b.start || Number(a.end > a.start) - Number(b.end > b.start) || b.depth - a.depth || a.order - b.order;

/** Writes pieces in order, ranges in chunks. @returns bytes written */
export async function writePieces(pieces: readonly Piece[], sink: ByteSink, signal?: AbortSignal): Promise<number> {
  let written = 0;
  for (const piece of pieces) {
    throwIfCancelled(signal);
    if (piece instanceof Uint8Array) await sink.write(piece);
    else for (let at = piece.start; at < piece.end; at += CHUNK) {
      throwIfCancelled(signal);
      await sink.write(await piece.source.read(at, Math.min(CHUNK, piece.end - at)));
    }
    written += pieceLength(piece);
  }
  return written;
}

/** All pieces in one array. */
export async function joinPieces(pieces: readonly Piece[]): Promise<Uint8Array> {
  const all = new Uint8Array(piecesLength(pieces));
  let at = 0;
  await writePieces(pieces, {
    async write(bytes) {
      all.set(bytes, at);
      at += bytes.length;
    },
  });
  return all;
}
