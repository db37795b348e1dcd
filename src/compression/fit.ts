import { DataType } from "../onnx/tensor";
import type { TensorData } from "../onnx/edit";
import type { Layer } from "../onnx/layers";
import type { Model } from "../onnx/model";
import type { FitContext, PackedWeight, WeightRows } from "../methods/method";
import { methodById } from "../methods/registry";
import { fromRows, outputsOf, scaleRows, toRows } from "../methods/rows";
import { withScale } from "../methods/scale";
import { floatToBrain, floatToHalf } from "../numeric/half";
import type { ComputePool } from "../numeric/tasks";
import { CancelledError } from "../protocol/errors";
import type { Products } from "../runtime/products";
import type { Runtime, Tensor } from "../runtime/runtime";
import { bookOf, learnBooks, type Books } from "./books";
import { Flow, isReached, Liveness, type Batches } from "./flow";
import { absorb, affineFrom, followOf, importanceOf, type Affine, type Follow, type OwnVector } from "./follow";
import { channelMoments, hasGram, inputMoments } from "./moments";
import { EffectMeter, type Effect } from "./effect";
import { readRows } from "./rows";
import { relativeGains, sqnr } from "./seen";

/** What the plan says for one layer. */
export interface LayerChoice {
  layer: Layer;
  method: string;
  options: object;
  /** Predicted loss for each unit of noise on its outputs. */
  slope?: number;
}

/** A layer as it will be written. */
export interface FittedLayer {
  layer: Layer;
  packed: PackedWeight;
  /** New values of what stands behind it. */
  absorbed: OwnVector[];
  /** Signal to quantization noise of the weight as inference sees it, dB. */
  sqnrDb: number;
}

export interface FitTools {
  runtime: Runtime;
  pool: ComputePool;
  products: Products;
  seed: number;
  threads?: number;
  signal?: AbortSignal;
  /** What the network's outputs are held against, batch by batch; its own without any compression if absent. */
  reference?: Map<string, Tensor[]>;
  /** Called when a layer is begun. */
  onLayer?(layer: Layer): void;
  /** Called when much memory of a layer is dead. */
  tidy?(layer: Layer): void;
  /** Results of an earlier run of the same job. */
  restored?(layer: Layer): Promise<FittedLayer | undefined>;
  onFitted?(fitted: FittedLayer): Promise<void>;
  restoredBooks?(sharers: ReadonlyMap<string, readonly LayerChoice[]>): Promise<Books | undefined>;
  onBooks?(books: Books): Promise<void>;
}

/** Rows that the compressed layer stands for, its scale included wherever it is kept. */
export function effectiveRows(packed: PackedWeight): Float32Array {
  const rows = methodById(packed.method).restore(packed);
  return packed.scaleStorage === "elsewhere" ? scaleRows(rows, packed.scale) : rows;
}

/** The same rows as inference sees them: with what the normalization behind has taken over, a corrected variance included. */
export function seenIn({ packed, absorbed }: Pick<FittedLayer, "packed" | "absorbed">, follow: Follow | undefined, original: Float32Array): Float32Array {
  const gamma = follow?.normalization?.scale, taken = absorbed.find(({ name }) => name === gamma?.name), rows = methodById(packed.method).restore(packed);
  return gamma && taken ? scaleRows(rows, relativeGains(rows, taken.values, original, gamma.values)) : effectiveRows(packed);
}

/** A fitted layer with its SQNR. */
export function measured(fitted: Omit<FittedLayer, "sqnrDb">, follow: Follow | undefined, { values }: WeightRows): FittedLayer {
  return { ...fitted, sqnrDb: sqnr(values, seenIn(fitted, follow, values)) };
}

/** Weights that are fitted at once without data, unless one layer alone has more. */
const WEIGHTS_AT_ONCE = 1.2e7;

/** Compresses layers one by one without data: distortion weighted by what the layer's scale makes of it. Each is given to `use` and forgotten. */
export async function fitWithoutData(model: Model, choices: readonly LayerChoice[], tools: FitTools, use: (fitted: FittedLayer) => void): Promise<void> {
  // As many layers at once as there are threads and memory; the largest first, so that none is left over at the end.
  const order = [...choices].sort((a, b) => b.layer.parameters - a.layer.parameters);
  const largest = order[0]?.layer.parameters ?? 0, books = await learnBooks(model, choices, tools);
  const next = async (): Promise<void> => {
    for (let choice = order.shift(); choice; choice = order.shift()) {
      const { layer, method, options } = choice;
      const done = await tools.restored?.(layer);
      if (done) { use(done); continue; }
      if (tools.signal?.aborted) throw new CancelledError();
      tools.onLayer?.(layer);
      const rows = await readRows(model, layer), follow = await followOf(model, layer);
      const free = follow?.normalization !== undefined;
      const packed = await methodById(method).compress(layer, rows, options, { seed: tools.seed, pool: tools.pool, scaleIsFree: free, book: books.get(bookOf(options) ?? "") });
      tools.tidy?.(layer);
      const result = measured({ layer, packed, absorbed: follow && free ? absorb(follow, identity(outputsOf(layer)), packed.scale) : [] }, follow, rows);
      await tools.onFitted?.(result);
      use(result);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(tools.pool.threads, Math.floor(WEIGHTS_AT_ONCE / largest))) }, next));
}

const identity = (channels: number) => ({ factor: new Float64Array(channels).fill(1), offset: new Float64Array(channels) });

/** A network on its way to the compressed one: what differs from the file. */
export interface Variant {
  layers: readonly FittedLayer[];
  /** Constants that are no layer's weight. */
  vectors: readonly OwnVector[];
  /** Weights of layers that are not compressed yet. */
  weights: ReadonlyMap<Layer, Float32Array>;
}

/** All layers of a plan, what the network's outputs became on the samples that it was fitted to, and what the layers that share codebooks met in it. */
export interface Fitted { layers: FittedLayer[]; effect: Effect; met: ReadonlyMap<Layer, FitContext> }

/**
 * Compresses a plan's layers in the order of the network. Each sees the inputs that the layers compressed before it produce,
 * moves its target so that it answers the original's inputs, corrects assignments and codewords against its outputs' second moments, and
 * brings every output channel's mean and variance back to the original's through what follows it, where that brings the network's outputs nearer.
 * @param from the network that is compressed, where that is another than the file's
 * @param met what the layers that share codebooks met in an earlier fit: better to learn these from than the original
 */
export async function fitWithData(model: Model, choices: readonly LayerChoice[], samples: Batches, tools: FitTools, from?: Variant, met?: Fitted["met"]): Promise<Fitted> {
  const liveness = new Liveness(model, samples.input);
  const original = new Flow(liveness, tools.runtime, samples, tools.threads, tools.signal);
  const compressed = new Flow(liveness, tools.runtime, samples, tools.threads, tools.signal);
  const reference = tools.reference ?? await original.compute(liveness.outputs);
  if (from) for (const flow of [original, compressed]) become(flow, from);
  const order = [...choices].sort((a, b) => a.layer.consumers[0].index - b.layer.consumers[0].index);
  const fitted = new Map<Layer, FittedLayer>(), books = await learnBooks(model, choices, tools, { liveness, samples }, met), place = { original, compressed, liveness, reference, books, from }, meets = new Map<Layer, FitContext>();
  for (const choice of order) {
    const restored = await tools.restored?.(choice.layer), shares = bookOf(choice.options) !== undefined;
    if (!restored) tools.onLayer?.(choice.layer);
    // streams go on in the same steps as without the interruption, so that all later layers see the same bits
    if (isReached(choice.layer, liveness)) for (const flow of [original, compressed]) await flow.advance(choice.layer.consumers[0]);
    const seen = restored && !shares ? undefined : await lookAt(model, choice, place, tools);
    if (seen && shares) meets.set(choice.layer, seen.context);
    const result = restored ?? await fitLayer(choice, seen!, place);
    fitted.set(choice.layer, result);
    substitute(compressed, result);
    await tools.onFitted?.(result);
  }
  const meter = new EffectMeter(reference), outputs = await compressed.compute(liveness.outputs);
  for (let batch = 0; batch < compressed.batches; batch++) meter.add(batch, valuesOf(outputs, batch));
  return { layers: choices.map(({ layer }) => fitted.get(layer)!), effect: meter.effect, met: meets };
}

/** What a fitted network loses on other samples, batch by batch. @param original what it is held against */
export async function lossesOn(model: Model, layers: readonly FittedLayer[], samples: Batches, tools: FitTools, original = model): Promise<number[]> {
  const { wanted, outputs } = await outputsOn(model, layers, samples, tools, original);
  return samples.batches.map((_, batch) => {
    const meter = new EffectMeter(wanted);
    meter.add(batch, valuesOf(outputs, batch));
    return meter.effect.loss;
  });
}

/** What a fitted network does on other samples. */
export async function effectOn(model: Model, layers: readonly FittedLayer[], samples: Batches, tools: FitTools): Promise<Effect> {
  const { wanted, outputs } = await outputsOn(model, layers, samples, tools, model), meter = new EffectMeter(wanted, samples.labels);
  for (let batch = 0; batch < samples.batches.length; batch++) meter.add(batch, valuesOf(outputs, batch));
  return meter.effect;
}

/** Outputs of the original and of a fitted network. */
async function outputsOn(model: Model, layers: readonly FittedLayer[], samples: Batches, { runtime, threads, signal }: FitTools, original: Model): Promise<Record<"wanted" | "outputs", Map<string, Tensor[]>>> {
  const liveness = new Liveness(model, samples.input), other = original === model ? liveness : new Liveness(original, samples.input), [first, compressed] = [other, liveness].map((own) => new Flow(own, runtime, samples, threads, signal));
  for (const layer of layers) substitute(compressed, layer);
  return { wanted: await first.compute(other.outputs), outputs: await compressed.compute(liveness.outputs) };
}

/** The values of one batch. */
const valuesOf = (outputs: ReadonlyMap<string, readonly Tensor[]>, batch: number): Record<string, Tensor> => Object.fromEntries(Array.from(outputs, ([name, tensors]) => [name, tensors[batch]]));

/** Where a fit stands in the network: what flows through the one that is compressed and through the result, and the outputs that are wanted. */
interface Place { original: Flow; compressed: Flow; liveness: Liveness; reference: Map<string, Tensor[]>; books: Books; from?: Variant }

/** A layer as it meets the streams: its rows, what they should become, and what stands behind it. */
interface Seen { rows: WeightRows; follow: Follow | undefined; context: FitContext }

async function lookAt(model: Model, { layer, options }: LayerChoice, { original, compressed, liveness, books, from }: Place, tools: FitTools): Promise<Seen> {
  const [node] = layer.consumers, changed = from && new Map(from.vectors.map(({ name, values }) => [name, values])), weight = from?.weights.get(layer);
  const rows = weight ? toRows(layer, weight) : await readRows(model, layer), follow = await followOf(model, layer, changed);
  const free = follow?.normalization !== undefined;
  const context: FitContext = { seed: tools.seed, pool: tools.pool, scaleIsFree: free, importance: importanceOf(follow), book: books.get(bookOf(options) ?? ""), learning: tools };
  if (isReached(layer, liveness) && hasGram(layer)) {
    const input = node.inputs[0], centred = free || follow?.bias !== undefined;
    const { gram, answers } = await inputMoments(layer, { batches: original.get(input), drifted: compressed.get(input), centred, rows: rows.values }, tools.products, tools.pool);
    context.gram = gram;
    if (answers) context.target = await movedTarget(rows.values, gram, answers.cross);
  }
  return { rows, follow, context };
}

async function fitLayer({ layer, method, options }: LayerChoice, { rows, follow, context }: Seen, { original, compressed, liveness, reference }: Place): Promise<FittedLayer> {
  const packed = await methodById(method).compress(layer, rows, options, context);
  if (!isReached(layer, liveness)) return measured({ layer, packed, absorbed: follow?.normalization ? absorb(follow, identity(outputsOf(layer)), packed.scale) : [] }, follow, rows);
  const effective = effectiveRows(packed);
  if (!follow) return measured({ layer, packed, absorbed: [] }, follow, rows);
  const plain: TensorData = plainWeight(layer, effective);
  const y = (await original.compute([follow.output])).get(follow.output)!;
  const z = (await compressed.compute([follow.output], new Map([[layer.weight, plain]]))).get(follow.output)!;
  const affine = affineFrom(channelMoments(y, z, outputsOf(layer), !layer.convolution), packed.scaleStorage === "one");
  return measured(await bestOf([affine, identity(outputsOf(layer))].map((map) => withAffine(layer, packed, follow, map)), compressed, reference), follow, rows);
}

/** A layer whose outputs are brought back by a factor and an offset for each channel, in what follows it and in its own scale. */
function withAffine(layer: Layer, packed: PackedWeight, follow: Follow, affine: Affine): Omit<FittedLayer, "sqnrDb"> {
  if (follow.normalization) return { layer, packed, absorbed: absorb(follow, affine, packed.scale) };
  const scale = packed.scale.map((s, m) => Math.fround(s * affine.factor[m])), offset = follow.bias ? affine.offset : new Float64Array(scale.length);
  return { layer, packed: withScale(packed, scale), absorbed: absorb(follow, { ...affine, offset }, new Float64Array(scale.length).fill(1)) };
}

/** Batches that tell whether a correction helps. */
const TRIED_BATCHES = 2;

/** The variant of a fitted layer that changes the network's outputs least while the layers behind it are still the original's. */
async function bestOf<F extends Omit<FittedLayer, "sqnrDb">>(variants: readonly F[], flow: Flow, reference: Map<string, Tensor[]>): Promise<F> {
  const tensors = variants.map(({ layer, packed, absorbed }) => [
    { name: layer.weight, dims: layer.dims, type: layer.type, data: fromRows(layer, methodById(packed.method).restore(packed)) }, ...absorbed.map(({ values, ...vector }) => ({ ...vector, data: values })),
  ]);
  const session = await flow.open([...reference.keys()], tensors[0]);
  try {
    let best = variants[0], least = Infinity;
    for (const [i, variant] of variants.entries()) {
      const meter = new EffectMeter(reference);
      await flow.each(session, Object.fromEntries(tensors[i].map(({ name, dims, data }) => [name, { dims, data }])), (batch, values) => meter.add(batch, values), TRIED_BATCHES);
      if (meter.effect.loss < least) { best = variant; least = meter.effect.loss; }
    }
    return best;
  } finally {
    await session.release();
  }
}

/** Makes a stream that of another network. */
function become(flow: Flow, { layers, vectors, weights }: Variant): void {
  for (const [layer, weight] of weights) flow.replaced.set(layer.weight, floatTensor({ name: layer.weight, dims: layer.dims, type: layer.type, values: weight }));
  for (const vector of vectors) flow.replaced.set(vector.name, floatTensor(vector));
  for (const fitted of layers) substitute(flow, fitted);
}

/** Puts a fitted layer into a stream. */
export function substitute(flow: Flow, { layer, packed, absorbed }: FittedLayer): void {
  flow.replaced.set(layer.weight, plainWeight(layer, methodById(packed.method).restore(packed)));
  for (const vector of absorbed) flow.replaced.set(vector.name, floatTensor(vector));
}

/**
 * Rows w* that do with drifted inputs x̃ what w did with x: least squares of w*·x̃ against w·x, drawn to w by the damping.
 * w* = (E[w·x·x̃ᵀ] + λ·w)·(E[x̃·x̃ᵀ] + λ)⁻¹
 * @param cross E[w·x·x̃ᵀ]
 */
export async function movedTarget(rows: Float32Array, gram: NonNullable<FitContext["gram"]>, cross: Float32Array): Promise<Float32Array> {
  const { damping: lambda } = await gram.factor();
  return gram.solve(cross.map((v, i) => v + lambda * rows[i]));
}

/** A tensor of floats in the type that a model has it in. */
export function floatTensor({ name, dims, type, values }: OwnVector): TensorData {
  const stored = type === DataType.FLOAT16 ? Uint16Array.from(values, floatToHalf) : type === DataType.DOUBLE ? Float64Array.from(values) : type === DataType.BFLOAT16 ? Uint16Array.from(values, floatToBrain) : values;
  return { name, dims, type, raw: new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength) };
}

/** Rows as the layer's own weight tensor. */
export const plainWeight = (layer: Layer, rows: Float32Array): TensorData => floatTensor({ name: layer.weight, dims: layer.dims, type: layer.type, values: fromRows(layer, rows) });
