import * as path from "node:path";
import * as vscode from "vscode";
import type { CompressRequest, Device, Progress } from "../protocol/api";
import { CancelledError, KernelscopeError } from "../protocol/errors";
import type { CompressReport } from "../protocol/report";
import { ModelEditors } from "../editor/model-editor";
import { runJob } from "../worker/process";
import { chooseData, chooseOutput, choosePreset } from "./choose";
import { modelsOf, showError } from "./command";
import { reportSentence, secondsLeftText } from "./words";

/** Compress Model…: asks for a preset and images, runs the job in a process of its own, opens the result beside the model. */
export class CompressCommand {
  private readonly running = new Map<string, AbortController>();

  constructor(private readonly context: vscode.ExtensionContext, private readonly editors: ModelEditors, private readonly log: vscode.LogOutputChannel) {}

  async run(...args: unknown[]): Promise<void> {
    if (!vscode.workspace.isTrusted) throw new KernelscopeError("usage", vscode.l10n.t("Compressing runs the model, so it needs a trusted folder."));
    const models = await modelsOf(args, this.editors.active);
    const [first] = models;
    if (!first) return;
    for (const model of models) this.refuseTwice(model);
    const name = models.length === 1 ? path.basename(first.fsPath) : vscode.l10n.t("{0} models", models.length);
    const preset = await choosePreset(name);
    if (!preset) return;
    const data = await chooseData(first, this.rememberedData(first));
    if (data === undefined) return;
    if (data !== null) await this.context.workspaceState.update("data", data);
    for (const model of models) {
      const output = await chooseOutput(model);
      if (!output) return;
      const settings = vscode.workspace.getConfiguration("kernelscope", model);
      await this.compress(model, {
        model: model.fsPath, output: output.path, force: output.force, preset,
        ...(data === null ? {} : { data }),
        device: settings.get<Device>("device", "auto"),
        ...(settings.get<number>("threads", 0) > 0 ? { threads: settings.get<number>("threads", 0) } : {}),
      });
    }
  }

  /** Cancels the job of this model; without one that of the editor in front, and if nothing runs there, every job. */
  async cancel(...args: unknown[]): Promise<void> {
    if (args[0] instanceof vscode.Uri) {
      this.running.get(args[0].toString())?.abort();
      return;
    }
    const front = this.running.get(this.editors.active?.toString() ?? "");
    for (const abort of front ? [front] : this.running.values()) abort.abort();
  }

  private rememberedData(model: vscode.Uri): string | undefined {
    const setting = vscode.workspace.getConfiguration("kernelscope", model).get<string>("dataFolder", "");
    if (!setting) return this.context.workspaceState.get<string>("data");
    const root = vscode.workspace.getWorkspaceFolder(model)?.uri.fsPath ?? path.dirname(model.fsPath);
    return path.resolve(root, setting);
  }

  private refuseTwice(model: vscode.Uri): void {
    if (this.running.has(model.toString())) throw new KernelscopeError("usage", vscode.l10n.t("{0} is being compressed already. Wait for it, or cancel it.", path.basename(model.fsPath)));
  }

  private async compress(model: vscode.Uri, request: CompressRequest): Promise<void> {
    const key = model.toString(), name = path.basename(model.fsPath);
    this.refuseTwice(model);
    const abort = new AbortController();
    this.running.set(key, abort);
    const title = vscode.l10n.t("Compressing {0}", name);
    let last: Progress | undefined;
    try {
      const report = await vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title, cancellable: true }, (notification, token) => {
        token.onCancellationRequested(() => abort.abort());
        let shown = 0;
        const progress = (state: Progress): void => {
          last = state;
          const increment = Math.max(0, Math.min(1, state.fraction) * 100 - shown);
          shown += increment;
          notification.report({ increment, message: [state.text, secondsLeftText(state.secondsLeft)].filter(Boolean).join(" · ") });
          this.editors.setJob(model, { ...state, title });
        };
        progress({ stage: "start", text: vscode.l10n.t("starting"), fraction: 0 });
        return runJob(this.context.asAbsolutePath("dist/worker.js"), (line) => this.log.info(line), abort.signal, (api, signal) => api.compress(request, progress, signal));
      });
      await this.finish(model, report);
    } catch (error) {
      if (error instanceof CancelledError) {
        const where = last && last.stage !== "start" ? vscode.l10n.t("Cancelled at {0}. No file was written.", last.text) : vscode.l10n.t("Cancelled. No file was written.");
        void vscode.window.showInformationMessage(where);
      } else {
        void showError(this.log, error, vscode.l10n.t("Try Again")).then((again) => (again ? vscode.commands.executeCommand("kernelscope.compress", model) : undefined));
      }
    } finally {
      this.running.delete(key);
      this.editors.setJob(model, undefined);
    }
  }

  private async finish(model: vscode.Uri, report: CompressReport): Promise<void> {
    const output = vscode.Uri.file(report.output.path);
    this.log.info(JSON.stringify(report));
    for (const note of report.notes ?? []) this.log.info(`${path.basename(model.fsPath)}: ${note}`);
    await vscode.commands.executeCommand("vscode.openWith", output, ModelEditors.viewType, vscode.ViewColumn.Beside);
    const details = vscode.l10n.t("Show Log");
    void vscode.window.showInformationMessage(reportSentence(report), details).then((choice) => { if (choice === details) this.log.show(); });
  }
}
