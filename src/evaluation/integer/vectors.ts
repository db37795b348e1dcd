import type { Model } from "../../onnx/model";
import type { Runtime, Tensor } from "../../runtime/runtime";
import type { NamedArray } from "../npz-write";
import type { Multiplier } from "../../numeric/fixed-point";
import type { IntegerProgram, Step } from "./program";
import { IntegerExecutor } from "./run";

/**
 * What a firmware developer checks an implementation against: for every step on integers what goes in, what comes out and all that it computes with, as arrays named `003.convolution.NODE.in0` and so on.
 * @param batch samples as the model gets them
 */
export async function testVectors(program: IntegerProgram, model: Model, batch: Tensor, runtime: Runtime): Promise<NamedArray[]> {
  const executor = await IntegerExecutor.open(program, model, runtime), arrays: NamedArray[] = [];
  try {
    await executor.follow(batch, (step, inputs, outputs) => {
      const prefix = `${String(program.steps.indexOf(step)).padStart(3, "0")}.${step.operation.kind}.${(step.node?.name ?? "").replace(/[^\w.]+/g, "_").replace(/^_/, "") || step.outputs[0]}`;
      inputs.forEach(({ dims, data }, i) => arrays.push({ name: `${prefix}.in${i}`, dims, data: data.slice() }));
      outputs.forEach(({ dims, data }, i) => arrays.push({ name: `${prefix}.out${i}`, dims, data: data.slice() }));
      for (const { name, ...array } of parameters(step)) arrays.push({ name: `${prefix}.${name}`, ...array });
    });
  } finally {
    await executor.release();
  }
  return arrays;
}

const whole = (name: string, values: ArrayLike<number>): NamedArray => ({ name, dims: [values.length], data: Int32Array.from(values) });
const multipliers = (list: readonly Multiplier[]): NamedArray[] => [whole("multiplier", list.map(({ m0 }) => m0)), whole("shift", list.map(({ shift }) => shift))];

function parameters({ operation }: Step): NamedArray[] {
  switch (operation.kind) {
    case "convolution": case "linear": {
      const { weight, outputs, bias, zeroIn, zeroOut, multipliers: list } = operation, inputs = weight.length / outputs;
      const window = operation.kind === "convolution" ? [whole("kernel", operation.kernel), whole("strides", operation.strides), whole("dilations", operation.dilations), whole("pads", operation.pads), whole("groups", [operation.groups])] : [];
      return [{ name: "weight", dims: [outputs, inputs], data: weight.every((v) => v >= -128 && v < 128) ? Int8Array.from(weight) : weight }, whole("bias", bias), whole("zeros", [zeroIn, zeroOut]), ...(list ? multipliers(list) : []), ...window];
    }
    case "product": return [whole("zeros", [...operation.zeros, operation.zeroOut]), ...multipliers([operation.multiplier])];
    case "table": return [{ name: "table", dims: [256], data: operation.table }];
    case "pair": return [{ name: "table", dims: [256, 256], data: operation.table }];
    case "affine": return [whole("a", operation.channels.map(({ a }) => a)), whole("b", operation.channels.map(({ b }) => b)), whole("shift", operation.channels.map(({ shift }) => shift))];
    case "pool": return [whole("zeros", [operation.zeroIn, operation.zeroOut]), ...(operation.window ? [whole("kernel", operation.window.kernel), whole("strides", operation.window.strides), whole("pads", operation.window.pads)] : [])];
    default: return [];
  }
}
