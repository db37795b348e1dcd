import { axisOf, type ConstantValue, countOf, integers, isBig, NotConstant, roundTo, zeros } from "./arrays";
import { intAttribute, intsAttribute, type Node, tensorAttribute } from "./model";
import { DataType, isFloatType } from "./tensor";

/** Operators that make constants out of little: numbers in a row, unit matrices, orders, and convolutions of lines with them. */

type Inputs = readonly (ConstantValue | undefined)[];

function need<T>(value: T | undefined): T {
  if (value === undefined) throw new NotConstant("an input is missing");
  return value;
}

/** start, start + delta, … below the limit. */
export function range(inputs: Inputs): ConstantValue[] {
  const [start, limit, delta] = inputs.map((input) => Number(need(input).data[0])), { type } = need(inputs[0]);
  const count = Math.max(0, Math.ceil((limit - start) / delta)), data = zeros(type, count);
  if (isBig(data)) for (let i = 0; i < count; i++) data[i] = BigInt(start + i * delta);
  else for (let i = 0; i < count; i++) data[i] = start + i * delta;
  return [{ dims: [count], type, data: roundTo(type, data) }];
}

/** Zeros of the given sizes, which is what the operator gives unless it names another value. */
export function constantOfShape([shape]: Inputs, node: Node): ConstantValue[] {
  const dims = integers(need(shape));
  if (tensorAttribute(node, "value")) throw new NotConstant("another value than 0");
  return [{ dims, type: DataType.FLOAT, data: zeros(DataType.FLOAT, countOf(dims)) }];
}

/** Ones on a diagonal of a matrix. */
export function eyeLike([x]: Inputs, node: Node): ConstantValue[] {
  const value = need(x), [rows, columns] = value.dims, offset = intAttribute(node, "k", 0), type = intAttribute(node, "dtype", value.type), data = zeros(type, rows * columns);
  if (isBig(data)) throw new NotConstant("int64");
  for (let row = Math.max(0, -offset); row < Math.min(rows, columns - offset); row++) data[row * columns + row + offset] = 1;
  return [{ dims: value.dims, type, data }];
}

/** The k largest or smallest along an axis in their order, and where they stand; of equals the first come first. */
export function topK([x, count]: Inputs, node: Node): ConstantValue[] {
  const { dims, type, data } = need(x), axis = axisOf(intAttribute(node, "axis", -1), dims.length), k = integers(need(count))[0], size = dims[axis], sign = intAttribute(node, "largest", 1) ? -1 : 1;
  if (axis !== dims.length - 1 || k > size || !intAttribute(node, "sorted", 1)) throw new NotConstant("places of another kind");
  const rows = countOf(dims.slice(0, -1)), values = zeros(type, rows * k), places = new BigInt64Array(rows * k);
  for (let row = 0; row < rows; row++) {
    const own = data.subarray(row * size, (row + 1) * size), order = Array.from({ length: size }, (_, i) => i).sort((a, b) => sign * (own[a] < own[b] ? -1 : own[a] > own[b] ? 1 : 0));
    for (let i = 0; i < k; i++) {
      values[row * k + i] = own[order[i]];
      places[row * k + i] = BigInt(order[i]);
    }
  }
  const out = [...dims.slice(0, -1), k];
  return [{ dims: out, type, data: values }, { dims: out, type: DataType.INT64, data: places }];
}

/** A convolution of lines [N, C, L] without padding. */
export function convolveLines([first, second, bias]: Inputs, node: Node): ConstantValue[] {
  const { dims: [samples, channels, length], dims, type, data } = need(first), kernel = need(second), [outputs, own, taps] = kernel.dims;
  const [step] = intsAttribute(node, "strides") ?? [1], groups = intAttribute(node, "group", 1), isPadded = (intsAttribute(node, "pads") ?? []).some((pad) => pad !== 0) || node.attributes.has("auto_pad");
  if (dims.length !== 3 || bias || isPadded || own * groups !== channels || (intsAttribute(node, "dilations") ?? [1])[0] !== 1 || type !== kernel.type || !isFloatType(type)) throw new NotConstant("a convolution of another kind");
  const count = Math.floor((length - taps) / step) + 1, out = zeros(type, samples * outputs * count), x = data as Float32Array, w = kernel.data as Float32Array;
  for (let sample = 0, at = 0; sample < samples; sample++) for (let output = 0; output < outputs; output++) for (let i = 0; i < count; i++, at++) {
    let sum = 0;
    const from = Math.floor(output / (outputs / groups)) * own;
    for (let c = 0; c < own; c++) for (let k = 0; k < taps; k++) sum = Math.fround(sum + x[(sample * channels + from + c) * length + i * step + k] * w[(output * own + c) * taps + k]);
    out[at] = sum;
  }
  return [{ dims: [samples, outputs, count], type, data: roundTo(type, out) }];
}
