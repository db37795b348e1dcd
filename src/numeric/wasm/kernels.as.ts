// Hot loops on raw memory. Lanes never mix across results and relaxed SIMD is not used, so every machine computes the same bits.

// @ts-nocheck: AssemblyScript.

/**
 * For each of n points [n, d], the nearest of `words` codewords by ½‖c‖² − x·c, first one on ties.
 * book is [d, words] with words a multiple of 4 and half[words] = ½‖c‖² (Infinity for padding).
 * Writes the index and the score; the squared distance is ‖x‖² + 2·score.
 */
export function nearest(points: usize, n: i32, d: i32, book: usize, half: usize, words: i32, index: usize, score: usize): void {
  const stride = (<usize>words) << 2;
  const rowBytes = (<usize>d) << 2;
  let p = 0;
  for (; p + 4 <= n; p += 4) {
    const x0 = points + <usize>p * rowBytes, x1 = x0 + rowBytes, x2 = x1 + rowBytes, x3 = x2 + rowBytes;
    let best0 = f32x4.splat(Infinity), best1 = best0, best2 = best0, best3 = best0;
    let at0 = i32x4.splat(0), at1 = at0, at2 = at0, at3 = at0;
    let lane = i32x4(0, 1, 2, 3);
    const four = i32x4.splat(4);
    for (let w = 0; w < words; w += 4) {
      const offset = (<usize>w) << 2;
      const h = v128.load(half + offset);
      let s0 = h, s1 = h, s2 = h, s3 = h;
      let c = book + offset;
      for (let j: usize = 0; j < rowBytes; j += 4) {
        const v = v128.load(c);
        s0 = f32x4.sub(s0, f32x4.mul(v, v128.load_splat<f32>(x0 + j)));
        s1 = f32x4.sub(s1, f32x4.mul(v, v128.load_splat<f32>(x1 + j)));
        s2 = f32x4.sub(s2, f32x4.mul(v, v128.load_splat<f32>(x2 + j)));
        s3 = f32x4.sub(s3, f32x4.mul(v, v128.load_splat<f32>(x3 + j)));
        c += stride;
      }
      const m0 = f32x4.lt(s0, best0), m1 = f32x4.lt(s1, best1), m2 = f32x4.lt(s2, best2), m3 = f32x4.lt(s3, best3);
      best0 = v128.bitselect(s0, best0, m0); at0 = v128.bitselect(lane, at0, m0);
      best1 = v128.bitselect(s1, best1, m1); at1 = v128.bitselect(lane, at1, m1);
      best2 = v128.bitselect(s2, best2, m2); at2 = v128.bitselect(lane, at2, m2);
      best3 = v128.bitselect(s3, best3, m3); at3 = v128.bitselect(lane, at3, m3);
      lane = i32x4.add(lane, four);
    }
    pick(best0, at0, index + ((<usize>p) << 2), score + ((<usize>p) << 2));
    pick(best1, at1, index + ((<usize>p + 1) << 2), score + ((<usize>p + 1) << 2));
    pick(best2, at2, index + ((<usize>p + 2) << 2), score + ((<usize>p + 2) << 2));
    pick(best3, at3, index + ((<usize>p + 3) << 2), score + ((<usize>p + 3) << 2));
  }
  for (; p < n; p++) nearestOne(points + <usize>p * rowBytes, rowBytes, book, stride, half, words, index + ((<usize>p) << 2), score + ((<usize>p) << 2));
}

function nearestOne(x: usize, rowBytes: usize, book: usize, stride: usize, half: usize, words: i32, index: usize, score: usize): void {
  let best = f32x4.splat(Infinity), at = i32x4.splat(0), lane = i32x4(0, 1, 2, 3);
  for (let w = 0; w < words; w += 4) {
    const offset = (<usize>w) << 2;
    let s = v128.load(half + offset);
    let c = book + offset;
    for (let j: usize = 0; j < rowBytes; j += 4) {
      s = f32x4.sub(s, f32x4.mul(v128.load(c), v128.load_splat<f32>(x + j)));
      c += stride;
    }
    const m = f32x4.lt(s, best);
    best = v128.bitselect(s, best, m);
    at = v128.bitselect(lane, at, m);
    lane = i32x4.add(lane, i32x4.splat(4));
  }
  pick(best, at, index, score);
}

/** The least of four lanes, the lowest index on ties. */
// @ts-ignore: decorator
@inline
function pick(best: v128, at: v128, index: usize, score: usize): void {
  let b = f32x4.extract_lane(best, 0), a = i32x4.extract_lane(at, 0);
  let v = f32x4.extract_lane(best, 1), i = i32x4.extract_lane(at, 1);
  if (v < b || (v == b && i < a)) { b = v; a = i; }
  v = f32x4.extract_lane(best, 2); i = i32x4.extract_lane(at, 2);
  if (v < b || (v == b && i < a)) { b = v; a = i; }
  v = f32x4.extract_lane(best, 3); i = i32x4.extract_lane(at, 3);
  if (v < b || (v == b && i < a)) { b = v; a = i; }
  store<i32>(index, a);
  store<f32>(score, b);
}

/** sums[words, d] += weight·x and mass[words] += weight, both float64; weights may be 0 for all ones. */
export function gather(points: usize, n: i32, d: i32, index: usize, weights: usize, sums: usize, mass: usize): void {
  for (let p = 0; p < n; p++) {
    const x = points + ((<usize>p * d) << 2);
    const c = load<i32>(index + ((<usize>p) << 2));
    const w: f64 = weights ? load<f32>(weights + ((<usize>p) << 2)) : 1;
    const s = sums + ((<usize>c * d) << 3);
    for (let j = 0; j < d; j++) {
      const t = s + ((<usize>j) << 3);
      store<f64>(t, load<f64>(t) + w * load<f32>(x + ((<usize>j) << 2)));
    }
    store<f64>(mass + ((<usize>c) << 3), load<f64>(mass + ((<usize>c) << 3)) + w);
  }
}

/** y[0..n) += a·x[0..n) */
// @ts-ignore: decorator
@inline
function axpy(a: f32, x: usize, y: usize, n: i32): void {
  const v = f32x4.splat(a);
  let i: usize = 0;
  const end = (<usize>(n & ~7)) << 2, all = (<usize>n) << 2;
  for (; i < end; i += 32) {
    v128.store(y + i, f32x4.add(v128.load(y + i), f32x4.mul(v, v128.load(x + i))));
    v128.store(y + i, f32x4.add(v128.load(y + i, 16), f32x4.mul(v, v128.load(x + i, 16))), 16);
  }
  for (; i < all; i += 4) store<f32>(y + i, load<f32>(y + i) + a * load<f32>(x + i));
}

/** y += a0·x0 + a1·x1 + a2·x2 + a3·x3, one pass over y. */
// @ts-ignore: decorator
@inline
function axpy4(a0: f32, x0: usize, a1: f32, x1: usize, a2: f32, x2: usize, a3: f32, x3: usize, y: usize, n: i32): void {
  const v0 = f32x4.splat(a0), v1 = f32x4.splat(a1), v2 = f32x4.splat(a2), v3 = f32x4.splat(a3);
  let i: usize = 0;
  const end = (<usize>(n & ~3)) << 2, all = (<usize>n) << 2;
  for (; i < end; i += 16) {
    const s = f32x4.add(
      f32x4.add(f32x4.mul(v0, v128.load(x0 + i)), f32x4.mul(v1, v128.load(x1 + i))),
      f32x4.add(f32x4.mul(v2, v128.load(x2 + i)), f32x4.mul(v3, v128.load(x3 + i))));
    v128.store(y + i, f32x4.add(v128.load(y + i), s));
  }
  for (; i < all; i += 4)
    store<f32>(y + i, load<f32>(y + i) + ((a0 * load<f32>(x0 + i) + a1 * load<f32>(x1 + i)) + (a2 * load<f32>(x2 + i) + a3 * load<f32>(x3 + i))));
}

/** y[0..n) += Σ_{i<count} a[i]·x[i, 0..n), rows of x `stride` bytes apart. */
function combine(a: usize, count: i32, x: usize, stride: usize, y: usize, n: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const c = a + ((<usize>i) << 2), r = x + <usize>i * stride;
    axpy4(load<f32>(c), r, load<f32>(c, 4), r + stride, load<f32>(c, 8), r + 2 * stride, load<f32>(c, 12), r + 3 * stride, y, n);
  }
  for (; i < count; i++) axpy(load<f32>(a + ((<usize>i) << 2)), x + <usize>i * stride, y, n);
}

/** Upper Cholesky factor in place: a symmetric [n, n] becomes U with a = Uᵀ·U (row-major; what lies below the diagonal stays). Returns the first failing row, or −1. */
export function cholesky(a: usize, n: i32): i32 {
  const stride = (<usize>n) << 2;
  const coefficients = a + <usize>n * stride; // scratch of BLOCK floats behind the matrix
  const BLOCK = 64;
  for (let k0 = 0; k0 < n; k0 += BLOCK) {
    const k1 = min(k0 + BLOCK, n);
    // factor the block's rows, updating only within the block
    for (let k = k0; k < k1; k++) {
      const row = a + <usize>k * stride;
      const pivot = load<f32>(row + ((<usize>k) << 2));
      if (!(pivot > 0)) return k;
      const inverse = <f32>1 / sqrt(pivot);
      for (let j = <usize>k; j < <usize>n; j++) store<f32>(row + (j << 2), load<f32>(row + (j << 2)) * inverse);
      for (let i = k + 1; i < k1; i++)
        axpy(-load<f32>(row + ((<usize>i) << 2)), row + ((<usize>i) << 2), a + <usize>i * stride + ((<usize>i) << 2), n - i);
    }
    // the rest: row i −= Σ_k U[k,i]·U[k,·]
    const rows = k1 - k0;
    for (let i = k1; i < n; i++) {
      for (let k = 0; k < rows; k++) store<f32>(coefficients + ((<usize>k) << 2), -load<f32>(a + <usize>(k0 + k) * stride + ((<usize>i) << 2)));
      combine(coefficients, rows, a + <usize>k0 * stride + ((<usize>i) << 2), stride, a + <usize>i * stride + ((<usize>i) << 2), n - i);
    }
  }
  return -1;
}

/**
 * Solves x·R·Rᵀ = b for each of `rows` rows in place; r is [n, n] upper, row-major. Goes through R in blocks of rows that stay in the cache while all of b passes by.
 * Scratch: one float for each row of a block.
 */
export function solve(r: usize, n: i32, b: usize, rows: i32, scratch: usize): void {
  const stride = (<usize>n) << 2, last = (n - 1) / SOLVE_BLOCK * SOLVE_BLOCK;
  // y·Rᵀ = b from the end: y_k = (b_k − Σ_{j>k} y_j·R[k,j]) / R[k,k]
  for (let k0 = last; k0 >= 0; k0 -= SOLVE_BLOCK) {
    const k1 = min(k0 + SOLVE_BLOCK, n);
    for (let m = 0; m < rows; m++) {
      const x = b + <usize>m * stride;
      dots(r + <usize>k0 * stride + ((<usize>k1) << 2), stride, k1 - k0, x + ((<usize>k1) << 2), n - k1, scratch);
      for (let k = k1 - 1; k >= k0; k--) {
        const row = r + <usize>k * stride;
        let rest = load<f32>(scratch + ((<usize>(k - k0)) << 2));
        for (let j = k + 1; j < k1; j++) rest += load<f32>(x + ((<usize>j) << 2)) * load<f32>(row + ((<usize>j) << 2));
        store<f32>(x + ((<usize>k) << 2), (load<f32>(x + ((<usize>k) << 2)) - rest) / load<f32>(row + ((<usize>k) << 2)));
      }
    }
  }
  // x·R = y from the start, each finished block taken out of what is right of it
  for (let k0 = 0; k0 < n; k0 += SOLVE_BLOCK) {
    const k1 = min(k0 + SOLVE_BLOCK, n);
    for (let m = 0; m < rows; m++) {
      const x = b + <usize>m * stride;
      for (let k = k0; k < k1; k++) {
        const row = r + <usize>k * stride;
        const value = load<f32>(x + ((<usize>k) << 2)) / load<f32>(row + ((<usize>k) << 2));
        store<f32>(x + ((<usize>k) << 2), value);
        store<f32>(scratch + ((<usize>(k - k0)) << 2), -value);
        for (let j = k + 1; j < k1; j++) store<f32>(x + ((<usize>j) << 2), load<f32>(x + ((<usize>j) << 2)) - value * load<f32>(row + ((<usize>j) << 2)));
      }
      combine(scratch, k1 - k0, r + <usize>k0 * stride + ((<usize>k1) << 2), stride, x + ((<usize>k1) << 2), n - k1);
    }
  }
}

/** Rows of a factor that are solved at once. */
const SOLVE_BLOCK: i32 = 16;

/** out[i] = a[i, 0..n)·x for `count` rows of a, `stride` bytes apart; four rows share each load of x. */
function dots(a: usize, stride: usize, count: i32, x: usize, n: i32, out: usize): void {
  let i = 0;
  const end = (<usize>(n & ~3)) << 2, all = (<usize>n) << 2;
  for (; i + 4 <= count; i += 4) {
    const a0 = a + <usize>i * stride, a1 = a0 + stride, a2 = a1 + stride, a3 = a2 + stride;
    let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
    let j: usize = 0;
    for (; j < end; j += 16) {
      const v = v128.load(x + j);
      s0 = f32x4.add(s0, f32x4.mul(v, v128.load(a0 + j)));
      s1 = f32x4.add(s1, f32x4.mul(v, v128.load(a1 + j)));
      s2 = f32x4.add(s2, f32x4.mul(v, v128.load(a2 + j)));
      s3 = f32x4.add(s3, f32x4.mul(v, v128.load(a3 + j)));
    }
    let r0 = sum(s0), r1 = sum(s1), r2 = sum(s2), r3 = sum(s3);
    for (; j < all; j += 4) {
      const v = load<f32>(x + j);
      r0 += v * load<f32>(a0 + j);
      r1 += v * load<f32>(a1 + j);
      r2 += v * load<f32>(a2 + j);
      r3 += v * load<f32>(a3 + j);
    }
    const o = out + ((<usize>i) << 2);
    store<f32>(o, r0);
    store<f32>(o, r1, 4);
    store<f32>(o, r2, 8);
    store<f32>(o, r3, 12);
  }
  for (; i < count; i++) store<f32>(out + ((<usize>i) << 2), dot(a + <usize>i * stride, x, n));
}

// @ts-ignore: decorator
@inline
function sum(v: v128): f32 {
  return (f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1)) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
}

function dot(a: usize, b: usize, n: i32): f32 {
  let s = f32x4.splat(0);
  let i: usize = 0;
  const end = (<usize>(n & ~3)) << 2, all = (<usize>n) << 2;
  for (; i < end; i += 16) s = f32x4.add(s, f32x4.mul(v128.load(a + i), v128.load(b + i)));
  let r = sum(s);
  for (; i < all; i += 4) r += load<f32>(a + i) * load<f32>(b + i);
  return r;
}

/**
 * Chooses codewords block by block with second-order error feedback. With H = R·Rᵀ, R upper triangular, the error e·H·eᵀ of a row is
 * Σ_k ‖acc_k + e_k·R_kk‖², acc_k = Σ_{j<k} e_j·R_jk: each block takes the codeword nearest in that metric, given the errors made before.
 *
 * w [rows, n] targets in units of the row's scale, r [n, n] row-major, d block size, book [words, d] plain (words a multiple of 4, the last `words − real` unused),
 * out index [rows, n / d]. Scratch: acc [rows, n] floats (overwritten), work: d·words + words + rows·d·2 floats + rows.
 */
export function feedback(w: usize, rows: i32, n: i32, d: i32, r: usize, book: usize, words: i32, real: i32, index: usize, acc: usize, work: usize): void {
  const stride = (<usize>n) << 2, dBytes = (<usize>d) << 2;
  const blocks = n / d;
  const turned = work, half = turned + ((<usize>(d * words)) << 2), query = half + ((<usize>words) << 2), best = query + <usize>rows * dBytes, scores = best + ((<usize>rows) << 2), error = scores + ((<usize>rows) << 2);
  memory.fill(acc, 0, <usize>rows * stride);
  for (let k = 0; k < blocks; k++) {
    const at = (<usize>(k * d)) << 2;
    const corner = r + <usize>(k * d) * stride + at; // R_kk
    // codebook in this block's metric: book·R_kk, stored [d, words]
    for (let c = 0; c < words; c++) {
      let norm: f32 = 0;
      for (let j = 0; j < d; j++) {
        let s: f32 = 0;
        for (let i = 0; i <= j; i++) s += load<f32>(book + ((<usize>(c * d + i)) << 2)) * load<f32>(corner + <usize>i * stride + ((<usize>j) << 2));
        store<f32>(turned + ((<usize>(j * words + c)) << 2), s);
        norm += s * s;
      }
      store<f32>(half + ((<usize>c) << 2), c < real ? norm * 0.5 : <f32>Infinity);
    }
    for (let m = 0; m < rows; m++) {
      const x = w + <usize>m * stride + at, a = acc + <usize>m * stride + at, q = query + <usize>m * dBytes;
      for (let j = 0; j < d; j++) {
        let s = load<f32>(a + ((<usize>j) << 2));
        for (let i = 0; i <= j; i++) s += load<f32>(x + ((<usize>i) << 2)) * load<f32>(corner + <usize>i * stride + ((<usize>j) << 2));
        store<f32>(q + ((<usize>j) << 2), s);
      }
    }
    nearest(query, rows, d, turned, half, words, best, scores);
    const rest = n - (k + 1) * d;
    for (let m = 0; m < rows; m++) {
      const c = load<i32>(best + ((<usize>m) << 2));
      store<i32>(index + ((<usize>(m * blocks + k)) << 2), c);
      if (rest > 0) {
        const x = w + <usize>m * stride + at;
        for (let j = 0; j < d; j++) store<f32>(error + ((<usize>j) << 2), load<f32>(x + ((<usize>j) << 2)) - load<f32>(book + ((<usize>(c * d + j)) << 2)));
        combine(error, d, corner + dBytes, stride, acc + <usize>m * stride + at + dBytes, rest);
      }
    }
  }
}

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

/** Least and largest value of each of `rows` rows of x, [rows, 2]; a row with what is no number has none. */
export function spans(x: usize, rows: i32, length: i32, out: usize): void {
  let at = x, to = out;
  for (let r = 0; r < rows; r++, to += 8) {
    const end = at + ((<usize>length) << 2), whole = at + ((<usize>(length & ~3)) << 2);
    let low = f32x4.splat(Infinity), high = f32x4.splat(-Infinity);
    for (; at < whole; at += 16) {
      const v = v128.load(at);
      low = f32x4.min(low, v);
      high = f32x4.max(high, v);
    }
    for (; at < end; at += 4) {
      const v = v128.load32_splat(at);
      low = f32x4.min(low, v);
      high = f32x4.max(high, v);
    }
    store<f32>(to, min(min(f32x4.extract_lane(low, 0), f32x4.extract_lane(low, 1)), min(f32x4.extract_lane(low, 2), f32x4.extract_lane(low, 3))));
    store<f32>(to, max(max(f32x4.extract_lane(high, 0), f32x4.extract_lane(high, 1)), max(f32x4.extract_lane(high, 2), f32x4.extract_lane(high, 3))), 4);
  }
}

/** Counts n values in bins of 1/factor: table[bin, 4] of int32, one column for each of four values side by side, so that equal ones need not wait for each other. */
export function count(x: usize, n: i32, factor: f32, half: i32, table: usize): void {
  const f = f32x4.splat(factor), last = i32x4.splat(half - 1), first = i32x4.splat(-half), middle = table + ((<usize>half) << 4), whole = n & ~3;
  let at = x;
  for (let i = 0; i < whole; i += 4, at += 16) {
    const bins = i32x4.shl(i32x4.max_s(first, i32x4.min_s(last, i32x4.trunc_sat_f32x4_s(f32x4.floor(f32x4.mul(v128.load(at), f))))), 4);
    const a = middle + i32x4.extract_lane(bins, 0), b = middle + i32x4.extract_lane(bins, 1), c = middle + i32x4.extract_lane(bins, 2), d = middle + i32x4.extract_lane(bins, 3);
    store<i32>(a, load<i32>(a) + 1);
    store<i32>(b, load<i32>(b, 4) + 1, 4);
    store<i32>(c, load<i32>(c, 8) + 1, 8);
    store<i32>(d, load<i32>(d, 12) + 1, 12);
  }
  for (let i = whole; i < n; i++, at += 4) {
    const bin = middle + (max(-half, min(half - 1, <i32>Mathf.floor(load<f32>(at) * factor))) << 4);
    store<i32>(bin, load<i32>(bin) + 1);
  }
}
