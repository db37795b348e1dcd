import { expand } from "../src/methods/codebook";
import { factor } from "../src/numeric/factor";
import { kMeans } from "../src/numeric/kmeans";

/** A damping that keeps the metric of inputs that never fire positive. */
const DAMPING = 1e-6;

/** The mean of the diagonal's blocks [d, d] of second moments [n, n]: the one metric that all blocks of a layer share. */
export function sharedGram(h: Float32Array, n: number, d: number): Float32Array {
  const shared = new Float32Array(d * d);
  for (let first = 0; first < n; first += d) for (let i = 0; i < d; i++) for (let j = 0; j < d; j++) shared[i * d + j] += h[(first + i) * n + first + j] * d / n;
  return shared;
}

/**
 * Rows as the weighted clustering of Stock et al. (arXiv 1907.05686, §3.2) leaves them: every block takes the word that is nearest in the shared metric, every word is the plain mean
 * of its blocks. In coordinates in which the metric is Euclid's, this is k-means, so it is done by it.
 */
export function clusteredInSharedMetric(rows: Float32Array, gram: Float32Array, d: number, words: number, seed: number): Float32Array {
  const { r } = factor(gram, d, DAMPING), turned = new Float32Array(rows.length);
  for (let at = 0; at < rows.length; at += d) for (let j = 0; j < d; j++) for (let i = 0; i <= j; i++) turned[at + j] += rows[at + i] * r[i * d + j];
  const { index } = kMeans(turned, d, { words, seed, samplePasses: 100, passes: 100 }), sums = new Float64Array(words * d), uses = new Float64Array(words);
  index.forEach((word, b) => {
    uses[word]++;
    for (let j = 0; j < d; j++) sums[word * d + j] += rows[b * d + j];
  });
  return expand(Float32Array.from(sums, (sum, i) => sum / (uses[Math.floor(i / d)] || 1)), index, d);
}
