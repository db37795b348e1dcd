import { createHash, randomBytes } from "node:crypto";
import { existsSync, renameSync, rmSync } from "node:fs";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import type { ByteSink } from "../onnx/bytes";
import { KernelscopeError } from "../protocol/errors";

/** Writing files: whole or not at all, and what to say when the disk does not play along. */

const CAUSES: Record<string, string> = {
  ENOSPC: "the disk is full", EDQUOT: "your disk quota is used up", EFBIG: "the file would be larger than the disk or your limits allow",
  EACCES: "the folder is read-only for you", EPERM: "the folder or file is read-only", EROFS: "the disk is read-only",
  ENOENT: "the folder does not exist", ENOTDIR: "its folder is a file", EISDIR: "there is a folder of this name", ENAMETOOLONG: "the name is too long",
  EBUSY: "the file is open in another program", ETXTBSY: "the file is open in another program", EIO: "the disk reports an error",
};
/** On some systems a file that somebody has open cannot be replaced. */
const REPLACING = new Set(["EACCES", "EPERM", "EBUSY"]);

const codeOf = (error: unknown): string => (error instanceof Error && "code" in error ? String(error.code) : "");
const isOfRename = (error: unknown): boolean => error instanceof Error && "syscall" in error && error.syscall === "rename";

function writeFailed(target: string, error: unknown): KernelscopeError {
  if (error instanceof KernelscopeError) return error;
  const code = codeOf(error), open = isOfRename(error) && REPLACING.has(code);
  const cause = open ? "the file there is open in another program or read-only" : CAUSES[code] ?? (error instanceof Error ? error.message : String(error));
  return new KernelscopeError("write-failed", `${target} could not be written: ${cause}. Nothing was changed.`, { cause: code });
}

/** Other machines may write to the same shared folder. */
const MACHINE = createHash("sha256").update(os.hostname()).digest("hex").slice(0, 8);
const TEMPORARY = /^\..*\.ks-([0-9a-f]{8})-(\d+)-[0-9a-f]+\.tmp$/;
const own = new Set<string>();

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) !== "ESRCH";
  }
};

/** Removes temporary files in a folder whose writers were killed. */
async function sweep(folder: string): Promise<void> {
  for (const name of await fs.readdir(folder).catch(() => [])) {
    const [, machine, pid] = TEMPORARY.exec(name) ?? [], file = path.join(folder, name);
    const left = machine === MACHINE && (Number(pid) === process.pid ? !own.has(file) : !isAlive(Number(pid)));
    if (left) await fs.rm(file, { force: true }).catch(() => undefined);
  }
}

/** A file under a name of its own beside its target. */
class TemporaryFile implements ByteSink {
  private readonly file: string;
  private handle: fs.FileHandle | undefined;
  private pending: Uint8Array[] = [];
  private waiting = 0;

  constructor(readonly target: string) {
    this.file = path.join(path.dirname(target), `.${path.basename(target).slice(0, 50)}.ks-${MACHINE}-${process.pid}-${randomBytes(4).toString("hex")}.tmp`);
  }

  async open(): Promise<this> {
    own.add(this.file); // before it is there, or another writer in this process could sweep it away
    this.handle = await fs.open(this.file, "wx");
    return this;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.pending.push(bytes.length < 65536 ? bytes.slice() : bytes);
    this.waiting += bytes.length;
    if (this.waiting > 1 << 20) await this.flush();
  }

  private async flush(): Promise<void> {
    for (const bytes of this.pending) for (let at = 0; at < bytes.length;) at += (await this.handle!.write(bytes, at)).bytesWritten;
    this.pending = [];
    this.waiting = 0;
  }

  /** Brings everything to the disk. */
  async finish(): Promise<void> {
    await this.flush();
    await this.handle!.sync();
    await this.close();
  }

  /** Whether the target holds the same bytes already. */
  async equalsTarget(): Promise<boolean> {
    const files = await Promise.all([fs.open(this.file), fs.open(this.target)]);
    try {
      const [{ size }, other] = await Promise.all(files.map((file) => file.stat()));
      if (size !== other.size) return false;
      const [a, b] = files.map(() => Buffer.alloc(1 << 20));
      for (let at = 0; at < size; at += a.length) {
        const [x, y] = await Promise.all([files[0].read(a, 0, a.length, at), files[1].read(b, 0, b.length, at)]);
        if (x.bytesRead !== y.bytesRead || !a.subarray(0, x.bytesRead).equals(b.subarray(0, y.bytesRead))) return false;
      }
      return true;
    } finally {
      await Promise.all(files.map((file) => file.close()));
    }
  }

  place(): void { renameSync(this.file, this.target); }

  private async close(): Promise<void> {
    await this.handle?.close();
    this.handle = undefined;
  }

  async discard(): Promise<void> {
    await this.close().catch(() => undefined);
    await fs.rm(this.file, { force: true }).catch(() => undefined);
    own.delete(this.file);
  }
}

/** Writes into `sink`, and into further files in the same folder. */
export type WriteFiles = (sink: ByteSink, beside: (name: string) => Promise<ByteSink>) => Promise<unknown>;

/**
 * Writes a file so that it appears whole or not at all, with all that belongs beside it: temporary files, flushed, then renamed, the file itself last.
 * @param replace whether a file that is there may be replaced; one with the very same bytes is as good as written
 * @returns the files that were not there before @throws KernelscopeError "write-failed" naming the cause, "file-exists"
 */
export async function writeFiles(target: string, write: WriteFiles, replace = true): Promise<string[]> {
  const files: TemporaryFile[] = [];
  const add = async (file: string): Promise<TemporaryFile> => {
    const temporary = new TemporaryFile(file);
    files.push(temporary);
    return temporary.open();
  };
  const placed: string[] = [];
  try {
    await sweep(path.dirname(target));
    await write(await add(target), (name) => add(path.join(path.dirname(target), name)));
    for (const file of files) await file.finish();
    const there = new Set(files.filter((file) => existsSync(file.target)));
    if (!replace) for (const file of there) if (!await file.equalsTarget()) throw new KernelscopeError("file-exists", `${file.target} exists already. Give another name with -o, or --force to replace it.`);
    // nothing may come between these renames; what is replaced by itself counts as new, it is a killed run's
    for (const file of [...files].reverse()) {
      file.place();
      if (!replace || !there.has(file)) placed.push(file.target);
    }
    return placed;
  } catch (error) {
    for (const file of placed) rmSync(file, { force: true });
    throw writeFailed(target, error);
  } finally {
    for (const file of files) await file.discard();
  }
}

/** Finds out before long work whether a file can be written. @param name proposed to who gives a folder in its place @throws KernelscopeError "write-failed", "usage" */
export async function checkWritable(target: string, name: string): Promise<void> {
  const stat = await fs.stat(target).catch(() => undefined);
  if (stat?.isDirectory()) throw new KernelscopeError("usage", `${target} is a folder. With -o ${path.join(target, name)} the file goes into it.`);
  const probe = new TemporaryFile(target);
  try {
    await probe.open();
  } catch (error) {
    throw writeFailed(target, error);
  } finally {
    await probe.discard();
  }
}

/** Whether a path leads to one of these files, by whatever name. */
export async function isOneOf(file: string, files: readonly string[]): Promise<boolean> {
  const identity = (name: string) => fs.stat(name, { bigint: true }).then(({ dev, ino }) => `${dev}:${ino}`, () => path.resolve(name));
  const own = await identity(file);
  return (await Promise.all(files.map(identity))).includes(own);
}
