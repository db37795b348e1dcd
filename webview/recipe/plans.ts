import { storedBits } from "../../src/protocol/bits";
import { parseTarget, targetBytes } from "../../src/protocol/sizes";
import type { LayerSetting, WrittenSize } from "../../src/protocol/recipe-page";
import { t } from "../l10n";
import { flipsAt, lostBy, lostTogether, type PlanChoice, type PlanFacts, type PlanLayer, type PlanPoint, type Prediction, type PresetPlan } from "../../src/protocol/plan";

/** Every plan of a model, as the page follows a slider through them. */
export class Plans {
  /** Plans that the slider leads through: not those that only leave large layers as they are. */
  readonly count: number;
  /** Total weights, and those that bits are told of. */
  readonly parameters: number;
  private readonly origin: number[];

  constructor(readonly facts: PlanFacts) {
    const { front: { first, layer, choice, bytes }, layers, input } = facts;
    this.origin = first;
    this.parameters = layers.reduce((sum, { parameters }) => sum + parameters, 0);
    let last = layer.length;
    for (let k = 0; k < layer.length; k++) {
      const leaves = choice[k] === layers[layer[k]].choices.length - 1;
      if (leaves && bytes[k + 1] - bytes[k] > 0.02 * input.bytes) { last = k; break; }
    }
    this.count = last + 1;
    this.slides = facts.bySize ? new Plans(facts.bySize) : this;
  }

  /** The plan of this rank, smallest first. */
  at(rank: number): PlanPoint {
    const { layer, choice, bytes, shared, bits, loss } = this.facts.front, k = Math.max(0, Math.min(this.count - 1, rank)), choices = [...this.origin];
    for (let i = 0; i < k; i++) choices[layer[i]] = choice[i];
    return { choices, bytes: bytes[k], shared: shared[k], bits: bits[k], loss: loss[k] };
  }

  /** Bytes of every layer in a plan's file, each with its part of what compressed layers share: as they are written where that is known, else by layers' own bytes. */
  layerBytes({ choices, shared, layerBytes }: PlanPoint): number[] {
    if (layerBytes) return layerBytes;
    const chosen = this.facts.layers.map(({ choices: all }, i) => all[choices[i]]), compressed = chosen.reduce((sum, { method, bytes }) => sum + (method === undefined ? 0 : bytes), 0);
    return chosen.map(({ method, bytes }) => (method === undefined ? bytes : bytes * (1 + shared / compressed)));
  }

  /** Bits a weight of every layer, as other views show them. */
  layerBits(point: PlanPoint): number[] {
    const bytes = this.layerBytes(point);
    return this.facts.layers.map(({ parameters, typeBits, choices }, i) => (parameters ? storedBits({ bitsPerWeight: 8 * bytes[i] / parameters, method: choices[point.choices[i]].method }, typeBits) : 0));
  }

  /** Bytes of one layer with another choice, and bits a weight. */
  with({ choices, ...point }: PlanPoint, at: number, choice: number): { bytes: number; bits: number } {
    const other = { ...point, layerBytes: undefined, choices: choices.map((own, i) => (i === at ? choice : own)) };
    return { bytes: this.layerBytes(other)[at], bits: this.layerBits(other)[at] };
  }

  /** Presets between the slider's ends: one that leaves large layers as they are lies beyond. */
  get presets(): readonly PresetPlan[] { return this.facts.presets.filter(({ bytes }) => this.holds(bytes)); }

  /** The rank of the largest plan that is no larger, the smallest plan's where all are. */
  rankOf(size: number): number {
    const { bytes } = this.facts.front;
    let rank = 0;
    while (rank < this.count - 1 && bytes[rank + 1] <= size) rank++;
    return rank;
  }

  /**
   * The rank that keys lead to from a file that was planned for a limit: what fits there need not be a plan of the slider's, so each key goes on to the next whose size reads larger than that file and
   * limit do, or smaller than that file.
   * @param by so many keys to the right, or to the left
   */
  rankFrom({ bytes: size, limit = size }: { bytes: number; limit?: number }, by: number): number {
    const { bytes } = this.facts.front, last = this.count - 1;
    let rank = this.rankOf(size);
    if (by > 0) while (rank <= last && !(reads(bytes[rank]) > reads(size) && bytes[rank] > limit)) rank++;
    else while (rank >= 0 && !(reads(bytes[rank]) < reads(size))) rank--;
    if (rank < 0 || rank > last) return by > 0 ? last : 0;
    return Math.max(0, Math.min(last, rank + by - Math.sign(by)));
  }

  /** What the slider leads through: files that are made for a size, where those of the recipe are not. */
  readonly slides: Plans;

  /** Whether a compression finds out by itself how many channels to take away for a plan's size, so that it may come to something else. */
  triesFewer(point: PlanPoint): boolean {
    const { fewerChannels, candidate } = this.facts;
    return fewerChannels !== undefined && (point === candidate ? fewerChannels.isTried : point.bytes < fewerChannels.below);
  }

  /** The size of the next larger plan. */
  after(size: number): number { return this.facts.front.bytes[this.rankOf(size) + 1] ?? Infinity; }

  /** Sizes at the slider's ends. */
  get ends(): [number, number] { return [this.facts.front.bytes[0], this.facts.front.bytes[this.count - 1]]; }

  /** Whether a size lies between them. */
  holds(size: number): boolean {
    const [least, most] = this.ends;
    return size >= least && size <= most;
  }

  /** What a loss means to a user, see {@link qualityOf}. */
  quality(loss: number): number { return qualityOf(this.facts.prediction, loss); }

  /** Top-1 accuracy that a loss is predicted to cost, as a share; undefined where nothing tells. */
  accuracyLost(loss: number): number | undefined {
    const { of, half } = this.facts.prediction;
    return of === "agreement" && half !== undefined ? lostBy(1 - this.quality(loss), half) : undefined;
  }

  /** Agreement in a bad and in a good case. */
  range(loss: number): [bad: number, good: number] {
    const { prediction, prediction: { slopes: [good, bad] } } = this.facts;
    return [1 - flipsAt(prediction, loss, bad), 1 - flipsAt(prediction, loss, good)];
  }

  /** What one step up or down of a layer would change: its choice, bytes and quality. Undefined at an end. */
  step(point: PlanPoint, at: number, by: 1 | -1): { choice: number; bytes: number; quality: number } | undefined {
    const layer = this.facts.layers[at], now = layer.choices[point.choices[at]], next = nextStep(layer, point.choices[at], by);
    if (next === undefined) return undefined;
    const to = layer.choices[next];
    return { choice: next, bytes: to.bytes - now.bytes, quality: this.quality(Math.max(0, point.loss - now.loss + to.loss)) - this.quality(point.loss) };
  }

  /** The place of each layer by how much noise in it hurts, from 1; undefined where nothing was measured. */
  rankBySensitivity(at: number): number | undefined {
    const own = this.facts.layers[at].sensitivity;
    return own === undefined ? undefined : 1 + this.facts.layers.filter(({ sensitivity }) => (sensitivity ?? 0) > own).length;
  }
}

/** Share of predictions that stay, or signal to noise in dB where the prediction is not of a classifier on images. */
export function qualityOf(prediction: Prediction, loss: number): number {
  return prediction.of === "agreement" ? 1 - flipsAt(prediction, loss) : loss > 0 ? Math.min(99, -10 * Math.log10(lostTogether(prediction, loss))) : 99;
}

function nextStep({ choices }: PlanLayer, from: number, by: 1 | -1): number | undefined {
  for (let c = from + by; c >= 0 && c < choices.length; c += by) if (choices[c].step && by * (choices[c].bytes - choices[from].bytes) > 0 && by * (choices[from].loss - choices[c].loss) >= 0) return c;
  return undefined;
}

/** The layer's choice that a recipe asks for, by method and options. */
export const choiceOf = ({ choices }: PlanLayer, method: string, options: Record<string, unknown>): number =>
  choices.findIndex((choice) => choice.method === method && Object.entries(choice.options ?? {}).every(([key, value]) => options[key] === undefined || options[key] === value));

/** Bytes of a plan by what they are; they add up to the file. */
export function partsOf({ layers }: PlanFacts, point: PlanPoint): { indices: number; codebooks: number; integers: number; plain: number; rest: number } {
  const parts = { indices: 0, codebooks: 0, integers: 0, plain: 0, rest: 0 };
  layers.forEach((layer, i) => {
    const choice: PlanChoice = layer.choices[point.choices[i]];
    parts.indices += choice.parts.indices;
    parts.codebooks += choice.parts.codebook;
    parts.integers += choice.parts.values;
    if (choice.method === undefined) parts.plain += layer.bytes;
  });
  parts.rest = Math.max(0, point.bytes - parts.indices - parts.codebooks - parts.integers - parts.plain);
  return parts;
}

/** What gzip leaves of a file: it shortens the text of the graph, and codes hardly. */
export interface Gzip { least: number; most: number; isExact: boolean }

/**
 * What gzip leaves of a plan's file: exact where it was written. Between two that were it saves what lies between; beyond them as much as of the nearest, as where only codes become more or fewer,
 * or as large a share, as where integers do. Undefined where none was written.
 */
export function gzipOf(bytes: number, written: readonly WrittenSize[]): Gzip | undefined {
  const sorted = [...written].sort((a, b) => a.bytes - b.bytes), same = sorted.find((one) => one.isOwn && one.bytes === bytes) ?? sorted.find((one) => one.bytes === bytes);
  if (same) return { least: same.gzipBytes, most: same.gzipBytes, isExact: true };
  const above = sorted.find((one) => one.bytes > bytes), below = sorted.filter((one) => one.bytes < bytes).at(-1), saved = (one: WrittenSize): number => one.bytes - one.gzipBytes;
  if (above && below) {
    const left = bytes - saved(below) - (bytes - below.bytes) / (above.bytes - below.bytes) * (saved(above) - saved(below));
    return { least: left, most: left, isExact: false };
  }
  const nearest = above ?? below;
  if (!nearest) return undefined;
  const [least, most] = [bytes - saved(nearest), bytes * nearest.gzipBytes / nearest.bytes].sort((a, b) => a - b);
  return { least: Math.max(0, least), most, isExact: false };
}

/** A size as it is read: three digits. */
const reads = (bytes: number): number => Number(bytes.toPrecision(3));

/** The target's own text is in the file: bytes by which a longer one makes it larger. */
const ROOM = 8;

/** A size as a recipe's target: three digits, rounded up so that the plan fits; more where that would let a further plan in, which begins at `next`. */
export function targetText(bytes: number, next = Infinity): string {
  const texts = [0, 1, 2, 3].map((more) => roundedUp(bytes + ROOM, more));
  return texts.find((text) => targetBytes(parseTarget(text), bytes) < next) ?? roundedUp(bytes, 3);
}

/** @param more digits behind the first three */
function roundedUp(bytes: number, more: number): string {
  const [unit, name] = bytes >= 1e6 ? [1e6, "MB"] : bytes >= 1e3 ? [1e3, "KB"] : [1, "B"], value = bytes / unit;
  const digits = unit === 1 ? 0 : more + (value >= 100 ? 0 : value >= 10 ? 1 : 2);
  return `${(Math.ceil(value * 10 ** digits - 1e-9) / 10 ** digits).toFixed(digits)}${name}`;
}

/** What a recipe holds a layer to, in words; undefined where it is free. */
export function pinOf(setting: LayerSetting | undefined): string | undefined {
  if (!setting) return undefined;
  const { pin, method, options } = setting;
  if (pin === "leave") return t("Left alone");
  if (method !== undefined && options !== undefined) return t("Stays as it is");
  return typeof pin === "object" ? t("At least {0} bits", pin.atLeastBits) : undefined;
}
