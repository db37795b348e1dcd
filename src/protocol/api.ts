import type { AccuracyWorkerApi } from "./accuracy";
import type { CompareWorkerApi } from "./compare";
import type { Outline } from "./outline";
import type { PlanFacts } from "./plan";
import type { CompressReport, EvaluateReport, HeldOut, LatencyReport, LayerReport } from "./report";
import type { Pruning } from "./pruning";
import type { TuningManner } from "./tuning";

export interface ValueFacts { name: string; type: string; shape: (number | string)[] }

/** Sizes of one sample, and whether a file beside the model tells them. */
export interface CountedFor { shape: number[]; isTold: boolean }

/** What stands in the header of a model editor. */
export interface ModelFacts {
  path: string;
  name: string;
  /** Size on disk, external data included. */
  bytes: number;
  irVersion: number;
  opset: number;
  producer: string;
  parameters: number;
  macs?: number;
  /** The input that multiply-accumulates and activations are counted for, where the model leaves its sizes open. */
  countedFor?: CountedFor;
  /** Of activations at once, for one sample, where they are most. */
  peakActivationBytes?: number;
  inputs: ValueFacts[];
  outputs: ValueFacts[];
  /** Of all layers, see `bitsOfAll`. */
  bitsPerWeight?: number;
  /** Weights that these bits are divided by, where channels were taken away: more than there are. */
  originalWeights?: number;
  /** Of its layers, how many compute with integers; absent where none does. */
  onIntegers?: { layers: number; of: number };
  /** What it was compressed with, as its metadata hold it. */
  recipe?: string;
  /** Why none of its layers can be compressed, where that is so. */
  nothing?: string;
  notes: string[];
}

export interface GraphNodeFacts {
  id: number;
  name: string;
  /** Dotted name for people and for grouping: that of its layer, or made from the node's own. */
  label: string;
  op: string;
  /** Layer identity if the node uses a weight, see {@link LayerRow}. */
  layer?: string;
  /** Second line: kernel, stride, channels. */
  caption: string;
  bytes: number;
  /** Operators drawn inside this node (BatchNormalization, Relu, …). */
  fused: string[];
  /** Tensors that are made inside this node. */
  outputs: string[];
  /** Of the node that it is named after, in words. */
  attributes?: [name: string, value: string][];
  /** Graphs that can be entered: branches, the body of a loop, a function. */
  bodies?: { path: string; title: string }[];
  /** Layers in the graphs that can be entered, if there are any; the node's bytes are theirs. */
  held?: string[];
  shape?: (number | string)[];
}
export interface GraphEdgeFacts { from: number; to: number; tensor: string; shape?: (number | string)[] }
/** The drawable graph, of the model or of a body: weight subgraphs are folded into their layer. Inputs and outputs are nodes with op "input" and "output". */
export interface GraphFacts { nodes: GraphNodeFacts[]; edges: GraphEdgeFacts[] }

/** A graph inside a node, and the way to it from the main graph, itself last. */
export interface BodyFacts { graph: GraphFacts; trail: { path: string; title: string }[] }

/** What the page of a model draws. */
export interface GraphAndLayers { graph: GraphFacts; rows: LayerRow[] }

export interface LayerRow extends LayerReport {
  /** Short name for people. */
  label: string;
  parameters: number;
  macs?: number;
  consumers: string[];
  /** What its weights are computed with. */
  dataType: string;
  /** The body that it stands in, if not in the main graph. */
  body?: string;
}

export interface Histogram { min: number; max: number; counts: number[] }

export interface LayerDetails {
  row: LayerRow;
  attributes: { name: string; value: string }[];
  from: ValueFacts[];
  to: ValueFacts[];
  statistics?: { mean: number; std: number; min: number; max: number; zeros: number; absP995: number };
  histogram?: Histogram;
  /** Per output channel: min, 5 %, 95 %, max. */
  channels?: { min: Float32Array; low: Float32Array; high: Float32Array; max: Float32Array };
}

/** A page of a layer's kernels, largest norm first. `values` is [count, height, width]. */
export interface KernelPage { total: number; first: number; height: number; width: number; order: Uint32Array; values: Float32Array }

/** A layer as a codebook: as its file holds it, or tried out on a layer that is none. Values are in units of the channel's scale, in which the blocks' root mean square is 1. */
export interface CodebookFacts {
  /** What {@link WorkerApi.blocks} is asked with. */
  id: number;
  layer: string;
  method: string;
  codewords: number;
  /** Shape of a codeword as it lies in the kernel: [3, 3], [1, 3], [1, 8]; [6, 3] for two kernels below each other. */
  block: [height: number, width: number];
  /** Weights of one kernel; 1 where inputs and outputs are joined by single weights. */
  kernel: number;
  indexBits: number;
  codebookBits?: number;
  /** Serialized bytes; predicted for a codebook that is tried out. */
  bytes: number;
  bitsPerWeight: number;
  /** [codewords, block…] */
  values: Float32Array;
  uses: Uint32Array;
  /** Output channels. */
  outputs: number;
  /** [outputs, blocks of an output channel] */
  index: Uint8Array | Uint16Array;
  places: CodebookPlaces;
  /** How it compares with the original weights, where those are there. */
  original?: CodebookErrors;
  /** Why they are not: the file that was looked for, if this one's name leads to any, and whether it is another model. */
  missing?: { file: string; differs: boolean };
  /** What can be tried out; absent where the layer's original is missing. */
  choices?: CodebookChoice[];
  /** Which of it this is; absent for a codebook that the file holds. */
  choice?: number;
}

/** The codewords of a layer's file alone, in the same units. */
export type CodebookWords = Pick<CodebookFacts, "layer" | "method" | "block" | "kernel" | "values" | "uses">;

/** Where codewords and blocks lie in the plane in which blocks spread most, or codewords where no blocks are known. */
export interface CodebookPlaces {
  /** Shares of the variance along its axes. */
  shares: [number, number];
  /** [codewords, 2] */
  words: Float32Array;
  /** [which, 2] */
  blocks: Float32Array;
  /** The blocks that are shown, all or an even sample. */
  which: Uint32Array;
}

export interface CodebookErrors {
  /** Bytes of the weight as it was. */
  bytes: number;
  /** Absent where nothing is lost. */
  sqnrDb?: number;
  /** Share of the energy that is lost, of each output channel and of the blocks of each codeword. */
  channels: Float32Array;
  words: Float32Array;
  /** Share of the layer's energy in the blocks of each codeword. */
  energy: Float32Array;
}

/** Wavelet coefficients of a matrix [outputs, inputs] along both of its axes, coarse to fine, as a picture of so many rows and columns. */
export interface WaveletMap {
  rows: number;
  columns: number;
  /** Root mean square of the coefficients that each cell stands for, [rows, columns]. */
  cells: Float32Array;
  /** Where each scale begins, the approximation first, as a share of the height and width. */
  rowScales: number[];
  columnScales: number[];
  /** Share of the energy in each scale of the outputs and of the inputs. */
  energy: number[][];
}
/** A wavelet layer's coefficients by its own filters, and those of the weight that it was made of; why that is not known, otherwise. */
export interface WaveletMaps { layer: string; made: WaveletMap; original?: WaveletMap; sqnrDb?: number; missing?: CodebookFacts["missing"] }

/** What is told of a large codebook that is tried out before every block has its codeword; SQNR from a sample of blocks. */
export interface CodebookEstimate { codewords: number; block: [number, number]; indexBits: number; bytes: number; bitsPerWeight: number; sqnrDb: number }

/** Numbers of codewords that a method lets one shape of block have. `method` is its id. */
export interface CodebookChoice { method: string; title: string; block: number; shape: string; words: number[] }
/** What is to be tried out; the first method that has such blocks where none is named. */
export interface CodebookWanted { method?: string; block: number; words: number }

/** Blocks of one codeword or of a choice, worst served first, or one block of the weight. */
export type BlockRequest = { word: number; first: number; count: number } | { chosen: number; first: number; count: number } | { block: number };
/** `values` are [count, block…], `errors` are shares of an average block's energy; both are empty where the original is missing. */
export interface BlockPage { which: Uint32Array; values: Float32Array; errors: Float32Array }

/** Blocks that somebody has chosen: what outlines in the plane of {@link CodebookPlaces} enclose, all blocks of some codewords, or a list. */
export type BlockChoice = { outlines: Outline[] } | { words: Uint32Array } | { blocks: Uint32Array };

/** What is told of a choice, counted on all blocks of the layer. */
export interface ChosenBlocks {
  /** What {@link BlockRequest} names it by, until the next choice in this codebook. */
  id: number;
  count: number;
  /** A bit for each block of the layer, lowest first. */
  inside: Uint8Array;
  /** Chosen blocks of each output channel and of each codeword. */
  channels: Uint32Array;
  words: Uint32Array;
  /** So many of them can be asked for, worst served first. */
  listed: number;
  /** Beside the original, weighted as inference sees the weights: their share of the layer's energy, the share of their own energy that is lost, and their share of all that the layer loses. */
  original?: { energy: number; lost: number; ofLoss: number };
}

/** UMAP of a codebook: at most so many blocks, and all codewords but those beyond the most used. */
export interface UmapPlaces {
  /** [which, 2] */
  blocks: Float32Array;
  which: Uint32Array;
  /** [codewords, 2]; NaN where a codeword was left out. */
  words: Float32Array;
}
export interface UmapProgress { epoch: number; epochs: number; blocks: number }

export const DEVICES = ["auto", "cpu", "webgpu", "cuda", "dml", "coreml"] as const;
export type Device = typeof DEVICES[number];
export const isDevice = (value: unknown): value is Device => DEVICES.some((device) => device === value);
/** From the one that loses least. */
export const PRESETS = ["nearly-lossless", "balanced", "smallest"] as const;
export type PresetId = typeof PRESETS[number];

/** A compression as the command line or the editor asks for it. Paths are absolute. */
export interface CompressRequest extends TuningManner {
  model: string;
  output?: string;
  recipe?: string;
  /** What stands in `recipe`, where that is not saved. */
  recipeText?: string;
  preset?: PresetId;
  bits?: number;
  /** "12x", "300KB", "1.5MB". */
  target?: string;
  method?: string;
  data?: string;
  evalData?: string;
  preprocess?: string;
  /** "30m", "2000steps", "none". */
  tune?: string;
  /** Write the model itself, trained so that this compression costs it less, not a compressed one. */
  prepare?: boolean;
  inference?: "float" | "integer";
  /** Refuse what would raise the operator set of the file. */
  keepOpset?: boolean;
  layout?: "bits" | "bytes" | "dense";
  /** Channels are taken away first. */
  prune?: Pruning;
  /** Fewer bytes beside the weights; where absent only for a target in bytes. */
  trim?: boolean;
  device?: Device;
  threads?: number;
  seed?: number;
  checkpoint?: string;
  force?: boolean;
}

export interface EvaluateRequest {
  model: string;
  reference?: string;
  data?: string;
  preprocess?: string;
  limit?: number;
  device?: Device;
  threads?: number;
  /** Compute with integers alone, as a microcontroller does. */
  integers?: boolean;
  /** A file for what goes into every step on integers and what comes out, on the first samples: computes with integers alone. */
  vectors?: string;
  /** How many samples; 4 if absent. */
  vectorSamples?: number;
}

/** Two models whose time for one sample is measured. Paths are absolute. */
export interface LatencyRequest {
  original: string;
  compressed: string;
  /** Where the models leave the size of their input open, its first sample is what both run on. */
  data?: string;
  preprocess?: string;
  device?: Device;
  threads?: number;
}

export interface Progress {
  /** "read", "calibrate", "sensitivity", "plan", "fit", "write", "evaluate". */
  stage: string;
  /** A sentence fragment for users: "layers.3.c1, 12 of 21". */
  text: string;
  /** 0 to 1 over the whole job. */
  fraction: number;
  secondsLeft?: number;
  /** Of a job that will train: until that begins, before it does. */
  secondsToTraining?: number;
  /** While layers are fitted. */
  layers?: LayersDone;
  /** While the network is tuned. */
  tuning?: TuningDone;
  /** What is asked for in vain, or speaks against the images, as far as that is known before. */
  warning?: string;
}

/** How far a training has come. */
export interface TuningDone {
  step: number;
  steps: number;
  /** What is brought down, on the samples that are trained on: mean over the latest steps. */
  loss: number;
  /** The held-out samples, at the steps where they were looked at. */
  held?: HeldOut;
  /** Before the first step. */
  first: HeldOut;
  best: HeldOut;
  /** How many samples are held out, where a job tells it. */
  samples?: number;
  /** Where layers are quantized one after the other: how many are. */
  layers?: { done: number; of: number };
}

/** How many of a plan's layers are fitted, and the one that has just been. */
export interface LayersDone { done: number; of: number; finished?: FinishedLayer }
export interface FinishedLayer { label: string; sqnrDb?: number }

/** What a worker process does. Long calls report progress and stop when their signal is aborted. */
export interface WorkerApi extends AccuracyWorkerApi, CompareWorkerApi {
  open(path: string): Promise<ModelFacts>;
  close(path: string): Promise<void>;
  graph(path: string): Promise<GraphFacts>;
  /** Graph and layers together, packed: {@link GraphAndLayers}. */
  packed(path: string): Promise<Uint8Array>;
  /** The graph inside a node, packed: {@link BodyFacts}. `body` is the path of one of its bodies. */
  body(path: string, body: string): Promise<Uint8Array>;
  layers(path: string): Promise<LayerRow[]>;
  layer(path: string, id: string): Promise<LayerDetails>;
  kernels(path: string, id: string, first: number, count: number): Promise<KernelPage | undefined>;
  /** Undefined where the layer is stored in another way. `original` is the model that was chosen to compare with, where its name does not lead to it. */
  codebook(path: string, id: string, original?: string): Promise<CodebookFacts | undefined>;
  /** Makes a codebook for a layer, of its original's weight where the file holds a codebook, without writing anything; the product's own choice of size where none is given. A large one is estimated before it is exact. Undefined where the layer takes none. */
  preview(path: string, id: string, original: string | undefined, wanted: CodebookWanted | undefined, estimate: (found: CodebookEstimate) => void, signal: AbortSignal): Promise<CodebookFacts | undefined>;
  /** Of the file; undefined where the layer is no codebook, or one that views have no place for. */
  words(path: string, id: string): Promise<CodebookWords | undefined>;
  /** Undefined where other nodes than transforms compute the layer. */
  wavelets(path: string, id: string, original?: string): Promise<WaveletMaps | undefined>;
  /** Undefined where the codebook has been forgotten for newer ones. */
  blocks(path: string, codebook: number, request: BlockRequest): Promise<BlockPage | undefined>;
  /** Undefined like {@link blocks}. */
  choose(path: string, codebook: number, choice: BlockChoice): Promise<ChosenBlocks | undefined>;
  /** The same places for the same codebook. Undefined like {@link blocks}. */
  umap(path: string, codebook: number, progress: (p: UmapProgress) => void, signal: AbortSignal): Promise<UmapPlaces | undefined>;
  /**
   * What the recipe of a request comes to, and every other plan. Rates layers that were not rated yet on the same images, which takes a while;
   * with `known` it does not, and answers undefined then.
   */
  plan(request: CompressRequest, known: boolean, progress: (p: Progress) => void, signal: AbortSignal): Promise<PlanFacts | undefined>;
  /** Carries out whole plans of a model that was rated, so that predictions learn what layers do together; whether they have learnt anything. Nothing is done a second time, nor where nothing was rated on images. */
  tryPlans(request: CompressRequest, progress: (p: Progress) => void, signal: AbortSignal): Promise<boolean>;
  compress(request: CompressRequest, progress: (p: Progress) => void, signal: AbortSignal): Promise<CompressReport>;
  /** Ends the training of the running compression: what was best so far is written. */
  stopTuning(): Promise<void>;
  latency(request: LatencyRequest, progress: (p: Progress) => void, signal: AbortSignal): Promise<LatencyReport>;
  evaluate(request: EvaluateRequest, progress: (p: Progress) => void, signal: AbortSignal): Promise<EvaluateReport>;
}
