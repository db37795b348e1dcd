import type { Device } from "./api";
import type { AccuracyChanges, Gain, Interval } from "./estimates";

/** The figures of `compress --json`, `evaluate --json` and `inspect --json`: what a user reads, plain data on every border. Absent means that it does not apply. */

/** One row for each weight tensor, whatever number of nodes use it. */
export interface LayerReport {
  /** Identity: scope path and weight tensor name at the consumer. Keys of `recipe.layers`. */
  name: string;
  op: string;
  /** Shape of the weight tensor. */
  shape: number[];
  /** Shape that it had in the original, where channels were taken away since. */
  originalShape?: number[];
  /** For people, where it is another than the name. */
  label?: string;
  method?: string;
  /** 8 × serialized bytes of all that the weight takes in the written file ÷ number of its weights in the original. What no method has stored counts as wide as its type at most, see `storedBits`. */
  bitsPerWeight: number;
  /** Serialized bytes of all that the weight takes in the written file. */
  bytes: number;
  codewords?: number;
  /** Weights in one codeword. */
  blockSize?: number;
  indexBits?: number;
  codebookBits?: number;
  /** Share of the weights that are there, where the others are zeros that take a bit each. */
  density?: number;
  /** Names of the layers that have the same codebook in the file. */
  sharedWith?: string[];
  sparsity?: number;
  /** Of a layer that is computed by wavelet transforms. */
  wavelet?: WaveletFacts;
  /** Signal to quantization noise of the weights, dB. */
  sqnrDb?: number;
  /** Why it was left as it is, in words for users. */
  skipped?: string;
  /** Where its weight is integers: how they become numbers. */
  grids?: LayerGrids;
  /** Floats that it lies in the file as, where they are cast to others and nothing else packs them. */
  storedType?: string;
  /** It computes with floats, while others of the model compute with integers. */
  staysFloat?: boolean;
}

/** Integers that stand for numbers: scale · (integer − zero point). */
export interface Grid {
  type: string;
  /** Number of scales, and the least and the greatest. */
  scales: number;
  scale: [number, number];
  /** The least and the greatest. */
  zeroPoint: [number, number];
  /** Where channels have scales of their own, the axis that they lie on. */
  axis?: number;
}
/** Whether a layer computes with integers, as far as its file tells. */
export const isOnIntegers = ({ grids, staysFloat }: Pick<LayerReport, "grids" | "staysFloat">): boolean => grids?.input !== undefined && staysFloat !== true;
/** Of a layer on integers; what comes in and goes out where the file rounds it, and whether something between keeps a runtime from computing with integers. */
export interface LayerGrids { weight: Grid; input?: Grid; output?: Grid; guarded?: boolean; bias?: "integers" | "floats" }

/** A linear layer as sums of diagonals, a permutation and wavelet transforms. */
export interface WaveletFacts {
  /** Taps of each filter. */
  length: number;
  levels: number;
  /** Transforms whose outputs are summed. */
  summed: number;
  /** Numbers that the layer has learned, in place of its weights. */
  parameters: number;
  /** h0, h1, f0, f1: of the analysis and of the synthesis, low pass and high pass. */
  filters: number[][];
  /** The known wavelet that they are nearest to, which they began as unless they have learned much. */
  nearest?: { wavelet: string; filters: number[][] };
  /** ‖W⁻¹·W·x − x‖ ÷ ‖x‖ of random signals. */
  reconstructionError: number;
  /** How long it takes beside the dense layer, where that was measured. */
  speed?: LayerSpeed;
}

/** Run time of a layer of one sample on one machine, beside that of the dense layer of its size. */
export interface LayerSpeed {
  /** Medians, milliseconds. */
  dense: number;
  compressed: number;
  ratio: number;
  /** The least width of a square layer of this kind from which it is faster, among powers of two; absent where none that was tried is. */
  fasterFrom?: number;
}

export interface Accuracy { top1?: number; top5?: number }

/** How a compressed model's outputs compare with the original's on held-out samples. */
export interface Fidelity {
  samples: number;
  /** Share of samples with the same top-1. */
  agreement?: number;
  /** Mean KL(original ‖ compressed), nats. */
  kl?: number;
  /** For models that are no classifiers: SQNR of the outputs in dB, and relative error. */
  sqnrDb?: number;
  relativeError?: number;
  reference: Accuracy;
  compressed: Accuracy;
  /** Of the accuracy, where labels are known. */
  changes?: AccuracyChanges;
  /** 95 % intervals, by figure name; top1 and top5 are the compressed model's. */
  intervals?: Record<string, Interval>;
}

/** What becomes of a network's outputs. */
export interface OutputEffect {
  /** KL of a classifier's outputs from the original's, nats; relative squared error of any other's. */
  loss: number;
  agreement?: number;
}

/** The same where some layers alone are integers. */
export type IntegerEffect = OutputEffect;

/** What a layer costs as integers: it alone, and all but it. */
export interface IntegerLayerReport { layer: string; alone: IntegerEffect; without: IntegerEffect }

/** An input for which a normalization in fixed point gives another integer than exact arithmetic: by how much it is off. */
export interface FixedException { channel: number; input: number; off: number }

/** A batch normalization as (A·q + B) >> k for each channel; every one of its `inputs` was tried in every channel. */
export interface FixedNormalization {
  node: string;
  channels: number;
  inputs: number;
  /** With the sign, of the channel that needs most. */
  bits: { a: number; b: number };
  /** k, of the channels with the least and the most. */
  shift: { least: number; most: number };
  exceptions: FixedException[];
}

/** How much of a network runs on integers. */
export interface IntegerReport {
  /** Convolutions of the network, and those of them that stay float. */
  convolutions: number;
  floatConvolutions: number;
  /** Nodes with arithmetic that stay float, and why, in words for users. */
  floats: { op: string; node: string; reason: string }[];
  /** What each layer costs, the most expensive first; where that was measured. */
  layers?: IntegerLayerReport[];
  /** What compressed weights cost by themselves, with floats in every layer: in each of the above as well. */
  floor?: IntegerEffect;
  /** Batch normalizations in fixed point, where there are any. */
  normalizations?: FixedNormalization[];
  /** Layers that stay float because that was asked for, or because it was found to be better. */
  left: LeftLayer[];
  /** What 8 bits show badly, and the layers that make it. */
  warnings: IntegerWarning[];
  /** On calibration samples, so many of them, where layers were looked at or left to floats to reach one. */
  agreement?: number;
  samples?: number;
  /** On the same samples, as in {@link OutputEffect}. */
  loss?: number;
}

/** Why in words for users; `asked`: by name, in the recipe. */
export interface LeftLayer { layer: string; reason: string; asked: boolean }
export interface IntegerWarning { text: string; layers: string[] }

/** Bytes beside the weights that a file with a limit does without. */
export interface Trim { what: "constants" | "normalizations" | "names" | "biases"; savedBytes: number }

/** Channels that some layers put out and others read: so many there were, and so many are gone. `layers` are the names of those that put them out. */
export interface PrunedGroup { layers: string[]; channels: number; removed: number }

/** What a network was relieved of before it was compressed. `macs` are multiply-accumulates of one sample. */
export interface PruningReport {
  before: { macs: number; weights: number };
  after: { macs: number; weights: number };
  /** What that alone does to the outputs, on the samples that the weights which stay were fitted to. */
  effect: OutputEffect;
  /** Groups that lost channels, in the order of the network. */
  groups: PrunedGroup[];
}

/** A way to the size that was asked for, with this share of the compute taken away: mean loss on the samples that decided, or why it does not lead there. */
export interface PruningTrial { compute: number; loss?: number; problem?: string; isChosen: boolean }

/** A codebook that stands in the file once; further ones of the same size would take `savedBytes`. */
export interface SharedCodebook { layers: string[]; codewords: number; blockSize: number; savedBytes: number }

export interface CompressReport {
  /** Folders of images: that the fit and the training saw four fifths of, or all where the report has another for itself. */
  images?: { folder?: string; evalFolder?: string };
  /** `peakActivationBytes`: activations that are alive at once for one sample, where they are most. */
  input: { path: string; bytes: number; sha256: string; peakActivationBytes?: number };
  output: { path: string; bytes: number; gzipBytes: number; loadedWeightBytes: number; sha256: string; peakActivationBytes?: number };
  ratio: number;
  convBitsPerWeight?: number;
  bitsPerWeight: number;
  device: string;
  seconds: Record<string, number>;
  layers: LayerReport[];
  /** Codebooks that layers have in common. */
  shared?: SharedCodebook[];
  /** Channels that were taken away. */
  pruning?: PruningReport;
  /** Where it was left to the compression how many. */
  pruningTrials?: PruningTrial[];
  /** What was left out or stored shorter beside the weights. */
  trims?: Trim[];
  fidelity?: Fidelity;
  tuning?: TuningReport;
  integers?: IntegerReport;
  notes?: string[];
}

/** How a network stands on samples that it is not trained on. */
export interface HeldOut {
  /** What training brings down: divergence from the original's predictions, softened; for a model that is no classifier the relative squared error. */
  loss: number;
  /** Share of predictions that are the original's. */
  agreement?: number;
}

/** What tuning came to. */
export interface TuningReport {
  steps: number;
  /** How many it would have been, where it was ended before: its file is not what the recipe comes to by itself. */
  planned?: number;
  bestStep: number;
  /** On samples that choose the best step; they are others than the report's. */
  before: HeldOut;
  after: HeldOut;
  /** How many these are. */
  samples: number;
  /** On the samples of the report: the file as it would be without training, and as it is. */
  gain?: Gain;
  device: Device;
}

/** How long a model and what was made of it take for one batch on one machine, in runs that alternate. */
export interface LatencyReport {
  /** Medians, milliseconds. */
  before: number;
  after: number;
  /** Median, over pairs of runs, of how many times as long the second takes, and the ends of its 95 % interval. */
  ratio: number;
  interval: [number, number];
  pairs: number;
  /** Samples in a run: one, unless the model takes no other number. */
  batch: number;
  threads: number;
  device: string;
}

export interface EvaluateReport {
  samples: number;
  top1?: number;
  top5?: number;
  agreement?: number;
  kl?: number;
  sqnrDb?: number;
  relativeError?: number;
  /** 95 % intervals, by figure name. */
  intervals?: Record<string, Interval>;
  /** Of the accuracy from the reference's, where labels are known. */
  changes?: AccuracyChanges;
  /** Share of these images that the model was fitted to by a compression of this user, which figures on them flatter. */
  fittedShare?: number;
  seconds: number;
  samplesPerSecond: number;
  device: string;
  /** The reference's own, where labels are known. */
  reference?: Accuracy;
  /** Beside the reference, where that is asked for. */
  latency?: LatencyReport;
  notes?: string[];
}

export interface InspectReport {
  irVersion: number;
  opset: number;
  producer: string;
  parameters: number;
  bytes: number;
  peakActivationBytes?: number;
  /** What it was compressed by, where it was. */
  recipe?: object;
  layers: LayerReport[];
  shared?: SharedCodebook[];
  unsupported: { name: string; reason: string }[];
}
