import * as fs from "node:fs/promises";
import * as path from "node:path";
import * as vscode from "vscode";
import type { CompressRequest, Device } from "../protocol/api";
import { isOfData, KernelscopeError } from "../protocol/errors";
import { sensitivityIn } from "../protocol/plan";
import type { CompressReport } from "../protocol/report";
import type { JobState } from "../protocol/page";
import { PREPARING, recipeTuning, withMannerOf } from "../protocol/tuning";
import { wilson } from "../evaluation/metrics";
import { preparedVerdict } from "../evaluation/prepared";
import { dataFolderOf, rememberFolder, rememberOriginal, usedFolders } from "../editor/data-folder";
import type { Diagnoses } from "../editor/diagnoses";
import { exists, fileOf, openDraft } from "../editor/drafts";
import { ModelEditors } from "../editor/model-editor";
import { relative, type RecipeEditors } from "../editor/recipe-editor";
import type { RecipeSession } from "../editor/recipe-session";
import { isOwnResult, keepFidelity, keepIntegers, keepOrigin, keepTuning } from "../editor/tuned-store";
import { MadeFiles } from "../worker/made";
import type { SharedWorker } from "../worker/process";
import { chooseData, chooseGoal, chooseOutput, chooseTuning, dataFoldersNear, firstThatFits, type Goal } from "./choose";
import { modelsOf, showError, showMessage } from "./command";
import { Jobs, titleOf, type Ending, type JobOrigin, type JobRecord } from "./jobs";
import { openRecipe, originalOf, outputOf, recipeBeside, recipeOf, settingsIn, showRecipe, type RecipeStart } from "./recipes";
import { preparedSentence, reportSentence, secondsLeftText } from "./words";

/** Compressions as users ask for them: from the Explorer, a model, the palette or a recipe; and what is said about them. */
export class CompressCommands {
  readonly jobs: Jobs;
  /** Results of this session, by model. */
  private readonly results = new Map<string, JobRecord & { output: string }>();

  constructor(private readonly context: vscode.ExtensionContext, private readonly editors: ModelEditors, private readonly recipes: RecipeEditors, private readonly diagnoses: Diagnoses, private readonly planning: SharedWorker, private readonly log: vscode.LogOutputChannel) {
    this.jobs = new Jobs(context, log, (record, report) => this.finish(record, report));
  }

  /** Compress Model…: a preset, images, and off it goes; several models one after the other. */
  async run(...args: unknown[]): Promise<void> {
    this.requireTrust();
    const models = await modelsOf(args, this.active);
    const [first] = models;
    if (!first) return;
    models.forEach(requireDisk);
    for (const model of models) this.jobs.refuseTwice(model);
    const bytes = models.length === 1 ? await this.refuseEmpty(first) : undefined;
    const name = models.length === 1 ? path.basename(first.fsPath) : vscode.l10n.t("{0} models", models.length), likely = await this.dataFor(first);
    const goal = await this.askGoal(models.length === 1 ? first : undefined, vscode.l10n.t("Compress {0}", name), likely, bytes);
    if (!goal) return;
    if (goal === "own") return openRecipe(first, { data: likely });
    const data = await chooseData(first, this.offered(likely));
    if (data === undefined) return;
    if (data !== null) for (const model of models) await rememberFolder(model, data, this.context.workspaceState);
    const planned: { model: vscode.Uri; request: CompressRequest }[] = [];
    for (const model of models) {
      const output = await chooseOutput(model);
      if (!output) return;
      planned.push({ model, request: { ...this.requestFor(model, data ?? undefined), output: output.path, force: output.force, ...goal } });
    }
    for (const { model, request } of planned) await this.compress(model, request);
  }

  /** Fine-Tune…: compresses as the model's recipe says, or as small as the user wants where there is none, and trains what comes of it. */
  async fineTune(...args: unknown[]): Promise<void> {
    this.requireTrust();
    const session = this.recipes.active;
    if (session?.model && !(args[0] instanceof vscode.Uri)) return this.fineTuneRecipe(session, session.model);
    return this.train(args, {});
  }

  /** Make Compressible…: trains the model itself, so that such a compression costs it less. */
  async prepare(...args: unknown[]): Promise<void> {
    this.requireTrust();
    return this.train(args, { prepare: true, noise: PREPARING });
  }

  private async train(args: unknown[], more: Pick<CompressRequest, "prepare" | "noise">): Promise<void> {
    const [chosen] = await modelsOf(args, this.active);
    if (!chosen) return;
    requireDisk(chosen);
    const model = await originalOf(chosen, this.context.workspaceState), name = path.basename(model.fsPath), title = more.prepare ? vscode.l10n.t("Make {0} Compressible", name) : vscode.l10n.t("Fine-Tune {0}", name);
    this.jobs.refuseTwice(model);
    const bytes = await this.refuseEmpty(model);
    const recipe = chosen.fsPath === model.fsPath ? await recipeBeside(model) : { file: recipeOf(model).fsPath, text: await this.recipeIn(chosen.fsPath) };
    const { folder: named, device }: ReturnType<typeof settingsIn> = recipe?.text === undefined ? {} : settingsIn(recipe.file, recipe.text), remembered = named ?? await this.rememberedData(model);
    const goal = recipe?.text === undefined ? await this.askGoal(model, title, remembered, bytes) : {};
    if (!goal) return;
    if (goal === "own") return openRecipe(model, { data: remembered });
    const data = remembered ?? await chooseData(model, this.offered(), true, title);
    if (!data) return;
    const tune = await chooseTuning(title), output = tune && await chooseOutput(model, outputOf(model.fsPath, more.prepare), title);
    if (!output) return;
    if (named === undefined) await rememberFolder(model, data, this.context.workspaceState);
    await this.compress(model, { ...this.requestFor(model, data), ...(device && { device }), ...goal, ...(recipe?.text !== undefined && { recipe: recipe.file, recipeText: recipe.text }), tune, ...more, output: output.path, force: output.force });
  }

  /** What the user adds for the training is written into the recipe. */
  private async fineTuneRecipe(session: RecipeSession, model: vscode.Uri): Promise<void> {
    this.jobs.refuseTwice(model);
    const data = session.folder ?? await chooseData(model, this.offered(await this.rememberedData(model)), true), tune = data ? await chooseTuning(vscode.l10n.t("Fine-Tune {0}", path.basename(model.fsPath))) : undefined;
    if (!data || tune === undefined) return;
    await this.recipes.change(session.document, [...(session.folder === undefined ? [{ path: ["data", "folder"], value: relative(session.file, data) }] : []), { path: ["tune"], value: withMannerOf(recipeTuning(tune), session.tuning) }]);
    await this.runRecipe(session);
  }

  /** Compress, from a recipe: what its page shows, saved or not. What the same recipe made before is replaced without a question, unless a training made it. */
  async runRecipe(session: RecipeSession): Promise<void> {
    this.requireTrust();
    const { model } = session, request = session.request();
    if (!model || !request) return;
    this.jobs.refuseTwice(model);
    const own = outputOf(model.fsPath), output = await isOwnResult(this.context.workspaceState, own, fileOf(session.document.uri).path) ? { path: own, force: true } : await chooseOutput(model);
    if (output) await this.compress(model, { ...request, output: output.path, force: output.force }, session.document.uri);
  }

  /** Plan…, Open Recipe: for a model, or out of a file that was compressed. */
  async openRecipe(...args: unknown[]): Promise<void> {
    const [chosen] = await modelsOf(args, this.active);
    if (!chosen) return;
    requireDisk(chosen);
    const model = await originalOf(chosen, this.context.workspaceState), isResult = chosen.fsPath !== model.fsPath, result = this.results.get(model.toString()), made = isResult ? await new MadeFiles().of(chosen.fsPath) : undefined;
    const recipe = result?.output === chosen.fsPath && result.recipe !== undefined ? vscode.Uri.parse(result.recipe) : made?.recipe === undefined ? undefined : chosen.with({ path: vscode.Uri.file(made.recipe).path });
    if (isResult && recipe && (openDraft(recipe) || await exists(recipe))) { await showRecipe(recipe); return; }
    const embedded = isResult ? await this.recipeIn(chosen.fsPath) : undefined, folder = made?.images?.folder, isThere = folder !== undefined && await fs.access(folder).then(() => true, () => false);
    await openRecipe(model, { data: isThere ? folder : result?.request.data ?? await this.dataFor(model), embedded }, embedded !== undefined);
  }

  /** Goes on with a stopped job. It has written nothing yet, so a file that stands in its place is another's, or an older one: that is asked about, unless it was before. */
  async resume(model: vscode.Uri): Promise<void> {
    this.jobs.refuseTwice(model);
    const request = this.jobs.requestOf(model), output = request && (request.force && request.output !== undefined ? { path: request.output, force: true } : await chooseOutput(model, request.output));
    if (request && output) await this.watch(model, request, () => this.jobs.resume(model, output));
  }

  /** Cancels the job of this model; without one that of the editor in front, and if nothing runs there, every job. */
  async cancel(...args: unknown[]): Promise<void> {
    for (const model of this.meant(args, this.jobs.models)) this.jobs.cancel(model);
  }

  /** Ends the training of this model's job, else of the one in front, else of every one: what is best so far is written. */
  async finishTuning(...args: unknown[]): Promise<void> {
    for (const model of this.meant(args, this.jobs.training)) this.jobs.finishTraining(model);
  }

  /** Of some models the one that a command names, else the one in front, else all. */
  private meant([named]: unknown[], models: readonly vscode.Uri[]): readonly vscode.Uri[] {
    if (named instanceof vscode.Uri) return [named];
    const front = this.active, isFront = models.filter((model) => model.toString() === front?.toString());
    return isFront.length ? isFront : models;
  }

  /** The file that a model was last compressed to. */
  resultOf(model: vscode.Uri): vscode.Uri | undefined {
    const result = this.results.get(model.toString());
    return result && vscode.Uri.file(result.output);
  }

  /** Shows a job wherever its model is shown. */
  show(model: vscode.Uri, state: JobState | undefined, origin: JobOrigin | undefined): void {
    this.editors.setJob(model, state);
    this.recipes.setJob(model, state, origin);
  }

  private get active(): vscode.Uri | undefined { return this.editors.active ?? this.recipes.active?.model; }

  private isVisible(model: vscode.Uri): boolean { return this.editors.isVisible(model) || this.recipes.isVisible(model); }

  /** Asks how small; for one model with what presets come to, as far as that is known. */
  private async askGoal(model: vscode.Uri | undefined, title: string, data: string | undefined, bytes: number | undefined): Promise<Goal | undefined> {
    const goal = await chooseGoal(title, data, bytes, async () => model && this.planning.api.plan(this.requestFor(model, data), true, () => undefined, new AbortController().signal));
    this.recipes.releasePlanning();
    return goal;
  }

  /** What noise in each layer of a model does, where layers were rated on the images that a compression would take; nothing is rated for it. */
  async sensitivityOf(model: vscode.Uri): Promise<Record<string, number> | undefined> {
    const data = vscode.workspace.isTrusted ? await this.dataFor(model) : undefined;
    if (data === undefined) return undefined;
    const facts = await this.planning.api.plan(this.requestFor(model, data), true, () => undefined, new AbortController().signal);
    this.recipes.releasePlanning();
    return facts && sensitivityIn(facts);
  }

  private requireTrust(): void {
    if (!vscode.workspace.isTrusted) throw new KernelscopeError("usage", vscode.l10n.t("Compressing runs the model, so it needs a trusted folder."));
  }

  private requestFor(model: vscode.Uri, data: string | undefined): CompressRequest {
    const settings = vscode.workspace.getConfiguration("kernelscope", model), threads = settings.get<number>("threads", 0);
    return { model: model.fsPath, ...(data !== undefined && { data }), device: settings.get<Device>("device", "auto"), ...(threads > 0 && { threads }) };
  }

  /** The folder that was last used with a model, or one beside it that fits. */
  private async dataFor(model: vscode.Uri): Promise<string | undefined> {
    const remembered = await this.rememberedData(model), near = remembered === undefined ? await dataFoldersNear(path.dirname(model.fsPath)) : [];
    return near.length ? firstThatFits(near, (await this.editors.factsOf(model.fsPath)).inputs) : remembered;
  }

  /** Folders to choose from: the likeliest, then those that other models were used with. */
  private offered(likely?: string): string[] { return [...(likely === undefined ? [] : [likely]), ...Object.values(usedFolders(this.context.workspaceState))]; }

  private async rememberedData(model: vscode.Uri): Promise<string | undefined> {
    const folder = dataFolderOf(model, this.context.workspaceState);
    return folder !== undefined && await fs.access(folder).then(() => true, () => false) ? folder : undefined;
  }

  /** Before anything is asked. @returns the model's size @throws KernelscopeError "nothing-to-compress" */
  private async refuseEmpty({ fsPath }: vscode.Uri): Promise<number> {
    const { nothing, bytes } = await this.editors.factsOf(fsPath);
    if (nothing !== undefined) throw new KernelscopeError("nothing-to-compress", nothing);
    return bytes;
  }

  private async recipeIn(file: string): Promise<string | undefined> { return (await this.editors.factsOf(file)).recipe; }

  private async compress(model: vscode.Uri, request: CompressRequest, recipe?: vscode.Uri): Promise<void> { await this.watch(model, request, () => this.jobs.run(model, request, recipe)); }

  /** Runs a job; where no editor shows it, a notification does. */
  private async watch(model: vscode.Uri, request: CompressRequest, job: () => Promise<CompressReport | undefined>): Promise<void> {
    try {
      if (this.isVisible(model)) { await job(); return; }
      await this.inNotification(model, titleOf({ model: model.toString(), request }), job);
      const state = this.jobs.stateOf(model);
      if (state?.state === "stopped" && state.sentence) showMessage(state.sentence, { [vscode.l10n.t("Resume")]: () => vscode.commands.executeCommand("kernelscope.resume", model) });
    } catch (error) {
      if (this.isVisible(model)) { this.log.error(error instanceof Error ? error.stack ?? error.message : String(error)); return; } // its page says so
      const ofData = isOfData(error), isChosen = showError(this.log, error, ofData ? vscode.l10n.t("Choose Folder…") : vscode.l10n.t("Try Again"));
      void isChosen.then((chosen) => (!chosen ? undefined : ofData ? this.chooseData(model) : vscode.commands.executeCommand("kernelscope.resume", model))).catch((failure: unknown) => showError(this.log, failure));
    }
  }

  /** The job that its images have stopped, on others; where a recipe names them, its page is where they are chosen. */
  async chooseData(model: vscode.Uri): Promise<void> {
    const recipe = this.jobs.recipeOf(model);
    if (recipe) { await showRecipe(recipe); return; }
    const request = this.jobs.requestOf(model), isNeeded = request?.recipe !== undefined || (request?.tune ?? "none") !== "none", data = request && await chooseData(model, this.offered().filter((folder) => folder !== request.data), isNeeded);
    const output = data === undefined ? undefined : await chooseOutput(model, request?.output);
    if (!request || !output) return;
    if (data) await rememberFolder(model, data, this.context.workspaceState);
    await this.compress(model, { ...request, data: data ?? undefined, output: output.path, force: output.force });
  }

  /** A notification that goes once an editor shows the job: it would lie on what that tells of it. */
  private async inNotification(model: vscode.Uri, title: string, job: () => Promise<CompressReport | undefined>): Promise<void> {
    let running: Promise<unknown> | undefined;
    await vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title, cancellable: true }, async (notification, token) => {
      let shown = 0;
      await new Promise<void>((resolve) => {
        const watching = this.jobs.onDidChange(({ model: changed, state }) => {
          if (changed.toString() !== model.toString() || state?.state !== "running") return;
          if (this.isVisible(model)) { done(); return; }
          const increment = Math.max(0, Math.min(1, state.fraction) * 100 - shown);
          shown += increment;
          notification.report({ increment, message: [state.text, secondsLeftText(state.secondsLeft)].filter(Boolean).join(" · ") });
        });
        const done = (): void => { watching.dispose(); resolve(); };
        token.onCancellationRequested(() => this.jobs.cancel(model));
        running = job();
        running.then(done, done);
      });
    });
    await running;
  }

  /** Tells of a written file, and opens it and, in front of it, its comparison with the original in tabs beside the original's, as wide as that. */
  private async finish(record: JobRecord, report: CompressReport): Promise<Ending> {
    const model = vscode.Uri.parse(record.model), output = vscode.Uri.file(report.output.path), { fidelity } = report, sentence = record.request.prepare ? preparedSentence(report) : reportSentence(report);
    this.log.info(JSON.stringify(report));
    for (const note of report.notes ?? []) this.log.info(`${path.basename(model.fsPath)}: ${note}`);
    if (record.request.prepare) {
      const prepared = report.tuning && preparedVerdict(report.tuning), isBetter = prepared === "gain";
      if (isBetter) await vscode.commands.executeCommand("vscode.openWith", output, ModelEditors.viewType);
      showMessage(sentence, isBetter ? { [vscode.l10n.t("Compress Model…")]: () => vscode.commands.executeCommand("kernelscope.compress", output) } : { [vscode.l10n.t("Train Longer…")]: () => vscode.commands.executeCommand("kernelscope.prepare", model), [vscode.l10n.t("Compress the Original…")]: () => vscode.commands.executeCommand("kernelscope.compress", model) });
      return { sentence, prepared };
    }
    this.results.set(record.model, { ...record, output: output.fsPath });
    await keepOrigin(this.context.workspaceState, output.fsPath, record.recipe === undefined ? undefined : fileOf(vscode.Uri.parse(record.recipe)).path, report.tuning !== undefined);
    await rememberOriginal(output.fsPath, model.fsPath, this.context.workspaceState);
    await keepTuning(this.context.workspaceState, output.fsPath, report.tuning);
    await keepIntegers(this.context.workspaceState, output.fsPath, report.integers);
    await keepFidelity(this.context.workspaceState, model.fsPath, output.fsPath, fidelity);
    await this.diagnoses.keep(model, record.request.recipeText, report.integers);
    await this.recipes.addWritten(model, { bytes: report.output.bytes, gzipBytes: report.output.gzipBytes }, record.request);
    if (fidelity?.agreement !== undefined) await this.recipes.addMeasured(model, { bytes: report.output.bytes, bits: report.convBitsPerWeight ?? report.bitsPerWeight, agreement: fidelity.agreement, interval: wilson(fidelity.agreement, fidelity.samples), samples: fidelity.samples, ...(report.pruning && { pruned: 1 - report.pruning.after.macs / report.pruning.before.macs }), ...(report.tuning?.planned !== undefined && { ended: { step: report.tuning.steps, of: report.tuning.planned } }) }, record.request);
    await vscode.commands.executeCommand("vscode.openWith", output, ModelEditors.viewType);
    await vscode.commands.executeCommand("kernelscope.compare", [model, output]);
    const start: RecipeStart = { ...record.request, data: record.request.data }, { recipe } = record;
    showMessage(sentence, { [vscode.l10n.t("Open Recipe")]: () => (recipe === undefined ? openRecipe(model, start) : showRecipe(vscode.Uri.parse(recipe))) });
    return { sentence };
  }
}

/** @throws KernelscopeError in a virtual workspace: a job reads its model as a file, and writes one beside it */
function requireDisk({ scheme, path: file }: vscode.Uri): void {
  if (scheme !== "file") throw new KernelscopeError("usage", vscode.l10n.t("{0} lies in a virtual workspace. Compressing needs a file on a disk: save a copy there, and open that.", path.posix.basename(file)));
}

/** Data folders near a model, as a recipe's page asks for them. */
export const askForData = (model: vscode.Uri, chosen: string | undefined): Promise<string | null | undefined> => chooseData(model, chosen === undefined ? [] : [chosen]);
