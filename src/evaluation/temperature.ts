import type { Tensor } from "../runtime/runtime";
import { argMax, logProbabilities } from "./metrics";

/** Between these a temperature is looked for, and so closely. */
const LEAST = 0.4, MOST = 4, STEPS = 40;
/** A network that is right on a smaller share of these than it believes does not know these labels. */
const KNOWS = 0.5;

/**
 * The temperature by which a classifier's outputs have to be divided so that its probabilities tell how often it is right: the one with the least cross-entropy on
 * labelled samples (Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, arXiv 1706.04599, §4.2). 1 where the labels are others than the network knows.
 * @param outputs batches [n, classes]
 * @param labels the class of each sample
 */
export function temperatureOf(outputs: readonly Pick<Tensor, "data" | "dims">[], labels: ArrayLike<number>): number {
  const rows: { logs: Float64Array; label: number }[] = [];
  for (const { data, dims: [count, classes] } of outputs) for (let i = 0; i < count && rows.length < labels.length; i++) rows.push({ logs: logProbabilities(data.slice(i * classes, (i + 1) * classes)), label: labels[rows.length] });
  const right = rows.filter(({ logs, label }) => argMax(logs) === label).length, believed = rows.reduce((sum, { logs }) => sum + Math.exp(Math.max(...logs)), 0);
  if (!rows.length || right < KNOWS * believed) return 1;
  let best = 1, least = Infinity;
  for (let step = 0; step <= STEPS; step++) {
    const temperature = LEAST * (MOST / LEAST) ** (step / STEPS), entropy = rows.reduce((sum, { logs, label }) => sum - atTemperature(logs, temperature)[label], 0);
    if (entropy < least) { best = temperature; least = entropy; }
  }
  return best;
}

/** Logarithms of probabilities at another temperature. */
export function atTemperature(logs: Float64Array, temperature: number): Float64Array {
  if (temperature === 1) return logs;
  const scaled = logs.map((v) => v / temperature), most = Math.max(...scaled), total = Math.log(scaled.reduce((sum, v) => sum + Math.exp(v - most), 0));
  return scaled.map((v) => v - most - total);
}
