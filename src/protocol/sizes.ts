import { KernelscopeError } from "./errors";

const UNITS: Record<string, number> = { b: 1, kb: 1e3, mb: 1e6, gb: 1e9, kib: 1024, mib: 1024 ** 2, gib: 1024 ** 3 };

/** 8.04 KB are 8,040 bytes, though floats make less of it. */
const ROUNDING = 1e-3;

/** A target size: bytes, or how many times smaller than the input. */
export type Target = { bytes: number } | { times: number };

/**
 * Reads "300KB", "1.5 MB", "512KiB" or "12x". KB and MB are 1,000 and 1,000,000 bytes, KiB and MiB the binary ones.
 * @throws KernelscopeError "usage"
 */
export function parseTarget(text: string): Target {
  const match = /^\s*([0-9]+(?:\.[0-9]+)?)\s*(x|×|[kmg]?i?b)\s*$/i.exec(text);
  const value = match ? Number(match[1]) : NaN;
  if (!match || !(value > 0)) throw new KernelscopeError("usage", `"${text}" is no size. Write it like 12x, 300KB or 1.5MB.`);
  const unit = match[2].toLowerCase();
  return unit === "x" || unit === "×" ? { times: value } : { bytes: Math.floor(value * UNITS[unit] + ROUNDING) };
}

/** Bytes of a target for an input of `inputBytes`. */
export const targetBytes = (target: Target, inputBytes: number): number => ("bytes" in target ? target.bytes : Math.floor(inputBytes / target.times));

/** How many times smaller a file is than another, or larger: a small network may gain nothing. */
export function sizeRatio(before: number, after: number): { times: number; isLarger: boolean } {
  return after > before ? { times: after / before, isLarger: true } : { times: before / after, isLarger: false };
}

/** A size with three significant digits: "37.7 KB", "1.18 MB". */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["KB", "MB", "GB", "TB"];
  let value = bytes / 1000, unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ${units[unit]}`;
}

/** The least size of three digits that is no smaller: what a user types for it, as {@link formatBytes} says it, is enough. */
export function roundedUp(bytes: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, bytes))) - 2);
  return Math.ceil(bytes / unit) * unit;
}
