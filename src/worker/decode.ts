import { readFileSync } from "node:fs";
import * as path from "node:path";
import { parentPort } from "node:worker_threads";
import { prepareFiles, type Preparation } from "../evaluation/preprocess";
import { KernelscopeError } from "../protocol/errors";
import type { Answer } from "../runtime/node";
import { unreadable } from "../runtime/unreadable";

/** A thread that reads, decodes and prepares images: a list of files a message, the model's input in answer. */
export interface DecodeMessage { folder: string; files: readonly string[]; to: Preparation }

function read(file: string): Uint8Array {
  try {
    return readFileSync(file); // nothing else waits on this thread
  } catch (error) {
    throw unreadable("bad-data", file, error);
  }
}

const port = parentPort;
if (!port) throw new Error("decode.js runs as a worker thread");
port.on("message", ({ folder, files, to }: DecodeMessage) => {
  void prepareFiles(files, async (file) => read(path.join(folder, file)), to).then(
    (result) => port.postMessage({ result } satisfies Answer, [result.buffer]),
    (error: unknown) => port.postMessage({ error: error instanceof Error ? error.message : String(error), code: error instanceof KernelscopeError ? error.code : undefined } satisfies Answer),
  );
});
