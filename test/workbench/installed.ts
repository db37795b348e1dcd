import { cpSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
// @ts-expect-error A script of the project, in plain JavaScript.
import { installExtension } from "../../scripts/workbench.mjs";

const INSTALLED = path.resolve(".cache/installed");
/** The packaged extension. */
export const PACKAGE = `dist/kernelscope-${process.platform}-${process.arch}.vsix`;

/** How folders begin, among the system's temporary ones, in which windows of tests of one run have all that they leave. */
export const homesOf = (run: number): string => `kernelscope-test-${run}-`;

/** Installs the packaged extension once, before the first test; takes away what windows have left after the last. */
export default function install(): () => void {
  const entry = process.env.KERNELSCOPE_WORKBENCH;
  rmSync(INSTALLED, { recursive: true, force: true });
  if (entry && !process.env.KERNELSCOPE_ELECTRON) installExtension(entry, INSTALLED, PACKAGE);
  return () => {
    for (const home of readdirSync(os.tmpdir())) if (home.startsWith(homesOf(process.pid))) rmSync(path.join(os.tmpdir(), home), { recursive: true, force: true, maxRetries: 5, retryDelay: 500 }); // a server may still be ending
  };
}

/** Gives a profile the packaged extension, and others from their packages. */
export function extend(entry: string, profile: string, others: readonly string[]): void {
  mkdirSync(profile, { recursive: true });
  cpSync(path.join(INSTALLED, "extensions"), path.join(profile, "extensions"), { recursive: true });
  for (const other of others) installExtension(entry, profile, other);
}
