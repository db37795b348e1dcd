import type { AccuracySubject } from "../../src/protocol/accuracy";
import { t } from "../l10n";

/** Whose figures on all images of a folder are, and where honest ones come from. */
export const allImagesText = ({ data = "" }: Pick<AccuracySubject, "data">): string =>
  t("All images of {0} count, also any that a compression was fitted on; the figure at the end of a compression comes from the fifth that fitting does not see.", data);
