import * as vscode from "vscode";
import { KernelscopeError } from "../protocol/errors";
import type { LayerSetting } from "../protocol/recipe-page";
import type { ModelEditors } from "../editor/model-editor";
import type { RecipeEditors } from "../editor/recipe-editor";
import { registerCommand } from "./command";

/** The commands of a layer's context menu, on the pages of models and of recipes. What they settle is written into the recipe of the model. */
export function registerLayerCommands(log: vscode.LogOutputChannel, editors: ModelEditors, recipes: RecipeEditors, openRecipe: (model: vscode.Uri) => Promise<void>): vscode.Disposable {
  const command = (id: string, run: (layer: string) => Promise<unknown>) => registerCommand(log, `kernelscope.layer.${id}`, async (context) => { await run(layerIn(context)); });
  const pin = (id: string, value: LayerSetting["pin"]) => command(id, async (layer) => {
    const session = recipes.active ?? await openedRecipe(layer);
    // method and settings hold a layer as a pin does
    await recipes.change(session.document, [{ path: value === undefined ? ["layers", layer] : ["layers", layer, "pin"], value }]);
  });
  /** The recipe of the model in front, opened if it was not. */
  const openedRecipe = async (layer: string) => {
    const model = editors.active;
    if (!model) throw new KernelscopeError("usage", vscode.l10n.t("No model is open."));
    await openRecipe(model);
    const session = await recipes.ready(model);
    recipes.select(model, layer);
    return session;
  };
  return vscode.Disposable.from(
    command("codebook", async () => editors.showCodebook()),
    command("copyName", async (layer) => vscode.env.clipboard.writeText(layer)),
    pin("leave", "leave"), pin("sixBits", { atLeastBits: 6 }), pin("free", undefined),
  );
}

/** The layer that a page says was clicked. */
function layerIn(context: unknown): string {
  const layer = typeof context === "object" && context !== null && "layer" in context ? context.layer : undefined;
  if (typeof layer !== "string") throw new KernelscopeError("usage", vscode.l10n.t("Right-click a layer first."));
  return layer;
}
