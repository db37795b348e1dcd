import * as path from "node:path";
import * as vscode from "vscode";

/** A compression as a task: what `tasks.json` says of it. Paths are relative to the workspace folder. */
interface RecipeTask extends vscode.TaskDefinition { type: typeof TYPE; recipe: string; data?: string; output?: string }

const TYPE = "kernelscope";
/** So many recipes of a workspace become tasks by themselves. */
const MOST_RECIPES = 200;

/** Tasks that compress by a recipe: one for each recipe of the workspace, and those that `tasks.json` defines. They run the bundled command line, which finds the model in the recipe. */
export class RecipeTasks implements vscode.TaskProvider {
  /** @param cli the bundled command line */
  constructor(private readonly cli: string) {}

  register(): vscode.Disposable { return vscode.tasks.registerTaskProvider(TYPE, this); }

  async provideTasks(token: vscode.CancellationToken): Promise<vscode.Task[]> {
    if (!vscode.workspace.isTrusted) return []; // a task runs what the recipe names
    const recipes = await vscode.workspace.findFiles("**/*.kernelscope.json", "**/node_modules/**", MOST_RECIPES, token);
    return recipes.sort((a, b) => a.path.localeCompare(b.path)).flatMap((recipe) => {
      const folder = vscode.workspace.getWorkspaceFolder(recipe);
      return folder ? [this.taskOf({ type: TYPE, recipe: path.posix.relative(folder.uri.path, recipe.path) }, folder)] : [];
    });
  }

  resolveTask({ definition, scope }: vscode.Task): vscode.Task | undefined {
    const folder = typeof scope === "object" ? scope : vscode.workspace.workspaceFolders?.[0];
    return vscode.workspace.isTrusted && folder && isRecipeTask(definition) ? this.taskOf(definition, folder) : undefined;
  }

  /** The same definition, as VS Code wants it, with what it runs. */
  private taskOf(definition: RecipeTask, folder: vscode.WorkspaceFolder): vscode.Task {
    const { recipe, data, output } = definition, place = (name: string): string => path.resolve(folder.uri.fsPath, name.replaceAll("${workspaceFolder}", folder.uri.fsPath));
    const args = [this.cli, "compress", "--recipe", place(recipe), ...(data === undefined ? [] : ["--data", place(data)]), ...(output === undefined ? [] : ["--output", place(output)]), "--force"];
    // VS Code's own Node, as for workers
    const execution = new vscode.ProcessExecution(process.execPath, args, { cwd: folder.uri.fsPath, env: { ELECTRON_RUN_AS_NODE: "1" } });
    const task = new vscode.Task(definition, folder, vscode.l10n.t("compress {0}", recipe), TYPE, execution, `$${TYPE}`);
    task.group = vscode.TaskGroup.Build;
    task.detail = vscode.l10n.t("Makes the compressed model of this recipe anew.");
    return task;
  }
}

function isRecipeTask(definition: vscode.TaskDefinition): definition is RecipeTask {
  const { type, recipe, data, output } = definition as Record<string, unknown>, isPath = (value: unknown): boolean => value === undefined || (typeof value === "string" && value !== "");
  return type === TYPE && typeof recipe === "string" && recipe !== "" && isPath(data) && isPath(output);
}
