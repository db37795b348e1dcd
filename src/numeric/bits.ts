/**
 * Packs codes of `bits` bits each, lowest bit first, without gaps: code i takes the bits [i·bits, (i+1)·bits) of the result.
 * @param packed takes them in, zeros so far @param first where in it code 0 stands
 */
export function packBits(codes: ArrayLike<number>, bits: number, packed = new Uint8Array(packedBytes(codes.length, bits)), first = 0): Uint8Array {
  for (let i = 0, at = first * bits; i < codes.length; i++) {
    for (let left = bits, code = codes[i]; left > 0;) {
      const room = 8 - (at & 7);
      const take = Math.min(room, left);
      packed[at >> 3] |= (code & ((1 << take) - 1)) << (at & 7);
      code >>>= take;
      at += take;
      left -= take;
    }
  }
  return packed;
}

/** The inverse of {@link packBits}. */
export function unpackBits(packed: Uint8Array, bits: number, count: number): Uint32Array {
  const codes = new Uint32Array(count);
  for (let i = 0, at = 0; i < count; i++) {
    for (let got = 0; got < bits;) {
      const take = Math.min(8 - (at & 7), bits - got);
      codes[i] |= ((packed[at >> 3] >> (at & 7)) & ((1 << take) - 1)) << got;
      at += take;
      got += take;
    }
  }
  return codes;
}

/** Bytes that `count` codes of `bits` bits take. */
export const packedBytes = (count: number, bits: number): number => Math.ceil(count * bits / 8);

/** The least b with 2^b ≥ count; 0 for a single value. */
export const bitsFor = (count: number): number => (count <= 1 ? 0 : 32 - Math.clz32(count - 1));
