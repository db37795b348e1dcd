/** What somebody draws around points of a plane, as page and worker both understand it. */

/** A closed polygon by its corners x, y, x, y, …; what lies inside is added, or taken away from what outlines before it added. */
export interface Outline { points: readonly number[]; takes?: boolean }

/** Corners of one outline, and outlines of one choice, that are asked about at the most. */
export const MOST_CORNERS = 2048, MOST_OUTLINES = 64;

interface Shape { points: readonly number[]; takes: boolean; left: number; right: number; low: number; high: number }

/** Tells which points outlines choose: the last one around a point decides. A place that an outline goes around twice is inside (nonzero winding). */
export function chosenBy(outlines: readonly Outline[]): (x: number, y: number) => boolean {
  const shapes = outlines.map(shapeOf).reverse();
  return (x, y) => {
    const last = shapes.find((shape) => isInside(shape, x, y));
    return last !== undefined && !last.takes;
  };
}

function shapeOf({ points, takes = false }: Outline): Shape {
  const shape = { points, takes, left: Infinity, right: -Infinity, low: Infinity, high: -Infinity };
  for (let i = 0; i + 1 < points.length; i += 2) {
    shape.left = Math.min(shape.left, points[i]);
    shape.right = Math.max(shape.right, points[i]);
    shape.low = Math.min(shape.low, points[i + 1]);
    shape.high = Math.max(shape.high, points[i + 1]);
  }
  return shape;
}

/** Counts the edges that pass right of the point, upwards less downwards; an edge has its lower end and not its upper one. */
function isInside({ points, left, right, low, high }: Shape, x: number, y: number): boolean {
  if (!(x >= left && x <= right && y >= low && y <= high)) return false;
  let turns = 0;
  for (let i = 0, last = points.length - 2; i < points.length; last = i, i += 2) {
    const y0 = points[last + 1], y1 = points[i + 1];
    if ((y0 <= y) === (y1 <= y)) continue;
    if (points[last] + (y - y0) / (y1 - y0) * (points[i] - points[last]) > x) turns += y1 > y0 ? 1 : -1;
  }
  return turns !== 0;
}
