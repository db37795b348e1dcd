import { describe, expect, test } from "vitest";
import { allocate, Workload } from "../../../src/compression/prune/allocate";
import { eliminate, type Reader } from "../../../src/compression/prune/eliminate";
import { levelsOf, type RatedGroup } from "../../../src/compression/prune/rate-groups";
import { encodeClassifier, NETWORKS } from "../../../bench/networks";
import { Gram } from "../../../src/methods/gram";
import { Random } from "../../../src/numeric/random";
import { inlinePool } from "../../../src/numeric/tasks";
import { findChannels } from "../../../src/onnx/channels/channels";
import { open } from "../onnx/models";

const product = async (a: Float32Array, b: Float32Array, n: number): Promise<Float32Array> => {
  const rows = a.length / n, columns = b.length / n;
  return Float32Array.from({ length: rows * columns }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < n; k++) sum += a[Math.floor(i / columns) * n + k] * b[k * columns + i % columns];
    return sum;
  });
};
const products = {
  multiply: product,
  transposed: (a: Float32Array, b: Float32Array, count: number) => {
    const n = a.length / count;
    return product(Float32Array.from(a, (_, i) => a[(i % count) * n + Math.floor(i / count)]), b, count);
  },
};

/** A layer of 6 channels with 2 weights each, whose inputs depend on each other. */
function reader(seed: number): Reader & { x: Float64Array[] } {
  const random = new Random(seed), n = 12, x = Array.from({ length: 400 }, () => {
    const hidden = Array.from({ length: 5 }, () => random.next() - 0.5);
    return Float64Array.from({ length: n }, (_, i) => hidden[i % 5] + 0.3 * hidden[(i * 3 + 1) % 5] + 0.2 * (random.next() - 0.5));
  });
  const h = Float32Array.from({ length: n * n }, (_, i) => x.reduce((sum, row) => sum + row[Math.floor(i / n)] * row[i % n], 0) / x.length);
  return { gram: new Gram(h, n, inlinePool, product), rows: Float32Array.from({ length: 4 * n }, () => random.next() - 0.5), importance: undefined, columns: new Map(Array.from({ length: 6 }, (_, c) => [c, [2 * c, 2 * c + 1]])), x };
}

/** The least squared error with which the inputs in `kept` can do what all do, by gradient descent on the damped moments, and how. */
function leastError({ gram: { h, n }, rows }: Reader, kept: readonly number[], damping: number): { error: number; rows: Float64Array } {
  const moment = (i: number, j: number) => h[i * n + j] + (i === j ? damping : 0), answer = new Float64Array(rows.length);
  let error = 0;
  for (let m = 0; m < rows.length / n; m++) {
    const w = rows.subarray(m * n, (m + 1) * n), v = Float64Array.from(w, (value, i) => (kept.includes(i) ? value : 0));
    // coordinate descent ends where least squares are
    for (let pass = 0; pass < 4000; pass++) for (const i of kept) {
      let slope = 0;
      for (let j = 0; j < n; j++) slope += moment(i, j) * (v[j] - w[j]);
      v[i] -= slope / moment(i, i);
    }
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) error += (v[i] - w[i]) * moment(i, j) * (v[j] - w[j]);
    answer.set(v, m * n);
  }
  return { error, rows: answer };
}

describe("channels that leave one after the other", () => {
  test("are those that the rest makes up for best, and the rest does so as well as it can", async () => {
    const one = reader(3), { damping } = await one.gram.factor(), [first, second] = await eliminate([0, 1, 2, 3, 4, 5], [one], [1, 2], products);
    const inputs = Array.from({ length: 12 }, (_, i) => i), without = (gone: readonly number[]) => leastError(one, inputs.filter((i) => !gone.includes(i >> 1)), damping);
    const errors = [0, 1, 2, 3, 4, 5].map((channel) => without([channel]).error);
    expect(first.gone).toEqual([errors.indexOf(Math.min(...errors))]);
    const next = [0, 1, 2, 3, 4, 5].filter((channel) => channel !== first.gone[0]).map((channel) => ({ channel, error: without([...first.gone, channel]).error })).sort((a, b) => a.error - b.error);
    expect(second.gone).toEqual([...first.gone, next[0].channel]);
    const best = without(second.gone);
    second.rows[0].forEach((v, i) => expect(v).toBeCloseTo(best.rows[i], 3));
    for (const channel of second.gone) for (const place of [2 * channel, 2 * channel + 1]) expect([0, 1, 2, 3].map((m) => second.rows[0][m * 12 + place])).toEqual([0, 0, 0, 0]);
  });

  test("count by what every layer that reads them loses", async () => {
    const silent = reader(5), loud = reader(6);
    // for the second layer the channel that the first one misses least is all that there is
    const [alone] = await eliminate([0, 1, 2, 3, 4, 5], [silent], [1], products), [missed] = alone.gone;
    loud.rows.forEach((_, i) => { if (i % 12 >> 1 !== missed) loud.rows[i] *= 0.01; });
    const [together] = await eliminate([0, 1, 2, 3, 4, 5], [silent, loud], [1], products);
    expect(together.gone).not.toEqual(alone.gone);
  });
});

describe("how many channels leave", () => {
  const eighths = [1, 2, 3, 4, 5, 6, 7];

  test("what is left are as many as runtimes compute at once", () => {
    for (const count of [16, 20, 32, 50, 64, 100, 800]) for (const gone of levelsOf(count, eighths)) {
      expect((count - gone) % 8).toBe(0);
      expect(gone).toBeGreaterThan(0);
      expect(gone).toBeLessThan(count);
    }
    expect(levelsOf(32, eighths)).toEqual([8, 16, 24]);
    expect(levelsOf(12, eighths)).toEqual([4, 8]);
    expect(levelsOf(4, eighths)).toEqual([1, 2, 3]);
  });

  test("saves what is asked for at the least loss", async () => {
    const model = await open(encodeClassifier(NETWORKS["vgg-small"]({ shape: [3, 16, 16], classes: 10, seed: 1 }))), channels = findChannels(model), workload = new Workload(model, channels), random = new Random(2);
    const rated = channels.groups.map((group): RatedGroup => {
      const stress = Math.exp(4 * random.next());
      return { group, cuts: levelsOf(group.channels.length, [2, 4, 6]).map((count) => ({ gone: group.channels.slice(0, count), loss: stress * (count / group.channels.length) ** 3 })) };
    });
    const whole = workload.without(new Set());
    expect(whole.macs).toBe([27, 288, 288, 576, 576, 1152].reduce((sum, inputs, i) => sum + inputs * [32, 32, 64, 64, 128, 128][i] * [256, 256, 64, 64, 16, 16][i], 0) + 1280);
    for (const share of [0.1, 0.3, 0.6]) {
      const gone = allocate(rated, workload, share)!, lossOf = (set: ReadonlySet<number>) => rated.reduce((sum, { group, cuts }) => sum + (cuts.find((cut) => cut.gone.length === group.channels.filter((channel) => set.has(channel)).length)?.loss ?? 0), 0);
      expect(workload.without(gone).macs).toBeLessThanOrEqual((1 - share) * whole.macs);
      // no plan of all is clearly better
      let least = Infinity;
      const follow = (at: number, set: number[], loss: number): void => {
        if (loss >= least) return;
        if (at === rated.length) {
          if (workload.without(new Set(set)).macs <= (1 - share) * whole.macs) least = loss;
          return;
        }
        for (const cut of [{ gone: [], loss: 0 }, ...rated[at].cuts]) follow(at + 1, [...set, ...cut.gone], loss + cut.loss);
      };
      follow(0, [], 0);
      expect(lossOf(gone)).toBeLessThanOrEqual(1.01 * least);
    }
    expect(allocate(rated, workload, 0.99)).toBeUndefined();
  });
});
