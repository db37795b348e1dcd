import type { ByteSource } from "./bytes";
import type { ModelEdit } from "./edit";
import type { Model } from "./model";
import { readModel } from "./reader";

/** Bytes in memory as a file. */
export const memorySource = (bytes: Uint8Array): ByteSource => ({ size: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) });

/** The edited model as one of its own in memory, external data inside. @throws KernelscopeError "unsupported" where it is larger than 2 GB */
export async function editedModel(edit: ModelEdit): Promise<Model> {
  const bytes = new Uint8Array(edit.size());
  let at = 0;
  await edit.write({ write: async (piece) => { bytes.set(piece, at); at += piece.length; } }, { external: "inline" });
  return readModel(memorySource(bytes.subarray(0, at)));
}
