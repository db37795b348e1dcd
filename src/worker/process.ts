import { fork, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import type { WorkerApi } from "../protocol/api";
import { CancelledError, KernelscopeError } from "../protocol/errors";
import { connect, type Channel } from "../protocol/rpc";

/** Worker processes seen from outside: start, call, cancel, and what to say when one dies. */

export type LogLine = (line: string) => void;

export interface WorkerProcess {
  readonly api: WorkerApi;
  readonly pid: number | undefined;
  /** Settles when the process is gone, for whatever reason. */
  readonly exited: Promise<void>;
  /** Ends the process now; calls that wait reject with `reason`. */
  stop(reason?: KernelscopeError): void;
}

/** How long a job may take to answer a cancellation before its process is killed. onnxruntime's `run` cannot be interrupted. */
const CANCEL_GRACE_MS = 600;

/**
 * Forks a worker process.
 * @param script path of the bundled `worker.js`
 * @param log gets what the process prints
 */
export function startWorker(script: string, log: LogLine): WorkerProcess {
  const child = fork(script, [], { serialization: "advanced", execArgv: [], stdio: ["ignore", "pipe", "pipe", "ipc"] });
  const lastWords: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface(stream).on("line", (line) => {
      log(line);
      lastWords.push(line);
      if (lastWords.length > 40) lastWords.shift();
    });
  }
  const peer = connect<WorkerApi, object>(processChannel(child), {});
  const exited = new Promise<void>((resolve) => {
    child.once("exit", (code, signal) => {
      peer.close(deathOf(code, signal, lastWords));
      resolve();
    });
    child.once("error", (error) => {
      peer.close(new KernelscopeError("worker-died", `Kernelscope's worker process could not be started: ${error.message}.`));
      resolve();
    });
  });
  return {
    api: peer.remote,
    pid: child.pid,
    exited,
    stop(reason = new KernelscopeError("worker-died", "This work was stopped, because its process was ended.")) {
      peer.close(reason);
      child.kill("SIGKILL");
    },
  };
}

/**
 * Runs one job in a process of its own, which ends with it. A cancelled job has stopped within a second: by itself, or killed.
 * @throws KernelscopeError "worker-died" where the process dies, CancelledError where `signal` was set
 */
export async function runJob<Result>(script: string, log: LogLine, signal: AbortSignal, job: (api: WorkerApi, signal: AbortSignal) => Promise<Result>): Promise<Result> {
  if (signal.aborted) throw new CancelledError();
  const worker = startWorker(script, log);
  let timer: NodeJS.Timeout | undefined;
  const abort = () => { timer = setTimeout(() => worker.stop(new CancelledError()), CANCEL_GRACE_MS); };
  signal.addEventListener("abort", abort);
  try {
    return await job(worker.api, signal);
  } finally {
    signal.removeEventListener("abort", abort);
    clearTimeout(timer);
    worker.stop();
  }
}

/** A process that several editors share: started on first use, started again after a crash, ended when nothing is open. */
export class SharedWorker {
  private worker: WorkerProcess | undefined;

  /** @param name what it does, for the log */
  constructor(private readonly name: string, private readonly script: string, private readonly log: LogLine) {}

  get api(): WorkerApi {
    if (!this.worker) {
      const worker = startWorker(this.script, this.log);
      this.worker = worker;
      this.log(`${this.name} process ${worker.pid ?? "?"} started.`);
      void worker.exited.then(() => { if (this.worker === worker) this.worker = undefined; });
    }
    return this.worker.api;
  }

  get pid(): number | undefined { return this.worker?.pid; }

  stop(): void {
    this.worker?.stop();
    this.worker = undefined;
  }
}

/** The child's end of the IPC channel, from either side. */
export function processChannel(end: ChildProcess | NodeJS.Process): Channel {
  return {
    post(message) {
      if (!end.connected || !end.send) throw new KernelscopeError("worker-died", "Kernelscope's worker process has ended.");
      end.send(message as object, undefined, undefined, () => undefined); // a broken pipe shows as `exit` at once
    },
    listen(receive) {
      const target: NodeJS.EventEmitter = end;
      target.on("message", receive);
      return () => { target.off("message", receive); };
    },
  };
}

function deathOf(code: number | null, signal: NodeJS.Signals | null, lastWords: string[]): KernelscopeError {
  const outOfMemory = lastWords.some((line) => /heap out of memory|bad_alloc|Failed to allocate memory/.test(line));
  const how = outOfMemory ? "ran out of memory" : signal ? `was ended from outside or crashed (${signal})` : `stopped by itself (exit code ${code ?? "unknown"})`;
  return new KernelscopeError("worker-died", `Kernelscope's worker process ${how}. No file was changed; try again.`, { exitCode: code ?? -1, signal: signal ?? "" });
}
