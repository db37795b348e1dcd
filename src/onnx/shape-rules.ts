import { floatAttribute, intAttribute, intsAttribute, type Node, stringAttribute } from "./model";
import { isFloatType } from "./tensor";

/** How the operators of convolutional networks make shapes of shapes. */

/** A size, its symbolic name, or "?". */
export type Dim = number | string;
export type Shape = readonly Dim[];
/** What is known of a value: its shape, and its elements in row-major order where they are few. */
export interface Facts { shape?: Shape; values?: readonly Dim[]; isFloat?: boolean }

type Rule = (inputs: readonly Facts[], node: Node, opset: number) => (Facts | undefined)[];

/** Facts of a node's outputs; none for operators without a rule, and none where the inputs do not fit. */
export function outputsOf(node: Node, inputs: readonly Facts[], opset: number): (Facts | undefined)[] {
  const outputs = RULES.get(node.op)?.(inputs, node, opset) ?? [];
  return outputs.map((facts) => facts && { isFloat: inputs[0]?.isFloat, ...facts });
}

/** Values with more elements decide no shapes. */
export const MOST_VALUES = 64;

const isKnown = (dim: Dim | undefined): dim is number => typeof dim === "number";
const numbersOf = (values: readonly Dim[] | undefined): number[] | undefined => (values?.every(isKnown) ? values.map(Number) : undefined);
const positive = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** Arithmetic on sizes: exact on numbers; a symbolic name survives what leaves it alone. */
function calculate(op: string, a: Dim, b: Dim): Dim {
  if (isKnown(a) && isKnown(b)) {
    switch (op) {
      case "Add": return a + b;
      case "Sub": return a - b;
      case "Mul": return a * b;
      case "Div": return b === 0 ? "?" : a / b;
      default: return "?";
    }
  }
  if ((op === "Mul" || op === "Div") && b === 1) return a;
  if ((op === "Add" || op === "Sub") && b === 0) return a;
  if (op === "Mul" && a === 1) return b;
  if (op === "Add" && a === 0) return b;
  return "?";
}

const multiply = (dims: readonly Dim[]): Dim => dims.reduce((a, b) => calculate("Mul", a, b), 1);

function broadcast(shapes: readonly (Shape | undefined)[]): Shape | undefined {
  if (shapes.some((shape) => !shape)) return undefined;
  const known = shapes.map((shape) => shape ?? []), rank = Math.max(...known.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const dims = known.map((shape) => shape[axis - rank + shape.length] ?? 1).filter((dim) => dim !== 1);
    if (!dims.length) return 1;
    return dims.find((dim) => isKnown(dim)) ?? (dims.every((dim) => dim === dims[0]) ? dims[0] : "?");
  });
}

/** The first input's facts. */
const same: Rule = ([x]) => [x];
const sameShape: Rule = ([x]) => [{ shape: x?.shape }];

const elementwise: Rule = (inputs, node) => {
  const shape = broadcast(inputs.map((input) => input.shape)), [a, b] = inputs, size = Math.max(a?.values?.length ?? 0, b?.values?.length ?? 0);
  const fits = (values: readonly Dim[] | undefined) => values !== undefined && (values.length === size || values.length === 1);
  if (inputs.length !== 2 || !size || !fits(a.values) || !fits(b.values)) return [{ shape }];
  const round = (dim: Dim): Dim => (isKnown(dim) ? (a.isFloat ? Math.fround(dim) : Math.trunc(dim)) : dim);
  const at = (values: readonly Dim[] | undefined, i: number): Dim => values?.[values.length === 1 ? 0 : i] ?? "?";
  return [{ shape, values: Array.from({ length: size }, (_, i) => round(calculate(node.op, at(a.values, i), at(b.values, i)))) }];
};

const mapped = (change: (value: number) => number): Rule => ([x]) => [{ shape: x?.shape, values: x?.values?.map((value) => (isKnown(value) ? change(value) : value)) }];

const INTEGER_TYPES = new Set([2, 3, 4, 5, 6, 7, 12, 13]);
const cast: Rule = ([x], node) => {
  const isFloat = !INTEGER_TYPES.has(intAttribute(node, "to", 0));
  return [{ shape: x?.shape, values: isFloat ? x?.values : x?.values?.map((value) => (isKnown(value) ? Math.trunc(value) : value)), isFloat }];
};

/** Sizes of a sliding window's output along the spatial axes. */
function windowed(shape: Shape, kernel: readonly Dim[], node: Node, inverse = false): Dim[] {
  const rank = shape.length - 2, fill = (name: string, value: number) => intsAttribute(node, name) ?? new Array<number>(rank).fill(value);
  const strides = fill("strides", 1), dilations = fill("dilations", 1), auto = stringAttribute(node, "auto_pad", "NOTSET");
  const pads = intsAttribute(node, "pads") ?? new Array<number>(rank * 2).fill(0), extra = fill("output_padding", 0), given = intsAttribute(node, "output_shape");
  return shape.slice(2).map((size, i) => {
    const k = kernel[i], stride = strides[i] || 1, sameSize = auto.startsWith("SAME");
    if (inverse && given) return given[given.length - rank + i];
    if (!isKnown(k)) return stride === 1 && sameSize ? size : "?";
    const window = (k - 1) * dilations[i] + 1, padding = auto === "VALID" || sameSize ? 0 : pads[i] + pads[i + rank];
    // what pads as much as its window takes leaves a size alone, whatever it is
    if (!isKnown(size)) return stride === 1 && (sameSize || (padding === window - 1 && (!inverse || extra[i] === 0))) ? size : "?";
    if (inverse) return sameSize ? size * stride : stride * (size - 1) + extra[i] + window - padding;
    if (sameSize) return Math.ceil(size / stride);
    const room = (size + padding - window) / stride;
    if (!intAttribute(node, "ceil_mode", 0)) return Math.floor(room) + 1;
    const steps = Math.ceil(room);
    // a window that would begin in the padding behind the input does not count
    return steps * stride >= size + pads[i] ? steps : steps + 1;
  });
}

const convolution = (weightInput: number): Rule => (inputs, node) => {
  const x = inputs[0]?.shape, w = inputs[weightInput]?.shape;
  if (!x || !w || x.length !== w.length) return [];
  return [{ shape: [x[0], w[0], ...windowed(x, intsAttribute(node, "kernel_shape") ?? w.slice(2), node)] }];
};

const transposedConvolution: Rule = ([input, weight], node) => {
  const x = input?.shape, w = weight?.shape;
  if (!x || !w || x.length !== w.length) return [];
  return [{ shape: [x[0], calculate("Mul", w[1], intAttribute(node, "group", 1)), ...windowed(x, intsAttribute(node, "kernel_shape") ?? w.slice(2), node, true)] }];
};

const pool: Rule = ([input], node) => {
  const x = input?.shape, kernel = intsAttribute(node, "kernel_shape");
  if (!x || !kernel || x.length !== kernel.length + 2) return [];
  const shape = [x[0], x[1], ...windowed(x, kernel, node)];
  return [{ shape }, { shape }];
};

const globalPool: Rule = ([x]) => [{ shape: x?.shape?.map((dim, axis) => (axis < 2 ? dim : 1)) }];

const gemm: Rule = ([a, b], node) => {
  if (a?.shape?.length !== 2 || b?.shape?.length !== 2) return [];
  return [{ shape: [a.shape[intAttribute(node, "transA", 0) ? 1 : 0], b.shape[intAttribute(node, "transB", 0) ? 0 : 1]] }];
};

const matMul = (second: number): Rule => (inputs) => {
  const a = inputs[0]?.shape, b = inputs[second]?.shape;
  if (!a?.length || !b?.length) return [];
  const batch = broadcast([a.slice(0, -2), b.slice(0, -2)]) ?? [];
  return [{ shape: [...batch, ...(a.length > 1 ? [a[a.length - 2]] : []), ...(b.length > 1 ? [b[b.length - 1]] : [])] }];
};

const reshape: Rule = ([x, target], node) => {
  const wanted = target ? target.values : intsAttribute(node, "shape");
  if (!wanted) return [{ shape: isKnown(target?.shape?.[0]) ? new Array<Dim>(target.shape[0]).fill("?") : undefined }];
  const from = x?.shape, keepsZeros = intAttribute(node, "allowzero", 0) !== 0;
  const dims = wanted.map((dim, axis) => (dim === 0 && !keepsZeros ? from?.[axis] ?? "?" : dim));
  return [{ shape: dims.map((dim) => (dim === -1 ? rest(from, dims) : dim)), values: x?.values }];
};

/** What is left for the dimension −1: all of `from` without the other wanted dimensions, symbolic names cancelled. */
function rest(from: Shape | undefined, wanted: readonly Dim[]): Dim {
  if (!from) return "?";
  const above = [...from], below = wanted.filter((dim) => dim !== -1);
  for (const dim of below.filter((dim) => !isKnown(dim) && dim !== "?")) {
    const at = above.indexOf(dim);
    if (at < 0) return "?";
    above.splice(at, 1);
  }
  const size = calculate("Div", multiply(above), multiply(below.filter((dim) => isKnown(dim) || dim === "?")));
  return isKnown(size) && !Number.isInteger(size) ? "?" : size;
}

const flatten: Rule = ([x], node) => {
  if (!x?.shape) return [];
  const axis = positive(intAttribute(node, "axis", 1), x.shape.length);
  return [{ shape: [multiply(x.shape.slice(0, axis)), multiply(x.shape.slice(axis))] }];
};

const transpose: Rule = ([x], node) => {
  const shape = x?.shape, order = intsAttribute(node, "perm");
  return [{ shape: shape && (order ? order.map((axis) => shape[axis]) : [...shape].reverse()) }];
};

const axesOf = (node: Node, input: Facts | undefined): number[] | undefined => (input?.shape ? numbersOf(input.values) : intsAttribute(node, "axes"));

const squeeze: Rule = ([x, axesInput], node) => {
  const shape = x?.shape, axes = axesOf(node, axesInput)?.map((axis) => positive(axis, shape?.length ?? 0));
  if (!shape || (axesInput?.shape && !axes) || (!axes && !shape.every(isKnown))) return [{ values: x?.values }];
  return [{ shape: shape.filter((dim, axis) => (axes ? !axes.includes(axis) : dim !== 1)), values: x.values }];
};

const unsqueeze: Rule = ([x, axesInput], node) => {
  const axes = axesOf(node, axesInput);
  if (!x?.shape || !axes) return [{ values: x?.values }];
  const rank = x.shape.length + axes.length, added = new Set(axes.map((axis) => positive(axis, rank))), left = [...x.shape];
  return [{ shape: Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : left.shift() ?? "?")), values: x.values }];
};

const concat: Rule = (inputs, node) => {
  const shapes = inputs.map((input) => input.shape), first = shapes.find((shape) => shape), values = inputs.flatMap((input) => input.values ?? []);
  if (!first) return [];
  const axis = positive(intAttribute(node, "axis", 1), first.length);
  const shape = first.map((_, at) => {
    const dims = shapes.map((shape) => shape?.[at] ?? "?");
    return at === axis ? dims.reduce((a, b) => calculate("Add", a, b)) : dims.find(isKnown) ?? dims[0];
  });
  return [{ shape, values: first.length === 1 && inputs.every((input) => input.values) && values.length <= MOST_VALUES ? values : undefined }];
};

const split: Rule = ([x, lengthsInput], node) => {
  const shape = x?.shape, pieces = node.outputs.length;
  if (!shape) return [];
  const axis = positive(intAttribute(node, "axis", 0), shape.length), size = shape[axis], even = isKnown(size) ? Math.ceil(size / pieces) : "?";
  const lengths: readonly Dim[] = lengthsInput?.values ?? intsAttribute(node, "split") ?? node.outputs.map((_, i) => (isKnown(size) && isKnown(even) ? Math.min(even, size - i * even) : even));
  return node.outputs.map((_, i) => ({ shape: shape.map((dim, at) => (at === axis ? lengths[i] ?? "?" : dim)) }));
};

const slice: Rule = (inputs, node) => {
  const [x, startsInput, endsInput, axesInput, stepsInput] = inputs, shape = x?.shape;
  const starts = startsInput ? numbersOf(startsInput.values) : intsAttribute(node, "starts"), ends = endsInput ? endsInput.values : intsAttribute(node, "ends");
  const axes = axesOf(node, axesInput) ?? starts?.map((_, i) => i), steps = stepsInput?.shape ? numbersOf(stepsInput.values) : starts?.map(() => 1);
  if (!shape) return [];
  if (!starts || !ends || !axes || !steps || (axesInput?.shape && !axesInput.values)) return [{ shape: shape.map((): Dim => "?") }];
  const dims = [...shape];
  let values = x.values;
  axes.forEach((given, i) => {
    const axis = positive(given, shape.length), size = shape[axis], step = steps[i], end = ends[i];
    // up to the end from the start leaves a size alone, also one that is not known
    if (step === 1 && starts[i] === 0 && (end === size || (isKnown(end) && end >= 2 ** 31 - 1))) return;
    if (!isKnown(size) || !isKnown(end) || !step) {
      dims[axis] = "?";
      values = undefined;
      return;
    }
    const clamp = (at: number, low: number, high: number) => Math.min(Math.max(at < 0 ? at + size : at, low), high);
    const from = step > 0 ? clamp(starts[i], 0, size) : clamp(starts[i], 0, size - 1), to = step > 0 ? clamp(end, 0, size) : clamp(end, -1, size - 1);
    const count = Math.max(0, Math.ceil((to - from) / step));
    dims[axis] = count;
    values = shape.length === 1 && values ? Array.from({ length: count }, (_, j) => x.values?.[from + j * step] ?? "?") : undefined;
  });
  return [{ shape: dims, values }];
};

const pad: Rule = ([x, padsInput, , axesInput], node) => {
  const shape = x?.shape, pads = padsInput?.shape ? padsInput.values : intsAttribute(node, "pads") ?? intsAttribute(node, "paddings");
  if (!shape) return [];
  const axes = axesInput?.shape ? numbersOf(axesInput.values)?.map((axis) => positive(axis, shape.length)) : shape.map((_, axis) => axis);
  if (!pads || !axes) return [{ shape: shape.map((): Dim => "?") }];
  return [{ shape: shape.map((dim, axis) => {
    const at = axes.indexOf(axis);
    return at < 0 ? dim : calculate("Add", calculate("Add", dim, pads[at] ?? "?"), pads[at + axes.length] ?? "?");
  }) }];
};

const resize: Rule = (inputs, node, opset) => {
  const shape = inputs[0]?.shape, [scales, sizes] = node.op === "Upsample" || opset < 11 ? [inputs[1], undefined] : [inputs[2], inputs[3]];
  if (!shape) return [];
  const axes = intsAttribute(node, "axes")?.map((axis) => positive(axis, shape.length)) ?? shape.map((_, axis) => axis);
  const factors = scales?.values?.length ? scales.values : node.attributes.get("scales")?.floats, policy = stringAttribute(node, "keep_aspect_ratio_policy", "stretch");
  return [{ shape: shape.map((dim, axis) => {
    const at = axes.indexOf(axis);
    if (at < 0) return dim;
    if (sizes?.values) return policy === "stretch" ? sizes.values[at] ?? "?" : "?";
    const factor = factors?.[at];
    if (factor === 1) return dim;
    return isKnown(dim) && isKnown(factor) ? Math.floor(Math.fround(dim * Math.fround(factor))) : "?";
  }) }];
};

const expand: Rule = ([x, target]) => [{ shape: target?.values && broadcast([x?.shape, target.values]) }];

const tile: Rule = ([x, repeats]) => [{ shape: x?.shape?.map((dim, axis) => calculate("Mul", dim, repeats?.values?.[axis] ?? "?")) }];

const gather: Rule = ([x, indices], node) => {
  const shape = x?.shape;
  if (!shape || !indices?.shape) return [];
  const axis = positive(intAttribute(node, "axis", 0), shape.length), at = numbersOf(indices.values);
  const values = shape.length === 1 && x.values && at ? at.map((i) => x.values?.[positive(i, x.values.length)] ?? "?") : undefined;
  return [{ shape: [...shape.slice(0, axis), ...indices.shape, ...shape.slice(axis + 1)], values }];
};

const reduce: Rule = ([x, axesInput], node) => {
  const shape = x?.shape, keep = intAttribute(node, "keepdims", 1) !== 0;
  if (!shape) return [];
  const given = axesOf(node, axesInput), all = given === undefined || given.length === 0;
  if (axesInput?.shape && !axesInput.values) return [keep ? { shape: shape.map((): Dim => "?") } : undefined];
  if (all && intAttribute(node, "noop_with_empty_axes", 0)) return [x];
  const axes = all ? shape.map((_, axis) => axis) : given.map((axis) => positive(axis, shape.length));
  const values = node.op === "ReduceProd" && axes.length === shape.length && x.values ? [multiply(x.values)] : undefined;
  return [{ shape: keep ? shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim)) : shape.filter((_, axis) => !axes.includes(axis)), values }];
};

const argument: Rule = ([x], node) => {
  const shape = x?.shape, axis = positive(intAttribute(node, "axis", 0), shape?.length ?? 0);
  return [{ shape: intAttribute(node, "keepdims", 1) ? shape?.map((dim, at) => (at === axis ? 1 : dim)) : shape?.filter((_, at) => at !== axis) }];
};

const topK: Rule = ([x, k], node) => {
  const axis = positive(intAttribute(node, "axis", -1), x?.shape?.length ?? 0), count = k ? k.values?.[0] ?? "?" : intAttribute(node, "k", 0);
  const shape = x?.shape?.map((dim, at) => (at === axis ? count : dim));
  return [{ shape }, { shape }];
};

/** Moves blocks of b × b between channels and space; channels change by `channels(b)`. */
const blocks = (toSpace: boolean): Rule => ([x], node) => {
  const b = intAttribute(node, "blocksize", 1), [factor, size] = toSpace ? ["Div", "Mul"] : ["Mul", "Div"];
  if (x?.shape?.length !== 4) return [];
  const [n, c, h, w] = x.shape;
  return [{ shape: [n, calculate(factor, c, b * b), calculate(size, h, b), calculate(size, w, b)] }];
};

const shapeOf: Rule = ([x], node) => {
  if (!x?.shape) return [{ shape: ["?"] }];
  const rank = x.shape.length, end = intAttribute(node, "end", rank), values = x.shape.slice(positive(intAttribute(node, "start", 0), rank), positive(end, rank));
  return [{ shape: [values.length], values, isFloat: false }];
};

const constant: Rule = (_inputs, node) => {
  const tensor = node.attributes.get("value")?.tensor;
  if (tensor) return [{ shape: tensor.dims, values: tensor.values, isFloat: isFloatType(tensor.type) }];
  const ints = node.attributes.get("value_ints"), floats = node.attributes.get("value_floats");
  if (ints || floats) {
    const values = ints?.ints ?? floats?.floats ?? [];
    return [{ shape: [values.length], values: values.length <= MOST_VALUES ? values : undefined, isFloat: !ints }];
  }
  if (node.attributes.has("value_int")) return [{ shape: [], values: [intAttribute(node, "value_int", 0)] }];
  return node.attributes.has("value_float") ? [{ shape: [], values: [floatAttribute(node, "value_float", 0)], isFloat: true }] : [];
};

const constantOfShape: Rule = ([shape], node) => {
  const count = shape?.values && multiply(shape.values), [value] = node.attributes.get("value")?.tensor?.values ?? [0];
  return [{ shape: shape?.values, values: isKnown(count) && count <= MOST_VALUES ? new Array<number>(count).fill(value) : undefined }];
};

const where: Rule = ([condition, a, b]) => [{ shape: broadcast([condition?.shape, a?.shape, b?.shape]) }];

const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...list(same, "Identity"),
  ...list(sameShape, "Relu LeakyRelu Sigmoid Tanh Clip Elu Selu Celu ThresholdedRelu HardSigmoid HardSwish Softplus Softsign Gelu Mish Swish PRelu Erf Exp Log Sqrt Abs Sin Cos Tan Asin Acos Atan " +
    "Sinh Cosh Asinh Acosh Atanh Not BitwiseNot Reciprocal Sign IsNaN IsInf Dropout BatchNormalization InstanceNormalization LayerNormalization GroupNormalization RMSNormalization " +
    "MeanVarianceNormalization LpNormalization LRN Softmax LogSoftmax Hardmax QuantizeLinear DequantizeLinear CumSum Shrink Trilu Scatter ScatterElements ScatterND EyeLike"),
  ...list(elementwise, "Add Sub Mul Div Pow Mod BitShift BitwiseAnd BitwiseOr BitwiseXor And Or Xor Equal Less Greater LessOrEqual GreaterOrEqual Min Max Sum Mean"),
  ["Floor", mapped(Math.floor)], ["Ceil", mapped(Math.ceil)], ["Round", mapped(roundHalfEven)], ["Neg", mapped((value) => -value)], ["Cast", cast], ["CastLike", sameShape], ["Where", where],
  ["Conv", convolution(1)], ["ConvInteger", convolution(1)], ["QLinearConv", convolution(3)], ["ConvTranspose", transposedConvolution],
  ...list(pool, "MaxPool AveragePool LpPool"), ...list(globalPool, "GlobalAveragePool GlobalMaxPool GlobalLpPool"),
  ["DynamicQuantizeLinear", ([x]) => [{ shape: x?.shape, isFloat: false }, { shape: [], isFloat: true }, { shape: [], isFloat: false }]],
  ["Gemm", gemm], ["MatMul", matMul(1)], ["MatMulInteger", matMul(1)], ["QLinearMatMul", matMul(3)],
  ["Reshape", reshape], ["Flatten", flatten], ["Transpose", transpose], ["Squeeze", squeeze], ["Unsqueeze", unsqueeze], ["Concat", concat], ["Split", split], ["Slice", slice],
  ["Pad", pad], ["Resize", resize], ["Upsample", resize], ["Expand", expand], ["Tile", tile], ["Gather", gather], ["GatherElements", ([, indices]) => [{ shape: indices?.shape }]],
  ...list(reduce, "ReduceMean ReduceSum ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceSumSquare"),
  ["ArgMax", argument], ["ArgMin", argument], ["TopK", topK], ["DepthToSpace", blocks(true)], ["SpaceToDepth", blocks(false)],
  ["Shape", shapeOf], ["Size", ([x]) => [{ shape: [], values: x?.shape && [multiply(x.shape)], isFloat: false }]], ["Constant", constant], ["ConstantOfShape", constantOfShape],
]);

function list(rule: Rule, names: string): [string, Rule][] { return names.split(" ").map((name) => [name, rule]); }

function roundHalfEven(value: number): number {
  const low = Math.floor(value), rest = value - low;
  return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
}
