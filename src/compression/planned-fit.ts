import { batchSize, readBatches } from "../evaluation/evaluate";
import { methodById } from "../methods/registry";
import { findLayers, type Layer } from "../onnx/layers";
import type { Model } from "../onnx/model";
import { throwIfCancelled } from "../protocol/errors";
import type { Tensor } from "../runtime/runtime";
import type { Books } from "./books";
import type { JobRecord, Round, StoredChoice, StoredPlan } from "./checkpoint";
import { BATCH, rateLayers, ratingOptions, ratingRecord, type JobData } from "./data";
import type { Effect } from "./effect";
import { fitWithData, fitWithoutData, lossesOn, type Fitted, type FitTools, type FittedLayer, type LayerChoice } from "./fit";
import { networkOutputs } from "./flow";
import { mayShare, namesOnlyLayers, triesToShare, type Goal, type Job } from "./goal";
import type { Host, OpenedModel } from "./host";
import { integerOverhead } from "./integer/overhead";
import { knownRounding } from "./integer/rounding";
import type { Observed } from "./together";
import { Joint } from "./joint";
import { leanRatings, type LeanModel } from "./lean/lean";
import { planFor, type PlanRequest } from "./plan";
import type { ProgressMeter } from "./progress";
import { keepPromise, outcomeKey, trialOf } from "./promise";
import { verdictKey, type RatingRecord, type Trial } from "./ratings";
import { listCandidates, type LayerSensitivity } from "./sensitivity";
import { isClearlyLess } from "./sharing";
import type { Refits } from "./tune";
import { sizesOf, type WeightForm } from "./write";

/** Fits of a plan in which layers have codebooks in common, each with codewords from the one before: their losses differ by a tenth either way. */
const SHARED_FITS = 4;
/** So much less has to be lost on samples that a fit has seen: codewords that were learned from them again and again flatter themselves. */
const FLATTERY = 0.75;
/** So many weights are rounded within seconds. */
const EASILY_ROUNDED = 3e7;
/** Weights of a layer before which memory is tidied. */
const LARGE_LAYER = 1e6;

/** A layer that is done; its codes may lie in the checkpoint until they are written. */
export interface Finished extends Pick<FittedLayer, "layer" | "sqnrDb"> { load(): Promise<FittedLayer> }

export interface PlannedChoice extends LayerChoice { loss: number }
interface Plan extends Pick<StoredPlan, "slope"> { choices: PlannedChoice[]; shared?: { choices: PlannedChoice[]; worth: number } }
/** A plan that was carried out, and with data what that did. */
export interface Carried { choices: PlannedChoice[]; fitted: Map<Layer, Finished>; effect?: Effect; met?: Fitted["met"] }

/** What a plan is made of, and carried out with. */
export interface PlannedFitOptions {
  job: Job;
  /** What was taken away before, what that loses by itself, and the original, which predictions are held against. */
  pruning?: { compute: number };
  lostBefore?: number;
  original?: Model;
  /** The original, or what is left of it where it has lost channels. */
  opened: OpenedModel;
  /** What the model became for the sake of integers or of a limit. */
  model: Model;
  lean?: LeanModel;
  layers: readonly Layer[];
  goal: Goal;
  form: WeightForm;
  /** Of the model and its external data. */
  hashes: readonly string[];
  /** {@link stampOf} the samples. */
  stamp: string;
  data?: JobData;
  host: Host;
  tools: FitTools;
  record: JobRecord;
  progress: ProgressMeter;
  timed<T>(stage: string, work: () => Promise<T>): Promise<T>;
}

/** Makes a job's plan and carries it out: which layers become what, and what they are then. */
export class PlannedFit {
  /** What the plan has to say. */
  readonly notes: string[] = [];
  /** What layers of the plan have in common. */
  private books: Books | undefined;
  /** Ratings that the plan was made of. */
  private ratings: LayerSensitivity[] | undefined;

  /** The original's outputs, where channels were taken away. */
  private outputs: Promise<Map<string, Tensor[]>> | undefined;

  /** A plan has missed what its preset stands for, and another is being fitted. */
  private isAgain = false;

  constructor(readonly options: PlannedFitOptions) {}

  /**
   * Plans, carries it out and, where a preset's promise was missed because layers add up to more or less than each by itself, plans again with what was learnt.
   * What comes nearest to the promise without breaking it is kept; a later job takes that at once.
   */
  async run(): Promise<Pick<Carried, "choices" | "fitted">> {
    const { goal, data, lostBefore = 0, job: { recipe } } = this.options, ratings = await this.ratingRecord();
    if (!data || goal.kind !== "preset") return (await this.carryOut([], ratings)).carried;
    const key = outcomeKey(goal.preset, recipe), known = await ratings.outcome(key), latest: { missed?: readonly Trial[]; carried?: Carried } = {};
    const trial = async (missed: readonly Trial[]): Promise<Trial | undefined> => {
      this.isAgain = latest.missed !== undefined;
      delete latest.carried; // two fits are never held at once
      const { carried, slope } = await this.carryOut(missed, ratings), predicted = carried.choices.reduce((sum, { loss }) => sum + loss, lostBefore);
      Object.assign(latest, { missed: [...missed], carried });
      return carried.effect && predicted > 0 ? trialOf(predicted, carried.effect, slope) : undefined;
    };
    const written = known && await trial(known.missed), outcome = known ? written && { missed: known.missed, written } : await keepPromise(goal.preset, trial);
    if (outcome) await ratings.keepOutcome(key, outcome);
    if (outcome && outcome.missed.length < latest.missed!.length) await trial(outcome.missed);
    return latest.carried!;
  }

  /** One plan, made with what was learnt from those before it. */
  private async carryOut(missed: readonly Trial[], ratings: RatingRecord): Promise<{ carried: Carried; slope?: number }> {
    const { timed } = this.options, plan = await timed("plan", () => this.plan(missed, ratings));
    return { carried: await timed("fit", () => this.fitPlan(plan, ratings)), slope: plan.slope };
  }

  private async plan(missed: readonly Trial[], ratings: RatingRecord): Promise<Plan> {
    const { layers, goal, record } = this.options, trials = goal.kind === "preset" ? { [goal.preset]: missed } : {};
    const { choices, shared, slope, notes } = await record.plan(missed.length + 1, layers, () => this.planWith(async (free) => (this.ratings = await this.rate(free, ratings)), goal, trials));
    for (const note of notes) if (!this.notes.includes(note)) this.notes.push(note);
    return { slope, choices: withLayers(choices, layers), shared: shared && { choices: withLayers(shared.choices, layers), worth: shared.worth } };
  }

  /** What activations of 8 bits will lose: what presets promise counts it. */
  private async rounding(goal: Goal): Promise<number | undefined> {
    const { model, original, opened, data, tools, progress, job: { request, recipe } } = this.options;
    if (!data || request.inference !== "integer" || goal.kind !== "preset") return undefined;
    progress.step("sensitivity", "measuring what rounding activations costs", 1);
    return knownRounding(await this.ratingRecord(), model, original ?? opened.model, data, recipe, tools);
  }

  private async planWith(rate: PlanRequest["rate"], goal: Goal, trials: PlanRequest["trials"] = {}): Promise<StoredPlan> {
    const { model, layers, job, job: { recipe, embedded, request }, host: { runtime }, form, data, opened: { bytes: inputBytes } } = this.options, notes: string[] = [];
    const overhead = request.inference === "integer" ? (await integerOverhead(model, runtime, { normalizations: recipe.integers?.normalizations })).bytes : 0;
    return { ...await planFor({ model, layers, goal, recipe, method: request.method, onlyNamed: namesOnlyLayers(job), embedded, form, overhead, optional: this.options.lean?.optional, inputBytes, rate, list: (open) => this.ofOriginal(open, (of, listed) => listCandidates(of, listed, ratingOptions(job, listed))), shares: mayShare(job), triesToShare: triesToShare(job), measured: data !== undefined, pruned: this.options.pruning?.compute, lostBefore: this.options.lostBefore, rounding: await this.rounding(goal), trials, notes }), notes };
  }

  /** Carries out a plan; where one with codebooks in common promises more, that as well, some times: they are learned anew from what their layers met the last time. It is kept only where it clearly does better on samples that no fit has seen. */
  private async fitPlan({ choices, shared }: Plan, ratings: RatingRecord): Promise<Carried> {
    const { model, data, tools } = this.options, own = { choices, ...await this.fit(choices, "layer") };
    if (!shared || !own.effect) return own;
    const key = verdictKey(shared.choices);
    if ((await ratings.verdicts()).get(key) === false) return own;
    const unseen = data?.unseen.length ? { input: data.input.name, batches: await readBatches(data.dataset, data.unseen, batchSize(data.input, BATCH), tools.signal) } : undefined;
    const lossesOf = async ({ fitted }: Carried): Promise<number[]> => (unseen ? lossesOn(model, await Promise.all(Array.from(fitted.values(), (layer) => layer.load())), unseen, tools) : []);
    const before = await lossesOf(own), factor = 1 + shared.worth, { loss: seenBefore } = own.effect;
    let best: Carried = own, least = Infinity, met: Fitted["met"] | undefined;
    for (let time = 1; time <= SHARED_FITS; time++) {
      const next: Carried = { choices: shared.choices, ...await this.fit(shared.choices, `shared${time}-`, met) };
      const losses = await lossesOf(next), seen = next.effect!.loss, loss = unseen ? losses.reduce((sum, one) => sum + one, 0) : seen;
      if (loss < least && (unseen ? isClearlyLess(losses, before, factor) : seen < FLATTERY * factor * seenBefore)) { best = next; least = loss; }
      met = next.met;
    }
    await ratings.keepVerdict(key, best !== own);
    return best;
  }

  /** What a file of this plan lost, as it was measured for its report, tells what others will. */
  async learn(choices: readonly PlannedChoice[], seen: Omit<Observed, "predicted">): Promise<void> {
    const predicted = choices.reduce((sum, choice) => sum + choice.loss, this.options.lostBefore ?? 0);
    if (predicted > 0) await (await this.ratingRecord()).keepWritten({ predicted, ...seen }, this.options.job.request.evalData);
  }

  private ratingRecord(): Promise<RatingRecord> {
    const { hashes, stamp, host, tools: { seed }, pruning: prune, job: { request: { method, inference } } } = this.options;
    return ratingRecord({ hashes, stamp, method, seed, inference, prune }, host);
  }

  private async rate(wanted: readonly Layer[], record: RatingRecord): Promise<LayerSensitivity[]> {
    const { data, tools, job, progress } = this.options;
    return this.ofOriginal(wanted, (model, layers) => rateLayers(model, layers, data, record, ratingOptions(job, layers), tools, (layer, begun, of) => {
      progress.step("sensitivity", `rating layer ${layer.label}, ${begun + 1} of ${of}`, begun / of);
      this.tidy(layer);
    }));
  }

  /** What is told of the original's layers, whatever the limit, is kept; here it is that of the lean ones. */
  private async ofOriginal(wanted: readonly Layer[], tell: (model: Model, layers: readonly Layer[]) => Promise<LayerSensitivity[]>): Promise<LayerSensitivity[]> {
    const { lean, model, opened } = this.options, ids = new Set(wanted.map(({ id }) => id));
    return lean ? leanRatings(await tell(opened.model, findLayers(opened.model).filter(({ id, blocked }) => ids.has(id) && blocked === undefined)), opened.model, lean) : tell(model, wanted);
  }

  /** A finished layer from its checkpoint; it is made again where somebody has taken that away, like the same job that ended elsewhere. */
  private async reload(choice: LayerChoice, position: number): Promise<FittedLayer> {
    const { model, record, tools } = this.options;
    this.tidy(choice.layer);
    let fitted = await record.fitted(choice.layer, position, choice);
    if (!fitted) await fitWithoutData(model, [choice], { ...tools, restoredBooks: async () => this.books }, (again) => { fitted = again; });
    return fitted!;
  }

  private tidy({ parameters }: Layer): void {
    if (parameters > LARGE_LAYER) this.options.host.collectGarbage();
  }

  private async fit(choices: readonly LayerChoice[], round: Round, met?: Fitted["met"]): Promise<Omit<Carried, "choices">> {
    const { model, data, tools, record, progress, job: { request } } = this.options, positions = new Map(choices.map(({ layer }, i) => [layer, i]));
    const work = choices.reduce((sum, { layer }) => sum + layer.parameters, 0), isRounding = request.inference === "integer" && isRounded(choices);
    const kept = new WeakSet<FittedLayer>();
    let done = 0, weights = 0, text = "fitting layers";
    const finish = ({ layer: { label, parameters }, sqnrDb }: FittedLayer): void => {
      weights += parameters;
      progress.step("fit", text, weights / work, { layers: { done: ++done, of: choices.length, finished: { label, ...(Number.isFinite(sqnrDb) && { sqnrDb }) } } });
    };
    const watched: FitTools = {
      ...tools,
      onLayer: (layer) => {
        text = `${this.isAgain ? "fitting again, by another plan: layer" : "fitting layer"} ${layer.label}, ${done + 1} of ${choices.length}${round === "layer" ? "" : ", codebooks in common"}`;
        progress.step("fit", text, weights / work, { layers: { done, of: choices.length } });
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
        throwIfCancelled(tools.signal);
      },
    };
    const finished = new Map<Layer, Finished>();
    const hold = (fitted: FittedLayer) => { finished.set(fitted.layer, { layer: fitted.layer, sqnrDb: fitted.sqnrDb, load: async () => fitted }); };
    const leave = ({ layer, sqnrDb }: FittedLayer) => { finished.set(layer, { layer, sqnrDb, load: () => this.reload(choices[positions.get(layer)!], positions.get(layer)!) }); };
    if (data && isRounding && work <= EASILY_ROUNDED) {
      // to round them again is faster than to keep them
      await fitWithoutData(model, choices, { ...watched, restored: undefined, onFitted: async (fitted) => finish(fitted) }, hold);
      return { fitted: finished };
    }
    if (!data || isRounding) {
      await fitWithoutData(model, choices, watched, (fitted) => (record.isWhole ? leave(fitted) : hold(fitted)));
      return { fitted: finished };
    }
    const { layers, effect, met: seen } = await fitWithData(model, choices, data.fit, { ...watched, reference: await this.reference() }, undefined, met);
    layers.forEach(hold);
    return { fitted: finished, effect, met: seen };
  }

  /** Layers of the plan once more, fitted to a network that has been trained. */
  refits(choices: readonly LayerChoice[]): Refits {
    const { model, record, tools } = this.options;
    return {
      known: (position) => record.fitted(choices[position].layer, position, choices[position], "again"),
      make: async (positions, from) => {
        const { layers } = await fitWithData(model, positions.map((position) => choices[position]), this.data.fit, { ...tools, reference: await this.reference() }, from);
        for (const [i, layer] of layers.entries()) await record.keep(layer, positions[i], "again");
        return layers;
      },
    };
  }

  /** What plans for weights that are trained: to the goal, or, where that is a preset, to the bytes that it has come to. */
  joint(choices: readonly LayerChoice[]): Joint {
    const { model, layers, goal, tools, form, job: { embedded, request: { method } } } = this.options;
    const bytes = (): number => sizesOf(model, choices.map(({ layer, method: id, options }) => ({ layer, packed: methodById(id).blank(layer, options, false) })), embedded, form).fileBytes(), budget: Goal = goal.kind === "preset" ? { kind: "bytes", bytes: bytes() } : goal;
    return new Joint({
      model, ratings: async (open) => (this.ratings ??= await this.rate(open, await this.ratingRecord())), method, tools, choicesOf: (plan) => withLayers(plan, layers), fit: async (plan, from) => (await fitWithData(model, plan, this.data.rating, tools, from)).layers, refits: (plan) => this.refits(plan),
      plan: async (rate) => (await this.planWith(rate, budget)).choices,
    });
  }

  private reference(): Promise<Map<string, Tensor[]>> | undefined {
    const { original, tools: { runtime, threads } } = this.options;
    return original && (this.outputs ??= networkOutputs(original, this.data.fit, runtime, threads));
  }

  private get data(): JobData { return this.options.data!; }
}

/** Choices of a plan for these layers. */
function withLayers(choices: readonly StoredChoice[], layers: readonly Layer[]): PlannedChoice[] {
  const byId = new Map(layers.map((layer) => [layer.id, layer]));
  return choices.map(({ id, method, options, noise, loss }) => ({ layer: byId.get(id)!, method, options, loss, slope: noise > 0 ? loss / noise : undefined }));
}

/** Whether a plan rounds every weight to 8 bits: no fit to data does that noticeably better, and all of them take a hundred times as long. */
export const isRounded = (choices: readonly LayerChoice[]): boolean => choices.every(({ method, options }) => method === "integer" && "bits" in options && options.bits === 8);

