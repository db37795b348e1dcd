import { ModelEdit } from "../../onnx/edit";
import type { NodeSpec, TensorData } from "../../onnx/encode";
import type { ExtractOptions } from "../../onnx/extract";
import type { Model } from "../../onnx/model";
import { inferFacts } from "../../onnx/shapes";
import { DataType } from "../../onnx/tensor";
import type { Tensor } from "../../runtime/runtime";

/** Reductions take their axes as an input from this operator set on. */
const AXES_AS_INPUT = 18;

/** What is told of each channel of each sample of a value: the least of its values, the largest, their mean, and that of their squares. */
export type Reduction = keyof typeof OPERATORS;
const OPERATORS = { least: "ReduceMin", most: "ReduceMax", mean: "ReduceMean", meanSquare: "ReduceMean" } as const;
/** [samples, channels] */
export type Reduced = Record<Reduction, Float32Array> & { channels: number };

/**
 * Nodes by which onnxruntime itself reduces values [samples, channels, …] of a model to numbers for each channel, so that maps need not leave it.
 * Values that are not known to be maps come out as they are.
 */
export class Reductions {
  /** What an extraction of the model needs for them. */
  readonly part: Required<Pick<ExtractOptions, "outputs" | "addNodes" | "addInitializers">> = { outputs: [], addNodes: [], addInitializers: [] };
  private readonly names = new Map<string, Partial<Record<Reduction, string>>>();
  private readonly axes = new Map<number, TensorData>();
  private readonly fresh: ModelEdit;

  constructor(private readonly model: Model, values: readonly string[], wanted: readonly Reduction[]) {
    this.fresh = new ModelEdit(model);
    const facts = inferFacts(model).get(model.graph);
    for (const value of new Set(values)) this.add(value, facts?.get(value)?.shape?.length ?? 0, wanted);
    this.part.addInitializers.push(...this.axes.values());
  }

  private add(value: string, rank: number, wanted: readonly Reduction[]): void {
    if (rank < 3) {
      this.part.outputs.push(value);
      return;
    }
    const names: Partial<Record<Reduction, string>> = {};
    this.names.set(value, names);
    for (const reduction of wanted) {
      // what a rectifier gives begins at zero
      if (reduction === "least" && this.model.graph.producers.get(value)?.op === "Relu") continue;
      const output = names[reduction] = this.fresh.freshName("seen");
      this.part.addNodes.push(...(reduction === "meanSquare" ? this.meanSquare(value, output, rank) : [this.reduce(OPERATORS[reduction], value, output, rank)]));
      this.part.outputs.push(output);
    }
  }

  private meanSquare(value: string, output: string, rank: number): NodeSpec[] {
    const square = this.fresh.freshName("seen");
    return [{ op: "Mul", inputs: [value, value], outputs: [square] }, this.reduce("ReduceMean", square, output, rank)];
  }

  private reduce(op: string, value: string, output: string, rank: number): NodeSpec {
    const axes = Array.from({ length: rank - 2 }, (_, i) => i + 2);
    if (this.model.opset < AXES_AS_INPUT) return { op, inputs: [value], outputs: [output], attributes: { axes, keepdims: 0 } };
    if (!this.axes.has(rank)) this.axes.set(rank, { name: this.fresh.freshName("seen"), dims: [axes.length], type: DataType.INT64, raw: new Uint8Array(BigInt64Array.from(axes, BigInt).buffer) });
    return { op, inputs: [value, this.axes.get(rank)!.name], outputs: [output], attributes: { keepdims: 0 } };
  }

  /** What a run has told of a value; undefined where it came out as it is. */
  of(value: string, results: Record<string, Tensor>): Reduced | undefined {
    const names = this.names.get(value), first = names && Object.values(names)[0];
    if (first === undefined) return undefined;
    const { data: { length }, dims: [, channels] } = results[first], get = (reduction: Reduction) => { const name = names![reduction]; return name === undefined ? new Float32Array(length) : results[name].data; };
    return { least: get("least"), most: get("most"), mean: get("mean"), meanSquare: get("meanSquare"), channels };
  }
}
