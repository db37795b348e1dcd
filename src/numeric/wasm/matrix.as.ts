// @ts-nocheck: AssemblyScript.

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
export function combine(a: usize, count: i32, x: usize, stride: usize, y: usize, n: i32): void {
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
