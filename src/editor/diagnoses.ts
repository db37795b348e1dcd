import * as fs from "node:fs/promises";
import * as path from "node:path";
import * as vscode from "vscode";
import type { CompressRequest } from "../protocol/api";
import { CancelledError } from "../protocol/errors";
import type { JobState } from "../protocol/page";
import type { DiagnosisState } from "../protocol/recipe-page";
import type { IntegerReport } from "../protocol/report";
import { runJob } from "../worker/process";
import { editJsonText } from "./json-edit";
import { basisOf } from "./recipe-text";
import { keepDiagnosis, keptDiagnosis } from "./tuned-store";

/** What a model's layers cost as integers: measured on request in a process of its own, with a file that nobody else sees; what was found last is kept for as long as the model is the same. */
export class Diagnoses {
  private readonly running = new Map<string, { abort: AbortController; progress: NonNullable<DiagnosisState["running"]> }>();
  /** How the last one of this window ended, where it found nothing. */
  private readonly ended = new Map<string, Pick<DiagnosisState, "error" | "isCancelled">>();
  private readonly changed = new vscode.EventEmitter<{ model: vscode.Uri; job: JobState | undefined }>();
  readonly onDidChange = this.changed.event;

  constructor(private readonly context: vscode.ExtensionContext, private readonly log: vscode.LogOutputChannel) {}

  /** What is known, beside a recipe's text as it stands now. */
  async stateOf(model: vscode.Uri, text: string): Promise<DiagnosisState> {
    const key = model.toString(), kept = await keptDiagnosis(this.context.workspaceState, model.fsPath);
    return { running: this.running.get(key)?.progress, ...this.ended.get(key), found: kept && { ...kept.integers, isEarlier: kept.basis !== basisOf(text) } };
  }

  /** Keeps what a compression, or a diagnosis, has found out about layers. */
  async keep(model: vscode.Uri, recipeText: string | undefined, integers: IntegerReport | undefined): Promise<void> {
    if (!integers?.layers) return;
    await keepDiagnosis(this.context.workspaceState, model.fsPath, { integers, basis: basisOf(recipeText ?? "{}") });
    this.tell(model);
  }

  /** Begins, unless it runs already. */
  async start(model: vscode.Uri, request: CompressRequest): Promise<void> {
    const key = model.toString(), { recipeText = "{}" } = request, abort = new AbortController();
    if (this.running.has(key)) return;
    const show = (text: string, fraction: number, secondsLeft?: number): void => {
      this.running.set(key, { abort, progress: { text, fraction, secondsLeft } });
      this.tell(model);
    };
    this.ended.delete(key);
    show(vscode.l10n.t("starting"), 0);
    const folder = path.join((this.context.storageUri ?? this.context.globalStorageUri).fsPath, "diagnoses");
    try {
      if (this.running.size === 1) await fs.rm(folder, { recursive: true, force: true }); // what a killed window has left
      await fs.mkdir(folder, { recursive: true });
      const own = await fs.mkdtemp(path.join(folder, "run-"));
      try {
        const { integers } = await runJob(this.context.asAbsolutePath("dist/worker.js"), (line) => this.log.info(line), abort.signal, (api, signal) =>
          api.compress({ ...request, recipeText: editJsonText(recipeText, [{ path: ["integers", "diagnose"], value: true }]), tune: "none", output: path.join(own, "network.onnx"), force: true }, ({ text, fraction, secondsLeft }) => { if (!abort.signal.aborted) show(text, fraction, secondsLeft); }, signal));
        await this.keep(model, recipeText, integers);
      } finally {
        await fs.rm(own, { recursive: true, force: true });
      }
    } catch (error) {
      if (error instanceof CancelledError) this.ended.set(key, { isCancelled: true });
      else {
        this.log.error(`${model.fsPath}: ${error instanceof Error ? error.stack ?? error.message : String(error)}`);
        this.ended.set(key, { error: error instanceof Error ? error.message : String(error) });
      }
    } finally {
      this.running.delete(key);
      this.tell(model);
    }
  }

  cancel(model: vscode.Uri): void { this.running.get(model.toString())?.abort.abort(); }

  dispose(): void {
    for (const { abort } of this.running.values()) abort.abort();
    this.changed.dispose();
  }

  private tell(model: vscode.Uri): void {
    const progress = this.running.get(model.toString())?.progress;
    this.changed.fire({ model, job: progress && { ...progress, stage: "diagnose", state: "running", title: vscode.l10n.t("Diagnosing {0}", path.basename(model.fsPath)), finished: [] } });
  }
}
