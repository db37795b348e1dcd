import type { TuningReport } from "../src/protocol/report";
import { tuningWords } from "../src/protocol/tuning-words";
import * as format from "./format";
import { t } from "./l10n";

/** What a training has come to, in a page's words. */
export const tunedText = (tuning: TuningReport): string => tuningWords(tuning, { t, whole: format.whole, percent: (share) => format.tenths(100 * share), loss: format.loss, points: format.points });
