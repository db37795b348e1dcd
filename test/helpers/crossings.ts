/** Crossings of drawn edges, for layouts with axis-parallel lines and for those with lines from rank to rank. */

/** How often drawn edges cross that consist of vertical and horizontal lines. Corners: x0, y0, x1, y1, … What only touches, or lies on each other, does not cross. */
export function orthogonalCrossings(edges: readonly ArrayLike<number>[]): number {
  interface Across { y: number; from: number; to: number }
  const across: Across[] = [], ends: { y: number; x: number; add: 1 | -1 }[] = [];
  for (const points of edges) for (let i = 2; i < points.length; i += 2) {
    const [x0, y0, x1, y1] = [points[i - 2], points[i - 1], points[i], points[i + 1]];
    if (y0 === y1) { if (x0 !== x1) across.push({ y: y0, from: Math.min(x0, x1), to: Math.max(x0, x1) }); } else ends.push({ y: Math.min(y0, y1), x: x0, add: 1 }, { y: Math.max(y0, y1), x: x0, add: -1 });
  }
  const xs = [...new Set(ends.map(({ x }) => x))].sort((a, b) => a - b), place = new Map(xs.map((x, i) => [x, i])), tree = new Int32Array(xs.length + 1);
  const add = (at: number, by: number): void => { for (let i = at + 1; i <= xs.length; i += i & -i) tree[i] += by; };
  /** Lines with x < limit that are there now. */
  const below = (limit: number, inclusive: boolean): number => {
    let low = 0, high = xs.length;
    while (low < high) { const middle = (low + high) >> 1; if (inclusive ? xs[middle] <= limit : xs[middle] < limit) low = middle + 1; else high = middle; }
    let sum = 0;
    for (let i = low; i > 0; i -= i & -i) sum += tree[i];
    return sum;
  };
  // at one height, what ends there goes first, then lines across look, then what begins is added
  const events = [...ends.map((end) => ({ y: end.y, order: end.add < 0 ? 0 : 2, end, line: undefined })), ...across.map((line) => ({ y: line.y, order: 1, end: undefined, line }))].sort((a, b) => a.y - b.y || a.order - b.order);
  let total = 0;
  for (const { end, line } of events) {
    if (end) add(place.get(end.x)!, end.add);
    else if (line) total += below(line.to, false) - below(line.from, true);
  }
  return total;
}

/** How often straight lines from rank to rank cross. Each edge has a point on every rank that it passes: x0, y0, x1, y1, … with the same y on the same rank. */
export function rankedCrossings(edges: readonly ArrayLike<number>[]): number {
  const gaps = new Map<string, [number, number][]>();
  for (const points of edges) for (let i = 2; i < points.length; i += 2) {
    const key = `${points[i - 1]}>${points[i + 1]}`, known = gaps.get(key);
    if (known) known.push([points[i - 2], points[i]]);
    else gaps.set(key, [[points[i - 2], points[i]]]);
  }
  let total = 0;
  for (const lines of gaps.values()) {
    lines.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const ends = [...new Set(lines.map(([, end]) => end))].sort((a, b) => a - b), place = new Map(ends.map((x, i) => [x, i])), tree = new Int32Array(ends.length + 1);
    for (let i = 0; i < lines.length;) {
      let next = i;
      while (next < lines.length && lines[next][0] === lines[i][0]) next++;
      for (let k = i; k < next; k++) {
        let sum = 0;
        for (let at = place.get(lines[k][1])! + 1; at > 0; at -= at & -at) sum += tree[at];
        total += i - sum;
      }
      for (let k = i; k < next; k++) for (let at = place.get(lines[k][1])! + 1; at <= ends.length; at += at & -at) tree[at]++;
      i = next;
    }
  }
  return total;
}
