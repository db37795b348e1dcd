/** How wide boxes beside a table are: as their words want it, and less where there is less room. */

/** Of the line's boxes, and of those beside it, which there need not be any of. */
export interface BoxWidths { line: number; aside: number }

/** Between the table and the line, between that and what stands aside, at the outer edge, and from one lane to the next at most. */
export const INNER = 12, GAP = 8, OUTER = 12, LANE = 7;

const LEAST: BoxWidths = { line: 84, aside: 32 }, MOST: BoxWidths = { line: 184, aside: 96 };

/** What boxes want for words of these widths, within limits. */
export const wanted = ({ line, aside }: BoxWidths): BoxWidths => ({ line: Math.max(LEAST.line, Math.min(MOST.line, line)), aside: aside && Math.max(LEAST.aside, Math.min(MOST.aside, aside)) });

/** What lanes need beyond the half of what stands aside that they run behind. */
const lanesBeyond = (lanes: number, aside: number): number => Math.max(0, Math.min(64, (lanes - 1) * LANE) - aside / 2);

/** How wide all of it is with boxes of these widths. */
export const widthWith = ({ line, aside }: BoxWidths, lanes: number): number => INNER + line + GAP + aside + OUTER + lanesBeyond(lanes, aside);

/** Boxes in so much room: those aside, which tell a name alone, give way first. */
export function boxesIn(width: number, want: BoxWidths, lanes: number): BoxWidths {
  const short = Math.max(0, widthWith(want, lanes) - width), aside = want.aside && Math.max(LEAST.aside, want.aside - short);
  return { line: Math.max(LEAST.line, want.line - Math.max(0, short - (want.aside - aside))), aside };
}
