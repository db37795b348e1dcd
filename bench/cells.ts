import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** What was measured, a line of JSON each in a file that grows: a benchmark that was cut off goes on with the first cell that is missing. */
export class Cells<Result extends object> {
  private readonly known = new Map<string, Result>();

  /** @param file where they are kept; nowhere if absent @param isResult whether a line is one of these results */
  constructor(private readonly file: string | undefined, isResult: (value: object) => value is Result) {
    if (file === undefined || !existsSync(file)) return;
    for (const line of readFileSync(file, "utf8").split("\n").filter(Boolean)) {
      const { cell, ...result } = JSON.parse(line) as { cell?: object };
      if (cell && isResult(result)) this.known.set(JSON.stringify(cell), result);
    }
  }

  /** A cell's result, as it is known or as `measure` finds it now. */
  async get(cell: object, measure: () => Promise<Result>): Promise<Result> {
    const key = JSON.stringify(cell), known = this.known.get(key);
    if (known) return known;
    const result = await measure();
    this.known.set(key, result);
    if (this.file === undefined) return result;
    mkdirSync(path.dirname(this.file), { recursive: true });
    appendFileSync(this.file, `${JSON.stringify({ cell, ...result })}\n`);
    return result;
  }
}
