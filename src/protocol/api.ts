import type { CompressReport, EvaluateReport, LayerReport } from "./report";

export interface ValueFacts { name: string; type: string; shape: (number | string)[] }

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
  inputs: ValueFacts[];
  outputs: ValueFacts[];
  /** 8 × bytes of all layer weights ÷ their number. */
  bitsPerWeight?: number;
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
  shape?: (number | string)[];
}
export interface GraphEdgeFacts { from: number; to: number; tensor: string; shape?: (number | string)[] }
/** The drawable graph: weight subgraphs are folded into their layer. Inputs and outputs are nodes with op "input" and "output". */
export interface GraphFacts { nodes: GraphNodeFacts[]; edges: GraphEdgeFacts[] }

export interface LayerRow extends LayerReport {
  /** Short name for people. */
  label: string;
  parameters: number;
  macs?: number;
  consumers: string[];
  dataType: string;
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

export interface CodebookFacts {
  layer: string;
  method: string;
  codewords: number;
  /** Shape of a codeword as it lies in the kernel: [3, 3], [1, 3], [8]. */
  block: number[];
  indexBits: number;
  codebookBits: number;
  /** [codewords, block…] in units of the channel's scale. */
  values: Float32Array;
  uses: Uint32Array;
}

export type Device = "auto" | "cpu" | "webgpu" | "cuda" | "dml" | "coreml";
export type PresetId = "nearly-lossless" | "balanced" | "smallest";

/** A compression as the command line or the editor asks for it. Paths are absolute. */
export interface CompressRequest {
  model: string;
  output?: string;
  recipe?: string;
  preset?: PresetId;
  bits?: number;
  /** "12x", "300KB", "1.5MB". */
  target?: string;
  method?: string;
  data?: string;
  evalData?: string;
  preprocess?: string;
  tune?: string;
  inference?: "float" | "integer";
  layout?: "bits" | "bytes" | "dense";
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
}

export interface Progress {
  /** "read", "calibrate", "sensitivity", "plan", "fit", "write", "evaluate". */
  stage: string;
  /** A sentence fragment for users: "layers.3.c1, 12 of 21". */
  text: string;
  /** 0 to 1 over the whole job. */
  fraction: number;
  secondsLeft?: number;
}

/** What a worker process does. Long calls report progress and stop when their signal is aborted. */
export interface WorkerApi {
  open(path: string): Promise<ModelFacts>;
  close(path: string): Promise<void>;
  graph(path: string): Promise<GraphFacts>;
  layers(path: string): Promise<LayerRow[]>;
  layer(path: string, id: string): Promise<LayerDetails>;
  kernels(path: string, id: string, first: number, count: number): Promise<KernelPage | undefined>;
  codebook(path: string, id: string): Promise<CodebookFacts | undefined>;
  compress(request: CompressRequest, progress: (p: Progress) => void, signal: AbortSignal): Promise<CompressReport>;
  evaluate(request: EvaluateRequest, progress: (p: Progress) => void, signal: AbortSignal): Promise<EvaluateReport>;
}
