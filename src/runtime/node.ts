import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import * as fs from "node:fs/promises";
import { createRequire } from "node:module";
import * as os from "node:os";
import * as path from "node:path";
import { Worker } from "node:worker_threads";
import { createGzip } from "node:zlib";
import { env, listSupportedBackends, Tensor as OrtTensor, InferenceSession } from "onnxruntime-node";
import { halvesToFloats, floatToHalf } from "../numeric/half";
import { inlinePool, type ComputePool, type TaskInput, type TaskName, type TaskOutput } from "../numeric/tasks";
import { buildModel } from "../onnx/build";
import type { ByteSource, DataAccess, ExternalFiles } from "../onnx/bytes";
import { DataType } from "../onnx/tensor";
import { KernelscopeError, type ErrorCode } from "../protocol/errors";
import type { AnyTensor, Runtime, Session, Tensor } from "./runtime";
import { isMissing, reasonOf, unreadable } from "./unreadable";

/** Node's side of the borders: files, onnxruntime-node and threads. The only file below floor 5 that knows Node. */

export interface OpenFile extends ByteSource { path: string; close(): Promise<void> }

/** Opens a file for reading by ranges. @throws KernelscopeError of the code where it cannot be opened */
export async function openFile(file: string, code: "bad-model" | "bad-data" = "bad-model"): Promise<OpenFile> {
  const handle = await fs.open(file, "r").catch((error: unknown) => { throw unreadable(code, file, error); });
  const stat = await handle.stat();
  if (!stat.isFile()) {
    await handle.close();
    throw new KernelscopeError(code, `${file} is no file.`);
  }
  const { size } = stat;
  const readInto = async (offset: number, target: Uint8Array): Promise<void> => {
    const { length } = target;
    if (offset + length > size) throw new KernelscopeError("truncated", `${path.basename(file)} ends at byte ${size.toLocaleString("en")}, ${(offset + length - size).toLocaleString("en")} bytes too early.`);
    for (let got = 0; got < length;) {
      const { bytesRead } = await handle.read(target, got, Math.min(length - got, 1 << 30), offset + got);
      if (bytesRead === 0) throw new KernelscopeError("truncated", `${path.basename(file)} became shorter while it was read.`);
      got += bytesRead;
    }
  };
  return {
    path: file,
    size,
    readInto,
    async read(offset, length) {
      const bytes = new Uint8Array(length);
      await readInto(offset, bytes);
      return bytes;
    },
    close: () => handle.close(),
  };
}

/** External data beside a model; a link that leaves the folder is refused. Close what was opened with {@link NodeExternalFiles.close}. */
export class NodeExternalFiles implements ExternalFiles {
  private readonly files = new Map<string, Promise<OpenFile>>();
  constructor(private readonly folder: string) {}

  open(location: string): Promise<ByteSource> {
    let file = this.files.get(location);
    if (!file) this.files.set(location, file = this.openOnce(location));
    return file;
  }

  private async openOnce(location: string): Promise<OpenFile> {
    const wanted = path.resolve(this.folder, location);
    const real = await fs.realpath(wanted).catch(() => {
      throw new KernelscopeError("external-data", `The model's weights are in ${location}, which is missing. Put it beside the model.`);
    });
    const root = await fs.realpath(this.folder);
    if (real !== root && !real.startsWith(root + path.sep)) throw new KernelscopeError("external-data", `The model points to weights outside its folder (${location}). That is refused.`);
    return openFile(real);
  }

  async close(): Promise<void> {
    await Promise.all([...this.files.values()].map(async (file) => (await file.catch(() => undefined))?.close()));
    this.files.clear();
  }
}

/** A data folder, or one archive, on disk. @throws KernelscopeError "bad-data" where there is none */
export async function openData(location: string): Promise<DataAccess> {
  const fails = (file: string) => (error: unknown): never => { throw unreadable("bad-data", file, error); };
  const stat = await fs.stat(location).catch((error: unknown) => {
    const { code, message } = unreadable("bad-data", location, error);
    throw new KernelscopeError(code, isMissing(error) ? `${message} Give a folder of images, with a subfolder for each class or without, one with images.npy, or an .npz.` : message);
  });
  return {
    name: path.basename(location),
    async list(folder) {
      if (!stat.isDirectory()) return undefined;
      const listed = path.join(location, folder), entries = await fs.readdir(listed, { withFileTypes: true }).catch(fails(listed));
      return entries.map((entry) => ({ name: entry.name, folder: entry.isDirectory() }));
    },
    // Images are small and many: read whole, so that no handle stays open. Arrays are read by ranges.
    open: async (file) => (/\.np[yz]$/.test(file || location) ? rangesOf(path.join(location, file)) : wholeFile(path.join(location, file))),
  };
}

/** A file that is opened for every range and closed again, so that nobody has to close it. */
async function rangesOf(file: string): Promise<ByteSource> {
  const { size, close } = await openFile(file, "bad-data");
  await close();
  return {
    size,
    async read(offset, length) {
      const opened = await openFile(file, "bad-data");
      try {
        return await opened.read(offset, length);
      } finally {
        await opened.close();
      }
    },
  };
}

async function wholeFile(file: string): Promise<ByteSource> {
  const bytes = await fs.readFile(file).catch((error: unknown) => { throw unreadable("bad-data", file, error); });
  return { size: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) };
}

/** SHA-256 and gzip size of a file, streamed. */
export async function digestFile(file: string): Promise<{ bytes: number; gzipBytes: number; sha256: string }> {
  const hash = createHash("sha256"), gzip = createGzip();
  let bytes = 0, gzipBytes = 0;
  const done = new Promise<void>((resolve, reject) => gzip.on("data", (chunk: Buffer) => { gzipBytes += chunk.length; }).on("end", resolve).on("error", reject));
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    hash.update(chunk);
    if (!gzip.write(chunk)) await new Promise((resolve) => gzip.once("drain", resolve));
  }
  gzip.end();
  await done;
  return { bytes, gzipBytes, sha256: hash.digest("hex") };
}

/** SHA-256 of a file, streamed. */
export async function hashFile(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest("hex");
}

const widen = (tensor: OrtTensor): Tensor => {
  const { dims, data } = tensor;
  if (data instanceof Float32Array) return { dims, data };
  if (data instanceof Uint16Array) return { dims, data: halvesToFloats(data) };
  return { dims, data: data instanceof BigInt64Array || data instanceof BigUint64Array ? Float32Array.from(data, Number) : new Float32Array(data as ArrayLike<number>) };
};

const narrow = (tensor: AnyTensor, type: string): OrtTensor => {
  const { data } = tensor, dims = [...tensor.dims];
  if (type === "float16" && data instanceof Float32Array) return new OrtTensor("float16", Uint16Array.from(data, floatToHalf), dims);
  if (type === "float64" && data instanceof Float32Array) return new OrtTensor("float64", Float64Array.from(data), dims);
  if (type === "uint8" && data instanceof Float32Array) return new OrtTensor("uint8", Uint8Array.from(data), dims);
  if (data instanceof Float32Array) return new OrtTensor("float32", data, dims);
  if (data instanceof Int32Array) return new OrtTensor("int32", data, dims);
  if (data instanceof BigInt64Array) return new OrtTensor("int64", data, dims);
  if (data instanceof Uint16Array) return new OrtTensor("float16", data, dims);
  return new OrtTensor("uint8", data, dims);
};

/** What goes wrong is thrown, too, and told in our words: onnxruntime's own, of a device that is not there, stay away. */
env.logLevel = "fatal";

/** GPUs in the order in which they are tried. */
const GPUS = ["dml", "cuda", "coreml", "webgpu"] as const;

/** Graphics drivers complain on standard error where there is no such folder; and WebGPU about Mesa's driver in software, which it does not take, also where it has a GPU beside that. */
function calmDrivers(): void {
  process.env.XDG_RUNTIME_DIR ??= os.tmpdir();
  process.env.VK_LOADER_DRIVERS_DISABLE ??= "*lvp_icd*";
}

/** Whether WebGPU finds a GPU, once that was asked. */
let adapter: Promise<boolean> | undefined;
/** What the process ends with that finds none. */
const NO_ADAPTER = 7;
const PROBE = `require(process.argv[1]).InferenceSession.create(Buffer.from(process.argv[2], "base64"), { executionProviders: ["webgpu", "cpu"], logSeverityLevel: 4 }).then(() => process.exit(0), () => process.exit(${NO_ADAPTER}))`;
/** A driver that does not answer is none. */
const PATIENCE_MS = 60_000;

/**
 * Whether WebGPU finds a GPU. A process of its own finds out: what drivers write to standard error where there is none, which nothing keeps them from, stays there, and what they break.
 * Where no process can be started, it is tried here.
 */
function hasAdapter(): Promise<boolean> {
  const value = (name: string) => ({ name, type: DataType.FLOAT, shape: [1] }), model = buildModel({ nodes: [{ op: "Neg", inputs: ["x"], outputs: ["y"] }], inputs: [value("x")], outputs: [value("y")] });
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ["-e", PROBE, createRequire(__filename).resolve("onnxruntime-node"), Buffer.from(model).toString("base64")], { stdio: "ignore", timeout: PATIENCE_MS, env: { ...process.env, ELECTRON_RUN_AS_NODE: "1" } });
    child.once("error", () => resolve(true));
    child.once("exit", (code) => resolve(code !== null && code !== NO_ADAPTER));
  });
}

/** onnxruntime-node. A session that asks for "auto" gets the CPU: see devices.ts for the choice. */
export const nodeRuntime: Runtime = {
  get devices() {
    const bundled = new Set(listSupportedBackends().filter((backend) => backend.bundled).map(({ name }) => name));
    return GPUS.filter((name) => bundled.has(name));
  },

  async open(model, options = {}) {
    const device = options.device === undefined || options.device === "auto" ? "cpu" : options.device;
    const settings: InferenceSession.SessionOptions = {
      executionProviders: device === "cpu" ? ["cpu"] : [device, "cpu"],
      intraOpNumThreads: options.threads ?? os.availableParallelism(),
      graphOptimizationLevel: options.optimization ?? "all",
      // a training step takes a few per cent longer without patterns, and much less memory
      enableMemPattern: !options.isTraining,
      logSeverityLevel: 3,
      ...(options.unpacksIntegers && { extra: { session: { disable_quant_qdq: "1" } } }),
    };
    if (device === "webgpu" && process.platform === "linux") calmDrivers();
    if (device === "webgpu" && !await (adapter ??= hasAdapter())) throw new KernelscopeError("runtime", "onnxruntime cannot open this model: WebGPU finds no GPU here.");
    let session: InferenceSession;
    try {
      session = typeof model === "string" ? await InferenceSession.create(model, settings) : await InferenceSession.create(model, settings);
    } catch (error) {
      throw new KernelscopeError("runtime", `onnxruntime cannot open this model: ${reasonOf(error)}`);
    }
    const types = new Map(session.inputMetadata.flatMap((input) => (input.isTensor ? [[input.name, input.type] as const] : [])));
    const opened: Session = {
      inputNames: session.inputNames,
      outputNames: session.outputNames,
      device,
      async run(inputs, outputs) {
        const feeds = Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, narrow(tensor, types.get(name) ?? "float32")]));
        const results = await (outputs ? session.run(feeds, outputs as string[]) : session.run(feeds)).catch((error: unknown) => {
          throw new KernelscopeError("runtime", `onnxruntime could not run this model: ${reasonOf(error)}`);
        });
        return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, widen(tensor as OrtTensor)]));
      },
      release: () => session.release(),
    };
    return opened;
  },
};

interface Waiting { resolve(value: unknown): void; reject(error: unknown): void }

/** What a thread answers: a result, or an error's words and, where it is for the user, its code. */
export type Answer = { result: unknown } | { error: string; code?: ErrorCode };

/** Threads of one script, each started on first use; every message gets one {@link Answer}. Close them when the job ends. */
export class Threads {
  private readonly idle: Worker[] = [];
  private readonly queue: { message: object; given: readonly ArrayBuffer[]; waiting: Waiting }[] = [];
  private readonly busy = new Map<Worker, Waiting>();

  constructor(private readonly script: string, readonly count = os.availableParallelism()) {}

  /** @param given memory of the message that goes over instead of being copied */
  run(message: object, given: readonly ArrayBuffer[] = []): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.queue.push({ message, given, waiting: { resolve, reject } });
      this.next();
    });
  }

  private next(): void {
    if (!this.queue.length) return;
    const worker = this.idle.pop() ?? (this.busy.size < this.count ? this.start() : undefined);
    if (!worker) return;
    const { message, given, waiting } = this.queue.shift()!;
    this.busy.set(worker, waiting);
    worker.ref();
    worker.postMessage(message, given);
  }

  private start(): Worker {
    const worker = new Worker(this.script, { resourceLimits: { maxYoungGenerationSizeMb: 8 } }); // tasks work on few large arrays
    const finish = (settle: (waiting: Waiting) => void, reuse: boolean) => {
      const waiting = this.busy.get(worker);
      this.busy.delete(worker);
      worker.unref();
      if (reuse) this.idle.push(worker);
      if (waiting) settle(waiting);
      this.next();
    };
    worker.on("message", (answer: Answer) => finish(({ resolve, reject }) => {
      if ("result" in answer) resolve(answer.result);
      else reject(answer.code === undefined ? new Error(answer.error) : new KernelscopeError(answer.code, answer.error));
    }, true));
    worker.on("error", (error) => finish(({ reject }) => reject(error), false));
    return worker;
  }

  async close(): Promise<void> {
    const workers = [...this.idle, ...this.busy.keys()];
    this.idle.length = 0;
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** Numeric tasks on threads of `compute.js`. */
export class ThreadPool implements ComputePool {
  constructor(private readonly workers: Threads) {}

  get threads(): number { return this.workers.count; }

  run<N extends TaskName>(name: N, input: TaskInput<N>, given?: readonly ArrayBuffer[]): Promise<TaskOutput<N>> {
    return this.workers.run({ name, input }, given) as Promise<TaskOutput<N>>; // compute.js runs the task of this name
  }

  close(): Promise<void> { return this.workers.close(); }
}

/** A pool on `compute.js` beside the running bundle, or on this thread where that file is not. */
export async function openPool(folder: string, threads?: number): Promise<ComputePool & { close?(): Promise<void> }> {
  const workers = await openThreads(path.join(folder, "compute.js"), threads);
  return workers ? new ThreadPool(workers) : inlinePool;
}

/** Threads of a script, where it is there. */
export async function openThreads(script: string, count?: number): Promise<Threads | undefined> {
  return (await fs.access(script).then(() => true, () => false)) ? new Threads(script, count) : undefined;
}
