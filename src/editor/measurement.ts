import * as fs from "node:fs/promises";
import type { AccuracyState, Measured, MeasureRequest, Origins, Thumbnail, Trace } from "../protocol/accuracy";
import { CancelledError, KernelscopeError } from "../protocol/errors";
import { runJob, startWorker, type LogLine, type WorkerProcess } from "../worker/process";

/** How long the process that follows samples waits for another question before it ends. */
const IDLE_MS = 60_000;

export type Making = NonNullable<AccuracyState["making"]>;
/** Makes a model to be measured, unless it is there. */
export type Make = (progress: (making: Making) => void, signal: AbortSignal) => Promise<void>;

export interface Hooks {
  /** Makes the compressed model where it is no file yet. */
  make?: Make;
  /** Gets the figures of a run that came to its end. */
  done?(measured: Measured): void;
  changed?(measurement: Measurement): void;
}

/** Figures of two models over the same samples, whichever pages show them: one job measures, another process follows single samples. */
export class Measurement {
  measured: Measured | undefined;
  cancelled = false;
  error: string | undefined;
  making: Making | undefined;
  private job: AbortController | undefined;
  private found: { of: Measured; origins: Origins } | undefined;
  private follower: WorkerProcess | undefined;
  private idle: NodeJS.Timeout | undefined;
  private readonly listeners = new Set<() => void>();

  /** @param measured figures of an earlier window, where the files are still the same */
  constructor(readonly request: MeasureRequest, private readonly script: string, private readonly log: LogLine, private readonly hooks: Hooks = {}, measured?: Measured) { this.measured = measured; }

  get running(): boolean { return this.job !== undefined; }

  /** Calls back at every change. Once nobody listens, what runs ends. */
  listen(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size) return;
      this.cancel();
      this.endFollower();
    };
  }

  /** Begins where nothing runs. Figures of before stay until the first new ones. */
  async start(): Promise<void> {
    if (this.job) return;
    const job = this.job = new AbortController();
    this.cancelled = false;
    this.error = undefined;
    this.tell();
    const progress = (measured: Measured): void => {
      if (this.job !== job) return;
      this.measured = measured;
      this.tell();
    };
    try {
      await this.hooks.make?.((making) => { if (this.job === job) { this.making = making; this.tell(); } }, job.signal);
      this.making = undefined;
      const measured = await runJob(this.script, this.log, job.signal, (api, signal) => api.measure(this.request, progress, signal));
      progress(measured);
      this.hooks.done?.(measured);
    } catch (error) {
      if (error instanceof CancelledError) this.cancelled = this.measured === undefined || this.measured.samples < this.measured.total; // else the figures of the run before stand
      else {
        this.log(`Measuring failed: ${error instanceof Error ? error.stack ?? error.message : String(error)}`);
        this.error = error instanceof Error ? error.message : String(error);
      }
    } finally {
      this.job = this.making = undefined;
      this.tell();
    }
  }

  cancel(): void { this.job?.abort(); }

  thumbnails(positions: number[], side: number): Promise<Thumbnail[]> {
    return this.follow((worker) => worker.api.thumbnails(this.request, positions, side));
  }

  trace(position: number | undefined, progress: (trace: Trace) => void, signal: AbortSignal): Promise<Trace> {
    return this.follow((worker) => worker.api.trace(this.request, position, progress, signal));
  }

  /** Of the samples whose prediction differs, once they are known; found once for each run. */
  async origins(progress: (origins: Origins) => void, signal: AbortSignal): Promise<Origins> {
    const { measured } = this, known = this.found;
    if (known && known.of === measured) return known.origins;
    const positions = measured?.flips.map(({ position }) => position) ?? [], origins = await this.follow((worker) => worker.api.origins(this.request, positions, progress, signal));
    if (measured) this.found = { of: measured, origins };
    return origins;
  }

  private async follow<Result>(ask: (worker: WorkerProcess) => Promise<Result>): Promise<Result> {
    clearTimeout(this.idle);
    let worker = this.follower;
    if (!worker) {
      const started = worker = this.follower = startWorker(this.script, this.log);
      void started.exited.then(() => { if (this.follower === started) this.follower = undefined; });
    }
    try {
      return await ask(worker);
    } finally {
      clearTimeout(this.idle);
      this.idle = setTimeout(() => this.endFollower(), IDLE_MS);
    }
  }

  private endFollower(): void {
    clearTimeout(this.idle);
    this.follower?.stop(new KernelscopeError("cancelled", "Nobody waits for this any more."));
    this.follower = undefined;
  }

  private tell(): void {
    this.hooks.changed?.(this);
    for (const listener of this.listeners) listener();
  }
}

/** What makes two files these files: another content is another pair. */
export async function stampOf(...files: string[]): Promise<string> {
  const stamps = await Promise.all(files.map((file) => fs.stat(file).then(({ size, mtimeMs }) => `${file}:${size}:${mtimeMs}`, () => `${file}:?`)));
  return stamps.join("|");
}
