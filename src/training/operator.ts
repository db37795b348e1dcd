import type { AttributeValue, NodeSpec } from "../onnx/encode";
import type { GraphBuilder, Value } from "./graph";

/** What an operator knows of the node that it is to trace. */
export interface Trace {
  g: GraphBuilder;
  node: Attributes;
  inputs: readonly (Value | undefined)[];
  /** Numbers of a constant input; undefined where it is absent. */
  numbers(input: number): number[] | undefined;
  /** Sizes of the outputs, as far as they are known. */
  outputDims(output: number): readonly number[];
  /** Which inputs' gradients are wanted. */
  wanted: readonly boolean[];
  mode: TraceMode;
  /** Tells the mean and the variance of each channel in this batch, [C] both. */
  reportStatistics(mean: Value, variance: Value): void;
  /** Tells the least and the largest of an input's values in this batch, one number each; the former only where it is not known. */
  reportExtremes(least: Value | undefined, most: Value): void;
}

export interface TraceMode {
  /** Whether batch normalization takes the statistics of the batch, or those that the model has. */
  statistics: "batch" | "fixed";
  /** How large convolutions are computed: by pixels and products, or by onnxruntime's own operator. */
  layout: "pixels" | "plain";
}

/** One node in the graph under construction. */
export interface Traced {
  outputs: Value[];
  /** Gradients of the inputs from those of the outputs; undefined where none is wanted or there is none. Left out where the operator has no gradient. */
  backward?(gradients: readonly (Value | undefined)[]): (Value | undefined)[];
}

/** Computes a node's outputs, and how gradients come back through it. */
export type Operator = (trace: Trace) => Traced;

/** Attributes of a node, by type. */
export class Attributes {
  readonly op: string;
  constructor(readonly spec: NodeSpec) { this.op = spec.op; }

  private get(name: string): AttributeValue | undefined { return this.spec.attributes?.[name]; }

  int(name: string, fallback: number): number {
    const value = this.get(name);
    return typeof value === "number" ? value : fallback;
  }

  ints(name: string): number[] | undefined {
    const value = this.get(name);
    return Array.isArray(value) ? value : undefined;
  }

  float(name: string, fallback: number): number {
    const value = this.get(name);
    return value !== undefined && typeof value === "object" && "float" in value ? value.float : fallback;
  }

  text(name: string, fallback: string): string {
    const value = this.get(name);
    return typeof value === "string" ? value : fallback;
  }
}

/** A node that this engine cannot train through, in words for users. */
export class Untrainable extends Error {}

/** An input that the operator cannot do without. @throws Untrainable */
export function need(value: Value | undefined): Value {
  if (!value) throw new Untrainable("an input is missing");
  return value;
}

/** The only output's gradient. */
export const only = (backward: (gradient: Value) => (Value | undefined)[]) => ([gradient]: readonly (Value | undefined)[]): (Value | undefined)[] => (gradient ? backward(gradient) : []);
