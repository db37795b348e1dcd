import { multiplierOf, type Multiplier } from "../../numeric/fixed-point";
import type { Model } from "../../onnx/model";
import type { Runtime, Tensor } from "../../runtime/runtime";
import type { NamedArray } from "../npz-write";
import type { Grid, IntegerProgram, Operation, PoolStep, Step, Window } from "./program";
import { IntegerExecutor } from "./run";

/** An array that a step computes with, and what it is. */
interface Part extends NamedArray { text: string }

/** What the multipliers of all steps mean. */
const ROUNDING = "A multiplier m with its shift s stands for the factor m · 2^(s − 31). x is multiplied by it as gemmlowp does: where s is above zero x is shifted left by s and saturated to 32 bits; then it is the product x · m, 64 bits wide, plus 2^30, shifted right by 31; where s is below zero that is shifted right by −s with halves rounded away from zero. Results are saturated to 0 … 255.";

/** What each kind of step computes; q are integers, z zero points. */
const COMPUTES: Record<Operation["kind"], string> = {
  convolution: "out = z_out + scaled(bias + Σ (q − z_in) · weight), the multiplier by output channel; what lies outside the map counts as z_in",
  linear: "out = z_out + scaled(bias + Σ (q − z_in) · weight), the multiplier by output; without multipliers out = (bias + Σ …) · scale_in · weight_scales, as floats",
  affine: "out = (a · q + b) >> shift, by channel of axis 1: a batch normalization",
  product: "out = z_out + scaled(Σ (q0 − z0) · (q1 − z1)), a product of matrices",
  table: "out = table[q]",
  pair: "a sum, where there is left_shift: out = z_out + scaled by the third multiplier(scaled by the first((q0 − z0) << left_shift) + scaled by the second((q1 − z1) << left_shift)); a product otherwise: out = z_out + scaled((q0 − z0) · (q1 − z1))",
  pool: "out = z_out + scaled(Σ (q − z_in)), the multiplier by the number of values in the window",
  softmax: "out = z_out + (2 · p · levels + S) div (2 · S), p = powers[max − q] and S their sum along the axis",
  join: "inputs beside each other along the axis, each out = z_out + scaled(q − z_in); as they are where the multiplier is 0",
  move: "elements are put elsewhere and stay what they are",
  quantize: "out = round(x / scale) + zero, halves to even",
  dequantize: "out = (q − zero) · scale",
  float: "what the file leaves to floats",
};

/**
 * What a firmware developer checks an implementation against: for every step on integers what goes in, what comes out and all that it computes with, as arrays named `003.convolution.NODE.in0` and so on.
 * @param batch samples as the model gets them
 * @returns the arrays, and a description of every step and array as JSON
 */
export async function testVectors(program: IntegerProgram, model: Model, batch: Tensor, runtime: Runtime): Promise<{ arrays: NamedArray[]; about: string }> {
  const executor = await IntegerExecutor.open(program, model, runtime), arrays: NamedArray[] = [], steps: object[] = [];
  try {
    await executor.follow(batch, (step, inputs, outputs) => {
      const { operation: { kind }, node } = step, prefix = `${String(program.steps.indexOf(step)).padStart(3, "0")}.${kind}.${(node?.name ?? "").replace(/[^\w.]+/g, "_").replace(/^_/, "") || step.outputs[0]}`;
      const values = (names: readonly string[], place: string) => names.map((value, i) => ({ array: `${prefix}.${place}${i}`, value, ...program.grids.get(value) })), own = [...gridParts(step, program), ...partsOf(step, inputs[0].dims)];
      inputs.forEach(({ dims, data }, i) => arrays.push({ name: `${prefix}.in${i}`, dims, data: data.slice() }));
      outputs.forEach(({ dims, data }, i) => arrays.push({ name: `${prefix}.out${i}`, dims, data: data.slice() }));
      for (const { name, dims, data } of own) arrays.push({ name: `${prefix}.${name}`, dims, data });
      steps.push({ step: prefix, kind, operator: node?.op, node: node?.name, computes: COMPUTES[kind], inputs: values(step.inputs, "in"), outputs: values(step.outputs, "out"), arrays: Object.fromEntries(own.map(({ name, text }) => [`${prefix}.${name}`, text])) });
    });
  } finally {
    await executor.release();
  }
  return { arrays, about: JSON.stringify({ samples: batch.dims[0], values: "value = scale · (q − zero), q of 0 … 255; without a scale they are floats", rounding: ROUNDING, steps }, null, 1) };
}

const whole = (name: string, values: ArrayLike<number>, text: string): Part => ({ name, dims: [values.length], data: Int32Array.from(values), text });
const multipliers = (list: readonly Multiplier[], of: string): Part[] => [whole("multiplier", list.map(({ m0 }) => m0), `multipliers of 31 bits, ${of}`), whole("shift", list.map(({ shift }) => shift), "their shifts")];
const windowParts = ({ kernel, strides, dilations, pads }: Window): Part[] => [whole("kernel", kernel, "height and width"), whole("strides", strides, "down and right"), whole("dilations", dilations, "down and right"), whole("pads", pads, "top, left, bottom, right")];

/** Scales and zero points of all that goes in, a constant operand in its place, and comes out. */
function gridParts({ operation, inputs, outputs }: Step, { grids }: IntegerProgram): Part[] {
  const of = (names: readonly string[]): (Grid | undefined)[] => names.map((name) => grids.get(name)), all = [...(operation.kind === "pair" ? operation.grids : of(inputs)), ...of(outputs)];
  if (all.every((grid) => grid === undefined)) return [];
  const text = `of ${operation.kind === "pair" ? "both operands" : "each input"}, then of each output; 0 for floats`;
  return [{ name: "scales", dims: [all.length], data: Float32Array.from(all, (grid) => grid?.scale ?? 0), text: `scales ${text}` }, whole("zeros", all.map((grid) => grid?.zero ?? 0), `zero points ${text}`)];
}

function partsOf({ operation }: Step, dims: readonly number[]): Part[] {
  switch (operation.kind) {
    case "convolution": case "linear": {
      const { weight, weightScales, outputs, bias, multipliers: list } = operation, isByte = weight.every((v) => v >= -128 && v < 128);
      return [
        { name: "weight", dims: [outputs, weight.length / outputs], data: isByte ? Int8Array.from(weight) : weight, text: `integers less their zero point, [outputs, ${operation.kind === "convolution" ? "input channels of the group × height × width" : "inputs"}]` },
        { name: "weight_scales", dims: [weightScales.length], data: weightScales, text: "what one unit of a weight is worth, by output or for all" },
        whole("bias", bias, "by output, of 32 bits, on the grid of the sums: scale of the input times that of the weight"),
        ...(list ? multipliers(list, "by output: scale of the input × scale of the weight ÷ scale of the output") : []),
        ...(operation.kind === "convolution" ? [...windowParts(operation), whole("groups", [operation.groups], "groups of channels")] : []),
      ];
    }
    case "product": return multipliers([operation.multiplier], "the one for all sums");
    case "table": return [{ name: "table", dims: [256], data: operation.table, text: "the result for every input" }];
    case "pair": {
      const { arithmetic, constant } = operation, sum = arithmetic.of === "sum" ? arithmetic : undefined;
      return [
        ...(constant ? [{ name: "constant", dims: constant.dims, data: constant.data, text: `the ${constant.place ? "second" : "first"} operand, integers of the file` }] : []), ...(sum ? [whole("left_shift", [sum.leftShift], "bits by which operands are shifted left first")] : []),
        ...multipliers([...(sum?.operands ?? []), arithmetic.result], sum ? "of the first operand, of the second, of their sum" : "of the product"),
      ];
    }
    case "join": return [whole("axis", [operation.axis], "along which inputs lie beside each other"), ...multipliers(operation.parts.map((part) => part?.multiplier ?? { m0: 0, shift: 0 }), "by input; 0 where it is on the output's grid already")];
    case "affine": return [whole("a", operation.channels.map(({ a }) => a), "by channel"), whole("b", operation.channels.map(({ b }) => b), "by channel"), whole("shift", operation.channels.map(({ shift }) => shift), "by channel")];
    case "pool": return poolParts(operation, dims);
    case "softmax": return [whole("axis", [operation.axis], "along which values are shares of one"), whole("powers", operation.powers, "of every difference from the largest"), whole("levels", [Math.round(operation.factor)], "what a share of one is")];
    default: return [];
  }
}

/** Multipliers for every number of values that a window may hold. */
function poolParts({ window, countsPads, ceil, factor }: PoolStep, [, , ...map]: readonly number[]): Part[] {
  const counts = window ? Array.from({ length: window.kernel[0] * window.kernel[1] }, (_, i) => i + 1) : [map.reduce((a, b) => a * b, 1)];
  return [
    whole("counts", counts, "numbers of values in a window"), ...multipliers(counts.map((count) => multiplierOf(factor / count)), "by these numbers"),
    ...(window ? [...windowParts(window), whole("counts_pads", [Number(countsPads)], "1 where what lies outside the map counts, too"), whole("ceil", [Number(ceil)], "1 where a last window may reach over the edge")] : []),
  ];
}
