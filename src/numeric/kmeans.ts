import { withKernels, type Kernels } from "./kernels";
import { Random } from "./random";

export interface ClusterOptions {
  /** Number of codewords wanted; fewer come back where there are fewer points. */
  words: number;
  seed: number;
  /** One weight for each point; all ones if absent. */
  weights?: Float32Array;
  /** Lloyd passes over a sample that starts the codebook off. */
  samplePasses?: number;
  /** Lloyd passes over all points afterwards, at most. */
  passes?: number;
  /** Starts from these codewords instead of seeding. */
  start?: Float32Array;
  /** Stops when a pass improves the distortion by less than this share. */
  tolerance?: number;
}

export interface Clustering {
  /** [words, d] */
  codebook: Float32Array;
  /** One codeword for each point. */
  index: Int32Array;
  /** Σ weight·‖point − codeword‖² */
  distortion: number;
}

const SAMPLE_PER_WORD = 64;
/** Numbers of points that are assigned while they are in the kernels’ memory. */
const ASSIGNED_AT_ONCE = 1 << 20;
const SEED_PER_WORD = 24;

/**
 * K-means of points [n, d]: seeding by k-means++ and Lloyd passes on a random sample, then Lloyd passes over all points.
 * An empty cluster takes over the worst-served points. The result depends on points, options and seed alone.
 */
export function kMeans(points: Float32Array, d: number, options: ClusterOptions): Clustering {
  const n = points.length / d;
  const words = Math.min(options.words, n);
  const random = new Random(options.seed, words);
  const { samplePasses = 20, passes = 4, tolerance = 1e-4 } = options;
  return withKernels((kernels) => {
    let codebook: Float32Array;
    if (options.start) {
      codebook = options.start.slice();
    } else {
      const size = Math.max(words * SAMPLE_PER_WORD, 4096);
      const sample = size < n ? take(points, d, options.weights, random, size) : { points, weights: options.weights };
      codebook = seed(kernels, sample.points, d, sample.weights, words, random);
      kernels.release();
      if (sample.points !== points) new Lloyd(kernels, sample.points, d, words, sample.weights).improve(codebook, samplePasses, tolerance);
      kernels.release();
    }
    return new Lloyd(kernels, points, d, words, options.weights).improve(codebook, passes, tolerance);
  });
}

/** The nearest codeword of every point and Σ weight·distance². */
export function assign(points: Float32Array, d: number, codebook: Float32Array, weights?: Float32Array): { index: Int32Array; distortion: number } {
  const n = points.length / d, atOnce = Math.max(1, Math.floor(ASSIGNED_AT_ONCE / d)), index = new Int32Array(n);
  let distortion = 0;
  for (let first = 0; first < n; first += atOnce) {
    const last = Math.min(n, first + atOnce);
    withKernels((kernels) => {
      const lloyd = new Lloyd(kernels, points.subarray(first * d, last * d), d, codebook.length / d, weights?.subarray(first, last));
      distortion += lloyd.assign(codebook);
      index.set(lloyd.index(), first);
    });
  }
  return { index, distortion };
}

function take(points: Float32Array, d: number, weights: Float32Array | undefined, random: Random, size: number): { points: Float32Array; weights?: Float32Array } {
  const n = points.length / d;
  const chosen = new Float32Array(size * d), chosenWeights = weights && new Float32Array(size);
  // a sorted sample without repeats: each stretch of the points gives one
  for (let i = 0; i < size; i++) {
    const low = Math.floor(i * n / size), high = Math.floor((i + 1) * n / size);
    const at = low + random.below(high - low);
    chosen.set(points.subarray(at * d, at * d + d), i * d);
    if (chosenWeights && weights) chosenWeights[i] = weights[at];
  }
  return { points: chosen, weights: chosenWeights };
}

/**
 * Codewords to start from: points drawn with probability proportional to weight × squared distance to the codewords so far (k-means++, Arthur and Vassilvitskii 2007),
 * an eighth more in each round (k-means||, Bahmani et al. 2012), so that distances are computed for many codewords at once.
 */
function seed(kernels: Kernels, all: Float32Array, d: number, allWeights: Float32Array | undefined, words: number, random: Random): Float32Array {
  const size = Math.max(words * SEED_PER_WORD, 2048);
  const { points, weights } = size < all.length / d ? take(all, d, allWeights, random, size) : { points: all, weights: allWeights };
  const n = points.length / d, codebook = new Float32Array(words * d), cost = new Float64Array(n).fill(Infinity);
  const lloyd = new Lloyd(kernels, points, d, Math.max(1, words >> 3));
  let have = 0;
  for (let drawn = [random.below(n)]; ;) {
    for (const p of drawn) codebook.set(points.subarray(p * d, p * d + d), have++ * d);
    if (have === words) return codebook;
    const distances = lloyd.distances(codebook.subarray((have - drawn.length) * d, have * d));
    for (let p = 0; p < n; p++) cost[p] = Math.min(cost[p], distances[p] * (weights ? weights[p] : 1));
    for (const p of drawn) cost[p] = 0;
    drawn = draw(cost, Math.min(words - have, Math.max(1, have >> 3)), random);
  }
}

/** Up to `count` different positions, each drawn with probability proportional to its cost: those under the teeth of an even comb. At least one. */
function draw(cost: Float64Array, count: number, random: Random): number[] {
  let total = 0;
  for (const c of cost) total += c;
  const gap = total / count, drawn: number[] = [];
  let next = random.next() * gap, sum = 0;
  for (let p = 0; p < cost.length && drawn.length < count; p++) {
    sum += cost[p];
    if (!(sum > next)) continue;
    drawn.push(p);
    while (next < sum) next += gap;
  }
  return drawn.length ? drawn : [random.below(cost.length)];
}

/** Lloyd's algorithm on points held in the kernels' memory. */
class Lloyd {
  private readonly n: number;
  private readonly points: number;
  private readonly weights: number;
  private readonly book: number;
  private readonly half: number;
  private readonly indexAt: number;
  private readonly score: number;
  private readonly sums: number;
  private readonly mass: number;
  private readonly energy: number;
  /** Squares of the points. */
  private readonly norms: Float64Array;

  constructor(private readonly kernels: Kernels, points: Float32Array, private readonly d: number, private readonly words: number, weights?: Float32Array) {
    this.n = points.length / d;
    const padded = (words + 3) & ~3;
    this.points = kernels.put(points);
    this.weights = weights ? kernels.put(weights) : 0;
    this.book = kernels.reserve(padded * d * 4);
    this.half = kernels.reserve(padded * 4);
    this.indexAt = kernels.reserve(this.n * 4);
    this.score = kernels.reserve(this.n * 4);
    this.sums = kernels.reserve(padded * d * 8);
    this.mass = kernels.reserve(padded * 8);
    this.norms = new Float64Array(this.n);
    let energy = 0;
    for (let p = 0; p < this.n; p++) {
      let norm = 0;
      for (let j = 0; j < d; j++) norm += points[p * d + j] ** 2;
      this.norms[p] = norm;
      energy += weights ? weights[p] * norm : norm;
    }
    this.energy = energy;
  }

  index(): Int32Array { return this.kernels.ints(this.indexAt, this.n); }

  /** Finds the nearest of at most `words` codewords for every point, and its score: half the squared distance, less half the point's own square. */
  private nearest(codebook: Float32Array): Float32Array {
    const { kernels, d, n } = this, words = codebook.length / d, padded = (words + 3) & ~3;
    const book = kernels.floats(this.book, padded * d).fill(0), half = kernels.floats(this.half, padded).fill(Infinity);
    for (let w = 0; w < words; w++) {
      let norm = 0;
      for (let j = 0; j < d; j++) {
        const v = codebook[w * d + j];
        book[j * padded + w] = v;
        norm += v * v;
      }
      half[w] = norm / 2;
    }
    kernels.call.nearest(this.points, n, d, this.book, this.half, padded, this.indexAt, this.score);
    return kernels.floats(this.score, n);
  }

  /** The squared distance of every point to the nearest codeword. */
  distances(codebook: Float32Array): Float64Array {
    const { norms, n } = this, score = this.nearest(codebook), distances = new Float64Array(n);
    for (let p = 0; p < n; p++) distances[p] = Math.max(0, norms[p] + 2 * score[p]);
    return distances;
  }

  /** Assigns every point; returns the weighted distortion. */
  assign(codebook: Float32Array): number {
    const { kernels, n } = this, score = this.nearest(codebook);
    const weights = this.weights ? kernels.floats(this.weights, n) : undefined;
    let distortion = this.energy;
    for (let p = 0; p < n; p++) distortion += 2 * score[p] * (weights ? weights[p] : 1);
    return Math.max(0, distortion);
  }

  /** Moves each codeword to the weighted mean of its points; returns the words that serve none. */
  private update(codebook: Float32Array): number[] {
    const { kernels, d, words } = this;
    const sums = kernels.doubles(this.sums, words * d).fill(0), mass = kernels.doubles(this.mass, words).fill(0);
    kernels.call.gather(this.points, this.n, d, this.indexAt, this.weights, this.sums, this.mass);
    const empty: number[] = [];
    for (let w = 0; w < words; w++) {
      if (mass[w] > 0) for (let j = 0; j < d; j++) codebook[w * d + j] = sums[w * d + j] / mass[w];
      else empty.push(w);
    }
    return empty;
  }

  /** Gives each empty word one of the points with the largest error. */
  private reseed(codebook: Float32Array, empty: number[]): void {
    const { kernels, d, n } = this;
    const points = kernels.floats(this.points, n * d), index = this.index();
    const weights = this.weights ? kernels.floats(this.weights, n) : undefined;
    const worst: { p: number; error: number }[] = [];
    for (let p = 0; p < n; p++) {
      let error = 0;
      for (let j = 0; j < d; j++) error += (points[p * d + j] - codebook[index[p] * d + j]) ** 2;
      if (weights) error *= weights[p];
      if (error > 0 && (worst.length < empty.length || error > worst[worst.length - 1].error)) {
        worst.push({ p, error });
        worst.sort((a, b) => b.error - a.error || a.p - b.p);
        worst.length = Math.min(worst.length, empty.length);
      }
    }
    worst.forEach(({ p }, i) => codebook.set(points.subarray(p * d, p * d + d), empty[i] * d));
  }

  improve(codebook: Float32Array, passes: number, tolerance: number): Clustering {
    let distortion = this.assign(codebook);
    for (let pass = 0; pass < passes; pass++) {
      const empty = this.update(codebook);
      if (empty.length) this.reseed(codebook, empty);
      const next = this.assign(codebook);
      const done = !empty.length && distortion - next <= tolerance * distortion;
      distortion = next;
      if (done) break;
    }
    return { codebook, index: this.index().slice(), distortion };
  }
}
