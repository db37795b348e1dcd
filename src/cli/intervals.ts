import type { Estimate, Interval } from "../protocol/estimates";
import type { EvaluateReport } from "../protocol/report";
import { percent } from "./terminal";

/** Figures with what samples leave open of them, in words. */

/** "+0.25", "−1.10": a difference of shares in points. */
export const points = (share: number): string => `${share < 0 ? "−" : "+"}${Math.abs(100 * share).toFixed(2)}`;

/** "20.1", "−0.3": a figure that may be negative. */
export const signed = (value: number): string => value.toFixed(1).replace("-", "−");

/** "95 %: 0.010 to 0.014" */
const between = ([low, high]: Interval, text: (value: number) => string): string => `95 %: ${text(low)} to ${text(high)}`;

/** " (95 %: 90.10 % to 92.30 %)"; nothing where there is none. */
export const within = (interval: Interval | undefined, text: (value: number) => string = percent): string => (interval ? ` (${between(interval, text)})` : "");

/** "−0.90 points (95 %: −1.40 to −0.40)" */
export const changeText = ({ value, low, high }: Estimate): string => `${points(value)} points${within([low, high], points)}`;

/** "KL 0.01234 nats (95 %: 0.01100 to 0.01368)" without its name */
export const natsText = (value: number, interval: Interval | undefined): string => `${value.toFixed(5)} nats${within(interval, (one) => Math.max(0, one).toFixed(5))}`;

/** "relative error 1.20e-2 (95 %: 1.10e-2 to 1.30e-2)" without its name */
export const errorText = (value: number, interval: Interval | undefined): string => `${value.toExponential(2)}${within(interval, (one) => one.toExponential(2))}`;

/** What an evaluation found, line by line. */
export function evaluationLines({ top1, top5, agreement, kl, sqnrDb, relativeError, intervals, reference, changes, samples, seconds, samplesPerSecond, device, notes = [] }: EvaluateReport): string[] {
  const lines: string[] = [], add = (name: string, text: string): void => { lines.push(`${name.padEnd(10)} ${text}`); };
  const accuracy = (name: string, share: number | undefined, interval: Interval | undefined, other: number | undefined, change: Estimate | undefined): void => {
    if (share !== undefined) add(name, `${percent(share)}${within(interval)}${other === undefined ? "" : `, the reference ${percent(other)}${change ? `: ${changeText(change)}` : ""}`}`);
  };
  accuracy("top-1", top1, intervals?.top1, reference?.top1, changes?.top1);
  accuracy("top-5", top5, intervals?.top5, reference?.top5, changes?.top5);
  if (agreement !== undefined) add("agreement", `${percent(agreement)}${within(intervals?.agreement)}`);
  if (kl !== undefined) add("KL", natsText(kl, intervals?.kl));
  if (relativeError !== undefined && relativeError > 0) add("error", `${errorText(relativeError, intervals?.relativeError)} of the outputs' size${sqnrDb === undefined ? "" : `; SQNR ${signed(sqnrDb)} dB${within(intervals?.sqnrDb, signed)}`}`);
  else if (relativeError === 0) add("error", "none: outputs are the reference's");
  lines.push(`${samples.toLocaleString("en")} images in ${seconds.toFixed(1)} s, ${samplesPerSecond.toLocaleString("en", { maximumSignificantDigits: 3 })} a second on ${device}.`);
  return [...lines, ...notes.map((note) => `Note: ${note}`)];
}
