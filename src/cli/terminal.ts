import type { Progress } from "../protocol/api";

/** What commands write: results on standard output, progress on standard error. */

/** One JSON object. */
export const print = (value: object): void => { process.stdout.write(`${JSON.stringify(value)}\n`); };

/** A table whose columns of figures are aligned to the right: the fifth and the sixth where nothing else is said. */
export function table(head: string[], rows: string[][], figures: readonly number[] = [4, 5]): void {
  const widths = head.map((h, c) => Math.max(h.length, ...rows.map((row) => row[c].length)));
  for (const row of [head, ...rows]) process.stdout.write(`${row.map((cell, c) => (figures.includes(c) ? cell.padStart(widths[c]) : cell.padEnd(widths[c]))).join("  ").trimEnd()}\n`);
}

/** Progress on standard error: one line that is rewritten on a terminal, one a stage or every ten seconds elsewhere. */
export function reporter(quiet: boolean): { report: (p: Progress) => void; end: () => void } {
  const terminal = process.stderr.isTTY;
  let last = "", lastTime = 0;
  return {
    report({ stage, text: what, fraction, secondsLeft }) {
      if (quiet) return;
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
