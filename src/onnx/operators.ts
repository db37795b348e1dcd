import { axisOf, broadcastDims, broadcastSteps, castTo, type ConstantValue, countOf, integers, isBig, NotConstant, roundTo, strided, stridesOf, walk, zeros } from "./arrays";
import { constantOfShape, convolveLines, eyeLike, range, topK } from "./making-operators";
import { intAttribute, intsAttribute, type Node, stringAttribute } from "./model";
import { bitsOf, DataType, isFloatType } from "./tensor";

/** Operators on constants, with the arithmetic of onnxruntime's CPU provider: what unpacks weights in a file. */

type Operator = (inputs: (ConstantValue | undefined)[], node: Node, opset: number) => ConstantValue[];

function need<T>(value: T | undefined): T {
  if (value === undefined) throw new NotConstant("an input is missing");
  return value;
}

/** Arithmetic on floats of one shape, or with a single one: pools of weights have millions, so each loop has its own operation. */
const ON_FLOATS: ReadonlyMap<string, (x: Float32Array, y: Float32Array, step: number, out: Float32Array) => void> = new Map([
  ["Add", (x, y, step, out) => { for (let i = 0, j = 0; i < out.length; i++, j += step) out[i] = x[i] + y[j]; }],
  ["Sub", (x, y, step, out) => { for (let i = 0, j = 0; i < out.length; i++, j += step) out[i] = x[i] - y[j]; }],
  ["Mul", (x, y, step, out) => { for (let i = 0, j = 0; i < out.length; i++, j += step) out[i] = x[i] * y[j]; }],
  ["Div", (x, y, step, out) => { for (let i = 0, j = 0; i < out.length; i++, j += step) out[i] = x[i] / y[j]; }],
]);

/** An elementwise operator with broadcasting. float32 results of double arithmetic round to what float32 arithmetic gives. */
function binary(small: (x: number, y: number, node: Node, type: number) => number, big: (x: bigint, y: bigint, node: Node) => bigint): Operator {
  return ([first, second], node, opset) => {
    const a = need(first), b = need(second);
    // before opset 7 broadcasting had rules of its own
    if (a.type !== b.type || (opset < 7 && a.dims.join() !== b.dims.join())) throw new NotConstant("operands differ");
    const dims = broadcastDims(a.dims, b.dims), data = zeros(a.type, countOf(dims)), x = a.data, y = b.data, { type } = a, onFloats = ON_FLOATS.get(node.op);
    if (onFloats && x instanceof Float32Array && y instanceof Float32Array && data instanceof Float32Array && x.length === data.length && (y.length === 1 || y.length === data.length)) {
      onFloats(x, y, y.length === 1 ? 0 : 1, data);
      return [{ dims, type, data: roundTo(type, data) }];
    }
    const visit = isBig(x) && isBig(y) && isBig(data)
      ? (i: number, p: number, q: number) => { data[i] = big(x[p], y[q], node); }
      : (i: number, p: number, q: number) => { data[i] = small(x[p] as number, y[q] as number, node, type); };
    walk(dims, [broadcastSteps(a.dims, dims), broadcastSteps(b.dims, dims)], [0, 0], visit);
    return [{ dims, type, data: roundTo(type, data) }];
  };
}

const is32 = (type: number): boolean => type === DataType.INT32 || type === DataType.UINT32;

function divide(x: number, y: number, _node: Node, type: number): number {
  if (isFloatType(type)) return x / y;
  if (y === 0) throw new NotConstant("division by zero");
  return Math.trunc(x / y);
}

/** C's fmod, or for integers the remainder with the divisor's sign. */
function remainder(x: number, y: number, node: Node, type: number): number {
  const rest = x % y;
  if (intAttribute(node, "fmod", 0)) return rest;
  if (isFloatType(type) || y === 0) throw new NotConstant("no integers");
  return rest !== 0 && rest < 0 !== y < 0 ? rest + y : rest;
}

function bigRemainder(x: bigint, y: bigint, node: Node): bigint {
  if (y === 0n) throw new NotConstant("division by zero");
  const rest = x % y;
  return !intAttribute(node, "fmod", 0) && rest !== 0n && rest < 0n !== y < 0n ? rest + y : rest;
}

const isLeft = (node: Node): boolean => stringAttribute(node, "direction", "") === "LEFT";

const add = binary((x, y) => x + y, (x, y) => x + y);
const subtract = binary((x, y) => x - y, (x, y) => x - y);
const multiply = binary((x, y, _node, type) => (is32(type) ? Math.imul(x, y) : x * y), (x, y) => x * y);
const shift = binary(
  (x, y, node, type) => (y >= bitsOf(type) ? 0 : isLeft(node) ? x * 2 ** y : Math.floor(x / 2 ** y)),
  (x, y, node) => (y >= 64n ? 0n : isLeft(node) ? x << y : x >> y),
);

/** Axes of an operator that has them as attribute, later as input. */
const axesOf = (node: Node, input: ConstantValue | undefined): number[] | undefined => (input ? integers(input) : intsAttribute(node, "axes"));

const identity: Operator = ([x]) => [need(x)];

const cast: Operator = ([x], node) => {
  const { dims, data } = need(x), type = intAttribute(node, "to", 0);
  return [{ dims, type, data: castTo(type, data) }];
};

const floor: Operator = ([x]) => {
  const { dims, type, data } = need(x);
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return [{ dims, type, data }];
  const whole = data.slice();
  for (let i = 0; i < whole.length; i++) whole[i] = Math.floor(whole[i]);
  return [{ dims, type, data: whole }];
};

/** Products summed in float32 in the order of the inner axis, as a fused multiply-add does. */
const matMul: Operator = ([first, second]) => {
  const a = need(first), b = need(second), k = a.dims[a.dims.length - 1], n = b.dims[1];
  if (b.dims.length !== 2 || a.dims.length < 2 || b.dims[0] !== k || a.type !== b.type || !isFloatType(a.type)) throw new NotConstant("no matrix product");
  const dims = [...a.dims.slice(0, -1), n], data = zeros(a.type, countOf(dims)), x = a.data as Float32Array, y = b.data as Float32Array;
  const round = a.type === DataType.DOUBLE ? (value: number) => value : Math.fround;
  for (let row = 0, i = 0; i < data.length; row++) {
    for (let column = 0; column < n; column++, i++) {
      let sum = 0;
      for (let j = 0; j < k; j++) sum = round(sum + x[row * k + j] * y[j * n + column]);
      data[i] = sum;
    }
  }
  return [{ dims, type: a.type, data: roundTo(a.type, data) }];
};

const reshape: Operator = ([x, shape], node) => {
  const value = need(x), wanted = shape ? integers(shape) : need(intsAttribute(node, "shape"));
  const keepsZeros = intAttribute(node, "allowzero", 0) !== 0;
  const dims = wanted.map((dim, axis) => (dim === 0 && !keepsZeros ? need(value.dims[axis]) : dim));
  const known = countOf(dims.filter((dim) => dim !== -1));
  return [withDims(value, dims.map((dim) => (dim === -1 ? value.data.length / known : dim)))];
};

function withDims({ type, data }: ConstantValue, dims: number[]): ConstantValue {
  if (countOf(dims) !== data.length || !dims.every(Number.isInteger)) throw new NotConstant("shape and elements differ");
  return { dims, type, data };
}

const unsqueeze: Operator = ([x, axesInput], node) => {
  const value = need(x), axes = need(axesOf(node, axesInput)), rank = value.dims.length + axes.length;
  const added = new Set(axes.map((axis) => axisOf(axis, rank))), rest = [...value.dims];
  return [withDims(value, Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : rest.shift() ?? 1)))];
};

const squeeze: Operator = ([x, axesInput], node) => {
  const value = need(x), axes = axesOf(node, axesInput)?.map((axis) => axisOf(axis, value.dims.length));
  return [withDims(value, value.dims.filter((dim, axis) => (axes ? !axes.includes(axis) : dim !== 1)))];
};

const transpose: Operator = ([x], node) => {
  const value = need(x), { dims } = value, order = intsAttribute(node, "perm") ?? dims.map((_, axis) => dims.length - 1 - axis);
  if ([...order].sort((a, b) => a - b).some((axis, i) => axis !== i) || order.length !== dims.length) throw new NotConstant("no permutation");
  const strides = stridesOf(dims);
  return [strided(value, order.map((axis) => dims[axis]), order.map((axis) => strides[axis]))];
};

/** Elements [start, start + length) along an axis. */
function part(value: ConstantValue, axis: number, start: number, length: number): ConstantValue {
  const { dims, type, data } = value, inner = countOf(dims.slice(axis + 1)), outer = countOf(dims.slice(0, axis));
  const out = zeros(type, outer * length * inner);
  for (let i = 0; i < outer; i++) {
    const from = (i * dims[axis] + start) * inner;
    (out as Float32Array).set((data as Float32Array).subarray(from, from + length * inner), i * length * inner);
  }
  return { dims: dims.map((dim, at) => (at === axis ? length : dim)), type, data: out };
}

const split: Operator = ([x, lengthsInput], node) => {
  const value = need(x), axis = axisOf(intAttribute(node, "axis", 0), value.dims.length), size = value.dims[axis], pieces = node.outputs.length;
  const even = Math.ceil(size / pieces);
  const lengths = (lengthsInput && integers(lengthsInput)) ?? intsAttribute(node, "split") ?? node.outputs.map((_, i) => Math.max(0, Math.min(even, size - i * even)));
  if (lengths.length !== pieces || lengths.some((length) => length < 0) || lengths.reduce((a, b) => a + b, 0) !== size) throw new NotConstant("pieces do not fit");
  let start = 0;
  return lengths.map((length) => part(value, axis, (start += length) - length, length));
};

const concat: Operator = (inputs, node) => {
  const values = inputs.map(need), [{ dims, type }] = values, axis = axisOf(intAttribute(node, "axis", 1), dims.length);
  const length = values.reduce((sum, value) => sum + value.dims[axis], 0), inner = countOf(dims.slice(axis + 1)), outer = countOf(dims.slice(0, axis));
  if (values.some((value) => value.type !== type || value.dims.length !== dims.length || value.dims.some((dim, at) => at !== axis && dim !== dims[at]))) throw new NotConstant("shapes differ");
  const out = zeros(type, outer * length * inner);
  let start = 0;
  for (const { dims: own, data } of values) {
    const run = own[axis] * inner;
    for (let i = 0; i < outer; i++) (out as Float32Array).set((data as Float32Array).subarray(i * run, (i + 1) * run), (i * length) * inner + start);
    start += run;
  }
  return [{ dims: dims.map((dim, at) => (at === axis ? length : dim)), type, data: out }];
};

const slice: Operator = ([x, startsInput, endsInput, axesInput, stepsInput], node) => {
  const value = need(x), { dims } = value, strides = stridesOf(dims);
  const starts = startsInput ? integers(startsInput) : need(intsAttribute(node, "starts")), ends = endsInput ? integers(endsInput) : need(intsAttribute(node, "ends"));
  const axes = axesOf(node, axesInput) ?? starts.map((_, i) => i), steps = stepsInput ? integers(stepsInput) : starts.map(() => 1);
  const outDims = [...dims], outSteps = [...strides];
  let first = 0;
  axes.forEach((given, i) => {
    const axis = axisOf(given, dims.length), size = dims[axis], step = steps[i];
    if (!step) throw new NotConstant("step 0");
    const clamp = (at: number, low: number, high: number) => Math.min(Math.max(at < 0 ? at + size : at, low), high);
    const start = step > 0 ? clamp(starts[i], 0, size) : clamp(starts[i], 0, size - 1), end = step > 0 ? clamp(ends[i], 0, size) : clamp(ends[i], -1, size - 1);
    outDims[axis] = Math.max(0, Math.ceil((end - start) / step));
    outSteps[axis] = strides[axis] * step;
    first += start * strides[axis];
  });
  return [strided(value, outDims, outSteps, first)];
};

const gather: Operator = ([x, indices], node) => {
  const { dims, type, data } = need(x), at = need(indices), axis = axisOf(intAttribute(node, "axis", 0), dims.length), size = dims[axis];
  const inner = countOf(dims.slice(axis + 1)), outer = countOf(dims.slice(0, axis)), count = at.data.length;
  const out = zeros(type, outer * count * inner);
  for (let i = 0, to = 0; i < outer; i++) for (let j = 0; j < count; j++, to += inner) {
    const index = Number(at.data[j]), positive = index < 0 ? index + size : index;
    if (!(positive >= 0 && positive < size)) throw new NotConstant("an index leaves its range");
    const from = (i * size + positive) * inner;
    // the usual case, a short codeword, is faster without a view
    if (inner < 32) for (let k = 0; k < inner; k++) out[to + k] = data[from + k];
    else (out as Float32Array).set((data as Float32Array).subarray(from, from + inner), to);
  }
  return [{ dims: [...dims.slice(0, axis), ...at.dims, ...dims.slice(axis + 1)], type, data: out }];
};

/** (x − zero) · scale; scale by tensor, by axis, or by blocks along an axis. */
const dequantize: Operator = ([x, scaleInput, zeroInput], node) => {
  const value = need(x), scale = need(scaleInput), { dims, data } = value;
  if (isBig(data)) throw new NotConstant("int64");
  const type = intAttribute(node, "output_dtype", 0) || scale.type, out = zeros(type, data.length);
  const block = intAttribute(node, "block_size", 0), single = scale.data.length === 1 && scale.dims.length <= 1;
  const axis = single ? 0 : axisOf(intAttribute(node, "axis", 1), dims.length);
  if (!single && scale.data.length !== countOf(block ? dims.map((dim, at) => (at === axis ? Math.ceil(dim / block) : dim)) : [dims[axis]])) throw new NotConstant("scales do not fit");
  const inner = countOf(dims.slice(axis + 1)), size = dims[axis] ?? 1, blocks = block ? Math.ceil(size / block) : size;
  for (let i = 0; i < data.length; i++) {
    const along = Math.floor(i / inner) % size;
    const at = single ? 0 : block ? (Math.floor(i / (inner * size)) * blocks + Math.floor(along / block)) * inner + i % inner : along;
    out[i] = (Number(data[i]) - Number(zeroInput?.data[at] ?? 0)) * Number(scale.data[at]);
  }
  return [{ dims, type, data: roundTo(type, out) }];
};

/** Sums along an axis, each of all elements up to its own. */
const cumulate: Operator = ([x, axisInput], node) => {
  const { dims, type, data } = need(x), axis = axisOf(need(integers(need(axisInput))[0]), dims.length), inner = countOf(dims.slice(axis + 1)), size = dims[axis];
  if (isBig(data) || intAttribute(node, "exclusive", 0) || intAttribute(node, "reverse", 0)) throw new NotConstant("sums of another kind");
  const out = zeros(type, data.length) as Float32Array;
  for (let i = 0; i < data.length; i++) out[i] = data[i] + (Math.floor(i / inner) % size ? out[i - inner] : 0);
  return [{ dims, type, data: roundTo(type, out) }];
};

export const OPERATORS: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ["Add", add], ["Sub", subtract], ["Mul", multiply], ["Div", binary(divide, (x, y) => { if (y === 0n) throw new NotConstant("division by zero"); return x / y; })],
  ["Mod", binary(remainder, bigRemainder)], ["BitShift", shift],
  ["BitwiseAnd", binary((x, y) => x & y, (x, y) => x & y)], ["BitwiseOr", binary((x, y) => x | y, (x, y) => x | y)],
  ["Floor", floor], ["Cast", cast], ["Identity", identity], ["MatMul", matMul], ["Reshape", reshape], ["Unsqueeze", unsqueeze], ["Squeeze", squeeze],
  ["Transpose", transpose], ["Split", split], ["Concat", concat], ["Slice", slice], ["Gather", gather], ["CumSum", cumulate], ["DequantizeLinear", dequantize],
  ["Range", range], ["ConstantOfShape", constantOfShape], ["EyeLike", eyeLike], ["TopK", topK], ["Conv", convolveLines],
]);
