import { filterBank, filterGradient, settled } from "../numeric/filter-bank";
import { floatToHalf, halfToFloat } from "../numeric/half";
import { Random } from "../numeric/random";
import { readModel } from "../onnx/model";
import { memorySource } from "../onnx/memory";
import { Ruled } from "../training/filters";
import { countOf } from "../training/graph";
import { readNetwork } from "../training/network";
import { teacherInput } from "../training/objective";
import { cosineRate } from "../training/optimizer";
import { Trainer } from "../training/trainer";
import { Vector, type Trainable } from "../training/trainable";
import type { FitContext } from "./method";
import { LAYER_INPUT, LAYER_OUTPUT, layerModel, TENSORS, tensorDims, type WaveletValues } from "./wavelet-model";
import type { PermutationSeed } from "./wavelet-permutation";
import { type WaveletOptions, type WaveletShape } from "./wavelet-shape";

/** Highest steps, as shares of the size of what they move. */
export const RATES = { diagonal: 0.02, filters: 4e-3 };
/** What a squared residual of the filters' conditions counts in a training whose loss is a share of the outputs' energy. */
const RULE = 1;
/** Steps, samples of each, and how many there are to draw from. */
const LEARNING = { whole: 800, quick: 200, batch: 64, drawn: 8192, warmup: 20 };

/** The gradient of the filters' losses, weighted. */
export const filterRule = (values: Float32Array): Float32Array => filterGradient(values).map((g) => RULE * g);

/** Diagonals as the file holds them. */
export const halves = (values: Float32Array): Float32Array => values.map((v) => halfToFloat(floatToHalf(v)));

/** What a layer learns from: B of random signs, so that transforms that are summed differ; G and S such that outputs have the size that they should. */
export function startOf(shape: WaveletShape, { wavelet, length }: WaveletOptions, size: number, seed: number): WaveletValues {
  const random = new Random(seed, 18), dims = tensorDims(shape), sign = () => (random.next() < 0.5 ? -1 : 1);
  const filled = (name: keyof WaveletValues, value: () => number) => Float32Array.from({ length: countOf(dims[name]) }, value);
  return { filters: filterBank(wavelet, length), before: filled("before", sign), between: filled("between", () => sign() * (0.5 + random.next())), after: filled("after", () => size / Math.sqrt(shape.summed)) };
}

/**
 * Trains a layer to put out what its rows would on the inputs that it meets, of which the second moments are known: least squares, on the nodes that the file will have.
 * @param rows [outputs, inputs]
 */
export async function fitWavelet(shape: WaveletShape, options: WaveletOptions, permutation: PermutationSeed, rows: Float32Array, { gram, learning, seed, quick }: FitContext): Promise<WaveletValues> {
  if (!learning) throw new RangeError("a wavelet layer is learned");
  const { inputs, outputs } = shape, { runtime, products, threads, signal } = learning, dims = tensorDims(shape), { batch, drawn } = LEARNING;
  const random = new Random(seed, 19), z = Float32Array.from({ length: drawn * inputs }, () => normal(random)), x = gram ? await gram.draw(z) : z, y = await products.multiply(x, turned(rows, inputs), inputs);
  const energy = (v: Float32Array) => v.reduce((sum, one) => sum + one * one, 0) / v.length;
  const start = startOf(shape, options, Math.sqrt(energy(y) / energy(x) || 1), seed), network = await readNetwork(await readModel(memorySource(layerModel(shape, start, permutation))), { name: LAYER_INPUT, dims: [batch, inputs] }, [LAYER_OUTPUT], TENSORS);
  const trainables = TENSORS.filter((name) => name !== "filters" || !options.fixed).map((name): Trainable => (name === "filters" ? new Ruled({ name, dims: dims[name] }, start[name], RATES.filters, filterRule) : new Vector({ name, dims: dims[name] }, start[name], RATES.diagonal)));
  const trainer = new Trainer({
    runtime, threads, network, trainables, objective: { kind: "squaredError" }, statistics: "fixed", signal,
    rate: (step, steps) => cosineRate(step, steps, LEARNING.warmup),
    async inputs(step) {
      const chosen = Uint32Array.from({ length: batch }, (_, i) => (step * batch + i) % drawn), take = (from: Float32Array, width: number) => {
        const taken = new Float32Array(batch * width);
        chosen.forEach((row, i) => { taken.set(from.subarray(row * width, (row + 1) * width), i * width); });
        return { dims: [batch, width], data: taken };
      };
      return { [LAYER_INPUT]: take(x, inputs), [teacherInput(0)]: take(y, outputs) };
    },
  });
  await trainer.open();
  try {
    await trainer.run({ step: 0, steps: quick ? LEARNING.quick : LEARNING.whole, loss: 0 });
  } finally {
    await trainer.close();
  }
  return finished(start, options);
}

/** Values as the file will hold them: diagonals in 16 bits, filters that reconstruct. */
export function finished({ filters, before, between, after }: WaveletValues, { fixed }: WaveletOptions): WaveletValues {
  return { filters: fixed ? filters : settled(filters), before: halves(before), between: halves(between), after: halves(after) };
}

/** A number of the normal distribution (Box, Muller). */
const normal = (random: Random): number => Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());

/** Rows [rows, n] as [n, rows]. */
function turned(rows: Float32Array, n: number): Float32Array {
  const count = rows.length / n, result = new Float32Array(rows.length);
  for (let m = 0; m < count; m++) for (let j = 0; j < n; j++) result[j * count + m] = rows[m * n + j];
  return result;
}

