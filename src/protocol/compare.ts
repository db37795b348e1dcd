import type { AccuracyHostApi, AccuracyPageApi } from "./accuracy";
import type { GraphFacts, Histogram, LayerRow, ModelFacts } from "./api";
import type { IntegerReport, LatencyReport, TuningReport } from "./report";

/** Two models side by side: what stands beside what, and how far the weights are from each other. Plain data on every border. */

/** A layer of the original, and what became of it. Both may have names of their own. */
export interface ComparedLayer {
  /** Of the row: the original's name where it has the layer. */
  id: string;
  label: string;
  /** Absent where one of the two models has no such layer. */
  before?: LayerRow;
  after?: LayerRow;
  /** Why it was left as it is, in words for users. */
  skipped?: string;
  /** Where the two are of other sizes. */
  resized?: Resized;
  /** Operators of one model that the other has within this layer's weights. */
  folded?: { ops: string[]; into: "before" | "after" };
}

/** Numbers of channels and kernels that are others, before and after. */
export interface Resized { outputs?: [number, number]; inputs?: [number, number]; kernel?: [string, string] }

/** A node that is no layer and that one model alone has. */
export interface ComparedNode { op: string; /** Its own, or that of what it makes. */ name: string }

/** What is known of both at once. Layers are in the original's order, those that were added after what they follow. */
export interface ComparedModels { original: ModelFacts; compressed: ModelFacts; layers: ComparedLayer[]; nodes: { added: ComparedNode[]; removed: ComparedNode[] } }

/** Bytes of a file with its external data, and of its weights once a runtime has unpacked them. */
export interface FileSizes { bytes: number; gzipBytes: number; loadedWeightBytes: number }

/** The same kernels of both models, largest norm of the original first, [count, height, width]; those of channels that were taken away are zero. */
export interface ComparedWeights {
  /** Signal to quantization noise of all that both have of the weight, dB; absent where nothing is lost. */
  sqnrDb?: number;
  total: number;
  height: number;
  width: number;
  order: Uint32Array;
  before: Float32Array;
  after: Float32Array;
  /** Where kernels are single weights, and some are asked for. */
  matrix?: ComparedMatrix;
  /** All but half a percent of the original's weights are smaller. */
  absP995: number;
  /** Over the same bins. */
  histograms: { before: Histogram; after: Histogram };
}

/**
 * Why the weights of a row are not held against each other: one model `alone` has the layer; one weight is `computed` while the model runs; they have other shapes (`shape`);
 * or it was pruned, and it is not clear which `channels` are left.
 */
export type Incomparable = "alone" | "computed" | "shape" | "channels";

/** A weight [outputs, inputs] of both models as pictures [rows, columns] of one size: single weights, or mean sizes |w| where a cell spans several outputs or inputs. */
export interface ComparedMatrix {
  rows: number;
  columns: number;
  /** Outputs and inputs of a cell; the last ones may have fewer. */
  span: [number, number];
  outputs: number;
  inputs: number;
  before: Float32Array;
  after: Float32Array;
  /** The difference is taken before means are. */
  difference: Float32Array;
}

/** What the viewing process does for a comparison. */
export interface CompareWorkerApi {
  compared(original: string, compressed: string): Promise<ComparedModels>;
  sizes(path: string): Promise<FileSizes>;
  /** @param layer the row's @param count so many kernels, largest norm first @param first so many larger ones are left out */
  comparedWeights(original: string, compressed: string, layer: string, count: number, first?: number): Promise<ComparedWeights | Incomparable>;
}

export type Side = "original" | "compressed";

export interface Comparison extends ComparedModels { graphs: Record<Side, GraphFacts>; /** Selected last, here or in another view. */ selected?: string; /** What training gained, where the compressed model was made in this workspace. */ tuning?: TuningReport; /** How much of it runs on integers, where it was made so in this workspace. */ integers?: IntegerCount }
export type IntegerCount = Pick<IntegerReport, "convolutions" | "floatConvolutions" | "floats">;

/** How long both models take for one image on this machine: while it is measured, and as it was measured last. */
export interface LatencyState { running?: { text: string; fraction: number }; found?: LatencyReport; error?: string }

/** The host's side of a comparison's page. */
export interface CompareHostApi extends AccuracyHostApi {
  compare(): Promise<Comparison>;
  sizes(side: Side): Promise<FileSizes>;
  weights(layer: string, count: number, first?: number): Promise<ComparedWeights | Incomparable>;
  latency(): Promise<LatencyState>;
  /** Begins, and answers at once; the page is told of what becomes of it. */
  measureLatency(): Promise<void>;
  cancelLatency(): Promise<void>;
  /** @param row of the table */
  selected(row: string): Promise<void>;
  /** Opens one of the models, with a layer selected. */
  openModel(side: Side, layer?: string): Promise<void>;
  showLog(): Promise<void>;
}

/** The page's side. */
export interface ComparePageApi extends AccuracyPageApi {
  /** One of the files is another one now. */
  changed(): Promise<void>;
  /** Opens the search for layers. */
  find(): Promise<void>;
  latencyChanged(state: LatencyState): Promise<void>;
  /** @param layer by its name in that model */
  select(layer: string, side: Side): Promise<void>;
}
