import { openDataset, readPreprocess, splitPositions, tooFew, type Dataset } from "../evaluation/dataset";
import { batchesOf, batchSize, dataInput, readBatches, type BatchSize } from "../evaluation/evaluate";
import { checkLabels } from "../evaluation/labels";
import type { RangeKind } from "../evaluation/ranges";
import { preprocessBeside, type Preprocess } from "../evaluation/preprocess";
import type { Layer } from "../onnx/layers";
import type { Model } from "../onnx/model";
import { peakActivations } from "../onnx/peak";
import { DataType } from "../onnx/tensor";
import type { CompressRequest, ValueFacts } from "../protocol/api";
import { Liveness, type Batches } from "./flow";
import type { FitTools } from "./fit";
import { parseTuning } from "../protocol/tuning";
import type { Tensor } from "../runtime/runtime";
import { askedMethods, triesToShare, type Asked, type Job } from "./goal";
import type { Host } from "./host";
import { RatingRecord, type RatingOptions } from "./ratings";
import { interpolate, rateWithData, rateWithoutData, type LayerSensitivity } from "./sensitivity";
import { classesOf, rateShared } from "./share-ratings";
import { findByName } from "./write";

/** Calibration images that plans are rated on. */
const RATING_SAMPLES = 256;
/** Images that ranges of activations are looked for on, where a recipe does not say how many. */
const MOST_CALIBRATED = 2048;
/** Memory that activations of samples that are fitted to may take, of two networks at once. */
const ACTIVATION_BYTES = 3e9;
/** Samples of so many bytes are fitted to where a network leaves room for more, or its sizes are open; of the latter 16 at least. */
const INPUT_BYTES = 1.5e9 / 128, LEAST_USUAL = 16;
/** So many samples are fitted to whatever they take. */
const LEAST_FITTED = 4;
export const BATCH = 64;
/** Samples whose activations are looked at together. */
const CALIBRATION_BATCH = 16;
/** Samples that a fit does not see are worth looking at where there are so many; more would tell little more. */
const UNSEEN = { least: 256, most: 4096, bytes: 2.5e8 };
/** So many of the samples tell how a training gets on. */
const WATCHED = { share: 0.15, most: 1024 };

/** Samples that the report is measured on. */
export interface EvaluationSet { dataset: Dataset; held: number[]; input: ValueFacts }

/** Data as a job uses it. */
export interface JobData extends EvaluationSet {
  /** What is held in memory, to be fitted to. */
  fit: Batches;
  /** All samples for calibration, read anew each time. */
  calibration: { size: number; batches(): AsyncIterable<Tensor> };
  rating: Batches;
  /** All samples that may be trained on. */
  trained: readonly number[];
  /** Samples that the fit does not see, though it could: they tell which of two plans does better. None where there are too few. */
  unseen: readonly number[];
  /** Samples that only tell how a training gets on; none where there is none. Like those of the report they are not fitted to. */
  watched: readonly number[];
  notes: readonly string[];
}

/**
 * Reads a job's calibration images, and says which are held out for the report.
 * @param options.isFitted hold as many as a fit may use; otherwise no more than those that plans are rated on
 * @throws KernelscopeError "bad-data"
 */
export async function readJobData({ request, recipe }: Job, model: Model, host: Host, signal?: AbortSignal, { isFitted = true }: { isFitted?: boolean } = {}): Promise<JobData> {
  const input = dataInput(model);
  const dataset = await openDataset(await host.openData(request.data!), input, ...await preprocessOf(request, recipe.preprocess, host));
  checkLabels(dataset, model);
  const { fit, held } = request.evalData === undefined ? splitPositions(dataset.size) : { fit: Array.from({ length: dataset.size }, (_, i) => i), held: [] };
  const mixed = shuffled(fit), watching = parseTuning(request.tune) ? Math.min(WATCHED.most, Math.ceil(WATCHED.share * mixed.length)) : 0;
  const trained = mixed.slice(0, mixed.length - watching), streamed = inFileOrder(trained.slice(0, recipe.data?.limit ?? MOST_CALIBRATED), recipe.integers?.ranges), size = batchSize(input, isFitted ? BATCH : CALIBRATION_BATCH);
  const chosen = trained.slice(0, Math.min(recipe.data?.limit ?? Infinity, samplesThatFit(model, dataset.shape), isFitted ? Infinity : Math.ceil(RATING_SAMPLES / size.size) * size.size));
  if (!chosen.length) throw tooFew(request.data!, dataset.size, "to fit to");
  const others = trained.slice(chosen.length, chosen.length + Math.min(UNSEEN.most, Math.floor(UNSEEN.bytes / (4 * dataset.shape.reduce((all, one) => all * one, 1)))));
  const batches = await readBatches(dataset, chosen, size, signal);
  return {
    dataset, input, held, trained, unseen: !isFitted || others.length < UNSEEN.least ? [] : others, watched: mixed.slice(trained.length), notes: dataset.notes, fit: { input: input.name, batches }, calibration: { size: streamed.length, batches: () => tensorsOf(dataset, streamed, batchSize(input, CALIBRATION_BATCH), signal) },
    rating: ratedOf(batches, dataset, chosen, input),
  };
}

/** What lies together is read together, where nothing else depends on the order. */
const inFileOrder = (positions: number[], ranges: RangeKind | undefined): number[] => (ranges === "minMax" ? positions.sort((a, b) => a - b) : positions);

/** The first batches, with what their samples show where that is known. */
function ratedOf(all: Tensor[], { labels }: Dataset, positions: readonly number[], { name }: ValueFacts): Batches {
  const batches = all.slice(0, Math.ceil(RATING_SAMPLES / all[0].dims[0])), next = positions.values();
  return { input: name, batches, labels: labels && batches.map(({ dims: [count] }) => Int32Array.from({ length: count }, () => labels[next.next().value ?? 0])) };
}

/** Samples batch by batch; a last one that does not fill a fixed batch is left out, unless it is the only one. */
async function* tensorsOf(dataset: Dataset, positions: readonly number[], size: BatchSize, signal?: AbortSignal): AsyncGenerator<Tensor> {
  const whole = size.fixed && positions.length > size.size ? positions.length - positions.length % size.size : positions.length;
  for await (const { tensor } of batchesOf(dataset, positions.slice(0, whole), size, signal)) yield tensor;
}

const samplesIn = ({ batches }: Batches): number => batches.reduce((sum, { dims: [count] }) => sum + count, 0);

/** All samples of a folder, for the report alone. */
export async function readEvaluationSet(folder: string, { request, recipe }: Job, model: Model, host: Host): Promise<EvaluationSet> {
  const input = dataInput(model);
  const dataset = await openDataset(await host.openData(folder), input, ...await preprocessOf(request, recipe.preprocess, host));
  checkLabels(dataset, model);
  return { dataset, input, held: Array.from({ length: dataset.size }, (_, i) => i) };
}

/** What decides a job's results beside model and recipe: the program, and the samples as the model gets them. */
export async function stampOf(data: JobData | undefined, host: Host): Promise<string> {
  const parts = [await host.program()];
  for (const batch of data?.fit.batches ?? []) parts.push(batch.dims.join("×"), await hashOf(batch.data));
  if (data && data.calibration.size > samplesIn(data.fit)) parts.push(await hashOf(data.trained.slice(0, data.calibration.size).map((position) => data.dataset.nameOf(position)).join("\n")));
  if (data?.unseen.length) parts.push(await hashOf(data.unseen.map((position) => data.dataset.nameOf(position)).join("\n")));
  if (data?.rating.labels) parts.push(await hashOf(data.rating.labels.join()));
  // those that are only trained on are too many to be read beforehand
  if (data?.watched.length) parts.push(await hashOf([...data.trained, ...data.watched].map((position) => data.dataset.nameOf(position)).join("\n")));
  return hashOf(parts.join());
}

/** How the layers of a job's model are rated. */
export function ratingOptions(job: Job, layers: readonly Layer[]): RatingOptions {
  const asked = askedMethods(job).flatMap(({ name, method, options }): [Layer, Pick<Asked, "method" | "options">][] => {
    const layer = findByName(layers, name);
    return layer && layer.blocked === undefined && method.accepts(layer, options) === true ? [[layer, { method, options }]] : [];
  });
  return { method: job.request.method, asked: new Map(asked), shares: triesToShare(job) };
}

/** What ratings are kept by: hashes of the model's files, {@link stampOf} the samples, and what else decides them. */
export interface RatingKey { hashes: readonly string[]; stamp: string; method: string | undefined; seed: number; inference?: CompressRequest["inference"]; prune?: { compute: number } }

/** Where the ratings of a model on the same samples are kept. */
export async function ratingRecord({ hashes, stamp, method, seed, inference, prune }: RatingKey, host: Host): Promise<RatingRecord> {
  return new RatingRecord(host.ratings?.((await hashOf(JSON.stringify([hashes, stamp, method, seed, ...(inference === "integer" ? [inference] : []), ...(prune ? [prune] : [])]))).slice(0, 24)));
}

/** Ratings of a model's layers: those that an earlier job on the same samples has left, the others measured now; with those of codebooks in common where layers may share, and samples will tell whether they should. */
export async function rateLayers(model: Model, layers: readonly Layer[], data: JobData | undefined, record: RatingRecord, { method, asked, shares }: RatingOptions, tools: FitTools, onLayer: (layer: Layer, begun: number, of: number) => void): Promise<LayerSensitivity[]> {
  let begun = 0, of = asked.size;
  const watched: FitTools = { ...tools, onLayer: (layer) => onLayer(layer, begun++, of) };
  const own = await record.complete(layers, (missing, onRated) => {
    of += missing.length;
    return data ? rateWithData(model, missing, data.rating, watched, { method, onRated }) : rateWithoutData(model, missing, watched, { method, onRated });
  });
  if (!data) return own;
  const ratings: LayerSensitivity[] = [];
  for (const rating of own) ratings.push(await withAsked(rating, model, data.rating, asked.get(rating.layer), record, watched));
  if (!shares) return ratings;
  const shared = new Map<Layer, LayerSensitivity>(), stream = { liveness: new Liveness(model, data.rating.input), samples: data.rating };
  for (const shape of classesOf(ratings)) for (const rating of await record.shared(shape, () => rateShared(model, shape, tools, stream))) shared.set(rating.layer, rating);
  return ratings.map((rating) => shared.get(rating.layer) ?? rating);
}

/** A layer's rating with what a method would do that its recipe asks for. */
async function withAsked(rating: LayerSensitivity, model: Model, samples: Batches, asked: Pick<Asked, "method" | "options"> | undefined, record: RatingRecord, tools: FitTools): Promise<LayerSensitivity> {
  if (!asked) return rating;
  const { layer, candidates, response } = rating;
  const others = await record.asked(layer, asked, async () => (await rateWithData(model, [layer], samples, tools, { asked })).flatMap((found) => found.candidates));
  return { ...rating, candidates: [...candidates, ...others.map((candidate) => ({ ...candidate, loss: interpolate(response, candidate.noise) }))] };
}

/** How images become inputs, what counts first coming first: the file that a request names, the recipe, `NAME.preprocess.json` beside the model. */
export async function preprocessOf({ preprocess, model }: { preprocess?: string; model: string }, recipe: Preprocess | undefined, host: Host): Promise<(Preprocess | undefined)[]> {
  const read = async (path: string): Promise<Preprocess> => {
    const bytes = new TextEncoder().encode(await host.readText(path));
    return readPreprocess({ size: bytes.length, read: async () => bytes }, host.baseName(path));
  };
  const beside = preprocessBeside(model);
  return [preprocess === undefined ? undefined : await read(preprocess), recipe, await host.exists(beside) ? await read(beside) : undefined];
}

/**
 * How many samples are fitted to: those that plans are rated on, or more where they are small, as far as memory has room for what is alive in between two layers, in floats.
 * @param shape of a sample
 */
export function samplesThatFit(model: Model, shape: readonly number[]): number {
  const usual = Math.floor(INPUT_BYTES / (4 * shape.reduce((all, one) => all * one, 1))), peak = peakActivations(model)?.bytes;
  if (peak === undefined) return Math.max(LEAST_USUAL, usual);
  const widening = Array.from(model.graph.initializers.values()).some(({ type }) => type === DataType.FLOAT16) ? 2 : 1; // halves are floats in a fit
  return Math.max(LEAST_FITTED, Math.min(Math.max(RATING_SAMPLES, usual), Math.floor(ACTIVATION_BYTES / (2 * widening * peak))));
}

/** A fixed shuffle, so that batches mix the classes of a sorted folder. */
function shuffled(positions: readonly number[]): number[] {
  return positions.map((p) => ({ p, key: Math.imul(p + 1, 0x9e3779b1) >>> 0 })).sort((a, b) => a.key - b.key || a.p - b.p).map(({ p }) => p);
}

/** SHA-256 in hexadecimal digits. */
export async function hashOf(content: string | Float32Array): Promise<string> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : new Uint8Array(content.buffer, content.byteOffset, content.byteLength);
  return Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>)), (b) => b.toString(16).padStart(2, "0")).join("");
}
