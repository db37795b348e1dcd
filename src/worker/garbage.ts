import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collect: (() => void) | undefined;

/** Gives dead memory back now. V8 hardly sees the weight of typed arrays, and lets a few large layers pile up before it looks. */
export function collectGarbage(): void {
  if (!collect) {
    setFlagsFromString("--expose-gc");
    const found: unknown = runInNewContext("gc");
    collect = typeof found === "function" ? () => { Reflect.apply(found, undefined, []); } : () => undefined;
  }
  collect();
}
