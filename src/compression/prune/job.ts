import { findLayers } from "../../onnx/layers";
import type { OpenedModel, Host } from "../host";
import { ratingRecord, type JobData } from "../data";
import type { FitTools } from "../fit";
import type { Job } from "../goal";
import { findByName } from "../write";
import type { PruningReport } from "../../protocol/report";
import { pruneModel } from "./prune";

/** A job that prunes, and what it rests on: hashes of the model's files, and a stamp of its samples. */
export interface PruningJob { job: Job; pruning: { compute: number }; opened: OpenedModel; data: JobData; hashes: readonly string[]; stamp: string; host: Host; tools: FitTools; onProgress(text: string, done: number): void }

/** What is left of a job's model when channels are taken away as its recipe asks. What channels are worth is kept for the next job on the same model and samples. */
export async function pruneForJob({ job: { recipe: { layers = {} } }, pruning, opened, data: { rating, fit, dataset }, hashes, stamp, host, tools, onProgress }: PruningJob): Promise<{ opened: OpenedModel; report: PruningReport }> {
  const known = findLayers(opened.model), record = await ratingRecord({ hashes, stamp, method: undefined, seed: tools.seed }, host);
  const left = new Set(Object.entries(layers).flatMap(([name, { pin }]) => (pin === "leave" ? [findByName(known, name)?.id] : [])));
  const { model, report } = await pruneModel(opened.model, {
    pruning, whole: ({ id }) => left.has(id), shape: dataset.shape, rating, fit, tools, rated: (channels, rate) => record.channels(channels, rate), onProgress,
  });
  return { opened: { ...opened, model }, report };
}
