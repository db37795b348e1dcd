import { openDataset, type Dataset } from "../evaluation/dataset";
import { batchSize, changesOf, dataInput, intervalsOf, readBatches, runEvaluation, type Outcome } from "../evaluation/evaluate";
import type { IntegerProgram } from "../evaluation/integer/program";
import { readIntegers } from "../evaluation/integer/read";
import { floatNodes, IntegerExecutor } from "../evaluation/integer/run";
import { testVectors } from "../evaluation/integer/vectors";
import { doubtOf, SAYS_NOTHING } from "../evaluation/labels";
import { encodeNpz } from "../evaluation/npz-write";
import type { Model } from "../onnx/model";
import type { EvaluateRequest, Progress, ValueFacts } from "../protocol/api";
import { KernelscopeError } from "../protocol/errors";
import { formatBytes } from "../protocol/sizes";
import type { EvaluateReport } from "../protocol/report";
import { openOn } from "../runtime/devices";
import type { Session, Tensor } from "../runtime/runtime";
import { preprocessOf } from "./data";
import type { Host } from "./host";
import { embeddedRecipe } from "./recipe";

const BATCH = 64;

/**
 * Runs a model over a data set, and compares it with a reference where one is given.
 * @throws KernelscopeError "bad-data" and others with a sentence for the user
 */
export async function evaluateModel(request: EvaluateRequest, host: Host, onProgress: (p: Progress) => void = () => undefined, signal?: AbortSignal): Promise<EvaluateReport> {
  if (request.data === undefined) throw new KernelscopeError("usage", "Evaluating needs samples. Choose a data folder.");
  const opened = await host.openModel(request.model);
  const options = { device: request.device, threads: request.threads };
  try {
    const input = dataInput(opened.model);
    if (request.reference !== undefined) await checkSameInput(request.reference, input, host);
    const dataset = await openDataset(await host.openData(request.data), input, ...await preparationsOf(request, opened.model, host));
    const positions = Array.from({ length: Math.min(dataset.size, request.limit ?? Infinity) }, (_, i) => i);
    const [probe] = await readBatches(dataset, positions.slice(0, batchSize(input, BATCH).size), batchSize(input, BATCH), signal);
    const program = request.integers || request.vectors !== undefined ? await readIntegers(opened.model) : undefined;
    const written = program && request.vectors !== undefined ? [await writeVectors(program, opened.model, await firstOf(dataset, input, request.vectorSamples, signal), request.vectors, host)] : [];
    const { session, note } = program ? await openIntegers(program, opened.model, host) : await openOn(host.runtime, request.model, options, { [input.name]: probe }, positions.length / probe.dims[0]);
    const reference = request.reference === undefined ? undefined : await host.runtime.open(request.reference, { ...options, device: session.device });
    const started = performance.now();
    try {
      const { outcome, reference: original } = await runEvaluation(session, input, dataset, {
        positions, batch: batchSize(input, BATCH), signal,
        onBatch: (done, all) => onProgress({
          stage: "evaluate", text: `${done.toLocaleString("en")} of ${all.toLocaleString("en")} images`, fraction: done / all,
          secondsLeft: (performance.now() - started) / 1000 / done * (all - done),
        }),
      }, reference);
      const wrong = original?.classifier?.top1Share === undefined ? doubtOf(outcome.classifier?.top1Share, positions.length, "The model") : doubtOf(original.classifier.top1Share, positions.length, "The reference");
      return { ...figures(outcome, positions.length, original?.says), ...(original?.classifier?.top1Share !== undefined && { reference: { top1: original.classifier.top1Share, top5: original.classifier.top5Share } }), seconds: (performance.now() - started) / 1000, samplesPerSecond: positions.length / ((performance.now() - started) / 1000), device: session.device, notes: [...dataset.notes, ...(dataset.doubts ?? []), ...written, ...(note === undefined ? [] : [note]), ...wrong, ...(original && !original.says ? [SAYS_NOTHING.replace("The original", "The reference")] : outcome.says ? [] : ["The model puts out the same for all of these images."])] };
    } finally {
      await session.release();
      await reference?.release();
    }
  } finally {
    await opened.close();
  }
}

/** As {@link preprocessOf}; a model without words of its own gets what its reference does. */
async function preparationsOf(request: EvaluateRequest, model: Model, host: Host): ReturnType<typeof preprocessOf> {
  const own = await preprocessOf(request, embeddedRecipe(model)?.preprocess, host);
  return request.reference === undefined ? own : [...own, ...await preprocessOf({ model: request.reference }, undefined, host)];
}

/** Samples in test vectors, where nothing else is asked for. */
const VECTORS = 4;

/** The samples that test vectors are made of: as many as are asked for, or the one number that the model takes. @throws KernelscopeError "usage" where these differ */
async function firstOf(dataset: Dataset, input: ValueFacts, wanted: number | undefined, signal?: AbortSignal): Promise<Tensor> {
  const size = batchSize(input, wanted ?? VECTORS);
  if (wanted !== undefined && size.fixed && size.size !== wanted) throw new KernelscopeError("usage", `This model takes ${size.size === 1 ? "one sample" : `${size.size} samples`} at a time and no other number, so the test vectors are of as many. Leave out --vector-samples.`);
  const [batch] = await readBatches(dataset, Array.from({ length: Math.min(size.size, dataset.size) }, (_, i) => i), size, signal);
  return batch;
}

async function openIntegers(program: IntegerProgram, model: Model, host: Host): Promise<{ session: Session; note: string }> {
  const floats = floatNodes(program), how = floats.length ? `Computed with integers but for what the file leaves to floats: ${floats.join(", ")}.` : "Computed with integers alone.";
  return { session: await IntegerExecutor.open(program, model, host.runtime), note: `${how} onnxruntime scales the sums with floats and may round one a step away, so what it makes of the same file can differ by some predictions.` };
}

/** @returns what was written, in words. @throws KernelscopeError "write-failed", "file-exists" */
async function writeVectors(program: IntegerProgram, model: Model, batch: Tensor, path: string, host: Host): Promise<string> {
  if (await host.exists(path)) throw new KernelscopeError("file-exists", `${path} exists already. Give --vectors another name.`);
  const { arrays, about } = await testVectors(program, model, batch, host.runtime), bytes = encodeNpz(arrays, new Map([["about.json", about]])), [count] = batch.dims;
  await host.write(path, (sink) => sink.write(bytes), false);
  return `Written: ${path}, ${formatBytes(bytes.length)}, what goes into and comes out of every step on the first ${count === 1 ? "sample" : `${count} samples`}; its about.json says what each array is.`;
}

/** The figures of an outcome with their intervals. @param says whether the reference's outputs tell samples apart */
export function figures(outcome: Outcome, samples: number, says = true): Pick<EvaluateReport, "samples" | "top1" | "top5" | "agreement" | "kl" | "sqnrDb" | "relativeError" | "intervals" | "changes"> {
  const { classifier, error } = outcome, intervals = intervalsOf(outcome, samples, says), changes = changesOf(outcome);
  return {
    samples, top1: classifier?.top1Share, top5: classifier?.top5Share, ...(says && { agreement: classifier?.agreement, kl: classifier?.kl?.value }), sqnrDb: error?.sqnrDb?.value, relativeError: error?.relativeError?.value,
    ...(Object.keys(intervals).length && { intervals }), ...(changes && { changes }),
  };
}

/** Both models get the same samples, under whatever name. @throws KernelscopeError "usage" naming both inputs */
export async function checkSameInput(reference: string, input: ValueFacts, host: Host): Promise<void> {
  const opened = await host.openModel(reference);
  try {
    const other = dataInput(opened.model), shape = (facts: ValueFacts): string => facts.shape.slice(1).join("×");
    const fits = other.shape.length === input.shape.length && other.shape.every((dim, axis) => axis === 0 || typeof dim !== "number" || typeof input.shape[axis] !== "number" || dim === input.shape[axis]);
    if (!fits) throw new KernelscopeError("usage", `The models take different inputs: ${input.name} ${shape(input)}, the reference ${other.name} ${shape(other)}. Compare a model with the one that it was made from.`);
  } finally {
    await opened.close();
  }
}
