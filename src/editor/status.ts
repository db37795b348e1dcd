import * as os from "node:os";
import * as vscode from "vscode";
import type { JobState } from "../protocol/page";

/** The one status bar item: the device while a model, a recipe or a comparison is looked at, the job while one runs. */
export class Status {
  private readonly item = vscode.window.createStatusBarItem("kernelscope.status", vscode.StatusBarAlignment.Right, 90);
  private readonly jobs = new Map<string, JobState>();
  private readonly watching: vscode.Disposable;

  constructor() {
    const { tabGroups } = vscode.window;
    this.watching = vscode.Disposable.from(tabGroups.onDidChangeTabs(() => this.show()), tabGroups.onDidChangeTabGroups(() => this.show()));
    this.item.name = "Kernelscope";
    this.item.command = "kernelscope.showLog";
  }

  setJob(id: string, state: JobState | undefined): void {
    if (state?.state === "running") this.jobs.set(id, state);
    else this.jobs.delete(id);
    this.show();
  }

  /** Draws again after a change of settings. */
  show(): void {
    const settings = vscode.workspace.getConfiguration("kernelscope");
    const device = settings.get<string>("device", "auto"), threads = settings.get<number>("threads", 0) || os.availableParallelism();
    const job = [...this.jobs.values()][0];
    if (job) {
      const { fraction, layers, tuning } = job, far = tuning ? `${Math.floor(100 * tuning.step / tuning.steps)} %` : layers ? `${layers.done}/${layers.of}` : `${Math.floor(fraction * 100)} %`;
      this.item.text = this.jobs.size > 1 ? `$(sync~spin) ${vscode.l10n.t("{0} jobs", this.jobs.size)}` : `$(sync~spin) ${job.stage === "measure" ? vscode.l10n.t("Measuring {0}", far) : job.stage === "diagnose" ? vscode.l10n.t("Diagnosing {0}", far) : tuning ? vscode.l10n.t("Fine-tuning {0}", far) : vscode.l10n.t("Compressing {0}", far)}`;
    } else {
      this.item.text = `$(layers) ${device === "auto" || device === "cpu" ? "CPU" : device} · ${threads === 1 ? vscode.l10n.t("1 thread") : vscode.l10n.t("{0} threads", threads)}`;
    }
    const tooltip = new vscode.MarkdownString("", true);
    tooltip.isTrusted = { enabledCommands: ["workbench.action.openSettings", "kernelscope.showLog", "kernelscope.finishTuning"] };
    for (const { title, text } of this.jobs.values()) tooltip.appendText(`${title}: ${text}\n`);
    if ([...this.jobs.values()].some(({ course }) => course)) tooltip.appendMarkdown(`[${vscode.l10n.t("Finish Fine-Tuning, Keep the Best")}](command:kernelscope.finishTuning)\n\n`);
    tooltip.appendMarkdown(`${threads === 1 ? vscode.l10n.t("Kernelscope computes with 1 thread.") : vscode.l10n.t("Kernelscope computes with {0} threads.", threads)}\n\n[${vscode.l10n.t("Settings")}](command:workbench.action.openSettings?%22kernelscope%22) · [${vscode.l10n.t("Log")}](command:kernelscope.showLog)`);
    this.item.tooltip = tooltip;
    if (job || isOurs(vscode.window.tabGroups.activeTabGroup.activeTab)) this.item.show();
    else this.item.hide();
  }

  dispose(): void {
    this.watching.dispose();
    this.item.dispose();
  }
}

/** Whether a tab is an editor or a panel of this extension. */
const isOurs = (tab: vscode.Tab | undefined): boolean => (tab?.input instanceof vscode.TabInputCustom || tab?.input instanceof vscode.TabInputWebview) && /(^|-)kernelscope\./.test(tab.input.viewType); // VS Code puts a word before a panel's
