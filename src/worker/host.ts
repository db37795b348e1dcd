import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import type { CheckpointStore } from "../compression/checkpoint";
import type { Host, OpenedModel } from "../compression/host";
import type { Preparation } from "../evaluation/preprocess";
import type { ComputePool } from "../numeric/tasks";
import { allTensors, readModel } from "../onnx/model";
import { KernelscopeError } from "../protocol/errors";
import { digestFile, hashFile, NodeExternalFiles, nodeRuntime, openData, openFile, openPool, openThreads, type Threads } from "../runtime/node";
import type { DecodeMessage } from "./decode";
import { collectGarbage } from "./garbage";
import { cachedParts } from "./cache";
import { checkWritable, isOneOf, writeFiles } from "./files";

/** Opens a model on disk; external data is found beside it. */
export async function openModelFile(file: string): Promise<OpenedModel> {
  const source = await openFile(file), external = new NodeExternalFiles(path.dirname(file));
  try {
    const model = await readModel(source, external);
    const locations = new Set([...allTensors(model)].flatMap(({ storage }) => (storage.kind === "external" ? [storage.location] : [])));
    const files = [file];
    let bytes = source.size;
    for (const location of locations) {
      const data = await external.open(location).catch(() => undefined); // whoever reads its tensors is told why
      if (data) files.push(path.join(path.dirname(file), location));
      bytes += data?.size ?? 0;
    }
    const close = async () => { await external.close(); await source.close(); };
    return { model, bytes, files, close };
  } catch (error) {
    await external.close();
    await source.close();
    throw error;
  }
}

/** Files of one job in a folder of their own. */
class FolderStore implements CheckpointStore {
  constructor(private readonly folder: string) {}
  async load(key: string): Promise<Uint8Array | undefined> {
    return fs.readFile(path.join(this.folder, key)).then((bytes) => new Uint8Array(bytes), () => undefined);
  }
  async save(key: string, value: Uint8Array): Promise<void> {
    await fs.mkdir(this.folder, { recursive: true });
    await writeFiles(path.join(this.folder, key), (sink) => sink.write(value));
  }
  async clear(): Promise<void> { await fs.rm(this.folder, { recursive: true, force: true }); }
}

/** Ratings of so many models and data sets are kept, and checkpoints of jobs that nobody took up for so long. */
const KEPT_RATINGS = 24, KEPT_DAYS = 30;

/** Takes away entries of a cache folder: all but the newest `most`, and what is older than `days`. */
async function sweep(folder: string, most: number, days: number): Promise<void> {
  const names = await fs.readdir(folder).catch(() => []);
  const aged = await Promise.all(names.map(async (name) => ({ name, time: await fs.stat(path.join(folder, name)).then(({ mtimeMs }) => mtimeMs, () => Infinity) })));
  const oldest = Date.now() - days * 86_400_000;
  for (const [i, { name, time }] of aged.sort((a, b) => b.time - a.time).entries()) if (i >= most || time < oldest) await fs.rm(path.join(folder, name), { recursive: true, force: true }).catch(() => undefined);
}

/** Shares image files out among threads. */
async function prepareOn(threads: Threads, folder: string, files: readonly string[], to: Preparation): Promise<Float32Array> {
  const share = Math.ceil(files.length / threads.count), out = new Float32Array(files.length * to.shape.reduce((a, b) => a * b, 1)), length = out.length / files.length;
  await Promise.all(Array.from({ length: Math.ceil(files.length / share) }, async (_, i) => {
    const message: DecodeMessage = { folder, files: files.slice(i * share, (i + 1) * share), to };
    out.set(await threads.run(message) as Float32Array, i * share * length); // what decode.js answers with
  }));
  return out;
}

export interface NodeHost extends Host { close(): Promise<void> }

/** The machine as jobs see it; `scripts` is where the threads' bundle lies, if not beside this one. Close it when the job ends. */
export async function nodeHost(options: { threads?: number; checkpoint?: string; ratings?: string; scripts?: string }): Promise<NodeHost> {
  const scripts = options.scripts ?? __dirname, pool: ComputePool & { close?(): Promise<void> } = await openPool(scripts, options.threads);
  const decoders = await openThreads(path.join(scripts, "decode.js"), options.threads);
  const folder = options.checkpoint ?? cachedParts().jobs, { ratings } = options;
  if (options.checkpoint === undefined) await sweep(folder, Infinity, KEPT_DAYS);
  if (ratings !== undefined) await sweep(ratings, KEPT_RATINGS, KEPT_DAYS);
  return {
    runtime: nodeRuntime,
    pool,
    threads: options.threads ?? os.availableParallelism(),
    openModel: openModelFile,
    openData: async (location) => ({ ...await openData(location), prepare: decoders && ((files, to) => prepareOn(decoders, location, files, to)) }),
    readText: (file) => fs.readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => { throw new KernelscopeError("usage", error.code === "ENOENT" ? `There is no file ${file}.` : `${file} cannot be read.`); }),
    exists: (file) => fs.access(file).then(() => true, () => false),
    isOneOf,
    checkWritable,
    write: writeFiles,
    remove: (file) => fs.rm(file, { force: true }),
    digest: digestFile,
    hash: hashFile,
    resolve: (base, file) => path.resolve(base, file),
    folderOf: path.dirname,
    baseName: (file) => path.basename(file),
    collectGarbage,
    program: () => hashFile(__filename),
    checkpoints: (key) => new FolderStore(path.join(folder, key)),
    ratings: ratings === undefined ? undefined : (key) => new FolderStore(path.join(ratings, key)),
    close: async () => {
      await pool.close?.();
      await decoders?.close();
    },
  };
}
