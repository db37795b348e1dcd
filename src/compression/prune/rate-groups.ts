import type { ChannelGroup, Channels } from "../../onnx/channels/channels";
import type { Layer } from "../../onnx/layers";
import type { Model } from "../../onnx/model";
import type { TensorData } from "../../onnx/edit";
import { EffectMeter } from "../effect";
import { floatTensor, plainWeight, type FitTools } from "../fit";
import { Flow, isReached, Liveness, type Batches } from "../flow";
import { followOf, importanceOf, type Follow, type OwnVector } from "../follow";
import { hasGram, inputMoments } from "../moments";
import { readRows } from "../rows";
import { eliminate, type Elimination, type Reader } from "./eliminate";
import { columnsOf, moved, offsetsOf, takesOffsets } from "./reading";

/** Channels of a group that are gone, and what the network's outputs lose by it when the layers that read them answer. */
export interface Cut { gone: readonly number[]; loss: number }
/** A group with what it could lose, from the least to the most. */
export interface RatedGroup { group: ChannelGroup; cuts: readonly Cut[] }

/** Shares of a group that are tried, in eighths; of large networks fewer. */
const TRIED = { few: [1, 2, 3, 4, 5, 6, 7], many: [2, 4, 6], large: 24 };
/**
 * What is left of a group are multiples of this, where it has enough channels: runtimes compute so many at once, and others cost them more than they save. ResNet-20 with a quarter less
 * to compute took 1.16 times as long without that, and 0.89 times with it (onnxruntime, one thread, AVX-512).
 */
const AT_ONCE = 8;

/** Numbers of channels that a group may lose, ascending. */
export function levelsOf(count: number, shares: readonly number[]): number[] {
  const step = count >= 2 * AT_ONCE ? AT_ONCE : count >= AT_ONCE ? AT_ONCE / 2 : 1, left = shares.map((eighths) => step * Math.round(count * (1 - eighths / 8) / step));
  return [...new Set(left)].filter((kept) => kept > 0 && kept < count).map((kept) => count - kept);
}

/** Whether all that a group's channels do is seen by layers whose inputs can be looked at. */
export const canBeRated = ({ consumers }: ChannelGroup, liveness: Liveness): boolean => consumers.length > 0 && consumers.every((layer) => hasGram(layer) && isReached(layer, liveness));

/** Measures for each group what it costs to lose channels, in the order in which the layers that read them miss them least. */
export async function rateGroups(model: Model, { groups, layers }: Channels, samples: Batches, tools: FitTools, onGroup: (begun: number, of: number) => void = () => undefined): Promise<RatedGroup[]> {
  const liveness = new Liveness(model, samples.input), flow = new Flow(liveness, tools.runtime, samples, tools.threads, tools.signal), reference = await flow.compute(liveness.outputs);
  const first = ({ consumers }: ChannelGroup): number => Math.min(...consumers.map(({ consumers: [node] }) => node.index));
  const open = groups.filter((group) => canBeRated(group, liveness)).sort((a, b) => first(a) - first(b)), rated: RatedGroup[] = [];
  const shares = open.length > TRIED.large ? TRIED.many : TRIED.few;
  for (const [i, group] of open.entries()) {
    onGroup(i, open.length);
    await flow.advance(model.graph.nodes[first(group)]);
    const levels = levelsOf(group.channels.length, shares);
    const readers = await readersOf(model, group, layers, flow, tools), found = await eliminate(group.channels, readers, levels, tools.products);
    rated.push({ group, cuts: await measure(found, readers, flow, reference) });
  }
  return rated;
}

interface Reading extends Reader { layer: Layer; follow: Follow | undefined; mean: Float64Array; original: Float32Array }

async function readersOf(model: Model, { channels, consumers }: ChannelGroup, layers: Channels["layers"], flow: Flow, { products, pool }: FitTools): Promise<Reading[]> {
  const inputs = await flow.compute([...new Set(consumers.map(({ consumers: [node] }) => node.inputs[0]))]), wanted = new Set(channels), readings: Reading[] = [];
  for (const layer of consumers) {
    const { values } = await readRows(model, layer), follow = await followOf(model, layer);
    const { gram, mean } = await inputMoments(layer, { batches: inputs.get(layer.consumers[0].inputs[0])!, centred: takesOffsets(follow) }, products, pool);
    readings.push({ layer, follow, mean, original: values, gram, rows: values, importance: importanceOf(follow), columns: columnsOf(layer, layers.get(layer)!.inputs!, wanted) });
  }
  return readings;
}

/** Runs the rest of the network with each cut. */
async function measure(found: readonly Elimination[], readers: readonly Reading[], flow: Flow, reference: Map<string, Parameters<EffectMeter["add"]>[1][string][]>): Promise<Cut[]> {
  const tensorsOf = ({ rows }: Elimination): TensorData[] => readers.flatMap(({ layer, follow, mean, original }, i) => [
    plainWeight(layer, rows[i]), ...moved(follow, offsetsOf(layer, original, rows[i], mean)).map((vector: OwnVector) => floatTensor(vector)),
  ]);
  const cuts: Cut[] = [];
  for (const cut of found) {
    const meter = new EffectMeter(reference), session = await flow.open([...reference.keys()], [], new Map(tensorsOf(cut).map((tensor) => [tensor.name, tensor])));
    try {
      await flow.each(session, {}, (batch, values) => meter.add(batch, values));
    } finally {
      await session.release();
    }
    cuts.push({ gone: cut.gone, loss: Math.max(meter.effect.loss, cuts.at(-1)?.loss ?? 0) });
  }
  return cuts;
}
