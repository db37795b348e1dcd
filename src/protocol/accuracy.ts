import type { Device } from "./api";
import type { BeforeAfter, Estimate } from "./estimates";
import type { Fidelity, TuningReport } from "./report";

/** What compression costs in accuracy: two models over the same samples, and where along the network they part. Plain data on every border. */

/** Two models and the samples that both are run on. Paths are absolute. */
export interface PairRequest {
  original: string;
  compressed: string;
  data: string;
  /** Preprocessing file that goes before what is found beside the original. */
  preprocess?: string;
  device?: Device;
  threads?: number;
}

export interface MeasureRequest extends PairRequest {
  limit?: number;
  /** Only the samples that a compression on this folder keeps for its report. */
  heldOut?: boolean;
}

/** `lost`: the original was right; `gained`: the compressed model is; `other`: neither, or it is not known what is right. */
export type FlipKind = "lost" | "gained" | "other";

export interface ClassifierFigures {
  /** Shares of samples; absent without labels. */
  top1?: BeforeAfter;
  top5?: BeforeAfter;
  agreement: Estimate;
  agreed: number;
  /** Mean KL(original ‖ compressed), nats. */
  kl: Estimate;
  /** They add up to the samples whose prediction is another. */
  flips: Record<FlipKind, number>;
}

/** How one output of a model that is no classifier differs from the original's. */
export interface OutputFigures {
  name: string;
  /** Of one sample; absent where it is not the same for all. */
  shape?: number[];
  /** ‖difference‖ ÷ ‖original‖ over all samples. */
  relativeError: number;
  /** Ends of its 95 % interval; absent where the output has no axis of samples. */
  interval?: [low: number, high: number];
  /** Absent where nothing is lost. */
  sqnrDb?: number;
  meanError: number;
  largestError: number;
  /** Root mean square of the original's values. */
  size: number;
  /** Mean |difference| over samples and channels by place, of outputs that have places. */
  map?: ErrorMap;
}
export interface ErrorMap { height: number; width: number; /** Places that one cell stands for, down and across. */ cell: [number, number]; values: Float32Array }

export interface ClassScore { class: number; probability: number }

/** A sample on which both models say something else. */
export interface Flip {
  position: number;
  name: string;
  label?: number;
  kind: FlipKind;
  /** Up to five classes, the most probable first. */
  original: ClassScore[];
  compressed: ClassScore[];
  /** KL(original ‖ compressed) of this sample. */
  kl: number;
}

/** A sample of a model that is no classifier, by how much its outputs changed. */
export interface Deviation { position: number; name: string; relativeError: number }

/** What is known so far, from the first batch on. */
export interface Measured {
  /** Samples that were run, and those that will be. */
  samples: number;
  total: number;
  secondsLeft?: number;
  device: string;
  classes?: readonly string[];
  classifier?: ClassifierFigures;
  outputs?: OutputFigures[];
  /** Those that changed most, in the order of the samples. */
  flips: Flip[];
  /** Those that changed most, the worst first. */
  deviations: Deviation[];
  notes: string[];
  /** Reasons to doubt the figures: images that do not fit the model, outputs that say nothing. */
  warnings: string[];
}

/** A sample as a picture. `rgba` has width × height pixels. */
export interface Thumbnail { position: number; width: number; height: number; rgba: Uint8Array }

/** Signal to noise of the layers' outputs between the original and the compressed network, in the order of the network. */
export interface Trace {
  layers: { id: string; label: string }[];
  /** 10 %, 50 % and 90 % of other samples, dB; infinite where nothing differs, NaN where the two have other channels. */
  low: Float32Array;
  median: Float32Array;
  high: Float32Array;
  /** So many samples are in the band, of so many that will be. */
  samples: number;
  wanted: number;
  sample?: SampleTrace;
}
export interface SampleTrace {
  position: number;
  name: string;
  sqnrDb: Float32Array;
  /** First layer at which the sample falls below the band: its place in {@link Trace.layers}. */
  outside?: number;
  /** Of a classifier: what both models say of every class. */
  original?: Float32Array;
  compressed?: Float32Array;
  /** Of other models: the first output that has places, what both say and where they differ. */
  maps?: { output: string; original: ErrorMap; compressed: ErrorMap; difference: ErrorMap };
}

/** Where samples leave the others' band, first of all layers in the order of the network. */
export interface Origins {
  layers: Trace["layers"];
  /** `layer` is absent where a sample stays within the band. */
  found: { position: number; layer?: string }[];
  /** Runs so far, of the samples that make the band and of those that are asked for, and all of them. */
  done: number;
  total: number;
}

/** What a worker process does about accuracy. Long calls report progress and stop when their signal is aborted. */
export interface AccuracyWorkerApi {
  measure(request: MeasureRequest, progress: (measured: Measured) => void, signal: AbortSignal): Promise<Measured>;
  /** `side` is the longest that a picture's sides may be. Samples that are no pictures are left out. */
  thumbnails(request: MeasureRequest, positions: number[], side: number): Promise<Thumbnail[]>;
  /** Of one sample, or of the band alone; the band comes with the first progress and grows. */
  trace(request: MeasureRequest, position: number | undefined, progress: (trace: Trace) => void, signal: AbortSignal): Promise<Trace>;
  /** Where each of some samples leaves the band. */
  origins(request: MeasureRequest, positions: number[], progress: (origins: Origins) => void, signal: AbortSignal): Promise<Origins>;
}

/** What stands between a model and its figures: `original` is not known, `data` is not chosen, the workspace is not `trusted`. */
export interface AccuracySubject {
  /** File names. */
  original?: string;
  compressed: string;
  /** Name of the data folder. */
  data?: string;
  /** Every image of the folder is measured, also those that a compression may have been fitted on. */
  allImages: boolean;
  /** The compressed model is known to have been fitted to images of this folder, so figures on all of them flatter it. */
  isFittedTo?: boolean;
  /** The compressed model is a recipe's without the training that it asks for. */
  beforeTuning: boolean;
  trusted: boolean;
}

/** What a compression measured of its result, with the ends of the agreement's 95 % interval. */
export interface Reported extends Fidelity { interval?: [low: number, high: number] }

export interface AccuracyState {
  subject: AccuracySubject;
  running: boolean;
  /** While a candidate that is no file yet is made for measuring. */
  making?: { text: string; fraction: number; secondsLeft?: number };
  measured?: Measured;
  /** Of the compression that made this pair, on images that its fit did not see. What is measured goes before it. */
  reported?: Reported;
  /** What a training of the compressed model came to, where it was made in this workspace. */
  tuning?: TuningReport;
  cancelled?: boolean;
  /** Why measuring ended early, in one sentence. */
  error?: string;
}

/** The host's side for every page that has an accuracy view. */
export interface AccuracyHostApi {
  accuracy(): Promise<AccuracyState>;
  /** Begins, and answers at once; the page is told of what becomes of it. */
  measure(): Promise<void>;
  cancelMeasure(): Promise<void>;
  chooseOriginal(): Promise<void>;
  chooseData(): Promise<void>;
  thumbnails(positions: number[], side: number): Promise<Thumbnail[]>;
  trace(position: number | undefined, progress: (trace: Trace) => void, signal: AbortSignal): Promise<Trace>;
  /** Of those on which the prediction differs. */
  origins(progress: (origins: Origins) => void, signal: AbortSignal): Promise<Origins>;
}

/** The host's side of a page that is nothing but an accuracy view. */
export interface AccuracyPanelApi extends AccuracyHostApi {
  selected(layer: string): Promise<void>;
  openLayer(layer: string): Promise<void>;
  showLog(): Promise<void>;
}

/** The page's side. */
export interface AccuracyPageApi { accuracyChanged(state: AccuracyState): Promise<void> }
