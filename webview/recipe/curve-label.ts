/** What a name must not lie on, in pixels of the chart. */
export interface Box { left: number; right: number; top: number; bottom: number }

/** A place for a name: the ends of its text, and how high its middle is. */
export interface LabelPlace { left: number; right: number; y: number }

/** Pixels from the mark to its name at least, each way, half of a name's height, what a place above costs more than one below, and how fine places are looked for. */
const LEAD = 14, HALF = 8, ABOVE = 12, STEP = 4;

/**
 * The nearest free place for the name of a mark: beside the line that leads there, or right below or above the mark.
 * @param mark the middle of the mark @param width of the name @param room inside which it must stay @param taken what it must not lie on @param marks what the line must not lead through either
 * @returns undefined where nothing is free
 */
export function labelPlace(mark: { x: number; y: number }, width: number, room: Box, taken: readonly Box[], marks: readonly Box[] = []): LabelPlace | undefined {
  let best: LabelPlace | undefined, least = Infinity;
  for (let y = room.top + HALF; y <= room.bottom - HALF; y += STEP) {
    const beside = taken.filter(({ top, bottom }) => top < y + HALF && bottom > y - HALF), steep = Math.abs(y - mark.y), cost = steep + (y < mark.y ? ABOVE : 0);
    if (steep < LEAD) continue;
    for (let left = room.left; left <= room.right - width; left += STEP) {
      const right = left + width, gap = Math.max(0, left - mark.x, mark.x - right);
      if (cost + gap >= least || (gap > 0 ? gap < LEAD : steep < LEAD + HALF) || beside.some((box) => box.left < right && box.right > left) || leadsThrough({ left, right, y }, mark, marks)) continue;
      [best, least] = [{ left, right, y }, cost + gap];
    }
  }
  return best;
}

/** Whether the line from a mark to its name crosses another mark. */
function leadsThrough({ left, right, y }: LabelPlace, mark: { x: number; y: number }, marks: readonly Box[]): boolean {
  const [top, bottom] = [mark.y, y].sort((a, b) => a - b), [from, to] = left > mark.x ? [mark.x, left] : right < mark.x ? [right, mark.x] : [mark.x, mark.x];
  return marks.some((box) => box.left < mark.x && box.right > mark.x && box.top < bottom && box.bottom > top || box.top < y && box.bottom > y && box.left < to && box.right > from);
}

/** The line from a mark to its name, `half` of a mark away from its middle. */
export function leadTo({ left, right, y }: LabelPlace, mark: { x: number; y: number }, half: number): string {
  const down = Math.sign(y - mark.y), begin = `M${mark.x} ${mark.y + half * down}`;
  if (left <= mark.x && right >= mark.x) return `${begin}V${y - HALF * down}`;
  return `${begin}V${y}H${left > mark.x ? left - 4 : right + 4}`;
}

/** Boxes around an area between two edges, from each of its places to the next. */
export const boxesOf = (places: readonly { x: number; top: number; bottom: number }[], margin = 3): Box[] => places.slice(1).map((to, i) => {
  const from = places[i];
  return { left: from.x, right: to.x, top: Math.min(from.top, to.top) - margin, bottom: Math.max(from.bottom, to.bottom) + margin };
});
