import type { GraphBuilder, Value } from "../../graph";
import type { Window } from "../../window";

/** A convolution layer's sizes. */
export interface ConvolutionShape extends Window {
  groups: number;
  /** [N, C, …] */
  input: readonly number[];
  /** [M, C/groups, …] */
  weight: readonly number[];
}

/** Sizes [N, M, …] of what comes out. */
export function outputOf({ input, weight, kernel, strides, dilations, pads }: ConvolutionShape): number[] {
  return [input[0], weight[0], ...kernel.map((size, i) => Math.floor((input[i + 2] + pads[i] + pads[i + kernel.length] - (size - 1) * dilations[i] - 1) / strides[i]) + 1)];
}

/** Positions in a kernel, the last axis first to move. */
export function tapsOf(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>((taps, size) => taps.flatMap((tap) => Array.from({ length: size }, (_, k) => [...tap, k])), [[]]);
}

/** One way to compute a convolution and its gradients. */
export type Formulation = (g: GraphBuilder, layer: ConvolutionShape, input: Value, weight: Value) => Formulated;

export interface Formulated { output: Value; backward(dy: Value, wantsInput: boolean, wantsWeight: boolean): { dx?: Value; dw?: Value } }
