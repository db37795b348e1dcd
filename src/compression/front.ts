import type { Preparation } from "../evaluation/preprocess";
import { leftOver, originalWeights, type LeftOver } from "../onnx/channels/mark";
import { findLayers, type Layer } from "../onnx/layers";
import { methodById } from "../methods/registry";
import { peakActivations } from "../onnx/peak";
import { bitsOf } from "../onnx/tensor";
import { KernelscopeError } from "../protocol/errors";
import { PRESETS, type PresetId } from "../protocol/api";
import { storedBits } from "../protocol/bits";
import { shareOf } from "../protocol/pruning";
import { formatBytes } from "../protocol/sizes";
import { lostBy, type PlanChoice, type PlanFacts, type PlanFront, type PlanLayer, type PlanPoint, type Prediction, type PresetPlan, type PreparationFacts, type SizeRange } from "../protocol/plan";
import { bookOf } from "./books";
import { foresee, type Foreseen } from "./foresight";
import { goalOf, mayShare, namesOnlyLayers, triesToShare, trimLimit, type Goal, type Job } from "./goal";
import { roundingKey } from "./integer/rounding";
import { leanModel, leanRatings, underOwnLimit, type OptionalTrim } from "./lean/lean";
import { weightForm } from "./write";
import { isLeft, Planning, type Option } from "./plan";
import { outcomeKey, slopes } from "./promise";
import { hull, steps, unbeaten } from "./planner";
import { prunedBelow, triesPruning } from "./prune/choose";
import { verdictKey, type Outcome } from "./ratings";
import { loadedWeightBytes } from "./report";
import type { RatedModel } from "./rated";
import { interpolate, type LayerSensitivity, type RatedCandidate } from "./sensitivity";
import { halfOf, spreadOf, togetherOf, type Observed } from "./together";

/** Plans whose size is read off the file as it would be written; between them it is interpolated. */
const MEASURED_PLANS = 24;
/** So many plans below and above the recipe's own are measured as well: there keys lead next. */
const NEAR = 8;
/** Noise of a layer's outputs at which layers are compared. */
const COMPARED_NOISE = 0.12;
/** Together layers often do less than by themselves: so many times less at least is reckoned with. */
const TOGETHER = 2;
/** Bends that are tried, see {@link bendOf}. */
const BENDS = Array.from({ length: 41 }, (_, i) => i / 40);
/** Shares of flips that are tried, see {@link halfLost}. */
const HALVES = Array.from({ length: 81 }, (_, i) => 0.001 * 10 ** (i / 20));

/** What presets came to that were carried out. */
type Outcomes = Partial<Record<PresetId, Outcome>>;
/** What others are going to come to. */
type Foreseens = Partial<Record<PresetId, Foreseen>>;

/** What a job's recipe comes to, and every other plan. @throws KernelscopeError "bad-recipe", "usage" */
export async function frontOf(original: RatedModel, job: Job): Promise<PlanFacts> {
  const { goal, problem } = nearestGoal(job, original), plain: Goal = { kind: "preset", preset: "balanced" }, own = await (await openFront(original, job, goal)).facts(), bySize: Goal = { kind: "bytes", bytes: Math.min(own.candidate.bytes, original.opened.bytes - 1) };
  const told = { ...own, ...(problem !== undefined && { problem }) }, other = goal.kind === "bytes" ? plain : bySize;
  if (trimLimit(job, goal) === trimLimit(job, other)) return told;
  // a size is reached by a form of the model that presets do not have: these are told as they come out when they are chosen
  const front = await openFront(original, job, other);
  return { ...told, presetsLeaveGraph: trimLimit(job, plain) === undefined, ...(goal.kind === "bytes" ? { presets: front.presets() } : { bySize: { ...await front.facts(), presets: own.presets } }) };
}

/** What a recipe asks for; where its size is none to compress to, the nearest that is one. */
function nearestGoal({ request }: Job, { opened: { bytes } }: RatedModel): { goal: Goal; problem?: string } {
  try {
    return { goal: goalOf(request, bytes) };
  } catch (error) {
    if (!(error instanceof KernelscopeError && error.code === "usage")) throw error;
    return { goal: { kind: "bytes", bytes: bytes - 1 }, problem: error.message };
  }
}

async function openFront(original: RatedModel, job: Job, goal: Goal): Promise<Front> {
  const rated = await trimmed(original, trimLimit(job, goal)), outcomes: Outcomes = {};
  if (rated.samples !== undefined) for (const preset of PRESETS) outcomes[preset] = await rated.record.outcome(outcomeKey(preset, job.recipe));
  const foreseen: Foreseens = {}, rounding = rated.integers && rated.samples !== undefined ? await rated.record.rounding(roundingKey(job.recipe)) : undefined;
  const told = [...rated.samples === undefined ? [] : await rated.record.trials(job.request.evalData), ...PRESETS.flatMap((preset) => outcomes[preset] ? [...outcomes[preset].missed, outcomes[preset].written] : [])].filter(({ disagreement }) => disagreement > 0);
  const planning = await planningOf(rated, job, goal, rounding);
  if (told.length) for (const preset of PRESETS) if (!outcomes[preset]) foreseen[preset] = await foresee(preset, planning, told, rated.pruning?.effect.loss);
  const trials = Object.fromEntries(PRESETS.map((preset) => [preset, (outcomes[preset] ?? foreseen[preset])?.missed]));
  return new Front(rated, planning.knowing(trials), goal, outcomes, { foreseen, verdicts: await rated.record.verdicts(), wholes: rated.samples === undefined ? [] : await rated.record.wholes(job.request.evalData), peakActivationBytes: peakOf(rated, job), rounding, leavesLayers: job.recipe.integers?.agreement !== undefined, fewerChannels: fewerChannels(job, original) });
}

/** Where a job finds out by itself how many channels to take away. */
function fewerChannels(job: Job, { original: model, opened: { bytes } }: RatedModel): PlanFacts["fewerChannels"] {
  const below = prunedBelow(job, { model, bytes });
  return below > 0 ? { below, isTried: triesPruning(job, { model, bytes }) } : undefined;
}

/** A model in the form that a file with a limit is made of, and what another limit would decide otherwise of that. */
interface Trimmed extends RatedModel { optional: readonly OptionalTrim[] }

/** The form of a model that a file with this limit is made of. */
async function trimmed(rated: RatedModel, limit: number | undefined): Promise<Trimmed> {
  if (limit === undefined) return { ...rated, optional: [] };
  const { opened, ratings } = rated, lean = await leanModel(opened.model, limit);
  return { ...rated, opened: { ...opened, model: lean.model }, layers: lean.layers, ratings: await leanRatings(ratings, opened.model, lean), biases: lean.biases, optional: lean.optional };
}

async function planningOf({ opened, layers, ratings, samples, integers, biases, pruning, optional }: Trimmed, job: Job, goal: Goal, rounding: number | undefined): Promise<Planning> {
  const { request, recipe, embedded } = job;
  return Planning.of({
    model: opened.model, layers, goal, recipe, method: request.method, onlyNamed: namesOnlyLayers(job), embedded, form: weightForm(request, biases), overhead: integers?.bytes, optional, isOpen: true, inputBytes: opened.bytes, pruned: shareOf(request.prune)?.compute, lostBefore: pruning?.effect.loss, rounding,
    rate: async (free) => ratings.filter(({ layer }) => free.includes(layer)), shares: mayShare(job), triesToShare: triesToShare(job), measured: samples !== undefined, notes: [],
  });
}

/** All plans of a model with nothing pinned, whatever a recipe asks for. */
export const openPlanning = (rated: RatedModel, job: Job): Promise<Planning> => planningOf({ ...rated, optional: [] }, { ...job, recipe: { ...job.recipe, layers: undefined } }, { kind: "preset", preset: "balanced" }, undefined);

/** What activations take at once: known of integers where no layer stays float. */
function peakOf({ opened, integers }: RatedModel, { recipe }: Job): number | undefined {
  if (!integers) return peakActivations(opened.model)?.bytes;
  const mayBeFloat = recipe.integers?.agreement !== undefined || Object.values(recipe.layers ?? {}).some(({ inference }) => inference === "float");
  return mayBeFloat ? undefined : integers.peakActivationBytes;
}

/** What earlier jobs and measurements on the same samples have told. */
interface Known { foreseen: Foreseens; verdicts: ReadonlyMap<string, boolean>; wholes: readonly Observed[]; peakActivationBytes?: number; rounding?: number; /** Whether layers may be left to floats that nobody names. */ leavesLayers: boolean; fewerChannels: PlanFacts["fewerChannels"] }

const preparationFacts = ({ channels, resize, crop, mean, std, scale }: Preparation): PreparationFacts => ({ channels, resize, crop, mean, std, scale });

class Front {
  private readonly prediction: Prediction;
  private readonly choices = new Map<Layer, Option[]>();
  /** By their goals, of which a recipe's is often a preset's. */
  private readonly plans = new Map<string, RatedCandidate[]>();
  private readonly hulls = new Map<Layer, Option[]>();
  private readonly byLayer: ReadonlyMap<Layer, LayerSensitivity>;
  private readonly weights: number;
  /** Of the original, where layers have lost channels. */
  private readonly left: ReadonlyMap<string, LeftOver>;
  private readonly found: ReturnType<typeof slopes>;

  constructor(private readonly rated: Trimmed, private readonly planning: Planning, private readonly goal: Goal, private readonly outcomes: Outcomes, private readonly known: Known) {
    const { layers, ratings, samples } = rated;
    this.found = slopes(ratings.flatMap(({ response }) => response));
    const [good, middle, bad] = this.found ?? [1, 1, 1], { wholes } = known, slope = this.found && !wholes.length ? this.writtenSlope() ?? middle : middle;
    this.prediction = { of: samples === undefined ? "weights" : this.found ? "agreement" : "outputs", samples, slope, slopes: [good * slope / middle, bad * slope / middle], bend: bendOf(ratings.flatMap(({ response }) => response), middle), half: halfLost(ratings.flatMap(({ response }) => response)), rounding: known.rounding };
    this.prediction.together = togetherOf(wholes, this.prediction);
    if (wholes.length && this.found) this.prediction.slopes = within(this.prediction.slopes, slope, spreadOf(wholes, this.prediction));
    if (this.prediction.half !== undefined) this.prediction.half = halfOf(wholes, this.prediction.half);
    this.left = leftOver(rated.opened.model, findLayers(rated.opened.model));
    this.byLayer = new Map(ratings.map((rating) => [rating.layer, rating]));
    this.weights = layers.reduce((sum, { parameters }) => sum + parameters, 0) || 1;
  }

  async facts(): Promise<PlanFacts> {
    const { rated: { opened, layers, preparation, integers, pruning }, planning, known: { peakActivationBytes, fewerChannels } } = this;
    const solved = this.solve();
    this.collectAll(solved.plan);
    const candidate = { ...this.point(solved.plan), layerBytes: await planning.layerBytes(solved.plan) }, front = this.front(solved.plan);
    return {
      input: { bytes: opened.bytes, loadedWeightBytes: loadedWeightBytes(opened.model, layers) - (integers ? 3 * this.weights : 0), peakActivationBytes }, prediction: this.prediction, preparation: preparation && preparationFacts(preparation), pruning,
      layers: layers.map((layer) => this.layerFacts(layer)), front, candidate, fewerChannels, problem: solved.problem, notes: [...new Set([...solved.note === undefined ? [] : [solved.note], ...planning.notes, ...this.ofRounding()])], doubts: [...this.rated.doubts],
      presets: this.presets(),
      candidateRange: this.goal.kind === "preset" ? this.rangeOf(this.goal.preset, candidate.bytes) : undefined,
    };
  }

  /** What presets come to. */
  presets(): PresetPlan[] {
    if (!this.choices.size) this.collectAll(this.solve().plan);
    return PRESETS.map((id) => {
      const { bytes, loss } = this.point(this.planOf({ kind: "preset", preset: id }));
      return { id, bytes, loss, range: this.rangeOf(id, bytes) };
    });
  }

  /** What is known of activations of 8 bits, in words. */
  private ofRounding(): string[] {
    const { rated: { integers, samples = 0 }, known: { rounding, leavesLayers } } = this;
    if (!integers) return [];
    if (rounding === undefined) return ["The prediction is of the weights alone: what rounding activations costs is measured on images."];
    return [`The prediction counts what rounding activations costs, as measured with weights of 8 bits on ${samples.toLocaleString("en")} images${leavesLayers ? "; layers that are left to floats to reach the agreement asked for are not foreseen" : ""}.`];
  }

  /** What a file that was written showed of flips for a loss: the recipe's own preset tells it best. */
  private writtenSlope(): number | undefined {
    const { goal, outcomes } = this, own = goal.kind === "preset" ? outcomes[goal.preset] : undefined, { predicted, disagreement } = (own ?? PRESETS.map((preset) => outcomes[preset]).find((outcome) => outcome))?.written ?? {};
    return predicted !== undefined && disagreement ? disagreement / Math.sqrt(predicted) : undefined;
  }

  /**
   * Between which sizes a compression may end: those that plans which were carried out leave open, or else those of a good and a bad case of what single layers have shown,
   * farther apart the fewer images have told it; within those of other presets that were carried out.
   */
  private rangeOf(preset: PresetId, bytes: number): SizeRange | undefined {
    const { found, outcomes, planning, known: { foreseen }, rated: { samples = 0 } } = this, at = PRESETS.indexOf(preset);
    if (!found || outcomes[preset]) return undefined;
    const apart = 1 + 1 / Math.sqrt(samples || 1), sizes = (foreseen[preset]?.others ?? [found[0] / TOGETHER / apart, found[2] * apart].map((slope) => planning.preset(preset, slope))).map((plan) => planning.measure(plan).bytes);
    const known = (others: readonly PresetId[]) => others.filter((other) => outcomes[other]).map((other) => planning.measure(this.planOf({ kind: "preset", preset: other })).bytes);
    const low = Math.max(Math.min(...sizes), ...known(PRESETS.slice(at + 1))), high = Math.min(Math.max(...sizes), ...known(PRESETS.slice(0, at)));
    const range: SizeRange = [Math.min(low, bytes), Math.max(high, bytes)];
    return range[0] < range[1] ? range : undefined;
  }

  /** A goal's plan, with codebooks in common where that promises more and has not come out behind. */
  private planOf(goal = this.goal): RatedCandidate[] {
    const key = JSON.stringify(goal), known = this.plans.get(key);
    if (known) return known;
    const own = this.planning.solve(goal), shared = this.planning.share(own, goal)?.plan, plan = shared && this.known.verdicts.get(verdictKey(shared)) !== false ? shared : own;
    this.plans.set(key, plan);
    return plan;
  }

  /** The recipe's own plan, the smallest where its goal is out of reach: for all, or with all channels where a compression tries fewer. */
  private solve(): { plan: RatedCandidate[]; problem?: string; note?: string } {
    const { planning, goal, known: { fewerChannels } } = this;
    try {
      return { plan: this.planOf() };
    } catch (error) {
      if (!(error instanceof KernelscopeError && error.code === "target-unreachable")) throw error;
      const plan = planning.smallest(), { bytes, shared } = planning.measure(plan), graph = bytes - shared - plan.reduce((sum, choice) => sum + choice.bytes, 0);
      if (!fewerChannels?.isTried || goal.kind !== "bytes" || goal.bytes < graph) return { plan, problem: error.message };
      return { plan, note: `With all its channels the smallest file takes ${formatBytes(planning.leastTarget(bytes))}. Whether fewer come to ${formatBytes(goal.bytes)} is found out by compressing.` };
    }
  }

  private collectAll(plan: readonly RatedCandidate[]): void {
    for (const layer of this.rated.layers) this.collect(layer, plan);
  }

  /** All that is worth to be offered for a layer: what nothing beats in both bytes and loss, and what the plan or the recipe takes. */
  private collect(layer: Layer, plan: readonly RatedCandidate[]): void {
    const all: readonly Option[] = this.byLayer.get(layer)?.candidates ?? [], item = this.planning.items.find((item) => item.layer === layer);
    const own = item?.choices ?? all, path = hull(own), left = own.find(isLeft) ?? { left: true as const, bytes: layer.bytes, loss: 0 };
    const taken = plan.filter((choice) => choice.layer === layer);
    const offered = new Set<Option>([...unbeaten(all), ...path, ...taken]);
    offered.delete(left);
    this.choices.set(layer, [...[...offered].sort((a, b) => a.bytes - b.bytes), left]);
    this.hulls.set(layer, path);
  }

  private layerFacts(layer: Layer): PlanLayer {
    const { id, label, op, dims, type, convolution, bytes, blocked } = layer, parameters = originalWeights(layer, this.left), response = this.byLayer.get(layer)?.response ?? [];
    return {
      id, label, op, shape: dims, parameters, typeBits: bitsOf(type), convolution, bytes, blocked,
      sensitivity: response.length ? interpolate(response, COMPARED_NOISE) : undefined,
      choices: this.choices.get(layer)!.map((option) => this.choiceFacts(layer, option)),
    };
  }

  private choiceFacts(layer: Layer, option: Option): PlanChoice {
    const step = this.hulls.get(layer)!.includes(option), weights = originalWeights(layer, this.left), bits = weights ? 8 * option.bytes / weights : 0;
    if (isLeft(option)) return { traits: [], bytes: option.bytes, bits: storedBits({ bitsPerWeight: bits }, bitsOf(layer.type)), loss: 0, parts: { indices: 0, codebook: 0, values: 0 }, step };
    const method = methodById(option.method), { options } = option;
    return {
      method: option.method, options: Object.fromEntries(Object.entries(options).filter((entry): entry is [string, number | string] => typeof entry[1] === "number" || typeof entry[1] === "string")),
      title: method.title, traits: method.traits(layer, options), bytes: option.bytes, bits, loss: this.lossOf(option), parts: this.partsOf(option), step,
    };
  }

  /** Bytes of a choice's codes, with its share of a codebook in common. */
  private partsOf(option: RatedCandidate): PlanChoice["parts"] {
    const { layer, method, options, bytes } = option, parts = methodById(method).parts(layer, options);
    return bookOf(options) === undefined ? parts : { ...parts, codebook: bytes - this.planning.ownBytes(option) };
  }

  /** Loss as the page adds it up: a choice that a recipe fixes was not rated itself and lies between others of its method. Without images: the noise of all weights. */
  private lossOf(option: Option): number {
    if (isLeft(option)) return 0;
    const noise = this.rated.samples === undefined;
    const known = (candidate: RatedCandidate): number => (noise ? candidate.noise * candidate.layer.parameters / this.weights : candidate.loss);
    const candidates = this.byLayer.get(option.layer)?.candidates ?? [];
    return candidates.includes(option) || option.noise > 0 ? known(option) : between(option, candidates.filter(({ method }) => method === option.method), known);
  }

  /** By channels that are gone, and by activations of 8 bits, whatever the weights become. */
  private get lostBefore(): number { return (this.rated.pruning?.effect.loss ?? 0) + (this.known.rounding ?? 0); }

  private point(plan: readonly RatedCandidate[]): PlanPoint {
    const by = new Map(plan.map((choice) => [choice.layer, choice]));
    const choices = this.rated.layers.map((layer) => {
      const options = this.choices.get(layer)!, at = options.findIndex((option) => option === by.get(layer));
      return at < 0 ? options.length - 1 : at;
    });
    return { ...this.planning.measure(plan), choices, loss: plan.reduce((sum, option) => sum + this.lossOf(option), this.lostBefore) };
  }

  /** @param own the recipe's plan */
  private front(own: readonly RatedCandidate[]): PlanFront {
    const { planning: { items, fixed }, planning } = this, layers = this.rated.layers, taken = steps(items), count = taken.length + 1;
    const at = items.map(({ layer }) => this.hulls.get(layer)!), now = at.map((path) => path[0]);
    const bytes = new Float64Array(count), shared = new Float64Array(count), bits = new Float64Array(count), loss = new Float64Array(count);
    const anchors: { at: number; bytes: number; shared: number; bits: number }[] = [];
    const hasConvolutions = layers.some(({ convolution, parameters }) => convolution && parameters > 0), weights = layers.reduce((sum, layer) => sum + (layer.convolution || !hasConvolutions ? originalWeights(layer, this.left) : 0), 0) || 1;
    let total = 0, ofConvolutions = 0;
    const ownTotal = items.reduce((sum, { layer }) => sum + (own.find((choice) => choice.layer === layer)?.bytes ?? layer.bytes), 0);
    for (const option of now) total += option.bytes;
    items.forEach(({ layer }, i) => { if (layer.convolution || !hasConvolutions) ofConvolutions += now[i].bytes; });
    let lost = this.lostBefore + now.reduce((sum, option) => sum + this.lossOf(option), 0) + [...fixed.values()].reduce((sum, option) => sum + this.lossOf(option), 0);
    const every = Math.max(1, Math.ceil(count / MEASURED_PLANS)), nearest = stepsWithin(ownTotal - total, taken.map(({ item, index }) => at[item][index].bytes - at[item][index - 1].bytes));
    for (let k = 0; k < count; k++) {
      if (k > 0) {
        const { item, index } = taken[k - 1], [from, to] = [now[item], at[item][index]], { layer } = items[item];
        now[item] = to;
        total += to.bytes - from.bytes;
        lost += this.lossOf(to) - this.lossOf(from);
        if (layer.convolution || !hasConvolutions) ofConvolutions += to.bytes - from.bytes;
      }
      [bytes[k], bits[k], loss[k]] = [total, 8 * ofConvolutions / weights, Math.max(0, lost)];
      if (k % every === 0 || k === count - 1 || Math.abs(k - nearest) <= NEAR) {
        const exact = planning.measure(planning.plan(now));
        anchors.push({ at: k, bytes: exact.bytes - bytes[k], shared: exact.shared, bits: exact.bits - bits[k] });
      }
    }
    correct(anchors, bytes, shared, bits);
    for (let k = 0; k < count; k++) bytes[k] = underOwnLimit(bytes[k], this.rated.optional);
    const choiceOf = (layer: Layer, option: Option): number => this.choices.get(layer)!.indexOf(option), index = new Map(layers.map((layer, i) => [layer, i]));
    const first = layers.map((layer) => {
      const item = items.findIndex((item) => item.layer === layer), own = fixed.get(layer);
      return item >= 0 ? choiceOf(layer, at[item][0]) : own ? choiceOf(layer, own) : this.choices.get(layer)!.length - 1;
    });
    return {
      first, bytes, shared, bits, loss,
      layer: Uint32Array.from(taken, ({ item }) => index.get(items[item].layer)!),
      choice: Uint32Array.from(taken, ({ item, index }) => choiceOf(items[item].layer, at[item][index])),
    };
  }
}

/** A good and a bad case, no more than so many times from the middle one. */
const within = ([good, bad]: readonly [number, number], middle: number, times: number): [number, number] => [Math.max(good, middle / times), Math.min(bad, middle * times)];

/** How many steps fit into so many bytes. */
function stepsWithin(bytes: number, sizes: readonly number[]): number {
  let left = bytes, count = 0;
  while (count < sizes.length && sizes[count] <= left) left -= sizes[count++];
  return count;
}

/** How much more predictions flip where much is lost than the middle slope says, as all responses tell in points of agreement. */
function bendOf(responses: LayerSensitivity["response"], slope: number): number {
  const errorOf = (bend: number): number => responses.reduce((sum, { loss, disagreement }) => sum + Math.abs(slope * Math.sqrt(loss) * (1 + loss) ** bend - disagreement), 0);
  return BENDS.reduce((best, bend) => (errorOf(bend) < errorOf(best) ? bend : best));
}

/**
 * The share of flips at which half of each is lost, where d flips lose d²/(d + h): the first to flip are samples that the original is unsure of, and as often wrong about;
 * the more flip, the surer it was. As all responses tell, in points of accuracy.
 */
function halfLost(responses: LayerSensitivity["response"]): number | undefined {
  const points = responses.filter(({ disagreement }) => disagreement > 0), errorOf = (half: number): number => points.reduce((sum, { disagreement: d, lost }) => sum + Math.abs(lostBy(d, half) - lost), 0);
  if (!points.length) return undefined;
  return HALVES.reduce((best, half) => (errorOf(half) < errorOf(best) ? half : best));
}

/** A value of a choice from that of its neighbours in size, its logarithm linear in the bytes. */
function between({ bytes }: RatedCandidate, rated: readonly RatedCandidate[], value: (c: RatedCandidate) => number): number {
  const sorted = unbeaten(rated);
  if (!sorted.length) return 0;
  const above = sorted.findIndex((c) => c.bytes >= bytes);
  if (above === 0 || sorted.length === 1) return value(sorted[0]);
  const high = sorted[above < 0 ? sorted.length - 1 : above], low = sorted[(above < 0 ? sorted.length - 1 : above) - 1];
  const share = (bytes - low.bytes) / (high.bytes - low.bytes), [a, b] = [value(low), value(high)].map((v) => Math.log(Math.max(1e-12, v)));
  return Math.exp(a + Math.min(1, share) * (b - a));
}

/** Moves sums over layers to what files really take, in between as their measured neighbours are off; a further step is never smaller. What layers share lies between that of the neighbours. */
function correct(anchors: readonly { at: number; bytes: number; shared: number; bits: number }[], bytes: Float64Array, shared: Float64Array, bits: Float64Array): void {
  let right = 0;
  for (let k = 0; k < bytes.length; k++) {
    while (right < anchors.length - 1 && anchors[right].at < k) right++;
    const high = anchors[right], low = anchors[Math.max(0, right - 1)], share = high.at > low.at ? (k - low.at) / (high.at - low.at) : 0;
    bytes[k] = Math.max(bytes[k - 1] ?? 0, Math.round(bytes[k] + low.bytes + share * (high.bytes - low.bytes)));
    shared[k] = Math.round(low.shared + share * (high.shared - low.shared));
    bits[k] = Math.max(bits[k - 1] ?? 0, bits[k] + low.bits + share * (high.bits - low.bits));
  }
}
