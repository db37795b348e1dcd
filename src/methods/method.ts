import type * as z from "zod/mini";
import type { GridCodes } from "../numeric/grid";
import type { ComputePool } from "../numeric/tasks";
import type { ConstantCache } from "../onnx/constants";
import type { Layer } from "../onnx/layers";
import type { Model } from "../onnx/model";
import type { ChoiceTrait, CodeBytes } from "../protocol/plan";
import type { WaveletFacts } from "../protocol/report";
import type { Products } from "../runtime/products";
import type { Runtime } from "../runtime/runtime";
import type { Gram } from "./gram";
import type { WeightPacker } from "./packer";

/** A weight as matrix [outputs, inputs]: a row is all that one output channel sees, kernels whole and in the order of input channels. */
export interface WeightRows {
  /** [outputs, inputs] row-major, float32. */
  values: Float32Array;
  outputs: number;
  /** C/groups · kH · kW */
  inputs: number;
}

/** How a layer may be stored, and what that takes. */
export interface Candidate<Options> {
  options: Options;
  /** Bytes in the file: codes, codebook, scale and nodes, without what all layers share. */
  bytes: number;
}

export interface FitContext {
  seed: number;
  pool: ComputePool;
  /** Something behind the layer divides the channel's scale out or takes it over, so that the file need not hold it. */
  scaleIsFree: boolean;
  /** [outputs] how much a squared error of a channel's output counts; all alike if absent. */
  importance?: Float32Array;
  /** Second moments of the layer's inputs on calibration data. */
  gram?: Gram;
  /** What the rows should become, [outputs, inputs]: differs from the weight where inputs have drifted. */
  target?: Float32Array;
  /** Less work for planning: fewer passes, no corrections. */
  quick?: boolean;
  /** Codewords that the layer has in common with others, learned already. */
  book?: GridCodes;
  /** What layers are trained with, one by one. */
  learning?: { runtime: Runtime; products: Products; threads?: number; signal?: AbortSignal };
}

/** A layer among those that a codebook is learned for. */
export interface Member {
  rows: WeightRows;
  context: FitContext;
  /** What a squared error of its outputs counts beside those of the others. */
  stress: number;
}

/** Where the scale is kept: in the file as float16 or float32 for each channel, as one float32 for all of them, or in what follows the layer. */
export type ScaleStorage = "half" | "float" | "one" | "elsewhere";

/** A weight in a method's own form. Restored rows times `scale` approximate the original. */
export interface PackedWeight {
  method: string;
  /** [outputs] one factor for each output channel, already rounded as it will be stored. */
  scale: Float32Array;
  scaleStorage: ScaleStorage;
}

/** A packed weight's numbers as training moves them: codes on a grid, each standing for one or many weights. */
export interface Codes {
  /** [words, block], see numeric/grid. */
  codes: Uint8Array;
  bits: number;
  /** Weights that one word fills: of one output channel, or of several whole ones. */
  block: number;
  /** One word for each block; absent where every block has a word of its own. */
  index?: Int32Array | Uint8Array | Uint16Array;
  /** Weights that name the same book have their codes in common. */
  book?: string;
  /** Whether the first word is nothing, stays so, and every block keeps its word. */
  sparse?: boolean;
}

/** A tensor of a layer that is computed by other nodes than its own, as training moves it. */
export interface LayerTensor {
  part: string;
  dims: number[];
  values: Float32Array;
  /** Highest step as a share of the values' root mean square; 0 for what stays. */
  rate: number;
  /** The gradient of what it has to keep to beside what the network is to learn. */
  rule?(values: Float32Array): Float32Array;
}

/** One of the methods of the papers. The registry knows them all; planner, recipe, command line and views know only this. */
export interface CompressionMethod<Options extends object = object, Packed extends PackedWeight = PackedWeight> {
  id: string;
  title: string;
  paper: string;
  options: z.ZodMiniType<Options>;
  /** Whether plans have it only where a request or a recipe names it: elsewhere it was never the best, and rating it takes time. */
  isAsked?: boolean;
  /** Whether it takes other nodes in the place of the layer's own, which then computes with floats in another way, and what it makes of a layer has to be learned from data. */
  isLearned?: boolean;
  /** True, or why not, in words for users: of a layer with any options, with these, or with these and this weight. */
  accepts(layer: Layer, options?: Options, rows?: WeightRows): true | string;
  /** Ways to store the layer, smallest first. */
  candidates(layer: Layer, scaleIsFree: boolean): Candidate<Options>[];
  /** Bytes of one choice of options. */
  bytes(layer: Layer, options: Options, scaleIsFree: boolean): number;
  /** Bytes of the codes that a choice takes, by what they are. */
  parts(layer: Layer, options: Options): CodeBytes;
  /** What tells a choice from others, what matters most first. */
  traits(layer: Layer, options: Options): ChoiceTrait[];
  /** A weight without values stored with these options: takes the bytes that the real one will, and no memory. */
  blank(layer: Layer, options: Options, scaleIsFree: boolean): Packed;
  /** Codewords for layers that have them in common; absent where a method has none. */
  learn?(members: readonly Member[], options: Options): Promise<GridCodes>;
  compress(layer: Layer, rows: WeightRows, options: Options, context: FitContext): Promise<Packed>;
  /** Rows [outputs, inputs] that inference will see, bit for bit; without the scale where that is kept elsewhere. */
  restore(packed: Packed): Float32Array;
  /** What training may move; undefined where nothing can. */
  codesOf(packed: Packed): Codes | undefined;
  /** The same weight with other codes, as many as before. */
  withCodes(packed: Packed, codes: Pick<Codes, "codes" | "index">): Packed;
  /** Of a method that is learned: tensors that training moves, and the same layer with others. */
  tensorsOf?(packed: Packed, layer: Layer): LayerTensor[];
  withTensors?(packed: Packed, values: readonly Float32Array[]): Packed;
  /** A model of one layer of this size and kind, [samples, inputs] as `x` → [samples, outputs], whose values mean nothing: for measuring its run time. Undefined where there is none. */
  timed?(facts: WaveletFacts, inputs: number, outputs: number): Uint8Array | undefined;
  /** Adds the stock ONNX nodes that end in the layer's weight, or that compute the layer. */
  apply(packed: Packed, layer: Layer, packer: WeightPacker): void;
  /** Reads a weight back from a file, with nothing but the file: one of this method or of another with the same nodes. */
  recognise(model: Model, layer: Layer, options?: RecogniseOptions): Promise<Recognised | undefined>;
}

export interface RecogniseOptions {
  /** Keeps what several layers unpack together. */
  cache?: ConstantCache;
  /** Whether the codes of the whole weight are wanted, which takes the memory of the layers that share their pool; yes if absent. */
  indices?: boolean;
}

/** What a file tells of a compressed weight. */
export interface Recognised {
  method: string;
  codewords?: number;
  blockSize?: number;
  indexBits?: number;
  codebookBits?: number;
  /** Share of the weights that are there, where the others are known to be zero. */
  density?: number;
  /** [codewords, blockSize] */
  codebook?: Float32Array;
  /** Where the codebook's values come from: the same for all layers that have them in common. */
  book?: string;
  /** One codeword for every block of the weight. */
  index?: Int32Array;
  wavelet?: WaveletFacts;
}
