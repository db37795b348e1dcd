import { findChannels, type Channels } from "../../onnx/channels/channels";
import { markChannels } from "../../onnx/channels/mark";
import { removeChannels } from "../../onnx/channels/remove";
import { ModelEdit } from "../../onnx/edit";
import { findLayers, type Layer } from "../../onnx/layers";
import { editedModel } from "../../onnx/memory";
import type { Model } from "../../onnx/model";
import { KernelscopeError } from "../../protocol/errors";
import type { PruningReport } from "../../protocol/report";
import type { Effect } from "../effect";
import type { FitTools } from "../fit";
import type { Batches } from "../flow";
import { foldConstants } from "../passes/constants";
import { allocate, Workload } from "./allocate";
import { rateGroups, type RatedGroup } from "./rate-groups";
import { refit } from "./refit";

/** A network with fewer channels, and what it was relieved of. */
export interface Pruned { model: Model; report: PruningReport }

export interface PruneRequest {
  pruning: { compute: number };
  /** Layers that a recipe leaves alone. */
  whole(layer: Layer): boolean;
  /** Size of one sample. */
  shape: readonly number[];
  /** Samples that channels are rated on, and those that weights are fitted to. */
  rating: Batches;
  fit: Batches;
  tools: FitTools;
  /** Ratings as they are known, or as `rate` finds them now. */
  rated(channels: Channels, rate: () => Promise<RatedGroup[]>): Promise<RatedGroup[]>;
  onProgress(text: string, done: number): void;
}

/** Share of the time that rating takes; fitting takes the rest. */
const RATING = 0.6;

/**
 * Takes channels out of a model until at least a share of its compute is saved: from every group those that the layers behind it miss least, so many as cost the outputs least by measurement,
 * and fits the weights that stay to do without them. Layers keep their identities.
 * @throws KernelscopeError "target-unreachable" naming the most that can be saved
 */
export async function pruneModel(original: Model, request: PruneRequest): Promise<Pruned> {
  const { pruning, shape, rating, fit, tools, whole, onProgress } = request, folded = new ModelEdit(original);
  await foldConstants(folded);
  const model = await editedModel(folded), layers = findLayers(model), inputs = new Map([[rating.input, [1, ...shape]]]), channels = findChannels(model, { layers, inputs, whole });
  const rated = await request.rated(channels, () => rateGroups(model, channels, rating, tools, (begun, of) => onProgress(`looking at channels, group ${begun + 1} of ${of}`, RATING * begun / of)));
  const workload = new Workload(model, channels, inputs), gone = allocate(rated, workload, pruning.compute);
  if (!gone) throw unreachable(rated, workload, pruning);
  const { changed, effect } = await refit(model, channels, gone, fit, tools, whole, ({ label }, share) => onProgress(`fitting layer ${label} to the channels that stay`, RATING + (1 - RATING) * share));
  const edit = new ModelEdit(model);
  await removeChannels(channels, gone, edit, changed);
  markChannels(edit, layers, channels, gone);
  return { model: await editedModel(edit), report: reportOf(channels, workload, gone, effect) };
}

function unreachable(rated: readonly RatedGroup[], workload: Workload, { compute }: PruneRequest["pruning"]): KernelscopeError {
  if (!rated.length) return new KernelscopeError("unsupported", "No channels of this model can be taken away: all of them are outputs, or are read by operators for which channels are not independent. Leave pruning out.");
  const deepest = workload.without(new Set(rated.flatMap(({ cuts }) => cuts.at(-1)?.gone ?? []))), most = 1 - deepest.macs / workload.without(new Set()).macs;
  return new KernelscopeError("target-unreachable", `${percent(compute)} less to compute cannot be reached by taking channels away. The most that this model allows is ${percent(Math.floor(100 * most) / 100)}.`);
}

const percent = (share: number): string => `${Number((100 * share).toFixed(1))} %`;

function reportOf({ groups }: Channels, workload: Workload, gone: ReadonlySet<number>, { loss, disagreement, samples }: Effect): PruningReport {
  const removed = groups.map(({ producers, channels }) => ({ layers: producers.map(({ id }) => id), channels: channels.length, removed: channels.filter((channel) => gone.has(channel)).length }));
  return { before: workload.without(new Set()), after: workload.without(gone), effect: { loss, ...(samples > 0 && { agreement: 1 - disagreement }) }, groups: removed.filter((group) => group.removed > 0) };
}
