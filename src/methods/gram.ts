import type { ComputePool } from "../numeric/tasks";
import { overRows } from "../numeric/tasks";
import { BLOCK, factorInBlocks, type Product } from "../numeric/block-factor";
import type { Factor } from "../numeric/factor";

/** Damping of second moments where they are factored, as a share of their mean diagonal. */
const DAMPING = 0.01;

/** Second moments E[x·xᵀ] of what a layer's rows are multiplied with, measured on calibration data. */
export class Gram {
  private factored: Promise<Factor> | undefined;

  /** @param h [n, n] symmetric */
  constructor(readonly h: Float32Array, readonly n: number, private readonly pool: ComputePool, private readonly product: Product) {}

  /** H + damping as a factor. */
  factor(): Promise<Factor> {
    const { h, n, pool, product } = this;
    return this.factored ??= n > 2 * BLOCK ? factorInBlocks(h, n, DAMPING, product) : pool.run("factor", { h, n, share: DAMPING });
  }

  /** rows [rows, n] · H */
  multiply(rows: Float32Array): Promise<Float32Array> { return this.product(rows, this.h, this.n); }

  /** Inputs [rows, n] with these second moments (and damping), from independent numbers z [rows, n] of variance 1: z·Rᵀ. */
  async draw(z: Float32Array): Promise<Float32Array> {
    const { n } = this, { r } = await this.factor(), turned = new Float32Array(n * n);
    for (let i = 0; i < n; i++) for (let j = i; j < n; j++) turned[j * n + i] = r[i * n + j];
    return this.product(z, turned, n);
  }

  /** x with x·(H + damping) = rows. */
  async solve(rows: Float32Array): Promise<Float32Array> {
    const factor = await this.factor();
    return overRows(this.pool, rows, this.n, (part) => this.pool.run("solve", { factor, rows: part }));
  }

  /** Codewords for every block of every row, with error feedback. */
  async feedback(rows: Float32Array, codebook: Float32Array, d: number): Promise<Int32Array> {
    const factor = await this.factor();
    return overRows(this.pool, rows, this.n, (part) => this.pool.run("feedback", { factor, rows: part, codebook, d }));
  }

  /** e·H·eᵀ of each row of errors [rows, n]. */
  async energies(errors: Float32Array): Promise<Float64Array> {
    return rowDots(await this.multiply(errors), errors, this.n);
  }
}

/** The dot product of each row of a with the same row of b, [rows, n] each. */
export function rowDots(a: Float32Array, b: Float32Array, n: number): Float64Array {
  const rows = a.length / n, dots = new Float64Array(rows);
  for (let m = 0; m < rows; m++) {
    let sum = 0;
    for (let j = m * n; j < (m + 1) * n; j++) sum += a[j] * b[j];
    dots[m] = sum;
  }
  return dots;
}
