import type { Gram } from "../../methods/gram";
import type { Products } from "../../runtime/products";

type MatrixProducts = Pick<Products, "multiply" | "transposed">;

/** A layer that reads channels which may leave. */
export interface Reader {
  /** Second moments of all that it reads. */
  gram: Gram;
  /** Its weight [outputs, gram.n]. */
  rows: Float32Array;
  /** How much a squared error of each output counts. */
  importance: Float32Array | undefined;
  /** Places of each channel in a row. */
  columns: ReadonlyMap<number, readonly number[]>;
}

/** What is left when so many channels are gone: which these are, and each reader's weight, which makes up for them as well as it can; zero where they were read. */
export interface Elimination { gone: readonly number[]; rows: readonly Float32Array[] }

/** Channels that leave in one step, as a share of all: what leaves at once is not seen to stand in for each other. */
const AT_ONCE = 1 / 32;

/**
 * Takes channels away one after the other, always those whose loss the rest makes up for best: the optimal brain surgeon (Hassibi, Stork, 1993) for blocks of weights. With S = H⁻¹ of a
 * reader's inputs, a channel with the weights w_B costs w_B·(S_BB)⁻¹·w_Bᵀ of the squared error of its outputs when all other weights answer, which they do by −w_B·(S_BB)⁻¹·S_B:.
 * Each reader's error counts as a share of its outputs' energy.
 * @param levels numbers of channels that are gone at which to stop and look, ascending
 */
export async function eliminate(channels: readonly number[], readers: readonly Reader[], levels: readonly number[], products: MatrixProducts): Promise<Elimination[]> {
  const states = await Promise.all(readers.map((reader) => ReaderState.of(reader, products))), gone: number[] = [], found: Elimination[] = [];
  let left = [...channels];
  for (const level of levels) {
    while (gone.length < level) {
      const costs = new Map(left.map((channel) => [channel, states.reduce((sum, state) => sum + state.cost(channel), 0)]));
      const leaving = [...left].sort((a, b) => costs.get(a)! - costs.get(b)! || a - b).slice(0, Math.min(level - gone.length, Math.max(1, Math.floor(channels.length * AT_ONCE))));
      for (const state of states) await state.remove(leaving);
      gone.push(...leaving);
      left = left.filter((channel) => !leaving.includes(channel));
    }
    found.push({ gone: [...gone], rows: states.map(({ rows }) => rows.slice()) });
  }
  return found;
}

class ReaderState {
  private constructor(private readonly reader: Reader, readonly rows: Float32Array, private readonly inverse: Float32Array, private readonly energy: number, private readonly products: MatrixProducts) {}

  static async of(reader: Reader, products: MatrixProducts): Promise<ReaderState> {
    const { gram, rows, importance } = reader, { n } = gram, identity = new Float32Array(n * n);
    for (let i = 0; i < n; i++) identity[i * n + i] = 1;
    const energies = await gram.energies(rows), energy = energies.reduce((sum, e, m) => sum + e * (importance?.[m] ?? 1), 0);
    return new ReaderState(reader, rows.slice(), await gram.solve(identity), energy || 1, products);
  }

  /** The error that stays when a channel leaves, as a share of the outputs' energy. */
  cost(channel: number): number {
    const { reader: { columns, importance, gram: { n } }, rows, inverse, energy } = this, places = columns.get(channel);
    if (!places) return 0;
    const size = places.length, metric = inverted(inverse, n, places), count = rows.length / n;
    let cost = 0;
    for (let m = 0; m < count; m++) {
      let error = 0;
      for (let i = 0; i < size; i++) {
        const w = rows[m * n + places[i]];
        if (w) for (let j = 0; j < size; j++) error += w * metric[i * size + j] * rows[m * n + places[j]];
      }
      cost += error * (importance?.[m] ?? 1);
    }
    return cost / energy;
  }

  async remove(channels: readonly number[]): Promise<void> {
    const { reader: { columns, gram: { n } }, rows, inverse, products } = this, places = channels.flatMap((channel) => columns.get(channel) ?? []), size = places.length;
    if (!size) return;
    const metric = Float32Array.from(inverted(inverse, n, places)), read = new Float32Array(rows.length / n * size), beside = new Float32Array(size * n);
    for (let m = 0; m < rows.length / n; m++) for (let i = 0; i < size; i++) read[m * size + i] = rows[m * n + places[i]];
    for (let i = 0; i < size; i++) beside.set(inverse.subarray(places[i] * n, (places[i] + 1) * n), i * n);
    const answer = await products.multiply(metric, beside, size), change = await products.multiply(read, answer, size), less = await products.transposed(beside, answer, size);
    for (let i = 0; i < rows.length; i++) rows[i] -= change[i];
    for (let i = 0; i < inverse.length; i++) inverse[i] -= less[i];
    for (const place of places) {
      for (let m = 0; m < rows.length / n; m++) rows[m * n + place] = 0;
      for (let i = 0; i < n; i++) inverse[place * n + i] = inverse[i * n + place] = 0;
    }
  }
}

/** The inverse of a part of a symmetric positive matrix, by elimination. */
function inverted(matrix: Float32Array, n: number, places: readonly number[]): Float64Array {
  const size = places.length, a = new Float64Array(size * size), inverse = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    inverse[i * size + i] = 1;
    for (let j = 0; j < size; j++) a[i * size + j] = (matrix[places[i] * n + places[j]] + matrix[places[j] * n + places[i]]) / 2;
  }
  for (let i = 0; i < size; i++) {
    const pivot = Math.max(a[i * size + i], 1e-20);
    for (let j = 0; j < size; j++) { a[i * size + j] /= pivot; inverse[i * size + j] /= pivot; }
    for (let k = 0; k < size; k++) {
      const factor = k === i ? 0 : a[k * size + i];
      if (factor) for (let j = 0; j < size; j++) { a[k * size + j] -= factor * a[i * size + j]; inverse[k * size + j] -= factor * inverse[i * size + j]; }
    }
  }
  return inverse;
}
