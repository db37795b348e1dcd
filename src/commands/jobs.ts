import { createHash, randomUUID } from "node:crypto";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import * as vscode from "vscode";
import type { CompressRequest, FinishedLayer, Progress, WorkerApi } from "../protocol/api";
import { CancelledError, isOfData, KernelscopeError } from "../protocol/errors";
import type { JobState, TrainingCourse } from "../protocol/page";
import type { CompressReport } from "../protocol/report";
import { runJob } from "../worker/process";
import type { Output } from "./choose";
import { follow } from "./course";
import { cancelledSentence } from "./words";

/** A compression as it is remembered while it runs, so that another window, or the same one after a reload, goes on with it. */
export interface JobRecord {
  model: string;
  request: CompressRequest;
  /** The recipe that it was started from. */
  recipe?: string;
  state: "running" | "stopped";
  /** The window that runs it. */
  owner: string;
  sentence?: string;
  /** It stopped because of its images. */
  isOfData?: boolean;
  finished: FinishedLayer[];
  of: number;
  /** How much of it is done, of 1. */
  reached?: number;
  /** Of its training, if that has begun. */
  course?: TrainingCourse;
  /** The user wants the training to end with what is best so far. */
  isFinishing?: boolean;
}

/** Records of jobs that nobody took up again. */
const KEPT_MS = 30 * 86_400_000;
/** How often a running job is noted down, and looks whether another window has taken it over. */
const NOTE_MS = 1500;

/** Steps of a training come faster than anybody reads. */
const SHOW_MS = 250;

/** What a job was asked for, and by which recipe. */
export type JobOrigin = Pick<JobRecord, "request" | "recipe">;

/** What is told of a job that has written its file. */
export type Ending = Pick<JobState, "sentence" | "prepared">;

interface Running { abort: AbortController; record: JobRecord; api?: WorkerApi }

/**
 * Compressions, each in a process of its own, at most one for a model. A job whose process dies goes on from its checkpoint, as long as it comes farther each time;
 * one that a closed window has left goes on in the next.
 */
export class Jobs implements vscode.Disposable {
  private readonly owner = randomUUID();
  private readonly running = new Map<string, Running>();
  private readonly states = new Map<string, JobState>();
  private readonly records = new Map<string, JobRecord>();
  /** Of jobs that are shown, also of those that are done. */
  private readonly origins = new Map<string, JobOrigin>();
  private readonly changed = new vscode.EventEmitter<{ model: vscode.Uri; state: JobState | undefined; origin: JobOrigin | undefined }>();
  readonly onDidChange = this.changed.event;
  private closing = false;

  /** @param finish is told of every job that has written its file */
  constructor(private readonly context: vscode.ExtensionContext, private readonly log: vscode.LogOutputChannel, private readonly finish: (record: JobRecord, report: CompressReport) => Promise<Ending>) {}

  stateOf(model: vscode.Uri): JobState | undefined { return this.states.get(model.toString()); }

  get models(): vscode.Uri[] { return [...this.running.keys()].map((uri) => vscode.Uri.parse(uri)); }

  /** @throws KernelscopeError where a job runs on this model already */
  refuseTwice(model: vscode.Uri): void {
    if (this.running.has(model.toString())) throw new KernelscopeError("usage", vscode.l10n.t("{0} is being compressed already. Wait for it, or cancel it.", path.basename(model.fsPath)));
  }

  /** Runs a job to its end; undefined where it was cancelled. @throws KernelscopeError and others where it failed */
  async run(model: vscode.Uri, request: CompressRequest, recipe?: vscode.Uri): Promise<CompressReport | undefined> {
    this.refuseTwice(model);
    const record: JobRecord = { model: model.toString(), request: { ...request, checkpoint: path.join(this.folderOf(model.toString()), "work") }, recipe: recipe?.toString(), state: "running", owner: this.owner, finished: [], of: 0 };
    return this.start(record);
  }

  cancel(model: vscode.Uri): void { this.running.get(model.toString())?.abort.abort(); }

  /** Models whose job is training. */
  get training(): vscode.Uri[] { return this.models.filter((model) => this.states.get(model.toString())?.course !== undefined); }

  /** Ends the training of this model's job: what is best so far is written. */
  finishTraining(model: vscode.Uri): void {
    const key = model.toString(), running = this.running.get(key), state = this.states.get(key);
    if (!running || !state?.course) return;
    running.record.isFinishing = true;
    void running.api?.stopTuning().catch(() => undefined); // a process that dies is followed by one that is told again
    this.show(key, { ...state, isFinishing: true });
  }

  /** What the job of this model was asked for, as long as it has not written its file. */
  requestOf(model: vscode.Uri): CompressRequest | undefined { return this.records.get(model.toString())?.request; }

  /** The recipe that this model's job was started from, as long as it has not written its file. */
  recipeOf(model: vscode.Uri): vscode.Uri | undefined {
    const recipe = this.records.get(model.toString())?.recipe;
    return recipe === undefined ? undefined : vscode.Uri.parse(recipe);
  }

  /** Goes on with a job that was stopped. */
  async resume(model: vscode.Uri, output: Output): Promise<CompressReport | undefined> {
    const record = this.records.get(model.toString());
    this.refuseTwice(model);
    return record && this.start({ ...record, request: { ...record.request, output: output.path, force: output.force }, state: "running", owner: this.owner, sentence: undefined, isOfData: undefined, isFinishing: undefined });
  }

  /** Forgets a job that was stopped, and what it has kept. */
  async discard(model: vscode.Uri): Promise<void> {
    const key = model.toString();
    if (this.running.has(key)) return;
    await this.forget(key);
    this.show(key, undefined);
  }

  /** Takes up what earlier windows have left: running jobs go on, stopped ones can be gone on with. */
  async restore(): Promise<void> {
    const root = this.root(), names = await fs.readdir(root).catch((): string[] => []);
    for (const name of names) {
      const record = await readRecord(path.join(root, name, "job.json"));
      if (!record) { await fs.rm(path.join(root, name), { recursive: true, force: true }).catch(() => undefined); continue; }
      const key = record.model;
      if (this.running.has(key)) continue;
      this.records.set(key, record);
      if (record.state === "running" && vscode.workspace.isTrusted) {
        this.log.info(`${record.model}: going on with a job that another window has left.`);
        this.start({ ...record, owner: this.owner }).catch((error: unknown) => this.log.error(String(error)));
      } else {
        this.show(key, stoppedState(record, record.sentence ?? vscode.l10n.t("A compression was interrupted. What was done is kept.")));
      }
    }
  }

  /** The window closes: processes end, records stay as they are. */
  dispose(): void {
    this.closing = true;
    for (const { abort } of this.running.values()) abort.abort();
    this.changed.dispose();
  }

  private async start(record: JobRecord): Promise<CompressReport | undefined> {
    const key = record.model, abort = new AbortController(), running: Running = { abort, record };
    this.running.set(key, running);
    this.records.set(key, record);
    this.show(key, runningState(record, { stage: "start", text: vscode.l10n.t("starting"), fraction: 0 }));
    let last: Progress | undefined;
    try {
      await this.note(record);
      const report = await this.attempt(running, (state) => { last = state; });
      const ending = await this.finish(record, report);
      await this.forget(key);
      this.running.delete(key);
      this.show(key, { title: titleOf(record), stage: "done", text: "", fraction: 1, state: "done", ...ending, finished: record.finished });
      return report;
    } catch (error) {
      this.running.delete(key);
      if (this.closing || record.owner !== this.owner) { this.show(key, undefined); return undefined; }
      const cancelled = error instanceof CancelledError;
      record.state = "stopped";
      record.isOfData = isOfData(error);
      record.sentence = cancelled ? cancelledSentence(last, record, await earlierOf(record)) : error instanceof Error ? error.message : String(error);
      await this.note(record).catch(() => undefined);
      this.show(key, stoppedState(record, record.sentence));
      if (cancelled) return undefined;
      throw error;
    }
  }

  /** Runs the job in a process; one that died is followed by another, if it came farther than the one before. */
  private async attempt(running: Running, onProgress: (state: Progress) => void): Promise<CompressReport> {
    const { record, abort } = running;
    for (let before = -1; ;) {
      let reached = 0, noted = Date.now(), shown = 0;
      const progress = (state: Progress): void => {
        onProgress(state);
        record.reached = reached = Math.max(reached, state.fraction);
        if (state.layers) {
          const { done, of, finished } = state.layers;
          record.of = of;
          record.finished = finished ? [...record.finished.slice(0, done - 1), finished] : record.finished.slice(0, done);
        }
        if (state.tuning) {
          if (record.isFinishing) void running.api?.stopTuning().catch(() => undefined);
          record.course = follow(record.course, state.tuning);
        }
        if (!state.tuning || state.tuning.held || Date.now() - shown >= SHOW_MS) {
          shown = Date.now();
          this.show(record.model, runningState(record, state));
        }
        if (Date.now() - noted < NOTE_MS) return;
        noted = Date.now();
        void this.isTakenOver(record).then((taken) => { if (taken) { record.owner = ""; abort.abort(); } else if (record.state === "running") return this.note(record); return undefined; }).catch(() => undefined);
      };
      try {
        return await runJob(this.context.asAbsolutePath("dist/worker.js"), (line) => this.log.info(line), abort.signal, (api, signal) => { running.api = api; return api.compress(record.request, progress, signal); });
      } catch (error) {
        running.api = undefined;
        if (!(error instanceof KernelscopeError && error.code === "worker-died") || abort.signal.aborted || reached <= before) throw error;
        this.log.warn(`${error.message} Going on from where it was.`);
        before = reached;
        this.show(record.model, runningState(record, { stage: "start", text: vscode.l10n.t("its process stopped; going on from there"), fraction: reached }));
      }
    }
  }

  private show(key: string, state: JobState | undefined): void {
    if (state) this.states.set(key, state);
    else this.states.delete(key);
    const known = this.records.get(key);
    if (known) this.origins.set(key, known);
    if (!this.closing) this.changed.fire({ model: vscode.Uri.parse(key), state, origin: this.origins.get(key) });
  }

  private root(): string { return path.join((this.context.storageUri ?? this.context.globalStorageUri).fsPath, "jobs"); }

  private folderOf(key: string): string { return path.join(this.root(), createHash("sha256").update(key).digest("hex").slice(0, 24)); }

  private async note(record: JobRecord): Promise<void> {
    const folder = this.folderOf(record.model), file = path.join(folder, "job.json");
    await fs.mkdir(folder, { recursive: true });
    await fs.writeFile(`${file}.${this.owner}`, JSON.stringify(record));
    await fs.rename(`${file}.${this.owner}`, file);
  }

  private async isTakenOver({ model }: JobRecord): Promise<boolean> {
    const kept = await readRecord(path.join(this.folderOf(model), "job.json"));
    return kept !== undefined && kept.owner !== this.owner;
  }

  private async forget(key: string): Promise<void> {
    this.records.delete(key);
    await fs.rm(this.folderOf(key), { recursive: true, force: true }).catch(() => undefined);
  }
}

async function readRecord(file: string): Promise<JobRecord | undefined> {
  try {
    const { mtimeMs } = await fs.stat(file);
    return Date.now() - mtimeMs < KEPT_MS ? JSON.parse(await fs.readFile(file, "utf8")) as JobRecord : undefined;
  } catch {
    return undefined; // none, or from another time
  }
}

/** What a job does, in words. */
export function titleOf({ model, request: { prepare, tune = "none" } }: Pick<JobRecord, "model"> & { request: Pick<CompressRequest, "prepare" | "tune"> }): string {
  const name = path.posix.basename(vscode.Uri.parse(model).path);
  return prepare ? vscode.l10n.t("Making {0} compressible", name) : tune === "none" ? vscode.l10n.t("Compressing {0}", name) : vscode.l10n.t("Fine-tuning {0}", name);
}

/** A file that lies where a job would have written its own. */
const earlierOf = async ({ request: { output } }: JobRecord): Promise<string | undefined> => (output !== undefined && await fs.access(output).then(() => true, () => false) ? output : undefined);

const runningState = (record: JobRecord, progress: Progress): JobState => ({ ...progress, title: titleOf(record), state: "running", finished: record.finished, ...(progress.tuning && { course: record.course }), isFinishing: record.isFinishing, ...(record.of > 0 && { layers: { done: record.finished.length, of: record.of } }) });

const stoppedState = (record: JobRecord, sentence: string): JobState => ({ title: titleOf(record), stage: "stopped", text: "", fraction: record.reached ?? 0, state: "stopped", sentence, isOfData: record.isOfData, finished: record.finished, ...(record.of > 0 && { layers: { done: record.finished.length, of: record.of } }) });
