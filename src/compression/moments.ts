import { intsAttribute, stringAttribute } from "../onnx/model";
import type { Layer } from "../onnx/layers";
import { Gram } from "../methods/gram";
import { inputsOf, kernelSize, outputsOf } from "../methods/rows";
import type { ComputePool } from "../numeric/tasks";
import type { Products } from "../runtime/products";
import type { Tensor } from "../runtime/runtime";

/** Inputs wider than this get no second moments: their matrix would not pay. */
const WIDEST = 6000;
/** Rows that go into one product. */
const CHUNK = 4096;

/** Whether the layer's rows meet one common set of inputs whose second moments can be taken. */
export function hasGram(layer: Layer): boolean {
  return layer.groups === 1 && layer.op !== "ConvTranspose" && inputsOf(layer) <= WIDEST && layer.dims.length <= 4 && layer.dims.length !== 3;
}

/** Positions of a layer's output that are looked at: enough for its width, not more. */
const positionsFor = (n: number): number => Math.max(16_384, 6 * n);

export interface MomentsRequest {
  /** The layer's input, batch by batch. */
  batches: Tensor[];
  /** The same in the compressed network, if that is what second moments are wanted of. */
  drifted?: Tensor[];
  /** Centred where an offset behind the layer takes the mean over. */
  centred: boolean;
  /** The weight [outputs, n] whose outputs on `batches` are looked at as well. */
  rows?: Float32Array;
  /** Outputs of the layer that are wanted of it, batch by batch, in place of what `rows` give. */
  wanted?: Tensor[];
  /** The input channels whose second moments are wanted, ascending; all if absent. */
  channels?: Uint32Array;
}

export interface InputMoments {
  /** Of the (drifted) inputs, as far as they are wanted: [n, n]. */
  gram: Gram;
  /** Mean of them, [n]. */
  mean: Float64Array;
  answers?: Answers;
}

/** What a weight's outputs y are on the original inputs. */
export interface Answers {
  /** E[y·x̃ᵀ] with the (drifted) inputs, centred alike: [outputs, n]. */
  cross: Float32Array;
  /** E[y] and E[y²], the latter centred alike: [outputs]. */
  mean: Float64Array;
  energy: Float64Array;
}

/** Moments of what a layer's rows see. */
export async function inputMoments(layer: Layer, { batches, drifted, centred, rows, wanted, channels }: MomentsRequest, products: Products, pool: ComputePool): Promise<InputMoments> {
  const inputs = inputsOf(layer), n = channels ? channels.length * kernelSize(layer) : inputs;
  const total = batches.reduce((sum, batch) => sum + positionsIn(layer, batch), 0);
  const skip = Math.max(1, Math.floor(total / positionsFor(n)));
  const cut = layer.convolution ? cutPatches : cutRows;
  const seen = new RowChunks(n), original = rows && !wanted && (drifted || channels) ? new RowChunks(inputs) : undefined, weight = rows && !wanted && transposed(rows, inputs);
  const outputs = rows || wanted ? outputsOf(layer) : 0, given = wanted && new RowChunks(outputs);
  const mean = new Float64Array(n), outputMean = new Float64Array(outputs), energy = new Float64Array(outputs);
  let h: Float32Array | undefined, cross: Float32Array | undefined, count = 0;
  const flush = async () => {
    const x = seen.take(), positions = x.length / n;
    if (!positions) return;
    count += positions;
    const ones = new Float32Array(positions).fill(1);
    const addTo = async (sum: Float64Array, of: Float32Array) => (await products.transposed(ones, of, positions)).forEach((v, i) => { sum[i] += v; });
    await addTo(mean, x);
    h = add(h, await products.squared(x, positions));
    const y = given?.take() ?? (weight && await products.multiply(original?.take() ?? x, weight, inputs));
    if (!y) return;
    await addTo(outputMean, y);
    await addTo(energy, y.map((v) => v * v));
    cross = add(cross, await products.transposed(y, x, positions));
  };
  for (let b = 0; b < batches.length; b++) {
    cut(layer, (drifted ?? batches)[b], skip, seen, channels);
    if (original) cut(layer, batches[b], skip, original);
    if (given) (layer.convolution ? cutPlaces : cutRows)(layer, wanted![b], skip, given);
    if (seen.rows >= CHUNK) await flush();
  }
  await flush();
  if (!h) throw new RangeError("no positions");
  for (const sum of [mean, outputMean, energy]) sum.forEach((v, i) => { sum[i] = v / count; });
  average(h, count, centred ? [mean, mean] : undefined, n);
  const gram = new Gram(h, n, pool, (a, b, width) => products.multiply(a, b, width));
  if (!cross) return { gram, mean };
  average(cross, count, centred ? [outputMean, mean] : undefined, n);
  if (centred) energy.forEach((v, m) => { energy[m] = Math.max(0, v - outputMean[m] ** 2); });
  return { gram, mean, answers: { cross, mean: outputMean, energy } };
}

/** Sums of products over `count` positions to means, less the product of the means; [rows, n]. */
function average(sums: Float32Array, count: number, means: [Float64Array, Float64Array] | undefined, n: number): void {
  for (let i = 0; i < sums.length / n; i++) {
    const m = means ? means[0][i] : 0;
    for (let j = 0; j < n; j++) sums[i * n + j] = sums[i * n + j] / count - (means ? m * means[1][j] : 0);
    if (means && means[0] === means[1]) sums[i * n + i] = Math.max(0, sums[i * n + i]); // where a value hardly changes, rounding leaves less than nothing
  }
}

/** Rows [rows, n] as [n, rows]. */
function transposed(rows: Float32Array, n: number): Float32Array {
  const count = rows.length / n, turned = new Float32Array(rows.length);
  for (let m = 0; m < count; m++) for (let j = 0; j < n; j++) turned[j * count + m] = rows[m * n + j];
  return turned;
}

function add(sum: Float32Array | undefined, more: Float32Array): Float32Array {
  if (!sum) return more;
  for (let i = 0; i < sum.length; i++) sum[i] += more[i];
  return sum;
}

/** A growing matrix of rows. */
class RowChunks {
  private data: Float32Array;
  rows = 0;
  constructor(private readonly n: number) { this.data = new Float32Array(n * CHUNK); }
  next(): { data: Float32Array; at: number } {
    if ((this.rows + 1) * this.n > this.data.length) {
      const larger = new Float32Array(this.data.length * 2);
      larger.set(this.data);
      this.data = larger;
    }
    return { data: this.data, at: this.rows++ * this.n };
  }
  take(): Float32Array {
    const taken = this.data.slice(0, this.rows * this.n);
    this.rows = 0;
    return taken;
  }
}

const positionsIn = (layer: Layer, { dims }: Tensor): number => {
  if (!layer.convolution) return dims.slice(0, -1).reduce((a, b) => a * b, 1);
  const { height, width } = geometry(layer, dims);
  return dims[0] * height * width;
};

function cutRows(_layer: Layer, { dims, data }: Tensor, skip: number, into: RowChunks, columns?: Uint32Array): void {
  const n = dims[dims.length - 1], rows = data.length / n;
  for (let r = 0; r < rows; r += skip) {
    const { data: out, at } = into.next();
    if (columns) columns.forEach((column, j) => { out[at + j] = data[r * n + column]; });
    else out.set(data.subarray(r * n, (r + 1) * n), at);
  }
}

interface Geometry { height: number; width: number; kernel: number[]; strides: number[]; dilations: number[]; pads: number[] }

function geometry(layer: Layer, dims: readonly number[]): Geometry {
  const node = layer.consumers[0], rank = layer.dims.length - 2;
  const pair = (values: number[] | undefined, fallback: number) => (rank === 1 ? [1, ...(values ?? [fallback])] : values ?? [fallback, fallback]);
  const kernel = rank === 1 ? [1, layer.dims[2]] : layer.dims.slice(2), size = rank === 1 ? [1, dims[2]] : dims.slice(2);
  const strides = pair(intsAttribute(node, "strides"), 1), dilations = pair(intsAttribute(node, "dilations"), 1);
  const reach = kernel.map((k, i) => (k - 1) * dilations[i] + 1);
  const auto = stringAttribute(node, "auto_pad", "NOTSET");
  let pads = intsAttribute(node, "pads") ?? [0, 0, 0, 0];
  if (rank === 1) pads = [0, pads[0], 0, pads[1] ?? 0];
  if (auto === "SAME_UPPER" || auto === "SAME_LOWER") {
    const whole = size.map((s, i) => Math.max(0, (Math.ceil(s / strides[i]) - 1) * strides[i] + reach[i] - s));
    const before = whole.map((p) => (auto === "SAME_UPPER" ? Math.floor(p / 2) : Math.ceil(p / 2)));
    pads = [...before, ...whole.map((p, i) => p - before[i])];
  }
  const [height, width] = size.map((s, i) => Math.floor((s + pads[i] + pads[i + 2] - reach[i]) / strides[i]) + 1);
  return { height, width, kernel, strides, dilations, pads };
}

/** Rows of a convolution: the patch of every `skip`-th output position, in the order of the weight. */
function cutPatches(layer: Layer, { dims, data }: Tensor, skip: number, into: RowChunks, some?: Uint32Array): void {
  const { height, width, kernel: [kh, kw], strides, dilations, pads } = geometry(layer, dims);
  const channels = dims[1], wanted = some ?? Uint32Array.from({ length: channels }, (_, c) => c), h = dims.length === 3 ? 1 : dims[2], w = dims[dims.length - 1], plane = h * w, positions = dims[0] * height * width;
  for (let p = 0; p < positions; p += skip) {
    const image = Math.floor(p / (height * width)), y = Math.floor(p / width) % height, x = p % width;
    const { data: out, at } = into.next();
    const top = y * strides[0] - pads[0], left = x * strides[1] - pads[1];
    let o = at;
    for (const c of wanted) {
      const base = (image * channels + c) * plane;
      for (let i = 0; i < kh; i++) {
        const row = top + i * dilations[0], inside = row >= 0 && row < h, start = base + row * w;
        for (let j = 0; j < kw; j++) {
          const column = left + j * dilations[1];
          out[o++] = inside && column >= 0 && column < w ? data[start + column] : 0;
        }
      }
    }
  }
}

/** What a map [N, M, …] has at every `skip`-th position. */
function cutPlaces(_layer: Layer, { dims: [count, channels], data }: Tensor, skip: number, into: RowChunks): void {
  const plane = data.length / (count * channels);
  for (let p = 0; p < count * plane; p += skip) {
    const image = Math.floor(p / plane), { data: out, at } = into.next();
    for (let m = 0; m < channels; m++) out[at + m] = data[(image * channels + m) * plane + p % plane];
  }
}

/** Sums over positions for each output channel of a layer: of the original output y and of the compressed one ŷ. */
export interface ChannelMoments { count: number; y: Float64Array; yy: Float64Array; z: Float64Array; zz: Float64Array; yz: Float64Array }

/** Means, variances and covariance of two outputs [N, M, …] (or [N, …, M] where the channel is the last axis). */
export function channelMoments(original: Tensor[], compressed: Tensor[], channels: number, last: boolean): ChannelMoments {
  const make = () => new Float64Array(channels);
  const moments: ChannelMoments = { count: 0, y: make(), yy: make(), z: make(), zz: make(), yz: make() };
  original.forEach(({ dims, data }, b) => {
    const other = compressed[b].data, inner = last ? 1 : dims.slice(2).reduce((a, c) => a * c, 1), outer = data.length / (channels * inner);
    moments.count += outer * inner;
    for (let o = 0; o < outer; o++) {
      for (let m = 0; m < channels; m++) {
        let y = 0, yy = 0, z = 0, zz = 0, yz = 0;
        for (let i = (o * channels + m) * inner, end = i + inner; i < end; i++) {
          const p = data[i], q = other[i];
          y += p; yy += p * p; z += q; zz += q * q; yz += p * q;
        }
        moments.y[m] += y; moments.yy[m] += yy; moments.z[m] += z; moments.zz[m] += zz; moments.yz[m] += yz;
      }
    }
  });
  return moments;
}
