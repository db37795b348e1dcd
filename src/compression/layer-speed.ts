import { methodById } from "../methods/registry";
import { inputsOf, outputsOf } from "../methods/rows";
import { buildModel } from "../onnx/build";
import type { Layer } from "../onnx/layers";
import { DataType } from "../onnx/tensor";
import type { LayerReport, LayerSpeed, WaveletFacts } from "../protocol/report";
import type { Runtime, Session, Tensor } from "../runtime/runtime";
import { latencyOf } from "./latency";

/** Run times of layers that other nodes than their own compute, beside those of dense layers of their size: runs of the two alternate. */

export type PairedTimes = ReturnType<typeof latencyOf>;
interface TimingOptions { runtime: Runtime; threads?: number; batch?: number }

/** Runs of each before any that counts, and pairs that do. */
const WARM_UPS = 5, PAIRS = { least: 15, most: 61, seconds: 0.5 };
/** Widths of square layers at which it is looked from which one on they are faster. */
const WIDTHS = [64, 128, 256, 512, 1024, 2048, 4096];

/** Times of a dense layer and of one of the same size that is computed so: `before` and `after`; undefined where there is none of this size. */
export async function timeLayer(facts: WaveletFacts, method: string, inputs: number, outputs: number, { runtime, threads, batch = 1 }: TimingOptions): Promise<PairedTimes | undefined> {
  const model = methodById(method).timed?.(facts, inputs, outputs);
  if (!model) return undefined;
  const sessions: Session[] = [];
  try {
    for (const bytes of [denseLayer(inputs, outputs), model]) sessions.push(await runtime.open(bytes, { threads, device: "cpu" }));
    const x = { dims: [batch, inputs], data: Float32Array.from({ length: batch * inputs }, (_, i) => Math.sin(i)) }, pairs: [number, number][] = [];
    for (let i = 0; i < WARM_UPS; i++) for (const session of sessions) await millisecondsOf(session, x);
    for (const started = performance.now(); pairs.length < PAIRS.most && (pairs.length < PAIRS.least || performance.now() - started < 1000 * PAIRS.seconds);) {
      const times = [0, 0], first = pairs.length % 2;
      for (const which of [first, 1 - first]) times[which] = await millisecondsOf(sessions[which], x);
      pairs.push([times[0], times[1]]);
    }
    return latencyOf(pairs);
  } finally {
    for (const session of sessions) await session.release();
  }
}

/** The least of some widths from which on square layers of a kind are faster than dense ones; undefined where none is. */
export async function fasterFrom(facts: WaveletFacts, method: string, options: TimingOptions): Promise<number | undefined> {
  let least: number | undefined;
  for (const width of [...WIDTHS].reverse()) {
    const times = await timeLayer(facts, method, width, width, options);
    if (!times || times.ratio >= 1) break;
    least = width;
  }
  return least;
}

/** Rows of a report with the run time of those layers, and what is to be said of slow ones. */
export async function withSpeeds(rows: readonly LayerReport[], layers: readonly Layer[], options: TimingOptions): Promise<{ rows: LayerReport[]; notes: string[] }> {
  const byId = new Map(layers.map((layer) => [layer.id, layer])), kinds = new Map<string, number | undefined>(), notes: string[] = [], timed: LayerReport[] = [];
  for (const row of rows) {
    const layer = byId.get(row.name), { method, wavelet } = row, times = layer && method !== undefined && wavelet ? await timeLayer(wavelet, method, inputsOf(layer), outputsOf(layer), options) : undefined;
    if (!layer || method === undefined || !wavelet || !times) { timed.push(row); continue; }
    const kind = JSON.stringify([wavelet.length, wavelet.levels, wavelet.summed]);
    if (!kinds.has(kind)) kinds.set(kind, await fasterFrom(wavelet, method, options));
    const from = kinds.get(kind), speed: LayerSpeed = { dense: times.before, compressed: times.after, ratio: times.ratio, ...(from !== undefined && { fasterFrom: from }) };
    timed.push({ ...row, wavelet: { ...wavelet, speed } });
    if (speed.ratio > 1) notes.push(slowNote(layer.label, speed));
  }
  return { rows: timed, notes };
}

const slowNote = (label: string, { ratio, dense, compressed, fasterFrom: from }: LayerSpeed): string =>
  `${label} is smaller but not faster: one sample takes ${compressed.toFixed(2)} ms in place of ${dense.toFixed(2)} (${ratio.toFixed(1)} times as long). ${from === undefined ? "No square layer of this kind that was tried is faster than a dense one here." : `Layers of this kind are faster here from about ${from.toLocaleString("en")} × ${from.toLocaleString("en")} on.`}`;

function denseLayer(inputs: number, outputs: number): Uint8Array {
  const weight = Float32Array.from({ length: inputs * outputs }, (_, i) => Math.cos(i));
  return buildModel({
    nodes: [{ op: "Gemm", inputs: ["x", "w"], outputs: ["y"], attributes: { transB: 1 } }], initializers: [{ name: "w", dims: [outputs, inputs], type: DataType.FLOAT, raw: new Uint8Array(weight.buffer) }],
    inputs: [{ name: "x", type: DataType.FLOAT, shape: ["samples", inputs] }], outputs: [{ name: "y", type: DataType.FLOAT, shape: ["samples", outputs] }],
  });
}

async function millisecondsOf(session: Session, x: Tensor): Promise<number> {
  const start = performance.now();
  await session.run({ x });
  return performance.now() - start;
}
