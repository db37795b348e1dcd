import { openDataset } from "../evaluation/dataset";
import { dataInput, inputOf, readBatches } from "../evaluation/evaluate";
import { Random } from "../numeric/random";
import type { LatencyRequest, Progress } from "../protocol/api";
import { KernelscopeError, throwIfCancelled } from "../protocol/errors";
import type { LatencyReport } from "../protocol/report";
import type { Session, Tensor } from "../runtime/runtime";
import { preprocessOf } from "./data";
import { checkSameInput } from "./evaluate";
import type { Host } from "./host";
import { embeddedRecipe } from "./recipe";

/** Runs of each model before any that counts. */
const WARM_UPS = 5;
/** Pairs of runs: as many as fit into some seconds, but no fewer and no more than this. */
const FEWEST = 15, MOST = 201, SECONDS = 5;
/** Between two runs, so that the threads of the one before have gone to sleep. */
const PAUSE_MS = 4;

/**
 * How long a model and what was made of it take for one sample on this machine: runs of the two alternate, so that whatever else it does slows both down.
 * @throws KernelscopeError where a file cannot be read, or nothing says how large an input is
 */
export async function measureLatency(request: LatencyRequest, host: Host, onProgress: (p: Progress) => void = () => undefined, signal?: AbortSignal): Promise<LatencyReport> {
  const inputs = await sampleFor(request, host, signal), device = request.device === "auto" ? "cpu" : request.device ?? "cpu", options = { device, threads: request.threads };
  const sessions: Session[] = [];
  try {
    for (const model of [request.original, request.compressed]) sessions.push(await host.runtime.open(model, options));
    const [original, compressed] = sessions, pairs: [before: number, after: number][] = [];
    for (let i = 0; i < WARM_UPS; i++) for (const session of sessions) await millisecondsOf(session, inputs);
    const started = performance.now();
    for (let elapsed = 0; pairs.length < MOST && (pairs.length < FEWEST || elapsed < SECONDS); elapsed = (performance.now() - started) / 1000) {
      throwIfCancelled(signal);
      const first = pairs.length % 2 ? compressed : original, second = first === original ? compressed : original, times = [await millisecondsOf(first, inputs), await millisecondsOf(second, inputs)];
      pairs.push(first === original ? [times[0], times[1]] : [times[1], times[0]]);
      onProgress({ stage: "latency", text: `${pairs.length} ${pairs.length === 1 ? "pair" : "pairs"} of runs`, fraction: Math.min(1, Math.max(pairs.length / MOST, Math.min(pairs.length / FEWEST, elapsed / SECONDS))) });
    }
    return { ...latencyOf(pairs), batch: Object.values(inputs)[0].dims[0], threads: request.threads ?? host.threads, device: original.device };
  } finally {
    for (const session of sessions) await session.release();
  }
}

/** Medians of both, and of how many times as long the second takes, pair by pair, with a 95 % interval that supposes nothing of how times are spread. */
export function latencyOf(pairs: readonly (readonly [before: number, after: number])[]): Pick<LatencyReport, "before" | "after" | "ratio" | "interval" | "pairs"> {
  const sorted = (values: number[]) => values.sort((a, b) => a - b), count = pairs.length, ratios = sorted(pairs.map(([before, after]) => after / before)), far = 0.98 * Math.sqrt(count);
  const median = (values: readonly number[]) => (values[(count - 1) >> 1] + values[count >> 1]) / 2;
  return { before: median(sorted(pairs.map(([before]) => before))), after: median(sorted(pairs.map(([, after]) => after))), ratio: median(ratios), interval: [ratios[Math.max(0, Math.floor(count / 2 - far))], ratios[Math.min(count - 1, Math.ceil(count / 2 + far) - 1)]], pairs: count };
}

async function millisecondsOf(session: Session, inputs: Record<string, Tensor>): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  const feeds = Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [inputOf(session, name), tensor])), start = performance.now();
  await session.run(feeds);
  return performance.now() - start;
}

/** Numbers of the input's shape; where that is left open, the first sample of the data. */
async function sampleFor({ original, compressed, data, preprocess }: LatencyRequest, host: Host, signal?: AbortSignal): Promise<Record<string, Tensor>> {
  const opened = await host.openModel(compressed);
  try {
    const input = dataInput(opened.model), [batch, ...rest] = input.shape, size = typeof batch === "number" && batch > 0 ? batch : 1;
    await checkSameInput(original, input, host);
    if (isFixed(rest)) return { [input.name]: anything([size, ...rest]) };
    if (data === undefined) throw new KernelscopeError("usage", `The model leaves open how large its input ${input.name} is. Choose a data folder: its first sample is what the time is measured with.`);
    const dataset = await openDataset(await host.openData(data), input, ...await preprocessOf({ preprocess, model: original }, embeddedRecipe(opened.model)?.preprocess, host));
    const [tensor] = await readBatches(dataset, Array.from({ length: size }, (_, i) => i % dataset.size), { size, fixed: true }, signal);
    return { [input.name]: tensor };
  } finally {
    await opened.close();
  }
}

const isFixed = (shape: readonly (number | string)[]): shape is readonly number[] => shape.every((dim) => typeof dim === "number" && dim > 0);

function anything(dims: number[]): Tensor {
  const random = new Random(1);
  return { dims, data: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => random.next()) };
}
