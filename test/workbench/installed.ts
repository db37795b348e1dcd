import { cpSync, mkdirSync, rmSync } from "node:fs";
import path from "node:path";
// @ts-expect-error A script of the project, in plain JavaScript.
import { installExtension } from "../../scripts/workbench.mjs";

const INSTALLED = path.resolve(".cache/installed");
/** The packaged extension. */
export const PACKAGE = `dist/kernelscope-${process.platform}-${process.arch}.vsix`;

/** Installs the packaged extension once, before the first test. */
export default function install(): void {
  const entry = process.env.KERNELSCOPE_WORKBENCH;
  rmSync(INSTALLED, { recursive: true, force: true });
  if (entry && !process.env.KERNELSCOPE_ELECTRON) installExtension(entry, INSTALLED, PACKAGE);
}

/** Gives a profile the packaged extension, and others from their packages. */
export function extend(entry: string, profile: string, others: readonly string[]): void {
  mkdirSync(profile, { recursive: true });
  cpSync(path.join(INSTALLED, "extensions"), path.join(profile, "extensions"), { recursive: true });
  for (const other of others) installExtension(entry, profile, other);
}
