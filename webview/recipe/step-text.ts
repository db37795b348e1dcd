import * as format from "../format";
import type { Plans } from "./plans";

/** What a step of a layer saves or costs: "−3.5 KB" and, in points of agreement or dB, "−0.20". */
export const stepTexts = ({ facts: { prediction: { of } } }: Plans, { bytes, quality }: { bytes: number; quality: number }): [size: string, quality: string] =>
  [bytes > 0 ? `+${format.bytes(bytes)}` : format.bytes(bytes), points(of === "agreement" ? 100 * quality : quality)];

/** +0.17, −0.35, ±0.00 */
const points = (value: number): string => (Math.abs(value) < 0.005 ? `±${format.hundredths(0)}` : value > 0 ? `+${format.hundredths(value)}` : format.hundredths(value));
