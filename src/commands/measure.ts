import * as path from "node:path";
import * as vscode from "vscode";
import type { CandidatePanel } from "../editor/candidate-panel";
import type { RecipeEditors } from "../editor/recipe-editor";
import type { RecipeSession } from "../editor/recipe-session";
import { KernelscopeError } from "../protocol/errors";

/** Measure, from a recipe: what its page shows is tried out and measured, before any training; nothing is saved but the figure beside its curve. */
export async function measureRecipe(session: RecipeSession, panel: CandidatePanel, recipes: RecipeEditors): Promise<void> {
  if (!vscode.workspace.isTrusted) throw new KernelscopeError("usage", vscode.l10n.t("Measuring runs the models, so it needs a trusted folder."));
  const { model, folder, evalFolder, tuning = "none" } = session, beforeTuning = tuning !== "none", request = session.request();
  if (!model || !request) return;
  const name = path.basename(session.file).replace(/(\.kernelscope)?\.json$/, "");
  await panel.show({ model, request: beforeTuning ? { ...request, tune: "none" } : request, beforeTuning, data: evalFolder ?? folder, heldOut: evalFolder === undefined, name }, ({ classifier, samples }, bytes) => {
    if (classifier) void recipes.addMeasured(model, { bytes, agreement: classifier.agreement.value, interval: [classifier.agreement.low, classifier.agreement.high], samples, ...(beforeTuning && { beforeTuning }) }, request);
  });
}
