import * as vscode from "vscode";

/** Recipes that are not saved yet. An untitled document would do, but VS Code opens its text beside the page, and nothing but its text once it is saved. */

const SCHEME = "kernelscope-draft";

/** The draft of a file: it has the file's path, and its first text in its own address, so that a window that is loaded again still knows it. */
export const draftOf = (file: vscode.Uri, text: string): vscode.Uri => file.with({ scheme: SCHEME, query: text });
export const isDraft = ({ scheme }: vscode.Uri): boolean => scheme === SCHEME;
const fileOf = (draft: vscode.Uri): vscode.Uri => draft.with({ scheme: "file", query: "" });

/** The open draft of a file. */
export const openDraft = (file: vscode.Uri): vscode.TextDocument | undefined => vscode.workspace.textDocuments.find(({ uri, isClosed }) => !isClosed && isDraft(uri) && uri.path === file.path);

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

const textOf = (draft: vscode.Uri): Uint8Array => new TextEncoder().encode(draft.query);
