// @ts-nocheck: AssemblyScript.

import { combine } from "./matrix.as";
import { nearest } from "./nearest.as";

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
