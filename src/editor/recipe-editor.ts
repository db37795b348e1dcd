import * as path from "node:path";
import * as vscode from "vscode";
import { KernelscopeError } from "../protocol/errors";
import type { CompressRequest } from "../protocol/api";
import type { JobState, OtherRecipe } from "../protocol/page";
import { recipeActions, type RecipeAction, type RecipeChange, type RecipeHostApi, type RecipePageApi } from "../protocol/recipe-page";
import { connect, type Methods } from "../protocol/rpc";
import type { SharedWorker } from "../worker/process";
import { askedOf, isSame } from "./asked";
import type { Diagnoses } from "./diagnoses";
import { Drafts, fileOf } from "./drafts";
import { difference, editJsonText } from "./json-edit";
import { pageStart, text, webviewChannel } from "./page-host";
import { pageHtml, pageRoots } from "./page-html";
import { RecipeSession } from "./recipe-session";
import { Results } from "./results";
import { checkChanges } from "./recipe-text";

/** Folders to choose from, and how they are asked for. */
export type ChooseData = (model: vscode.Uri, chosen: string | undefined) => Promise<string | null | undefined>;

/** The visual editor of `*.kernelscope.json`. The document is VS Code's own: so are undo, redo, the dirty mark, saving and what Git shows. */
export class RecipeEditors implements vscode.CustomTextEditorProvider {
  static readonly viewType = "kernelscope.recipe";
  private readonly sessions = new Map<RecipeSession, RecipePageApi>();
  private readonly jobs = new Map<string, Job>();
  private readonly results: Results;
  private readonly chosen = new vscode.EventEmitter<{ model: vscode.Uri; layer: string }>();
  private lastChange: Promise<unknown> = Promise.resolve();
  /** Fires when a layer is selected on a page. */
  readonly onDidSelect = this.chosen.event;

  constructor(private readonly context: vscode.ExtensionContext, private readonly planning: SharedWorker, private readonly diagnoses: Diagnoses, private readonly log: vscode.LogOutputChannel, private readonly chooseData: ChooseData) {
    this.results = new Results(context.workspaceState);
  }

  register(): vscode.Disposable {
    return vscode.Disposable.from(
      this.chosen, new Drafts().register(),
      this.diagnoses.onDidChange(({ model }) => { for (const session of this.of((s) => isFor(s, model))) void this.showDiagnosis(session); }),
      vscode.window.registerCustomEditorProvider(RecipeEditors.viewType, this, { supportsMultipleEditorsPerDocument: true }),
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        if (contentChanges.length) for (const session of this.of((s) => s.document === document)) void this.refresh(session);
      }),
      vscode.workspace.onDidChangeConfiguration((change) => { if (change.affectsConfiguration("kernelscope.device")) for (const session of this.of(() => true)) void this.refresh(session); }),
      vscode.workspace.onDidGrantWorkspaceTrust(() => { for (const [session, page] of this.sessions) { void page.trusted().catch(() => undefined); void session.plan(true); } }),
    );
  }

  /** The recipe whose page is in front. */
  get active(): RecipeSession | undefined { return this.of(({ panel }) => panel.active)[0]; }

  /** The open recipe of a model, once its page has read it. */
  async ready(model: vscode.Uri): Promise<RecipeSession> {
    for (let tries = 0; tries < 200; tries++) {
      const session = this.of((s) => isFor(s, model))[0];
      if (session) return session;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new KernelscopeError("runtime", vscode.l10n.t("The recipe did not open."));
  }

  /** Ends the planning process where no recipe needs it. */
  releasePlanning(): void { if (!this.sessions.size) this.planning.stop(); }

  /** What noise in each layer of a model does, where one of its recipes that are open knows. */
  sensitivityOf(model: vscode.Uri): Record<string, number> | undefined {
    for (const { sensitivity } of this.of((s) => isFor(s, model))) if (sensitivity) return sensitivity;
    return undefined;
  }

  /** Whether a page for this model is in sight. */
  isVisible(model: vscode.Uri): boolean { return this.of((session) => session.panel.visible && isFor(session, model)).length > 0; }

  /** Selects a layer on every page for this model. */
  select(model: vscode.Uri, layer: string): void {
    for (const [session, page] of this.sessions) if (isFor(session, model) && session.selected !== layer) {
      session.wanted = layer;
      void page.select(layer).catch(() => undefined);
    }
  }

  /** @param origin what it was asked for */
  setJob(model: vscode.Uri, state: JobState | undefined, origin?: Origin): void {
    if (state) this.jobs.set(model.toString(), { state, origin });
    else this.jobs.delete(model.toString());
    for (const session of this.of((s) => isFor(s, model))) this.showJob(session);
  }

  /** Its text is another one; it may be of another model now. What is out of sight is planned when it comes back. */
  private async refresh(session: RecipeSession): Promise<void> { await this.goOn(session, await session.read() && session.panel.visible); }

  /** Tells what goes with the text before it is planned: planning takes its time, and makes way for a job. */
  private async goOn(session: RecipeSession, isToBePlanned: boolean): Promise<void> {
    await this.tell(session);
    if (isToBePlanned) await session.plan();
  }

  /** What goes with the text. */
  private async tell(session: RecipeSession): Promise<void> {
    if (!session.model) return;
    this.showJob(session);
    await this.tellMeasured(session);
    await this.showDiagnosis(session);
  }

  /** Tells a page of the job on its model, and what that is of where it is not of what the page shows. */
  private showJob(session: RecipeSession): void {
    const { state, origin } = (session.model && this.jobs.get(session.model.toString())) ?? {};
    session.busy = state?.state === "running";
    void this.sessions.get(session)?.job(state && { ...state, otherRecipe: origin && otherRecipe(origin, session) }).catch(() => undefined);
  }

  /** Tells a page what is known of its layers as integers. */
  private async showDiagnosis(session: RecipeSession): Promise<void> {
    const { model, document } = session, state = model && await this.diagnoses.stateOf(model, document.getText());
    if (state) void this.sessions.get(session)?.diagnosis(state).catch(() => undefined);
  }

  /** Keeps what a file was measured at that a request asked for, as a point beside the curves of its model; what was learnt from it goes into what recipes come to. */
  async addMeasured(model: vscode.Uri, point: Parameters<Results["addMeasured"]>[1], request: CompressRequest): Promise<void> {
    await this.results.addMeasured(model, point, request);
    this.follow(model);
  }

  /** Keeps the sizes of a file that was written. */
  async addWritten(model: vscode.Uri, size: Parameters<Results["addWritten"]>[1], request: CompressRequest): Promise<void> {
    await this.results.addWritten(model, size, request);
    this.follow(model);
  }

  /** Pages know of what has been found out about their model. */
  private follow(model: vscode.Uri): void {
    for (const session of this.of((one) => isFor(one, model))) {
      void this.tellMeasured(session);
      void session.plan();
    }
  }

  async resolveCustomTextEditor(document: vscode.TextDocument, panel: vscode.WebviewPanel): Promise<void> {
    panel.webview.options = { enableScripts: true, localResourceRoots: pageRoots(this.context.extensionUri) };
    const session: RecipeSession = new RecipeSession(document, panel, () => peer.remote, this.planning, this.log);
    const peer = connect<RecipePageApi, RecipeHostApi>(webviewChannel(panel.webview), this.hostApi(session));
    this.sessions.set(session, peer.remote);
    panel.onDidDispose(() => {
      session.dispose();
      this.sessions.delete(session);
      this.releasePlanning();
      peer.close(new KernelscopeError("cancelled", "The editor was closed."));
    });
    panel.webview.html = pageHtml(panel.webview, this.context.extensionUri, pageStart("recipe", document.uri));
  }

  private hostApi(session: RecipeSession): Methods<RecipeHostApi> {
    return {
      ready: async () => {
        if (session.wanted !== undefined) void this.sessions.get(session)?.select(session.wanted).catch(() => undefined); // it was out of sight
        if (vscode.workspace.isTrusted) void this.sessions.get(session)?.trusted().catch(() => undefined); // it may have begun before that
        await this.goOn(session, await session.begin());
      },
      change: async (changes) => this.change(session.document, checkChanges(changes)),
      selected: async (layer) => {
        session.selected = layer === undefined ? undefined : text(layer);
        session.wanted = undefined;
        if (session.selected !== undefined && session.model) this.chosen.fire({ model: session.model, layer: session.selected });
      },
      act: (action) => this.act(session, action),
    };
  }

  /** Makes one change of the text, which can be undone at once, after those asked for before it; whether there was anything to change. */
  change(document: vscode.TextDocument, changes: readonly RecipeChange[]): Promise<boolean> {
    const made = this.lastChange.then(() => this.makeChange(document, changes));
    this.lastChange = made.catch(() => undefined);
    return made;
  }

  private async makeChange(document: vscode.TextDocument, changes: readonly RecipeChange[]): Promise<boolean> {
    for (;;) {
      const before = document.getText(), after = editJsonText(before, changes);
      if (after === before) return false;
      const { start, end, text } = difference(before, after), edit = new vscode.WorkspaceEdit();
      edit.replace(document.uri, new vscode.Range(document.positionAt(start), document.positionAt(end)), text);
      if (await vscode.workspace.applyEdit(edit)) return true;
      if (document.getText() === before) return false; // else somebody has typed meanwhile
    }
  }

  private async act(session: RecipeSession, action: RecipeAction): Promise<void> {
    if (!recipeActions.includes(action)) throw new KernelscopeError("usage", "The page asked for something unknown.");
    const { model, document } = session, run = (command: string, ...args: unknown[]) => vscode.commands.executeCommand(`kernelscope.${command}`, ...args);
    switch (action) {
      case "compress": await run("compressRecipe", session); break;
      case "measure": await run("measureRecipe", session); break;
      case "cancel-job": await run("cancel", model); break;
      case "finish-tuning": await run("finishTuning", model); break;
      case "resume-job": await run("resume", model); break;
      case "discard-job": await run("discard", model); break;
      case "open-result": await run("openResult", model); break;
      case "compare": await run("compareResult", model); break;
      case "cancel-planning": session.cancelPlanning(); break;
      case "diagnose": await this.diagnose(session); break;
      case "cancel-diagnosis": if (model) this.diagnoses.cancel(model); break;
      case "plan": await session.plan(true); break;
      case "choose-data": await this.chooseFolder(session); break;
      case "choose-model": await this.chooseModel(document); break;
      case "show-text": await this.showText(session); break;
      case "show-log": await run("showLog"); break;
      case "manage-trust": await vscode.commands.executeCommand("workbench.trust.manage"); break;
      case "open-model": if (model) await vscode.commands.executeCommand("vscode.open", model); break;
    }
  }

  /** @throws KernelscopeError where nothing may run */
  private async diagnose(session: RecipeSession): Promise<void> {
    if (!vscode.workspace.isTrusted) throw new KernelscopeError("usage", vscode.l10n.t("Measuring runs the models, so it needs a trusted folder."));
    const { model } = session, request = session.request();
    if (model && request) await this.diagnoses.start(model, request);
  }

  private async chooseFolder({ document, model, file, folder }: RecipeSession): Promise<void> {
    const chosen = model && await this.chooseData(model, folder);
    if (chosen !== undefined) await this.change(document, [{ path: ["data", "folder"], value: chosen === null ? undefined : relative(file, chosen) }]);
  }

  private async chooseModel(document: vscode.TextDocument): Promise<void> {
    const file = fileOf(document.uri).fsPath, [model] = await vscode.window.showOpenDialog({ filters: { ONNX: ["onnx"] }, openLabel: vscode.l10n.t("Use This Model"), defaultUri: vscode.Uri.file(path.dirname(file)) }) ?? [];
    if (model) await this.change(document, [{ path: ["model"], value: relative(file, model.fsPath) }]);
  }

  /** The text of the recipe in front. */
  async showActiveText(): Promise<void> { if (this.active) await this.showText(this.active); }

  /** The text, where it stands already or in front of the page, at the line of what is wrong with it or of the selected layer. */
  private async showText(session: RecipeSession): Promise<void> {
    const there = vscode.window.visibleTextEditors.find(({ document }) => document === session.document)?.viewColumn;
    const editor = await vscode.window.showTextDocument(session.document, { preview: false, viewColumn: there }), line = session.line;
    if (line === undefined) return;
    const { range } = session.document.lineAt(Math.min(line, session.document.lineCount) - 1);
    editor.selection = new vscode.Selection(range.start, range.start);
    editor.revealRange(range, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
  }

  private of(which: (session: RecipeSession) => boolean): RecipeSession[] { return [...this.sessions.keys()].filter(which); }

  private async tellMeasured(session: RecipeSession): Promise<void> {
    const { model } = session, { measured, written } = model ? await this.results.of(model, session.request()) : { measured: [], written: [] };
    void this.sessions.get(session)?.measured(measured, written).catch(() => undefined);
  }
}

/** What a job was asked for, and by which recipe. */
interface Origin { request: CompressRequest; recipe?: string }
interface Job { state: JobState; origin?: Origin }

/** What a job is of that a page does not show; undefined where it is of that. */
function otherRecipe({ request, recipe }: Origin, session: RecipeSession): OtherRecipe | undefined {
  const own = session.request();
  if (own && isSame(askedOf(request), askedOf(own))) return undefined;
  if (request.recipe === undefined) return { kind: "none" };
  return recipe === session.document.uri.toString() || request.recipe === session.file ? { kind: "earlier" } : { kind: "other", name: path.basename(request.recipe) };
}

const isFor = ({ model }: RecipeSession, other: vscode.Uri): boolean => model?.toString() === other.toString();

/** A path as a recipe holds it: from its own folder, with slashes, so that it is the same on every machine. */
export function relative(recipe: string, target: string): string {
  const way = path.relative(path.dirname(recipe), target);
  if (path.isAbsolute(way)) return target; // another drive
  const slashes = way.split(path.sep).join("/");
  return slashes.startsWith(".") ? slashes : `./${slashes}`;
}
