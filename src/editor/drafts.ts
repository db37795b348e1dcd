import * as vscode from "vscode";

/** Recipes that are not saved yet. An untitled document would do, but VS Code opens its text beside the page, and nothing but its text once it is saved. */

const SCHEME = "kernelscope-draft";

/** What stands in the address of a draft beside its name. */
interface Kept { folder: string; text: string }

/**
 * The draft of a file. Its path is the file's name alone, since VS Code shows all of a path that lies in no folder of the workspace; where the file is to be, and the first text, stand in the address too,
 * so that a window that is loaded again still knows them.
 */
export function draftOf(file: vscode.Uri, text: string): vscode.Uri {
  const at = file.path.lastIndexOf("/");
  return file.with({ scheme: SCHEME, path: file.path.slice(at), query: JSON.stringify({ folder: file.path.slice(0, at), text } satisfies Kept) });
}
export const isDraft = ({ scheme }: vscode.Uri): boolean => scheme === SCHEME;

/** The file that a draft is going to be, or is by now; of what is no draft that itself. */
export function fileOf(uri: vscode.Uri): vscode.Uri {
  if (!isDraft(uri)) return uri;
  const { folder } = keptIn(uri);
  return uri.with({ scheme: "file", path: folder + uri.path, query: "" });
}

/** Of an earlier version, whose window is loaded again, the path is whole and the query the text. */
function keptIn({ query }: vscode.Uri): Kept {
  const known = JSON.parse(query) as Partial<Kept>;
  return typeof known.folder === "string" && typeof known.text === "string" ? { folder: known.folder, text: known.text } : { folder: "", text: query };
}

/** The open draft of a file. */
export const openDraft = (file: vscode.Uri): vscode.TextDocument | undefined => vscode.workspace.textDocuments.find(({ uri, isClosed }) => !isClosed && isDraft(uri) && fileOf(uri).path === fileOf(file).path);

export const exists = (file: vscode.Uri): Promise<boolean> => Promise.resolve(vscode.workspace.fs.stat(file)).then(() => true, () => false);

/** A draft is its address's text until it is saved, and its file from then on, by whatever name people open that: page and tab stay as they are. */
export class Drafts implements vscode.FileSystemProvider {
  private readonly changed = new vscode.EventEmitter<vscode.FileChangeEvent[]>();
  readonly onDidChangeFile = this.changed.event;

  register(): vscode.Disposable { return vscode.Disposable.from(this.changed, vscode.workspace.registerFileSystemProvider(SCHEME, this, { isCaseSensitive: true })); }

  async stat(draft: vscode.Uri): Promise<vscode.FileStat> {
    return vscode.workspace.fs.stat(fileOf(draft)).then((found) => found, () => ({ type: vscode.FileType.File, ctime: 0, mtime: 0, size: textOf(draft).byteLength }));
  }

  async readFile(draft: vscode.Uri): Promise<Uint8Array> {
    return await exists(fileOf(draft)) ? vscode.workspace.fs.readFile(fileOf(draft)) : textOf(draft);
  }

  async writeFile(draft: vscode.Uri, content: Uint8Array): Promise<void> { await vscode.workspace.fs.writeFile(fileOf(draft), content); }

  watch(draft: vscode.Uri): vscode.Disposable {
    const folder = vscode.Uri.joinPath(fileOf(draft), ".."), name = draft.path.slice(draft.path.lastIndexOf("/") + 1), watcher = vscode.workspace.createFileSystemWatcher(new vscode.RelativePattern(folder, name.replace(/[[\]{}*?]/g, "[$&]")), false, false, true);
    const tell = (): void => this.changed.fire([{ type: vscode.FileChangeType.Changed, uri: draft }]);
    return vscode.Disposable.from(watcher, watcher.onDidCreate(tell), watcher.onDidChange(tell));
  }

  readDirectory(draft: vscode.Uri): never { throw vscode.FileSystemError.FileNotADirectory(draft); }
  createDirectory(draft: vscode.Uri): never { throw vscode.FileSystemError.NoPermissions(draft); }
  delete(draft: vscode.Uri): never { throw vscode.FileSystemError.NoPermissions(draft); }
  rename(draft: vscode.Uri): never { throw vscode.FileSystemError.NoPermissions(draft); }
}

const textOf = (draft: vscode.Uri): Uint8Array => new TextEncoder().encode(keptIn(draft).text);
