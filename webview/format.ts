import { unitOfBoth } from "../src/protocol/sizes";
import { start } from "./host";
import { t } from "./l10n";

/** Numbers as people read them: a true minus, a space before the unit, one precision for each kind. */

const cache = new Map<string, Intl.NumberFormat>();
function fixed(value: number, min: number, max = min): string {
  const key = `${min}/${max}`;
  let format = cache.get(key);
  if (!format) cache.set(key, format = new Intl.NumberFormat(start.language, { minimumFractionDigits: min, maximumFractionDigits: max }));
  return format.format(Math.abs(value) < 0.5 * 10 ** -max ? 0 : value).replace("-", "−"); // no −0.0
}

/** Three significant digits. */
function significant(value: number): string {
  const magnitude = Math.abs(value);
  return fixed(value, magnitude >= 99.95 ? 0 : magnitude >= 9.995 ? 1 : 2);
}

function scaled(value: number, units: string[]): string {
  let unit = 0;
  while (Math.abs(value) >= 999.5 && unit < units.length - 1) { value /= 1000; unit++; }
  return unit === 0 ? `${fixed(value, 0)}${units[0] ? ` ${units[0]}` : ""}` : `${significant(value)} ${units[unit]}`;
}

/** 589.8 KB: units of 1,000 bytes. */
export const bytes = (value: number): string => scaled(value, ["B", "KB", "MB", "GB", "TB"]);
/** 44.7 → 0.91 MB, 590 → 13.0 KB, 1.16 MB → 7.92 KB: both in the larger one's unit, said once, unless too little of the smaller one is left there. */
export function change(from: number, to: number): string {
  const { factor, name } = unitOfBoth(from, to), text = (value: number): string => (factor === 1 ? fixed(value, 0) : significant(value / factor));
  return name === undefined ? `${bytes(from)} → ${bytes(to)}` : `${text(from)} → ${text(to)} ${name}`;
}
/** 50 KB, 1.5 MB: a round size, as an axis has it. */
export function plainBytes(value: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) { value /= 1000; unit++; }
  return `${fixed(value, 0, 1)} ${units[unit]}`;
}
/** 4.21 → 3.05 ms */
export const milliseconds = (before: number, after: number): string => `${significant(before)} → ${significant(after)} ms`;
/** 11.2 M */
export const count = (value: number): string => scaled(value, ["", "K", "M", "G", "T"]);
/** 16,384 */
export const whole = (value: number): string => fixed(value, 0);
/** 0.71 */
export const bits = (value: number): string => fixed(value, value >= 100 ? 0 : Number.isInteger(value) ? 0 : 2);
/** 21.1 %, "< 0.1 %" for little, "0 %" for nothing */
export function percent(share: number): string {
  if (share === 0) return `0 %`;
  return share < 0.001 ? `< ${fixed(0.1, 1)} %` : `${fixed(share * 100, 1)} %`;
}
/** 39 % */
export const wholePercent = (share: number): string => `${fixed(100 * share, 0)} %`;
/** 84.7 %, of a share that is estimated and has an interval beside it */
export const estimate = (share: number): string => `${fixed(100 * share, 1)} %`;
/** 84.7 → 84.5 %: a share before and after */
export const shares = (before: number, after: number): string => `${fixed(100 * before, 1)} → ${estimate(after)}`;
/** 18.0 %, "> 1,000 %" where nearly nothing is compared with */
export const relative = (error: number): string => (isMeaningless(error) ? `> ${fixed(100 * MOST_RELATIVE, 0)} %` : estimate(error));
/** Whether a relative error says no more than that the original's values are nearly zero. */
export const isMeaningless = (relativeError: number): boolean => relativeError > MOST_RELATIVE;
const MOST_RELATIVE = 10;
/** ± 1.6, as exact as the share beside it; ± < 0.1 where it is less than that shows */
export const margin = (share: number): string => `± ${share > 0 && share < 0.0005 ? `< ${fixed(0.1, 1)}` : fixed(100 * share, 1)}`;
/** "± 1.6" beside a share, or both ends, "(96.2 to 100.0)", where half of its range would lead beyond 0 or 100 % */
export const range = (share: number, low: number, high: number, half = (high - low) / 2): string => (share - half >= 0 && share + half <= 1 ? margin(half) : t("({0} to {1})", fixed(100 * low, 1), fixed(100 * high, 1)));
/** A value on an axis of such steps, with as many digits as tell neighbours apart. */
export const tick = (value: number, step: number): string => fixed(value, Math.max(0, Math.min(9, -Math.floor(Math.log10(step) + 1e-9))));
/** −1.1, +0.3, 0.0: a difference of shares in points */
export function points(share: number): string {
  const text = fixed(100 * share, 1);
  return share >= 0.0005 ? `+${text}` : text;
}
/** 0.070 ± 0.012, 0.00058 ± 0.00011: a value and half its interval, with the digits that both need */
export function withMargin(value: number, half: number): [value: string, margin: string] {
  const places = (number: number): number => (number > 0 ? -Math.floor(Math.log10(number)) : 0), digits = Math.max(3, Math.min(9, Math.max(places(value) + 1, places(half))));
  return [fixed(value, digits), `± ${fixed(half, digits)}`];
}
/** 0.070, 0.00058: a divergence with the digits that it needs */
export const nats = (value: number): string => withMargin(value, 0)[0];
/** 93.5 */
export const tenths = (value: number): string => fixed(value, 1);
/** 1.06 */
export const hundredths = (value: number): string => fixed(value, 2);
/** 45, 9.4, 0.03: how many times smaller, or larger */
export const times = (ratio: number): string => fixed(ratio, ratio < 0.095 ? 3 : ratio < 0.995 ? 2 : ratio < 9.95 ? 1 : 0);
export const decibels = (value: number): string => `${fixed(value, 1)} dB`;
/** A weight or its statistic: three significant digits, without trailing zeros. */
export function weight(value: number): string {
  if (value === 0) return "0";
  const magnitude = Math.abs(value);
  if (magnitude < 1e-4 || magnitude >= 1e5) return value.toExponential(1).replace(/-/g, "−").replace("e+", "e");
  return fixed(value, 0, Math.max(0, 2 - Math.floor(Math.log10(magnitude))));
}
/** 0.0120: a loss beside others, three significant digits, also where the last are zeros */
export function loss(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude > 0 && magnitude < 1e-4 || magnitude >= 1e5) return value.toExponential(2).replace(/-/g, "−").replace("e+", "e");
  return fixed(value, value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(magnitude))));
}
/** 128×128×3×3; "?" for a dimension that is open, and only an exporter has called it something. */
export const shape = (dims: readonly (number | string)[]): string => (dims.length ? dims.map(dimension).join("×") : "scalar");
/** How a block of a weight looks: a kernel 3×3, two of them 2×3×3, a part of one or a run along the inputs 1×4. */
export function block(kernel: readonly number[], size: number): string {
  const whole = kernel.reduce((a, b) => a * b, 1), name = kernel.join("×");
  return whole === 1 || size % whole ? `1×${size}` : size === whole ? name : `${size / whole}×${name}`;
}
/** A shape without its batch axis, as a caption on an edge: 128×8×8 */
export const caption = (dims: readonly (number | string)[]): string => (dims.length > 1 ? dims.slice(1) : dims).map(dimension).join("×");
const dimension = (size: number | string): number | string => (typeof size === "string" && COUNTED_NAME.test(size) ? "?" : size);
/** unk__12, p2o.DynamicDimension.0, input_dynamic_axes_1, Addoutput_dim_2 */
const COUNTED_NAME = /^(unk__\d+|.*dynamic\w*[._]\d+|.*_dim_\d+)$/i;

/** A value like the given one with one or two significant digits, for the end of a scale. */
export function roundUp(value: number): number {
  if (!(value > 0)) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  const steps = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];
  return (steps.find((step) => step * unit >= value * 0.999) ?? 10) * unit;
}
