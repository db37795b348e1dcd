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
