import { openDataset, type Dataset } from "../evaluation/dataset";
import { batchSize, dataInput, readBatches, type BatchSize } from "../evaluation/evaluate";
import type { PairRequest } from "../protocol/accuracy";
import type { ValueFacts } from "../protocol/api";
import type { Model } from "../onnx/model";
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
  /** Of the compressed model, under the original's name. */
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
    if (!isSameShape(input.shape, own.shape)) throw new KernelscopeError("bad-model", `The two models take different inputs, ${inWords(own)} and ${inWords(input)}, so they cannot be compared. Choose the model that ${host.baseName(request.compressed)} was made of.`);
    const dataset = await openDataset(await host.openData(request.data), input, ...await preprocessOf({ preprocess: request.preprocess, model: request.original }, embeddedRecipe(compressed.model)?.preprocess, host));
    if (!dataset.size) throw new KernelscopeError("bad-data", `${request.data} holds no samples.`);
    return { original, compressed, dataset, input: own.name === input.name ? input : { ...input, name: own.name }, batch: batchSize(input, BATCH), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Numbers of samples may differ, and so may names. */
const isSameShape = (a: ValueFacts["shape"], b: ValueFacts["shape"]): boolean => a.length === b.length && a.every((dim, axis) => axis === 0 || typeof dim !== "number" || typeof b[axis] !== "number" || dim === b[axis]);
const inWords = ({ name, shape }: ValueFacts): string => `${name} ${shape.join("×")}`;

/** Both models on one device; the compressed one's inputs and outputs go by the original's names. */
export async function runPair({ original: { model }, compressed: { model: other }, dataset, batch }: Pair, request: PairRequest, host: Host, samples: number, signal?: AbortSignal): Promise<{ original: Session; compressed: Session; note?: string }> {
  const options = { device: request.device, threads: request.threads };
  const [probe] = await readBatches(dataset, Array.from({ length: Math.min(samples, batch.size) }, (_, i) => i), batch, signal);
  const { session: compressed, note } = await openOn(host.runtime, request.compressed, options, { [dataInput(other).name]: probe }, samples / probe.dims[0]);
  try {
    return { original: await host.runtime.open(request.original, { ...options, device: compressed.device }), compressed: underNamesOf(model, other, compressed), note };
  } catch (error) {
    await compressed.release();
    throw error;
  }
}

/** A session of `other` that takes and gives values under the names that they have in `model`: outputs of one name are the same, others in their order where there are as many. */
function underNamesOf(model: Model, other: Model, session: Session): Session {
  const own = dataInput(model).name, theirs = dataInput(other).name, named = outputNames(model, other);
  if (own === theirs && [...named].every(([a, b]) => a === b)) return session;
  return {
    inputNames: session.inputNames, outputNames: session.outputNames, device: session.device, release: () => session.release(),
    async run({ [own]: tensor, ...more }, outputs) {
      const found = await session.run({ [theirs]: tensor, ...more }, outputs?.map((name) => named.get(name) ?? name)), names = new Map([...named].map(([a, b]) => [b, a]));
      return Object.fromEntries(Object.entries(found).map(([name, value]) => [names.get(name) ?? name, value]));
    },
  };
}

/** What the outputs of a model are called in another one. */
export function outputNames(model: Model, other: Model): Map<string, string> {
  const [own, theirs] = [model, other].map(({ graph }) => graph.outputs.map(({ name }) => name)), isNamed = own.some((name) => theirs.includes(name));
  return new Map(isNamed ? own.filter((name) => theirs.includes(name)).map((name) => [name, name]) : own.length === theirs.length ? own.map((name, i) => [name, theirs[i]]) : []);
}
