import * as format from "../format";
import { t } from "../l10n";
import type { Plans } from "./plans";

/** What a step of a layer saves or costs: "−3.5 KB" and, in points of agreement or dB, "−0.20". */
export const stepTexts = ({ facts: { prediction: { of } } }: Plans, { bytes, quality }: { bytes: number; quality: number }): [size: string, quality: string] =>
  [bytes > 0 ? `+${format.bytes(bytes)}` : format.bytes(bytes), points(of === "agreement" ? 100 * quality : quality)];

/** +0.17, −0.35, ±0.00 */
const points = (value: number): string => (Math.abs(value) < 0.005 ? `±${format.hundredths(0)}` : value > 0 ? `+${format.hundredths(value)}` : format.hundredths(value));

/** Why a layer's size is not its codes' alone. */
export const sharedText = (): string => t("What unpacks codes of one width, some 450 bytes, stands in the file once and is divided among the layers that have it; 8 bits need none of it.");
/** Why it changes although the layer does not, and what steps leave out of it. */
export const sizeHover = (): string => `${t("What the layer takes in the file, with its part of what layers share, so that it also follows what other layers become.")} ${sharedText()}`;
/** Why a layer of 7 bits may have 23 for each weight. */
export const bitsHover = (): string => `${t("What the layer takes in the file for each of its weights, with its part of what layers share: in a small layer that may be more than its codes.")} ${sharedText()}`;
export const stepHover = (): string => t("What the layer’s own bytes change by, without its part of what layers share.");
