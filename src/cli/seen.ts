import * as path from "node:path";
import type { Made } from "../worker/made";
import { percent } from "./terminal";

/** Says that a file has seen the images that it is measured on, and which figures are honest. */
export function seenText(file: string, { fidelity, tuning }: Pick<Made, "fidelity" | "tuning">, share: number): string {
  const what = tuning ? "fitted to and trained on" : "fitted to", honest = fidelity && fidelity.agreement !== undefined && share < 1 ? ` On the ${fidelity.samples.toLocaleString("en")} that were kept from it, its agreement was ${percent(fidelity.agreement)}.` : "";
  return `${path.basename(file)} was ${what} ${share < 1 ? "four fifths of " : ""}these very images, so figures on them flatter it.${honest} Give --data with images that are new to it.`;
}
