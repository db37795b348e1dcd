import { compressModel } from "../compression/compress";
import { evaluateModel } from "../compression/evaluate";
import { measureLatency } from "../compression/latency";
import type { AccuracyWorkerApi } from "../protocol/accuracy";
import type { WorkerApi } from "../protocol/api";
import { cachedParts } from "./cache";
import { nodeHost } from "./host";
import { MadeFiles } from "./made";
import { measuring } from "./measuring";

/** The long calls of a worker process: each with a machine of its own, closed when it ends. */
export function jobs(): Pick<WorkerApi, "compress" | "stopTuning" | "evaluate" | "latency"> & AccuracyWorkerApi {
  let stop = new AbortController();
  return {
    ...measuring(),
    async compress(request, progress, signal) {
      const host = await nodeHost({ threads: request.threads, checkpoint: request.checkpoint, ratings: cachedParts().ratings });
      stop = new AbortController();
      try {
        const report = await compressModel(request, host, progress, signal, stop.signal);
        await new MadeFiles().add(report, request);
        return report;
      } finally {
        await host.close();
      }
    },
    async stopTuning() { stop.abort(); },
    async latency(request, progress, signal) {
      const host = await nodeHost({ threads: request.threads });
      try {
        return await measureLatency(request, host, progress, signal);
      } finally {
        await host.close();
      }
    },
    async evaluate(request, progress, signal) {
      const host = await nodeHost({ threads: request.threads });
      try {
        return await evaluateModel(request, host, progress, signal);
      } finally {
        await host.close();
      }
    },
  };
}
