import type { FixedAffine } from "../../numeric/fixed-affine";
import type { Multiplier } from "../../numeric/fixed-point";
import type { Node } from "../../onnx/model";

/** Real value = scale · (q − zero), q of 0 … 255. */
export interface Grid { scale: number; zero: number }

/** How a window moves over a feature map. */
export interface Window { kernel: [number, number]; strides: [number, number]; dilations: [number, number]; pads: [top: number, left: number, bottom: number, right: number] }

/** Weights of whole numbers with a multiplier for each output channel. */
interface Sums {
  /** [outputs, inputs] less the zero point. */
  weight: Int16Array;
  /** Of every output channel, or one for all. */
  weightScales: Float32Array;
  outputs: number;
  /** [outputs] on the grid of the sums. */
  bias: Int32Array;
  zeroIn: number;
  /** What makes the output's integers of the sums, for each channel; absent where they become floats. */
  multipliers?: Multiplier[];
  zeroOut: number;
}

export interface ConvolutionStep extends Sums, Window { kind: "convolution"; groups: number }
/** y = W·x for the last axis of x. */
export interface LinearStep extends Sums { kind: "linear"; /** [outputs] what one unit of the sums is worth, where they become floats. */ steps?: Float64Array }
/** (A·q + B) >> k for each channel of axis 1: batch normalization in fixed point. */
export interface AffineStep { kind: "affine"; channels: FixedAffine[] }
/** A product of two activations [..., rows, inner] · [..., inner, columns]. */
export interface ProductStep { kind: "product"; zeros: [number, number]; multiplier: Multiplier; zeroOut: number }
/** A function of one value. */
export interface TableStep { kind: "table"; table: Uint8Array }
/**
 * A sum or product of two values. Sum: each operand less its zero point, shifted left, times its multiplier; both added, times that of the result; plus the output's zero point. Product: of both less their zero points.
 * `table` holds what comes of that for every pair, at the first one's integer times 256 plus the second one's. `grids` are those of the operands.
 */
export interface PairStep { kind: "pair"; grids: [Grid, Grid]; arithmetic: { of: "sum"; leftShift: number; operands: [Multiplier, Multiplier]; result: Multiplier } | { of: "product"; result: Multiplier }; table: Uint8Array; /** A constant operand, and which it is. */ constant?: { place: 0 | 1; dims: readonly number[]; data: Uint8Array } }
/** Means over windows, or over whole maps where there is none. */
export interface PoolStep { kind: "pool"; window?: Window; countsPads: boolean; ceil: boolean; zeroIn: number; zeroOut: number; /** Of the input's grid to the output's. */ factor: number }
export interface SoftmaxStep { kind: "softmax"; axis: number; /** exp(−scale·d) · 2²³ for differences d from the largest. */ powers: Float64Array; zeroOut: number; factor: number }
/** Values put beside each other, each brought to the output's grid by a multiplier, of which a table holds all results, unless it is there. */
export interface JoinStep { kind: "join"; axis: number; parts: ({ multiplier: Multiplier; table: Uint8Array } | undefined)[] }
/** Elements put elsewhere. */
export interface MoveStep { kind: "move" }
/** The network's input on its grid. */
export interface QuantizeStep { kind: "quantize"; grid: Grid }
/** Integers as the numbers that they stand for. */
export interface DequantizeStep { kind: "dequantize"; grid: Grid }
/** Arithmetic that the file leaves to floats. */
export interface FloatStep { kind: "float"; nodes: Node[] }

export type Operation = ConvolutionStep | LinearStep | AffineStep | ProductStep | TableStep | PairStep | PoolStep | SoftmaxStep | JoinStep | MoveStep | QuantizeStep | DequantizeStep | FloatStep;

/** One step of an integer network. Values are named as in the file. */
export interface Step {
  operation: Operation;
  /** The node that it stands for; the last of several. */
  node?: Node;
  inputs: string[];
  outputs: string[];
}

/** A network as integers, in the order in which it runs. */
export interface IntegerProgram {
  input: string;
  outputs: string[];
  steps: Step[];
  /** Grids of all values that are integers. */
  grids: ReadonlyMap<string, Grid>;
}
