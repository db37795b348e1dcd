import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import * as vscode from "vscode";
import { KernelscopeError } from "../protocol/errors";

/** Files that lie on no disk (git:, vscode-vfs:) are copied; larger ones would fill memory on the way. */
const MAX_COPY_BYTES = 512e6;

export interface LocalFile { path: string; dispose(): void }

/** A path that the worker can read: the file itself, or a temporary copy of one that lies elsewhere. */
export async function localFile(uri: vscode.Uri): Promise<LocalFile> {
  if (uri.scheme === "file" || uri.scheme === "vscode-userdata") return { path: uri.fsPath, dispose: () => undefined };
  const { size } = await vscode.workspace.fs.stat(uri);
  if (size > MAX_COPY_BYTES) throw new KernelscopeError("bad-model", vscode.l10n.t("This file is not on a disk here and has more than 512 MB. Save it to a folder and open it there."));
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), "kernelscope-"));
  const file = path.join(folder, path.posix.basename(uri.path));
  await fs.writeFile(file, await vscode.workspace.fs.readFile(uri));
  return { path: file, dispose: () => { void fs.rm(folder, { recursive: true, force: true }); } };
}
