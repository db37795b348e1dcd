import { distance } from "fastest-levenshtein";

/** The name that somebody who typed another one will have meant: at most two letters are wrong, missing or too many, in short names one; two that are exchanged are two wrong ones. */
export function nearest(typed: string, names: readonly string[]): string | undefined {
  const most = typed.length < 4 ? 1 : 2;
  const [best] = names.map((name) => ({ name, edits: distance(typed, name) })).filter(({ edits }) => edits <= most).sort((a, b) => a.edits - b.edits);
  return best?.name;
}
