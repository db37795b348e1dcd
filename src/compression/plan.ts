import { leftOver, type LeftOver } from "../onnx/channels/mark";
import { findLayers, type Layer } from "../onnx/layers";
import type { Model } from "../onnx/model";
import type { CompressionMethod } from "../methods/method";
import type { PackedBytes } from "../methods/packer";
import { methodById } from "../methods/registry";
import type { PresetId } from "../protocol/api";
import { KernelscopeError } from "../protocol/errors";
import { PRUNED } from "../protocol/pruning";
import { formatBytes, roundedUp } from "../protocol/sizes";
import { bookOf, sharersOf } from "./books";
import type { StoredChoice, StoredPlan } from "./checkpoint";
import { hasFreeScale } from "./follow";
import type { Goal } from "./goal";
import { underLimit, type OptionalTrim } from "./lean/lean";
import { fillLimit, smallest } from "./limit";
import { front, hull, knee, type Choice, type Item } from "./planner";
import { BALANCED, lossFor, NEARLY_LOSSLESS, slopes, SMALLEST, type Trials } from "./promise";
import type { Trial } from "./ratings";
import { badRecipe, parseOptions, type Recipe } from "./recipe";
import { convolutionBits, weightBytes } from "./report";
import type { LayerSensitivity, RatedCandidate } from "./sensitivity";
import { isOneShape } from "./share-ratings";
import { bookNames, groupOf, priceOf, type Group, type Joined, type Sharer } from "./sharing";
import { findByName, sizesOf, type PlannedSizes, type WeightForm } from "./write";

export interface PlanRequest {
  model: Model;
  layers: readonly Layer[];
  goal: Goal;
  recipe: Recipe;
  /** The only method beside integers. */
  method?: string;
  /** Whether nothing is compressed but what the recipe gives a method, see {@link namesOnlyLayers}. */
  onlyNamed?: boolean;
  embedded: string;
  form?: WeightForm;
  /** Whether every layer stays open for plans beside the goal's own. */
  isOpen?: boolean;
  /** Bytes of the file that no plan changes and the model does not have. */
  overhead?: number;
  /** What is done beside the weights for the sake of this limit, and what another one would decide otherwise. */
  optional?: readonly OptionalTrim[];
  /** Share of the compute that was taken away with channels before. */
  pruned?: number;
  /** What is lost before a layer is compressed, by channels that are gone: presets promise what the whole comes to. */
  lostBefore?: number;
  /** What activations of 8 bits lose beside the weights: presets promise what both come to. */
  rounding?: number;
  /** Rates the candidates of these layers. */
  rate(layers: Layer[]): Promise<LayerSensitivity[]>;
  /** Tells the candidates and no more than their bytes, so that a size which none of them reaches is an error before anything is rated. */
  list?(layers: Layer[]): Promise<LayerSensitivity[]>;
  /** Whether layers may have a codebook in common, and whether the plan tries which ones. */
  shares: boolean;
  triesToShare: boolean;
  /** Whether ratings are measured on data. */
  measured: boolean;
  /** What presets' plans came to when they were carried out: corrects what single layers' ratings say of all together. */
  trials?: Trials;
  notes: string[];
  inputBytes: number;
}

/** Without images: the share of a layer's energy that a preset may give up. */
const MOST_NOISE: Record<PresetId, number> = { "nearly-lossless": 0.004, balanced: 0.015, smallest: 0.06 };

/** Share of the predicted loss that codebooks in common have to save, to be worth a fit of their own. */
const LEAST_GAIN = 0.02;

/** Bits of a weight that nothing is done to. */
const FLOAT_BITS = 32;

/** Bytes by which the heads of a longer text may grow. */
const HEADS = 4;

/** Every weight as an integer of 8 bits. */
const WHOLE: LayerSetting = { method: "integer", options: { bits: 8 } };

/** What limits are of. */
type Unit = "bytes" | "bits";
/** Bits of floats, and the heads of their tensors, are no limit. */
const limitOf = (goal: Extract<Goal, { kind: Unit }>): number => (goal.kind === "bytes" ? goal.bytes : goal.bits >= FLOAT_BITS ? Infinity : goal.bits);

type LayerSetting = NonNullable<Recipe["layers"]>[string];

/** A choice that stands for leaving the layer as it is. */
interface Left extends Choice { left: true }
export type Option = RatedCandidate | Left;
export const isLeft = (option: Option): option is Left => "left" in option;

/** A choice of one layer, or of several together. */
type Planned = Option | Joined;
type PlannedItem = Item<Planned>;
/** A layer that a recipe leaves open. */
interface Open extends Sharer<Option> { choices: Option[] }

/**
 * Chooses method and settings for every layer so that the goal is met at the least predicted loss; and, where that promises more, a plan in which layers have codebooks
 * in common: both are carried out then, and the better one is kept.
 * @throws KernelscopeError "target-unreachable" naming the smallest possible
 */
export async function planFor(request: PlanRequest): Promise<Omit<StoredPlan, "notes">> {
  const { list } = request;
  if (list) (await Planning.of({ ...request, rate: list })).checkReach();
  const planning = await Planning.of(request), own = planning.solve(), shared = planning.share(own);
  return { slope: planning.slope, choices: own.map(stored), ...(shared && { shared: { choices: shared.plan.map(stored), worth: shared.worth } }) };
}

const stored = ({ layer, method, options, bytes, noise, loss }: RatedCandidate): StoredChoice => ({ id: layer.id, method, options, bytes, noise, loss });

/** A plan whose layers have codebooks in common; what its fewer bytes are worth, as a share of the other's loss. */
interface SharedPlan { plan: RatedCandidate[]; worth: number }

async function pinned({ model, shares, measured, form }: PlanRequest, layer: Layer, methodId: string, options: unknown): Promise<RatedCandidate> {
  const method = methodById(methodId), given = parseOptions(methodId, options, layer.id), parsed = shares || bookOf(given) === undefined ? given : { ...given, book: undefined };
  const accepted = learnable(method, measured, form?.form === "integers") ?? method.accepts(layer, parsed);
  if (accepted !== true) throw new KernelscopeError("bad-recipe", `layers["${layer.id}"]: ${accepted}`, { path: JSON.stringify(["layers", layer.id, "method"]) });
  const scaleIsFree = await hasFreeScale(model, layer);
  const bytes = method.bytes(layer, parsed, scaleIsFree);
  return { layer, method: methodId, options: parsed, bytes, bits: 8 * bytes / layer.parameters, noise: 0, loss: 0 };
}

/** Why a method cannot be had where it has to be learned, if it cannot. */
function learnable({ isLearned, title }: CompressionMethod, measured: boolean, isInteger: boolean): string | undefined {
  if (!isLearned) return undefined;
  if (isInteger) return `${title} compute with floats, so integer inference cannot have them. Leave one of the two out.`;
  return measured ? undefined : `${title} have to be learned from images. Give a folder of them with --data, or as the recipe's "data".`;
}

/** @throws KernelscopeError "bad-recipe" where a layer is given a method that has nothing for it */
function checkOffered({ isOpen, measured, form }: PlanRequest, layer: Layer, candidates: readonly RatedCandidate[], methodId: string | undefined): void {
  if (isOpen || methodId === undefined || candidates.some(({ method }) => method === methodId)) return;
  const method = methodById(methodId), reason = learnable(method, measured, form?.form === "integers") ?? `${method.title}: a plan has nothing of that to choose from for this layer, a ${layer.op} of ${layer.dims.join("×")}. Give its "options", or another method.`;
  throw new KernelscopeError("bad-recipe", `layers["${layer.id}"]: ${reason}`, { path: JSON.stringify(["layers", layer.id, "method"]) });
}

/** @throws KernelscopeError "bad-recipe" where layers name one book and their codebooks differ */
function checkBooks(fixed: readonly RatedCandidate[]): void {
  for (const [book, [first, ...others]] of sharersOf(fixed)) {
    const other = others.find(({ method, options }) => method !== first.method || JSON.stringify(options) !== JSON.stringify(first.options));
    if (other) throw new KernelscopeError("bad-recipe", `layers["${other.layer.id}"]: its codebook "${book}" is that of ${first.layer.id}, so method and options have to be the same.`, { path: JSON.stringify(["layers", other.layer.id, "options", "book"]) });
  }
}

/** @param isInteger whether floats are no choice where there is another one: a layer whose weight is left runs on floats, and what its size leaves over would be no reason */
function optionsFor(layer: Layer, candidates: RatedCandidate[], isInteger: boolean, setting?: LayerSetting): Option[] {
  const pin = setting?.pin, least = typeof pin === "object" ? pin.atLeastBits : 0;
  const allowed = candidates.filter(({ method, bits }) => (setting?.method ?? method) === method && bits >= least);
  return isInteger && allowed.length ? allowed : [...allowed, { left: true, bytes: layer.bytes, loss: 0 }];
}

/** What a recipe leaves open and what it fixes; finds the plan for a goal, sizes read off the file as it would be written. */
export class Planning {
  private openFront: ReturnType<typeof front<Planned>> | undefined;

  private constructor(
    private readonly request: PlanRequest, readonly fixed: ReadonlyMap<Layer, RatedCandidate>, readonly items: readonly Open[],
    private readonly scaleIsFree: ReadonlyMap<Layer, boolean>, private readonly responses: LayerSensitivity["response"], private readonly left: ReadonlyMap<string, LeftOver>,
    /** Bytes of layers that nothing is done to. */
    private readonly untouched: ReadonlyMap<string, number>,
  ) {}

  /** @throws KernelscopeError "bad-recipe" where the recipe names layers or settings that the model does not have */
  static async of(request: PlanRequest): Promise<Planning> {
    const { layers, recipe } = request;
    const settings = new Map<Layer, LayerSetting>(), unknown: string[] = [];
    for (const [name, setting] of Object.entries(recipe.layers ?? {})) {
      const layer = findByName(layers, name);
      if (layer) settings.set(layer, setting);
      else unknown.push(name);
    }
    if (unknown.length) throw badRecipe(unknown.map((name) => ({ path: ["layers", name], message: `layers["${name}"]: the model has no layer of this name. Names are those of the weights, like ${layers[0].id}.` })));
    const free: Layer[] = [], fixed = new Map<Layer, RatedCandidate>();
    for (const layer of layers) {
      const own = settings.get(layer), setting = request.goal.kind === "integers" && !request.isOpen && own?.method === undefined && own?.pin === undefined ? { ...own, ...WHOLE } : own;
      if (layer.blocked !== undefined || setting?.pin === "leave") continue;
      if (setting?.method !== undefined && setting.options !== undefined) fixed.set(layer, await pinned(request, layer, setting.method, setting.options));
      else free.push(layer);
    }
    checkBooks([...fixed.values()]);
    const onlyFixed = request.onlyNamed && request.goal.kind === "preset" && fixed.size > 0;
    const rated = onlyFixed || !free.length ? [] : await request.rate(free);
    for (const { layer, candidates } of rated) checkOffered(request, layer, candidates, settings.get(layer)?.method);
    const items = rated.map(({ layer, candidates, shared = [] }) => ({ layer, choices: optionsFor(layer, candidates, request.form?.form === "integers" && settings.get(layer)?.inference !== "float", settings.get(layer)), shared: request.triesToShare && !settings.has(layer) ? shared : [] }));
    const scaleIsFree = new Map<Layer, boolean>();
    for (const layer of layers) scaleIsFree.set(layer, layer.blocked === undefined && await hasFreeScale(request.model, layer));
    return new Planning(request, fixed, items, scaleIsFree, rated.flatMap(({ response }) => response), leftOver(request.model, findLayers(request.model)), await weightBytes(request.model, layers));
  }

  /** The plan for a goal, of layers with codebooks of their own. */
  solve(goal = this.request.goal): RatedCandidate[] {
    if (goal.kind === "integers") return this.plan(this.items.map(({ choices }) => choices.find((option) => !isLeft(option) && option.method === "integer" && "bits" in option.options && option.options.bits === 8) ?? choices.reduce((best, choice) => (choice.loss < best.loss ? choice : best))));
    return this.solveWith(this.items, goal);
  }

  /** A plan for the same goal in which layers have codebooks in common, where it promises clearly more than their own. */
  share(own: readonly RatedCandidate[], goal = this.request.goal): SharedPlan | undefined {
    const chosen = this.items.map(({ layer, choices }) => own.find((choice) => choice.layer === layer) ?? choices.find(isLeft)!);
    const price = priceOf(this.items, chosen), groups = this.groups(price), lossOf = (plan: readonly RatedCandidate[]): number => plan.reduce((sum, { loss }) => sum + loss, 0);
    if (!groups.length || goal.kind === "integers") return undefined;
    const plan = this.solveWith([...this.items.filter(({ layer }) => !groups.some(({ layers }) => layers.includes(layer))), ...groups], goal);
    const loss = lossOf(own), saved = price * (this.fileBytes(own) - this.fileBytes(plan));
    return loss - lossOf(plan) + saved > LEAST_GAIN * loss ? { plan, worth: saved / loss } : undefined;
  }

  private solveWith(items: readonly PlannedItem[], goal: Exclude<Goal, { kind: "integers" }>): RatedCandidate[] {
    return goal.kind === "preset" ? this.preset(goal.preset, undefined, items) : this.within(limitOf(goal), goal.kind, items);
  }

  /** @throws KernelscopeError "target-unreachable" where no plan is as small as the goal, whatever its choices lose */
  checkReach({ goal } = this.request): void {
    if (goal.kind !== "bytes" && goal.kind !== "bits") return;
    const limit = limitOf(goal), { size } = smallest(this.items, limit, (options) => this.sizeIn(goal.kind, this.plan(options)));
    if (size > limit) throw this.unreachable(limit, size, goal.kind);
  }

  /** Layers that come off better with a codebook in common where bytes have this price in loss. */
  private groups(price: number): Group[] {
    const names = bookNames(this.fixed.values()), groups: Group[] = [];
    let name = names.next().value;
    for (let open = this.items.filter(({ shared }) => shared.length); open.length;) {
      const shape = open.filter(({ layer }) => isOneShape(layer, open[0].layer)), group = groupOf(shape, price, name);
      if (group) {
        groups.push(group);
        name = names.next().value;
      }
      open = open.filter((item) => (group ? !group.layers.includes(item.layer) : !shape.includes(item)));
    }
    return groups;
  }

  /** The same, knowing what plans of presets came to. */
  knowing(trials: Trials): Planning { return new Planning({ ...this.request, trials }, this.fixed, this.items, this.scaleIsFree, this.responses, this.left, this.untouched); }

  /** The compressed layers of a choice for each open one. */
  plan(options: readonly Planned[]): RatedCandidate[] {
    const all = [...this.fixed.values()]; // thousands of plans are looked at
    for (const option of options) {
      if ("joined" in option) all.push(...option.joined);
      else if (!isLeft(option)) all.push(option);
    }
    return all;
  }

  /** The smallest plan of all, goal or not. */
  smallest(): RatedCandidate[] {
    return this.plan(smallest(this.items, 0, (options) => this.fileBytes(this.plan(options))).options);
  }

  get notes(): readonly string[] { return this.request.notes; }

  /** The least size that can be asked for where the smallest file has so many bytes: that size is told in three digits, is part of the recipe in the file, and decides itself what is trimmed. */
  leastTarget(smallest: number): number {
    const { optional = [], embedded } = this.request, written = targetIn(embedded);
    for (let target = roundedUp(smallest);;) {
      const needed = underLimit(smallest, target, optional) + Math.max(0, formatBytes(target).length - written) + HEADS;
      if (needed <= target) return target;
      target = roundedUp(Math.max(needed, target + 1));
    }
  }

  /** The plan whose measured size is as near below the limit as it gets. @throws KernelscopeError "target-unreachable" naming the smallest possible */
  private within(limit: number, unit: Unit, items: readonly PlannedItem[] = this.items): RatedCandidate[] {
    const { options, size } = fillLimit(items, limit, (options) => this.sizeIn(unit, this.plan(options)));
    if (size > limit) throw this.unreachable(limit, size, unit);
    return this.plan(options);
  }

  private sizeIn(unit: Unit, plan: RatedCandidate[]): number { return unit === "bytes" ? this.fileBytes(plan) : this.convBits(plan); }

  private unreachable(limit: number, size: number, unit: Unit): KernelscopeError {
    const { recipe: { layers = {} }, pruned, method } = this.request, isPinned = this.fixed.size > 0 || Object.values(layers).some(({ pin }) => pin);
    const name = unit === "bytes" ? formatBytes(this.leastTarget(Math.ceil(size))) : `${(Math.ceil(size * 1000) / 1000).toFixed(3)} bits per convolution weight`;
    const wanted = unit === "bytes" ? formatBytes(limit) : `${limit} bits`;
    const only = method === undefined ? "" : ` with ${method === "integer" ? "integers" : `the method ${method} and integers`} alone`;
    const means = isPinned ? " with the pins as they are" : pruned === undefined ? " with all its channels" : ` with ${Number((100 * pruned).toFixed(1))} % less to compute`;
    return new KernelscopeError("target-unreachable", `${wanted} cannot be reached${only}. The smallest possible is ${name}${means}.${isPinned ? "" : this.request.measured ? moreChannels(pruned) : " With images (--data) fewer channels make smaller files."}`, { smallest: size });
  }

  /** @param told what says how many predictions flip for a loss, where it is not the request: their slope, or plans that were carried out */
  preset(preset: PresetId, told: number | readonly Trial[] = this.request.trials?.[preset] ?? [], items: readonly PlannedItem[] = this.items): RatedCandidate[] {
    const { notes, measured } = this.request;
    if (!measured) {
      notes.push("Without images the plan is a cautious guess: about 4.5 bits a weight for Balanced. Give a data folder for a measured one.");
      const bits = { "nearly-lossless": 6, balanced: 4.5, smallest: 3 }[preset], noise = MOST_NOISE[preset];
      // no layer is given up for the others: what that costs nobody has measured
      const items = this.items.map(({ layer, choices }) => {
        const quiet = choices.filter((choice) => isLeft(choice) || choice.noise <= noise);
        return { layer, choices: quiet.length ? quiet : choices };
      });
      const smallest = this.convBits(this.plan(items.map(({ choices }) => hull(choices)[0])));
      return this.within(Math.max(this.beside(bits), smallest), "bits", items);
    }
    const plans = this.frontOf(items);
    const klFor = (flips: number) => this.klFor(flips, told) - (this.request.lostBefore ?? 0) - (this.request.rounding ?? 0);
    const within = (flips: number) => plans.find((p) => p.loss <= klFor(flips)) ?? plans[plans.length - 1];
    if (preset === "nearly-lossless") return this.plan(within(NEARLY_LOSSLESS).choices);
    if (preset === "smallest") return this.plan(within(SMALLEST).choices);
    // the knee of what a user sees, flips against file size, among plans that flip little
    const between = plans.filter(({ loss }) => loss <= klFor(BALANCED) && loss >= klFor(NEARLY_LOSSLESS));
    return this.plan(between.length ? knee(between.map((p) => ({ ...p, loss: Math.sqrt(p.loss) }))).choices : within(NEARLY_LOSSLESS).choices);
  }

  /** The smallest plan of those along the hulls that loses no more than this, layer by layer. */
  atLoss(loss: number): RatedCandidate[] {
    const plans = this.frontOf(this.items);
    return this.plan((plans.find((plan) => plan.loss <= loss) ?? plans[plans.length - 1]).choices);
  }

  /** All plans along the hulls, of the open layers worked out once. */
  private frontOf(items: readonly PlannedItem[]): ReturnType<typeof front<Planned>> {
    return items === this.items ? (this.openFront ??= front<Planned>(items)) : front<Planned>(items);
  }

  /** Flips ÷ √loss in the middle case of what was measured. */
  get slope(): number | undefined { return slopes(this.responses)?.[1]; }

  /** The predicted loss at which this share of predictions flips: disagreement ≈ c·√loss, c as told, from trials of plans or else fitted to all measured responses. */
  private klFor(disagreement: number, told: number | readonly Trial[]): number {
    if (typeof told === "number") return (disagreement / told) ** 2;
    return told.length ? lossFor(disagreement, told) : (disagreement / (this.slope ?? 1)) ** 2;
  }

  /** Bits per convolution weight where every layer that the recipe leaves open takes `bits`: pins are paid for by nobody else. */
  private beside(bits: number): number {
    const { layers, recipe } = this.request, convolutions = layers.filter(({ convolution }) => convolution), counted = convolutions.length ? convolutions : layers;
    const open = new Map(this.items.map(({ layer }) => [layer, Object.entries(recipe.layers ?? {}).find(([name]) => findByName([layer], name))?.[1].pin]));
    const bitsOf = (layer: Layer): number => {
      if (!open.has(layer)) return this.fixed.get(layer)?.bits ?? 8 * layer.bytes / layer.parameters;
      const pin = open.get(layer);
      return typeof pin === "object" ? Math.max(pin.atLeastBits, bits) : bits;
    };
    return counted.reduce((sum, layer) => sum + bitsOf(layer) * layer.parameters, 0) / counted.reduce((sum, { parameters }) => sum + parameters, 0);
  }

  private sizes(plan: readonly RatedCandidate[]): PlannedSizes {
    const blanks = plan.map(({ layer, method, options }) => ({ layer, packed: methodById(method).blank(layer, options, this.scaleIsFree.get(layer) ?? false) }));
    return sizesOf(this.request.model, blanks, this.request.embedded, this.request.form);
  }

  /** Bytes of a choice without its share of a codebook in common. */
  ownBytes({ layer, method, options }: RatedCandidate): number { return methodById(method).bytes(layer, options, this.scaleIsFree.get(layer) ?? false); }

  private fileBytes(plan: readonly RatedCandidate[]): number {
    return this.sizes(plan).fileBytes() + (this.request.overhead ?? 0);
  }

  private convBits(plan: readonly RatedCandidate[]): number {
    return this.bitsOf(this.sizes(plan).packed);
  }

  private bitsOf({ layers }: PackedBytes): number {
    return convolutionBits(this.request.layers, (layer) => layers.get(layer) ?? this.untouched.get(layer.id)!, this.left) ?? 0;
  }

  /** Bytes of the file, those that its compressed layers share, and bits per convolution weight of a plan, as it would be written. */
  measure(plan: readonly RatedCandidate[]): { bytes: number; shared: number; bits: number } {
    const { fileBytes, packed } = this.sizes(plan);
    return { bytes: fileBytes() + (this.request.overhead ?? 0), shared: packed.shared, bits: this.bitsOf(packed) };
  }

  /** Bytes that each layer's weight takes in a plan's file with its part of what several use, counted as in the report of that file. */
  async layerBytes(plan: readonly RatedCandidate[]): Promise<number[]> {
    const written = await this.sizes(plan).written(), found = findLayers(written), bytes = await weightBytes(written, found);
    return this.request.layers.map(({ id, bytes: own }) => bytes.get(id) ?? own);
  }
}

/** Letters that a recipe's text has for its target. */
function targetIn(embedded: string): number {
  const recipe: unknown = JSON.parse(embedded);
  return typeof recipe === "object" && recipe !== null && "target" in recipe && typeof recipe.target === "string" ? recipe.target.length : 0;
}

/** How a file gets smaller than this, where it can. @param pruned share of the compute that has gone already */
export function moreChannels(pruned = 0): string {
  const next = [0.5, 0.75, 0.9, PRUNED.most].find((share) => share > pruned);
  return next === undefined ? "" : ` ${pruned > 0 ? "Fewer still" : "Fewer channels"} make smaller files: --prune ${100 * next}%, or "prune": { "compute": ${next} } in a recipe.`;
}
