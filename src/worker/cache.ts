import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";

/** The user's cache, where checkpoints and ratings go unless told otherwise. */
function cacheFolder(): string {
  if (process.platform === "win32") return path.join(process.env.LOCALAPPDATA ?? os.homedir(), "kernelscope");
  if (process.platform === "darwin") return path.join(os.homedir(), "Library", "Caches", "kernelscope");
  return path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), ".cache"), "kernelscope");
}

/** What can be made again, at the price of time: ratings of models, checkpoints of the command line's jobs, and what compressions came to. */
export const cachedParts = (): { ratings: string; jobs: string; made: string } => ({ ratings: path.join(cacheFolder(), "ratings"), jobs: path.join(cacheFolder(), "jobs"), made: path.join(cacheFolder(), "made") });

/** Bytes of all files under a folder; 0 where there is none. */
export async function sizeOf(folder: string): Promise<number> {
  const entries = await fs.readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const sizes = await Promise.all(entries.filter((entry) => entry.isFile()).map((entry) => fs.stat(path.join(entry.parentPath, entry.name)).then(({ size }) => size, () => 0)));
  return sizes.reduce((sum, size) => sum + size, 0);
}
