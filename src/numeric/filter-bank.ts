import { lowPass, type Wavelet } from "./wavelets";

/**
 * Two-channel filter banks: analysis a[i] = Σ h0[k]·x[2i + k], d[i] = Σ h1[k]·x[2i + k]; synthesis x[m] = Σ f0[m − 2i]·a[i] + f1[m − 2i]·d[i].
 * Filters are stored as [4, length]: h0, h1, f0, f1.
 */

/** The orthogonal bank of a wavelet, [4, length]. */
export function filterBank(wavelet: Wavelet, length: number): Float32Array {
  const low = lowPass(wavelet, length), high = low.map((_, k) => sign(k) * low[length - 1 - k]);
  return Float32Array.from([...low, ...high, ...low, ...high]);
}

const sign = (k: number): 1 | -1 => (k % 2 ? -1 : 1);

/**
 * What a bank misses of being a wavelet's, squared and summed (Wolter, Lin, Yao: arXiv 2004.09569, §3).
 * reconstruction: Σ h0[k]·f0[k + t] + h1[k]·f1[k + t] = 2·δ[t]. alias: the modulated sum is nothing; asked for tap by tap as the authors' code does,
 * f0[k] = −(−1)^k·h1[L − 1 − k], f1[k] = (−1)^k·h0[L − 1 − k], which is stricter.
 */
export function filterLosses(filters: ArrayLike<number>): { reconstruction: number; alias: number } {
  const { values, products } = residuals(filters), sum = (from: number, to: number) => values.subarray(from, to).reduce((all, v) => all + v * v, 0);
  return { reconstruction: sum(0, products), alias: sum(products, values.length) };
}

/** The gradient of the sum of both losses, [4, length]. */
export function filterGradient(filters: ArrayLike<number>): Float32Array {
  const { values, jacobian } = residuals(filters), n = filters.length;
  return Float32Array.from({ length: n }, (_, i) => 2 * values.reduce((sum, v, row) => sum + v * jacobian[row * n + i], 0));
}

/** All residuals, those of products first, and their derivatives [residuals, 4·length]. */
function residuals(filters: ArrayLike<number>): { values: Float64Array; products: number; jacobian: Float64Array } {
  const n = filters.length, length = n / 4, products = 2 * length - 1, values = new Float64Array(products + 2 * length), jacobian = new Float64Array(values.length * n);
  const at = (filter: number, k: number) => filter * length + k;
  for (let row = 0; row < products; row++) {
    const t = row - length + 1;
    values[row] = t === 0 ? -2 : 0;
    for (const [h, f] of [[0, 2], [1, 3]]) for (let k = Math.max(0, -t); k < Math.min(length, length - t); k++) {
      values[row] += filters[at(h, k)] * filters[at(f, k + t)];
      jacobian[row * n + at(h, k)] += filters[at(f, k + t)];
      jacobian[row * n + at(f, k + t)] += filters[at(h, k)];
    }
  }
  for (let k = 0; k < length; k++) for (const [f, h, factor] of [[2, 1, sign(k)], [3, 0, -sign(k)]]) {
    const row = products + (f - 2) * length + k, other = at(h, length - 1 - k);
    values[row] = filters[at(f, k)] + factor * filters[other];
    jacobian[row * n + at(f, k)] = 1;
    jacobian[row * n + other] = factor;
  }
  return { values, products, jacobian };
}

/** Steps that bring a bank onto its conditions, and how small a residual ends them. */
const SETTLING = { steps: 30, enough: 1e-14, damping: 1e-8 };

/** The bank near this one that reconstructs: Gauss-Newton steps of least norm, J⁺·r, [4, length] in float32. */
export function settled(filters: ArrayLike<number>): Float32Array {
  const bank = Float64Array.from(filters), n = bank.length;
  for (let step = 0; step < SETTLING.steps; step++) {
    const { values, jacobian } = residuals(bank), rows = values.length;
    if (values.reduce((sum, v) => sum + v * v, 0) < SETTLING.enough) break;
    const normal = new Float64Array(rows * rows);
    for (let i = 0; i < rows; i++) for (let j = 0; j < rows; j++) {
      let sum = i === j ? SETTLING.damping : 0;
      for (let k = 0; k < n; k++) sum += jacobian[i * n + k] * jacobian[j * n + k];
      normal[i * rows + j] = sum;
    }
    const weights = solved(normal, values);
    for (let k = 0; k < n; k++) for (let i = 0; i < rows; i++) bank[k] -= jacobian[i * n + k] * weights[i];
  }
  return Float32Array.from(bank);
}

/** x with A·x = b for a symmetric positive A [n, n]: elimination with the largest pivot. */
function solved(matrix: Float64Array, b: Float64Array): Float64Array {
  const a = matrix.slice(), x = b.slice(), n = b.length;
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let row = column + 1; row < n; row++) if (Math.abs(a[row * n + column]) > Math.abs(a[pivot * n + column])) pivot = row;
    if (pivot !== column) {
      for (let j = 0; j < n; j++) [a[column * n + j], a[pivot * n + j]] = [a[pivot * n + j], a[column * n + j]];
      [x[column], x[pivot]] = [x[pivot], x[column]];
    }
    for (let row = column + 1; row < n; row++) {
      const factor = a[row * n + column] / a[column * n + column];
      if (factor === 0) continue;
      for (let j = column; j < n; j++) a[row * n + j] -= factor * a[column * n + j];
      x[row] -= factor * x[column];
    }
  }
  for (let row = n - 1; row >= 0; row--) {
    for (let j = row + 1; j < n; j++) x[row] -= a[row * n + j] * x[j];
    x[row] /= a[row * n + row];
  }
  return x;
}
