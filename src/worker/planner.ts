import * as fs from "node:fs/promises";
import { frontOf } from "../compression/front";
import { askedMethods, triesToShare, mergeRecipe, type Job } from "../compression/goal";
import { pinsProblem } from "../compression/pins";
import { rateModel, rateRounding, type RatedModel } from "../compression/rated";
import { tryWholePlans } from "../compression/whole-plans";
import type { Progress, WorkerApi } from "../protocol/api";
import { throwIfCancelled } from "../protocol/errors";
import { cachedParts } from "./cache";
import { nodeHost, type NodeHost } from "./host";

/** Models whose ratings stay in memory, so that a change of a recipe is answered at once. */
const KEPT = 4;

/** The planning calls of a worker process. */
export function planner(): Pick<WorkerApi, "plan" | "tryPlans"> {
  const kept = new Map<string, RatedModel>(), hosts = new Map<number | undefined, Promise<NodeHost>>();
  const hostWith = (threads: number | undefined): Promise<NodeHost> => {
    const host = hosts.get(threads) ?? nodeHost({ threads, ratings: cachedParts().ratings });
    hosts.set(threads, host);
    return host;
  };
  const keep = async (key: string, rated: RatedModel): Promise<void> => {
    kept.set(key, rated);
    for (const [old, { opened }] of [...kept].slice(0, -KEPT)) {
      kept.delete(old);
      await opened.close();
    }
  };
  return {
    async plan(request, known, progress, signal) {
      const host = await hostWith(request.threads), job = await mergeRecipe(request, host), opened = await host.openModel(job.request.model);
      let isKept = false;
      try {
        const key = await keyOf(job, opened.files), warning = pinsProblem(job, opened), told = (done: Progress): void => progress({ ...done, warning: [warning, done.warning].filter((one) => one !== undefined).join(" ") || undefined });
        if (warning !== undefined && !known) told({ stage: "read", text: "reading images", fraction: 0 });
        let rated = kept.get(key);
        if (rated) kept.delete(key); // used last, forgotten last
        else {
          rated = await rateModel(job, opened, host, known, told, signal);
          if (!rated) return undefined;
          isKept = true;
        }
        await keep(key, rated);
        throwIfCancelled(signal);
        return await rateRounding(rated, job, host, known, progress, signal) ? frontOf(rated, job) : undefined;
      } finally {
        if (!isKept) await opened.close();
      }
    },
    async tryPlans(request, progress, signal) {
      const host = await hostWith(request.threads), job = await mergeRecipe(request, host), opened = await host.openModel(job.request.model);
      try {
        const rated = await rateModel(job, opened, host, true, () => undefined, signal);
        return rated !== undefined && await tryWholePlans(rated, job, host, progress, signal);
      } finally {
        await opened.close();
      }
    },
  };
}

/** What ratings rest on, told by the times of files. */
async function keyOf(job: Job, files: readonly string[]): Promise<string> {
  const { request, recipe } = job;
  const times = await Promise.all([...files, ...request.data === undefined ? [] : [request.data]].map((file) => fs.stat(file).then(({ mtimeMs, size }) => [mtimeMs, size], () => [])));
  return JSON.stringify([files, times, request.data, request.evalData !== undefined, request.method, request.seed, request.inference, request.prune, request.prune && recipe.layers, recipe.preprocess, recipe.data?.limit, triesToShare(job), askedMethods(job).map(({ name, method, options }) => [name, method.id, options])]);
}
