import { rowDots, type Gram } from "./gram";
import { safeScale } from "./scale";

/** The clipping of each row that gives the least squared error, inputs weighted by their energy. */
export function gridScales(rows: Float32Array, n: number, bits: number, gram?: Gram): Float32Array {
  const top = 2 ** (bits - 1) - 1;
  return Float32Array.from({ length: rows.length / n }, (_, m) => {
    let peak = 0, at = 0;
    for (let j = 0; j < n; j++) {
      const size = Math.abs(rows[m * n + j]);
      if (size > peak) { peak = size; at = j; }
    }
    const ofPeak = peak * peak * (gram ? gram.h[at * n + at] : 1);
    let best = 1, least = Infinity;
    for (let clip = 1; clip > 0.3 && peak > 0; clip -= 0.04) {
      if ((1 - clip) ** 2 * ofPeak > least) break; // what the largest weight loses alone is too much, and more with every further step
      const scale = peak * clip / top;
      let error = 0;
      for (let j = 0; j < n && error < least; j++) {
        const v = rows[m * n + j], e = v - Math.max(-top, Math.min(top, Math.round(v / scale))) * scale;
        error += e * e * (gram ? gram.h[j * n + j] : 1);
      }
      if (error < least) { least = error; best = scale; }
    }
    return safeScale(Math.fround(best));
  });
}

/** Least-squares scales of rows [rows, n] of units, in the metric of their inputs. */
export async function refitScales(gram: Gram, target: Float32Array, units: Float32Array, scale: Float32Array): Promise<Float32Array> {
  const product = await gram.multiply(units), wanted = rowDots(product, target, gram.n), have = rowDots(product, units, gram.n);
  return scale.map((s, m) => (have[m] > 0 && wanted[m] > 0 ? safeScale(Math.fround(wanted[m] / have[m])) : s));
}
