import { createHash } from "node:crypto";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { deserialize, serialize } from "node:v8";
import type { Measured } from "../protocol/accuracy";

/** So many pairs of models are remembered, those that were measured last. */
const KEPT = 48;

/** Figures that outlive a window: each in a file that is named by what it was measured on. */
export class MeasuredStore {
  /** @param folder nothing is kept without one */
  constructor(private readonly folder: string | undefined) {}

  /** What was measured under this key; undefined where nothing was, or another version has written it. */
  async load(key: string): Promise<Measured | undefined> {
    const bytes = await fs.readFile(this.fileOf(key)).catch(() => undefined);
    if (!bytes) return undefined;
    try {
      const stored: unknown = deserialize(bytes);
      return isStored(stored) && stored.key === key ? stored.measured : undefined;
    } catch {
      return undefined; // cut off: measured again
    }
  }

  /** Where it cannot be kept, it is measured again by the next window. */
  async save(key: string, measured: Measured): Promise<void> {
    const { folder } = this;
    if (folder === undefined) return;
    try {
      await fs.mkdir(folder, { recursive: true });
      await fs.writeFile(this.fileOf(key), serialize({ version: VERSION, key, measured }));
      const aged = await Promise.all((await fs.readdir(folder)).map(async (name) => ({ name, time: (await fs.stat(path.join(folder, name))).mtimeMs })));
      for (const { name } of aged.sort((a, b) => b.time - a.time).slice(KEPT)) await fs.rm(path.join(folder, name), { force: true });
    } catch {
      // a full disk is no reason to lose what stands on the screen
    }
  }

  private fileOf(key: string): string { return path.join(this.folder ?? "", createHash("sha256").update(key).digest("hex").slice(0, 24)); }
}

/** Of the form in which figures are kept. */
const VERSION = 3;

const isStored = (value: unknown): value is { key: string; measured: Measured } =>
  typeof value === "object" && value !== null && "version" in value && value.version === VERSION && "key" in value && "measured" in value && typeof value.measured === "object" && value.measured !== null;
