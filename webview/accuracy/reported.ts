import type { Reported } from "../../src/protocol/accuracy";
import * as format from "../format";
import { t } from "../l10n";

/** A figure, its name and more about it. */
export type ReportedFigure = [value: string, name: string, hover: string];

/** What a compression measured, the most telling first. */
export function reportedFigures({ samples, agreement, interval, kl, reference, compressed, relativeError, sqnrDb }: Reported): ReportedFigure[] {
  const images = t("{0} held-out images", format.whole(samples)), hover = t("Measured by the compression, on images that its fit did not see");
  const share = (value: number, [low, high] = [value, value]): string => [format.estimate(value), ...(high > low ? [format.range(value, low, high)] : [])].join(" ");
  const accuracy = (name: string, before: number | undefined, after: number | undefined): ReportedFigure[] => (before === undefined || after === undefined ? [] : [[format.shares(before, after), name, hover]]);
  return [
    ...(agreement === undefined ? [] : [[share(agreement, interval), t("agreement, {0}", images), hover] satisfies ReportedFigure]),
    ...accuracy(t("top-1"), reference.top1, compressed.top1), ...accuracy(t("top-5"), reference.top5, compressed.top5),
    ...(kl === undefined ? [] : [[format.nats(kl), t("KL divergence, nats"), hover] satisfies ReportedFigure]),
    ...(relativeError === undefined ? [] : [[format.relative(relativeError), t("relative error, {0}", images), hover] satisfies ReportedFigure]),
    ...(sqnrDb === undefined ? [] : [[format.decibels(sqnrDb), t("signal to noise"), hover] satisfies ReportedFigure]),
  ];
}
