import type { ByteSink } from "./bytes";
import { tensorParts, type TensorData } from "./encode";
import { type Patch, type Piece, pieceLength } from "./patch";
import { fieldOf, TENSOR } from "./schema";
import { externalRange, rawBytes, type Tensor, type TensorHome } from "./tensor";
import { intField, lenField, lenHeader, type Span, textField } from "./wire";

/** What becomes of tensors in external files when a model is written: they come into the model, or into one new external file. */

/** Offsets of large tensors in external files are multiples of this, so that they can be mapped into memory. */
const PAGE = 4096, LARGE = 1 << 20;

function dropExternalFields(span: Span, tensor: Tensor, patch: Patch): void {
  for (const { start, end } of tensor.externalFields) patch.replace(span, start, end);
}

function inline(tensor: Tensor, span: Span, elements: Piece, patch: Patch): void {
  dropExternalFields(span, tensor, patch);
  patch.insert(span, span.end, [lenHeader(fieldOf(TENSOR.raw), pieceLength(elements)), elements]);
}

/** Puts the elements of external tensors into the model as raw_data. */
export async function inlineExternal(home: TensorHome, tensors: Iterable<Tensor>, patch: Patch): Promise<void> {
  for (const tensor of tensors) {
    if (tensor.storage.kind !== "external" || !tensor.span) continue;
    const { source, start, length } = await externalRange(home, tensor);
    inline(tensor, tensor.span, { source, start, end: start + length }, patch);
  }
}

/** The same for sizes alone: the external file is not opened, and the pieces cannot be written. */
export function inlineBlank(tensors: Iterable<Tensor>, patch: Patch): void {
  for (const tensor of tensors) {
    if (tensor.storage.kind === "external" && tensor.span) inline(tensor, tensor.span, { source: patch.source, start: 0, end: rawBytes(tensor.type, tensor.count) }, patch);
  }
}

/** A new external file that is put together. */
export class ExternalFile {
  readonly pieces: Piece[] = [];
  private size = 0;
  private readonly offsets = new Map<string, number>();

  constructor(private readonly location: string) {}

  /** Takes bytes in, once where several ask under one `key`. @returns the fields of a tensor that has them */
  add(piece: Piece, key?: string): Uint8Array[] {
    const length = pieceLength(piece);
    let offset = key === undefined ? undefined : this.offsets.get(key);
    if (offset === undefined) {
      const gap = length >= LARGE ? (PAGE - this.size % PAGE) % PAGE : 0;
      if (gap) this.pieces.push(new Uint8Array(gap));
      this.pieces.push(piece);
      offset = this.size + gap;
      if (key !== undefined) this.offsets.set(key, offset);
      this.size = offset + length;
    }
    const entry = (name: string, value: string) => lenField(fieldOf(TENSOR.external), textField(1, name), textField(2, value));
    return [entry("location", this.location), entry("offset", String(offset)), entry("length", String(length)), intField(fieldOf(TENSOR.location), 1)];
  }
}

/** Parts of a new tensor; the elements of a large one go to the external file where there is one. */
export function partsOf(data: TensorData, file?: ExternalFile): Uint8Array[] {
  const { raw } = data;
  return file && raw && raw.length >= LARGE ? [...tensorParts({ ...data, raw: undefined }), ...file.add(raw)] : tensorParts(data);
}

/** Points external tensors to a new file. */
export async function moveExternal(home: TensorHome, tensors: Iterable<Tensor>, file: ExternalFile, patch: Patch): Promise<void> {
  for (const tensor of tensors) {
    if (tensor.storage.kind !== "external" || !tensor.span) continue;
    const { source, start, length } = await externalRange(home, tensor);
    dropExternalFields(tensor.span, tensor, patch);
    patch.insert(tensor.span, tensor.span.end, file.add({ source, start, end: start + length }, `${tensor.storage.location}:${start}:${length}`));
  }
}

/** Where external tensors go: they stay in the files they are in, come into the model, or go to one new file beside it, large new ones too. */
export type ExternalTarget = "keep" | "inline" | { location: string; sink: ByteSink };
