import type { Asked } from "./goal";
import type { Layer } from "../onnx/layers";
import type { Model } from "../onnx/model";
import type { Candidate, CompressionMethod, FitContext, PackedWeight, WeightRows } from "../methods/method";
import { rowDots, type Gram } from "../methods/gram";
import { methods } from "../methods/registry";
import { fromRows, kernelSize, outputsOf } from "../methods/rows";
import { effectiveRows, type FitTools } from "./fit";
import { readRows } from "./rows";
import { Flow, Liveness, type Batches } from "./flow";
import { importanceOf, followOf, hasFreeScale, type Follow } from "./follow";
import { hasGram, inputMoments, type InputMoments } from "./moments";
import { EffectMeter, type Effect } from "./effect";
import { Random } from "../numeric/random";
import { argMax } from "../evaluation/metrics";
import type { RatingOptions } from "./ratings";
import type { Tensor } from "../runtime/runtime";

/** What a way to store a layer costs: bytes in the file and predicted loss (see {@link Effect}; without data a weighted distortion). */
export interface RatedCandidate { layer: Layer; method: string; options: object; bytes: number; bits: number; noise: number; loss: number }

/** A layer, what it could become and how the network takes it. */
export interface LayerSensitivity {
  layer: Layer;
  candidates: RatedCandidate[];
  /** Measured: loss at a relative noise of the layer's outputs. */
  response: ({ noise: number } & Pick<Effect, "loss" | "disagreement" | "lost">)[];
  /** What it could become with a codebook that others of its shape have too; bytes without the codebook. */
  shared?: RatedCandidate[];
}

/** How closely layers are looked at. */
interface Care {
  /** Relative noise energies at which a layer's effect on the outputs is measured. */
  noises: readonly number[];
  /** Share of the samples on which it is measured. */
  share: number;
  /** Codewords are tried out up to this rate; what more bring is extrapolated, for a trial's few rows would flatter them. */
  highestTrial: number;
}

/** In a small network a layer's effect is little more than chance, and looking closely takes seconds. */
const CLOSE: Care = { noises: [0.02, 0.12, 0.5], share: 1, highestTrial: 10 };
/** In a large one more than this changes less than another seed does. */
const COARSE: Care = { noises: [0.03, 0.3], share: 0.5, highestTrial: 8 };
const SMALL_NETWORK = 2e6;
const careFor = (layers: readonly Layer[]): Care => (layers.reduce((sum, { parameters }) => sum + parameters, 0) < SMALL_NETWORK ? CLOSE : COARSE);

/** What a candidate's distortion is measured on, at least. */
const TRIAL_ROWS = 32, TRIAL_WEIGHTS = 131_072;
/** Rows of less, as depthwise convolutions have, are taken by twos: blocks may hold a pair of them. */
const SHORT_ROW = 128;

export interface SensitivityOptions {
  /** Only this method, beside integers; all if absent. */
  method?: string;
  /** This method alone, with these settings if there are any, and only the noise that it makes. */
  asked?: Pick<Asked, "method" | "options">;
  /** Called with each rating as soon as it is there. */
  onRated?(rating: LayerSensitivity): Promise<void>;
}

/** All candidates of a layer over all methods that accept it. */
export function candidatesOf(layer: Layer, scaleIsFree: boolean, { method: only, asked }: Pick<SensitivityOptions, "method" | "asked">): { method: CompressionMethod; candidate: Candidate<object> }[] {
  if (asked?.options) return [{ method: asked.method, candidate: { options: asked.options, bytes: asked.method.bytes(layer, asked.options, scaleIsFree) } }];
  const wanted = asked ? [asked.method] : methods.filter((method) => (only === undefined ? !method.isAsked : method.id === only || method.id === "integer"));
  return wanted.filter((method) => method.accepts(layer) === true)
    .flatMap((method) => method.candidates(layer, scaleIsFree).map((candidate) => ({ method, candidate })))
    .filter(({ candidate }) => candidate.bytes < layer.bytes);
}

/** What layers could become, with bytes alone: nothing is measured. */
export async function listCandidates(model: Model, layers: readonly Layer[], { method, asked }: Pick<RatingOptions, "method" | "asked">): Promise<LayerSensitivity[]> {
  return Promise.all(layers.map(async (layer) => {
    const free = await hasFreeScale(model, layer), own = asked.get(layer), all = [...candidatesOf(layer, free, { method }), ...(own ? candidatesOf(layer, free, { asked: own }) : [])];
    return { layer, response: [], candidates: all.map(({ method: { id }, candidate: { options, bytes } }) => ({ layer, method: id, options, bytes, bits: 8 * bytes / layer.parameters, noise: 0, loss: 0 })) };
  }));
}

/**
 * Rates every candidate of every layer by data: the noise that it puts on the layer's outputs (from their second moments, after correction),
 * and what such noise does to the network's outputs (measured at three levels, interpolated, monotone).
 */
export async function rateWithData(model: Model, layers: readonly Layer[], samples: Batches, tools: FitTools, options: SensitivityOptions = {}): Promise<LayerSensitivity[]> {
  const liveness = new Liveness(model, samples.input);
  const flow = new Flow(liveness, tools.runtime, samples, tools.threads, tools.signal);
  const reference = await flow.compute(liveness.outputs), [outputs] = reference.values();
  const labels = knows(outputs, samples.labels) ? samples.labels : undefined;
  const order = [...layers].sort((a, b) => a.consumers[0].index - b.consumers[0].index), care = careFor(layers);
  const results: LayerSensitivity[] = [];
  const add = async (rating: LayerSensitivity) => {
    results.push(rating);
    await options.onRated?.(rating);
  };
  for (const layer of order) {
    tools.onLayer?.(layer);
    const [node] = layer.consumers;
    const input = node.inputs[node.inputs[1] === layer.weight ? 0 : 1];
    const rows = await readRows(model, layer), follow = await followOf(model, layer), free = follow?.normalization !== undefined;
    if (!liveness.isData(input)) { await add({ layer, candidates: [], response: [] }); continue; }
    await flow.advance(node);
    // a part of the weight tells nothing of what is learned as a whole
    const isWhole = candidatesOf(layer, free, options).some(({ method }) => method.isLearned);
    const seen = await lookAt(layer, rows, flow.get(input), free || follow?.bias !== undefined, tools, isWhole);
    const noisy = await noiseOf(layer, seen.rows, follow, seen.moments?.gram, tools, care, options);
    if (!noisy) { await add({ layer, candidates: [], response: [] }); continue; }
    // how the network takes noise is known by then
    const response = options.asked ? [] : await respond(layer, rows, await directionOf(rows, seen, await noisy.packed()), follow, seen.moments?.answers?.mean, flow, { reference, labels }, care);
    await add({ layer, response, candidates: noisy.candidates.map((c) => ({ layer, ...c, bits: 8 * c.bytes / layer.parameters, loss: interpolate(response, c.noise) })) });
  }
  return results;
}

/** A classifier that is right about fewer of its samples counts its classes in another way than the labels do. */
const LEAST_RIGHT = 0.3;

/** Whether outputs are those of a classifier that knows these labels. */
function knows(outputs: readonly Tensor[], labels: Batches["labels"]): boolean {
  let right = 0, all = 0;
  outputs.forEach(({ data, dims: [count, classes] }, batch) => {
    for (let i = 0; i < count; i++, all++) if (argMax(data.subarray(i * classes, (i + 1) * classes)) === labels?.[batch][i]) right++;
  });
  return right > LEAST_RIGHT * all;
}

/** Inputs that are looked at where a layer has more. */
const SEEN_INPUTS = 1152;
/** Neighbouring channels that are looked at together, as those of one codeword are. */
const RUN = 8;

/** What of a layer is looked at: its weight on some of its input channels, and the second moments of these. */
interface Seen {
  rows: WeightRows;
  /** Positions of these inputs in a row of the whole weight; undefined for all of them. */
  columns?: Uint32Array;
  /** Absent where rows meet different inputs. */
  moments?: InputMoments;
}

async function lookAt(layer: Layer, rows: WeightRows, batches: Tensor[], centred: boolean, { products, pool }: FitTools, isWhole: boolean): Promise<Seen> {
  if (!hasGram(layer)) return { rows };
  const size = kernelSize(layer), all = rows.inputs / size, runs = Math.ceil(SEEN_INPUTS / (size * RUN));
  if (isWhole || 2 * runs * RUN > all) return { rows, moments: await inputMoments(layer, { batches, centred, rows: rows.values }, products, pool) };
  const channels = Uint32Array.from({ length: runs * RUN }, (_, i) => Math.floor(Math.floor(i / RUN) * Math.floor(all / RUN) / runs) * RUN + i % RUN);
  const columns = Uint32Array.from({ length: channels.length * size }, (_, j) => channels[Math.floor(j / size)] * size + j % size), n = columns.length;
  const values = new Float32Array(rows.outputs * n);
  for (let m = 0; m < rows.outputs; m++) for (let j = 0; j < n; j++) values[m * n + j] = rows.values[m * rows.inputs + columns[j]];
  return { rows: { values, outputs: rows.outputs, inputs: n }, columns, moments: await inputMoments(layer, { batches, centred, rows: rows.values, channels }, products, pool) };
}

/** Energies of rows [rows, n] in the metric of the layer's inputs. */
const energiesOf = async (rows: Float32Array, n: number, gram?: Gram): Promise<Float64Array> => (gram ? gram.energies(rows) : rowDots(rows, rows, n));

const total = (values: ArrayLike<number>): number => Array.prototype.reduce.call(values, (sum, v) => (sum as number) + (v as number), 0) as number;

interface Noisy {
  candidates: { method: string; options: object; bytes: number; noise: number }[];
  /** The rows as a middling candidate leaves them. */
  packed(): Promise<PackedWeight>;
}

/** The relative noise of every candidate, as what follows the layer takes it, and a typical direction of it. Words between measured ones are interpolated; what is learned is left out where inputs are not known. */
async function noiseOf(layer: Layer, rows: WeightRows, follow: Follow | undefined, gram: Gram | undefined, tools: FitTools, { highestTrial }: Care, wanted: Pick<SensitivityOptions, "method" | "asked">): Promise<Noisy | undefined> {
  const scaleIsFree = follow?.normalization !== undefined, all = candidatesOf(layer, scaleIsFree, wanted).filter(({ method, candidate }) => (gram || !method.isLearned) && method.accepts(layer, candidate.options, rows) === true);
  if (!all.length) return undefined;
  const which = all.some(({ method }) => method.isLearned) ? Array.from({ length: rows.outputs }, (_, m) => m) : trialRows(rows, tools.seed), trial = takeRows(rows, which), n = rows.inputs, importance = importanceOf(follow);
  if (gram) await gram.factor();
  const energyOf = async (values: Float32Array): Promise<number> => total((await energiesOf(values, n, gram)).map((energy, i) => energy * (importance ? importance[which[i]] : 1)));
  const signal = await energyOf(trial.values);
  const context: FitContext = { seed: tools.seed, pool: tools.pool, scaleIsFree, gram, quick: true, learning: tools };
  const measure = async ({ method, candidate }: (typeof all)[number]): Promise<number> => {
    const packed = await method.compress(layer, trial, candidate.options, context);
    const difference = effectiveRows(packed);
    for (let i = 0; i < difference.length; i++) difference[i] -= trial.values[i];
    return Math.max(1e-9, await energyOf(difference) / (signal || 1));
  };
  const measured = new Map<(typeof all)[number], number>();
  const chosen = anchorsOf(all, highestTrial);
  // Two at a time: clustering runs on threads, products on onnxruntime.
  const queue = [...chosen];
  await Promise.all([0, 1].map(async () => {
    for (let c = queue.shift(); c; c = queue.shift()) measured.set(c, await measure(c));
  }));
  const candidates = all.map((c) => ({ method: c.method.id, options: c.candidate.options, bytes: c.candidate.bytes, noise: measured.get(c) ?? between(c, chosen, measured) }));
  const middle = chosen.reduce((best, c) => (Math.abs(Math.log(measured.get(c)! / 0.2)) < Math.abs(Math.log(measured.get(best)! / 0.2)) ? c : best));
  return { candidates, packed: () => middle.method.compress(layer, rows, middle.candidate.options, context) };
}

/** The relative distortion of a weight by everything that its layer could become, without a look at its inputs. */
export async function noiseOfWeights(model: Model, layer: Layer, rows: WeightRows, tools: FitTools, method?: string): Promise<Noisy["candidates"]> {
  return (await noiseOf(layer, rows, await followOf(model, layer), undefined, tools, COARSE, { method }))?.candidates ?? [];
}

/** Noise of a weight, and the mean of what it puts on each output. */
interface Direction { values: Float32Array; mean?: Float64Array }

/** Noise of the whole weight as a packed part of it leaves it, with the energy of each row's own outputs and no part along them. */
async function directionOf(whole: WeightRows, { rows, columns, moments }: Seen, packed: PackedWeight): Promise<Direction> {
  const noise = effectiveRows(packed), n = rows.inputs;
  for (let i = 0; i < noise.length; i++) noise[i] -= rows.values[i];
  const direction = columns ? new Float32Array(whole.values.length) : noise;
  if (columns) for (let m = 0; m < rows.outputs; m++) for (let j = 0; j < n; j++) direction[m * whole.inputs + columns[j]] = noise[m * n + j];
  const answers = moments?.answers, own = answers?.energy ?? rowDots(rows.values, rows.values, n), along = rowDots(noise, answers?.cross ?? rows.values, n);
  const have = await energiesOf(noise, n, moments?.gram), mean = answers && new Float64Array(rows.outputs);
  for (let m = 0; m < rows.outputs; m++) {
    // what is left without the part along the outputs has the energy have − along² ÷ own
    const share = own[m] > 0 ? along[m] / own[m] : 0, left = have[m] - share * along[m];
    const factor = left > 1e-6 * have[m] && Number.isFinite(left) ? Math.sqrt(own[m] / left) : 0;
    if (mean) mean[m] = factor * (meanOf(noise, m, moments.mean) - share * answers.mean[m]); // before the noise itself is changed
    for (let j = m * whole.inputs; j < (m + 1) * whole.inputs; j++) direction[j] = factor * (direction[j] - share * whole.values[j]);
  }
  return { values: direction, mean };
}

function meanOf(rows: Float32Array, m: number, mean: Float64Array): number {
  let sum = 0;
  for (let j = 0; j < mean.length; j++) sum += rows[m * mean.length + j] * mean[j];
  return sum;
}

/** Size of a choice on the scale that noise falls along: bits of an index, or of an integer. */
const rateOf = (options: object): number => ("words" in options && typeof options.words === "number" ? Math.log2(options.words) : "bits" in options && typeof options.bits === "number" ? options.bits : 0);
/** Choices of one family differ in their rate alone. */
const familyOf = ({ method, candidate: { options } }: { method: CompressionMethod; candidate: Candidate<object> }): string => `${method.id}/${JSON.stringify({ ...options, words: undefined, bits: undefined })}`;

/** The choices that are tried out: every fourth bit of a family's rates, and its ends. */
function anchorsOf(all: readonly { method: CompressionMethod; candidate: Candidate<object> }[], highestTrial: number): typeof all[number][] {
  const rates = new Map<string, number[]>();
  const tried = all.filter((c) => rateOf(c.candidate.options) <= highestTrial);
  for (const c of tried) rates.set(familyOf(c), [...rates.get(familyOf(c)) ?? [], rateOf(c.candidate.options)]);
  return tried.filter((c) => {
    const rate = rateOf(c.candidate.options), family = rates.get(familyOf(c))!;
    return rate % 4 === 0 || rate === Math.max(...family) || rate === Math.min(...family);
  });
}

/** Noise between two measured neighbours of a family, or beyond its last: its logarithm is nearly linear in the rate. */
function between(c: { method: CompressionMethod; candidate: Candidate<object> }, anchors: (typeof c)[], measured: Map<typeof c, number>): number {
  const x = rateOf(c.candidate.options);
  const family = anchors.filter((a) => familyOf(a) === familyOf(c)).sort((a, b) => rateOf(a.candidate.options) - rateOf(b.candidate.options));
  if (family.length === 1) return measured.get(family[0])!;
  const above = family.findIndex((a) => rateOf(a.candidate.options) > x), i = above < 0 ? family.length - 1 : Math.max(1, above);
  const [low, high] = [family[i - 1], family[i]], a = rateOf(low.candidate.options), b = rateOf(high.candidate.options);
  const t = (x - a) / (b - a);
  return Math.min(0.99, Math.exp((1 - t) * Math.log(measured.get(low)!) + t * Math.log(measured.get(high)!)));
}

/** The rows that candidates are tried out on. */
function trialRows({ outputs, inputs }: WeightRows, seed: number): number[] {
  const wanted = Math.max(TRIAL_ROWS, inputs < SHORT_ROW ? 2 * Math.ceil(TRIAL_WEIGHTS / inputs / 2) : Math.ceil(TRIAL_WEIGHTS / inputs));
  return wanted >= outputs ? Array.from({ length: outputs }, (_, m) => m) : Array.from(new Random(seed, 7).permutation(outputs).subarray(0, wanted)).sort((a, b) => a - b);
}

function takeRows(rows: WeightRows, which: readonly number[]): WeightRows {
  const { values, outputs, inputs } = rows;
  if (which.length === outputs) return rows;
  const taken = new Float32Array(which.length * inputs);
  which.forEach((m, i) => taken.set(values.subarray(m * inputs, (m + 1) * inputs), i * inputs));
  return { values: taken, outputs: which.length, inputs };
}

/** KL and disagreement of the outputs when a layer's outputs carry noise of a given share of their energy, their own energy and mean kept. */
async function respond(
  layer: Layer, rows: WeightRows, direction: Direction, follow: Follow | undefined, outputMean: Float64Array | undefined,
  flow: Flow, { reference, labels }: { reference: Map<string, Tensor[]>; labels?: readonly Int32Array[] }, { noises, share }: Care,
): Promise<LayerSensitivity["response"]> {
  const offset = outputMean && (follow?.normalization?.mean ?? follow?.bias), sign = follow?.normalization ? 1 : -1;
  const free = [{ name: layer.weight, dims: layer.dims, type: layer.type }, ...(offset ? [offset] : [])];
  const session = await flow.open([...reference.keys()], free);
  const response: LayerSensitivity["response"] = [];
  try {
    for (const noise of noises) {
      const keep = Math.sqrt(1 - noise), add = Math.sqrt(noise);
      const noisy = rows.values.map((w, i) => keep * w + add * direction.values[i]);
      const given: Record<string, Tensor> = { [layer.weight]: { dims: layer.dims, data: fromRows(layer, noisy) } };
      // every channel keeps its mean: it is subtracted in a normalization, added by a bias
      if (offset && direction.mean) given[offset.name] = { dims: offset.dims, data: offset.values.map((v, m) => v + sign * ((keep - 1) * outputMean[m] + add * direction.mean![m])) };
      const meter = new EffectMeter(reference, labels);
      await flow.each(session, given, (batch, values) => meter.add(batch, values), Math.ceil(share * flow.batches));
      const { loss, disagreement, lost } = meter.effect;
      response.push({ noise, loss, disagreement, lost });
    }
  } finally {
    await session.release();
  }
  return monotone(response);
}

/** More noise never costs less. */
function monotone(response: LayerSensitivity["response"]): LayerSensitivity["response"] {
  for (let i = response.length - 2; i >= 0; i--) response[i].loss = Math.min(response[i].loss, response[i + 1].loss);
  return response;
}

/** Loss at a noise between the measured ones, log against log; below the first it is proportional to the noise. */
export function interpolate(response: LayerSensitivity["response"], noise: number): number {
  const points = response.filter(({ loss }) => loss > 0);
  if (!points.length) return 1e-9 * noise;
  if (noise <= points[0].noise) return points[0].loss * noise / points[0].noise;
  for (let i = 1; i < points.length; i++) {
    if (noise > points[i].noise && i < points.length - 1) continue;
    const [a, b] = [points[i - 1], points[i]];
    const slope = Math.max(0.5, Math.log(b.loss / a.loss) / Math.log(b.noise / a.noise));
    return noise <= b.noise ? a.loss * (b.loss / a.loss) ** (Math.log(noise / a.noise) / Math.log(b.noise / a.noise)) : b.loss * (noise / b.noise) ** Math.max(1, slope);
  }
  return points[0].loss * noise / points[0].noise;
}

/** More outputs than this are not believed to average noise out any better: the outputs of a classifier do not. */
const WIDEST_RELIED_ON = 512;

/**
 * Rates candidates without data: relative distortion of the weight, times a weight for each layer. What depth and width do is not measured, so every layer's
 * relative noise counts alike per layer, more where few weights must carry much: the layer's share of noise is divided by the number of inputs that average it out.
 */
export async function rateWithoutData(model: Model, layers: readonly Layer[], tools: FitTools, options: SensitivityOptions = {}): Promise<LayerSensitivity[]> {
  const results: LayerSensitivity[] = [], care = careFor(layers);
  for (const layer of layers) {
    tools.onLayer?.(layer);
    const rows = await readRows(model, layer), follow = await followOf(model, layer);
    const noisy = await noiseOf(layer, rows, follow, undefined, tools, care, options);
    const candidates = (noisy?.candidates ?? []).map((c) => ({ layer, ...c, bits: 8 * c.bytes / layer.parameters, loss: c.noise / Math.sqrt(Math.min(outputsOf(layer), WIDEST_RELIED_ON)) }));
    const rating: LayerSensitivity = { layer, candidates, response: [] };
    results.push(rating);
    await options.onRated?.(rating);
  }
  return results;
}
