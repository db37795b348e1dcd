/** Orthogonal wavelets that filters start from. */

export const WAVELETS = ["haar", "daubechies", "symlet"] as const;
export type Wavelet = (typeof WAVELETS)[number];

/** Filters of this many taps and fewer; roots of longer ones are not found exactly enough. */
export const LONGEST_FILTER = 20;

interface Complex { re: number; im: number }
const product = (a: Complex, b: Complex): Complex => ({ re: a.re * b.re - a.im * b.im, im: a.re * b.im + a.im * b.re });
const difference = (a: Complex, b: Complex): Complex => ({ re: a.re - b.re, im: a.im - b.im });
const inverse = ({ re, im }: Complex): Complex => { const size = re * re + im * im; return { re: re / size, im: -im / size }; };

/**
 * Low-pass filter h of an orthogonal wavelet: Σ h = √2, Σ h[k]·h[k + 2t] = δ[t]. Haar's has zeros around it where it is to be longer; the others have as many
 * vanishing moments as their length allows (Daubechies: Ten Lectures on Wavelets, 1992, §6.4 and §8.1.1): the roots of the half-band polynomial are shared out
 * so that phases are least, or nearest to linear.
 * @param length even, 2 to {@link LONGEST_FILTER}
 */
export function lowPass(wavelet: Wavelet, length: number): Float64Array {
  if (length % 2 || length < 2 || length > LONGEST_FILTER) throw new RangeError(`Filters have an even length, 2 to ${LONGEST_FILTER}, not ${length}.`);
  if (wavelet === "haar") {
    const filter = new Float64Array(length), middle = length / 2 - 1;
    filter[middle] = filter[middle + 1] = Math.SQRT1_2;
    return filter;
  }
  const moments = length / 2, groups = rootGroups(moments);
  if (wavelet === "daubechies") return fromRoots(moments, groups.flat());
  // one of each group stays as it is: its mirror image has the mirrored filter
  const choices = Array.from({ length: 2 ** Math.max(0, groups.length - 1) }, (_, choice) => fromRoots(moments, groups.flatMap((roots, i) => (choice >> i & 1 ? roots.map(inverse) : roots))));
  return choices.reduce((best, filter) => (phaseError(filter) < phaseError(best) - 1e-9 ? filter : best));
}

/** Roots within the unit circle of Σ_k C(N − 1 + k, k)·y^k with y = (2 − z − 1/z)/4, those together that have to stay together for real filters. */
function rootGroups(moments: number): Complex[][] {
  const coefficients = [1];
  for (let k = 1; k < moments; k++) coefficients.push(coefficients[k - 1] * (moments - 1 + k) / k);
  return rootsOf(coefficients).filter(({ im }) => im > -1e-9).map((y) => {
    const z = insideRoot({ re: 1 - 2 * y.re, im: -2 * y.im });
    return Math.abs(y.im) < 1e-9 ? [{ re: z.re, im: 0 }] : [z, { re: z.re, im: -z.im }];
  });
}

/** z with (z + 1/z)/2 = w and |z| < 1. */
function insideRoot(w: Complex): Complex {
  const square = product(w, w), re = square.re - 1, size = Math.hypot(re, square.im), root = { re: Math.sqrt((size + re) / 2), im: Math.sign(square.im || 1) * Math.sqrt((size - re) / 2) };
  const z = difference(w, root);
  return Math.hypot(z.re, z.im) < 1 ? z : { re: w.re + root.re, im: w.im + root.im };
}

/** All roots of a polynomial with these coefficients, the constant first (Durand, Kerner). */
function rootsOf(coefficients: readonly number[]): Complex[] {
  const degree = coefficients.length - 1, leading = coefficients[degree];
  const valueAt = (x: Complex): Complex => coefficients.reduceRight<Complex>((sum, c) => { const next = product(sum, x); return { re: next.re + c / leading, im: next.im }; }, { re: 0, im: 0 });
  const roots = Array.from({ length: degree }, (_, i): Complex => { const angle = 0.4 + 2 * Math.PI * i / degree; return { re: 0.6 * Math.cos(angle), im: 0.6 * Math.sin(angle) }; });
  for (let round = 0; round < 300; round++) {
    roots.forEach((root, i) => {
      const others = roots.reduce((all, other, j) => (i === j ? all : product(all, difference(root, other))), { re: 1, im: 0 });
      roots[i] = difference(root, product(valueAt(root), inverse(others)));
    });
  }
  return roots;
}

/** (1 + z)^N·Π(z − r), its sum √2. */
function fromRoots(moments: number, roots: readonly Complex[]): Float64Array {
  let filter: Complex[] = [{ re: 1, im: 0 }];
  const times = (root: Complex): void => {
    filter = [...filter, { re: 0, im: 0 }].map((own, i) => { const before = i ? product(filter[i - 1], root) : { re: 0, im: 0 }; return difference(own, before); });
  };
  for (let i = 0; i < moments; i++) times({ re: -1, im: 0 });
  for (const root of roots) times(root);
  const real = Float64Array.from(filter, ({ re }) => re), sum = real.reduce((a, b) => a + b, 0);
  return real.map((v) => v * Math.SQRT2 / sum);
}

/** How far the phase of a filter is from linear, up to π/2 of the frequency: squared, where it passes something. */
function phaseError(filter: Float64Array): number {
  const points = 64, phases: number[] = [];
  let before = 0, turns = 0;
  for (let i = 0; i < points; i++) {
    const w = Math.PI * i / points;
    let re = 0, im = 0;
    filter.forEach((h, k) => { re += h * Math.cos(w * k); im -= h * Math.sin(w * k); });
    const phase = Math.atan2(im, re);
    if (i) turns -= Math.round((phase - before) / (2 * Math.PI));
    before = phase;
    phases.push(phase + 2 * Math.PI * turns);
  }
  const slope = phases.reduce((sum, phase, i) => sum + phase * i, 0) / phases.reduce((sum, _, i) => sum + i * i, 0);
  return phases.reduce((sum, phase, i) => sum + (phase - slope * i) ** 2, 0);
}
