import * as fs from "node:fs/promises";
import * as path from "node:path";
import type { Made } from "../worker/made";
import { percent } from "./terminal";

/** Share of a folder's images that a file was fitted to, where that is known: all but those that its compression kept for its own figures. */
export async function fittedShare({ images, fidelity }: Pick<Made, "images" | "fidelity">, data: string): Promise<number | undefined> {
  const same = async (folder: string | undefined): Promise<boolean> => folder !== undefined && await realOf(folder) === await realOf(data);
  if (!await same(images?.folder)) return undefined;
  return images?.evalFolder === undefined && fidelity ? 0.8 : 1;
}

/** Folders that lead to the same place are one. */
const realOf = (folder: string): Promise<string> => fs.realpath(folder).catch(() => path.resolve(folder));

/** Says that a file has seen the images that it is measured on, and which figures are honest. */
export function seenText(file: string, { fidelity, tuning }: Pick<Made, "fidelity" | "tuning">, share: number): string {
  const what = tuning ? "fitted to and trained on" : "fitted to", honest = fidelity && fidelity.agreement !== undefined && share < 1 ? ` On the ${fidelity.samples.toLocaleString("en")} that were kept from it, its agreement was ${percent(fidelity.agreement)}.` : "";
  return `${path.basename(file)} was ${what} ${share < 1 ? "four fifths of " : ""}these very images, so figures on them flatter it.${honest} Give --data with images that are new to it.`;
}
