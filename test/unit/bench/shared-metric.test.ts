import { expect, test } from "vitest";
import { clusteredInSharedMetric, sharedGram } from "../../../bench/shared-metric";
import { wave } from "../onnx/models";

const D = 3, N = 6, WORDS = 5, rows = wave(40 * N);
/** Second moments of inputs that go together. */
const moments = (): Float32Array => {
  const x = wave(200 * N, 4).map((v, i, all) => v + 0.8 * all[Math.floor(i / D) * D]), h = new Float32Array(N * N);
  for (let s = 0; s < 200; s++) for (let i = 0; i < N; i++) for (let j = 0; j < N; j++) h[i * N + j] += x[s * N + i] * x[s * N + j] / 200;
  return h;
};
const gram = sharedGram(moments(), N, D);
const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < D; i++) for (let j = 0; j < D; j++) sum += (a[i] - b[i]) * gram[i * D + j] * (a[j] - b[j]);
  return sum;
};
const blocksOf = (values: Float32Array): Float32Array[] => Array.from({ length: values.length / D }, (_, b) => values.subarray(b * D, (b + 1) * D));

test("the metric that blocks share is the mean of theirs", () => {
  const h = moments();
  for (let i = 0; i < D; i++) for (let j = 0; j < D; j++) expect(gram[i * D + j]).toBeCloseTo((h[i * N + j] + h[(i + D) * N + j + D]) / 2, 6);
});

test("every block is nearest to its word in the metric, every word is the mean of its blocks", () => {
  const own = blocksOf(rows), stand = blocksOf(clusteredInSharedMetric(rows, gram, D, WORDS, 1)), words = [...new Map(stand.map((word) => [word.join(), word])).values()];
  expect(words.length).toBe(WORDS);
  own.forEach((block, b) => { for (const word of words) expect(distance(block, stand[b])).toBeLessThanOrEqual(distance(block, word) + 1e-6); });
  for (const word of words) {
    const members = own.filter((_, b) => stand[b].join() === word.join());
    for (let j = 0; j < D; j++) expect(word[j]).toBeCloseTo(members.reduce((sum, block) => sum + block[j], 0) / members.length, 5);
  }
  // not what plain k-means comes to
  const plain = blocksOf(clusteredInSharedMetric(rows, Float32Array.from({ length: D * D }, (_, i) => (i % (D + 1) ? 0 : 1)), D, WORDS, 1)), lost = (all: Float32Array[]) => own.reduce((sum, block, b) => sum + distance(block, all[b]), 0);
  expect(lost(stand)).toBeLessThan(lost(plain));
});
