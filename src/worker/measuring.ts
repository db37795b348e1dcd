import { measurePair } from "../compression/measure";
import { Tracer } from "../compression/trace";
import { thumbnailsOf } from "../evaluation/thumbnail";
import type { AccuracyWorkerApi, MeasureRequest } from "../protocol/accuracy";
import { nodeHost, type NodeHost } from "./host";

const MOST_THUMBNAILS = 200, LARGEST_SIDE = 512;

/** What a worker process does about accuracy; two models that are followed through their layers stay open until others are. */
export function measuring(): AccuracyWorkerApi {
  let last: { key: string; opened: Promise<{ host: NodeHost; tracer: Tracer }> } | undefined;
  const tracer = async (request: MeasureRequest): Promise<Tracer> => {
    const { original, compressed, data, preprocess, heldOut, limit } = request, key = JSON.stringify([original, compressed, data, preprocess, heldOut, limit]), before = last;
    if (before?.key !== key) {
      const opened = (async () => {
        await before?.opened.then(async ({ host, tracer }) => { await tracer.close(); await host.close(); }, () => undefined);
        const host = await nodeHost({ threads: request.threads });
        try {
          return { host, tracer: await Tracer.open(request, host) };
        } catch (error) {
          await host.close();
          throw error;
        }
      })();
      last = { key, opened };
      opened.catch(() => { if (last?.opened === opened) last = undefined; });
      return (await opened).tracer;
    }
    return (await before.opened).tracer;
  };
  return {
    async measure(request, progress, signal) {
      const host = await nodeHost({ threads: request.threads });
      try {
        return await measurePair(request, host, progress, signal);
      } finally {
        await host.close();
      }
    },
    thumbnails: async (request, positions, side) => thumbnailsOf((await tracer(request)).pair.dataset, positions.slice(0, MOST_THUMBNAILS), Math.min(side, LARGEST_SIDE)),
    trace: async (request, position, progress, signal) => (await tracer(request)).trace(position, progress, signal),
    origins: async (request, positions, progress, signal) => (await tracer(request)).origins(positions, progress, signal),
  };
}
