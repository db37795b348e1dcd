import * as z from "zod/mini";
import type { Channels } from "../onnx/channels/channels";
import type { Layer } from "../onnx/layers";
import type { CheckpointStore } from "./checkpoint";
import type { Asked } from "./goal";
import type { RatedGroup } from "./prune/rate-groups";
import type { LayerSensitivity, RatedCandidate } from "./sensitivity";
import { classesOf } from "./share-ratings";
import type { Observed } from "./together";

const Candidates = z.array(z.object({ method: z.string(), options: z.record(z.string(), z.unknown()), bytes: z.number(), bits: z.number(), noise: z.number(), loss: z.number() }));
const Rating = z.object({
  candidates: Candidates,
  response: z.array(z.object({ noise: z.number(), loss: z.number(), disagreement: z.number(), lost: z.number() })),
});
type Rating = z.infer<typeof Rating>;
const Ratings = z.record(z.string(), Rating);
/** Candidates of layers of one shape, by layer, with a codebook that they have in common. */
const Common = z.record(z.string(), z.record(z.string(), Candidates));

/** Candidates of layers by methods that recipes asked for. */
const AskedFor = z.record(z.string(), Candidates);

/** Groups of channels, known by their first one. */
const Groups = z.record(z.string(), z.array(z.object({ first: z.number(), cuts: z.array(z.object({ gone: z.array(z.number()), loss: z.number() })) })));

const Trial = z.object({ predicted: z.number(), disagreement: z.number() });
/** A plan's predicted loss and the share of predictions that really flipped. */
export type Trial = z.infer<typeof Trial>;
const Outcome = z.object({ missed: z.array(Trial), written: Trial });
/** What carrying out a preset came to: the plans that missed it, first to last, and the one that was written. */
export type Outcome = z.infer<typeof Outcome>;
const Outcomes = z.record(z.string(), Outcome);

const Observations = z.array(z.object({ predicted: z.number(), loss: z.number(), disagreement: z.number(), lost: z.optional(z.number()), samples: z.number(), fitted: z.optional(z.object({ disagreement: z.number(), samples: z.number() })) }));
/** What whole plans lost that were tried, and those that were written, by the folder that reports are measured on; `trials`: what the former came to on the samples that they were fitted to. */
const Wholes = z.record(z.string(), z.object({ tried: z.optional(Observations), trials: z.optional(z.array(Trial)), written: Observations }));
/** So many of these are kept. */
const MOST_WRITTEN = 12;

const Verdicts = z.record(z.string(), z.boolean());

/** @see SensitivityOptions; `asked` what plans have only where a recipe gives it to a layer; `shares` whether layers may have a codebook in common */
export interface RatingOptions { method: string | undefined; asked: ReadonlyMap<Layer, Pick<Asked, "method" | "options">>; shares: boolean }

/** Losses that rounding activations adds. */
const Roundings = z.record(z.string(), z.number());

/** What a plan is known by. */
export const verdictKey = (plan: readonly Pick<RatedCandidate, "layer" | "method" | "options">[]): string => JSON.stringify(plan.map(({ layer: { id }, method, options }) => [id, method, options]));

/** Rates layers; hands each rating on as soon as it is there. */
type Rate = (layers: Layer[], onRated: (rating: LayerSensitivity) => Promise<void>) => Promise<LayerSensitivity[]>;

/** A candidate without its layer. */
const plainly = ({ method, options, bytes, bits, noise, loss }: RatedCandidate) => ({ method, options: { ...options }, bytes, bits, noise, loss });

const askedKey = ({ id }: Layer, { method, options }: Pick<Asked, "method" | "options">): string => JSON.stringify([id, method.id, options]);

/** Layers of one shape, as their common ratings are kept by. */
const keyOf = (shape: readonly LayerSensitivity[]): string => shape.map(({ layer: { id } }) => id).join("\n");

/** Ratings of a model's layers on the same data, kept so that another target or a job that was cut short need not measure them again; and what its presets came to when they were carried out. */
export class RatingRecord {
  /** Of this session, where nothing is kept. */
  private readonly roundings = new Map<string, number>();

  constructor(private readonly store: CheckpointStore | undefined) {}

  get isKept(): boolean { return this.store !== undefined; }

  /** Ratings of all `layers`: those that are known, and the others by `rate`. */
  async complete(layers: readonly Layer[], rate: Rate): Promise<LayerSensitivity[]> {
    const known = await this.ratings();
    const found: LayerSensitivity[] = [], missing: Layer[] = [];
    for (const layer of layers) {
      const rating = known.get(layer.id);
      if (rating) found.push({ layer, candidates: rating.candidates.map((c) => ({ layer, ...c })), response: rating.response });
      else missing.push(layer);
    }
    if (!missing.length) return found;
    return [...found, ...await rate(missing, async ({ layer, candidates, response }) => {
      known.set(layer.id, { candidates: candidates.map(plainly), response });
      await this.save("ratings", known);
    })];
  }

  /** What layers of one shape lose by a common codebook, as it is known or as `rate` finds it now. */
  async shared(shape: readonly LayerSensitivity[], rate: () => Promise<ReadonlyMap<Layer, readonly RatedCandidate[]>>): Promise<LayerSensitivity[]> {
    const kept = await this.load("shared", Common), key = keyOf(shape), known = kept.get(key);
    if (known) return shape.map((rating) => ({ ...rating, shared: (known[rating.layer.id] ?? []).map((c) => ({ layer: rating.layer, ...c })) }));
    const found = await rate();
    kept.set(key, Object.fromEntries(Array.from(found, ([{ id }, candidates]) => [id, candidates.map(plainly)])));
    await this.save("shared", kept);
    return shape.map((rating) => ({ ...rating, shared: [...found.get(rating.layer) ?? []] }));
  }

  /** Candidates of a layer by a method that a recipe asks for, as they are known or as `rate` finds them now. */
  async asked(layer: Layer, wanted: Pick<Asked, "method" | "options">, rate: () => Promise<RatedCandidate[]>): Promise<RatedCandidate[]> {
    const kept = await this.load("asked", AskedFor), key = askedKey(layer, wanted), known = kept.get(key);
    if (known) return known.map((c) => ({ layer, ...c }));
    const found = await rate();
    await this.save("asked", kept.set(key, found.map(plainly)));
    return found;
  }

  /** Whether {@link complete}, and on data {@link asked} and {@link shared}, have nothing left to rate. */
  async knows(layers: readonly Layer[], { asked, shares }: Pick<RatingOptions, "asked" | "shares">, onData: boolean): Promise<boolean> {
    const known = await this.ratings(), alsoKnown = await this.load("asked", AskedFor);
    if (!layers.every(({ id }) => known.has(id)) || !Array.from(asked).every(([layer, wanted]) => alsoKnown.has(askedKey(layer, wanted)))) return false;
    const common = shares && onData ? await this.load("shared", Common) : undefined, ratings = await this.complete(layers, () => Promise.resolve([]));
    return !common || classesOf(ratings).every((shape) => common.has(keyOf(shape)));
  }

  /** What groups of channels lose by each of them, as it is known or as `rate` finds it now. */
  async channels(channels: Channels, rate: () => Promise<RatedGroup[]>): Promise<RatedGroup[]> {
    const key = JSON.stringify(channels.groups.map((group) => group.channels)), kept = await this.load("channels", Groups), known = kept.get(key), byFirst = new Map(channels.groups.map((group) => [group.channels[0], group]));
    if (known?.every(({ first }) => byFirst.has(first))) return known.map(({ first, cuts }) => ({ group: byFirst.get(first)!, cuts }));
    const found = await rate();
    kept.set(key, found.map(({ group, cuts }) => ({ first: group.channels[0], cuts: cuts.map(({ gone, loss }) => ({ gone: [...gone], loss })) })));
    await this.save("channels", kept);
    return found;
  }

  /** What a preset came to when it was carried out last; undefined where it never was. @param key what decides that, beside model and data */
  async outcome(key: string): Promise<Outcome | undefined> { return (await this.load("outcomes", Outcomes)).get(key); }

  /** Where it cannot be kept it is found out again the next time. */
  async keepOutcome(key: string, outcome: Outcome): Promise<void> {
    await this.save("outcomes", (await this.load("outcomes", Outcomes)).set(key, outcome)).catch(() => undefined);
  }

  /** What whole plans lost that were tried, and those that were written. @param folder that reports are measured on, where that is another than the data's */
  async wholes(folder = ""): Promise<Observed[]> {
    const { tried = [], written = [] } = (await this.load("wholes", Wholes)).get(folder) ?? {};
    return [...tried, ...written];
  }

  /** Whether plans were tried, whatever came of it. */
  async hasTried(folder = ""): Promise<boolean> { return (await this.load("wholes", Wholes)).get(folder)?.tried !== undefined; }

  /** What plans that were tried came to on the samples that they were fitted to, as presets are judged. */
  async trials(folder = ""): Promise<readonly Trial[]> { return (await this.load("wholes", Wholes)).get(folder)?.trials ?? []; }

  async keepTried(tried: Observed[], trials: Trial[], folder = ""): Promise<void> {
    const kept = await this.load("wholes", Wholes);
    await this.save("wholes", kept.set(folder, { tried, trials, written: kept.get(folder)?.written ?? [] })).catch(() => undefined);
  }

  /** What a file has lost; the last ones count. */
  async keepWritten(one: Observed, folder = ""): Promise<void> {
    const kept = await this.load("wholes", Wholes), { written = [], ...before } = kept.get(folder) ?? {}, others = written.filter(({ predicted }) => predicted !== one.predicted);
    await this.save("wholes", kept.set(folder, { ...before, written: [...others, one].slice(-MOST_WRITTEN) })).catch(() => undefined);
  }

  /** Plans with codebooks in common that were carried out, by {@link verdictKey}: whether they did better than the one without. */
  verdicts(): Promise<ReadonlyMap<string, boolean>> { return this.load("verdicts", Verdicts); }

  async keepVerdict(key: string, isBetter: boolean): Promise<void> {
    await this.save("verdicts", new Map(await this.verdicts()).set(key, isBetter)).catch(() => undefined);
  }

  /** What rounding activations costs, as it is known or as `measure` finds it now; undefined where neither tells. @param key what decides that, beside model and data */
  async rounding(key: string, measure?: () => Promise<number>): Promise<number | undefined> {
    const known = this.roundings.get(key) ?? (await this.load("roundings", Roundings)).get(key), loss = known ?? await measure?.();
    if (loss === undefined) return undefined;
    this.roundings.set(key, loss);
    if (known === undefined) await this.save("roundings", (await this.load("roundings", Roundings)).set(key, loss)).catch(() => undefined);
    return loss;
  }

  private ratings(): Promise<Map<string, Rating>> { return this.load("ratings", Ratings); }

  private async load<T>(name: string, schema: z.ZodMiniType<Record<string, T>>): Promise<Map<string, T>> {
    const bytes = await this.store?.load(name);
    if (!bytes) return new Map();
    try {
      return new Map(Object.entries(schema.parse(JSON.parse(new TextDecoder().decode(bytes)))));
    } catch {
      return new Map(); // cut off or from another version: measured again
    }
  }

  private async save(name: string, entries: ReadonlyMap<string, unknown>): Promise<void> {
    await this.store?.save(name, new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries))));
  }
}
