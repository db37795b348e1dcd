import { execFile, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import * as vscode from "vscode";
import { KernelscopeError } from "../protocol/errors";
import { gitProgram } from "./git";

/** What a model's weights may lie in beside it. */
const BESIDE = (name: string): string[] => [`${name}.data`, `${name}_data`, `${name.replace(/\.onnx$/i, "")}.data`, `${name.replace(/\.onnx$/i, "")}.preprocess.json`];
/** So many copies are kept: comparisons that a window brings back still find theirs. */
const KEPT = 8;
const POINTER = "version https://git-lfs.github.com/spec/";

/**
 * A copy of a model as the commit that is checked out has it, with the files beside it that hold its weights.
 * @param folder where copies are kept @returns undefined where the file is the same now
 * @throws KernelscopeError with one sentence where Git has no such file
 */
export async function committedFile(model: vscode.Uri, folder: string): Promise<string | undefined> {
  if (model.scheme !== "file") throw new KernelscopeError("usage", vscode.l10n.t("{0} lies on no disk here, so Git cannot tell what it was.", path.posix.basename(model.path)));
  const name = path.basename(model.fsPath), git = new Git(path.dirname(model.fsPath));
  const prefix = await git.ask("rev-parse", "--show-prefix").catch((error: unknown) => { throw new KernelscopeError("usage", isMissing(error) ? vscode.l10n.t("Git was not found. Install it, or say by the setting git.path where it is.") : vscode.l10n.t("{0} lies in no Git repository.", name)); });
  const blob = await git.ask("rev-parse", "--verify", "--quiet", `HEAD:${prefix}${name}`).catch(() => { throw new KernelscopeError("usage", vscode.l10n.t("HEAD has no {0}: it is not committed yet.", name)); });
  if (await git.ask("diff", "--quiet", "HEAD", "--", ...[name, ...BESIDE(name)]).then(() => true, () => false)) return undefined;
  const commit = await git.ask("rev-parse", "--short", "HEAD"), place = path.join(folder, blob.slice(0, 16)), copy = path.join(place, name.replace(/\.onnx$/i, ` (${commit}).onnx`));
  await fs.mkdir(place, { recursive: true });
  await git.write(`${prefix}${name}`, copy);
  await refusePointer(copy, name);
  for (const beside of BESIDE(name)) {
    // weights are found by the name in the model, preprocessing by that of the file
    const target = beside.endsWith(".preprocess.json") ? copy.replace(/\.onnx$/i, ".preprocess.json") : path.join(place, beside);
    if (await git.ask("cat-file", "-e", `HEAD:${prefix}${beside}`).then(() => true, () => false)) await git.write(`${prefix}${beside}`, target);
  }
  await forgetOldest(folder);
  return copy;
}

const isMissing = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "ENOENT";

class Git {
  private readonly program = gitProgram();
  constructor(private readonly folder: string) {}

  /** The first line that Git answers. */
  async ask(...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(this.program, ["-C", this.folder, ...args], { encoding: "utf8" });
    return stdout.split("\n")[0];
  }

  /** Writes a file of the commit, as a checkout would, without holding it in memory. */
  async write(file: string, target: string): Promise<void> {
    const child = spawn(this.program, ["-C", this.folder, "cat-file", "--filters", `HEAD:${file}`], { stdio: ["ignore", "pipe", "pipe"] }), begun = `${target}.${process.pid}`;
    let told = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => { told = (told + text).slice(-2000); });
    const code = new Promise<number | null>((resolve, reject) => { child.on("close", resolve); child.on("error", reject); });
    code.catch(() => undefined); // told below, unless the copy fails first
    try {
      await pipeline(child.stdout, createWriteStream(begun));
      if (await code !== 0) throw new KernelscopeError("bad-model", vscode.l10n.t("Git cannot give {0} as HEAD has it: {1}", path.posix.basename(file), told.trim().split("\n").at(-1) ?? ""));
      await fs.rename(begun, target);
    } finally {
      await fs.rm(begun, { force: true });
    }
  }
}

/** @throws KernelscopeError where Git LFS has the model, and nothing has fetched it */
async function refusePointer(copy: string, name: string): Promise<void> {
  const file = await fs.open(copy), { buffer, bytesRead } = await file.read(Buffer.alloc(POINTER.length), 0, POINTER.length, 0);
  await file.close();
  if (buffer.toString("latin1", 0, bytesRead) !== POINTER) return;
  await fs.rm(copy, { force: true });
  throw new KernelscopeError("bad-model", vscode.l10n.t("In HEAD {0} is a pointer of Git LFS. Install Git LFS and run git lfs fetch, then compare again.", name));
}

async function forgetOldest(folder: string): Promise<void> {
  const all = await Promise.all((await fs.readdir(folder)).map(async (name) => ({ place: path.join(folder, name), time: (await fs.stat(path.join(folder, name))).mtimeMs })));
  for (const { place } of all.sort((a, b) => b.time - a.time).slice(KEPT)) await fs.rm(place, { recursive: true, force: true }).catch(() => undefined);
}
