import type { PresetId } from "./api";
import type { PruningReport } from "./report";

/** What a model could become: every plan from the smallest to the largest, so that a page can follow a slider without asking again. Sizes are predicted, those of {@link PlanFacts.candidate} read off the file as it would be written. */
export interface PlanFacts {
  /** Of the model: bytes of its files, of its weights once they are loaded, and of activations at once for one sample; the latter only of floats. */
  input: { bytes: number; loadedWeightBytes: number; peakActivationBytes?: number };
  prediction: Prediction;
  /** How images become the model's inputs; absent without images, and where samples are taken as they are. */
  preparation?: PreparationFacts;
  /** What the model is relieved of before; losses of plans hold what that costs. */
  pruning?: PruningReport;
  /** In the order of the file. */
  layers: PlanLayer[];
  front: PlanFront;
  presets: PresetPlan[];
  candidate: PlanPoint;
  /** Where a compression finds out by itself how many channels to take away, so that what is told here, with all of them, is not what it comes to: files of fewer bytes than `below`, and the recipe as it stands where `isTried`. */
  fewerChannels?: { below: number; isTried: boolean };
  /** What a size in the place of the recipe's preset or bits comes to, where the file is then made of another form of the model. */
  bySize?: PlanFacts;
  /** Sizes between which a compression may end, where the candidate is a preset's and none has been there: it measures its plan as a whole, and plans again. */
  candidateRange?: SizeRange;
  /** Sizes lighten the graph, too, which presets leave as it is: as many bytes of a size hold more of the weights. */
  presetsLeaveGraph?: boolean;
  /** Why the recipe cannot be met; the candidate is the nearest then. */
  problem?: string;
  notes: string[];
  /** What speaks against the images. */
  doubts?: string[];
}

/** What recipe, model and folder come to together. */
export interface PreparationFacts { channels: "rgb" | "bgr" | "gray"; resize?: number | [height: number, width: number]; crop?: [height: number, width: number]; mean: number[]; std: number[]; scale: number }

export type SizeRange = [least: number, most: number];

/** Where nothing tells what a preset's plan does as a whole, `range` says between which sizes a compression may end. */
export interface PresetPlan { id: PresetId; bytes: number; loss: number; range?: SizeRange }

/**
 * How the losses of a plan's layers, added up, tell what it does, see {@link lostTogether}. "agreement": share of predictions that stay, 1 − slope·√loss·(1 + loss)^bend, measured on images.
 * "outputs": noise of the outputs, relative to their energy, measured on images. "weights": noise of the weights; nothing was run.
 */
export interface Prediction {
  of: "agreement" | "outputs" | "weights";
  /** Images that it rests on. */
  samples?: number;
  /** Of the middle case, and of a good and a bad one. */
  slope: number;
  slopes: [good: number, bad: number];
  /** By how much more predictions flip where much is lost; none if absent. */
  bend?: number;
  /** The share of flips at which half of each is lost in top-1, as labels or the original's probabilities and whole plans tell, see {@link lostBy}. */
  half?: number;
  /** What whole plans have shown that were tried, or written: losses of their layers, added up, and those whose flips they had; ascending. */
  together?: Together[];
  /** Of integer inference: the loss that rounding activations adds, which losses of plans hold; absent where it was not measured, and they are of the weights alone. */
  rounding?: number;
}

export interface Together { predicted: number; measured: number }

/** What layers lose together whose own losses come to this sum, beside what rounding activations adds to it: as many times less or more as with whole plans that were seen, between two of these along a line of logarithms. */
export function lostTogether({ together: known = [], rounding = 0 }: Prediction, withRounding: number): number {
  const sum = withRounding - rounding;
  if (!known.length || !(sum > 0)) return withRounding;
  const above = known.findIndex(({ predicted }) => predicted >= sum), high = known[above < 0 ? known.length - 1 : above], low = known[above <= 0 ? (above < 0 ? known.length - 1 : 0) : above - 1];
  const share = high.predicted > low.predicted ? Math.log(sum / low.predicted) / Math.log(high.predicted / low.predicted) : 0, [from, to] = [low, high].map(({ predicted, measured }) => Math.log(measured / predicted));
  return rounding + sum * Math.exp(from + share * (to - from));
}

/** The share of predictions that flip at a loss, see {@link Prediction}: in the middle case, or in another. */
export function flipsAt(prediction: Prediction, sum: number, slope = prediction.slope): number {
  const loss = lostTogether(prediction, sum);
  return Math.min(1, slope * Math.sqrt(loss) * (1 + loss) ** (prediction.bend ?? 0));
}

/** Top-1 accuracy that is lost where a share of predictions flips, as a share of all. */
export const lostBy = (flips: number, half: number): number => (flips > 0 ? flips ** 2 / (flips + half) : 0);

/** What noise does in each layer, by layer; undefined where nothing was run. */
export function sensitivityIn({ layers }: PlanFacts): Record<string, number> | undefined {
  const known = layers.flatMap(({ id, sensitivity }) => (sensitivity === undefined ? [] : [[id, sensitivity] as const]));
  return known.length ? Object.fromEntries(known) : undefined;
}

export interface PlanLayer {
  /** Key of the recipe's `layers`. */
  id: string;
  label: string;
  op: string;
  shape: number[];
  /** Of the original, whatever channels are taken away. */
  parameters: number;
  /** How wide its type is; 0 where that is not known. */
  typeBits: number;
  convolution: boolean;
  /** As it is now. */
  bytes: number;
  /** Why it cannot be compressed. */
  blocked?: string;
  /** Loss where the layer's outputs carry an eighth of noise. */
  sensitivity?: number;
  /** Smallest first; the last leaves the layer as it is. */
  choices: PlanChoice[];
}

/** What tells a choice from others of its layer: pages have the words for it. */
export type ChoiceTrait =
  | { kind: "integers" | "single" | "shared" | "one-scale" }
  | { kind: "block"; /** "3×3" */ shape: string }
  | { kind: "codewords" | "bits" | "integer-bits"; count: number }
  | { kind: "kept"; /** Of the weights, the others are zeros. */ share: number }
  | { kind: "transforms"; summed: number; levels: number }
  | { kind: "filters"; taps: number; wavelet: string; fixed: boolean };

export interface PlanChoice {
  /** Absent where the layer is left as it is. */
  method?: string;
  options?: Record<string, number | string>;
  /** The method's, for people. */
  title?: string;
  /** The method's settings, what matters most first; none where the layer is left. */
  traits: readonly ChoiceTrait[];
  bytes: number;
  bits: number;
  loss: number;
  /** Bytes of its codes, by what they are. */
  parts: CodeBytes;
  /** One of the steps that the front takes. */
  step: boolean;
}

export interface CodeBytes { indices: number; codebook: number; values: number }

/** Plans, smallest first: the first as choices of all layers, each further one by the layer that takes another choice. */
export interface PlanFront {
  first: number[];
  layer: Uint32Array;
  choice: Uint32Array;
  /** Of each plan: bytes of the file, those among them that compressed layers share, bits per convolution weight, loss. One more than there are steps. */
  bytes: Float64Array;
  shared: Float64Array;
  bits: Float64Array;
  loss: Float64Array;
}

/** `shared` are the bytes that all compressed layers need together: the unpacking of their codes; `layerBytes`, of the recipe's own plan, those of each layer with its part of them, as they are written. */
export interface PlanPoint { choices: number[]; bytes: number; shared: number; bits: number; loss: number; layerBytes?: number[] }
