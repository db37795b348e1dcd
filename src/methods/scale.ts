import { floatToHalf, halfToFloat } from "../numeric/half";
import type { PackedWeight } from "./method";

/** Root mean square of each row, 1 for a row of zeros. */
export function rowScales(rows: Float32Array, n: number): Float32Array {
  const scales = new Float32Array(rows.length / n);
  for (let m = 0; m < scales.length; m++) {
    let sum = 0;
    for (let j = m * n; j < (m + 1) * n; j++) sum += rows[j] * rows[j];
    scales[m] = safeScale(Math.sqrt(sum / n));
  }
  return scales;
}

/** Least positive float16. */
const LEAST_HALF = 2 ** -24;
/** Share of the scales' energy that rounding them to float16 may take: far less than any code does. */
const ROUNDING = 1e-6;

/** Scales as the file will hold them: float16 where that is near enough (channels that hardly count may lie below its normal range), float32 otherwise, or left to what follows the layer. */
export function storeScale(scale: Float32Array, isFree: boolean): Pick<PackedWeight, "scale" | "scaleStorage"> {
  if (isFree) return { scale, scaleStorage: "elsewhere" };
  const half = scale.map((s) => halfToFloat(floatToHalf(Math.sign(s) * Math.max(Math.abs(s), LEAST_HALF))));
  let energy = 0, lost = 0;
  scale.forEach((s, m) => {
    energy += s * s;
    lost += (s - half[m]) ** 2;
  });
  return lost <= ROUNDING * energy ? { scale: half, scaleStorage: "half" } : { scale, scaleStorage: "float" };
}

/** One scale for all channels as the file will hold it, in exact float32, or left to what follows the layer. */
export const storeOne = (scale: Float32Array, isFree: boolean): Pick<PackedWeight, "scale" | "scaleStorage"> => ({ scale, scaleStorage: isFree ? "elsewhere" : "one" });

/** The same weight with another scale, kept where it was: one for all channels stays one. */
export const withScale = (packed: PackedWeight, scale: Float32Array): PackedWeight =>
  ({ ...packed, ...(packed.scaleStorage === "one" ? storeOne(scale, false) : storeScale(scale, packed.scaleStorage === "elsewhere")) });

/** A factor that may be divided by: 1 in place of zero, denormal, infinite and undefined ones. */
export const safeScale = (value: number): number => (Math.abs(value) >= 1.2e-38 && Number.isFinite(value) ? value : 1);

/** Bytes that a stored scale takes in the file, its multiplication included. */
export const scaleBytes = (outputs: number, isFree: boolean, node: number): number => (isFree ? 0 : outputs * 2 + node + 6);
