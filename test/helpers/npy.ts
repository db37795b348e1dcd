/** An array as a NumPy file. */
export function npy(dims: readonly number[], data: Uint8Array | Float32Array): Buffer {
  const header = `{'descr': '${data instanceof Uint8Array ? "|u1" : "<f4"}', 'fortran_order': False, 'shape': (${dims.join(", ")},), }`.padEnd(117) + "\n";
  return Buffer.concat([Buffer.from("\x93NUMPY\x01\0", "latin1"), Buffer.from([header.length & 255, header.length >> 8]), Buffer.from(header, "latin1"), Buffer.from(data.buffer, data.byteOffset, data.byteLength)]);
}
