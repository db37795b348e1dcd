import type { ValueInfo, Model } from "../onnx/model";
import { typeName } from "../onnx/tensor";
import type { ValueFacts } from "../protocol/api";
import { KernelscopeError, throwIfCancelled } from "../protocol/errors";
import type { AccuracyChanges, Interval } from "../protocol/estimates";
import type { Session, Tensor } from "../runtime/runtime";
import type { Dataset } from "./dataset";
import { labelsOf } from "./labels";
import { ClassifierMetrics, ErrorMetrics, wilson } from "./metrics";

/** The one input that data goes into. @throws KernelscopeError "unsupported" for models with several */
export function dataInput(model: Model): ValueFacts {
  const { graph } = model;
  const inputs = graph.inputs.filter(({ name }) => !graph.initializers.has(name));
  if (inputs.length !== 1) throw new KernelscopeError("unsupported", inputs.length === 0 ? "This model has no input, so there is nothing to run it on." : `This model has ${inputs.length} inputs (${inputs.map(({ name }) => name).join(", ")}); data sets with one array for each are not understood yet.`);
  return valueFacts(inputs[0]);
}

export const valueFacts = ({ name, elemType, shape }: ValueInfo): ValueFacts => ({ name, type: elemType === undefined ? "?" : typeName(elemType), shape: shape ?? [] });

/** Samples that go through a model at once. */
export interface BatchSize { size: number; /** The model takes no other. */ fixed: boolean }

/** What the model's input says, or `wanted` where the batch is free. */
export function batchSize(input: ValueFacts, wanted: number): BatchSize {
  const [batch] = input.shape;
  return typeof batch === "number" && batch > 0 ? { size: batch, fixed: true } : { size: wanted, fixed: false };
}

/** Outputs of the samples of a batch, without what fills up a batch; `classes` where they are a classifier's. */
export interface Outputs { values: Float32Array; count: number; classes?: number }

/** What a model puts out for a batch: a classifier has one output, [N, C]. @param name of the output, where another than the first is meant */
export async function outputsOf(session: Session, input: ValueFacts, { tensor, count }: Pick<ReadBatch, "tensor" | "count">, name?: string): Promise<Outputs> {
  const results = await session.run({ [inputOf(session, input.name)]: tensor }), { data, dims } = results[name !== undefined && name in results ? name : session.outputNames[0]], rows = tensor.dims[0];
  const isClassifier = session.outputNames.length === 1 && dims.length === 2 && dims[0] === rows && dims[1] > 1;
  return { values: data.subarray(0, data.length / rows * count), count, classes: isClassifier ? dims[1] : undefined };
}

/** Adds up what a model puts out, beside what a reference does. */
export class Outcome {
  classifier?: ClassifierMetrics;
  error?: ErrorMetrics;
  private constant = true;
  private samples = 0;
  private first: Float32Array | undefined;

  /** @throws KernelscopeError "bad-model" where the reference has outputs of another shape */
  add({ values, count, classes }: Outputs, labels: ArrayLike<number> | undefined, reference?: Outputs): void {
    if (reference && reference.values.length !== values.length) throw new KernelscopeError("bad-model", "The two models have outputs of different shapes, so they cannot be compared.");
    if (classes !== undefined) {
      this.classifier ??= new ClassifierMetrics();
      this.classifier.add(values, classes, labels, reference?.values);
    } else {
      this.error ??= new ErrorMetrics();
      if (reference) this.error.add(values, reference.values, count);
      else this.error.samples += count;
    }
    const first = this.first ??= values.slice(0, values.length / count);
    this.samples += count;
    this.constant &&= values.every((v, i) => v === first[i % first.length]);
  }

  /** Whether outputs tell any two samples apart: where they do not, that two models agree says nothing. */
  get says(): boolean { return !this.constant || this.samples < 2; }
}

/** The ends of the 95 % intervals of an outcome's figures, by name: Wilson's of shares, the normal one of a mean divergence, that of a ratio of relative errors. @param says whether the reference's outputs tell samples apart */
export function intervalsOf({ classifier, error }: Outcome, samples: number, says = true): Record<string, Interval> {
  const found: Record<string, Interval> = {};
  const shares = { top1: classifier?.top1Share, top5: classifier?.top5Share, agreement: says ? classifier?.agreement : undefined };
  for (const [name, share] of Object.entries(shares)) if (share !== undefined) found[name] = wilson(share, samples);
  for (const [name, estimate] of Object.entries({ kl: says ? classifier?.kl : undefined, relativeError: error?.relativeError, sqnrDb: error?.sqnrDb })) if (estimate && Number.isFinite(estimate.high)) found[name] = [name === "sqnrDb" ? estimate.low : Math.max(0, estimate.low), estimate.high];
  return found;
}

/** How much of the accuracy of a reference is gone or gained in an outcome on the same samples; undefined where labels do not tell it. */
export function changesOf({ classifier }: Outcome): AccuracyChanges | undefined {
  const changes = classifier?.changes;
  return changes && { top1: changes.top1.change, top5: changes.top5.change };
}

/** What a session calls the one input that another model has under a name. */
export const inputOf = ({ inputNames }: Session, name: string): string => (inputNames.includes(name) ? name : inputNames[0] ?? name);

export interface RunOptions {
  positions?: ArrayLike<number>;
  batch: BatchSize;
  signal?: AbortSignal;
  onBatch?(done: number, total: number): void;
}

/**
 * Runs a model over a data set, and a reference beside it. A model with one output [N, C] is a classifier; others are compared by error.
 * Memory does not grow with the number of samples.
 */
export async function runEvaluation(session: Session, input: ValueFacts, dataset: Dataset, options: RunOptions, reference?: Session): Promise<{ outcome: Outcome; reference?: Outcome }> {
  const positions = options.positions ?? Array.from({ length: dataset.size }, (_, i) => i), outcome = new Outcome(), ofReference = reference && new Outcome(), [output] = session.outputNames;
  for await (const batch of batchesOf(dataset, positions, options.batch, options.signal)) {
    const own = await outputsOf(session, input, batch), labels = labelsIn(dataset, batch, own), wanted = reference && await outputsOf(reference, input, batch, output);
    outcome.add(own, labels, wanted);
    if (wanted) ofReference?.add(wanted, labels);
    options.onBatch?.(batch.done, positions.length);
  }
  return { outcome, reference: ofReference };
}

/** What the samples of a batch show, where that is known and the outputs are a classifier's. */
export const labelsIn = (dataset: Dataset, { chosen }: Pick<ReadBatch, "chosen">, { classes }: Outputs): number[] | undefined => (classes === undefined ? undefined : labelsOf(dataset, chosen, classes));

/** Samples of a data set as they go into a model. */
export interface ReadBatch { count: number; chosen: number[]; tensor: Tensor }

/** Batch after batch, each read while the one before is worked on; `done` counts the samples up to its end. */
export async function* batchesOf(dataset: Dataset, positions: ArrayLike<number>, { size, fixed }: BatchSize, signal?: AbortSignal): AsyncGenerator<ReadBatch & { done: number }> {
  let next = readBatch(dataset, positions, 0, size, fixed);
  for (let at = 0; at < positions.length; at += size) {
    throwIfCancelled(signal);
    const batch = await next;
    if (at + size < positions.length) next = readBatch(dataset, positions, at + size, size, fixed);
    next.catch(() => undefined); // a failure is reported when it is awaited
    yield { ...batch, done: at + batch.count };
  }
}

/** A batch; filled up with its last sample to a batch size that the model fixes. */
async function readBatch(dataset: Dataset, positions: ArrayLike<number>, at: number, size: number, fixed: boolean): Promise<ReadBatch> {
  const chosen = Array.from({ length: Math.min(size, positions.length - at) }, (_, i) => positions[at + i]);
  const filled = fixed ? Array.from({ length: size }, (_, i) => chosen[Math.min(i, chosen.length - 1)]) : chosen;
  return { count: chosen.length, chosen, tensor: { dims: [filled.length, ...dataset.shape], data: await dataset.batch(filled) } };
}

/** All samples of these positions as batches in memory, for calibration; a last one that does not fill a fixed batch is left out. */
export async function readBatches(dataset: Dataset, positions: ArrayLike<number>, { size, fixed }: BatchSize, signal?: AbortSignal): Promise<Tensor[]> {
  const batches: Tensor[] = [];
  for (let at = 0; at < positions.length && !(fixed && at > 0 && at + size > positions.length); at += size) {
    throwIfCancelled(signal);
    batches.push((await readBatch(dataset, positions, at, size, fixed)).tensor);
  }
  return batches;
}
