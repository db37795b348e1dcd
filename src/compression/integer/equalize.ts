import { fromRows, outputsOf, inputsOf, kernelSize } from "../../methods/rows";
import { constantTensor } from "../../onnx/constants";
import { ModelEdit } from "../../onnx/edit";
import { extract } from "../../onnx/extract";
import { findLayers, type Layer } from "../../onnx/layers";
import { editedModel } from "../../onnx/memory";
import type { Model, Node } from "../../onnx/model";
import { DataType, readFloats } from "../../onnx/tensor";
import type { Runtime, Tensor } from "../../runtime/runtime";
import { throwIfCancelled } from "../../protocol/errors";
import { floatTensor } from "../fit";
import { readRows } from "../rows";
import { Reductions, type Reduced } from "./reductions";

/** Two layers with nothing between them that would not let a positive factor through. */
interface Pair { before: Layer; after: Layer; /** What the second one reads. */ value: string }

/** f(s·x) = s·f(x) for s > 0, channel by channel. */
const HOMOGENEOUS = new Set(["Relu", "LeakyRelu", "MaxPool", "AveragePool", "GlobalAveragePool", "Identity", "Flatten"]);
/** How far a channel's factor goes towards one range for all: from not at all. */
const STRENGTHS = [0, 0.25, 0.5, 0.75, 1];
/** Expected noise has to fall below this share of what it was, as by one bit more: where channels are alike, nothing is gained by touching them. */
const WORTH_IT = 0.25;
/** Samples that are looked at first. */
const FIRST = 64;
/** The largest factor: channels that hardly ever do anything stay so. */
const MOST = 4096;
/** Passes over all pairs: what one changes, the next one sees. */
const ROUNDS = 3;

/**
 * Cross-layer equalisation (Nagel et al.: arXiv 1906.04721, §4.1), for activations that have one grid for all channels: channels of a value that differ much in range are brought nearer
 * to each other by factors that the layer before takes into its outputs and the layer behind, inversely, into its inputs. A pair is changed where the noise that is to be expected behind it falls.
 * @returns the model with equalised weights, and how many pairs of layers were changed
 */
export async function equalize(model: Model, input: string, batches: readonly Tensor[], runtime: Runtime, { threads, signal }: { threads?: number; signal?: AbortSignal } = {}): Promise<{ model: Model; pairs: number }> {
  const pairs = pairsOf(model);
  if (!pairs.length) return { model, pairs: 0 };
  const rows = new Map<Layer, Float32Array>(), biases = new Map<Layer, Float32Array>(), changed = new Set<Pair>();
  for (const layer of new Set(pairs.flatMap(({ before, after }) => [before, after]))) rows.set(layer, (await readRows(model, layer)).values.slice());
  for (const { before } of pairs) {
    const bias = biasOf(before);
    if (bias) biases.set(before, (await readFloats(model, bias)).slice());
  }
  const look = (some: readonly Tensor[]) => channelsSeen(model, pairs.map(({ value }) => value), input, some, runtime, threads, signal);
  const factorsFor = ({ after, value }: Pair, seen: ReadonlyMap<string, Channels>) => bestFactors(seen.get(value)!, columnsOf(after, rows.get(after)!, seen.get(value)!.peak.length));
  // a few samples tell whether there is anything to do
  const few = batches.slice(0, Math.ceil(FIRST / batches[0].dims[0]));
  let seen = await look(few);
  if (!pairs.some((pair) => factorsFor(pair, seen))) return { model, pairs: 0 };
  if (batches.length > few.length) seen = await look(batches);
  for (let round = 0; round < ROUNDS; round++) for (const pair of pairs) {
    const { before, after, value } = pair, channels = seen.get(value)!, factors = factorsFor(pair, seen);
    if (!factors) continue;
    changed.add(pair);
    scaleOutputs(before, rows.get(before)!, biases.get(before), factors);
    scaleInputs(after, rows.get(after)!, factors);
    factors.forEach((factor, c) => { channels.peak[c] /= factor; channels.square[c] /= factor * factor; });
  }
  if (!changed.size) return { model, pairs: 0 };
  const edit = new ModelEdit(model);
  for (const [layer, values] of rows) edit.replaceInitializer(layer.graph, layer.weight, floatTensor({ name: layer.weight, dims: layer.dims, type: layer.type, values: fromRows(layer, values) }));
  for (const [{ graph, consumers: [node] }, values] of biases) edit.replaceInitializer(graph, node.inputs[2], floatTensor({ name: node.inputs[2], dims: constantTensor(graph, node.inputs[2])!.dims, type: DataType.FLOAT, values }));
  return { model: await editedModel(edit), pairs: changed.size };
}

/** Layers that may be changed: with weight and bias of their own. */
const isOpen = ({ blocked, consumers, type, tensor, graph, weight, op, groups, dims, outputAxis }: Layer): boolean => {
  const [node] = consumers, own = (name: string) => (graph.consumers.get(name)?.length ?? 0) === 1 && (graph.initializers.has(name) || graph.producers.get(name)?.op === "Constant");
  return blocked === undefined && consumers.length === 1 && type === DataType.FLOAT && tensor !== undefined && own(weight) && (op === "Conv" || op === "Gemm") && (!node.inputs[2] || (own(node.inputs[2]) && biasOf({ graph, consumers })?.count === dims[op === "Gemm" && outputAxis === 1 ? 1 : 0])) && (groups === 1 || dims[1] === 1);
};

const biasOf = ({ graph, consumers: [node] }: Pick<Layer, "graph" | "consumers">) => (node.inputs[2] ? constantTensor(graph, node.inputs[2]) : undefined);

function pairsOf(model: Model): Pair[] {
  const { graph } = model, layers = findLayers(model).filter(isOpen), byNode = new Map<Node, Layer>(layers.map((layer) => [layer.consumers[0], layer])), pairs: Pair[] = [];
  for (const before of layers) {
    let [value] = before.consumers[0].outputs;
    for (;;) {
      const users = graph.consumers.get(value) ?? [], [node] = users, after = byNode.get(node);
      if (users.length !== 1 || graph.outputs.some(({ name }) => name === value)) break;
      if (after && node.inputs[0] === value) {
        if (channelsOf(after) === outputsOf(before)) pairs.push({ before, after, value });
        break;
      }
      if (!HOMOGENEOUS.has(node.op)) break;
      [value] = node.outputs;
    }
  }
  return pairs;
}

const isDepthwise = ({ groups, dims }: Layer): boolean => groups > 1 && dims[1] === 1 && dims[0] === groups;
/** Channels that a layer reads. */
const channelsOf = (layer: Layer): number => (layer.groups > 1 ? layer.groups : inputsOf(layer) / kernelSize(layer));

interface Channels { /** Largest absolute value. */ peak: Float64Array; /** Mean square. */ square: Float64Array }

/** What each channel of some values spans on calibration samples. */
async function channelsSeen(model: Model, values: readonly string[], input: string, batches: readonly Tensor[], runtime: Runtime, threads?: number, signal?: AbortSignal): Promise<Map<string, Channels>> {
  const reductions = new Reductions(model, values, ["least", "most", "meanSquare"]), session = await runtime.open(await extract(model, { inputs: [], ...reductions.part }), { threads, device: "cpu" }), seen = new Map<string, Channels>();
  let count = 0;
  try {
    for (const batch of batches) {
      throwIfCancelled(signal);
      const results = await session.run({ [input]: batch });
      count += batch.dims[0];
      for (const name of values) {
        const { least, most, meanSquare, channels } = reductions.of(name, results) ?? asReduced(results[name]), known = seen.get(name) ?? { peak: new Float64Array(channels), square: new Float64Array(channels) };
        seen.set(name, known);
        for (let i = 0; i < most.length; i++) {
          const c = i % channels, peak = Math.max(-least[i], most[i]);
          if (peak > known.peak[c]) known.peak[c] = peak;
          known.square[c] += meanSquare[i];
        }
      }
    }
  } finally {
    await session.release();
  }
  for (const { square } of seen.values()) square.forEach((sum, c) => { square[c] = sum / count; });
  return seen;
}

/** Of a value [samples, channels]. */
const asReduced = ({ data, dims: [, channels] }: Tensor): Reduced => ({ least: data, most: data, mean: data, meanSquare: data.map((v) => v * v), channels });

/** How a layer reads its channels: energy of the weights of each, and for each output the largest weight of each channel; one output for each channel where it is depthwise. */
interface Columns { energy: Float64Array; /** [outputs, channels] */ peaks?: Float64Array; outputs: number }

function columnsOf(layer: Layer, rows: Float32Array, channels: number): Columns {
  const size = kernelSize(layer), outputs = outputsOf(layer), energy = new Float64Array(channels);
  if (isDepthwise(layer)) {
    rows.forEach((v, i) => { energy[Math.floor(i / size)] += v * v; });
    return { energy, outputs };
  }
  const peaks = new Float64Array(outputs * channels);
  rows.forEach((v, i) => {
    const m = Math.floor(i / size);
    energy[m % channels] += v * v;
    peaks[m] = Math.max(peaks[m], Math.abs(v));
  });
  return { energy, peaks, outputs };
}

/** The factors by which the layer before is to be divided; undefined where none are worth it. */
function bestFactors({ peak, square }: Channels, { energy, peaks, outputs }: Columns): Float64Array | undefined {
  const channels = peak.length, largest = new Float64Array(channels).fill(1);
  if (peaks) largest.fill(0);
  peaks?.forEach((v, i) => { largest[i % channels] = Math.max(largest[i % channels], v); });
  const noise = (factors: Float64Array): number => {
    let range = 0, inputs = 0, activations = 0;
    for (let c = 0; c < channels; c++) {
      range = Math.max(range, peak[c] / factors[c]);
      inputs += square[c] / factors[c] ** 2;
      activations += energy[c] * factors[c] ** 2;
    }
    let weights = 0;
    // a depthwise layer has a grid for each channel
    if (peaks) for (let m = 0; m < outputs; m++) {
      let most = 0;
      for (let c = 0; c < channels; c++) most = Math.max(most, peaks[m * channels + c] * factors[c]);
      weights += (most / 127) ** 2;
    }
    return activations * (range / 255) ** 2 + weights * inputs;
  };
  const ones = new Float64Array(channels).fill(1), before = noise(ones);
  let best: Float64Array | undefined, least = WORTH_IT * before;
  for (const strength of STRENGTHS) for (const weighed of peaks ? [0, 1 - strength] : [0]) {
    const raw = peak.map((p, c) => (p > 0 && largest[c] > 0 ? p ** strength / largest[c] ** weighed : 0)), alive = raw.filter((v) => v > 0);
    const middle = Math.exp(alive.reduce((sum, v) => sum + Math.log(v), 0) / (alive.length || 1));
    const factors = raw.map((v) => (v > 0 ? Math.fround(Math.min(MOST, Math.max(1 / MOST, v / middle))) : 1)), now = noise(factors);
    if (now < least) { least = now; best = factors; }
  }
  return best;
}

function scaleOutputs(layer: Layer, rows: Float32Array, bias: Float32Array | undefined, factors: Float64Array): void {
  const inputs = inputsOf(layer);
  factors.forEach((factor, m) => {
    for (let j = m * inputs; j < (m + 1) * inputs; j++) rows[j] /= factor;
    if (bias) bias[m] /= factor;
  });
}

function scaleInputs(layer: Layer, rows: Float32Array, factors: Float64Array): void {
  const size = kernelSize(layer), channels = factors.length;
  for (let i = 0; i < rows.length; i++) rows[i] *= factors[Math.floor(i / size) % channels];
}
