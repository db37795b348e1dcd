import { openDataset, type Dataset } from "../evaluation/dataset";
import { batchSize, dataInput, readBatches, type BatchSize } from "../evaluation/evaluate";
import type { PairRequest } from "../protocol/accuracy";
import type { ValueFacts } from "../protocol/api";
import { KernelscopeError } from "../protocol/errors";
import { openOn } from "../runtime/devices";
import type { Session } from "../runtime/runtime";
import { preprocessOf } from "./data";
import type { Host, OpenedModel } from "./host";
import { embeddedRecipe } from "./recipe";

const BATCH = 32;

/** An original, what was made of it, and samples for both. */
export interface Pair {
  original: OpenedModel;
  compressed: OpenedModel;
  dataset: Dataset;
  input: ValueFacts;
  batch: BatchSize;
  close(): Promise<void>;
}

/** @throws KernelscopeError where a file cannot be read, the two take different inputs, or there are no samples for them */
export async function openPair(request: PairRequest, host: Host): Promise<Pair> {
  const opened: OpenedModel[] = [], close = async () => { for (const { close } of opened) await close(); };
  try {
    for (const path of [request.original, request.compressed]) opened.push(await host.openModel(path));
    const [original, compressed] = opened, input = dataInput(compressed.model), own = dataInput(original.model);
    if (input.name !== own.name || input.shape.length !== own.shape.length) throw new KernelscopeError("bad-model", `The two models take different inputs, ${own.name} and ${input.name}, so they cannot be compared. Choose the model that ${host.baseName(request.compressed)} was made of.`);
    const dataset = await openDataset(await host.openData(request.data), input, ...await preprocessOf({ preprocess: request.preprocess, model: request.original }, embeddedRecipe(compressed.model)?.preprocess, host));
    if (!dataset.size) throw new KernelscopeError("bad-data", `${request.data} holds no samples.`);
    return { original, compressed, dataset, input, batch: batchSize(input, BATCH), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Both models on one device. */
export async function runPair({ dataset, input, batch }: Pair, request: PairRequest, host: Host, samples: number, signal?: AbortSignal): Promise<{ original: Session; compressed: Session; note?: string }> {
  const options = { device: request.device, threads: request.threads };
  const [probe] = await readBatches(dataset, Array.from({ length: Math.min(samples, batch.size) }, (_, i) => i), batch, signal);
  const { session: compressed, note } = await openOn(host.runtime, request.compressed, options, { [input.name]: probe }, samples / probe.dims[0]);
  try {
    return { original: await host.runtime.open(request.original, { ...options, device: compressed.device }), compressed, note };
  } catch (error) {
    await compressed.release();
    throw error;
  }
}
