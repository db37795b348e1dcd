import type { Model } from "../../onnx/model";
import { methodById } from "../../methods/registry";
import { findLayers } from "../../onnx/layers";
import { KernelscopeError, type ErrorCode } from "../../protocol/errors";
import { FEW_BITS } from "../../protocol/pruning";
import type { PruningTrial } from "../../protocol/report";
import { parseTarget, targetBytes } from "../../protocol/sizes";
import { batchSize, readBatches } from "../../evaluation/evaluate";
import { BATCH, type JobData } from "../data";
import { lossesOn, type FitTools } from "../fit";
import type { Batches } from "../flow";
import { askedMethods, type Job } from "../goal";
import type { OpenedModel } from "../host";
import type { Carried } from "../planned-fit";
import { isClearlyLess } from "../sharing";
import type { Subject } from "../subject";

/** Shares of compute that are tried where it is left to the compression, in this order; nothing first. */
const TRIED: readonly ({ compute: number } | undefined)[] = [undefined, { compute: 0.25 }, { compute: 0.5 }, { compute: 0.75 }];
/** What is tried where none of them reaches the size. */
const LAST = { compute: 0.9 };
/** So much less has to be lost on samples that a fit has seen. */
const FLATTERY = 0.75;
/** What one of several ways may run into without harm. */
const HARMLESS: readonly ErrorCode[] = ["target-unreachable", "unsupported"];

/** Whether a job finds out how much is to be taken away: where it asks for that, and where its size is small enough, see {@link prunedBelow}. */
export function triesPruning(job: Job, opened: Pick<OpenedModel, "model" | "bytes">): boolean {
  const { prune, target } = job.request;
  return prune === "auto" || target !== undefined && targetBytes(parseTarget(target), opened.bytes) < prunedBelow(job, opened);
}

/** Bytes of a target below which a job finds out how much is to be taken away: any that it asks that for and, unless it decides it or has to keep the graph, those that leave few bits for each weight. */
export function prunedBelow(job: Job, { model, bytes }: Pick<OpenedModel, "model" | "bytes">): number {
  const { prune, data, prepare, trim, layout, schedule, method } = job.request;
  if (prune !== undefined) return prune === "auto" ? bytes : 0;
  if (data === undefined || prepare || trim === false || layout === "dense" || schedule === "joint") return 0;
  if ((method !== undefined && methodById(method).isLearned) || askedMethods(job).some(({ method: { isLearned } }) => isLearned)) return 0;
  return FEW_BITS / 8 * findLayers(model).reduce((sum, { parameters }) => sum + parameters, 0);
}

/** A way to carry a job out: with a share of the compute taken away, or with all of it. */
export interface Way { pruning?: { compute: number }; subject: Subject; carried: Pick<Carried, "choices" | "fitted"> }

/**
 * Carries a job out in several ways, and takes the one whose outputs are nearest to the original's on samples that no fit has seen: one that has lost channels only where it is nearer than
 * the first that has a result by two standard errors, or, where there are no such samples, by a quarter on the others. Once a way is no nearer than the best before it, those that take away more are not tried.
 * @throws KernelscopeError where all fail: with the smallest size that was found, or else as the first
 */
export async function chooseWay<W extends Way>(carryOut: (pruning: { compute: number } | undefined, at: number, of: number) => Promise<W>, original: Model, data: JobData, tools: FitTools): Promise<{ way: W; trials: PruningTrial[] }> {
  const unseen: Batches | undefined = data.unseen.length ? { input: data.input.name, batches: await readBatches(data.dataset, data.unseen, batchSize(data.input, BATCH), tools.signal) } : undefined;
  const trials: PruningTrial[] = [];
  let first: number[] | undefined, best: { way: W; trial: PruningTrial; loss: number } | undefined;
  const problems: KernelscopeError[] = [];
  for (const [at, pruning] of [...TRIED, LAST].entries()) {
    if (pruning === LAST && best) break;
    try {
      const way = await carryOut(pruning, at, Math.max(TRIED.length, at + 1)), losses = await lossesOf(way, original, unseen ?? data.fit, tools), loss = mean(losses), trial: PruningTrial = { compute: pruning?.compute ?? 0, loss, isChosen: false };
      trials.push(trial);
      first ??= losses;
      if (best && loss > best.loss) break;
      if (!best || (loss < best.loss && (unseen ? isClearlyLess(losses, first, 1) : loss < FLATTERY * mean(first)))) best = { way, trial, loss };
    } catch (error) {
      if (!(error instanceof KernelscopeError && HARMLESS.includes(error.code))) throw error;
      problems.push(error);
      trials.push({ compute: pruning?.compute ?? 0, problem: error.message, isChosen: false });
    }
  }
  if (!best) throw smallestOf(problems);
  best.trial.isChosen = true;
  return { way: best.way, trials };
}

/** Of ways that all fail the one that came nearest to the size; what it says is true of what was tried. */
const smallestOf = (problems: readonly KernelscopeError[]): KernelscopeError =>
  problems.reduce((nearest, one) => (Number(one.details.smallest ?? Infinity) < Number(nearest.details.smallest ?? Infinity) ? one : nearest));

async function lossesOf({ subject: { model }, carried: { fitted } }: Way, original: Model, samples: Batches, tools: FitTools): Promise<number[]> {
  return lossesOn(model, await Promise.all(Array.from(fitted.values(), (layer) => layer.load())), samples, tools, original);
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
