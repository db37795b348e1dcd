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
  return `${digits(value)} ${units[unit]}`;
}

const digits = (value: number): string => value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);

/** The least size of three digits that is no smaller: what a user types for it, as {@link formatBytes} says it, is enough. */
export function roundedUp(bytes: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, bytes))) - 2);
  return Math.ceil(bytes / unit) * unit;
}

const SCALES = [[1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "KB"], [1, "B"]] as const;
/** Less than that of a unit has one digit or none in two decimals. */
const LEAST_OF_UNIT = 0.095;

/** The unit in which two sizes stand beside each other, the larger one's; none where the smaller one would have no two digits left in it. */
export function unitOfBoth(from: number, to: number): { factor: number; name?: string } {
  const [factor, name] = SCALES.find(([scale]) => Math.max(from, to) >= 0.9995 * scale) ?? SCALES[SCALES.length - 1];
  return { factor, ...(factor === 1 || Math.min(from, to) >= LEAST_OF_UNIT * factor ? { name } : {}) };
}

/** A size before and after: "44.7 → 0.91 MB", "1.16 MB → 7.92 KB". */
export function formatChange(from: number, to: number): string {
  const { factor, name } = unitOfBoth(from, to), text = (bytes: number): string => (factor === 1 ? String(bytes) : digits(bytes / factor));
  return name === undefined ? `${formatBytes(from)} → ${formatBytes(to)}` : `${text(from)} → ${text(to)} ${name}`;
}
