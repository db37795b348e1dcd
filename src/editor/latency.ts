import * as vscode from "vscode";
import type { LatencyRequest } from "../protocol/api";
import type { LatencyState } from "../protocol/compare";
import { CancelledError, KernelscopeError } from "../protocol/errors";
import { runJob } from "../worker/process";
import { keepLatency, keptLatency } from "./tuned-store";

/** How long two models take for one image on this machine: measured on request, in a process of its own, for one page. */
export class Latency {
  private running: { abort: AbortController; progress: NonNullable<LatencyState["running"]> } | undefined;
  private error: string | undefined;

  /** @param request asked when it is needed: threads and images are settings @param changed is told of every change */
  constructor(private readonly request: () => LatencyRequest, private readonly script: string, private readonly state: vscode.Memento, private readonly log: vscode.LogOutputChannel, private readonly changed: (state: LatencyState) => void) {}

  async current(): Promise<LatencyState> {
    const { original, compressed } = this.request(), found = await keptLatency(this.state, original, compressed);
    return { running: this.running?.progress, error: this.error, found }; // as it is by now: answers may overtake each other
  }

  /** Begins, unless it runs already, and answers at once. @throws KernelscopeError where nothing may run */
  start(): void {
    if (!vscode.workspace.isTrusted) throw new KernelscopeError("usage", vscode.l10n.t("Measuring runs the models, so it needs a trusted folder."));
    if (!this.running) void this.run();
  }

  cancel(): void { this.running?.abort.abort(); }

  private async run(): Promise<void> {
    const request = this.request(), abort = new AbortController(), running = this.running = { abort, progress: { text: vscode.l10n.t("both models are opened"), fraction: 0 } };
    this.error = undefined;
    this.tell();
    try {
      const found = await runJob(this.script, (line) => this.log.info(line), abort.signal, (api, signal) => api.latency(request, ({ text, fraction }) => { running.progress = { text, fraction }; this.tell(); }, signal));
      await keepLatency(this.state, request.original, request.compressed, found);
    } catch (error) {
      if (!(error instanceof CancelledError)) {
        this.log.error(error instanceof Error ? error.stack ?? error.message : String(error));
        this.error = error instanceof Error ? error.message : String(error);
      }
    } finally {
      this.running = undefined;
      this.tell();
    }
  }

  private tell(): void { void this.current().then(this.changed, () => undefined); }
}
