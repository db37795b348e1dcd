import { existsSync } from "node:fs";
// @ts-expect-error A script of the project, in plain JavaScript.
import { ensureWorkbench } from "../scripts/workbench.mjs";

/** Where systems have it. */
const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"];

/** The system's Chromium, or the one that KERNELSCOPE_CHROMIUM names; workbenches that are started later get it, too. */
export function findChromium(): string {
  const found = process.env.KERNELSCOPE_CHROMIUM ??= PLACES.find((file) => existsSync(file));
  if (!found) throw new Error("No Chromium was found: install your system's, or set KERNELSCOPE_CHROMIUM to its path.");
  return found;
}

/** Has {@link findChromium} and code-server at hand for a workbench that is started next. */
export function findWorkbench(): void {
  findChromium();
  process.env.KERNELSCOPE_WORKBENCH ??= ensureWorkbench() as string;
}
