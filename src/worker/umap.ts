import { Random } from "../numeric/random";
import { throwIfCancelled } from "../protocol/errors";

/** What UMAP is made with: the same for every layer, so that pictures compare. */
const NEIGHBOURS = 15, EPOCHS = 200, SEED = 1;
/** Half the width that places begin with, as in UMAP's own beginnings. */
const SPREAD = 10;
/** Points whose neighbours are looked for at a time. */
const AT_ONCE = 64;
/** UMAP needs so many points to say anything. */
export const LEAST_POINTS = 4;

/**
 * UMAP (McInnes, Healy, Melville, arXiv 1802.03426) of points [n, d] by their Euclidean distances: places [n, 2], the same for the same points. Neighbours are exact,
 * and places begin where `start` [n, 2] has them, which keeps the two pictures alike.
 * @param progress is told after every epoch
 * @param signal looked at between epochs; @throws CancelledError
 */
export async function umapOf(points: Float32Array, d: number, start: Float32Array, progress: (epoch: number, epochs: number) => void, signal: AbortSignal): Promise<Float32Array> {
  const n = points.length / d, neighbours = Math.min(NEIGHBOURS, n - 1);
  if (n < LEAST_POINTS) return start.slice();
  progress(0, EPOCHS);
  const { indices, distances } = await nearest(points, d, neighbours, signal), random = new Random(SEED);
  const { UMAP } = await import("umap-js"), umap = new UMAP({ nNeighbors: neighbours, nEpochs: EPOCHS, random: () => random.next() });
  umap.setPrecomputedKNN(indices, distances);
  umap.initializeFit(Array.from({ length: n }, (_, i) => Array.from(points.subarray(i * d, (i + 1) * d))));
  const places = umap.getEmbedding(), first = beginning(start);
  places.forEach((place, i) => { place[0] = first[2 * i]; place[1] = first[2 * i + 1]; });
  for (let epoch = 0; epoch < EPOCHS;) {
    await breath(signal);
    epoch = umap.step();
    progress(epoch, EPOCHS);
  }
  return Float32Array.from(umap.getEmbedding().flat());
}

/** Lets messages in, a cancellation among them. */
async function breath(signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => { setImmediate(resolve); });
  throwIfCancelled(signal);
}

/** Each point itself, and then the nearest others: [n, k]. */
async function nearest(points: Float32Array, d: number, k: number, signal: AbortSignal): Promise<{ indices: number[][]; distances: number[][] }> {
  const n = points.length / d, indices: number[][] = [], distances: number[][] = [], squares = new Float64Array(n);
  for (let a = 0; a < n; a++) {
    if (a % AT_ONCE === 0) await breath(signal);
    for (let b = 0; b < n; b++) {
      let sum = 0;
      for (let j = 0; j < d; j++) sum += (points[a * d + j] - points[b * d + j]) ** 2;
      squares[b] = sum;
    }
    squares[a] = -1; // before others in the same place
    const least = squares.slice().sort()[k - 1], order = Array.from(squares.keys()).filter((b) => squares[b] <= least).sort((x, y) => squares[x] - squares[y] || x - y).slice(0, k);
    indices.push(order);
    distances.push(order.map((b) => Math.sqrt(Math.max(0, squares[b]))));
  }
  return { indices, distances };
}

/** The places that UMAP begins with: within its usual width, and no two at the same spot. */
function beginning(start: Float32Array): Float32Array {
  const random = new Random(SEED, 1), most = start.reduce((a, v) => Math.max(a, Math.abs(v)), 0) || 1;
  return start.map((v) => v / most * SPREAD + 1e-3 * (random.next() - 0.5));
}
