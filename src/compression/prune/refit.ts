import type { Channels } from "../../onnx/channels/channels";
import type { TensorData } from "../../onnx/edit";
import type { Layer } from "../../onnx/layers";
import type { Model } from "../../onnx/model";
import { inputsOf, kernelSize, outputsOf } from "../../methods/rows";
import { EffectMeter, type Effect } from "../effect";
import { floatTensor, movedTarget, plainWeight, type FitTools } from "../fit";
import { Flow, isReached, Liveness, type Batches } from "../flow";
import { followOf, type Follow } from "../follow";
import { hasGram, inputMoments } from "../moments";
import { readRows } from "../rows";
import type { Tensor } from "../../runtime/runtime";
import { keptInputs, moved, reads, takesOffsets } from "./reading";

/** New constants of a network without some channels, in the sizes of the original, and what its outputs became on the samples that it was fitted to. */
export interface Refitted { changed: Map<string, TensorData>; effect: Effect }

/**
 * Fits the weights of a network that has lost channels, layer by layer in its order: each does with what still comes to it, as nearly as it can, what the original's does (least squares, as in
 * channel pruning of He, Zhang, Sun: arXiv 1707.06168, §3.1); the mean of what it does not goes into the bias or normalization behind it.
 * @param whole layers that keep their weights
 */
export async function refit(model: Model, { layers }: Channels, gone: ReadonlySet<number>, samples: Batches, tools: FitTools, whole: (layer: Layer) => boolean = () => false, onLayer: (layer: Layer, share: number) => void = () => undefined): Promise<Refitted> {
  const liveness = new Liveness(model, samples.input), [original, pruned] = [0, 1].map(() => new Flow(liveness, tools.runtime, samples, tools.threads, tools.signal));
  const reference = await original.compute(liveness.outputs), order = [...layers.keys()].filter((layer) => !whole(layer)).sort((a, b) => a.consumers[0].index - b.consumers[0].index);
  const begin = order.findIndex((layer) => reads(layers.get(layer)!, gone));
  for (const [i, layer] of (begin < 0 ? [] : order.slice(begin)).entries()) {
    const isCut = reads(layers.get(layer)!, gone);
    if (!isCut && !(isReached(layer, liveness) && hasGram(layer))) continue;
    onLayer(layer, i / (order.length - begin));
    for (const flow of [original, pruned]) await flow.advance(layer.consumers[0]);
    for (const tensor of await refitLayer(model, layer, isCut ? keptInputs(layers.get(layer)!, gone) : undefined, original, pruned, liveness, tools)) pruned.replaced.set(tensor.name, tensor);
  }
  const meter = new EffectMeter(reference), outputs = await pruned.compute(liveness.outputs);
  for (let batch = 0; batch < pruned.batches; batch++) meter.add(batch, Object.fromEntries([...outputs].map(([name, tensors]) => [name, tensors[batch]])));
  return { changed: pruned.replaced, effect: meter.effect };
}

async function refitLayer(model: Model, layer: Layer, channels: Uint32Array | undefined, original: Flow, pruned: Flow, liveness: Liveness, { products, pool }: FitTools): Promise<TensorData[]> {
  const input = layer.consumers[0].inputs[0], { values } = await readRows(model, layer), follow = await followOf(model, layer), centred = takesOffsets(follow);
  const wanted = await wantedBesides(layer, follow, original, pruned, liveness);
  const { gram, mean, answers } = await inputMoments(layer, { batches: original.get(input), drifted: pruned.get(input), centred, rows: values, wanted, channels }, products, pool);
  const kept = channels ? columns(layer, values, channels) : values, target = await movedTarget(kept, gram, answers!.cross), n = gram.n;
  const offset = Float64Array.from({ length: outputsOf(layer) }, (_, m) => {
    let sum = answers!.mean[m];
    for (let i = 0; i < n; i++) sum -= target[m * n + i] * mean[i];
    return sum;
  });
  return [plainWeight(layer, channels ? spread(layer, target, channels) : target), ...(centred ? moved(follow, offset).map(floatTensor) : [])];
}

/** Gains below this share of the largest belong to channels that nobody sees: they take up nothing. */
const SILENT = 1e-2;

/**
 * What a layer's outputs should be where they are added to a value that is another now, as that of a residual connection: the sum is to be what it was.
 * Undefined where nothing is added, or where that is not known yet.
 */
async function wantedBesides({ consumers: [node], graph }: Layer, follow: Follow | undefined, original: Flow, pruned: Flow, liveness: Liveness): Promise<Tensor[] | undefined> {
  const { normalization } = follow ?? {}, end = normalization?.node.outputs[0] ?? follow?.output ?? node.outputs[0], [join, more] = graph.consumers.get(end) ?? [];
  const other = join?.op === "Add" && !more ? join.inputs[1 - join.inputs.indexOf(end)] : undefined;
  if (other === undefined || other === end || !liveness.liveAt(node.index).includes(other)) return undefined;
  const bias = node.inputs[2] ? follow?.bias?.values : undefined;
  if (node.inputs[2] && !bias) return undefined;
  const [y] = (await original.compute([node.outputs[0]])).values(), before = original.get(other), after = pruned.get(other);
  if (before[0].dims.join() !== y[0].dims.join()) return undefined;
  const gains = normalization?.scale.values.map((scale, m) => scale / normalization.deviation[m]), least = SILENT * (gains?.reduce((most, gain) => Math.max(most, Math.abs(gain)), 0) ?? 0);
  return y.map(({ dims, data }, b) => {
    const plane = data.length / (dims[0] * dims[1]);
    return { dims, data: data.map((v, i) => {
      const m = Math.floor(i / plane) % dims[1], gain = gains?.[m] ?? 1, own = v - (bias?.[m] ?? 0);
      return Math.abs(gain) > least ? own + (before[b].data[i] - after[b].data[i]) / gain : own;
    }) };
  });
}

/** Rows without the inputs that are gone. */
function columns(layer: Layer, rows: Float32Array, channels: Uint32Array): Float32Array {
  const size = kernelSize(layer), n = inputsOf(layer), count = outputsOf(layer), part = new Float32Array(count * channels.length * size);
  for (let m = 0, to = 0; m < count; m++) for (const channel of channels) for (let i = 0; i < size; i++) part[to++] = rows[m * n + channel * size + i];
  return part;
}

/** The same with zeros in their places. */
function spread(layer: Layer, part: Float32Array, channels: Uint32Array): Float32Array {
  const size = kernelSize(layer), n = inputsOf(layer), count = outputsOf(layer), rows = new Float32Array(count * n);
  for (let m = 0, from = 0; m < count; m++) for (const channel of channels) for (let i = 0; i < size; i++) rows[m * n + channel * size + i] = part[from++];
  return rows;
}
