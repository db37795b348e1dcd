import type { ByteSink } from "./bytes";
import type { Patch, Piece } from "./patch";
import { fieldOf, TENSOR } from "./schema";
import { externalRange, type Tensor, type TensorHome } from "./tensor";
import { intField, lenField, lenHeader, type Span, textField } from "./wire";

/** What becomes of tensors in external files when a model is written: they come into the model, or into one new external file. */

/** Offsets of large tensors in external files are multiples of this, so that they can be mapped into memory. */
const PAGE = 4096, LARGE = 1 << 20;

function dropExternalFields(span: Span, tensor: Tensor, patch: Patch): void {
  for (const { start, end } of tensor.externalFields) patch.replace(span, start, end);
}

/** Puts the elements of external tensors into the model as raw_data. */
export async function inlineExternal(home: TensorHome, tensors: Iterable<Tensor>, patch: Patch): Promise<void> {
  for (const tensor of tensors) {
    if (tensor.storage.kind !== "external" || !tensor.span) continue;
    const { source, start, length } = await externalRange(home, tensor);
    dropExternalFields(tensor.span, tensor, patch);
    patch.insert(tensor.span, tensor.span.end, [lenHeader(fieldOf(TENSOR.raw), length), { source, start, end: start + length }]);
  }
}

/** Points external tensors to one new file. @returns what that file consists of */
export async function moveExternal(home: TensorHome, tensors: Iterable<Tensor>, location: string, patch: Patch): Promise<Piece[]> {
  const pieces: Piece[] = [], offsets = new Map<string, number>();
  let size = 0;
  for (const tensor of tensors) {
    if (tensor.storage.kind !== "external" || !tensor.span) continue;
    const { source, start, length } = await externalRange(home, tensor);
    const key = `${tensor.storage.location}:${start}:${length}`;
    let offset = offsets.get(key);
    if (offset === undefined) {
      const gap = length >= LARGE ? (PAGE - size % PAGE) % PAGE : 0;
      if (gap) pieces.push(new Uint8Array(gap));
      pieces.push({ source, start, end: start + length });
      offsets.set(key, offset = size + gap);
      size = offset + length;
    }
    dropExternalFields(tensor.span, tensor, patch);
    const entry = (name: string, value: string) => lenField(fieldOf(TENSOR.external), textField(1, name), textField(2, value));
    patch.insert(tensor.span, tensor.span.end, [entry("location", location), entry("offset", String(offset)), entry("length", String(length)), intField(fieldOf(TENSOR.location), 1)]);
  }
  return pieces;
}

/** Where external tensors go: they stay in the files they are in, come into the model, or go to one new file beside it. */
export type ExternalTarget = "keep" | "inline" | { location: string; sink: ByteSink };
