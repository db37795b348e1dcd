import { rmSync } from "node:fs";
import * as path from "node:path";
import { compressModel } from "../src/compression/compress";
import type { CompressRequest, Progress } from "../src/protocol/api";
import type { CompressReport } from "../src/protocol/report";
import { nodeHost, type NodeHost } from "../src/worker/host";

/** A compression of a bench: its file, which is gone afterwards, and seconds of the whole job. */
export interface Compressed { report: CompressReport; seconds: number; host: NodeHost }

/** Compresses with checkpoints and ratings of the bench's own, in `work`, and looks at what came of it. */
export async function compressed<T>(work: string, request: CompressRequest, look: (done: Compressed) => T | Promise<T>, tell?: (progress: Progress) => void): Promise<T> {
  const output = path.join(work, `compressed-${process.pid}.onnx`), started = performance.now(), { threads } = request;
  const host = await nodeHost({ threads, scripts: path.resolve("dist"), checkpoint: path.join(work, "jobs"), ratings: path.join(work, "ratings") });
  try {
    const report = await compressModel({ ...request, output, force: true }, host, tell);
    return await look({ report, seconds: (performance.now() - started) / 1000, host });
  } finally {
    await host.close();
    rmSync(output, { force: true });
  }
}
