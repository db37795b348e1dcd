import path from "node:path";
import { compressModel } from "../../src/compression/compress";
import type { CompressRequest } from "../../src/protocol/api";
import type { CompressReport } from "../../src/protocol/report";
import { nodeHost } from "../../src/worker/host";

/** Compresses as a job does, on one thread because another file of tests has the other core, with checkpoints in a folder of the test's own. */
export async function compressWith(checkpoint: string, request: CompressRequest): Promise<CompressReport> {
  const host = await nodeHost({ threads: 1, checkpoint, scripts: path.resolve("dist") });
  try {
    return await compressModel({ threads: 1, ...request }, host);
  } finally {
    await host.close();
  }
}
