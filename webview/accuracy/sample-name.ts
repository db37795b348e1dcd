import { t } from "../l10n";

/** What a sample is called: by its file, or by its place in an array, which the engine gives in English. */
export function sampleName(name: string): string {
  const [, place] = /^image (\d+)$/.exec(name) ?? [];
  return place === undefined ? name : t("image {0}", place);
}
