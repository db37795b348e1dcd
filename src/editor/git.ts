import * as vscode from "vscode";

/** What is used of VS Code's Git extension, whose interface lies outside of our types. */
interface Repository { state: { workingTreeChanges: readonly unknown[]; indexChanges: readonly unknown[]; onDidChange: vscode.Event<void> } }
interface GitApi { git: { path: string }; repositories: readonly Repository[]; onDidOpenRepository: vscode.Event<Repository> }

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
const isApi = (value: unknown): value is GitApi => isObject(value) && isObject(value.git) && typeof value.git.path === "string" && Array.isArray(value.repositories) && typeof value.onDidOpenRepository === "function";

function gitApi(): GitApi | undefined {
  const extension = vscode.extensions.getExtension<unknown>("vscode.git");
  if (!extension?.isActive || !isObject(extension.exports) || typeof extension.exports.getAPI !== "function") return undefined;
  try {
    const api: unknown = (extension.exports.getAPI as (version: number) => unknown).call(extension.exports, 1);
    return isApi(api) ? api : undefined;
  } catch {
    return undefined; // Git is switched off
  }
}

/** The program that VS Code has found, or the one in the path. */
export const gitProgram = (): string => gitApi()?.git.path ?? "git";

const isChangedModel = (change: unknown): boolean => isObject(change) && change.uri instanceof vscode.Uri && change.uri.path.endsWith(".onnx");

/** Keeps a context key that says whether a model is among the changes: Source Control cannot tell files apart by their kind. */
export function watchChangedModels(): vscode.Disposable {
  const parts: vscode.Disposable[] = [];
  const begin = (): void => {
    const api = gitApi();
    if (!api) return;
    const show = (): void => { void vscode.commands.executeCommand("setContext", "kernelscope.changedModels", api.repositories.some(({ state }) => [...state.workingTreeChanges, ...state.indexChanges].some(isChangedModel))); };
    const watch = ({ state }: Repository): void => { parts.push(state.onDidChange(show)); show(); };
    api.repositories.forEach(watch);
    parts.push(api.onDidOpenRepository(watch));
  };
  void vscode.extensions.getExtension("vscode.git")?.activate().then(begin, () => undefined); // without Git nothing has changed
  return { dispose: () => { for (const part of parts) part.dispose(); } };
}
