import { findLayers } from "../onnx/layers";
import { LARGEST_MODEL, type ModelEdit } from "../onnx/edit";
import { editedModel } from "../onnx/memory";
import { peakActivations } from "../onnx/peak";
import type { CompressRequest, Device, Progress, TuningDone } from "../protocol/api";
import { isOfData, KernelscopeError, throwIfCancelled } from "../protocol/errors";
import type { CompressReport, Fidelity, HeldOut, IntegerReport, LayerReport, PruningTrial, TuningReport } from "../protocol/report";
import { shareOf } from "../protocol/pruning";
import { DELAY, mannerOf, parseTuning, type TuningLength } from "../protocol/tuning";
import { checkDevice } from "../runtime/devices";
import { Products } from "../runtime/products";
import { JobRecord, wasWriting, type CheckpointStore } from "./checkpoint";
import { hashOf, readEvaluationSet, readJobData, stampOf, type EvaluationSet, type JobData } from "./data";
import { doubtsIn } from "./doubts";
import { checkRequest, insteadOf, unusedSettings } from "./checks";
import { measureFidelity } from "./fidelity";
import type { FitTools, FittedLayer, LayerChoice } from "./fit";
import { networkOutputs } from "./flow";
import { goalOf, mergeRecipe, namesOnlyLayers, onlyRounds, trimLimit, type Job } from "./goal";
import type { Host, OpenedModel } from "./host";
import { ProgressMeter } from "./progress";
import { meanErrors as measureMeanErrors } from "./integer/biases";
import { trainedRanges } from "./integer/calibrate";
import { decideIntegers, integersOf, type Decided, type IntegerRequest } from "./integer/integers";
import type { OwnVector } from "./follow";
import { withSpeeds } from "./layer-speed";
import { inOriginal } from "./in-original";
import { pinsProblem } from "./pins";
import { isRounded, PlannedFit, type Carried } from "./planned-fit";
import { chooseWay, triesPruning, type Way } from "./prune/choose";
import { layerReports, loadedWeightBytes, whyLeft } from "./report";
import { subjectOf, type Subject } from "./subject";
import { tune, type Tuned } from "./tune";
import { assemble, findByName, weightForm, withFloats, type WeightForm } from "./write";

/** A training learns to live with rounded activations where they make more than this share of what a network loses. */
const WORTH_LEARNING = 0.2;
/** Samples that tell the means of layers' inputs. */
const FEW = 64;

/**
 * Compresses a model as a request asks: plan, fit, write, report.
 * @throws KernelscopeError with a sentence for the user; nothing is left behind then
 */
export async function compressModel(request: CompressRequest, host: Host, onProgress: (p: Progress) => void = () => undefined, signal?: AbortSignal, stop?: AbortSignal): Promise<CompressReport> {
  const job = await mergeRecipe(request, host);
  const output = job.request.output ?? defaultOutput(job.request);
  const opened = await host.openModel(job.request.model);
  try {
    return await new Compression(job, output, opened, host, new ProgressMeter(onProgress, undefined, parseTuning(job.request.tune) ? "tuned" : job.request.inference === "integer" && job.recipe.integers?.diagnose ? "diagnosed" : "plain", (job.request.prune ?? triesPruning(job, opened)) !== false), signal, stop).run();
  } finally {
    await opened.close();
  }
}

const defaultOutput = ({ model, prepare }: CompressRequest): string => model.replace(/(\.small)?\.onnx$/i, "") + (prepare ? ".ready.onnx" : ".small.onnx");

class Compression {
  private readonly started = performance.now();
  private readonly seconds: Record<string, number> = {};
  private readonly notes: string[] = [];
  /** Of the model and its external data. */
  private readonly hashes: string[] = [];
  private subject: Subject;
  private pruningTrials: PruningTrial[] | undefined;
  private tuning: TuningReport | undefined;
  /** The file as it would be without its training, where that has changed it. */
  private untrained: Uint8Array | undefined;
  private integers: IntegerReport | undefined;
  /** What the report is measured on, where that is no part of the other images. */
  private evaluation: EvaluationSet | undefined;
  /** Where the report was measured. */
  private device: Device = "cpu";

  constructor(private readonly job: Job, private readonly output: string, private readonly opened: OpenedModel, private readonly host: Host, private readonly progress: ProgressMeter, private readonly signal?: AbortSignal, private readonly stop?: AbortSignal) {
    this.subject = { base: opened, model: opened.model, layers: findLayers(opened.model), notes: [] };
  }

  async run(): Promise<CompressReport> {
    const { job, job: { request }, host, signal, opened, hashes, progress } = this, timed = <T>(stage: string, work: () => Promise<T>): Promise<T> => this.timed(stage, work);
    const goal = goalOf(request, this.opened.bytes), store = host.checkpoints?.(await this.jobKey());
    await this.checkOutput(store);
    checkRequest(request, opened.model, this.subject.layers);
    if (request.data !== undefined || request.evalData !== undefined) await checkDevice(host.runtime, request.device);
    const inVain = pinsProblem(job, opened);
    if (inVain !== undefined) throw new KernelscopeError("target-unreachable", inVain);
    this.notes.push(...unusedSettings(this.job));
    this.evaluation = await this.evaluationSet();
    const data = request.data === undefined ? undefined : await this.timed("read", () => this.readData());
    if (data) await this.timed("read", () => this.warnOf(data));
    const products = new Products(host.runtime, request.threads);
    try {
      const stamp = await stampOf(data, host), record = new JobRecord(store, stamp);
      const tools: FitTools = { runtime: host.runtime, pool: host.pool, products, seed: request.seed ?? 1, threads: request.threads, signal };
      const limit = trimLimit(job, goal);
      if (request.trim && limit === undefined) this.notes.push("Nothing is trimmed: integers fold in their own way, dense files keep what they have, and a model that is prepared stays itself.");
      const carryOut = async (pruning: { compute: number } | undefined, own: JobRecord): Promise<Way & { planned: PlannedFit }> => {
        const subject = await subjectOf({ job, opened, data, limit, hashes, stamp, host, tools, progress, timed }, pruning), { base, model, lean, layers, pruning: pruned } = subject;
        const planned = new PlannedFit({ job, pruning, ...(pruned && { lostBefore: pruned.effect.loss, original: opened.model }), opened: base, model, lean, layers, goal, form: weightForm(request, lean?.biases), hashes, stamp, data, host, tools, record: own, progress, timed });
        return { pruning, subject, planned, carried: await planned.run() };
      };
      const { subject, planned, carried, carried: { choices, fitted } } = data && triesPruning(job, opened) ? await this.choose(data, tools, (pruning) => carryOut(pruning, record.within(`way${pruning?.compute ?? 0}`))) : await carryOut(shareOf(request.prune), record);
      this.subject = subject;
      this.notes.push(...subject.notes, ...planned.notes, ...insteadOf(job, choices));
      throwIfCancelled(signal);
      const pack = (plan: readonly LayerChoice[], vectors: readonly OwnVector[] = [], from: Carried["fitted"] = fitted) => assemble(subject.model, plan, ({ layer }) => from.get(layer)!.load(), vectors, this.job.embedded, this.form), isInteger = request.inference === "integer";
      const decided = data && isInteger && parseTuning(request.tune) && !request.prepare ? await this.timed("calibrate", async () => decideIntegers(await this.integerRequest(await pack(choices), data, { stage: "tune" }))) : undefined;
      const before = new Map(fitted), { vectors = [], weights, plan = choices, ranges } = await this.timed("tune", () => this.tune(planned, { choices, fitted }, decided)) ?? {};
      if (data && !weights && this.tuning?.bestStep) this.untrained = await this.timed("calibrate", async () => this.withoutTraining(await pack(choices, [], before), data, decided));
      const packed = weights ? withFloats(subject.model, weights, vectors) : await pack(plan, vectors);
      const edit = data && isInteger ? await this.timed("calibrate", () => this.quantize(packed, data, { isRounding: !decided && !weights && isRounded(plan), known: decided && { ...decided, ranges: trainedRanges(decided, ranges) } })) : packed;
      this.progress.stage("write", "writing the file");
      await record.writing(this.output);
      const written = await this.timed("write", () => this.write(edit));
      this.seconds.written = this.secondsSoFar;
      if (record.problem !== undefined) this.notes.push(`Had the job been killed, it would have begun anew: ${record.problem}`);
      try {
        const report = await this.report(weights ? [] : await inOriginal(this.opened.model, subject, [...fitted.values()], isInteger), data);
        await this.learn(planned, carried, report);
        await record.done();
        return report;
      } catch (error) {
        for (const file of written) await host.remove(file);
        throw error;
      }
    } finally {
      await products.close();
    }
  }

  /** Weights alone tell what weights cost. */
  private async learn(planned: PlannedFit, { choices, effect }: Carried, { fidelity, tuning, integers }: CompressReport): Promise<void> {
    if (!fidelity || tuning || integers) return;
    const { kl, relativeError, agreement, samples, reference, compressed } = fidelity, loss = kl ?? (relativeError === undefined ? undefined : relativeError ** 2);
    const flips = agreement === undefined ? { disagreement: 0, samples: 0 } : { disagreement: 1 - agreement, samples, ...(reference.top1 !== undefined && compressed.top1 !== undefined && { lost: reference.top1 - compressed.top1 }) };
    if (loss !== undefined) await planned.learn(choices, { loss, ...flips, fitted: effect });
  }

  private get form(): WeightForm { return weightForm(this.job.request, this.subject.lean?.biases); }

  private get secondsSoFar(): number { return (performance.now() - this.started) / 1000; }

  private async timed<T>(stage: string, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await work();
    } finally {
      this.seconds[stage] = (this.seconds[stage] ?? 0) + (performance.now() - start) / 1000;
    }
  }

  /** @throws KernelscopeError before any work where the result could not be written, or would replace a file without leave */
  private async checkOutput(store: CheckpointStore | undefined): Promise<void> {
    const { host, output, job: { request }, opened: { files } } = this;
    if (await host.isOneOf(output, files)) throw new KernelscopeError("usage", request.output === undefined ? `${host.baseName(output)} is itself where the result would go, so it may be a result already. Compress the original, or give another name with -o.` : "The output is the model itself, or its weights. Give another name with -o.");
    await host.checkWritable(output, host.baseName(defaultOutput(request)));
    // a killed run may have left its result; when it is written again, the two are compared
    if (!request.force && await host.exists(output) && !await wasWriting(store, output)) throw new KernelscopeError("file-exists", `${output} exists already. Give another name with -o, or --force to replace it.`);
  }

  /** What makes two runs the same job: model, recipe and folder of data. */
  private async jobKey(): Promise<string> {
    const { request, embedded } = this.job;
    for (const file of this.opened.files) this.hashes.push(await this.host.hash(file));
    return (await hashOf(JSON.stringify([this.hashes, embedded, request.method, request.data, request.threads, request.layout, request.tune, mannerOf(request), request.prepare, request.trim, ...(request.inference === "integer" ? [request.inference] : [])]))).slice(0, 24);
  }

  /** Images for the report alone, opened before any work: hours later it would be late to say that there are none. @throws KernelscopeError "bad-data" that says which folder is meant */
  private async evaluationSet(): Promise<EvaluationSet | undefined> {
    const { job, job: { request: { evalData } }, opened: { model }, host } = this;
    try {
      return evalData === undefined ? undefined : await readEvaluationSet(evalData, job, model, host);
    } catch (error) {
      throw error instanceof KernelscopeError && isOfData(error) ? new KernelscopeError(error.code, error.message, { path: JSON.stringify(["data", "evalFolder"]) }) : error;
    }
  }

  private readData(): Promise<JobData> {
    this.progress.stage("read", "reading calibration images");
    return readJobData(this.job, this.opened.model, this.host, this.signal, { isFitted: !onlyRounds(this.job) });
  }

  /** Says at once what speaks against the images: what follows may take long, and come to nothing. */
  private async warnOf(data: JobData): Promise<void> {
    const doubts = await doubtsIn(data, this.opened.model, this.host.runtime, this.job.request.threads);
    if (!doubts.length) return;
    this.progress.warning = doubts.join(" ");
    this.progress.step("read", "trying the original on them", 0.5);
  }

  /** Trains what was fitted where that is asked for. @returns what has changed beside the layers */
  private async tune(planned: PlannedFit, { choices, fitted }: Pick<Carried, "choices" | "fitted">, decided: Awaited<ReturnType<typeof decideIntegers>> | undefined): Promise<Pick<Tuned, "vectors" | "weights" | "plan" | "ranges"> | undefined> {
    const { subject: { model, pruning }, signal, stop, job: { request, request: { tune: text, device: wanted } } } = this, { data, tools, record, layers: all } = planned.options, length = parseTuning(text);
    if (!length || !data) return undefined;
    const layers: FittedLayer[] = [];
    for (const finished of fitted.values()) layers.push(await finished.load());
    const { input, dataset, trained, watched } = data;
    this.progress.stage("tune", "preparing the training");
    const tuned = await tune({
      model, ...(pruning && { teacher: this.opened.model }), layers, input, dataset, trained, watched, length, seed: tools.seed, ...mannerOf(request), threads: tools.threads, device: wanted, runtime: tools.runtime, signal, stop, checkpoint: record.training(all),
      refits: planned.refits(choices), joint: request.schedule === "joint" && !request.prepare ? planned.joint(choices) : undefined, prepare: request.prepare, integers: decided && { ...decided, delay: this.delayOf(decided.rounding) },
      onProgress: this.followTuning(length, watched.length),
    });
    const { steps, bestStep, before, after, device, notes } = tuned;
    this.tuning = { steps, ...(steps < tuned.planned && { planned: tuned.planned }), bestStep, before, after, samples: watched.length, device };
    this.notes.push(...notes);
    fitted.clear();
    for (const layer of tuned.layers) fitted.set(layer.layer, { layer: layer.layer, sqnrDb: layer.sqnrDb, load: async () => layer });
    return tuned;
  }

  /** From where on a training rounds activations: as the recipe says, or where that makes enough of what the network loses. */
  private delayOf(rounding: number): number {
    const asked = this.job.recipe.integers?.delay;
    if (asked !== undefined) return asked;
    const share = `${(100 * rounding).toFixed(0)} %`, isWorthIt = rounding > WORTH_LEARNING;
    this.notes.push(isWorthIt ? `Trained with activations rounded as in the file, from ${100 * DELAY} % of the steps on: that makes ${share} of what the network loses.` : `Trained with activations in floats, and judged with integers: rounding them makes ${share} of what the network loses.`);
    return isWorthIt ? DELAY : 1;
  }

  /** @param samples that tell how the training gets on */
  private followTuning(length: TuningLength, samples: number): (done: TuningDone) => void {
    let begun: { step: number; time: number } | undefined;
    return (tuning) => {
      const { step, steps, first, best, layers } = tuning, now = performance.now();
      begun ??= { step, time: now };
      // until some steps have been timed, a training of a given time takes that
      const perStep = step > begun.step + 5 ? (now - begun.time) / 1000 / (step - begun.step) : "seconds" in length ? length.seconds / steps : undefined, secondsLeft = perStep === undefined ? undefined : perStep * (steps - step);
      const far = `step ${step.toLocaleString("en")} of ${steps.toLocaleString("en")}`, gained = layers ? `${layers.done} of ${layers.of} layers quantized` : gainOf(first, best);
      this.progress.step("tune", this.job.request.prepare ? far : `${far}, ${gained}`, step / steps, { tuning: { ...tuning, samples }, secondsLeft });
    };
  }

  /** The way to a size that comes nearest to what the original does. */
  private async choose<W extends Way>(data: JobData, tools: FitTools, carryOut: (pruning: { compute: number } | undefined) => Promise<W>): Promise<W> {
    const { way, trials } = await chooseWay((pruning, at, of) => {
      this.progress.turn(at, of, pruning ? `trying ${Math.round(100 * pruning.compute)} % less to compute` : "with all channels");
      return carryOut(pruning);
    }, this.opened.model, data, tools);
    this.pruningTrials = trials;
    return way;
  }

  /** Makes integers of the activations of a network whose weights are some. */
  private async quantize(edit: ModelEdit, data: JobData, { isRounding, known }: { isRounding: boolean; known?: Decided }): Promise<ModelEdit> {
    const { edit: written, report, notes } = await integersOf({ ...await this.integerRequest(edit, data, { isRounding, stage: "calibrate" }), known });
    this.integers = report;
    this.notes.push(...notes);
    return written;
  }

  /** The bytes that would be written of a network as it was before its training; none where they are too many to be held. */
  private async withoutTraining(packed: ModelEdit, data: JobData, known: Decided | undefined): Promise<Uint8Array | undefined> {
    const edit = known ? (await integersOf({ ...await this.integerRequest(packed, data, { stage: "calibrate" }), known, agreement: undefined, diagnose: undefined })).edit : packed;
    return edit.size() > LARGEST_MODEL ? undefined : edit.toBytes();
  }

  /** @param of.stage what it is a part of, for those who follow the job */
  private async integerRequest(edit: ModelEdit, { calibration, rating }: JobData, { isRounding = false, stage }: { isRounding?: boolean; stage: "tune" | "calibrate" }): Promise<IntegerRequest> {
    const { host: { runtime }, signal, job: { request: { threads }, recipe: { integers = {}, layers = {} } } } = this, model = await editedModel(edit), known = findLayers(model);
    const left = new Set(Object.entries(layers).flatMap(([name, { inference }]) => (inference === "float" ? [findByName(known, name)?.id ?? name] : [])));
    this.progress.stage(stage, "looking at the range of every activation");
    const few = rating.batches.slice(0, Math.ceil(FEW / rating.batches[0].dims[0])), meanErrors = () => measureMeanErrors(this.subject.model, model, rating.input, few, runtime, { threads, signal });
    return {
      model, samples: calibration, trials: rating, reference: (trials) => networkOutputs(this.opened.model, trials, runtime, threads), runtime, ranges: { kind: integers.ranges ?? "meanSquaredError", percentile: integers.percentile },
      normalizations: integers.normalizations, meanErrors: isRounding ? meanErrors : undefined, left, agreement: integers.agreement, diagnose: integers.diagnose, threads, signal, onProgress: (text, share) => this.progress.step(stage, text, stage === "tune" ? 0 : share),
    };
  }

  /** Puts everything into one file, or, where that would be too large, weights into one beside it: never does the result need the original's. */
  private write(edit: ModelEdit): Promise<string[]> {
    const { host, output, signal, job: { request }, opened: { files } } = this;
    return host.write(output, async (sink, beside) => {
      if (edit.size() <= LARGEST_MODEL) return edit.write(sink, { signal, external: "inline" });
      const names = [`${host.baseName(output)}.data`, `${host.baseName(output)}.weights.data`];
      const location = names.find((name) => !files.includes(host.resolve(host.folderOf(output), name)))!;
      return edit.write(sink, { signal, external: { location, sink: await beside(location) } });
    }, request.force === true);
  }

  private get isOnlyNamed(): boolean { return namesOnlyLayers(this.job) && goalOf(this.job.request, this.opened.bytes).kind === "preset"; }

  private async report(fitted: readonly Pick<FittedLayer, "layer" | "sqnrDb">[], data: JobData | undefined): Promise<CompressReport> {
    const { host, job: { request }, output, subject: { layers, pruning, lean }, pruningTrials } = this;
    const written = await host.openModel(output);
    try {
      const inputDigest = { path: request.model, bytes: this.opened.bytes, sha256: this.hashes[0], peakActivationBytes: peakActivations(this.opened.model)?.bytes };
      const { layers: found, shared, convBitsPerWeight, bitsPerWeight } = await layerReports(layers, fitted, written.model, this.isOnlyNamed ? "the recipe gives other layers a method, and no size" : whyLeft(request));
      const byName = new Map(layers.map((layer) => [layer.id, layer])), left = new Set(Object.entries(this.job.recipe.layers ?? {}).flatMap(([name, { pin }]) => (pin === "leave" ? [findByName(layers, name)?.id] : [])));
      const skippedOf = ({ name, skipped }: LayerReport) => (left.has(name) ? "Left as it is, as the recipe asks." : request.prepare && byName.get(name)?.blocked === undefined ? "Floats, trained to be compressed." : skipped);
      const { rows, notes } = await withSpeeds(found.map((row) => ({ ...row, skipped: skippedOf(row) })), layers, { runtime: host.runtime, threads: request.threads });
      this.notes.push(...notes);
      const fidelity = await this.timed("evaluate", () => this.fidelity(data));
      const [digest, ...more] = await Promise.all(written.files.map((file) => host.digest(file)));
      const gzipBytes = more.reduce((sum, file) => sum + file.gzipBytes, digest.gzipBytes);
      this.seconds.total = this.secondsSoFar;
      const { data: folder, evalData: evalFolder } = request;
      return {
        input: inputDigest, ...((folder ?? evalFolder) !== undefined && { images: { folder, evalFolder } }),
        output: { path: output, sha256: digest.sha256, gzipBytes, bytes: written.bytes, loadedWeightBytes: loadedWeightBytes(written.model, layers), peakActivationBytes: peakActivations(written.model)?.bytes },
        tuning: this.tuning, integers: this.integers, ratio: this.opened.bytes / written.bytes, convBitsPerWeight, bitsPerWeight, device: this.device, seconds: this.seconds, layers: rows, ...(shared && { shared }), ...(pruning && { pruning }), ...(pruningTrials && { pruningTrials }), ...(lean?.trims.length && { trims: lean.trims }), fidelity,
        notes: [...this.notes, ...(data?.notes ?? []), ...(data?.dataset.doubts ?? [])],
      };
    } finally {
      await written.close();
    }
  }

  /** The written file beside the original on samples that nothing was fitted to. */
  private async fidelity(data: JobData | undefined): Promise<Fidelity | undefined> {
    const { host, job: { request } } = this;
    const samples: EvaluationSet | undefined = this.evaluation ?? data;
    if (!samples?.held.length) return undefined;
    const { fidelity, device, gain, notes } = await measureFidelity(request, { output: this.output, untrained: this.untrained }, samples, host, (text, share) => this.progress.step("evaluate", text, share), this.signal);
    this.device = device;
    this.notes.push(...notes);
    if (this.tuning && gain) this.tuning = { ...this.tuning, gain };
    return fidelity;
  }
}

/** What training has gained so far, in words. */
function gainOf(first: HeldOut, best: HeldOut): string {
  const share = (agreement: number) => `${(100 * agreement).toFixed(1)} %`;
  if (first.agreement !== undefined && best.agreement !== undefined) return `agreement ${share(first.agreement)} → ${share(best.agreement)}`;
  return `error ${share(first.loss)} → ${share(best.loss)}`;
}
