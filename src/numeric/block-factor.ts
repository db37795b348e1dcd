import { dampingsOf, sharedFloats, tryFactor, type Factor } from "./factor";

/** a [rows, n] · b [n, columns] */
export type Product = (a: Float32Array, b: Float32Array, n: number) => Promise<Float32Array>;

/** Width of a block: small enough that what is not a product takes little time, large enough that products are few. */
export const BLOCK = 256;

/**
 * {@link factor} of a large matrix by matrix products, which libraries do on all cores: blocks of columns from the last to the first,
 * R[above, j] = (H[above, j] − R[above, later]·R[j, later]ᵀ)·R[j, j]⁻ᵀ.
 */
export async function factorInBlocks(h: Float32Array, n: number, share: number, product: Product): Promise<Factor> {
  const dampings = dampingsOf(h, n, share);
  for (;;) {
    const damping = dampings.next().value, r = await tryInBlocks(h, n, damping, product);
    if (r) return { n, r, damping };
  }
}

async function tryInBlocks(h: Float32Array, n: number, damping: number, product: Product): Promise<Float32Array | undefined> {
  const r = sharedFloats(n * n);
  for (let end = n; end > 0;) {
    const start = Math.max(0, end - BLOCK), width = end - start, later = n - end;
    const s = cut(h, n, end, start, end);
    if (later) {
      const known = await product(cut(r, n, end, end, n), transpose(r.subarray(start * n, end * n), width, n, end), later);
      for (let i = 0; i < s.length; i++) s[i] -= known[i];
    }
    const corner = tryFactor(s.subarray(start * width), width, damping);
    if (!corner) return undefined;
    paste(corner, width, r, n, start, start);
    if (start) paste(await product(s.subarray(0, start * width), inverseTransposed(corner, width), width), width, r, n, 0, start);
    end = start;
  }
  return r;
}

/** Columns [from, to) of the first `rows` rows of a matrix with n columns. */
function cut(matrix: Float32Array, n: number, rows: number, from: number, to: number): Float32Array {
  const part = new Float32Array(rows * (to - from));
  for (let i = 0; i < rows; i++) part.set(matrix.subarray(i * n + from, i * n + to), i * (to - from));
  return part;
}

function paste(part: Float32Array, width: number, matrix: Float32Array, n: number, row: number, column: number): void {
  for (let i = 0; i < part.length / width; i++) matrix.set(part.subarray(i * width, (i + 1) * width), (row + i) * n + column);
}

/** Columns [from, n) of rows [rows, n], columns first. */
function transpose(matrix: Float32Array, rows: number, n: number, from: number): Float32Array {
  const turned = new Float32Array((n - from) * rows);
  for (let i = 0; i < rows; i++) for (let j = from; j < n; j++) turned[(j - from) * rows + i] = matrix[i * n + j];
  return turned;
}

/** (R⁻¹)ᵀ of an upper triangular R [n, n], by back substitution. */
function inverseTransposed(r: Float32Array, n: number): Float32Array {
  const inverse = new Float32Array(n * n), row = new Float64Array(n);
  // row j of the result is column j of R⁻¹
  for (let j = 0; j < n; j++) {
    for (let i = j; i >= 0; i--) {
      let sum = i === j ? 1 : 0;
      for (let k = i + 1; k <= j; k++) sum -= r[i * n + k] * row[k];
      row[i] = sum / r[i * n + i];
    }
    for (let i = 0; i <= j; i++) inverse[j * n + i] = row[i];
  }
  return inverse;
}
