import type { Multiplier } from "../../numeric/fixed-point";
import { withKernels, type Kernels } from "../../numeric/kernels";
import type { ConvolutionStep, LinearStep } from "./program";

/** A value of unsigned 8 bits. */
export interface Whole { dims: readonly number[]; data: Uint8Array }

/** Output positions whose inputs lie side by side at once. */
const POSITIONS = 512;
const BLOCK = 8;

/** Weights [outputs, channels, taps] as the kernel reads them: [blocks of 8 outputs, pairs of channels, taps, 8, 2]. */
function packed(weight: Int16Array, outputs: number, taps: number): { data: Int16Array; blocks: number; pairs: number } {
  const inputs = weight.length / outputs, channels = inputs / taps, blocks = Math.ceil(outputs / BLOCK), pairs = Math.ceil(channels / 2) * taps, data = new Int16Array(blocks * pairs * 2 * BLOCK);
  for (let m = 0; m < outputs; m++) {
    const base = Math.floor(m / BLOCK) * pairs * 2 * BLOCK + m % BLOCK * 2;
    for (let c = 0, from = m * inputs; c < channels; c++) for (let tap = 0; tap < taps; tap++, from++) data[base + ((c >> 1) * taps + tap) * 2 * BLOCK + (c & 1)] = weight[from];
  }
  return { data, blocks, pairs };
}

const packings = new WeakMap<Int16Array, ReturnType<typeof packed>[]>();

/** The same for each group, made once. */
function packingsOf(weight: Int16Array, outputs: number, groups: number, taps: number): ReturnType<typeof packed>[] {
  let known = packings.get(weight);
  const size = weight.length / groups;
  if (!known) packings.set(weight, known = Array.from({ length: groups }, (_, g) => packed(weight.subarray(g * size, (g + 1) * size), outputs / groups, taps)));
  return known;
}

/** Where the kernel finds what makes integers of sums. */
interface Requantizer { bias: number; m0: number; shift: number }

function put(k: Kernels, bias: Int32Array, multipliers: readonly Multiplier[]): Requantizer {
  return { bias: k.put(bias), m0: k.put(Int32Array.from(multipliers, ({ m0 }) => m0)), shift: k.put(Int32Array.from(multipliers, ({ shift }) => shift)) };
}

/** Sizes of a convolution's output. */
export function sizesOf({ kernel: [kh, kw], strides: [sh, sw], dilations: [dh, dw], pads: [top, left, bottom, right] }: Pick<ConvolutionStep, "kernel" | "strides" | "dilations" | "pads">, height: number, width: number): [number, number] {
  return [Math.floor((height + top + bottom - dh * (kh - 1) - 1) / sh) + 1, Math.floor((width + left + right - dw * (kw - 1) - 1) / sw) + 1];
}

/** What is told of the sums of one group's outputs, before the bias: [count, stride] for output positions from `first` on. */
export interface SumsOf { image: number; channel: number; channels: number; first: number; count: number; stride: number }

/** A convolution of integers; x is [N, C, H, W] or [N, C, W]. @param onSums sees the sums as they are made */
export function convolve(step: ConvolutionStep, x: Whole, onSums?: (sums: Int32Array, of: SumsOf) => void): Whole {
  const { kernel: [kh, kw], strides: [sh, sw], dilations: [dh, dw], pads: [top, left], groups, outputs, weight, zeroIn, zeroOut, bias, multipliers = [] } = step;
  const [batch, channels] = x.dims, isLine = x.dims.length === 3, height = isLine ? 1 : x.dims[2], width = isLine ? x.dims[2] : x.dims[3], [oh, ow] = sizesOf(step, height, width), size = oh * ow, plane = height * width;
  const perGroup = channels / groups, outPerGroup = outputs / groups, out = new Uint8Array(batch * outputs * size), isDepthwise = perGroup === 1 && outPerGroup === 1;
  // the padded map reaches as far as the last window does
  const paddedHeight = Math.max(top + height, (oh - 1) * sh + dh * (kh - 1) + 1), paddedWidth = Math.max(left + width, (ow - 1) * sw + dw * (kw - 1) + 1), mapBytes = 4 * paddedHeight * paddedWidth;
  const packs = isDepthwise ? [] : packingsOf(weight, outputs, groups, kh * kw), { blocks, pairs } = packs[0] ?? { blocks: 0, pairs: 0 }, stride = blocks * BLOCK;
  withKernels((k) => {
    const scale = put(k, bias, multipliers), map = k.reserve(perGroup * plane), weights = isDepthwise ? k.put(weight) : 0, places = packs.map(({ data }) => k.put(data));
    const result = k.reserve(outputs * size), wide = k.reserve((perGroup + 1 >> 1) * mapBytes), most = Math.min(POSITIONS, size), sums = k.reserve(4 * Math.max(size, (most + 3 & ~3) * stride));
    const positions = k.put(Int32Array.from({ length: size + 3 & ~3 }, (_, i) => { const at = Math.min(i, size - 1), y = Math.floor(at / ow); return 4 * (y * sh * paddedWidth + (at - y * ow) * sw); }));
    const offsets = k.put(Int32Array.from({ length: pairs }, (_, i) => { const tap = i % (kh * kw), a = Math.floor(tap / kw); return Math.floor(i / (kh * kw)) * mapBytes + 4 * (a * dh * paddedWidth + (tap - a * kw) * dw); }));
    for (let image = 0; image < batch; image++) for (let g = 0; g < groups; g++) {
      const from = (image * channels + g * perGroup) * plane, channel = g * outPerGroup, at = channel * 4;
      k.bytes(map, perGroup * plane).set(x.data.subarray(from, from + perGroup * plane));
      k.call.widen(map, perGroup, height, width, top, left, paddedHeight, paddedWidth, zeroIn, wide);
      for (let first = 0; first < size; first += isDepthwise ? size : most) {
        const count = isDepthwise ? size : Math.min(most, size - first), apart = isDepthwise ? 1 : stride;
        if (isDepthwise) k.call.depthwise(wide, paddedWidth, weights + g * kh * kw * 2, kh, kw, sh, sw, dh, dw, oh, ow, sums);
        else k.call.products16(wide, positions + 4 * first, count + 3 & ~3, offsets, pairs, places[g], blocks, sums);
        onSums?.(k.ints(sums, count * apart), { image, channel, channels: outPerGroup, first, count, stride: apart });
        if (multipliers.length) k.call.requantize(sums, count, outPerGroup, apart, scale.bias + at, scale.m0 + at, scale.shift + at, zeroOut, result + channel * size + first, size);
      }
      if (g === groups - 1) out.set(k.bytes(result, outputs * size), image * outputs * size);
    }
  });
  return { dims: isLine ? [batch, outputs, ow] : [batch, outputs, oh, ow], data: out };
}

/** Sums of a linear layer, [rows, outputs] with the bias. */
export function linearSums({ weight, outputs, bias, zeroIn }: LinearStep, { data }: Whole): Int32Array {
  const inputs = weight.length / outputs, count = data.length / inputs, [{ data: w, blocks, pairs }] = packingsOf(weight, outputs, 1, 1), out = new Int32Array(count * outputs);
  withKernels((k) => {
    const most = Math.min(POSITIONS, count), rows = k.reserve(most * pairs * 4), sums = k.reserve((most + 3 & ~3) * blocks * BLOCK * 4), place = k.put(w), offsets = k.put(Int32Array.from({ length: pairs }, (_, i) => 4 * i));
    const positions = k.put(Int32Array.from({ length: most + 3 & ~3 }, (_, i) => 4 * pairs * Math.min(i, most - 1)));
    for (let first = 0; first < count; first += most) {
      const n = Math.min(most, count - first), x = k.shorts(rows, most * pairs * 2);
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < inputs; j++) x[i * pairs * 2 + j] = data[(first + i) * inputs + j] - zeroIn;
        if (inputs % 2) x[i * pairs * 2 + inputs] = 0;
      }
      k.call.products16(rows, positions, n + 3 & ~3, offsets, pairs, place, blocks, sums);
      const found = k.ints(sums, n * blocks * BLOCK);
      for (let i = 0; i < n; i++) for (let m = 0; m < outputs; m++) out[(first + i) * outputs + m] = found[i * blocks * BLOCK + m] + bias[m];
    }
  });
  return out;
}

/** A linear layer of integers. */
export function linear(step: LinearStep, x: Whole): Whole | { dims: readonly number[]; data: Float32Array } {
  const { outputs, multipliers, zeroOut, steps } = step, sums = linearSums(step, x), dims = [...x.dims.slice(0, -1), outputs];
  if (!multipliers) return { dims, data: Float32Array.from(sums, (sum, i) => sum * (steps?.[i % outputs] ?? 1)) };
  return { dims, data: requantized(sums, outputs, multipliers, zeroOut) };
}

/** Integers of 8 bits of sums [count, channels] whose bias is in them. */
export function requantized(sums: Int32Array, channels: number, multipliers: readonly Multiplier[], zero: number): Uint8Array {
  const count = sums.length / channels;
  return withKernels((k) => {
    const scale = put(k, new Int32Array(channels), multipliers), place = k.put(sums), out = k.reserve(sums.length);
    k.call.requantize(place, count, channels, channels, scale.bias, scale.m0, scale.shift, zero, out, count);
    const columns = k.bytes(out, sums.length), rows = new Uint8Array(sums.length);
    for (let c = 0; c < channels; c++) for (let i = 0; i < count; i++) rows[i * channels + c] = columns[c * count + i];
    return rows;
  });
}
