import type { GraphFacts } from "../../src/protocol/api";

/**
 * A network as one line of layers beside a table's rows. Only layers and the places where several ways meet are left of the graph; what
 * the way through most layers leaves out stands aside, and whatever passes rows does so on a lane of its own.
 */

export interface Point {
  /** A layer's row; -1 where ways meet. */
  row: number;
  /** In rows: the middle of a layer's row, the border between two where ways meet. */
  y: number;
  aside: boolean;
}
/** `lane` 0 runs down the main line, 1 through what stands aside, the others beside it. */
export interface Way { from: Point; to: Point; lane: number }
export interface Lanes { points: Point[]; ways: Way[]; lanes: number }

/** @param rowOf the row of each layer */
export function lanesOf({ nodes, edges }: GraphFacts, rowOf: ReadonlyMap<string, number>): Lanes {
  const incoming = new Map<number, number[]>(), pointOf = new Map<number, Point>(), sources = new Map<number, ReadonlySet<Point>>(), points: Point[] = [], before = new Map<Point, ReadonlySet<Point>>(), drawn = new Set<string>();
  for (const { from, to } of edges) {
    const known = incoming.get(to);
    if (known) known.push(from);
    else incoming.set(to, [from]);
  }
  for (const { id, layer, op } of nodes) {
    const reached = new Set((incoming.get(id) ?? []).flatMap((from) => { const point = pointOf.get(from); return point ? [point] : [...sources.get(from) ?? []]; }));
    const row = layer === undefined || drawn.has(layer) ? undefined : rowOf.get(layer);
    if (row === undefined && (reached.size < 2 || op === "output")) { sources.set(id, reached); continue; }
    const point: Point = row === undefined ? { row: -1, y: Math.ceil(Math.max(...[...reached].map(({ y }) => y))), aside: true } : { row, y: row + 0.5, aside: true };
    if (layer !== undefined) drawn.add(layer);
    points.push(point);
    pointOf.set(id, point);
    before.set(point, reached);
  }
  const line = longest(points, before);
  for (const point of line) point.aside = false;
  const next = new Map(line.map((point, i) => [point, line[i + 1]])), ways = points.flatMap((to) => [...before.get(to) ?? []].map((from): Way => ({ from, to, lane: next.get(from) === to ? 0 : 1 })));
  return { points, ways, lanes: assign(points, ways) };
}

/** The way through a network that passes the most layers, from its first point to its last. */
function longest(points: readonly Point[], before: ReadonlyMap<Point, ReadonlySet<Point>>): Point[] {
  const layers = new Map<Point, number>(), from = new Map<Point, Point>();
  let end: Point | undefined;
  for (const point of points) {
    let most = 0;
    for (const one of before.get(point) ?? []) if ((layers.get(one) ?? 0) > most) { most = layers.get(one)!; from.set(point, one); }
    layers.set(point, most + (point.row < 0 ? 0 : 1));
    if (!end || layers.get(point)! >= layers.get(end)!) end = point;
  }
  const line: Point[] = [];
  for (let at = end; at; at = from.get(at)) line.unshift(at);
  return line;
}

/** Gives ways that pass rows lanes where nothing else runs at the same height. */
function assign(points: readonly Point[], ways: readonly Way[]): number {
  const taken = new Map<number, [top: number, bottom: number][]>(), passing = ways.filter(({ lane }) => lane > 0).sort((a, b) => a.to.y - a.from.y - (b.to.y - b.from.y));
  for (const { aside, y } of points) if (aside) taken.set(1, [...taken.get(1) ?? [], [y - 0.4, y + 0.4]]);
  let most = 1;
  for (const way of passing) {
    const [top, bottom] = [way.from.y, way.to.y], own = way.from.aside || way.to.aside;
    const free = (lane: number): boolean => (taken.get(lane) ?? []).every(([from, to]) => to <= top + 0.45 || from >= bottom - 0.45);
    if (!own) while (!free(way.lane)) way.lane++;
    taken.set(way.lane, [...taken.get(way.lane) ?? [], [top, bottom]]);
    most = Math.max(most, way.lane);
  }
  return most;
}
