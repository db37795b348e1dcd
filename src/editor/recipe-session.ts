import * as path from "node:path";
import * as vscode from "vscode";
import type { CompressRequest, Device } from "../protocol/api";
import { CancelledError, isOfData, isOfModel, KernelscopeError } from "../protocol/errors";
import { sensitivityIn, type PlanFacts } from "../protocol/plan";
import { ratedFor, type Planning, type RecipePageApi, type RecipeProblem, type RecipeView } from "../protocol/recipe-page";
import type { RecipeTuning } from "../protocol/tuning";
import type { SharedWorker } from "../worker/process";
import { fileOf } from "./drafts";
import { layerLine, problemOf, readRecipe } from "./recipe-text";

/** How long a cancelled rating may take to stop before its process is ended. */
const CANCEL_GRACE_MS = 600;

/** One open page of a recipe: reads the text again after every change, and has what it comes to worked out. */
export class RecipeSession {
  model: vscode.Uri | undefined;
  selected: string | undefined;
  /** Selected elsewhere, until the page selects something itself. */
  wanted: string | undefined;
  private view: RecipeView | undefined;
  /** What is wrong with the text as such, and what planning has found wrong with it: of that nothing is taken back until planning finds it right, or it would blink with every key. */
  private unreadable: RecipeProblem | undefined;
  private unplannable: RecipeProblem | undefined;
  private running: { abort: AbortController; inputs: string; stale: boolean } | undefined;
  private cancelled: string | undefined;
  /** Whole plans that are tried so that predictions learn from them, or were. */
  private trying: { abort: AbortController; inputs: string } | undefined;
  private isBusy = false;
  /** Its page is closed: nothing is begun for it any more. */
  private isGone = false;
  /** What the last text came to. */
  private last: { text: string; facts: PlanFacts } | undefined;

  /** What noise in each layer does to the outputs, as far as that was measured. */
  get sensitivity(): Record<string, number> | undefined { return this.last && sensitivityIn(this.last.facts); }

  constructor(readonly document: vscode.TextDocument, readonly panel: vscode.WebviewPanel, private readonly page: () => RecipePageApi, private readonly worker: SharedWorker, private readonly log: vscode.LogOutputChannel) {}

  /** The document's path, also of one that is not saved yet. */
  get file(): string { return fileOf(this.document.uri).fsPath; }

  /** The data folder, absolute. */
  get folder(): string | undefined {
    const folder = this.view?.data?.folder;
    return folder === undefined ? undefined : path.resolve(path.dirname(this.file), folder);
  }

  get tuning(): RecipeTuning | undefined { return this.view?.tune; }

  /** The folder that is measured on instead of a part of it, absolute. */
  get evalFolder(): string | undefined {
    const folder = this.view?.data?.evalFolder;
    return folder === undefined ? undefined : path.resolve(path.dirname(this.file), folder);
  }

  private get deviceSetting(): Device { return vscode.workspace.getConfiguration("kernelscope", this.model).get<Device>("device", "auto"); }

  private get problem(): RecipeProblem | undefined { return this.unreadable ?? this.unplannable; }

  /** Where the text is wrong, or speaks of the selected layer. */
  get line(): number | undefined { return this.problem ? this.problem.line : this.selected === undefined ? undefined : layerLine(this.document.getText(), this.selected); }

  /** Reads the text, which has changed, and tells the page; whether it can be planned. */
  async read(): Promise<boolean> {
    const { view, problem } = readRecipe(this.document.getText());
    this.unreadable = problem;
    if (view) {
      this.model = await this.findModel(view.modelPath);
      this.view = { ...view, model: this.model && { name: path.basename(this.model.fsPath), file: this.model.fsPath }, deviceSetting: this.deviceSetting };
    }
    this.tellText();
    return !problem;
  }

  /** The page is new, or was hidden: it is told what is known. Whether the text as it stands is to be planned. */
  async begin(): Promise<boolean> {
    if (this.last) {
      this.tellText();
      this.tell({ state: "ready", facts: this.last.facts });
      if (this.last.text === this.document.getText()) return false;
    }
    return this.read();
  }

  /** What a job needs to compress what the page shows, the text as it stands. */
  request(): CompressRequest | undefined {
    if (!this.model) return undefined;
    const settings = vscode.workspace.getConfiguration("kernelscope", this.model), threads = settings.get<number>("threads", 0);
    return {
      model: this.model.fsPath, recipe: this.file, recipeText: this.document.getText(),
      ...(this.view?.device === undefined && { device: this.deviceSetting }), ...(threads > 0 && { threads }),
    };
  }

  /** Works out what the text comes to; layers that were not rated yet on its images are rated, unless the user has stopped that. */
  async plan(again = false): Promise<void> {
    if (this.isGone) return;
    const request = this.request(), inputs = ratedFor(this.view);
    if (!request || this.view?.data?.folder !== undefined && !vscode.workspace.isTrusted) { this.leaveUnplanned("none"); return; }
    if (again) this.cancelled = undefined;
    if (this.cancelled === inputs) { this.leaveUnplanned("cancelled"); return; }
    this.cancelled = undefined;
    if (this.running?.inputs === inputs) { this.running.stale = true; return; } // what is rated now will be needed
    this.running?.abort.abort();
    const own = { abort: new AbortController(), inputs, stale: true };
    this.running = own;
    try {
      while (own.stale && this.running === own) {
        own.stale = false;
        await this.planOnce(own.abort);
      }
    } finally {
      if (this.running === own) this.running = undefined;
    }
    await this.tryPlans();
  }

  /** A job on the model needs the processor for itself: whole plans are tried after it. */
  set busy(isBusy: boolean) {
    const ends = this.isBusy && !isBusy;
    this.isBusy = isBusy;
    if (isBusy) this.stopTrying();
    else if (ends) void this.tryPlans();
  }

  /** Has whole plans tried once for what was rated: what layers do together is not known from them one by one. */
  private async tryPlans(): Promise<void> {
    const request = this.request(), inputs = ratedFor(this.view);
    if (!request || this.isGone || this.isBusy || this.running || this.last?.facts.prediction.samples === undefined || this.trying?.inputs === inputs) return;
    this.trying?.abort.abort();
    const own = { abort: new AbortController(), inputs };
    this.trying = own;
    try {
      const learnt = await this.worker.api.tryPlans(request, ({ fraction }) => this.tellTried(fraction), own.abort.signal);
      if (learnt && this.trying === own) await this.plan();
    } catch (error) {
      // what is told stays as it was
      if (this.trying === own) this.trying = undefined;
      if (!own.abort.signal.aborted) this.log.warn(`${this.file}: whole plans were not tried: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      if (this.trying === own || !this.trying) this.tellTried(undefined);
    }
  }

  private stopTrying(): void {
    this.trying?.abort.abort();
    this.trying = undefined;
  }

  private tellTried(share: number | undefined): void {
    void this.page().trying(share).catch(() => undefined);
  }

  private async planOnce({ signal }: AbortController): Promise<void> {
    const text = this.document.getText(), request = this.request();
    if (!request) return;
    try {
      const facts = await this.worker.api.plan(request, false, ({ text: told, fraction, secondsLeft, warning }) => {
        if (text === this.document.getText()) this.setUnplannable(undefined);
        this.tell({ state: "busy", text: told, fraction, secondsLeft, warning });
      }, signal);
      if (signal.aborted || !facts) return;
      if (text !== this.document.getText()) return; // a newer one follows
      this.setUnplannable(undefined);
      this.last = { text, facts };
      this.tell({ state: "ready", facts });
    } catch (error) {
      if (signal.aborted || error instanceof CancelledError) return;
      if (error instanceof KernelscopeError && (error.code === "bad-recipe" || error.code === "usage")) this.setUnplannable(problemOf(error, text));
      else {
        this.log.error(`${this.file}: ${error instanceof Error ? error.stack ?? error.message : String(error)}`);
        this.setUnplannable(undefined);
        this.tell({ state: "failed", text: error instanceof Error ? error.message : String(error), isOfData: isOfData(error), isOfModel: isOfModel(error), ...channelsIn(error) });
      }
    }
  }

  /** Stops rating; what was rated is kept. */
  cancelPlanning(): void {
    const { running } = this;
    if (!running) return;
    this.cancelled = running.inputs;
    running.abort.abort();
    this.running = undefined;
    this.tell({ state: "cancelled" });
    const { api } = this.worker, request = this.request();
    // onnxruntime cannot be interrupted: a process that does not answer soon is ended
    const timer = setTimeout(() => this.worker.stop(), CANCEL_GRACE_MS);
    if (request) void api.plan({ ...request, recipeText: "{}" }, true, () => undefined, new AbortController().signal).catch(() => undefined).finally(() => clearTimeout(timer));
  }

  dispose(): void {
    this.isGone = true;
    this.running?.abort.abort();
    this.stopTrying();
  }

  private leaveUnplanned(state: "none" | "cancelled"): void {
    this.setUnplannable(undefined);
    this.tell({ state });
  }

  private setUnplannable(problem: RecipeProblem | undefined): void {
    if (JSON.stringify(problem) === JSON.stringify(this.unplannable)) return;
    this.unplannable = problem;
    this.tellText();
  }

  /** Nothing waits for a page: one that was hidden meanwhile never answers. */
  private tellText(): void {
    void this.page().recipe(this.view, this.problem).catch(() => undefined);
  }

  private tell(planning: Planning): void {
    void this.page().planning(planning).catch(() => undefined);
  }

  /** The model that the text names; without a name the one beside it that is called alike, or the only one there. */
  private async findModel(named: string | undefined): Promise<vscode.Uri | undefined> {
    const folder = path.dirname(this.file), own = path.basename(this.file).replace(/\.kernelscope\.json$/i, "");
    if (named !== undefined) return vscode.Uri.file(path.resolve(folder, named));
    const names = (await vscode.workspace.fs.readDirectory(vscode.Uri.file(folder)).then((all) => all, () => [])).map(([name]) => name).filter((name) => name.endsWith(".onnx"));
    const name = names.find((name) => name === `${own}.onnx`) ?? (names.length === 1 ? names[0] : undefined);
    return name === undefined ? undefined : vscode.Uri.file(path.join(folder, name));
  }
}

/** The channels that a model takes, where images were to be prepared with others. */
function channelsIn(error: unknown): { channels?: "gray" | "rgb" } {
  const channels = error instanceof KernelscopeError ? error.details.channels : undefined;
  return channels === "gray" || channels === "rgb" ? { channels } : {};
}
