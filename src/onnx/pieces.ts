import type { ByteSource } from "./bytes";
import { type Piece, pieceLength } from "./patch";

/** Pieces in order as a file. */
export class PieceSource implements ByteSource {
  readonly size: number;
  /** Where each piece begins. */
  private readonly starts: number[] = [];

  constructor(private readonly pieces: readonly Piece[]) {
    let at = 0;
    for (const piece of pieces) {
      this.starts.push(at);
      at += pieceLength(piece);
    }
    this.size = at;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const first = this.pieceAt(offset), within = offset - this.starts[first];
    if (length === 0 || within + length <= pieceLength(this.pieces[first])) return readPiece(this.pieces[first], within, length);
    const bytes = new Uint8Array(length);
    for (let piece = first, at = 0; at < length; piece++) {
      const skipped = piece === first ? within : 0, part = Math.min(pieceLength(this.pieces[piece]) - skipped, length - at);
      bytes.set(await readPiece(this.pieces[piece], skipped, part), at);
      at += part;
    }
    return bytes;
  }

  /** The last piece that begins at `offset` or before. */
  private pieceAt(offset: number): number {
    let low = 0, high = this.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.starts[middle] <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

const readPiece = async (piece: Piece, offset: number, length: number): Promise<Uint8Array> =>
  (piece instanceof Uint8Array ? piece.subarray(offset, offset + length) : piece.source.read(piece.start + offset, length));
