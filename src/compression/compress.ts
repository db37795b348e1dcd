import { batchSize, readBatches } from "../evaluation/evaluate";
import { methodById } from "../methods/registry";
import { findLayers, type Layer } from "../onnx/layers";
import { LARGEST_MODEL, type ModelEdit } from "../onnx/edit";
import { editedModel } from "../onnx/memory";
import type { Model } from "../onnx/model";
import { peakActivations } from "../onnx/peak";
import type { CompressRequest, Device, Progress, TuningDone } from "../protocol/api";
import { KernelscopeError, throwIfCancelled } from "../protocol/errors";
import type { CompressReport, Fidelity, HeldOut, IntegerReport, LayerReport, TuningReport } from "../protocol/report";
import { DELAY, mannerOf, parseTuning } from "../protocol/tuning";
import { Products } from "../runtime/products";
import { JobRecord, wasWriting, type CheckpointStore, type Round, type StoredChoice, type StoredPlan } from "./checkpoint";
import { BATCH, hashOf, rateLayers, ratingRecord, readEvaluationSet, readJobData, stampOf, type EvaluationSet, type JobData } from "./data";
import type { Books } from "./books";
import { checkRequest } from "./checks";
import { measureFidelity } from "./fidelity";
import { fitWithData, fitWithoutData, lossesOn, type Fitted, type FitTools, type FittedLayer, type LayerChoice } from "./fit";
import { networkOutputs } from "./flow";
import { goalOf, mayShare, mergeRecipe, onlyRounds, triesToShare, trimLimit, type Goal, type Job } from "./goal";
import type { Host, OpenedModel } from "./host";
import type { Effect } from "./effect";
import { Joint } from "./joint";
import { isOffTarget, outcomeKey, planFor, trialOf, type PlanRequest } from "./plan";
import { ProgressMeter } from "./progress";
import { verdictKey, type RatingRecord, type Trial } from "./ratings";
import { meanErrors as measureMeanErrors } from "./integer/biases";
import { trainedRanges } from "./integer/calibrate";
import { decideIntegers, integersOf, type Decided, type IntegerRequest } from "./integer/integers";
import { integerNetwork } from "./integer/network";
import { integerOverhead } from "./integer/overhead";
import type { OwnVector } from "./follow";
import { leanModel, leanRatings, sqnrInOriginal, type LeanModel } from "./lean/lean";
import { withSpeeds } from "./layer-speed";
import { layerReports, loadedWeightBytes } from "./report";
import type { LayerSensitivity } from "./sensitivity";
import { isClearlyLess } from "./sharing";
import { tune, type Refits, type Tuned } from "./tune";
import { assemble, findByName, sizesOf, weightForm, withFloats, type WeightForm } from "./write";

/** Plans that are carried out at most, to keep a preset's promise. */
const MOST_PLANS = 3;
/** Fits of a plan in which layers have codebooks in common, each with codewords from the one before: their losses differ by a tenth either way. */
const SHARED_FITS = 4;
/** So much less has to be lost on samples that a fit has seen: codewords that were learned from them again and again flatter themselves. */
const FLATTERY = 0.75;
/** So many weights are rounded within seconds. */
const EASILY_ROUNDED = 3e7;
/** A training learns to live with rounded activations where they make more than this share of what a network loses. */
const WORTH_LEARNING = 0.2;
/** Samples that tell the means of layers' inputs. */
const FEW = 64;
/** Weights of a layer before which memory is tidied. */
const LARGE_LAYER = 1e6;

/**
 * Compresses a model as a request asks: plan, fit, write, report.
 * @throws KernelscopeError with a sentence for the user; nothing is left behind then
 */
export async function compressModel(request: CompressRequest, host: Host, onProgress: (p: Progress) => void = () => undefined, signal?: AbortSignal, stop?: AbortSignal): Promise<CompressReport> {
  const job = await mergeRecipe(request, host);
  const output = job.request.output ?? defaultOutput(job.request);
  const opened = await host.openModel(job.request.model);
  try {
    return await new Compression(job, output, opened, host, new ProgressMeter(onProgress, undefined, parseTuning(job.request.tune) ? "tuned" : job.request.inference === "integer" && job.recipe.integers?.diagnose ? "diagnosed" : "plain"), signal, stop).run();
  } finally {
    await opened.close();
  }
}

const defaultOutput = ({ model, prepare }: CompressRequest): string => model.replace(/(\.small)?\.onnx$/i, "") + (prepare ? ".ready.onnx" : ".small.onnx");

/** A layer that is done; its codes may lie in the checkpoint until they are written. */
interface Finished extends Pick<FittedLayer, "layer" | "sqnrDb"> { load(): Promise<FittedLayer> }

interface PlannedChoice extends LayerChoice { loss: number }
interface Plan { choices: PlannedChoice[]; shared?: { choices: PlannedChoice[]; worth: number } }
/** A plan that was carried out, and with data what that did. */
interface Carried { choices: PlannedChoice[]; fitted: Map<Layer, Finished>; effect?: Effect; met?: Fitted["met"] }

class Compression {
  private readonly started = performance.now();
  private readonly seconds: Record<string, number> = {};
  private readonly notes: string[] = [];
  /** Of the model and its external data. */
  private readonly hashes: string[] = [];
  /** {@link stampOf} the samples. */
  private stamp = "";
  private model: Model;
  private tuning: TuningReport | undefined;
  private integers: IntegerReport | undefined;
  /** What the model became for the sake of a limit. */
  private lean: LeanModel | undefined;
  /** What layers of the plan have in common. */
  private books: Books | undefined;
  /** Ratings that the plan was made of. */
  private ratings: LayerSensitivity[] | undefined;
  /** Where the report was measured. */
  private device: Device = "cpu";

  constructor(private readonly job: Job, private readonly output: string, private readonly opened: OpenedModel, private readonly host: Host, private readonly progress: ProgressMeter, private readonly signal?: AbortSignal, private readonly stop?: AbortSignal) {
    this.model = opened.model;
  }

  async run(): Promise<CompressReport> {
    const { job: { request }, host, signal } = this;
    let layers = findLayers(this.model);
    const goal = goalOf(request, this.opened.bytes), store = host.checkpoints?.(await this.jobKey());
    await this.checkOutput(store);
    checkRequest(request, this.model, layers);
    const data = request.data === undefined ? undefined : await this.timed("read", () => this.readData());
    const products = new Products(host.runtime, request.threads);
    try {
      this.stamp = await stampOf(data, host);
      const record = new JobRecord(store, this.stamp);
      if (data && request.inference === "integer") layers = await this.timed("read", () => this.becomeIntegers(data));
      const limit = trimLimit(this.job, goal);
      if (request.trim && limit === undefined) this.notes.push("Nothing is trimmed: integers fold in their own way, dense files keep what they have, and a model that is prepared stays itself.");
      if (limit !== undefined) layers = await this.timed("plan", () => this.becomeLean(limit));
      const tools: FitTools = { runtime: host.runtime, pool: host.pool, products, seed: request.seed ?? 1, threads: request.threads, signal };
      const { choices, fitted } = await this.planAndFit(layers, goal, data, tools, record);
      throwIfCancelled(signal);
      const pack = (plan: readonly LayerChoice[], vectors: readonly OwnVector[] = []) => assemble(this.model, plan, ({ layer }) => fitted.get(layer)!.load(), vectors, this.job.embedded, this.form), isInteger = request.inference === "integer";
      const decided = data && isInteger && parseTuning(request.tune) && !request.prepare ? await this.timed("calibrate", async () => decideIntegers(await this.integerRequest(await pack(choices), data, { stage: "tune" }))) : undefined;
      const { vectors = [], weights, plan = choices, ranges } = await this.timed("tune", () => this.tune(layers, goal, choices, fitted, data, tools, record, decided)) ?? {};
      const packed = weights ? withFloats(this.model, weights, vectors) : await pack(plan, vectors);
      const edit = data && isInteger ? await this.timed("calibrate", () => this.quantize(packed, data, { isRounding: !decided && !weights && isRounded(plan), known: decided && { ...decided, ranges: trainedRanges(decided, ranges) } })) : packed;
      this.progress.stage("write", "writing the file");
      await record.writing(this.output);
      const written = await this.timed("write", () => this.write(edit));
      if (record.problem !== undefined) this.notes.push(`Had the job been killed, it would have begun anew: ${record.problem}`);
      try {
        const report = await this.report(layers, weights ? [] : await this.inOriginal([...fitted.values()]), data);
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

  private get form(): WeightForm { return weightForm(this.job.request, this.lean?.biases); }

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
    // a killed run may have left its result; when it is written again, the two are compared
    if (!request.force && await host.exists(output) && !await wasWriting(store, output)) throw new KernelscopeError("file-exists", `${output} exists already. Give another name with -o, or --force to replace it.`);
    await host.checkWritable(output);
  }

  /** What makes two runs the same job: model, recipe and folder of data. */
  private async jobKey(): Promise<string> {
    const { request, embedded } = this.job;
    for (const file of this.opened.files) this.hashes.push(await this.host.hash(file));
    return (await hashOf(JSON.stringify([this.hashes, embedded, request.method, request.data, request.threads, request.layout, request.tune, mannerOf(request), request.prepare, request.trim, ...(request.inference === "integer" ? [request.inference] : [])]))).slice(0, 24);
  }

  private readData(): Promise<JobData> {
    this.progress.stage("read", "reading calibration images");
    return readJobData(this.job, this.model, this.host, this.signal, { isFitted: !onlyRounds(this.job) });
  }

  /** Plans, carries it out and, where a preset's promise was missed because layers add up to more or less than each by itself, plans again with what was learnt; what an earlier job has learnt so is not tried again. */
  private async planAndFit(layers: readonly Layer[], goal: Goal, data: JobData | undefined, tools: FitTools, record: JobRecord): Promise<{ choices: LayerChoice[]; fitted: Map<Layer, Finished> }> {
    const ratings = await this.ratingRecord(tools), key = goal.kind === "preset" ? outcomeKey(goal.preset, this.job.recipe) : undefined;
    const missed = data && key !== undefined ? [...(await ratings.outcome(key))?.missed ?? []] : [];
    for (;;) {
      const attempt = missed.length + 1, plan = await this.timed("plan", () => this.plan(attempt, layers, goal, data, ratings, tools, record, missed.at(-1)));
      const { choices, fitted, effect } = await this.timed("fit", () => this.fitPlan(plan, data, ratings, tools, record));
      const predicted = choices.reduce((sum, { loss }) => sum + loss, 0);
      if (!effect || goal.kind !== "preset" || key === undefined || !(predicted > 0)) return { choices, fitted };
      const trial = trialOf(predicted, effect);
      if (attempt === MOST_PLANS || !isOffTarget(goal.preset, trial)) {
        await ratings.keepOutcome(key, { missed, written: trial });
        return { choices, fitted };
      }
      missed.push(trial);
    }
  }

  private async plan(attempt: number, layers: readonly Layer[], goal: Goal, data: JobData | undefined, ratings: RatingRecord, tools: FitTools, record: JobRecord, trial: Trial | undefined): Promise<Plan> {
    const { choices, shared, notes } = await record.plan(attempt, layers, () => this.planWith(async (free) => (this.ratings = await this.rate(free, data, ratings, tools)), layers, goal, data !== undefined, goal.kind === "preset" ? { [goal.preset]: trial } : {}));
    for (const note of notes) if (!this.notes.includes(note)) this.notes.push(note);
    return { choices: withLayers(choices, layers), shared: shared && { choices: withLayers(shared.choices, layers), worth: shared.worth } };
  }

  private async planWith(rate: PlanRequest["rate"], layers: readonly Layer[], goal: Goal, measured: boolean, trials: PlanRequest["trials"] = {}): Promise<StoredPlan> {
    const { model, job, job: { recipe, embedded, request }, host: { runtime }, form, opened: { bytes: inputBytes } } = this, notes: string[] = [];
    const overhead = request.inference === "integer" ? (await integerOverhead(model, runtime, { normalizations: recipe.integers?.normalizations })).bytes : 0;
    return { ...await planFor({ model, layers, goal, recipe, embedded, form, overhead, inputBytes, rate, shares: mayShare(job), triesToShare: triesToShare(job), measured, trials, notes }), notes };
  }

  /** Carries out a plan; where one with codebooks in common promises more, that as well, some times: they are learned anew from what their layers met the last time. It is kept only where it clearly does better on samples that no fit has seen. */
  private async fitPlan({ choices, shared }: Plan, data: JobData | undefined, ratings: RatingRecord, tools: FitTools, record: JobRecord): Promise<Carried> {
    const own = { choices, ...await this.fit(choices, data, tools, record, "layer") };
    if (!shared || !own.effect) return own;
    const key = verdictKey(shared.choices);
    if ((await ratings.verdicts()).get(key) === false) return own;
    const unseen = data?.unseen.length ? { input: data.input.name, batches: await readBatches(data.dataset, data.unseen, batchSize(data.input, BATCH), this.signal) } : undefined;
    const lossesOf = async ({ fitted }: Carried): Promise<number[]> => (unseen ? lossesOn(this.model, await Promise.all(Array.from(fitted.values(), (layer) => layer.load())), unseen, tools) : []);
    const before = await lossesOf(own), factor = 1 + shared.worth, { loss: seenBefore } = own.effect;
    let best: Carried = own, least = Infinity, met: Fitted["met"] | undefined;
    for (let time = 1; time <= SHARED_FITS; time++) {
      const next: Carried = { choices: shared.choices, ...await this.fit(shared.choices, data, tools, record, `shared${time}-`, met) };
      const losses = await lossesOf(next), seen = next.effect!.loss, loss = unseen ? losses.reduce((sum, one) => sum + one, 0) : seen;
      if (loss < least && (unseen ? isClearlyLess(losses, before, factor) : seen < FLATTERY * factor * seenBefore)) { best = next; least = loss; }
      met = next.met;
    }
    await ratings.keepVerdict(key, best !== own);
    return best;
  }

  private ratingRecord({ seed }: FitTools): Promise<RatingRecord> {
    const { hashes, stamp, job: { request: { method, inference } } } = this;
    return ratingRecord({ hashes, stamp, method, seed, inference }, this.host);
  }

  private async rate(wanted: readonly Layer[], data: JobData | undefined, record: RatingRecord, tools: FitTools): Promise<LayerSensitivity[]> {
    // the original's are kept, whatever the limit
    const { lean, opened } = this, ids = new Set(wanted.map(({ id }) => id)), layers = lean ? findLayers(opened.model).filter(({ id, blocked }) => ids.has(id) && blocked === undefined) : wanted;
    const ratings = await rateLayers(lean ? opened.model : this.model, layers, data, record, { method: this.job.request.method, shares: triesToShare(this.job) }, tools, (layer, begun, of) => {
      this.progress.step("sensitivity", `rating layer ${layer.label}, ${begun + 1} of ${of}`, begun / of);
      this.tidy(layer);
    });
    return lean ? leanRatings(ratings, opened.model, lean) : ratings;
  }

  /** A finished layer from its checkpoint; it is made again where somebody has taken that away, like the same job that ended elsewhere. */
  private async reload(record: JobRecord, choice: LayerChoice, position: number, tools: FitTools): Promise<FittedLayer> {
    this.tidy(choice.layer);
    let fitted = await record.fitted(choice.layer, position, choice);
    if (!fitted) await fitWithoutData(this.model, [choice], { ...tools, restoredBooks: async () => this.books }, (again) => { fitted = again; });
    return fitted!;
  }

  private tidy({ parameters }: Layer): void {
    if (parameters > LARGE_LAYER) this.host.collectGarbage();
  }

  private async fit(choices: readonly LayerChoice[], data: JobData | undefined, tools: FitTools, record: JobRecord, round: Round, met?: Fitted["met"]): Promise<Omit<Carried, "choices">> {
    const positions = new Map(choices.map(({ layer }, i) => [layer, i]));
    const work = choices.reduce((sum, { layer }) => sum + layer.parameters, 0);
    const kept = new WeakSet<FittedLayer>();
    let done = 0, weights = 0, text = "fitting layers";
    const finish = ({ layer: { label, parameters }, sqnrDb }: FittedLayer): void => {
      weights += parameters;
      this.progress.step("fit", text, weights / work, { layers: { done: ++done, of: choices.length, finished: { label, ...(Number.isFinite(sqnrDb) && { sqnrDb }) } } });
    };
    const watched: FitTools = {
      ...tools,
      onLayer: (layer) => {
        text = `fitting layer ${layer.label}, ${done + 1} of ${choices.length}${round === "layer" ? "" : ", codebooks in common"}`;
        this.progress.step("fit", text, weights / work, { layers: { done, of: choices.length } });
        this.tidy(layer);
      },
      tidy: (layer) => this.tidy(layer),
      restoredBooks: async (sharers) => (this.books = await record.books(sharers, round)),
      onBooks: async (books) => {
        this.books = books;
        await record.keepBooks(books, round);
      },
      restored: async (layer) => {
        const known = await record.fitted(layer, positions.get(layer)!, choices[positions.get(layer)!], round);
        if (known) { kept.add(known); finish(known); }
        return known;
      },
      onFitted: async (fitted) => {
        if (!kept.has(fitted)) { await record.keep(fitted, positions.get(fitted.layer)!, round); finish(fitted); }
        throwIfCancelled(this.signal);
      },
    };
    const finished = new Map<Layer, Finished>();
    const hold = (fitted: FittedLayer) => { finished.set(fitted.layer, { layer: fitted.layer, sqnrDb: fitted.sqnrDb, load: async () => fitted }); };
    const leave = ({ layer, sqnrDb }: FittedLayer) => { finished.set(layer, { layer, sqnrDb, load: () => this.reload(record, choices[positions.get(layer)!], positions.get(layer)!, tools) }); };
    if (data && this.job.request.inference === "integer" && isRounded(choices) && work <= EASILY_ROUNDED) {
      // to round them again is faster than to keep them
      await fitWithoutData(this.model, choices, { ...watched, restored: undefined, onFitted: async (fitted) => finish(fitted) }, hold);
      return { fitted: finished };
    }
    if (!data || (this.job.request.inference === "integer" && isRounded(choices))) {
      await fitWithoutData(this.model, choices, watched, (fitted) => (record.isWhole ? leave(fitted) : hold(fitted)));
      return { fitted: finished };
    }
    const { layers, effect, met: seen } = await fitWithData(this.model, choices, data.fit, watched, undefined, met);
    layers.forEach(hold);
    return { fitted: finished, effect, met: seen };
  }

  /** Trains what was fitted where that is asked for. @returns what has changed beside the layers */
  private async tune(all: readonly Layer[], goal: Goal, choices: readonly LayerChoice[], fitted: Map<Layer, Finished>, data: JobData | undefined, tools: FitTools, record: JobRecord, decided: Awaited<ReturnType<typeof decideIntegers>> | undefined): Promise<Pick<Tuned, "vectors" | "weights" | "plan" | "ranges"> | undefined> {
    const { model, signal, stop, job: { request, request: { tune: text, device: wanted } } } = this, length = parseTuning(text);
    if (!length || !data) return undefined;
    const layers: FittedLayer[] = [];
    for (const finished of fitted.values()) layers.push(await finished.load());
    const { input, dataset, trained, watched } = data;
    this.progress.stage("tune", "preparing the training");
    const tuned = await tune({
      model, layers, input, dataset, trained, watched, length, seed: tools.seed, ...mannerOf(request), threads: tools.threads, device: wanted, runtime: tools.runtime, signal, stop, checkpoint: record.training(all),
      refits: this.refits(choices, data, tools, record), joint: request.schedule === "joint" && !request.prepare ? await this.jointPlan(all, goal, choices, data, tools, record) : undefined, prepare: request.prepare, integers: decided && { ...decided, delay: this.delayOf(decided.rounding) },
      onProgress: this.followTuning(),
    });
    const { steps, bestStep, before, after, device, notes } = tuned;
    this.tuning = { steps, bestStep, before, after, device };
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

  /** Layers of the plan once more, fitted to a network that has been trained. */
  private refits(choices: readonly LayerChoice[], data: JobData, tools: FitTools, record: JobRecord): Refits {
    return {
      known: (position) => record.fitted(choices[position].layer, position, choices[position], "again"),
      make: async (positions, from) => {
        const { layers } = await fitWithData(this.model, positions.map((position) => choices[position]), data.fit, tools, from);
        for (const [i, layer] of layers.entries()) await record.keep(layer, positions[i], "again");
        return layers;
      },
    };
  }

  /** What plans for weights that are trained: to the goal, or, where that is a preset, to the bytes that it has come to. */
  private async jointPlan(layers: readonly Layer[], goal: Goal, choices: readonly LayerChoice[], data: JobData, tools: FitTools, record: JobRecord): Promise<Joint> {
    const { model, job: { embedded, request: { method } }, form } = this, bytes = (): number => sizesOf(model, choices.map(({ layer, method, options }) => ({ layer, packed: methodById(method).blank(layer, options, false) })), embedded, form).fileBytes();
    const budget: Goal = goal.kind === "preset" ? { kind: "bytes", bytes: bytes() } : goal, ratings = this.ratings ?? await this.rate(layers.filter(({ blocked }) => blocked === undefined), data, await this.ratingRecord(tools), tools);
    return new Joint({
      model, ratings, method, tools, choicesOf: (plan) => withLayers(plan, layers), fit: async (plan, from) => (await fitWithData(model, plan, data.rating, tools, from)).layers, refits: (plan) => this.refits(plan, data, tools, record),
      plan: async (now) => (await this.planWith(async (free) => now.filter(({ layer }) => free.includes(layer)), layers, budget, true)).choices,
    });
  }

  private followTuning(): (done: TuningDone) => void {
    let begun: { step: number; time: number } | undefined;
    return (tuning) => {
      const { step, steps, first, best, layers } = tuning, now = performance.now();
      begun ??= { step, time: now };
      const secondsLeft = step > begun.step + 5 ? (now - begun.time) / 1000 / (step - begun.step) * (steps - step) : undefined;
      this.progress.step("tune", `step ${step.toLocaleString("en")} of ${steps.toLocaleString("en")}, ${layers ? `${layers.done} of ${layers.of} layers quantized` : gainOf(first, best)}`, step / steps, { tuning, secondsLeft });
    };
  }

  /** Goes on with the form of the model that has fewer bytes beside its weights. @returns its layers */
  private async becomeLean(limit: number): Promise<Layer[]> {
    this.lean = await leanModel(this.model, limit);
    this.model = this.lean.model;
    return this.lean.layers;
  }

  /** Goes on with the network that integers are made of. @returns its layers */
  private async becomeIntegers({ rating }: JobData): Promise<Layer[]> {
    const { host: { runtime }, signal, job: { request: { threads } } } = this, { model, notes } = await integerNetwork(this.model, rating, runtime, { threads, signal });
    this.model = model;
    this.notes.push(...notes);
    return findLayers(model);
  }

  /** Makes integers of the activations of a network whose weights are some. */
  private async quantize(edit: ModelEdit, data: JobData, { isRounding, known }: { isRounding: boolean; known?: Decided }): Promise<ModelEdit> {
    const { edit: written, report, notes } = await integersOf({ ...await this.integerRequest(edit, data, { isRounding, stage: "calibrate" }), known });
    this.integers = report;
    this.notes.push(...notes);
    return written;
  }

  /** @param of.stage what it is a part of, for those who follow the job */
  private async integerRequest(edit: ModelEdit, { calibration, rating }: JobData, { isRounding = false, stage }: { isRounding?: boolean; stage: "tune" | "calibrate" }): Promise<IntegerRequest> {
    const { host: { runtime }, signal, job: { request: { threads }, recipe: { integers = {}, layers = {} } } } = this, model = await editedModel(edit), known = findLayers(model);
    const left = new Set(Object.entries(layers).flatMap(([name, { inference }]) => (inference === "float" ? [findByName(known, name)?.id ?? name] : [])));
    this.progress.stage(stage, "looking at the range of every activation");
    const few = rating.batches.slice(0, Math.ceil(FEW / rating.batches[0].dims[0])), meanErrors = () => measureMeanErrors(this.model, model, rating.input, few, runtime, { threads, signal });
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

  /** How near layers are to the original's, whose units a lean form has left. */
  private async inOriginal(fitted: readonly Finished[]): Promise<Pick<FittedLayer, "layer" | "sqnrDb">[]> {
    const { lean, opened: { model } } = this;
    if (!lean) return [...fitted];
    const own = new Map(findLayers(model).map((layer) => [layer.id, layer])), layers: Pick<FittedLayer, "layer" | "sqnrDb">[] = [];
    for (const { layer, load } of fitted) layers.push({ layer, sqnrDb: await sqnrInOriginal(model, own.get(layer.id), lean.model, await load()) });
    return layers;
  }

  private async report(layers: readonly Layer[], fitted: readonly Pick<FittedLayer, "layer" | "sqnrDb">[], data: JobData | undefined): Promise<CompressReport> {
    const { host, job: { request }, output } = this;
    const written = await host.openModel(output);
    try {
      const inputDigest = { path: request.model, bytes: this.opened.bytes, sha256: this.hashes[0], peakActivationBytes: peakActivations(this.opened.model)?.bytes };
      const { layers: found, shared, convBitsPerWeight, bitsPerWeight } = await layerReports(layers, fitted, written.model);
      const byName = new Map(layers.map((layer) => [layer.id, layer])), left = new Set(Object.entries(this.job.recipe.layers ?? {}).flatMap(([name, { pin }]) => (pin === "leave" ? [findByName(layers, name)?.id] : [])));
      const skippedOf = ({ name, skipped }: LayerReport) => (left.has(name) ? "Left as it is, as the recipe asks." : request.prepare && byName.get(name)?.blocked === undefined ? "Floats, trained to be compressed." : skipped);
      const { rows, notes } = await withSpeeds(found.map((row) => ({ ...row, skipped: skippedOf(row) })), layers, { runtime: host.runtime, threads: request.threads });
      this.notes.push(...notes);
      const fidelity = await this.timed("evaluate", () => this.fidelity(data));
      const [digest, ...more] = await Promise.all(written.files.map((file) => host.digest(file)));
      const gzipBytes = more.reduce((sum, file) => sum + file.gzipBytes, digest.gzipBytes);
      this.seconds.total = (performance.now() - this.started) / 1000;
      return {
        input: inputDigest,
        output: { path: output, sha256: digest.sha256, gzipBytes, bytes: written.bytes, loadedWeightBytes: loadedWeightBytes(written.model, layers), peakActivationBytes: peakActivations(written.model)?.bytes },
        tuning: this.tuning, integers: this.integers, ratio: this.opened.bytes / written.bytes, convBitsPerWeight, bitsPerWeight, device: this.device, seconds: this.seconds, layers: rows, ...(shared && { shared }), ...(this.lean?.trims.length && { trims: this.lean.trims }), fidelity,
        notes: [...this.notes, ...(data?.notes ?? [])],
      };
    } finally {
      await written.close();
    }
  }

  /** The written file beside the original on samples that nothing was fitted to. */
  private async fidelity(data: JobData | undefined): Promise<Fidelity | undefined> {
    const { host, job: { request } } = this;
    const samples: EvaluationSet | undefined = request.evalData === undefined ? data : await readEvaluationSet(request.evalData, this.job, this.model, host);
    if (!samples?.held.length) return undefined;
    const { fidelity, device, notes } = await measureFidelity(request, this.output, samples, host, (text, share) => this.progress.step("evaluate", text, share), this.signal);
    this.device = device;
    this.notes.push(...notes);
    return fidelity;
  }
}

/** Choices of a plan for these layers. */
function withLayers(choices: readonly StoredChoice[], layers: readonly Layer[]): PlannedChoice[] {
  const byId = new Map(layers.map((layer) => [layer.id, layer]));
  return choices.map(({ id, method, options, noise, loss }) => ({ layer: byId.get(id)!, method, options, loss, slope: noise > 0 ? loss / noise : undefined }));
}

/** Whether a plan rounds every weight to 8 bits: no fit to data does that noticeably better, and all of them take a hundred times as long. */
const isRounded = (choices: readonly LayerChoice[]): boolean => choices.every(({ method, options }) => method === "integer" && "bits" in options && options.bits === 8);

/** What training has gained so far, in words. */
function gainOf(first: HeldOut, best: HeldOut): string {
  const share = (agreement: number) => `${(100 * agreement).toFixed(1)} %`;
  if (first.agreement !== undefined && best.agreement !== undefined) return `agreement ${share(first.agreement)} → ${share(best.agreement)}`;
  return `error ${share(first.loss)} → ${share(best.loss)}`;
}
