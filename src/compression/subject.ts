import { findLayers, type Layer } from "../onnx/layers";
import type { Model } from "../onnx/model";
import type { PruningReport } from "../protocol/report";
import type { JobData } from "./data";
import type { FitTools } from "./fit";
import type { Job } from "./goal";
import type { Host, OpenedModel } from "./host";
import { integerNetwork } from "./integer/network";
import { leanModel, type LeanModel } from "./lean/lean";
import type { ProgressMeter } from "./progress";
import { pruneForJob } from "./prune/job";

/** What is compressed: the original, or what it became before. Layers keep their identities. */
export interface Subject {
  /** The original, or what is left of it where channels were taken away. */
  base: OpenedModel;
  model: Model;
  layers: Layer[];
  pruning?: PruningReport;
  /** What the model became for the sake of a limit. */
  lean?: LeanModel;
  notes: readonly string[];
}

/** What decides how a model is made ready. */
export interface SubjectOptions {
  job: Job;
  opened: OpenedModel;
  data?: JobData;
  /** The size for whose sake it is trimmed. */
  limit?: number;
  /** Hashes of the model's files, and a stamp of the samples. */
  hashes: readonly string[];
  stamp: string;
  host: Host;
  tools: FitTools;
  progress: ProgressMeter;
  timed<T>(stage: string, work: () => Promise<T>): Promise<T>;
}

/** Makes a job's model ready to be compressed: without channels that are to go, as the network that integers are made of, with fewer bytes beside its weights. */
export async function subjectOf({ job, opened, data, limit, hashes, stamp, host, tools, progress, timed }: SubjectOptions, pruning: { compute: number } | undefined): Promise<Subject> {
  const { request } = job, subject: Subject = { base: opened, model: opened.model, layers: findLayers(opened.model), notes: [] };
  if (data && pruning) {
    const { opened: base, report } = await timed("prune", () => pruneForJob({ job, pruning, opened, data, hashes, stamp, host, tools, onProgress: (text, done) => progress.step("prune", text, done) }));
    Object.assign(subject, { base, model: base.model, layers: findLayers(base.model), pruning: report });
  }
  if (data && request.inference === "integer") {
    const { model, notes } = await timed("read", () => integerNetwork(subject.model, data.rating, host.runtime, { threads: request.threads, signal: tools.signal }));
    Object.assign(subject, { model, layers: findLayers(model), notes });
  }
  if (limit !== undefined) {
    const lean = await timed("plan", () => leanModel(subject.model, limit));
    Object.assign(subject, { model: lean.model, layers: lean.layers, lean });
  }
  return subject;
}
