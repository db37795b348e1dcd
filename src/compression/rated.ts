import type { Preparation } from "../evaluation/preprocess";
import { findLayers, type Layer } from "../onnx/layers";
import type { Model } from "../onnx/model";
import type { Progress } from "../protocol/api";
import { KernelscopeError } from "../protocol/errors";
import { shareOf } from "../protocol/pruning";
import type { PruningReport } from "../protocol/report";
import { Products } from "../runtime/products";
import { pruneForJob } from "./prune/job";
import { rateLayers, ratingOptions, ratingRecord, readJobData, stampOf } from "./data";
import { doubtsIn } from "./doubts";
import type { FitTools } from "./fit";
import type { Job } from "./goal";
import type { Host, OpenedModel } from "./host";
import type { Biases } from "./lean/biases";
import { integerNetwork } from "./integer/network";
import { integerOverhead, type IntegerOverhead } from "./integer/overhead";
import { nothingToCompress } from "./checks";
import { checkIntegers } from "./integer/ready";
import { knownRounding, roundingKey } from "./integer/rounding";
import type { RatingRecord } from "./ratings";
import type { LayerSensitivity } from "./sensitivity";

/** A model with ratings of all that it could become. */
export interface RatedModel {
  opened: OpenedModel;
  layers: readonly Layer[];
  /** Of every layer that can be compressed. */
  ratings: readonly LayerSensitivity[];
  /** What speaks against the images. */
  doubts: readonly string[];
  /** Images that ratings were measured on; none were run where absent. */
  samples?: number;
  /** How they became inputs, unless they are inputs as they are. */
  preparation?: Preparation;
  /** Those that are written in 16 bits. */
  biases?: Biases;
  /** What it was relieved of before. */
  pruning?: PruningReport;
  /** Of its activations, where these are integers. */
  integers?: IntegerOverhead;
  /** What predictions are held against. */
  original: Model;
  /** Where they are kept, and what presets came to. */
  record: RatingRecord;
}

/**
 * Rates every layer of a job's model as the job itself would, so that neither has to do it twice.
 * @param known only looks up what is kept, and gives nothing where that is not all
 * @throws KernelscopeError "nothing-to-compress", "unsupported"
 */
export async function rateModel(job: Job, opened: OpenedModel, host: Host, known: boolean, tell: (p: Progress) => void, signal?: AbortSignal): Promise<RatedModel | undefined> {
  const { request } = job, isInteger = request.inference === "integer", started = performance.now();
  const nothing = nothingToCompress(findLayers(opened.model));
  if (nothing !== undefined) throw new KernelscopeError("nothing-to-compress", nothing);
  checkIntegers(opened.model, request);
  const data = request.data === undefined ? undefined : await readJobData(job, opened.model, host, signal);
  const doubted = async (): Promise<string[]> => (data ? doubtsIn(data, opened.model, host.runtime, request.threads) : []), doubts = known ? [] : await doubted(), onProgress = (progress: Progress): void => tell({ ...progress, ...(doubts.length && { warning: doubts.join(" ") }) });
  const hashes = await Promise.all(opened.files.map((file) => host.hash(file))), stamp = await stampOf(data, host), seed = request.seed ?? 1, products = new Products(host.runtime, request.threads);
  try {
    const tools: FitTools = { runtime: host.runtime, pool: host.pool, products, seed, threads: request.threads, signal };
    // to know what is left of a model takes a fit
    const pruning = shareOf(request.prune);
    if (known && pruning) return undefined;
    const pruned = data && pruning ? await pruneForJob({ job, pruning, opened, data, hashes, stamp, host, tools, onProgress: (text, done) => onProgress({ stage: "prune", text, fraction: done }) }) : undefined, base = pruned?.opened ?? opened;
    const model = isInteger ? (await integerNetwork(base.model, data?.rating, host.runtime, { threads: request.threads, signal })).model : base.model;
    const layers = findLayers(model), open = layers.filter(({ blocked }) => blocked === undefined), options = ratingOptions(job, open);
    const record = await ratingRecord({ hashes, stamp, method: request.method, seed, inference: request.inference, prune: pruning }, host);
    if (known && !await record.knows(open, options, data !== undefined)) return undefined;
    if (known) doubts.push(...await doubted());
    const ratings = await rateLayers(model, open, data, record, options, tools, ({ label }, begun, of) => {
      const elapsed = (performance.now() - started) / 1000;
      onProgress({ stage: "sensitivity", text: `rating layer ${label}, ${begun + 1} of ${of}`, fraction: begun / of, secondsLeft: begun ? elapsed / begun * (of - begun) : undefined });
    });
    const integers = isInteger ? await integerOverhead(model, host.runtime, { normalizations: job.recipe.integers?.normalizations }) : undefined;
    return { opened: { ...opened, model }, original: opened.model, integers, layers, ratings, doubts, record, pruning: pruned?.report, preparation: data?.dataset.preparation, samples: data?.rating.batches.reduce((sum, { dims }) => sum + dims[0], 0) };
  } finally {
    await products.close();
  }
}

/**
 * Measures what rounding activations costs, once for what a job says of it; where there are images, and integers.
 * @param known only looks up what is kept
 * @returns whether that is known
 */
export async function rateRounding({ opened: { model }, original, record, integers, samples }: RatedModel, job: Job, host: Host, known: boolean, onProgress: (p: Progress) => void, signal?: AbortSignal): Promise<boolean> {
  if (!integers || samples === undefined) return true;
  const { request: { seed = 1, threads }, recipe } = job;
  if (await record.rounding(roundingKey(recipe)) !== undefined) return true;
  if (known) return false;
  onProgress({ stage: "sensitivity", text: "measuring what rounding activations costs", fraction: 1 });
  const data = await readJobData(job, original, host, signal, { isFitted: false }), products = new Products(host.runtime, threads);
  try {
    return await knownRounding(record, model, original, data, recipe, { runtime: host.runtime, pool: host.pool, products, seed, threads, signal }) !== undefined;
  } finally {
    await products.close();
  }
}
