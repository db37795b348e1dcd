/** The plane in which points spread most. */
export interface Principal {
  /** [d] */
  mean: Float64Array;
  /** Two unit vectors [d], of the largest variance first; zeros where the points have no such direction. */
  axes: [Float64Array, Float64Array];
  /** Shares of the variance along them. */
  shares: [number, number];
}

const SWEEPS = 30;

/**
 * Principal components of points [n, d], by Jacobi rotations of their covariance. An axis points to where its largest entry is positive, so equal points give equal pictures.
 * @param weights one for each point, all ones if absent
 */
export function principal(points: Float32Array, d: number, weights?: ArrayLike<number>): Principal {
  const { mean, covariance } = momentsOf(points, d, weights), { values, vectors } = eigen(covariance, d);
  const order = Array.from(values.keys()).sort((a, b) => values[b] - values[a]), total = values.reduce((sum, v) => sum + Math.max(0, v), 0);
  const isThere = (i: number): boolean => i < d && values[order[i]] > 1e-12 * total;
  const axis = (i: number): Float64Array => (isThere(i) ? upright(Float64Array.from({ length: d }, (_, j) => vectors[j * d + order[i]])) : new Float64Array(d));
  const share = (i: number): number => (isThere(i) ? values[order[i]] / total : 0);
  return { mean, axes: [axis(0), axis(1)], shares: [share(0), share(1)] };
}

/** Where points [n, d] lie in the plane: [n, 2]. */
export function project(points: Float32Array, d: number, { mean, axes }: Principal): Float32Array {
  const n = points.length / d, places = new Float32Array(2 * n);
  for (let p = 0; p < n; p++) for (let a = 0; a < 2; a++) {
    let sum = 0;
    for (let j = 0; j < d; j++) sum += (points[p * d + j] - mean[j]) * axes[a][j];
    places[2 * p + a] = sum;
  }
  return places;
}

function momentsOf(points: Float32Array, d: number, weights: ArrayLike<number> | undefined): { mean: Float64Array; covariance: Float64Array } {
  const n = points.length / d, mean = new Float64Array(d), covariance = new Float64Array(d * d);
  let mass = 0;
  for (let p = 0; p < n; p++) {
    const weight = weights ? weights[p] : 1;
    mass += weight;
    for (let j = 0; j < d; j++) mean[j] += weight * points[p * d + j];
  }
  if (!(mass > 0)) return { mean, covariance };
  for (let j = 0; j < d; j++) mean[j] /= mass;
  for (let p = 0; p < n; p++) {
    const weight = (weights ? weights[p] : 1) / mass;
    for (let i = 0; i < d; i++) {
      const from = weight * (points[p * d + i] - mean[i]);
      for (let j = i; j < d; j++) covariance[i * d + j] += from * (points[p * d + j] - mean[j]);
    }
  }
  for (let i = 0; i < d; i++) for (let j = 0; j < i; j++) covariance[i * d + j] = covariance[j * d + i];
  return { mean, covariance };
}

/** All eigenvalues of a symmetric [d, d], and their vectors as columns. */
function eigen(symmetric: Float64Array, d: number): { values: Float64Array; vectors: Float64Array } {
  const a = symmetric.slice(), vectors = new Float64Array(d * d);
  for (let i = 0; i < d; i++) vectors[i * d + i] = 1;
  const scale = a.reduce((sum, v) => sum + v * v, 0);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let rest = 0;
    for (let p = 0; p < d; p++) for (let q = p + 1; q < d; q++) rest += a[p * d + q] ** 2;
    if (rest <= 1e-24 * scale) break;
    for (let p = 0; p < d; p++) for (let q = p + 1; q < d; q++) rotate(a, vectors, d, p, q);
  }
  return { values: Float64Array.from({ length: d }, (_, i) => a[i * d + i]), vectors };
}

/** Turns the plane of axes p and q until nothing is left between them. */
function rotate(a: Float64Array, vectors: Float64Array, d: number, p: number, q: number): void {
  const between = a[p * d + q];
  if (between === 0) return;
  const theta = (a[q * d + q] - a[p * d + p]) / (2 * between);
  const tangent = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.hypot(theta, 1)), cosine = 1 / Math.hypot(tangent, 1), sine = tangent * cosine;
  const turn = (m: Float64Array, i: number, j: number): void => {
    const x = m[i], y = m[j];
    m[i] = cosine * x - sine * y;
    m[j] = sine * x + cosine * y;
  };
  for (let k = 0; k < d; k++) turn(a, k * d + p, k * d + q);
  for (let k = 0; k < d; k++) turn(a, p * d + k, q * d + k);
  for (let k = 0; k < d; k++) turn(vectors, k * d + p, k * d + q);
}

function upright(axis: Float64Array): Float64Array {
  const largest = axis.reduce((most, v) => (Math.abs(v) > Math.abs(most) + 1e-12 ? v : most), 0);
  return largest < 0 ? axis.map((v) => -v) : axis;
}
