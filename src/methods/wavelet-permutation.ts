import { Random } from "../numeric/random";

/** Permutations that a file makes of two numbers: what runtimes compute while they load takes no bytes. */

/** What a permutation is made of: keys are factor·(start + i)² modulo {@link PRIME}, all of them different, and permutations the order of falling keys. */
export interface PermutationSeed { factor: number; start: number }

export const PRIME = 2 ** 31 - 1;
/** Squares of larger numbers may repeat modulo the prime. */
const LARGEST = 2 ** 29;

export function permutationSeed(seed: number): PermutationSeed {
  const random = new Random(seed, 17);
  return { factor: PRIME - 1 - random.below(2 ** 30), start: 1 + random.below(LARGEST) };
}

/** That of every layer that is written. */
export const PERMUTATION = permutationSeed(1);

/** For each of `count` permutations of `size` elements, where in it the i-th comes from: [count, size]. */
export function permutationOf({ factor, start }: PermutationSeed, count: number, size: number): Int32Array {
  const order = new Int32Array(count * size), prime = BigInt(PRIME);
  for (let k = 0; k < count; k++) {
    const keys = Float64Array.from({ length: size }, (_, i) => { const at = BigInt(start + k * size + i); return Number(at * at % prime * BigInt(factor) % prime); });
    order.set(Array.from(keys, (_key, i) => i).sort((a, b) => keys[b] - keys[a]), k * size);
  }
  return order;
}
