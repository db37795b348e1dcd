// @ts-nocheck: AssemblyScript.

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
