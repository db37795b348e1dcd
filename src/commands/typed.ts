import { KernelscopeError } from "../protocol/errors";
import { parseTarget, targetBytes, type Target } from "../protocol/sizes";
import { parseTuning } from "../protocol/tuning";

/** What people type into lists that ask, as requests and recipes have it. */

/** A size: "300 kb", "12,5KB", "12×". Undefined where it is none, or where a file of it would be no smaller than the model, as far as its bytes are known. */
export function typedTarget(text: string, inputBytes = Infinity): string | undefined {
  const plain = text.trim().replace(/\s+/g, "").replace("×", "x").replace(/^(\d+),(\d+)/, "$1.$2"), target = understood((): Target => parseTarget(plain));
  if (!target || ("times" in target ? target.times <= 1 : targetBytes(target, inputBytes) >= inputBytes)) return undefined;
  return plain;
}

const UNITS: readonly [RegExp, string][] = [[/^(s|secs?|seconds?)$/, "s"], [/^(m|mins?|minutes?)$/, "m"], [/^(h|hrs?|hours?)$/, "h"], [/^steps?$/, "steps"]];

/** Lengths of a training that a text may mean: "20 min", "2 hours", "500 steps"; a number alone may be minutes or steps. */
export function typedTunings(text: string): string[] {
  const [, number, word] = /^(\d+(?:[.,]\d+)?)\s*([a-z]*)$/.exec(text.trim().toLowerCase()) ?? [], unit = UNITS.find(([words]) => words.test(word))?.[1];
  if (number === undefined || (word !== "" && unit === undefined)) return [];
  return (unit === undefined ? ["m", "steps"] : [unit]).map((one) => number.replace(",", ".") + one).filter((one) => understood(() => parseTuning(one)) !== undefined);
}

/** What a text is read as; undefined where it is no such thing. */
function understood<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof KernelscopeError) return undefined;
    throw error;
  }
}
