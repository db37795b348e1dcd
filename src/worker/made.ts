import * as fs from "node:fs/promises";
import * as path from "node:path";
import type { CompressRequest } from "../protocol/api";
import type { IntegerCount } from "../protocol/compare";
import type { CompressReport, Fidelity, TuningReport } from "../protocol/report";
import { hashFile } from "../runtime/node";
import { cachedParts } from "./cache";
import { writeFiles } from "./files";

/** What a compression has made, of what and by which images, and what it came to. */
export interface Made {
  original: CompressReport["input"];
  images?: CompressReport["images"];
  /** The file of the recipe that asked for it, and nothing beside that for another size or training. */
  recipe?: string;
  /** It is the original itself, trained to be compressed. */
  isPrepared?: boolean;
  /** Of the file beside its original, on images that no fit saw. */
  fidelity?: Fidelity;
  tuning?: TuningReport;
  integers?: IntegerCount;
}

/** What of a request says whose its result is. */
type MadeBy = Partial<Pick<CompressRequest, "prepare" | "recipe" | (typeof OVER_RECIPE)[number]>>;
/** What a command line says over its recipe, so that the file is not what the recipe comes to. */
const OVER_RECIPE = ["preset", "target", "bits", "method", "tune", "prune", "inference"] as const;
const recipeOf = ({ recipe, ...request }: MadeBy): string | undefined => (recipe === undefined || OVER_RECIPE.some((one) => request[one] !== undefined) ? undefined : path.resolve(recipe));

/** So many files are remembered, those that were made last. */
const KEPT = 400;
/** Of the form in which they are. */
const VERSION = 1;

/** Hashes of files as they were when they were asked for. */
const hashes = new Map<string, string>();

/**
 * Files that compressions of this user have made, whoever ran them: the command line, an editor, a task. Each is known by its content, so by whatever name and in whatever folder it lies;
 * its record lies in the user's cache, under the size and the hash of the file.
 */
export class MadeFiles {
  constructor(private readonly folder = cachedParts().made) {}

  /** Remembers what a compression has written. Where that fails, its figures stand in its report alone. */
  async add({ input, output, images, fidelity, tuning, integers }: CompressReport, request: MadeBy = {}): Promise<void> {
    const recipe = recipeOf(request), made: Made = { original: input, ...(images && { images }), ...(recipe !== undefined && { recipe }), ...(request.prepare && { isPrepared: true }), ...(fidelity && { fidelity }), ...(tuning && { tuning }), ...(integers && { integers: { convolutions: integers.convolutions, floatConvolutions: integers.floatConvolutions, floats: integers.floats } }) };
    try {
      const { size } = await fs.stat(output.path);
      await fs.mkdir(this.folder, { recursive: true });
      await writeFiles(path.join(this.folder, nameOf(size, output.sha256)), (sink) => sink.write(new TextEncoder().encode(JSON.stringify({ version: VERSION, made }))));
      const aged = await Promise.all((await fs.readdir(this.folder)).map(async (name) => ({ name, time: (await fs.stat(path.join(this.folder, name))).mtimeMs })));
      for (const { name } of aged.sort((a, b) => b.time - a.time).slice(KEPT)) await fs.rm(path.join(this.folder, name), { force: true });
    } catch {
      // a full disk is no reason to lose a result
    }
  }

  /** What is known of a file; it is read only where one of its size was made. */
  async of(file: string): Promise<Made | undefined> {
    try {
      const { size } = await fs.stat(file), names = (await fs.readdir(this.folder)).filter((name) => name.startsWith(`${size}-`)), own = names.length ? nameOf(size, await hashOf(file)) : undefined;
      if (own === undefined || !names.includes(own)) return undefined;
      const stored: unknown = JSON.parse(await fs.readFile(path.join(this.folder, own), "utf8"));
      return isStored(stored) ? stored.made : undefined;
    } catch {
      return undefined; // nothing was made yet, or it was cut off
    }
  }

  /** What is known of a file that was made of another, which is still what it was. */
  async madeOf(original: string, file: string): Promise<Made | undefined> {
    const made = await this.of(file);
    return made && await hashOf(original).catch(() => undefined) === made.original.sha256 ? made : undefined;
  }
}

/** Share of a folder's images that a file was fitted to, where that is known: all but those that its compression kept for its own figures. */
export async function fittedShare({ images, fidelity }: Pick<Made, "images" | "fidelity">, data: string): Promise<number | undefined> {
  const same = async (folder: string | undefined): Promise<boolean> => folder !== undefined && await realOf(folder) === await realOf(data);
  if (!await same(images?.folder)) return undefined;
  return images?.evalFolder === undefined && fidelity ? 0.8 : 1;
}

/** Folders that lead to the same place are one. */
const realOf = (folder: string): Promise<string> => fs.realpath(folder).catch(() => path.resolve(folder));

const nameOf = (size: number, sha256: string): string => `${size}-${sha256.slice(0, 24)}.json`;

async function hashOf(file: string): Promise<string> {
  const { size, mtimeMs } = await fs.stat(file), key = `${file}:${size}:${mtimeMs}`, hash = hashes.get(key) ?? await hashFile(file);
  hashes.set(key, hash);
  return hash;
}

const isStored = (value: unknown): value is { made: Made } =>
  typeof value === "object" && value !== null && "version" in value && value.version === VERSION && "made" in value && typeof value.made === "object" && value.made !== null;
