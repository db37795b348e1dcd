import * as path from "node:path";
import { KernelscopeError } from "../protocol/errors";

/** What a command line gives, read and checked. Options that are not given are undefined. */

/** A command's operand, what it is held against where there are two, and its options as node:util's parseArgs has them. */
export interface Arguments { model: string; other?: string; values: Record<string, string | boolean | string[] | undefined> }

export const text = ({ values }: Arguments, name: string): string | undefined => (typeof values[name] === "string" ? values[name] : undefined);
export const flag = ({ values }: Arguments, name: string): boolean => values[name] === true;
export const file = (args: Arguments, name: string): string | undefined => { const value = text(args, name); return value === undefined ? undefined : path.resolve(value); };

/** A file that is to be written. @throws KernelscopeError "usage" where a folder is named */
export function output(args: Arguments): string | undefined {
  const value = text(args, "output");
  if (value?.endsWith("/") || value?.endsWith(path.sep)) throw new KernelscopeError("usage", `-o ${value} is a folder's name: give the file's, like -o ${value}NAME.onnx.`);
  return file(args, "output");
}

export function number(args: Arguments, name: string, low: number, high = Infinity): number | undefined {
  const value = text(args, name);
  if (value === undefined) return undefined;
  const parsed = Number(value);
  if (value.trim() === "" || !(parsed >= low && parsed <= high)) throw new KernelscopeError("usage", `--${name} ${value}: give a number ${high === Infinity ? `from ${low}` : `from ${low} to ${high}`}.`);
  return parsed;
}

export function whole(args: Arguments, name: string, low: number, high = Infinity): number | undefined {
  const value = number(args, name, low, high);
  if (value !== undefined && !Number.isInteger(value)) throw new KernelscopeError("usage", `--${name} ${value}: give a whole number.`);
  return value;
}

export function oneOf<T extends string>(args: Arguments, name: string, allowed: readonly T[]): T | undefined {
  const value = text(args, name);
  if (value === undefined) return undefined;
  const found = allowed.find((a) => a === value);
  if (!found) throw new KernelscopeError("usage", `--${name} ${value} is unknown. Choose from ${allowed.join(", ")}.`);
  return found;
}

export function truthOf(args: Arguments, name: string): boolean | undefined {
  const answer = oneOf(args, name, ["yes", "no"] as const);
  return answer && answer === "yes";
}
