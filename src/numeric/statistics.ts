/** Figures of a weight for people: over all of it, its histogram, and the range of every output channel. */
export interface WeightSummary {
  statistics: { mean: number; std: number; min: number; max: number; zeros: number; absP995: number };
  histogram: { min: number; max: number; counts: number[] };
  channels: { min: Float32Array; low: Float32Array; high: Float32Array; max: Float32Array };
}

const BINS = 64;

/** Summarises rows [outputs, inputs]; values that are no numbers are left out. */
export function summarise({ values, outputs, inputs }: { values: Float32Array; outputs: number; inputs: number }): WeightSummary {
  let sum = 0, squares = 0, min = Infinity, max = -Infinity, zeros = 0, count = 0;
  for (const v of values) {
    if (!Number.isFinite(v)) continue;
    count++;
    sum += v;
    squares += v * v;
    if (v < min) min = v;
    if (v > max) max = v;
    if (v === 0) zeros++;
  }
  const mean = count ? sum / count : 0, peak = Math.max(Math.abs(min), Math.abs(max));
  const absolute = new Float64Array(4096), counts = new Array<number>(BINS).fill(0), width = max - min || 1;
  for (const v of values) {
    if (!Number.isFinite(v)) continue;
    counts[Math.min(BINS - 1, Math.floor((v - min) / width * BINS))]++;
    absolute[Math.min(4095, Math.floor(Math.abs(v) / (peak || 1) * 4096))]++;
  }
  let seen = 0, bin = 0;
  while (bin < 4095 && seen + absolute[bin] < 0.995 * count) seen += absolute[bin++];
  const channels = { min: new Float32Array(outputs), low: new Float32Array(outputs), high: new Float32Array(outputs), max: new Float32Array(outputs) };
  for (let m = 0; m < outputs; m++) {
    const row = values.slice(m * inputs, (m + 1) * inputs).sort(), at = (share: number) => row[Math.min(inputs - 1, Math.floor(share * inputs))];
    channels.min[m] = row[0];
    channels.low[m] = at(0.05);
    channels.high[m] = at(0.95);
    channels.max[m] = row[inputs - 1];
  }
  return {
    statistics: { mean, std: Math.sqrt(Math.max(0, squares / (count || 1) - mean * mean)), min, max, zeros, absP995: (bin + 1) / 4096 * peak },
    histogram: { min, max, counts }, channels,
  };
}
