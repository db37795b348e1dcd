import { rmSync } from "node:fs";
import path from "node:path";
import { compressModel } from "../../src/compression/compress";
import type { CompressRequest } from "../../src/protocol/api";
import type { CompressReport } from "../../src/protocol/report";
import { nodeHost } from "../../src/worker/host";

/** Where tests keep what they have rated, so that a model is rated on the same samples once in a run. */
export const RATINGS = path.resolve(".cache/engine/ratings");

/** Ratings of an earlier run are of earlier code. */
export default function forget(): void {
  rmSync(RATINGS, { recursive: true, force: true });
}

/** Compresses as a job does, on one thread because another file of tests has the other core, with checkpoints in a folder of the test's own. */
export async function compressWith(checkpoint: string, request: CompressRequest, ratings = RATINGS): Promise<CompressReport> {
  const host = await nodeHost({ threads: 1, checkpoint, ratings, scripts: path.resolve("dist") });
  try {
    return await compressModel({ threads: 1, ...request }, host);
  } finally {
    await host.close();
  }
}
