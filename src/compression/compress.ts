import { openDataset, readPreprocess, splitPositions, type Dataset } from "../evaluation/dataset";
import { batchSize, dataInput, readBatches, runEvaluation, type Outcome } from "../evaluation/evaluate";
import type { Preprocess } from "../evaluation/preprocess";
import { findLayers, type Layer } from "../onnx/layers";
import type { Model } from "../onnx/model";
import type { CompressRequest, Progress, ValueFacts } from "../protocol/api";
import { KernelscopeError, throwIfCancelled } from "../protocol/errors";
import type { CompressReport, Fidelity } from "../protocol/report";
import { Products } from "../runtime/products";
import { JobRecord } from "./checkpoint";
import { fitWithData, fitWithoutData, type FitTools, type FittedLayer, type LayerChoice } from "./fit";
import type { Batches } from "./flow";
import { goalOf, mergeRecipe, type Job } from "./goal";
import type { Host, OpenedModel } from "./host";
import { planFor } from "./plan";
import { ProgressMeter } from "./progress";
import { RatingRecord } from "./ratings";
import { layerReports, loadedWeightBytes } from "./report";
import { rateWithData, rateWithoutData, type LayerSensitivity } from "./sensitivity";
import { editFor, VERSION } from "./write";

/** Calibration images that plans are rated on. */
const RATING_SAMPLES = 256;
/** Memory that calibration activations may take. */
const ACTIVATION_BYTES = 1.5e9;
const BATCH = 64;

/**
 * Compresses a model as a request asks: plan, fit, write, report.
 * @throws KernelscopeError with a sentence for the user; nothing is left behind then
 */
export async function compressModel(request: CompressRequest, host: Host, onProgress: (p: Progress) => void = () => undefined, signal?: AbortSignal): Promise<CompressReport> {
  const job = await mergeRecipe(request, host);
  const output = job.request.output ?? defaultOutput(job.request.model);
  if (output === job.request.model) throw new KernelscopeError("usage", "The output is the model itself. Give another name with -o.");
  if (!job.request.force && await host.exists(output)) throw new KernelscopeError("file-exists", `${output} exists already. Give another name with -o, or --force to replace it.`);
  const opened = await host.openModel(job.request.model);
  try {
    return await new Compression(job, output, opened, host, new ProgressMeter(onProgress), signal).run();
  } finally {
    await opened.close();
  }
}

const defaultOutput = (model: string): string => model.replace(/(\.small)?\.onnx$/i, "") + ".small.onnx";

/** Samples that the report is measured on. */
interface EvaluationSet { dataset: Dataset; held: number[]; input: ValueFacts }

/** Data as a job uses it. */
interface JobData extends EvaluationSet { fit: Batches; rating: Batches; notes: readonly string[] }

class Compression {
  private readonly started = performance.now();
  private readonly seconds: Record<string, number> = {};
  private readonly notes: string[] = [];
  private readonly model: Model;
  private modelHash: string | undefined;

  constructor(private readonly job: Job, private readonly output: string, private readonly opened: OpenedModel, private readonly host: Host, private readonly progress: ProgressMeter, private readonly signal?: AbortSignal) {
    this.model = opened.model;
  }

  async run(): Promise<CompressReport> {
    const { job: { request }, host, model, signal } = this;
    const layers = findLayers(model);
    if (layers.every(({ blocked }) => blocked !== undefined)) throw new KernelscopeError("nothing-to-compress", nothingToCompress(layers));
    const data = request.data === undefined ? undefined : await this.timed("read", () => this.readData());
    const products = await Products.open(host.runtime, request.threads);
    try {
      const record = new JobRecord(host.checkpoints && host.checkpoints(await this.key(data, [this.job.embedded, request.method, request.layout])));
      const tools: FitTools = { runtime: host.runtime, pool: host.pool, products, seed: request.seed ?? 1, threads: request.threads, signal };
      const choices = await this.timed("plan", () => this.plan(layers, data, tools, record));
      const fitted = await this.timed("fit", () => this.fit(choices, data, tools, record));
      throwIfCancelled(signal);
      const { edit } = editFor(model, fitted, this.job.embedded, request.layout);
      this.progress.stage("write", "writing the file");
      await this.timed("write", () => host.write(this.output, (sink) => edit.write(sink, { signal })));
      const report = await this.report(layers, fitted, data);
      await record.done();
      return report;
    } finally {
      await products.close();
    }
  }

  private async timed<T>(stage: string, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await work();
    } finally {
      this.seconds[stage] = (this.seconds[stage] ?? 0) + (performance.now() - start) / 1000;
    }
  }

  /** Tells whether two jobs agree in the model, in the samples themselves and in `more`. */
  private async key(data: JobData | undefined, more: unknown): Promise<string> {
    this.modelHash ??= await this.host.hash(this.job.request.model);
    const samples = data && await Promise.all(data.fit.batches.map((batch) => sha256(batch.data)));
    return (await sha256(new TextEncoder().encode(JSON.stringify([VERSION, this.modelHash, samples, more])))).slice(0, 24);
  }

  private async readData(): Promise<JobData> {
    const { host, job: { request, recipe }, model, signal } = this;
    this.progress.stage("read", "reading calibration images");
    const input = dataInput(model);
    const preprocess = await readOverride(request.preprocess, host);
    const dataset = await openDataset(await host.openData(request.data!), input, preprocess, recipe.preprocess);
    const { fit, held } = request.evalData === undefined ? splitPositions(dataset.size) : { fit: Array.from({ length: dataset.size }, (_, i) => i), held: [] };
    const chosen = shuffled(fit).slice(0, Math.min(recipe.data?.limit ?? Infinity, samplesThatFit(dataset)));
    if (!chosen.length) throw new KernelscopeError("bad-data", `${request.data} holds too few samples.`);
    const batches = await readBatches(dataset, chosen, batchSize(input, BATCH), signal);
    return {
      dataset, input, held, notes: dataset.notes, fit: { input: input.name, batches },
      rating: { input: input.name, batches: batches.slice(0, Math.ceil(RATING_SAMPLES / batches[0].dims[0])) },
    };
  }

  private async readEvaluationSet(folder: string): Promise<EvaluationSet> {
    const { host, job: { request, recipe } } = this, input = dataInput(this.model);
    const dataset = await openDataset(await host.openData(folder), input, await readOverride(request.preprocess, host), recipe.preprocess);
    return { dataset, input, held: Array.from({ length: dataset.size }, (_, i) => i) };
  }

  private async plan(layers: readonly Layer[], data: JobData | undefined, tools: FitTools, record: JobRecord): Promise<LayerChoice[]> {
    const goal = goalOf(this.job.request, this.opened.bytes);
    const stored = await record.plan(async () => planFor({
      model: this.model, layers, goal, recipe: this.job.recipe, embedded: this.job.embedded, layout: this.job.request.layout, inputBytes: this.opened.bytes,
      rate: (free) => this.rate(free, data, tools), measured: data !== undefined, notes: this.notes,
    }));
    const byId = new Map(layers.map((layer) => [layer.id, layer]));
    return stored.map(({ id, method, options }) => ({ layer: byId.get(id)!, method, options }));
  }

  private async rate(layers: readonly Layer[], data: JobData | undefined, tools: FitTools): Promise<LayerSensitivity[]> {
    const { model, host, job: { request: { method } } } = this;
    const record = new RatingRecord(host.ratings && await host.ratings(await this.key(data, [method, tools.seed])));
    let begun = 0;
    return record.complete(layers, (missing, onRated) => {
      const watched: FitTools = { ...tools, onLayer: (layer) => this.progress.step("sensitivity", `${layer.label}, ${++begun} of ${missing.length}`, (begun - 1) / missing.length) };
      return data ? rateWithData(model, missing, data.rating, model.graph.outputs[0].name, watched, { method, onRated }) : rateWithoutData(model, missing, watched, { method, onRated });
    });
  }

  private async fit(choices: readonly LayerChoice[], data: JobData | undefined, tools: FitTools, record: JobRecord): Promise<FittedLayer[]> {
    const positions = new Map(choices.map(({ layer }, i) => [layer, i]));
    const work = choices.reduce((sum, { layer }) => sum + layer.parameters, 0);
    let begun = 0, done = 0;
    const watched: FitTools = {
      ...tools,
      onLayer: (layer) => this.progress.step("fit", `${layer.label}, ${++begun} of ${choices.length}`, done / work),
      restored: (layer) => record.fitted(layer, positions.get(layer)!),
      onFitted: async (fitted) => {
        done += fitted.layer.parameters;
        await record.keep(fitted, positions.get(fitted.layer)!);
        throwIfCancelled(this.signal);
      },
    };
    return data ? fitWithData(this.model, choices, data.fit, watched) : fitWithoutData(this.model, choices, watched);
  }

  private async report(layers: readonly Layer[], fitted: readonly FittedLayer[], data: JobData | undefined): Promise<CompressReport> {
    const { host, job: { request }, output } = this;
    const written = await host.openModel(output);
    try {
      const inputDigest = { path: request.model, bytes: this.opened.bytes, sha256: this.modelHash ??= await host.hash(request.model) };
      const { layers: rows, convBitsPerWeight, bitsPerWeight } = await layerReports(layers, fitted, written.model);
      const fidelity = await this.timed("evaluate", () => this.fidelity(data));
      const digest = await host.digest(output);
      this.seconds.total = (performance.now() - this.started) / 1000;
      return {
        input: inputDigest,
        output: { path: output, ...digest, bytes: written.bytes, loadedWeightBytes: loadedWeightBytes(written.model, layers) },
        ratio: this.opened.bytes / written.bytes, convBitsPerWeight, bitsPerWeight, device: "cpu", seconds: this.seconds, layers: rows, fidelity,
        notes: [...this.notes, ...(data?.notes ?? [])],
      };
    } finally {
      await written.close();
    }
  }

  /** The written file beside the original on samples that nothing was fitted to. */
  private async fidelity(data: JobData | undefined): Promise<Fidelity | undefined> {
    const { host, job: { request } } = this;
    const samples: EvaluationSet | undefined = request.evalData === undefined ? data : await this.readEvaluationSet(request.evalData);
    if (!samples?.held.length) return undefined;
    const { dataset, held, input } = samples;
    const options = { threads: request.threads };
    const reference = await host.runtime.open(request.model, options), session = await host.runtime.open(this.output, options);
    try {
      const run = (own: boolean): Promise<Outcome> => runEvaluation(own ? session : reference, input, dataset, {
        positions: held, batch: batchSize(input, BATCH), signal: this.signal,
        onBatch: (done, all) => this.progress.step("evaluate", `${done.toLocaleString("en")} of ${all.toLocaleString("en")} images`, (own ? 0 : 0.5) + done / all / 2),
      }, own ? reference : undefined);
      const compressed = await run(true), original = await run(false);
      if (compressed.constant) this.notes.push("The outputs are the same for all samples, so the comparison says nothing.");
      return {
        samples: held.length, agreement: compressed.classifier?.agreement, kl: compressed.classifier?.kl,
        sqnrDb: compressed.error?.sqnrDb, relativeError: compressed.error?.relativeError,
        reference: { top1: original.classifier?.top1Share, top5: original.classifier?.top5Share },
        compressed: { top1: compressed.classifier?.top1Share, top5: compressed.classifier?.top5Share },
      };
    } finally {
      await reference.release();
      await session.release();
    }
  }
}

async function sha256(bytes: Float32Array | Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (b) => b.toString(16).padStart(2, "0")).join("");
}

export async function readOverride(path: string | undefined, host: Host): Promise<Preprocess | undefined> {
  if (path === undefined) return undefined;
  const bytes = new TextEncoder().encode(await host.readText(path));
  return readPreprocess({ size: bytes.length, read: async () => bytes }, host.baseName(path));
}

/** How many samples' activations fit into memory, two networks at once; 16 times the input stands for the widest point of a network. */
function samplesThatFit(dataset: Dataset): number {
  const input = dataset.shape.reduce((a, b) => a * b, 1) * 4;
  return Math.max(16, Math.floor(ACTIVATION_BYTES / (2 * 64 * input)));
}

/** A fixed shuffle, so that batches mix the classes of a sorted folder. */
function shuffled(positions: readonly number[]): number[] {
  return positions.map((p) => ({ p, key: Math.imul(p + 1, 0x9e3779b1) >>> 0 })).sort((a, b) => a.key - b.key || a.p - b.p).map(({ p }) => p);
}

function nothingToCompress(layers: readonly Layer[]): string {
  if (!layers.length) return "This model has no convolution and no linear layer, so there is nothing to compress.";
  const reasons = new Map<string, number>();
  for (const { blocked } of layers) reasons.set(blocked!, (reasons.get(blocked!) ?? 0) + 1);
  const [reason, count] = [...reasons].sort((a, b) => b[1] - a[1])[0];
  return `No layer here can be compressed. ${count === layers.length ? `All ${count}` : `${count} of ${layers.length}`} are left alone: ${reason}`;
}
