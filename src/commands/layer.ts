import * as vscode from "vscode";
import { KernelscopeError } from "../protocol/errors";
import type { LayerSetting } from "../protocol/recipe-page";
import type { ModelEditors } from "../editor/model-editor";
import type { RecipeEditors } from "../editor/recipe-editor";
import { registerCommand } from "./command";

/** The commands of a layer's context menu, on the pages of models and of recipes. What they settle is written into the recipe of the model. */
export function registerLayerCommands(log: vscode.LogOutputChannel, editors: ModelEditors, recipes: RecipeEditors, openRecipe: (model: vscode.Uri) => Promise<void>): vscode.Disposable {
  const command = (id: string, run: (layer: string) => Promise<unknown>) => registerCommand(log, `kernelscope.layer.${id}`, async (context) => { await run(layerIn(context)); });
  /** Writes one setting of a layer, or takes all away: method and settings hold a layer as a pin does. */
  const settle = async (layer: string, setting?: Pick<LayerSetting, "pin" | "inference">): Promise<void> => {
    const session = recipes.active ?? await openedRecipe(layer), changes = setting ? Object.entries(setting).map(([key, value]) => ({ path: ["layers", layer, key], value })) : [{ path: ["layers", layer] }];
    await recipes.change(session.document, changes);
  };
  const setting = (id: string, value?: Pick<LayerSetting, "pin" | "inference">) => command(id, (layer) => settle(layer, value));
  /** The recipe of the model in front, opened if it was not. */
  const openedRecipe = async (layer: string) => {
    const model = editors.active;
    if (!model) throw new KernelscopeError("usage", vscode.l10n.t("No model is open."));
    await openRecipe(model);
    const session = await recipes.ready(model);
    recipes.select(model, layer);
    return session;
  };
  /** What a layer can be asked for without its settings, and the way to these. */
  const choose = async (layer: string): Promise<void> => {
    const ways: (vscode.QuickPickItem & { run(): Promise<unknown> })[] = [
      { label: vscode.l10n.t("Leave Alone"), description: vscode.l10n.t("as it is, whatever the size"), run: () => settle(layer, { pin: "leave" }) },
      { label: vscode.l10n.t("At Least 6 Bits"), description: vscode.l10n.t("a layer that the network depends on"), run: () => settle(layer, { pin: { atLeastBits: 6 } }) },
      { label: vscode.l10n.t("Keep in Floats"), description: vscode.l10n.t("where the file computes with integers"), run: () => settle(layer, { inference: "float" }) },
      { label: vscode.l10n.t("Let the Plan Decide"), description: vscode.l10n.t("nothing of its own"), run: () => settle(layer) },
      { label: vscode.l10n.t("Own Settings…"), description: vscode.l10n.t("method, codewords and bits, in the recipe"), run: () => openedRecipe(layer) },
    ];
    const chosen = await vscode.window.showQuickPick(ways, { title: vscode.l10n.t("Compress {0}", layer), placeHolder: vscode.l10n.t("Written into the recipe of the model; the model itself is never changed.") });
    await chosen?.run();
  };
  return vscode.Disposable.from(
    command("compress", choose),
    command("codebook", async () => editors.showCodebook()),
    command("copyName", async (layer) => vscode.env.clipboard.writeText(layer)),
    setting("leave", { pin: "leave" }), setting("sixBits", { pin: { atLeastBits: 6 } }), setting("floats", { inference: "float" }), setting("free"),
  );
}

/** The layer that a page says was clicked. */
function layerIn(context: unknown): string {
  const layer = typeof context === "object" && context !== null && "layer" in context ? context.layer : undefined;
  if (typeof layer !== "string") throw new KernelscopeError("usage", vscode.l10n.t("Right-click a layer first."));
  return layer;
}
