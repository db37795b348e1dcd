import type { Progress } from "../protocol/api";
import { KernelscopeError } from "../protocol/errors";
import { toHtml, toMarkdown, toText, type Document } from "./document";
import { flag, type Arguments } from "./values";

/** What commands write: results on standard output, progress on standard error. */

/** One JSON object. */
export const print = (value: object): void => { process.stdout.write(`${JSON.stringify(value)}\n`); };

const FORMS = ["json", "markdown", "html"];

/** @throws KernelscopeError "usage" where a result is asked for in several forms */
export function checkForm(args: Arguments): void {
  const asked = FORMS.filter((name) => flag(args, name));
  if (asked.length > 1) throw new KernelscopeError("usage", `--${asked.join(" and --")}: choose one form.`);
}

/** Writes a result in the form that is asked for: JSON, Markdown, HTML, or text for people. */
export function write(args: Arguments, result: object, tell: () => Document): void {
  if (flag(args, "json")) print(result);
  else process.stdout.write((flag(args, "markdown") ? toMarkdown : flag(args, "html") ? toHtml : toText)(tell()));
}

/** Progress on standard error: one line that is rewritten on a terminal, one a stage or every ten seconds elsewhere. */
export function reporter(quiet: boolean): { report: (p: Progress) => void; note: (text: string) => void; end: () => void } {
  const terminal = process.stderr.isTTY;
  let last = "", lastTime = 0;
  const warned = new Set<string>(); // a sweep has the same images for each of its sizes
  const note = (text: string): void => { if (!quiet) process.stderr.write(`${terminal ? "\r\x1b[K" : ""}${text}\n`); };
  return {
    note,
    report({ stage, text: what, fraction, secondsLeft, warning }) {
      if (quiet) return;
      if (warning !== undefined && !warned.has(warning)) {
        warned.add(warning);
        note(`Warning: ${warning}`);
      }
      const left = secondsLeft === undefined ? "" : ` · about ${secondsLeft >= 90 ? `${Math.round(secondsLeft / 60)} min` : `${Math.max(1, Math.round(secondsLeft))} s`} left`;
      const line = `${String(Math.floor(fraction * 100)).padStart(3)} % ${what}${left}`;
      const now = Date.now();
      if (terminal) process.stderr.write(`\r\x1b[K${line}`);
      else if (stage !== last || now - lastTime > 10_000) {
        process.stderr.write(`${line}\n`);
        lastTime = now;
      }
      last = stage;
    },
    end() { if (terminal && !quiet) process.stderr.write("\r\x1b[K"); },
  };
}

export const percent = (share: number | undefined): string => (share === undefined ? "–" : `${(100 * share).toFixed(2)} %`);
