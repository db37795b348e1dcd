import { withKernels } from "./kernels";

/** A symmetric positive matrix H + damping, factored as R·Rᵀ with R upper triangular: what error feedback and solving need. */
export interface Factor {
  n: number;
  /** [n, n] row-major, zero below the diagonal. */
  r: Float32Array;
  /** What was added to the diagonal. */
  damping: number;
}

/**
 * Factors H [n, n] after adding `share` of its mean diagonal; adds ten times more until it is positive definite.
 * Inputs that never fire (zero diagonal) get the damping alone.
 */
export function factor(h: Float32Array, n: number, share: number): Factor {
  const dampings = dampingsOf(h, n, share);
  for (;;) {
    const damping = dampings.next().value, r = tryFactor(h, n, damping);
    if (r) return { n, r, damping };
  }
}

/** What is added to the diagonal of H, one after the other until it can be factored. */
export function* dampingsOf(h: Float32Array, n: number, share: number): Generator<number, never> {
  let trace = 0;
  for (let i = 0; i < n; i++) trace += h[i * n + i];
  const mean = trace / n || 1;
  for (let damping = share * mean; ; damping = Math.max(damping * 10, 1e-6 * mean)) yield damping;
}

/** Floats that threads see without a copy, where the platform has that. */
export function sharedFloats(length: number): Float32Array {
  return typeof SharedArrayBuffer === "undefined" ? new Float32Array(length) : new Float32Array(new SharedArrayBuffer(length * 4));
}

/** R with R·Rᵀ = H + damping, if that is positive definite. */
export function tryFactor(h: Float32Array, n: number, damping: number): Float32Array | undefined {
  return withKernels((kernels) => {
    const at = kernels.reserve(n * n * 4 + 64 * 4 + n * 4);
    const a = kernels.floats(at, n * n);
    // Reversing both axes turns the upper factor U of the reversed matrix (UᵀU) into R with H = R·Rᵀ: R[i, j] = U[n−1−j, n−1−i].
    for (let i = 0, last = n * n - 1; i < n * n; i++) a[i] = h[last - i];
    for (let i = 0; i < n; i++) a[i * n + i] += damping;
    if (kernels.call.cholesky(at, n) >= 0) return undefined;
    const r = sharedFloats(n * n);
    for (let i = 0; i < n; i++) {
      const source = n - 1 - i;
      for (let j = i; j < n; j++) r[i * n + j] = a[(n - 1 - j) * n + source];
    }
    return r;
  });
}

/** Solves x·(H + damping) = b for each row of b [rows, n]. */
export function solveRows({ n, r }: Factor, b: Float32Array): Float32Array {
  const rows = b.length / n;
  return withKernels((kernels) => {
    const rAt = kernels.put(r), xAt = kernels.put(b), scratch = kernels.reserve(64);
    kernels.call.solve(rAt, n, xAt, rows, scratch);
    return kernels.floats(xAt, rows * n).slice();
  });
}

/**
 * Chooses a codeword for every block of every row, errors fed forward in the metric of the factor (Frantar et al.'s GPTQ, in the R·Rᵀ form, for vectors).
 * Rows [rows, n] in units of the codebook [words, d]; returns [rows, n / d].
 */
export function feedback({ n, r }: Factor, rows: Float32Array, codebook: Float32Array, d: number): Int32Array {
  const count = rows.length / n, words = codebook.length / d, padded = (words + 3) & ~3;
  return withKernels((kernels) => {
    const rAt = kernels.put(r), wAt = kernels.put(rows);
    const bookAt = kernels.reserve(padded * d * 4);
    const book = kernels.floats(bookAt, padded * d).fill(0);
    book.set(codebook);
    const indexAt = kernels.reserve(count * (n / d) * 4), acc = kernels.reserve(count * n * 4);
    const work = kernels.reserve((d * padded + padded + count * d + 2 * count + d) * 4);
    kernels.call.feedback(wAt, count, n, d, rAt, bookAt, padded, words, indexAt, acc, work);
    return kernels.ints(indexAt, count * (n / d)).slice();
  });
}

/** Σ over rows of weight·e·(H + damping)·eᵀ for error rows e [rows, n], by the factor: Σ‖e·R‖². */
export function weightedError({ n, r }: Factor, errors: Float32Array, weights?: Float32Array): number {
  const rows = errors.length / n;
  let total = 0;
  const product = new Float64Array(n);
  for (let m = 0; m < rows; m++) {
    product.fill(0);
    for (let i = 0; i < n; i++) {
      const e = errors[m * n + i];
      if (e) for (let j = i; j < n; j++) product[j] += e * r[i * n + j];
    }
    let sum = 0;
    for (let j = 0; j < n; j++) sum += product[j] * product[j];
    total += sum * (weights ? weights[m] : 1);
  }
  return total;
}
