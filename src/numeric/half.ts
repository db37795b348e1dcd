const toFloat = new Float32Array(65536);
for (let code = 0; code < 65536; code++) {
  const exponent = (code >> 10) & 31, fraction = code & 1023;
  const size = exponent === 31 ? (fraction ? NaN : Infinity) : exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
  toFloat[code] = code & 0x8000 ? -size : size;
}

/** The value of an IEEE half-precision code. */
export const halfToFloat = (code: number): number => toFloat[code];

/** Values of half-precision codes. */
export function halvesToFloats(codes: Uint16Array): Float32Array {
  const values = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i++) values[i] = toFloat[codes[i]];
  return values;
}

const word = new Float32Array(1), wordBits = new Uint32Array(word.buffer);

/** The nearest half-precision code, ties to even; beyond the range it is infinite. */
export function floatToHalf(value: number): number {
  word[0] = value;
  const x = wordBits[0], sign = (x >>> 16) & 0x8000, size = x & 0x7fffffff;
  if (size > 0x7f800000) return sign | 0x7e00;
  if (size >= 0x477ff000) return sign | 0x7c00;
  if (size < 0x38800000) {
    // subnormal: round value·2^24 to an integer, ties to even
    const scaled = Math.abs(word[0]) * 16777216, low = Math.floor(scaled), rest = scaled - low;
    return sign | (low + (rest > 0.5 || (rest === 0.5 && low & 1) ? 1 : 0));
  }
  return sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13);
}

/** The bfloat16 code nearest to a value, ties to even. */
export function floatToBrain(value: number): number {
  word[0] = value;
  if (Number.isNaN(value)) return 0x7fc0;
  return ((wordBits[0] + 0x7fff + ((wordBits[0] >>> 16) & 1)) >>> 16) & 0xffff;
}
