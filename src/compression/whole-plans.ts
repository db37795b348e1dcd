import { batchSize, readBatches } from "../evaluation/evaluate";
import type { Progress } from "../protocol/api";
import { Products } from "../runtime/products";
import { BATCH, readEvaluationSet, readJobData, type EvaluationSet, type JobData } from "./data";
import { effectOn, fitWithData, type FitTools } from "./fit";
import type { Batches } from "./flow";
import { openPlanning } from "./front";
import { isOnlyInteger, type Job } from "./goal";
import type { Host } from "./host";
import type { Planning } from "./plan";
import { slopes, trialOf } from "./promise";
import type { RatedModel } from "./rated";
import type { Trial } from "./ratings";
import type { RatedCandidate } from "./sensitivity";
import type { Observed } from "./together";

/** Plans that are carried out: those of which this share of predictions would flip if layers did together what they do one by one; of other networks' outputs, at this relative squared error. */
const TRIED = { flips: [0.04, 0.16], errors: [0.003, 0.05] };
/** Samples that such a plan is fitted to at most, and those that then tell what it does; fewer of these tell nothing. */
const FITTED = 1024, TELLING = { least: 64, most: 512 };

/**
 * Carries out two plans, a mild one and a strong one, and keeps what they lose on some of the images that reports are measured on, and how many predictions flip on those that they are fitted to: what layers do together is often a fraction
 * of what they do one by one, since each makes up for those before it. Of integers it is the weights alone. Nothing is done where nothing but integers is asked for, where channels are gone, without images or with too few of them, nor a second time, nor where it could not be kept.
 * @returns whether anything was learnt
 */
export async function tryWholePlans(rated: RatedModel, job: Job, host: Host, onProgress: (p: Progress) => void, signal?: AbortSignal): Promise<boolean> {
  const { record, samples, original, opened: { model }, pruning } = rated, { request: { seed = 1, threads, evalData } } = job;
  if (samples === undefined || pruning || isOnlyInteger(job.request) || !record.isKept || await record.hasTried(evalData)) return false;
  const planning = await openPlanning(rated, job), plans = plansToTry(planning, rated), data = await readJobData(job, original, host, signal), telling = await tellingOf(evalData === undefined ? data : await readEvaluationSet(evalData, job, original, host), signal);
  const products = new Products(host.runtime, threads), tried: Observed[] = [], trials: Trial[] = [];
  try {
    const fit = fewOf(data), tools: FitTools = { runtime: host.runtime, pool: host.pool, products, seed, threads, signal };
    for (const [at, plan] of telling ? plans.entries() : []) {
      const weights = plan.reduce((sum, { layer }) => sum + layer.parameters, 0), choices = plan.map((choice) => ({ ...choice, slope: choice.noise > 0 ? choice.loss / choice.noise : undefined }));
      let begun = 0;
      const { layers, effect } = await fitWithData(model, choices, fit, {
        ...tools,
        onLayer: ({ label, parameters }) => {
          onProgress({ stage: "sensitivity", text: `trying a whole plan, ${at + 1} of ${plans.length}: layer ${label}`, fraction: (at + begun / weights) / plans.length });
          begun += parameters;
        },
      });
      const predicted = plan.reduce((sum, { loss }) => sum + loss, 0);
      if (!(predicted > 0)) continue;
      tried.push({ predicted, ...await effectOn(model, layers, telling!, tools), fitted: effect });
      trials.push(trialOf(predicted, effect, planning.slope));
    }
    await record.keepTried(tried, trials, evalData);
    return tried.length > 0;
  } finally {
    await products.close();
  }
}

/** A plan for each of the losses, mild to strong; a model with so little to compress may have but one, or none. */
function plansToTry(planning: Planning, { ratings }: RatedModel): RatedCandidate[][] {
  const slope = slopes(ratings.flatMap(({ response }) => response))?.[1], plans: RatedCandidate[][] = [];
  for (const loss of slope === undefined ? TRIED.errors : TRIED.flips.map((flips) => (flips / slope) ** 2)) {
    const plan = planning.atLoss(loss), before = plans.at(-1);
    if (plan.length && JSON.stringify(before?.map(({ options }) => options)) !== JSON.stringify(plan.map(({ options }) => options))) plans.push(plan);
  }
  return plans;
}

function fewOf({ fit }: JobData): Batches {
  let count = 0;
  for (let taken = 0; count < fit.batches.length && taken < FITTED; count++) taken += fit.batches[count].dims[0];
  return { ...fit, batches: fit.batches.slice(0, count) };
}

/** Some of the samples of a report, from all over them: folders are sorted. Undefined where they are too few. */
async function tellingOf({ dataset, held, input }: EvaluationSet, signal?: AbortSignal): Promise<Batches | undefined> {
  const count = Math.min(held.length, TELLING.most), positions = Array.from({ length: count }, (_, i) => held[Math.floor(i * held.length / count)]), next = positions.values(), { labels } = dataset;
  if (count < TELLING.least) return undefined;
  const batches = await readBatches(dataset, positions, batchSize(input, BATCH), signal);
  return { input: input.name, batches, labels: labels && batches.map(({ dims: [size] }) => Int32Array.from({ length: size }, () => labels[next.next().value ?? 0])) };
}
