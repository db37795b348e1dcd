let shared = new ArrayBuffer(0);

/** Zeros for what only sizes are asked of: one memory for all that need no more at once. Not to be written to. */
export function zeroBytes(length: number): Uint8Array<ArrayBuffer> {
  if (shared.byteLength < length) shared = new ArrayBuffer(length);
  return new Uint8Array(shared, 0, length);
}
