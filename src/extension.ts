import * as vscode from "vscode";
import { clearCache } from "./commands/cache";
import { registerCommand } from "./commands/command";
import { CompareCommand, compareWithHead } from "./commands/compare";
import { askForData, CompressCommands } from "./commands/compress";
import { registerGraphCommands } from "./commands/graph";
import { registerLayerCommands } from "./commands/layer";
import { showRecipe } from "./commands/recipes";
import { openSample } from "./commands/sample";
import { RecipeTasks } from "./commands/tasks";
import { Accuracy } from "./editor/accuracy";
import { CandidatePanel } from "./editor/candidate-panel";
import { ComparePanels } from "./editor/compare-panel";
import { measureRecipe } from "./commands/measure";
import { LayersTree } from "./editor/layers-tree";
import { Diagnoses } from "./editor/diagnoses";
import { watchChangedModels } from "./editor/git";
import { createLog } from "./editor/log";
import { ModelEditors } from "./editor/model-editor";
import { RecipeEditors } from "./editor/recipe-editor";
import { RecipeSession } from "./editor/recipe-session";
import { Status } from "./editor/status";
import { SharedWorker } from "./worker/process";

/** Registers and returns; processes start when a model is opened. */
export function activate(context: vscode.ExtensionContext): void {
  const log = createLog(), status = new Status(), script = context.asAbsolutePath("dist/worker.js");
  const viewing = new SharedWorker("Viewing", script, (line) => log.info(line)), planning = new SharedWorker("Planning", script, (line) => log.info(line));
  const accuracy = new Accuracy(context, status, log), editors: ModelEditors = new ModelEditors(context.extensionUri, viewing, accuracy, log, async (model) => recipes.sensitivityOf(model) ?? compress.sensitivityOf(model)), diagnoses = new Diagnoses(context, log), recipes: RecipeEditors = new RecipeEditors(context, planning, diagnoses, log, askForData);
  const compress: CompressCommands = new CompressCommands(context, editors, recipes, diagnoses, planning, log), { jobs } = compress;
  const panels = new ComparePanels(context, viewing, editors, accuracy, log), compare = new CompareCommand(context, editors, panels), candidates = new CandidatePanel(context, editors, accuracy, log);
  const onModel = (id: string, run: (model: vscode.Uri) => Promise<unknown>) => registerCommand(log, id, async (model) => { if (model instanceof vscode.Uri) await run(model); });
  context.subscriptions.push(
    log, status, editors.register(), recipes.register(), panels.register(), LayersTree.register(editors), watchChangedModels(), jobs, diagnoses,
    { dispose: () => { viewing.stop(); planning.stop(); } },
    editors.onDidSelect(({ model, layer, from }) => { if (from !== recipes) recipes.select(model, layer); }), recipes.onDidSelect(({ model, layer }) => editors.share([model], layer, recipes)),
    jobs.onDidChange(({ model, state, origin }) => { compress.show(model, state, origin); status.setJob(model.toString(), state); void vscode.commands.executeCommand("setContext", "kernelscope.training", jobs.training.length > 0); }),
    diagnoses.onDidChange(({ model, job }) => status.setJob(`diagnosing ${model.toString()}`, job)),
    vscode.workspace.onDidChangeConfiguration((change) => { if (change.affectsConfiguration("kernelscope")) status.show(); }),
    registerCommand(log, "kernelscope.compress", (...args) => compress.run(...args)),
    registerCommand(log, "kernelscope.fineTune", (...args) => compress.fineTune(...args)),
    registerCommand(log, "kernelscope.prepare", (...args) => compress.prepare(...args)),
    registerCommand(log, "kernelscope.compare", (...args) => compare.run(...args)),
    registerCommand(log, "kernelscope.compareWith", (model) => compare.with(model)),
    registerCommand(log, "kernelscope.compareWithHead", (model) => compareWithHead(context, panels, editors, model)),
    registerCommand(log, "kernelscope.compressRecipe", async (session = recipes.active) => { if (session instanceof RecipeSession) await compress.runRecipe(session); }),
    registerCommand(log, "kernelscope.measureRecipe", async (session = recipes.active) => { if (session instanceof RecipeSession) await measureRecipe(session, candidates, recipes); }),
    registerCommand(log, "kernelscope.openRecipe", (...args) => compress.openRecipe(...args)),
    registerCommand(log, "kernelscope.showRecipe", async (uri = vscode.window.activeTextEditor?.document.uri) => { if (uri instanceof vscode.Uri) await showRecipe(uri); }),
    registerCommand(log, "kernelscope.showRecipeText", () => recipes.showActiveText()),
    registerCommand(log, "kernelscope.cancel", (...args) => compress.cancel(...args)),
    registerCommand(log, "kernelscope.finishTuning", (...args) => compress.finishTuning(...args)),
    onModel("kernelscope.resume", (model) => compress.resume(model)),
    onModel("kernelscope.chooseJobData", (model) => compress.chooseData(model)),
    onModel("kernelscope.discard", (model) => jobs.discard(model)),
    onModel("kernelscope.openResult", async (model) => { await vscode.commands.executeCommand("vscode.openWith", compress.resultOf(model), ModelEditors.viewType); }),
    onModel("kernelscope.compareResult", async (model) => { await vscode.commands.executeCommand("kernelscope.compare", [model, compress.resultOf(model)]); }),
    new RecipeTasks(context.asAbsolutePath("dist/cli.js")).register(),
    registerGraphCommands(log, editors),
    registerLayerCommands(log, editors, recipes, (model) => compress.openRecipe(model)),
    registerCommand(log, "kernelscope.openSample", () => openSample(context)),
    registerCommand(log, "kernelscope.swapSides", async () => panels.swap()),
    registerCommand(log, "kernelscope.find", async () => { if (!await panels.find()) await editors.find(); }),
    registerCommand(log, "kernelscope.clearCache", () => clearCache(accuracy.folder)),
    registerCommand(log, "kernelscope.showLog", async () => log.show()),
  );
  void jobs.restore().catch((error: unknown) => log.error(String(error)));
}
