// @ts-nocheck: AssemblyScript.

/** Maps [channels, height, width] of unsigned 8 bits as int16 less their zero, two channels side by side, with pads of 0 around: [pairs of channels, paddedHeight, paddedWidth, 2]. */
export function widen(x: usize, channels: i32, height: i32, width: i32, top: i32, left: i32, paddedHeight: i32, paddedWidth: i32, zero: i32, out: usize): void {
  const pairs = (channels + 1) >> 1, plane = <usize>(height * width), line = (<usize>paddedWidth) << 2;
  memory.fill(out, 0, <usize>(pairs * paddedHeight) * line);
  for (let c = 0; c < channels; c++) {
    let from = x + <usize>c * plane;
    for (let y = 0; y < height; y++) {
      let to = out + <usize>((c >> 1) * paddedHeight + y + top) * line + ((<usize>left) << 2) + ((<usize>c & 1) << 1);
      for (let i = 0; i < width; i++, from++, to += 4) store<i16>(to, <i16>(<i32>load<u8>(from) - zero));
    }
  }
}

/**
 * Sums of products of int16 in int32, out[count, 8·blocks]: pair k of a position's inputs lies at x + positions[i] + offsets[k], its weights are w[blocks, pairs, 8, 2]. count is a multiple of 4.
 */
export function products16(x: usize, positions: usize, count: i32, offsets: usize, pairs: i32, w: usize, blocks: i32, out: usize): void {
  const outBytes = (<usize>blocks) << 5, last = offsets + ((<usize>pairs) << 2);
  for (let b = 0; b < blocks; b++) {
    const block = w + <usize>b * ((<usize>pairs) << 5), column = out + ((<usize>b) << 5);
    for (let i = 0; i < count; i += 4) {
      const at = positions + ((<usize>i) << 2), r0 = x + <usize>load<i32>(at), r1 = x + <usize>load<i32>(at, 4), r2 = x + <usize>load<i32>(at, 8), r3 = x + <usize>load<i32>(at, 12);
      let a0 = i32x4.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
      let weights = block;
      for (let o = offsets; o < last; o += 4, weights += 32) {
        const k = <usize>load<i32>(o), low = v128.load(weights), high = v128.load(weights, 16);
        let v = v128.load32_splat(r0 + k);
        a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v, low));
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v, high));
        v = v128.load32_splat(r1 + k);
        b0 = i32x4.add(b0, i32x4.dot_i16x8_s(v, low));
        b1 = i32x4.add(b1, i32x4.dot_i16x8_s(v, high));
        v = v128.load32_splat(r2 + k);
        c0 = i32x4.add(c0, i32x4.dot_i16x8_s(v, low));
        c1 = i32x4.add(c1, i32x4.dot_i16x8_s(v, high));
        v = v128.load32_splat(r3 + k);
        d0 = i32x4.add(d0, i32x4.dot_i16x8_s(v, low));
        d1 = i32x4.add(d1, i32x4.dot_i16x8_s(v, high));
      }
      const to = column + <usize>i * outBytes;
      v128.store(to, a0); v128.store(to, a1, 16);
      v128.store(to + outBytes, b0); v128.store(to + outBytes, b1, 16);
      v128.store(to + 2 * outBytes, c0); v128.store(to + 2 * outBytes, c1, 16);
      v128.store(to + 3 * outBytes, d0); v128.store(to + 3 * outBytes, d1, 16);
    }
  }
}

/** Sums of one channel's map, widened as above, under one kernel of int16: out[oh·ow]. */
export function depthwise(x: usize, paddedWidth: i32, w: usize, kh: i32, kw: i32, sh: i32, sw: i32, dh: i32, dw: i32, oh: i32, ow: i32, out: usize): void {
  const step = (<usize>sw) << 2, apart = (<usize>dw) << 2;
  let to = out;
  for (let oy = 0; oy < oh; oy++) {
    let corner = x + ((<usize>(oy * sh * paddedWidth)) << 2);
    for (let ox = 0; ox < ow; ox++, to += 4, corner += step) {
      let sum = 0, taps = w;
      for (let a = 0; a < kh; a++) {
        let at = corner + ((<usize>(a * dh * paddedWidth)) << 2);
        for (let b = 0; b < kw; b++, at += apart, taps += 2) sum += <i32>load<i16>(at) * <i32>load<i16>(taps);
      }
      store<i32>(to, sum);
    }
  }
}

/** a·b/2³¹, rounded, halves up; the one product that does not fit saturates (gemmlowp's SaturatingRoundingDoublingHighMul). */
@inline
function highProduct(a: i32, b: i32): i32 {
  if (a == b && a == i32.MIN_VALUE) return i32.MAX_VALUE;
  return <i32>((<i64>a * <i64>b + (1 << 30)) >> 31);
}

/** x/2^n, rounded, halves away from zero (gemmlowp's RoundingDivideByPOT). */
@inline
function shiftDown(x: i32, n: i32): i32 {
  const mask = <i32>((<i64>1 << n) - 1), rest = x & mask;
  return (x >> n) + (rest > (mask >> 1) + (x < 0 ? 1 : 0) ? 1 : 0);
}

/** x·m0·2^shift/2³¹: the left shift saturates. */
export function scaleInteger(x: i32, m0: i32, shift: i32): i32 {
  if (shift <= 0) return shiftDown(highProduct(x, m0), -shift);
  const wide = <i64>x << shift;
  return highProduct(<i32>(wide > <i64>i32.MAX_VALUE ? <i64>i32.MAX_VALUE : wide < <i64>i32.MIN_VALUE ? <i64>i32.MIN_VALUE : wide), m0);
}

/** Sums [count, stride] to unsigned 8 bits [channels, size] at their place: (sum + bias)·m0·2^shift/2³¹ + zero for each channel, saturated. */
export function requantize(sums: usize, count: i32, channels: i32, stride: i32, bias: usize, m0: usize, shift: usize, zero: i32, out: usize, size: i32): void {
  for (let c = 0; c < channels; c++) {
    const at = (<usize>c) << 2, b = load<i32>(bias + at), m = load<i32>(m0 + at), s = load<i32>(shift + at);
    const to = out + <usize>(c * size);
    let from = sums + at;
    for (let i = 0; i < count; i++, from += (<usize>stride) << 2) {
      const v = scaleInteger(load<i32>(from) + b, m, s) + zero;
      store<u8>(to + <usize>i, <u8>(v < 0 ? 0 : v > 255 ? 255 : v));
    }
  }
}
