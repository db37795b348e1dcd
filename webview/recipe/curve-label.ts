/** What a name must not lie on, in pixels of the chart. */
export interface Box { left: number; right: number; top: number; bottom: number }

/** A place for a name: where its text begins or ends, and how high its middle is. */
export interface LabelPlace { x: number; y: number; anchor: "start" | "end" }

/** Pixels from the mark to its name at least, each way, half of a name's height, and how fine places are looked for. */
const LEAD = 14, HALF = 8, STEP = 8;

/**
 * The nearest free place for the name of a mark, beside the line that leads there: below it, where the curve leaves room, or above.
 * @param mark the middle of the mark @param width of the name @param room inside which it must stay @param taken what it must not lie on
 * @returns undefined where nothing is free
 */
export function labelPlace(mark: { x: number; y: number }, width: number, room: Box, taken: readonly Box[]): LabelPlace | undefined {
  let best: LabelPlace | undefined, least = Infinity;
  for (let y = room.top + HALF; y <= room.bottom - HALF; y += STEP / 2) {
    const beside = taken.filter(({ top, bottom }) => top < y + HALF && bottom > y - HALF), steep = Math.abs(y - mark.y);
    if (steep >= least || steep < LEAD) continue;
    for (const anchor of ["start", "end"] as const) for (let away = LEAD; steep + away < least; away += STEP) {
      const x = anchor === "start" ? mark.x + away : mark.x - away, left = anchor === "start" ? x : x - width, right = left + width;
      if (left < room.left || right > room.right) break;
      if (beside.some((box) => box.left < right && box.right > left)) continue;
      [best, least] = [{ x, y, anchor }, steep + away];
      break;
    }
  }
  return best;
}

/** Boxes around an area between two edges, from each of its places to the next. */
export const boxesOf = (places: readonly { x: number; top: number; bottom: number }[], margin = 3): Box[] => places.slice(1).map((to, i) => {
  const from = places[i];
  return { left: from.x, right: to.x, top: Math.min(from.top, to.top) - margin, bottom: Math.max(from.bottom, to.bottom) + margin };
});
