import { openDataset } from "../evaluation/dataset";
import { batchSize, dataInput, readBatches, runEvaluation, type Outcome } from "../evaluation/evaluate";
import { wilson } from "../evaluation/metrics";
import type { EvaluateRequest, Progress, ValueFacts } from "../protocol/api";
import { KernelscopeError } from "../protocol/errors";
import type { EvaluateReport } from "../protocol/report";
import { openOn } from "../runtime/devices";
import { preprocessOf } from "./data";
import type { Host } from "./host";

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
    const dataset = await openDataset(await host.openData(request.data), input, ...await preprocessOf(request, undefined, host));
    const positions = Array.from({ length: Math.min(dataset.size, request.limit ?? Infinity) }, (_, i) => i);
    const [probe] = await readBatches(dataset, positions.slice(0, batchSize(input, BATCH).size), batchSize(input, BATCH), signal);
    const { session, note } = await openOn(host.runtime, request.model, options, { [input.name]: probe }, positions.length / probe.dims[0]);
    if (request.reference !== undefined) await checkSameInput(request.reference, input, host);
    const reference = request.reference === undefined ? undefined : await host.runtime.open(request.reference, { ...options, device: session.device });
    const started = performance.now();
    try {
      const outcome = await runEvaluation(session, input, dataset, {
        positions, batch: batchSize(input, BATCH), signal,
        onBatch: (done, all) => onProgress({
          stage: "evaluate", text: `${done.toLocaleString("en")} of ${all.toLocaleString("en")} images`, fraction: done / all,
          secondsLeft: (performance.now() - started) / 1000 / done * (all - done),
        }),
      }, reference);
      return { ...figures(outcome, positions.length), seconds: (performance.now() - started) / 1000, samplesPerSecond: positions.length / ((performance.now() - started) / 1000), device: session.device, notes: [...dataset.notes, ...(note === undefined ? [] : [note]), ...(outcome.constant ? ["The outputs are the same for all samples, so the comparison says nothing."] : [])] };
    } finally {
      await session.release();
      await reference?.release();
    }
  } finally {
    await opened.close();
  }
}


/** The figures of an outcome with their intervals. */
export function figures({ classifier, error }: Outcome, samples: number): Pick<EvaluateReport, "samples" | "top1" | "top5" | "agreement" | "kl" | "sqnrDb" | "relativeError" | "intervals"> {
  const shares = { top1: classifier?.top1Share, top5: classifier?.top5Share, agreement: classifier?.agreement };
  const intervals = Object.fromEntries(Object.entries(shares).flatMap(([name, share]) => (share === undefined ? [] : [[name, wilson(share, samples)]])));
  return { samples, ...shares, kl: classifier?.kl, sqnrDb: error?.sqnrDb, relativeError: error?.relativeError, ...(Object.keys(intervals).length && { intervals }) };
}

/** Both models get the same samples. @throws KernelscopeError "usage" naming both inputs */
async function checkSameInput(reference: string, input: ValueFacts, host: Host): Promise<void> {
  const opened = await host.openModel(reference);
  try {
    const other = dataInput(opened.model), shape = (facts: ValueFacts): string => facts.shape.slice(1).join("×");
    const fits = other.name === input.name && other.shape.length === input.shape.length && other.shape.every((dim, axis) => axis === 0 || typeof dim !== "number" || typeof input.shape[axis] !== "number" || dim === input.shape[axis]);
    if (!fits) throw new KernelscopeError("usage", `The models take different inputs: ${input.name} ${shape(input)}, the reference ${other.name} ${shape(other)}. Compare a model with the one that it was made from.`);
  } finally {
    await opened.close();
  }
}
