import { storedBits } from "../../src/protocol/bits";
import { parseTarget, targetBytes } from "../../src/protocol/sizes";
import type { LayerSetting, WrittenSize } from "../../src/protocol/recipe-page";
import { t } from "../l10n";
import { flipsAt, lostBy, type PlanChoice, type PlanFacts, type PlanLayer, type PlanPoint, type Prediction, type PresetPlan } from "../../src/protocol/plan";

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
  }

  /** The plan of this rank, smallest first. */
  at(rank: number): PlanPoint {
    const { layer, choice, bytes, shared, bits, loss } = this.facts.front, k = Math.max(0, Math.min(this.count - 1, rank)), choices = [...this.origin];
    for (let i = 0; i < k; i++) choices[layer[i]] = choice[i];
    return { choices, bytes: bytes[k], shared: shared[k], bits: bits[k], loss: loss[k] };
  }

  /** Bytes of every layer in a plan's file, each with its part of what compressed layers share. */
  layerBytes({ choices, shared }: PlanPoint): number[] {
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
    const other = { ...point, choices: choices.map((own, i) => (i === at ? choice : own)) };
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

  /** Half of the range between a good and a bad case. */
  spread(loss: number): number {
    const { prediction, prediction: { of, slopes: [good, bad] } } = this.facts;
    return of === "agreement" ? (flipsAt(prediction, loss, bad) - flipsAt(prediction, loss, good)) / 2 : 0;
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
  return prediction.of === "agreement" ? 1 - flipsAt(prediction, loss) : loss > 0 ? Math.min(99, -10 * Math.log10(loss)) : 99;
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

/** What gzip leaves of a plan's file: exact where it was written, as much of it as of the written file nearest in size elsewhere; undefined where none was. */
export function gzipOf(bytes: number, written: readonly WrittenSize[]): { bytes: number; exact: boolean } | undefined {
  const far = (size: number): number => Math.abs(Math.log(size / bytes)), [nearest] = [...written].sort((a, b) => far(a.bytes) - far(b.bytes));
  return nearest && { bytes: nearest.gzipBytes / nearest.bytes * bytes, exact: nearest.bytes === bytes };
}

/** A size as a recipe's target: three digits, rounded up so that the plan fits; to the byte where that would let a further plan in, which begins at `next`. */
export function targetText(bytes: number, next = Infinity): string {
  const text = roundedUp(bytes);
  return targetBytes(parseTarget(text), bytes) < next ? text : `${Math.ceil(bytes)}B`;
}

function roundedUp(bytes: number): string {
  const [unit, name] = bytes >= 1e6 ? [1e6, "MB"] : bytes >= 1e3 ? [1e3, "KB"] : [1, "B"], value = bytes / unit;
  const digits = unit === 1 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
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
