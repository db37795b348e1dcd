import type { ByteSource } from "./bytes";
import type { ModelEdit } from "./edit";
import type { Model } from "./model";
import { PieceSource } from "./pieces";
import { readModel } from "./reader";

/** Bytes in memory as a file. */
export const memorySource = (bytes: Uint8Array): ByteSource => ({ size: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) });

/** The edited model as one of its own. What is not changed is read from the first one's file when it is asked for, so that no weight is held for it. */
export const editedModel = (edit: ModelEdit): Promise<Model> => readModel(new PieceSource(edit.pieces()), edit.model.external);
