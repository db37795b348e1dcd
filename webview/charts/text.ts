/** What knows how wide text is. */
export interface Measuring { measureText(text: string): { width: number } }

/** A name without its middle where there is no room for all of it: names of one exporter differ at their ends. */
export function clippedName(context: Measuring, name: string, room: number): string {
  return shortenedName(name, (text) => context.measureText(text).width <= room);
}

/** As much of both ends as fits, the end first. */
export function shortenedName(name: string, fits: (text: string) => boolean): string {
  if (fits(name)) return name;
  for (let keep = name.length - 1; keep > 2; keep--) {
    const end = Math.ceil(keep * 0.55), text = `${name.slice(0, keep - end)}…${name.slice(name.length - end)}`;
    if (fits(text)) return text;
  }
  return `…${name.slice(-1)}`;
}

/** A text that ends in "…" where there is no room for all of it. */
export function clipped(context: Measuring, text: string, room: number): string {
  if (context.measureText(text).width <= room) return text;
  let keep = text.length;
  while (keep > 1 && context.measureText(`${text.slice(0, keep)}…`).width > room) keep--;
  return `${text.slice(0, keep)}…`;
}
